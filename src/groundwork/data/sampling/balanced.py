"""Chips of rare classes more often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from torch.utils.data import Dataset

from groundwork.batch import Chip
from groundwork.data.chips import ChipDataset, LabelledData
from groundwork.data.sampling.base import EpochOrder, Sampling, Store
from groundwork.errors import SpecError
from groundwork.specs import TargetSpec
from groundwork.targets.classes import fraction_column
from groundwork.targets.object_answers import objects_column


@final
class WeightedOrder(EpochOrder[tuple[int, int]]):
    """Numbers of chips, drawn with replacement, and how often each was drawn before in the epoch."""

    def __init__(self, length: int, seed: int, chances: NDArray[np.float64]) -> None:
        super().__init__(length, seed)
        self._chances = chances

    def __iter__(self) -> Iterator[tuple[int, int]]:
        random = np.random.default_rng([self._seed, self._epoch])
        drawn = random.choice(len(self._chances), self._length, p=self._chances)
        # Alike stand together, and each counts from where they begin.
        order = drawn.argsort(kind="stable")
        before = np.empty_like(drawn)
        before[order] = np.arange(len(drawn)) - np.searchsorted(drawn[order], drawn[order])
        for number, count in zip(drawn, before, strict=True):
            yield int(number), int(count)


@final
class RepeatedChips(Dataset[Chip]):
    """Chips of which each repetition has a name of its own, so that it is changed otherwise."""

    def __init__(self, chips: ChipDataset) -> None:
        self._chips = chips

    def __getitem__(self, key: tuple[int, int]) -> Chip:
        """Read one chip, by its number and how often it was read before in the epoch."""
        number, count = key
        chip = self._chips[number]
        return replace(chip, sample_id=f"{chip.sample_id}#{count}") if count else chip


@final
class BalancedSampling(Sampling):
    """Chips of the table drawn with replacement, those that hold rare classes more often."""

    def __init__(
        self,
        data: LabelledData,
        seed: int,
        *,
        strength: Annotated[float, Field(ge=0, le=1)] = 1.0,
        samples_per_epoch: Annotated[int, Field(gt=0)] | None = None,
    ) -> None:
        """Weigh each chip by the classes that it holds.

        Args:
            data: Whose training chips are drawn.
            seed: Of the run.
            strength: From 0, all chips alike, to 1, each class weighing the same over an epoch, as far as chips hold
                several.
            samples_per_epoch: Chips of an epoch. None: as many as the table has.

        Raises:
            SpecError: Where the table does not say which classes chips hold.
        """
        self.check("files" if data.store is None else "packed", data.target)
        self._chips, self._seed = data.chips("train"), seed
        self._chances = chances_of(data.of_split("train"), data.target, strength)
        self._length = samples_per_epoch or len(self._chips)

    @classmethod
    def check(cls, store: Store, target: TargetSpec) -> None:  # noqa: ARG003
        """See :class:`Sampling`."""
        if not target.classes:
            raise SpecError(
                "'balanced' draws chips by the classes that they hold, and the target has none: use 'grid' or 'random'"
            )

    def chips(self) -> Dataset[Chip]:
        """See :class:`Sampling`."""
        return RepeatedChips(self._chips)

    def order(self) -> WeightedOrder:
        """See :class:`Sampling`."""
        return WeightedOrder(self._length, self._seed, self._chances)


def chances_of(samples: pd.DataFrame, target: TargetSpec, strength: float) -> NDArray[np.float64]:
    """Return how likely each chip is drawn: the shares of its classes, each divided by what the class has in all chips.

    Of objects, these are their numbers; an image of several classes has an even share of each. Chips without any are as
    a class of their own.

    Raises:
        SpecError: Where the table does not say which classes chips hold.
    """
    column = objects_column if target.per == "object" else fraction_column
    columns = [column(name) for name in target.names]
    missing = [column for column in columns if column not in samples]
    if missing:
        raise SpecError(f"'balanced' draws by the classes that chips hold, and the sample table has no {missing}")
    shares = samples[columns].fillna(0.0).to_numpy(np.float64)
    if target.per == "object" or target.multi_label:
        shares = np.column_stack([shares, shares.sum(axis=1) == 0])
    if target.multi_label:
        shares = shares / shares.sum(axis=1, keepdims=True)
    overall = shares.mean(axis=0)
    occurs = overall > 0
    weights = (shares[:, occurs] / overall[occurs] ** strength).sum(axis=1)
    chances: NDArray[np.float64] = weights / weights.sum()
    return chances
