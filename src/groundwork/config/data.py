"""``parameters_data.yml``: what the rasters hold, how chips are cut and how they are split."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, field_validator, model_validator

from groundwork.config.split import SplitConfig
from groundwork.errors import SpecError
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.strict import Config


class ChipsConfig(Config):
    """How samples are cut from scenes. All lengths in pixels."""

    size: int = Field(gt=0)
    #: Distance between neighbouring chips; smaller than ``size`` makes them overlap. None: ``size``.
    stride: int | None = Field(default=None, gt=0)
    #: Least share of a chip's pixels that hold data and a known label.
    min_valid_fraction: float = Field(default=0.5, ge=0, le=1)


class DataConfig(Config):
    """Everything about the data that is not a path."""

    #: Source name -> what its rasters hold.
    sources: dict[str, RasterSpec] = Field(min_length=1)
    target: TargetSpec
    chips: ChipsConfig
    split: SplitConfig

    @model_validator(mode="after")
    def _check_blocks(self) -> DataConfig:
        block = self.split.block_size
        if self.split.method == "blocks" and block is not None and block < self.chips.size:
            raise ValueError(
                f"split.block_size {block} is less than chips.size {self.chips.size}: neighbours that are drawn apart "
                f"would share pixels. Take at least {self.chips.size}, better several times as much"
            )
        return self

    @field_validator("sources")
    @classmethod
    def _check_reference(cls, sources: dict[str, RasterSpec]) -> dict[str, RasterSpec]:
        reference_of(sources)
        return sources

    @field_validator("sources")
    @classmethod
    def _check_names(cls, sources: dict[str, RasterSpec]) -> dict[str, RasterSpec]:
        if "label" in sources:
            raise ValueError("a source cannot be called 'label': the sample table keeps labels under it; rename it")
        return sources

    @field_validator("sources", mode="before")
    @classmethod
    def _drop_unset(cls, sources: object) -> object:
        """A recipe drops a source of the base configuration by setting it to null."""
        if isinstance(sources, dict):
            return {name: spec for name, spec in sources.items() if spec is not None}
        return sources


def only_source(inputs: Mapping[str, RasterSpec], what: str) -> str:
    """Return the name of the one source.

    Args:
        inputs: Source -> what its rasters hold.
        what: Takes one only, for the message.

    Raises:
        SpecError: For several sources.
    """
    if len(inputs) != 1:
        raise SpecError(f"{what} takes exactly one source, got {len(inputs)}: {sorted(inputs)}")
    return next(iter(inputs))


def reference_of(inputs: Mapping[str, RasterSpec]) -> str:
    """Return the source on whose grid samples lie, and predictions.

    Raises:
        SpecError: Where several sources name none of them, or more than one, or one that scenes may lack.
    """
    named = [source for source, spec in inputs.items() if spec.reference] or (list(inputs) if len(inputs) == 1 else [])
    if len(named) != 1:
        raise SpecError(
            f"of the sources {sorted(inputs)}, {sorted(named) or 'none'} is the reference, on whose grid samples lie: "
            "set 'reference: true' for one of them"
        )
    if inputs[named[0]].optional:
        raise SpecError(
            f"the source '{named[0]}' is the reference, which no scene can lack: leave 'optional' out of it"
        )
    return named[0]
