"""What rasters hold in another way than those that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
)

from groundwork.errors import SpecError
from groundwork.specs.axes import Axes
from groundwork.specs.band import DType
from groundwork.specs.quality import QualityRule
from groundwork.specs.raster import NearestDates, RasterSpec, one_or_more, yaml_nan
from groundwork.strict import Config, explain


class RasterChanges(Config):
    """Keys of a `RasterSpec` without `bands`: those that are stated hold, all others are as of the training."""

    # What the fields hold where they are not stated means nothing: it is left out wherever they are written.
    dtype: DType = "float32"
    nodata: float | Literal["nan"] | None = None
    validity: Literal["all", "any"] = "all"
    valid: tuple[QualityRule, ...] = ()
    fill_values: Literal["refuse", "allow"] = "refuse"
    other_offsets: Literal["refuse", "convert", "allow"] = "refuse"
    resampling: Literal["nearest", "bilinear", "cubic", "average"] | None = None
    pixel_size_m: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    layout: Literal["steps_first", "bands_first", "file_per_date"] | None = None
    take_dates: Literal["all", "newest", "evenly_spread"] | NearestDates = "all"
    step_numbers: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    too_few_dates: Literal["refuse", "fill"] = "refuse"
    validity_per_step: bool = False
    georeference: Literal["required", "absent"] = "required"
    descriptions: Literal["check", "ignore"] = "check"
    date_tag: str | None = None
    date_axis: str | None = None
    axes: Axes | None = None

    @field_validator("nodata", mode="before")
    @classmethod
    def _accept_yaml_nan(cls, nodata: object) -> object:
        return yaml_nan(nodata)

    @field_validator("valid", mode="before")
    @classmethod
    def _accept_one_rule(cls, rules: object) -> object:
        return one_or_more(rules)

    @property
    def stated(self) -> frozenset[str]:
        """Names of the keys that are stated."""
        return frozenset(self.model_fields_set)

    @model_serializer(mode="wrap")
    def _only_stated(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.stated}

    def of(self, spec: RasterSpec, where: str) -> RasterSpec:
        """Return a spec with these changes.

        Args:
            spec: What holds where nothing else is stated.
            where: The key of the changes, for messages.

        Raises:
            SpecError: Where they contradict what stays.
        """
        try:
            return RasterSpec.model_validate({**spec.model_dump(), **self.model_dump()})
        except ValidationError as error:
            raise SpecError(
                f"'{where}' does not fit what the model was trained on, which holds where nothing else is stated:\n"
                f"{explain(where, error)}"
            ) from error


def _read(given: object) -> object:
    if isinstance(given, RasterSpec | RasterChanges):
        return given
    is_whole = isinstance(given, Mapping) and "bands" in given
    return RasterSpec.model_validate(given) if is_whole else RasterChanges.model_validate(given)


#: All that rasters hold, where it names their bands, or what is different of them.
WholeOrChanges: TypeAlias = Annotated[RasterSpec | RasterChanges, BeforeValidator(_read)]
