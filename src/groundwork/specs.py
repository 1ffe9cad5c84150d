"""The vocabulary of the library: what a raster holds, what is predicted, what travels between components."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Literal

from pydantic import Field, field_validator, model_validator

from groundwork.strict import Config, did_you_mean

#: Lowest and highest number of each data type of rasters. A float64 is read as float32, which models compute in.
RANGES = {
    "uint8": (0, 2**8 - 1),
    "int8": (-(2**7), 2**7 - 1),
    "uint16": (0, 2**16 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint32": (0, 2**32 - 1),
    "int32": (-(2**31), 2**31 - 1),
    # As far as numbers are rounded to the largest of the type, which is printed in fewer digits than it has.
    "float32": (-3.40282356e38, 3.40282356e38),
    "float64": (-math.inf, math.inf),
}
#: No optical sensor sees less; the same wavelength in micrometres is a thousandth of it.
SHORTEST_WAVELENGTH_NM = 100


class BandSpec(Config):
    """One band of a raster. Physical value = raw value * ``scale`` + ``offset``."""

    name: str = Field(min_length=1)
    #: What the file calls this band, where that differs from ``name``.
    description: str | None = None
    #: Centre wavelength in nanometres.
    wavelength_nm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    #: Unit of the physical value, such as "reflectance", "dB" or "m".
    unit: str | None = None

    @model_validator(mode="after")
    def _check(self) -> BandSpec:
        if self.scale == 0:
            raise ValueError(f"band '{self.name}': scale 0 would make every value {self.offset:g}")
        if self.wavelength_nm is not None and self.wavelength_nm < SHORTEST_WAVELENGTH_NM:
            raise ValueError(
                f"band '{self.name}': wavelength_nm {self.wavelength_nm:g} is not in nanometres; for micrometres write "
                f"{self.wavelength_nm * 1000:g}"
            )
        return self


class RasterSpec(Config):
    """What one source's rasters hold. Checked against every file when it is opened."""

    #: All bands, in file order (of the first time step, where there are several).
    bands: tuple[BandSpec, ...] = Field(min_length=1)
    #: Names of the bands that are read, in the order the model sees them. None: all, in file order.
    use: tuple[str, ...] | None = None
    #: Names of the bands shown as red, green and blue in pictures. None: those called RED, GREEN and BLUE, or else the
    #: first three that are read.
    rgb: tuple[str, str, str] | None = None
    dtype: Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
    #: The raw value that means "no data here". None: there is none. "nan": not-a-number.
    nodata: float | Literal["nan"] | None
    #: Whether customary fill values (-9999, the type's lowest, others) may be measurements although ``nodata`` is None.
    fill_values: Literal["refuse", "allow"] = "refuse"
    #: How a file is brought to the grid of the raster's first file, or of the reference source. None: it is refused.
    resampling: Literal["nearest", "bilinear", "cubic", "average"] | None = None
    #: Whether samples lie on this source's grid, and predictions; one of several sources is the reference.
    reference: bool = False
    #: Whether scenes may lack this source: it then holds data nowhere.
    optional: bool = False
    #: Number of dates stacked in one raster.
    steps: int = Field(default=1, ge=1)
    #: Ground sampling distance in metres. None: whatever the files have.
    pixel_size_m: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    #: Order of the stacked bands: all bands of step 1 first, or all steps of band 1 first.
    layout: Literal["steps_first", "bands_first"] | None = None
    #: Whether the files have a CRS and a geotransform.
    georeference: Literal["required", "absent"] = "required"
    #: Whether the band descriptions in the files are names that must agree with ``bands``.
    descriptions: Literal["check", "ignore"] = "check"
    #: Name of the file tag that holds the acquisition date (ISO 8601; comma-separated for several steps).
    date_tag: str | None = None

    @field_validator("nodata", mode="before")
    @classmethod
    def _accept_yaml_nan(cls, nodata: object) -> object:
        return "nan" if isinstance(nodata, float) and math.isnan(nodata) else nodata

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
        return self

    @model_validator(mode="after")
    def _check_steps(self) -> RasterSpec:
        if self.steps > 1 and self.layout is None:
            raise ValueError("'layout' must say how several steps are stacked: steps_first or bands_first")
        if self.steps == 1 and self.layout is not None:
            raise ValueError(f"'layout: {self.layout}' says how several steps are stacked, but 'steps' is 1")
        return self

    @model_validator(mode="after")
    def _check_nodata(self) -> RasterSpec:
        lowest, highest = RANGES[self.dtype]
        is_whole = self.dtype[:5] != "float"
        if self.nodata is None or (self.nodata == "nan" and not is_whole):
            return self
        if self.nodata == "nan" or not lowest <= self.nodata <= highest or (is_whole and self.nodata % 1):
            raise ValueError(
                f"nodata {self.nodata} is no value that a raster of {self.dtype} can hold ({lowest:.8g} to "
                f"{highest:.8g}{', whole numbers' if is_whole else ''}); state what the files have, or null"
            )
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
        """Names of the bands shown as red, green and blue: as stated, else those called so, else the first three."""
        names = [band.name for band in self.used]
        by_color = {name.upper(): name for name in names}
        if self.rgb is None and {"RED", "GREEN", "BLUE"} <= by_color.keys():
            return by_color["RED"], by_color["GREEN"], by_color["BLUE"]
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

    value: int = Field(ge=-(2**31), lt=2**31)
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
    #: What has an answer of its own: each pixel, the image as a whole, or each object in it, found by a box. Of one
    #: class alone, an image or an object has one score: whether it is that.
    per: Literal["pixel", "image", "object"] = "pixel"
    #: Label value, or several, of pixels that nobody knows: left out of losses and scores. So are a label file's own
    #: nodata, NaN, and what its mask or alpha band leaves out.
    ignore_value: int | tuple[int, ...] | None = None
    #: Set where label files declare as nodata a value that is one of the classes.
    nodata_is_class: bool = False

    @model_validator(mode="after")
    def _check(self) -> TargetSpec:
        if self.classes and self.outputs:
            raise ValueError("give 'classes' or 'outputs', not both: a target is either named or measured")
        if not self.outputs and not self.classes:
            raise ValueError("give 'classes' (name, value and color of each), or 'outputs' for numbers; found neither")
        if len(self.classes) == 1 and self.per == "pixel":
            value = 0 if self.classes[0].value else 1
            raise ValueError(
                f"'classes' names '{self.classes[0].name}' alone, and a pixel needs a class for what is not it: write "
                f'the background as a class too, such as {{value: {value}, name: background, color: "#000000"}}'
            )
        for field, entries in (("value", self.classes), ("name", self.classes), ("name", self.outputs)):
            found = [getattr(entry, field) for entry in entries]
            if len(set(found)) < len(found):
                raise ValueError(f"every class or output needs its own {field}; found {found}")
        both = [value for value in self.ignore_values if value in self.values]
        if both:
            raise ValueError(f"ignore_value {both[0]} is also a class value")
        return self

    @property
    def ignore_values(self) -> tuple[int, ...]:
        """Label values of pixels that nobody knows."""
        if self.ignore_value is None:
            return ()
        return self.ignore_value if isinstance(self.ignore_value, tuple) else (self.ignore_value,)

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
