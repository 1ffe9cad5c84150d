"""Numbers that are predicted."""

from __future__ import annotations

from pydantic import Field, model_validator

from groundwork.strict import Config


class OutputSpec(Config):
    """One number that is predicted."""

    name: str = Field(min_length=1)
    #: Unit of the number, such as "t/ha".
    unit: str | None = None
    #: Lowest number that a label can hold. Lower ones are refused: mostly they mean another unit, or not known.
    minimum: float | None = Field(default=None, allow_inf_nan=False)
    #: Highest number that a label can hold. Pictures are drawn from the lowest to the highest.
    maximum: float | None = Field(default=None, allow_inf_nan=False)
    #: Number = label value * ``scale`` + ``offset``.
    scale: float = Field(default=1.0, allow_inf_nan=False)
    #: See ``scale``.
    offset: float = Field(default=0.0, allow_inf_nan=False)
    #: Label value where nobody knows the number. So are a label file's own nodata, NaN, and what its mask leaves out.
    nodata: float | None = None

    @model_validator(mode="after")
    def _check(self) -> OutputSpec:
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError(
                f"output '{self.name}': minimum {self.minimum:g} is not below maximum {self.maximum:g}; turn them round"
            )
        if self.scale == 0:
            raise ValueError(f"output '{self.name}': scale 0 would make every number {self.offset:g}")
        return self
