"""Chips that lack a band, or a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from groundwork.data.augmentation.base import Augmentation, Described, Pixels
from groundwork.data.augmentation.draws import happens
from groundwork.data.augmentation.lost import hide_lost
from groundwork.data.augmentation.sources import ValueChange, chosen_sources, per_channel
from groundwork.errors import SpecError


@final
class BandDropout(ValueChange):
    """Bands that hold nothing but their mean, which is what a model sees where there is no data."""

    def __init__(
        self,
        described: Described,
        *,
        chance: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        sources: tuple[str, ...] = (),
    ) -> None:
        """Keep the chance of each band by itself; of the bands of a source, one is always left."""
        super().__init__(described, sources)
        self._chance = chance

    def change_values(
        self,
        source: str,
        values: Tensor,
        valid: Tensor,  # noqa: ARG002
        random: Sequence[np.random.Generator],
    ) -> Tensor:
        """See :class:`ValueChange`."""
        dropped = np.stack([each.random(values.shape[1]) < self._chance for each in random])
        for number, each in enumerate(random):
            # Drawn in any case, so that what follows is the same.
            left = each.integers(values.shape[1])
            if dropped[number].all():
                dropped[number, left] = False
        lacks = torch.from_numpy(dropped).to(values.device).reshape(*dropped.shape, *[1] * (values.ndim - 2))
        return torch.where(lacks, per_channel(self.described.mean[source], values), values)


@final
class DropSource(Augmentation):
    """Chips that lack a source that scenes may lack, so that a scene without it can be predicted later."""

    def __init__(
        self,
        described: Described,
        *,
        chance: Annotated[float, Field(gt=0, lt=1)],
        sources: tuple[str, ...] = (),
    ) -> None:
        """Keep the chance of each source by itself.

        Args:
            described: What is known of chips.
            chance: How likely it is that a chip lacks a source.
            sources: Names of such that are ``optional``. None: all that are.

        Raises:
            SpecError: Where no source is optional, or one that is named is not.
        """
        optional = [name for name in sorted(described.inputs) if described.inputs[name].optional]
        chosen = chosen_sources(described, sources) if sources else tuple(optional)
        needed = [name for name in chosen if name not in optional]
        if needed or not chosen:
            found = f"{needed} cannot be lacked" if needed else "no source can be lacked"
            raise SpecError(f"'drop_source': {found}. Set 'optional: true' for sources that scenes may lack")
        self._chance, self._sources, self._described = chance, chosen, described

    def change(self, pixels: Pixels, random: Sequence[np.random.Generator]) -> Pixels:
        """See :class:`Augmentation`."""
        valid = dict(pixels.valid)
        for source in self._sources:
            stays = ~torch.tensor(happens(random, self._chance), device=valid[source].device)
            valid[source] = valid[source] & stays.reshape(-1, *[1] * (valid[source].ndim - 1))
        return hide_lost(pixels, replace(pixels, valid=valid), self._described)
