"""Nothing is asked: rasters without labels, from which a model learns, or whose features are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from groundwork.batch import Answers, Truth
from groundwork.errors import SpecError
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import TargetSpec
from groundwork.targets.kind import Accumulator, Direction, Gather, Products, RasterKind
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.statistics import TargetStatistics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Where there is data, and where there is none.
COLORS = np.array([(255, 255, 255), (190, 190, 190)], np.uint8)


@final
class NoLabel(Label):
    """Stands for a label where there is none."""

    path = Path("no label")

    def check_grid(self, grid: Grid) -> None:
        """See :class:`Label`: nothing lies anywhere."""

    def read(self, window: Window) -> Answers:
        """Return that all pixels are of use (height, width); those without data are hidden afterwards."""
        return np.ones((int(window.height), int(window.width)), np.bool_)

    def close(self) -> None:
        """Nothing is open."""


@final
class NoScores(Accumulator):
    """Counts pixels: nothing of them is judged."""

    only_sums = False

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def update(self, truth: Truth, scores: Tensor) -> None:  # noqa: ARG002
        """Count the pixels that are of use."""
        self._count += int(truth.target.sum())

    def add(self, other: Accumulator) -> None:
        """See :class:`Accumulator`."""
        self._count += other.num_known()

    def gather(self, gather: Gather) -> None:
        """See :class:`Accumulator`."""
        self._count = sum(int(count) for count in gather(torch.tensor([self._count])))

    def num_known(self) -> int:
        """See :class:`Accumulator`."""
        return self._count

    def compute(self) -> dict[str, float]:
        """There are no scores: such a training is watched by its loss."""
        return {}

    def report(self) -> dict[str, Any]:
        """There are no scores."""
        return {}

    def draw(self) -> Figure:
        """Draw nothing."""
        from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib loads slowly

        return Figure()

    def reset(self) -> None:
        """Begin anew."""
        self._count = 0


@final
class Nothing(RasterKind):
    """No answers. What stands for them says which pixels hold data, (height, width), bool.

    All sums are of such pixels, so that chips are cut and counted as those with labels are. There are no scores, and
    no rasters of answers: what a model of such rasters gives is judged and written as what it is.
    """

    per = "nothing"
    main_score = ""
    headline = ()
    constant_name = "nothing"
    num_terms = 1
    term_type = np.int64

    @classmethod
    def check(cls, target: TargetSpec) -> None:
        """See :class:`TargetKind`."""
        if target.per != "nothing":
            raise SpecError(
                "This task learns from rasters alone, and would leave their labels aside: write 'target: "
                "nothing' in data, or take the task that learns such labels"
            )

    @classmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:  # noqa: ARG003
        """There are none beside the loss."""
        return {}

    def open_label(self, source: LabelSource, grid: Grid) -> NoLabel:  # noqa: ARG002
        """Return what stands for a label."""
        return NoLabel()

    def known(self, answers: Answers) -> NDArray[np.bool_]:
        """See :class:`TargetKind`."""
        return np.asarray(answers, np.bool_)

    def hide(self, answers: Answers, known: NDArray[np.bool_]) -> None:
        """See :class:`TargetKind`."""
        answers[~known] = False

    def nothing_known(self, answers: Tensor) -> Tensor:
        """Return False."""
        return answers.new_tensor(False)

    def asked(self, target: Tensor) -> Tensor:
        """Return which pixels are of use."""
        return target

    def terms(self, answers: Answers) -> Iterator[NDArray[np.int64]]:
        """Yield 1 for each pixel that is of use."""
        yield np.asarray(answers, np.int64)

    def num_known(self, sums: NDArray[np.generic]) -> int:
        """See :class:`TargetKind`."""
        return int(np.asarray(sums, np.int64)[0])

    def columns(self, sums: NDArray[np.generic]) -> dict[str, float]:  # noqa: ARG002
        """There is nothing to say of answers."""
        return {}

    def summarise(self, sums: NDArray[np.generic]) -> TargetStatistics:  # noqa: ARG002
        """There is nothing to keep."""
        return TargetStatistics()

    def constant(self, statistics: TargetStatistics) -> Tensor:  # noqa: ARG002
        """Return no scores."""
        return Tensor()

    def picture(self, answers: Answers) -> NDArray[np.uint8]:
        """Return grey where there is data."""
        return np.asarray(COLORS[np.asarray(answers, np.int64)])

    def picture_of_errors(self, truth: Answers, answers: Answers) -> NDArray[np.uint8]:  # noqa: ARG002
        """Return white: nothing can be wrong."""
        return self.picture(np.zeros_like(truth))

    def legend(self) -> list[tuple[str, str]]:
        """There are no colours to explain."""
        return []

    def accumulator(self) -> NoScores:
        """See :class:`TargetKind`."""
        return NoScores()

    def combine(self, scores: Sequence[Tensor]) -> Tensor:
        """Return the mean."""
        return torch.stack(list(scores)).mean(dim=0)

    def activate(self, scores: Tensor) -> Tensor:
        """Return what a model gives as it is."""
        return scores

    def deactivate(self, activated: Tensor) -> Tensor:
        """Return what a model gives as it is."""
        return activated

    def decide(self, scores: Tensor) -> Tensor:
        """Return what a model gives as it is."""
        return scores

    def profiles(self, grid: Grid, tags: Mapping[str, str], *, details: Collection[str]) -> dict[str, RasterProfile]:  # noqa: ARG002
        """There are no rasters of answers."""
        return {}

    def from_product(self, values: NDArray[np.generic], known: NDArray[np.bool_]) -> Answers:  # noqa: ARG002
        """Return where there is data."""
        return known

    def products(
        self,
        blended: NDArray[np.float32],  # noqa: ARG002
        valid: NDArray[np.bool_],  # noqa: ARG002
        profiles: Mapping[str, RasterProfile],  # noqa: ARG002
    ) -> Products:
        """There are no rasters of answers."""
        return {}
