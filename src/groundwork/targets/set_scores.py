"""Judge answers of several classes per image: by the order of their scores, and by what is decided from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundwork.batch import Truth
from groundwork.specs import TargetSpec
from groundwork.targets.classes import by_temperature
from groundwork.targets.kind import Accumulator, Gather
from groundwork.targets.labels import IGNORE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class SetScores(Accumulator):
    """Keeps truth and probabilities of all images: they are few, and order needs all of them at once.

    Answers that nobody knows are left out for each class by itself.
    """

    only_sums = False

    def __init__(self, target: TargetSpec, thresholds: Sequence[float]) -> None:
        super().__init__()
        self._target, self._thresholds = target, tuple(thresholds)
        self._truth: list[Tensor] = []
        self._given: list[Tensor] = []

    def update(self, truth: Truth, scores: Tensor) -> None:
        """Add answers (batch, classes), IGNORE where not known, and raw scores."""
        self._truth.append(truth.target.detach().cpu().to(torch.int8))
        self._given.append(by_temperature(scores.detach().cpu().double(), self._target).sigmoid())

    def add(self, other: Accumulator) -> None:
        """See :class:`Accumulator`."""
        if not isinstance(other, SetScores):
            raise TypeError(f"Scores of several classes cannot be added to {type(other).__name__}")
        self._truth += other._truth  # noqa: SLF001 - of the same class
        self._given += other._given  # noqa: SLF001

    def gather(self, gather: Gather) -> None:
        """See :class:`Accumulator`."""
        self._truth, self._given = list(gather(self.truth)), list(gather(self.probabilities))

    @property
    def truth(self) -> Tensor:
        """Answers (images, classes), int8."""
        return torch.cat([torch.empty(0, self._target.num_outputs, dtype=torch.int8), *self._truth])

    @property
    def probabilities(self) -> Tensor:
        """What was given for them, (images, classes), float64."""
        return torch.cat([torch.empty(0, self._target.num_outputs, dtype=torch.float64), *self._given])

    def by_class(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return known answers and their probabilities (answers,) of each class."""
        truth, given = self.truth, self.probabilities
        known = truth != IGNORE
        return {
            name: (truth[known[:, index], index], given[known[:, index], index])
            for index, name in enumerate(self._target.names)
        }

    def num_known(self) -> int:
        """Return the number of images of which anything is known."""
        return int((self.truth != IGNORE).any(dim=1).sum())

    def compute(self) -> dict[str, float]:
        """Return ``map``, both F1, and average precision and AUROC of each class."""
        report = self.report()
        scores = {name: report[name] for name in ("map", "f1_micro", "f1_macro")}
        for part in ("ap", "auroc"):
            scores |= {f"{part}_{name}": value for name, value in report[part].items()}
        return {name: float(value) for name, value in scores.items() if value is not None}

    def report(self) -> dict[str, Any]:
        """Return mean scores, and those of each class, rounded to six digits behind the point.

        Average precision and AUROC need answers of both kinds: they are None for a class that all known images are of,
        or none is, and ``map`` is the mean over the others. F1 comes from the thresholds; ``f1_macro`` is the mean over
        the classes that occur in truth, the same ones for all that are compared.
        """
        from sklearn.metrics import average_precision_score, roc_auc_score  # noqa: PLC0415 - it loads slowly

        answers = self.by_class()
        limits = dict(zip(answers, self._thresholds, strict=True))
        counts = {name: _count(*pair, limits[name]) for name, pair in answers.items()}
        parts: dict[str, Mapping[str, float | None]] = {
            "ap": {name: _ordered(average_precision_score, *pair) for name, pair in answers.items()},
            "auroc": {name: _ordered(roc_auc_score, *pair) for name, pair in answers.items()},
            "class_f1": {name: _f1(*found) for name, found in counts.items()},
            "class_precision": {name: _share(hits, wrong) for name, (hits, wrong, _) in counts.items()},
            "class_recall": {name: _share(hits, missed) for name, (hits, _, missed) in counts.items()},
            "images": {name: int((truth == 1).sum()) for name, (truth, _) in answers.items()},
            "known": {name: len(truth) for name, (truth, _) in answers.items()},
            "threshold": limits,
        }
        sums = [sum(column) for column in zip(*counts.values(), strict=True)]
        occurring = [parts["class_f1"][name] for name, images in parts["images"].items() if images]
        means = {"map": _mean(parts["ap"].values()), "f1_micro": _f1(*sums), "f1_macro": _mean(occurring)}
        return _rounded(means) | {name: _rounded(part) for name, part in parts.items()}

    def draw(self) -> Figure:
        """Draw precision over recall of each class, and what was found, missed and made up."""
        from groundwork.targets.set_figure import draw_sets  # noqa: PLC0415 - matplotlib loads slowly

        answers = {name: (truth.numpy(), given.numpy()) for name, (truth, given) in self.by_class().items()}
        return draw_sets(answers, self._target.classes, self._thresholds)

    def reset(self) -> None:
        """Begin anew."""
        self._truth, self._given = [], []


def has_both(truth: Tensor) -> bool:
    """Return whether there are answers of both kinds: scores by order, and a threshold, need them."""
    return bool((truth == 1).any()) and bool((truth == 0).any())


def _ordered(
    score: Callable[[NDArray[np.int8], NDArray[np.float64]], float], truth: Tensor, given: Tensor
) -> float | None:
    return float(score(truth.numpy(), given.numpy())) if has_both(truth) else None


def _count(truth: Tensor, given: Tensor, threshold: float) -> tuple[int, int, int]:
    """Return how many images are rightly said to be of a class, wrongly, and wrongly not."""
    said, is_so = given >= threshold, truth == 1
    return int((said & is_so).sum()), int((said & ~is_so).sum()), int((~said & is_so).sum())


def _f1(hits: int, wrong: int, missed: int) -> float | None:
    total = 2 * hits + wrong + missed
    return 2 * hits / total if total else None


def _share(hits: int, others: int) -> float | None:
    return hits / (hits + others) if hits + others else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}
