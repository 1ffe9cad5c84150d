"""Windows around pixels of some classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, final

import numpy as np
from pydantic import Field
from torch.utils.data import Dataset

from groundwork.batch import Chip
from groundwork.data.chips import LabelledData, RasterChips
from groundwork.data.sampling.base import EpochOrder, Sampling, Store
from groundwork.data.sampling.ground import TrainingGround, refuse_packed
from groundwork.errors import SpecError
from groundwork.specs import TargetSpec
from groundwork.strict import did_you_mean


@dataclass(frozen=True, slots=True)
class Wanted:
    """What windows are drawn around."""

    #: Indexes of the classes.
    classes: tuple[int, ...]
    #: How many of the windows are drawn around them; the others lie anywhere.
    share: float


@final
class NumberedOrder(EpochOrder[tuple[int, int]]):
    """The epoch, and the number of each window in it."""

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for number in range(self._length):
            yield self._epoch, number


@final
class ObjectChips(Dataset[Chip]):
    """Windows that hold a pixel of some classes, at any place in the window."""

    def __init__(self, data: LabelledData, seed: int, wanted: Wanted) -> None:
        """Find the chips that hold one.

        Raises:
            SpecError: Where the table does not say which classes chips hold, or no training chip holds one of these.
        """
        samples = data.of_split("train")
        names = [data.target.names[index] for index in wanted.classes]
        columns = [f"fraction_{name}" for name in names if f"fraction_{name}" in samples]
        holding = samples[columns].fillna(0.0).to_numpy(np.float64) > 0
        self._holding = np.flatnonzero(holding.any(axis=1))
        if not len(self._holding):
            raise SpecError(f"no training chip holds a pixel of {names}, by the columns {columns} of the sample table")
        self._chips, self._ground = RasterChips(data, samples), TrainingGround(samples)
        self._wanted, self._seed, self._kind = wanted, seed, data.kind

    def __getitem__(self, key: tuple[int, int]) -> Chip:
        """Read one window, by its epoch and its number in it."""
        random = np.random.default_rng([self._seed, *key])
        if random.random() >= self._wanted.share:
            chip = int(random.integers(len(self._chips)))
            return self._chips.read_at(chip, *self._ground.draw(chip, random))
        chip = int(random.choice(self._holding))
        row, column, size = self._ground.window(chip)
        # What classes are summed up by says where each lies, of pixels and of objects, in the order of the classes.
        answers = list(self._kind.terms(np.asarray(self._chips.read_at(chip).patch.target)))
        pixels = np.argwhere(np.any([answers[index] for index in self._wanted.classes], axis=0))
        # Any place in the window, as at its centre it would be learnt that this is where such things are.
        down, right = pixels[random.integers(len(pixels))] - random.integers(0, size, 2)
        return self._chips.read_at(chip, *self._ground.place(chip, row + int(down), column + int(right)))


@final
class AroundObjects(Sampling):
    """Windows drawn anew each epoch around pixels of some classes, such as small and rare objects."""

    def __init__(
        self,
        data: LabelledData,
        seed: int,
        *,
        classes: Annotated[tuple[str, ...], Field(min_length=1)],
        share: Annotated[float, Field(gt=0, le=1)] = 0.5,
        samples_per_epoch: Annotated[int, Field(gt=0)] | None = None,
    ) -> None:
        """Find the classes.

        Args:
            data: Whose training chips say where windows may lie.
            seed: Of the run.
            classes: Names of the classes of which each window around objects holds a pixel.
            share: Share of the windows that are drawn around objects; the others lie anywhere, as of `random`.
            samples_per_epoch: Windows of an epoch. None: as many as the table has training chips.

        Raises:
            SpecError: For packed chips, a class that there is not, and classes that no training chip holds.
        """
        self.check("files" if data.store is None else "packed", data.target)
        names = data.target.names
        for name in classes:
            if name not in names:
                raise SpecError(f"the target has no class '{name}'.{did_you_mean(name, names)} Known: {list(names)}")
        wanted = Wanted(tuple(names.index(name) for name in classes), share)
        self._chips, self._seed = ObjectChips(data, seed, wanted), seed
        self._length = samples_per_epoch or len(data.of_split("train"))

    @classmethod
    def check(cls, store: Store, target: TargetSpec) -> None:
        """See :class:`Sampling`."""
        if not target.classes or target.per == "image":
            raise SpecError("'around_objects' draws windows around pixels of classes, and the target has none")
        refuse_packed("around_objects", store)

    def chips(self) -> Dataset[Chip]:
        """See :class:`Sampling`."""
        return self._chips

    def order(self) -> NumberedOrder:
        """See :class:`Sampling`."""
        return NumberedOrder(self._length, self._seed)
