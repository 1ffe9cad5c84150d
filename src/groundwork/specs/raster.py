"""What the rasters of one source hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from groundwork.specs.axes import Axes
from groundwork.specs.band import BandSpec, DType
from groundwork.specs.quality import QualityRule
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


def _is_unset(value: object) -> bool:
    return value is None


def _is_refused(value: object) -> bool:
    return value == "refuse"


def yaml_nan(nodata: object) -> object:
    """Return nodata as it is declared, where YAML has a number that is none."""
    return "nan" if isinstance(nodata, float) and math.isnan(nodata) else nodata


def one_or_more(rules: object) -> object:
    """Return rules as a list, where one is given by itself."""
    return [rules] if isinstance(rules, dict) else rules


class NearestDates(Config):
    """Dates that are taken by the time of the year."""

    #: Days of the year, from 1, one for each step and in its order. Each takes the date nearest to it in whatever year,
    #: across the end of the year too, and no date is taken twice.
    nearest_to: tuple[Annotated[int, Field(ge=1, le=366)], ...] = Field(min_length=1)
    #: How many days a date may lie from the day that it is taken for. A step that none is that near to has no date: see
    #: ``too_few_dates``. null: any number.
    within_days: int | None = Field(default=None, ge=0, le=182)


class RasterSpec(Config):
    """What one source's rasters hold. Checked against every file when it is opened."""

    #: All bands, in file order (of the first time step, where there are several).
    bands: tuple[BandSpec, ...] = Field(min_length=1)
    #: Names of the bands that are read, in the order the model sees them. None: all in file order, except those that
    #: ``valid`` names. An empty list: none, as only the ``valid`` of other sources names its bands.
    use: tuple[str, ...] | None = None
    #: Names of the bands shown as red, green and blue in pictures. None: those called RED, GREEN and BLUE, or else the
    #: first three that are read.
    rgb: tuple[str, str, str] | None = None
    dtype: DType
    #: The raw value that means "no data here". None: there is none. "nan": not-a-number.
    nodata: float | Literal["nan"] | None
    #: Whether a pixel holds data where all bands that are read do, or where any of them does: Sentinel-2's nodata 0
    #: also occurs in single dark bands.
    validity: Literal["all", "any"] = "all"
    #: What quality bands say of the pixels that hold data; all rules must let a pixel through.
    valid: tuple[QualityRule, ...] = ()
    #: Whether customary fill values (-9999, the type's lowest, others) may be measurements although ``nodata`` is None.
    fill_values: Literal["refuse", "allow"] = "refuse"
    #: Whether a file whose values have another offset than the bands', at the same scale, is refused, converted to
    #: theirs while it is read, or taken as it is. A file says it, or the name of the Sentinel-2 product it is of.
    other_offsets: Literal["refuse", "convert", "allow"] = Field(default="refuse", exclude_if=_is_refused)
    #: How a file is brought to the grid of the raster's first file, or of the reference source. None: it is refused.
    resampling: Literal["nearest", "bilinear", "cubic", "average"] | None = None
    #: Whether samples lie on this source's grid, and predictions; one of several sources is the reference.
    reference: bool = False
    #: Whether scenes may lack this source: it then holds data nowhere.
    optional: bool = False
    #: Number of dates stacked in one raster.
    steps: int = Field(default=1, ge=1)
    #: Ground sampling distance in metres, also where the CRS does not keep lengths, as Web Mercator. None: whatever the
    #: files have.
    pixel_size_m: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    #: Where several dates lie: stacked in a file, with all bands of step 1 first or all steps of band 1 first, or each
    #: in a file of its own (then the pattern has ``{date}``, or ``{step}`` where steps have numbers and no dates, or
    #: ``{step:A,B}`` where they have names).
    layout: Literal["steps_first", "bands_first", "file_per_date"] | None = None
    #: Which dates are read where the pattern has ``{date}``, or a ``date_axis``, ``date_tag`` or table says those of a
    #: stack: all, which must then be as many as ``steps``, or where there are more the newest of them, some that are
    #: evenly spread over them, or those nearest to days of the year.
    take_dates: Literal["all", "newest", "evenly_spread"] | NearestDates = "all"
    #: Numbers of the steps that are read, in this order, where the pattern has ``{step}``; of names such as
    #: ``{step:A,B}`` the places from 0. Others are left aside.
    step_numbers: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(default=None, exclude_if=_is_unset)
    #: Whether a raster with fewer dates than ``steps``, in files of their own or in a stack, or without the file of a
    #: number, is refused, or filled with steps that hold data nowhere.
    too_few_dates: Literal["refuse", "fill"] = "refuse"
    #: Whether a pixel holds data at each step by itself. Otherwise it does where it does at all steps. Rasters that are
    #: filled have it.
    validity_per_step: bool = False
    #: Order of the axes of arrays that files hold by name, the outermost first, such as [y, x, band]. None: band, y, x.
    axes: Axes | None = Field(default=None, exclude_if=_is_unset)
    #: Whether the files have a CRS and a geotransform.
    georeference: Literal["required", "absent"] = "required"
    #: Whether the band descriptions in the files are names that must agree with ``bands``.
    descriptions: Literal["check", "ignore"] = "check"
    #: Name of the file tag that holds the acquisition date (ISO 8601; comma-separated for several steps).
    date_tag: str | None = None
    #: Name of the axis of time of arrays in NetCDF, Zarr and HDF5, such as time: its coordinates, counted since a day
    #: as CF has it, are the dates of the steps. These are read by date, the earliest first.
    date_axis: str | None = Field(default=None, exclude_if=_is_unset)

    @field_validator("nodata", mode="before")
    @classmethod
    def _accept_yaml_nan(cls, nodata: object) -> object:
        return yaml_nan(nodata)

    @field_validator("valid", mode="before")
    @classmethod
    def _accept_one_rule(cls, rules: object) -> object:
        return one_or_more(rules)

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
        if self.use is not None and len(set(self.use)) < len(self.use):
            raise ValueError(f"'use' must name each band once; found {list(self.use)}")
        self._check_quality()
        read = [band.name for band in self.used]
        for name in self.rgb or ():
            if name not in read:
                raise ValueError(
                    f"'rgb' names band '{name}', which is not read.{did_you_mean(name, read)} Read: {read}"
                )
        return self

    def _check_quality(self) -> None:
        for rule in self.own_rules:
            if rule.band not in self.band_names:
                hint = did_you_mean(rule.band, self.band_names)
                raise ValueError(f"'valid' names band '{rule.band}', which 'bands' lacks.{hint}")
        if not self.used and self.use is None:
            raise ValueError(f"all bands are quality bands, and none is left to read; found {list(self.band_names)}")
        for band in self.used:
            if band.dtype not in {None, self.dtype}:
                raise ValueError(
                    f"band '{band.name}' is read, and so has the data type of the source, {self.dtype}; found "
                    f"{band.dtype}"
                )

    @model_validator(mode="after")
    def _check_steps(self) -> RasterSpec:
        if self.steps > 1 and self.layout is None:
            raise ValueError(
                "'layout' must say where several dates lie: in one file, steps_first or bands_first, or file_per_date"
            )
        if self.steps == 1 and self.layout is not None and (self.take_dates == "all" or self.layout == "file_per_date"):
            hint = "" if self.layout == "file_per_date" else "; 'take_dates' may choose one of a stack"
            raise ValueError(f"'layout: {self.layout}' says where several dates lie, but 'steps' is 1{hint}")
        if self.has_validity_per_step and self.steps == 1:
            named = "too_few_dates: fill" if self.too_few_dates == "fill" else "validity_per_step"
            raise ValueError(f"'{named}' is for several dates, but 'steps' is 1")
        if isinstance(self.take_dates, NearestDates) and len(self.take_dates.nearest_to) != self.steps:
            raise ValueError(
                f"'nearest_to' names {len(self.take_dates.nearest_to)} day(s), one for each step, but 'steps' is "
                f"{self.steps}"
            )
        return self._check_numbers()

    @model_validator(mode="after")
    def _check_date_axis(self) -> RasterSpec:
        if self.date_axis is not None and (self.layout == "file_per_date" or self.step_numbers is not None):
            raise ValueError("'date_axis' is of files that stack dates, and here each has a file: leave one out")
        if None not in {self.date_axis, self.date_tag}:
            raise ValueError("'date_axis' says the dates, and so does 'date_tag': set one of them to null")
        return self

    def _check_numbers(self) -> RasterSpec:
        numbers = self.step_numbers
        if numbers is None:
            return self
        if len(set(numbers)) < len(numbers) or len(numbers) != self.steps:
            raise ValueError(
                f"'step_numbers' names each step that is read once, and 'steps' is {self.steps}; found {list(numbers)}"
            )
        if self.layout in {"steps_first", "bands_first"}:
            raise ValueError(f"'step_numbers' are those of files, and 'layout: {self.layout}' stacks the steps in one")
        if self.take_dates != "all":
            raise ValueError(
                "'step_numbers' says which steps are read, and so does 'take_dates': leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _check_axes(self) -> RasterSpec:
        if "time" in (self.axes or ()) and (self.layout == "file_per_date" or not (self.layout or self.date_axis)):
            raise ValueError("'axes' has time, which is of arrays that stack dates: set 'steps' and 'layout'")
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
    def own_rules(self) -> tuple[QualityRule, ...]:
        """The rules of ``valid`` whose bands lie in the source's own files."""
        return tuple(rule for rule in self.valid if rule.source is None)

    @property
    def has_validity_per_step(self) -> bool:
        """Whether validity is (steps, height, width) instead of (height, width)."""
        return self.validity_per_step or self.too_few_dates == "fill"

    @property
    def times_counted(self) -> int:
        """How many times the validity of a pixel is counted: once for each step where each has its own."""
        return self.steps if self.has_validity_per_step else 1

    @property
    def is_chosen_in_file(self) -> bool:
        """Whether files stack dates, and may hold other numbers of them than ``steps``."""
        return self.layout not in {None, "file_per_date"} and (self.too_few_dates, self.take_dates) != ("refuse", "all")

    @property
    def of_a_file(self) -> RasterSpec:
        """What one file holds, where each date has one."""
        return self if self.layout != "file_per_date" else self.model_copy(update={"steps": 1, "layout": None})

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of all bands, in file order."""
        return tuple(band.name for band in self.bands)

    @cached_property
    def used(self) -> tuple[BandSpec, ...]:
        """The bands that are read, in the order the model sees them."""
        by_name = {band.name: band for band in self.bands}
        quality = {rule.band for rule in self.own_rules}
        names = [name for name in by_name if name not in quality] if self.use is None else self.use
        return tuple(by_name[name] for name in names)

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

    def file_indexes(self, order: Sequence[str] | None = None, wanted: Sequence[str] | None = None) -> tuple[int, ...]:
        """Return 1-based band numbers to read: all used bands of step 1, then of step 2, and so on.

        Args:
            order: Names of the bands in the file, where they are known and differ from ``bands``.
            wanted: Names of the bands to read. None: those that are used.
        """
        names = list(order or self.band_names)
        positions = [names.index(name) for name in wanted or [band.name for band in self.used]]
        if self.layout == "bands_first":
            return tuple(1 + position * self.steps + step for step in range(self.steps) for position in positions)
        return tuple(1 + step * len(names) + position for step in range(self.steps) for position in positions)
