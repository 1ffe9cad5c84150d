"""Let an encoder that sees one date see several, one after the other."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from groundwork.config.component import ComponentConfig
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.wrappers.one_source import build_for_one_source
from groundwork.registry import ComponentError
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec, SpecError

Pooling = Literal["mean", "max", "difference", "concat", "keep"]


class PerDateEncoder(Encoder):
    """Sends each time step through one encoder, with shared weights, and joins what it gives.

    Args:
        inputs: What the rasters hold; at least two time steps.
        encoder: Name and options of the encoder.
        pooling: ``mean`` and ``max``: over the steps. ``difference``: the last step less the first. ``concat``: the
            steps' channels one after the other. ``keep``: as ``concat``, and the map still knows its steps, for a neck
            that pools them.
        subsets: Lists of steps, counted from 0, that are pooled each by themselves; what they give is concatenated.
            Empty: one subset of all steps.

    Raises:
        SpecError: For rasters of one step.
        ComponentError: For steps that do not exist, a subset without steps, or a difference of one step.
    """

    def __init__(
        self,
        inputs: RasterSpec,
        *,
        encoder: ComponentConfig,
        pooling: Pooling = "mean",
        subsets: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        super().__init__()
        if inputs.steps < 2:
            raise SpecError(
                "'per_date' joins several time steps, the rasters hold one. "
                f"Name '{encoder.name}' itself as the encoder"
            )
        self.subsets = subsets or (tuple(range(inputs.steps)),)
        _check_subsets(self.subsets, inputs.steps, pooling)
        self.pooling = pooling
        one_date = inputs.model_copy(update={"steps": 1, "layout": None})
        self.encoder = build_for_one_source(encoder, one_date)
        self.coordinates = self.encoder.coordinates
        self.single_precision = self.encoder.single_precision
        self.size_multiple = self.encoder.size_multiple
        self.only_size = self.encoder.only_size
        self.info = self.encoder.info
        self.loaded = self.encoder.loaded
        given = self.encoder.out
        kept = sum(len(subset) if pooling in {"concat", "keep"} else 1 for subset in self.subsets)
        steps = kept if pooling == "keep" else 1
        self.out = FeatureSpec(
            tuple(FeatureLevel(level.channels * kept, level.stride, steps=steps) for level in given.levels),
            None if given.vector is None else given.vector * kept,
        )

    def forward(
        self, image: Tensor, temporal_coords: Tensor | None = None, location_coords: Tensor | None = None
    ) -> list[Tensor]:
        """Give one joined map per level. See :class:`Encoder`.

        Raises:
            ValueError: For dates of another number of steps than the image.
        """
        batch, channels, steps, height, width = image.shape
        dates = image.transpose(1, 2).reshape(batch * steps, channels, height, width)
        told = temporal_coords if "time" in self.encoder.coordinates else None
        if told is not None and told.shape[:2] != (batch, steps):
            raise ValueError(f"'per_date' is given {steps} steps and 'temporal_coords' of shape {tuple(told.shape)}")
        temporal = None if told is None else told.reshape(batch * steps, 1, 2)
        location = None if location_coords is None else location_coords.repeat_interleave(steps, dim=0)
        features = self.encoder(dates, temporal, location)
        return [self._join(level.unflatten(0, (batch, steps))) for level in features]

    def _join(self, steps: Tensor) -> Tensor:
        """Join (batch, steps, channels, ...) along the steps."""
        return torch.cat([self._pool(steps[:, list(subset)]) for subset in self.subsets], dim=1)

    def _pool(self, steps: Tensor) -> Tensor:
        if self.pooling == "mean":
            return steps.mean(dim=1)
        if self.pooling == "max":
            return steps.amax(dim=1)
        if self.pooling == "difference":
            return steps[:, -1] - steps[:, 0]
        return steps.flatten(1, 2)


def _check_subsets(subsets: tuple[tuple[int, ...], ...], steps: int, pooling: str) -> None:
    for subset in subsets:
        wrong = [step for step in subset if not 0 <= step < steps]
        if wrong or not subset:
            raise ComponentError(
                f"'subsets' must list steps from 0 to {steps - 1}, found {list(subset)}. The rasters hold {steps} steps"
            )
        if pooling == "difference" and len(subset) < 2:
            raise ComponentError(f"pooling 'difference' needs at least two steps in each subset, found {list(subset)}")
