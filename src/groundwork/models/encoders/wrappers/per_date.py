"""Let an encoder that sees one date see several, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from groundwork.batch import Image, Images
from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import fold_dates
from groundwork.models.features.pooling import pool_steps, share_of_cells
from groundwork.registry import build
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec

Pooling = Literal["mean", "max", "difference", "first_less_last", "concat", "keep"]


class PerDateEncoder(OneSourceEncoder):
    """Sends each time step through one encoder, with shared weights, and joins what it gives.

    Args:
        inputs: What the rasters hold; at least two time steps.
        encoder: Name and options of the encoder.
        pooling: ``mean`` and ``max``: over the steps that hold data in a cell, the mean weighed by how much of the cell
            does; where none holds any, over all. ``difference``: the last step less the first.
            ``first_less_last``: the same with the other sign. ``concat``: the steps' channels one after the other.
            ``keep``: as ``concat``, and the map still knows its steps, for a neck that pools them.
        subsets: Lists of steps, counted from 0, that are pooled each by themselves; what they give is concatenated.
            Empty: one subset of all steps.
        masked: False: ``mean`` and ``max`` are taken over all steps, whether they hold data or not, as before version 3
            of the bundle's format. Steps are told apart where the source has ``validity_per_step``.

    Raises:
        SpecError: For rasters of one step.
        ComponentError: For steps that do not exist, a subset without steps, or a difference of one step.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        encoder: ComponentConfig,
        pooling: Pooling = "mean",
        subsets: tuple[tuple[int, ...], ...] = (),
        masked: bool = True,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        if raster.steps < 2:
            raise SpecError(
                "'per_date' joins several time steps, the rasters hold one. "
                f"Name '{encoder.name}' itself as the encoder"
            )
        self.subsets = subsets or (tuple(range(raster.steps)),)
        _check_subsets(self.subsets, raster.steps, pooling)
        self.pooling = pooling
        self.masked = masked and pooling in {"mean", "max"}
        one_date = raster.model_copy(update={"steps": 1, "layout": None})
        self.encoder = build(Encoder, ENCODERS, encoder, {self.source: one_date})
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

    def encode(self, image: Image) -> list[Tensor]:
        """Give one joined map per level. See :class:`Encoder`.

        Raises:
            ValueError: For dates of another number of steps than the image.
        """
        batch, _, steps = image.values.shape[:3]
        dates = image.dates if "time" in self.encoder.coordinates else None
        if dates is not None and dates.shape[:2] != (batch, steps):
            raise ValueError(f"'per_date' is given {steps} steps and 'dates' of shape {tuple(dates.shape)}")
        location = None if image.location is None else image.location.repeat_interleave(steps, dim=0)
        folded = Images({self.source: fold_dates(image.values)}, location=location)
        if dates is not None:
            folded.dates[self.source] = dates.reshape(batch * steps, 1, 2)
        features = self.encoder(folded)
        shares = self._shares(image.valid, len(features))
        return [
            self._join(level.unflatten(0, (batch, steps)), share) for level, share in zip(features, shares, strict=True)
        ]

    def _shares(self, valid: Tensor | None, count: int) -> list[Tensor | None]:
        """Return how much of each cell of a level is made of data, (batch, steps, 1, ...). None: all of it."""
        if valid is None or valid.dim() != 4 or not self.masked:
            return [None] * count
        held = valid.to(torch.float32)
        shares: list[Tensor | None] = [
            share_of_cells(held, level.stride).unsqueeze(2) for level in self.encoder.out.levels
        ]
        # Behind the maps comes the vector of the whole image, where there is one.
        return shares if len(shares) == count else [*shares, held.mean(dim=(2, 3)).unsqueeze(2)]

    def _join(self, steps: Tensor, share: Tensor | None) -> Tensor:
        """Join (batch, steps, channels, ...) along the steps."""
        subsets = [list(subset) for subset in self.subsets]
        shares = [None if share is None else share[:, subset] for subset in subsets]
        pooled = [self._pool(steps[:, subset], part) for subset, part in zip(subsets, shares, strict=True)]
        return torch.cat(pooled, dim=1)

    def _pool(self, steps: Tensor, share: Tensor | None) -> Tensor:
        if self.pooling == "mean" and not self.masked:
            return steps.mean(dim=1)
        if self.pooling in {"mean", "max"}:
            return pool_steps(steps, share, self.pooling)
        if self.pooling == "difference":
            return steps[:, -1] - steps[:, 0]
        if self.pooling == "first_less_last":
            return steps[:, 0] - steps[:, -1]
        return steps.flatten(1, 2)


def _check_subsets(subsets: tuple[tuple[int, ...], ...], steps: int, pooling: str) -> None:
    for subset in subsets:
        wrong = [step for step in subset if not 0 <= step < steps]
        if wrong or not subset:
            raise ComponentError(
                f"'subsets' must list steps from 0 to {steps - 1}, found {list(subset)}. The rasters hold {steps} steps"
            )
        if pooling in {"difference", "first_less_last"} and len(subset) < 2:
            raise ComponentError(f"pooling '{pooling}' needs at least two steps in each subset, found {list(subset)}")
