"""``parameters_data.yml``: what the rasters hold, how chips are cut and how they are split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator, model_validator

from groundwork.config.split import SplitConfig
from groundwork.errors import SpecError
from groundwork.specs import QualityRule, RasterSpec, TargetSpec
from groundwork.strict import Config, did_you_mean, in_yaml


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
    #: Where training and evaluation read chips from. files: windows of the rasters themselves. packed: one file per
    #: source and split, written once when the data is prepared: read many times faster, but it takes space of its own.
    store: Literal["files", "packed"] = "files"

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
        check_rules(sources)
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
        shown = "{s2: {bands: [RED, NIR], dtype: uint16, nodata: 0}}"
        raise ValueError(f"must be sources by name, such as {shown}; found {in_yaml(sources)}")


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


def read_by_model(inputs: Mapping[str, RasterSpec]) -> dict[str, RasterSpec]:
    """Return the sources that the model sees: not those whose bands only say which pixels of others hold data."""
    return {source: spec for source, spec in inputs.items() if spec.used}


def check_rules(inputs: Mapping[str, RasterSpec]) -> None:
    """Compare the rules for quality bands of other sources with these.

    Raises:
        SpecError: Where a rule names a source or a band that is not there, or that scenes may lack, or of other steps,
            and where nothing is read of a source.
    """
    lent = set()
    for source, spec in inputs.items():
        for rule in spec.valid:
            if rule.source is not None:
                _check_rule(source, rule, inputs)
                lent.add(rule.source)
    idle = [source for source, spec in inputs.items() if not spec.used and source not in lent]
    if idle:
        raise SpecError(
            f"nothing is read of the source '{idle[0]}': its 'use' is empty, and no rule under 'valid' of another "
            f"source has 'source: {idle[0]}'; name the bands that are read, or leave the source out"
        )


def _check_rule(source: str, rule: QualityRule, inputs: Mapping[str, RasterSpec]) -> None:
    where = f"'valid' of the source '{source}' names band '{rule.band}' of the source '{rule.source}'"
    if rule.source == source:
        raise SpecError(f"{where}, which is itself: leave 'source' out of the rule")
    other = inputs.get(str(rule.source))
    if other is None:
        raise SpecError(f"{where}, which 'sources' lacks.{did_you_mean(str(rule.source), list(inputs))}")
    if rule.band not in other.band_names:
        raise SpecError(f"{where}, which lacks it.{did_you_mean(rule.band, other.band_names)}")
    if other.optional:
        raise SpecError(f"{where}, which scenes may lack: leave 'optional' out of it")
    if other.steps not in {1, inputs[source].steps}:
        raise SpecError(f"{where}, of {other.steps} step(s): it needs 1, or the {inputs[source].steps} of '{source}'")


def reference_of(inputs: Mapping[str, RasterSpec]) -> str:
    """Return the source on whose grid samples lie, and predictions.

    Raises:
        SpecError: Where several sources name none of them, or more than one, or one that scenes may lack.
    """
    able = list(read_by_model(inputs))
    named = [source for source in able if inputs[source].reference] or (able if len(able) == 1 else [])
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
