"""What one band of a raster holds."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from groundwork.strict import Config

#: No optical sensor sees less; the same wavelength in micrometres is a thousandth of it.
SHORTEST_WAVELENGTH_NM = 100
#: Types of numbers that rasters hold.
DType: TypeAlias = Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


class BandSpec(Config):
    """One band of a raster. Physical value = raw value * ``scale`` + ``offset``."""

    example: ClassVar[str] = "{name: RED, scale: 0.0001}, or a name alone"

    name: str = Field(min_length=1)
    #: What the file calls this band, where that differs from ``name``.
    description: str | None = None
    #: Centre wavelength in nanometres.
    wavelength_nm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    #: Data type of the band's file, where it is not that of the source: for bands that only say which pixels hold data.
    dtype: DType | None = None
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
