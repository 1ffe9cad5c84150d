"""What an exported file says of itself: inputs, output, sizes, and the bundle that it was made of."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import torch

from groundwork import fingerprint
from groundwork.bundle import Bundle, BundleConfig
from groundwork.config.data import read_by_model
from groundwork.config.export import ExportConfig, ExportFormat, Validity
from groundwork.config.inference import InferenceConfig
from groundwork.models.interface import Model
from groundwork.specs import BandSpec, RasterSpec
from groundwork.strict import Config

#: Of what this version writes and reads.
FORMAT_VERSION = 1
#: A number, or the name of an axis whose length is open.
Length: TypeAlias = int | str
LOCATION = "location"


class ProgramSizes(Config):
    """Which images a program takes. None: any number."""

    batch: int | None = None
    height: int | None = None
    width: int | None = None
    #: Height and width must be at least this.
    least: int = 1
    #: The network grows images to a multiple of this by itself, evenly on all sides. None: it does otherwise.
    grown: int | None = None
    #: Why something is settled that was wanted open.
    why: str | None = None


class ProgramInput(Config):
    """One input of a program."""

    name: str
    holds: Literal["values", "validity", "dates", "location"]
    #: Of which source. None: of all.
    source: str | None = None
    dtype: Literal["float32", "bool"] = "float32"
    shape: tuple[Length, ...]
    #: Of values: the bands, in the order of the channels.
    bands: tuple[BandSpec, ...] = ()
    #: Of values: the raw value that means "no data". None: there is none.
    nodata: float | Literal["nan"] | None = None
    meaning: str


class ProgramOutput(Config):
    """The output of a program."""

    name: Literal["probabilities", "numbers"]
    shape: tuple[Length, ...]
    #: What each channel is: names of classes, or of numbers.
    channels: tuple[str, ...]
    meaning: str


class Description(Config):
    """All that is needed to use an exported file; it stands in the file, and beside it."""

    format_version: int = FORMAT_VERSION
    format: ExportFormat
    inputs: tuple[ProgramInput, ...]
    output: ProgramOutput
    sizes: ProgramSizes
    #: How the program is told which pixels hold data.
    validity: Validity
    #: Sides of the tiles that it was compared on, and the pixels that neighbours share.
    tile_size: int
    overlap: int
    torch_version: str
    #: Fingerprint of the weights.
    weights: str
    #: What ``bundle.json`` holds: bands, units, classes with values and colours, provenance.
    bundle: BundleConfig

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return self.model_dump(mode="json")


def describe(
    bundle: Bundle, model: Model, sizes: ProgramSizes, config: ExportConfig, inference: InferenceConfig
) -> Description:
    """Describe a program of a bundle.

    Args:
        bundle: What is exported.
        model: That of the bundle.
        sizes: Which images the program takes.
        config: How it is exported.
        inference: How large tiles are.
    """
    return Description(
        format=config.format,
        inputs=program_inputs(bundle, model, config.validity, sizes),
        output=_output(bundle, sizes),
        sizes=sizes,
        validity=config.validity,
        tile_size=inference.tile_size,
        overlap=inference.overlap,
        torch_version=torch.__version__.partition("+")[0],
        weights=fingerprint.of_weights(bundle.weights),
        bundle=bundle.config,
    )


def program_inputs(bundle: Bundle, model: Model, validity: Validity, sizes: ProgramSizes) -> tuple[ProgramInput, ...]:
    """Return the inputs of a program in their order: by source values, mask and dates, and at last the place."""
    batch: Length = sizes.batch or "batch"
    size: tuple[Length, Length] = (sizes.height or "height", sizes.width or "width")
    inputs: list[ProgramInput] = []
    for source, spec in sorted(read_by_model(bundle.config.inputs).items()):
        steps = (spec.steps,) if spec.steps > 1 else ()
        inputs.append(_values(source, spec, (batch, spec.num_channels, *steps, *size)))
        if validity == "masks":
            own = steps if spec.has_validity_per_step else ()
            inputs.append(_mask(source, (batch, *own, *size)))
        if "time" in model.coordinates:
            inputs.append(_dates(source, (batch, spec.steps, 2)))
    if LOCATION in model.coordinates:
        meaning = "Latitude and longitude of the centre of each image, in degrees (WGS 84)."
        inputs.append(ProgramInput(name=LOCATION, holds="location", shape=(batch, 2), meaning=meaning))
    return tuple(inputs)


def _values(source: str, spec: RasterSpec, shape: tuple[Length, ...]) -> ProgramInput:
    order = ", ".join(band.name for band in spec.used)
    meaning = f"Raw values as the rasters hold them ({spec.dtype}), as float32; channels: {order}."
    nodata = spec.nodata
    return ProgramInput(
        name=source, holds="values", source=source, shape=shape, bands=spec.used, nodata=nodata, meaning=meaning
    )


def _mask(source: str, shape: tuple[Length, ...]) -> ProgramInput:
    meaning = "True where the image holds data; values elsewhere do not matter."
    return ProgramInput(
        name=f"{source}_valid", holds="validity", source=source, dtype="bool", shape=shape, meaning=meaning
    )


def _dates(source: str, shape: tuple[Length, ...]) -> ProgramInput:
    meaning = "Year, and day of the year from 0, of each step."
    return ProgramInput(name=f"{source}_dates", holds="dates", source=source, shape=shape, meaning=meaning)


def output_name(bundle: Bundle) -> Literal["probabilities", "numbers"]:
    """Return what the output of a program is called."""
    return "probabilities" if bundle.config.target.classes else "numbers"


def _output(bundle: Bundle, sizes: ProgramSizes) -> ProgramOutput:
    target = bundle.config.target
    names = (*target.names, *(f"deviation_{name}" for name in target.names if target.deviation))
    size: tuple[Length, ...] = (sizes.height or "height", sizes.width or "width") if target.per == "pixel" else ()
    meaning = (
        f"The probability of each class, of each {target.per}; they add up to 1."
        if target.classes
        else f"Numbers in their units, of each {target.per}."
    )
    if target.multi_label:
        meaning = "The probability of each class, of each image; each is a question of its own."
    shape = (sizes.batch or "batch", len(names), *size)
    return ProgramOutput(name=output_name(bundle), shape=shape, channels=names, meaning=meaning)
