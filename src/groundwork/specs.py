"""The vocabulary of the library: what a raster holds, what is predicted, what travels between components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import groupby, pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError


class SpecError(ValueError):
    """Two facts about rasters or features contradict each other."""


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known word, or an empty string."""
    near = get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    original = [name for name in known if near and name.lower() == near[0]]
    return f" Did you mean '{original[0]}'?" if original else ""


class Config(BaseModel):
    """Base of everything that comes from YAML: immutable, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, data: object) -> object:
        known = list(cls.model_fields)
        if not isinstance(data, dict) or cls.model_config.get("extra") == "allow":
            return data
        unknown = [str(key) for key in data if key not in known]
        if unknown:
            hints = " ".join(f"Unknown key '{key}'.{did_you_mean(key, known)}" for key in unknown)
            raise PydanticCustomError("unknown_key", "{hints} Known keys: {known}", {"hints": hints, "known": known})
        return data


class BandSpec(Config):
    """One band of a raster. Physical value = raw value * ``scale`` + ``offset``."""

    name: str = Field(min_length=1)
    #: What the file calls this band, where that differs from ``name``.
    description: str | None = None
    #: Centre wavelength in nanometres.
    wavelength_nm: float | None = Field(default=None, gt=0)
    scale: float = 1.0
    offset: float = 0.0
    #: Unit of the physical value, such as "reflectance", "dB" or "m".
    unit: str | None = None


class RasterSpec(Config):
    """What one source's rasters hold. Checked against every file when it is opened."""

    #: All bands, in file order (of the first time step, where there are several).
    bands: tuple[BandSpec, ...] = Field(min_length=1)
    #: Names of the bands that are read, in the order the model sees them. None: all, in file order.
    use: tuple[str, ...] | None = None
    #: Names of the bands shown as red, green and blue in pictures. None: the first three that are read.
    rgb: tuple[str, str, str] | None = None
    dtype: Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
    #: The raw value that means "no data here". None: there is none. "nan": not-a-number.
    nodata: float | Literal["nan"] | None
    #: Whether -9999 or the type's lowest value may be measurements although ``nodata`` is None.
    fill_values: Literal["refuse", "allow"] = "refuse"
    #: How files of one raster with other pixel sizes are brought to the grid of the first. None: they are refused.
    resampling: Literal["nearest", "bilinear", "cubic", "average"] | None = None
    #: Number of dates stacked in one raster.
    steps: int = Field(default=1, ge=1)
    #: Ground sampling distance in metres. None: whatever the files have.
    pixel_size_m: float | None = Field(default=None, gt=0)
    #: Order of the stacked bands: all bands of step 1 first, or all steps of band 1 first.
    layout: Literal["steps_first", "bands_first"] | None = None
    #: Whether the files have a CRS and a geotransform.
    georeference: Literal["required", "absent"] = "required"
    #: Whether the band descriptions in the files are names that must agree with ``bands``.
    descriptions: Literal["check", "ignore"] = "check"
    #: Name of the file tag that holds the acquisition date (ISO 8601; comma-separated for several steps).
    date_tag: str | None = None

    @field_validator("bands", mode="before")
    @classmethod
    def _accept_bare_names(cls, bands: object) -> object:
        if isinstance(bands, list | tuple):
            return [{"name": band} if isinstance(band, str) else band for band in bands]
        return bands

    @model_validator(mode="after")
    def _check(self) -> RasterSpec:
        names = self.band_names
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"band names must be unique; repeated: {repeated}")
        for name in self.use or ():
            if name not in names:
                raise ValueError(f"'use' names band '{name}', which 'bands' lacks.{did_you_mean(name, names)}")
        if self.use is not None and (not self.use or len(set(self.use)) < len(self.use)):
            raise ValueError(f"'use' must name at least one band, each once; found {list(self.use)}")
        read = [band.name for band in self.used]
        for name in self.rgb or ():
            if name not in read:
                raise ValueError(
                    f"'rgb' names band '{name}', which is not read.{did_you_mean(name, read)} Read: {read}"
                )
        if self.steps > 1 and self.layout is None:
            raise ValueError("'layout' must say how several steps are stacked: steps_first or bands_first")
        return self

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of all bands, in file order."""
        return tuple(band.name for band in self.bands)

    @cached_property
    def used(self) -> tuple[BandSpec, ...]:
        """The bands that are read, in the order the model sees them."""
        by_name = {band.name: band for band in self.bands}
        return tuple(by_name[name] for name in self.use) if self.use else self.bands

    @property
    def shown(self) -> tuple[str, str, str]:
        """Names of the bands shown as red, green and blue."""
        names = [band.name for band in self.used]
        return self.rgb or (names[0], names[1 % len(names)], names[2 % len(names)])

    @property
    def num_channels(self) -> int:
        """Number of bands that are read per time step."""
        return len(self.used)

    def file_indexes(self, order: Sequence[str] | None = None) -> tuple[int, ...]:
        """Return 1-based band numbers to read: all used bands of step 1, then of step 2, and so on.

        Args:
            order: Names of the bands in the file, where they are known and differ from ``bands``.
        """
        names = list(order or self.band_names)
        positions = [names.index(band.name) for band in self.used]
        if self.layout == "bands_first":
            return tuple(1 + position * self.steps + step for step in range(self.steps) for position in positions)
        return tuple(1 + step * len(names) + position for step in range(self.steps) for position in positions)


class ClassSpec(Config):
    """One class of a label raster."""

    value: int
    name: str = Field(min_length=1)
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, each 0 to 255."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue


class OutputSpec(Config):
    """One number that is predicted."""

    name: str = Field(min_length=1)
    #: Unit of the number, such as "t/ha".
    unit: str | None = None


class TargetSpec(Config):
    """What is predicted: the classes of the labels, or numbers."""

    classes: tuple[ClassSpec, ...] = ()
    #: The numbers of a regression; instead of classes.
    outputs: tuple[OutputSpec, ...] = ()
    #: What has an answer of its own: each pixel, the image as a whole, or each object in it, found by a box.
    per: Literal["pixel", "image", "object"] = "pixel"
    #: Label value of pixels that nobody knows: left out of losses and scores.
    ignore_value: int | None = None
    #: Set where label files declare as nodata a value that is one of the classes.
    nodata_is_class: bool = False

    @model_validator(mode="after")
    def _check(self) -> TargetSpec:
        if self.classes and self.outputs:
            raise ValueError("give 'classes' or 'outputs', not both: a target is either named or measured")
        if not self.outputs and len(self.classes) < 2:
            raise ValueError(f"'classes' must name at least 2, found {len(self.classes)} (or give 'outputs')")
        for field, entries in (("value", self.classes), ("name", self.classes), ("name", self.outputs)):
            found = [getattr(entry, field) for entry in entries]
            if len(set(found)) < len(found):
                raise ValueError(f"every class or output needs its own {field}; found {found}")
        if self.ignore_value in self.values:
            raise ValueError(f"ignore_value {self.ignore_value} is also a class value")
        return self

    @property
    def values(self) -> tuple[int, ...]:
        """Label values, in class order."""
        return tuple(entry.value for entry in self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes or outputs, in order."""
        return tuple(entry.name for entry in self.classes or self.outputs)

    @property
    def num_outputs(self) -> int:
        """Number of scores a model gives per pixel or image."""
        return len(self.names)


@dataclass(frozen=True, slots=True)
class FeatureLevel:
    """One feature map of shape (batch, channels, height / stride, width / stride)."""

    channels: int
    #: Input pixels per feature cell: 1 is full resolution, 16 a ViT patch of 16.
    stride: int
    #: Time steps whose maps lie behind one another in the channels: ``channels / steps`` of step 1 first.
    steps: int = 1
    #: The source the map was made from, where several sources have maps of their own.
    source: str | None = None

    def __str__(self) -> str:
        """Return for example ``64ch/8px``, or ``optical:64ch*3t/8px`` for three steps of one of several sources."""
        source = f"{self.source}:" if self.source else ""
        channels = f"{self.channels // self.steps}ch*{self.steps}t" if self.steps > 1 else f"{self.channels}ch"
        return f"{source}{channels}/{self.stride}px"


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """Feature maps passed between components, from the finest to the coarsest."""

    levels: tuple[FeatureLevel, ...]
    #: Channels of a global vector (batch, channels) beside the maps, where the encoder gives one.
    vector: int | None = None

    @property
    def is_pyramid(self) -> bool:
        """Whether the stride doubles from each level to the next."""
        strides = [level.stride for level in self.levels]
        return all(coarse == 2 * fine for fine, coarse in pairwise(strides))

    def __str__(self) -> str:
        """Return for example ``[64ch/4px, 128ch/8px]``, or ``[192ch/16px] + vector of 192``."""
        runs = [(str(level), len(list(run))) for level, run in groupby(self.levels)]
        levels = ", ".join(f"{count} x {level}" if count > 4 else ", ".join([level] * count) for level, count in runs)
        levels = f"[{levels}]"
        return levels if self.vector is None else f"{levels} + vector of {self.vector}"
