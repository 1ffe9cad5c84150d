"""Judge objects that were found by the average precision of each class, and by counts from a score on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundwork.batch import Truth
from groundwork.targets.kind import Accumulator, Gather
from groundwork.targets.labels import IGNORE
from groundwork.targets.object_gathering import gather_objects
from groundwork.targets.object_matching import ANY_SIZE, SIZES, ImageObjects, Matches, match, verdicts_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Objects of at least this score count as found in precision, recall and F1, and are shown in pictures.
SHOWN = 0.5
#: Average precisions at one overlap, and its index among the thresholds.
_AT = {"map_50": 0, "map_75": 5}


class FoundObjects(Accumulator):
    """Keeps the boxes of each image, what was found and what is there; they are few beside pixels."""

    only_sums = False

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = tuple(names)
        self._images: list[list[ImageObjects]] = []

    def update(self, truth: Truth, scores: Tensor) -> None:
        """Add a batch. See :class:`Accumulator`.

        Args:
            truth: With objects. What lies in pixels that are not known is left out on both sides.
            scores: Rows (batch, most, 6) of box, score and class index; those of score 0 are none.
        """
        objects = truth.objects or ()
        answers = truth.target.cpu().numpy()
        for rows, entry, known in zip(scores.detach().float().cpu().numpy(), objects, answers, strict=True):
            boxes, labels = (entry[name].cpu().numpy() for name in ("boxes", "labels"))
            self._images.append(_by_class(rows[rows[:, 4] > 0], boxes, labels, known, len(self._names)))

    def add(self, other: Accumulator) -> None:
        """See :class:`Accumulator`."""
        if not isinstance(other, FoundObjects):
            raise TypeError(f"Objects cannot be added to {type(other).__name__}")
        self._images += other._images  # noqa: SLF001 - of the same class

    def gather(self, gather: Gather) -> None:
        """See :class:`Accumulator`."""
        self._images = gather_objects(self._images, len(self._names), gather)

    def num_known(self) -> int:
        """Return how many objects are asked for."""
        return sum(int(part.judged.sum()) for image in self._images for part in image)

    def compute(self) -> dict[str, float]:
        """Return ``map``, ``map_50``, ``f1`` and the average precision of each class."""
        report = self._report(self._matches())
        by_class = {f"ap_{name}": value for name, value in report["ap"].items()}
        watched = {name: report[name] for name in ("map", "map_50", "f1")} | by_class
        return {name: float(value) for name, value in watched.items() if value is not None}

    def report(self) -> dict[str, Any]:
        """Return all scores, rounded to six digits behind the point.

        ``map`` is the mean of ``ap`` over the classes that occur, and ``ap`` the average precision of each, the mean
        over overlaps from 0.5 to 0.95; ``map_50``, ``map_75`` and ``ap_50`` are those at one overlap, ``map_small``,
        ``map_medium`` and ``map_large`` those of objects below 32, below 96 and from 96 pixels of a square's side on.
        Precision, recall and F1 are of objects from :data:`SHOWN` on, at an overlap of 0.5, and their means over the
        classes.
        """
        scores = self._report(self._matches())
        by_size = {f"map_{name}": _mean(_mean_precisions(self._matches(size))) for name, size in SIZES.items()}
        places = list(scores)
        after = places.index("map_75") + 1
        ordered = [*((name, scores[name]) for name in places[:after]), *by_size.items()]
        ordered += [(name, scores[name]) for name in places[after:]]
        return {name: _rounded(value) for name, value in ordered}

    def headline(self) -> dict[str, Any]:
        """Return all scores but those of sizes, each of which is matched anew."""
        return {name: _rounded(value) for name, value in self._report(self._matches()).items()}

    def draw(self) -> Figure:
        """Draw precision over recall for each class."""
        from groundwork.targets.precision_figure import draw_precision  # noqa: PLC0415 - matplotlib loads slowly

        return draw_precision(dict(zip(self._names, self._matches(), strict=True)), SHOWN)

    def verdicts(self) -> list[tuple[str, NDArray[np.float64]]]:
        """Return the box of each object that is right, wrong or missed, at an overlap of 0.5, under that word."""
        return [verdict for image in self._images for part in image for verdict in verdicts_of(part)]

    def reset(self) -> None:
        """Begin anew."""
        self._images = []

    def _matches(self, size: tuple[float, float] = ANY_SIZE) -> list[Matches]:
        return [match([image[index] for image in self._images], size) for index in range(len(self._names))]

    def _report(self, matches: Sequence[Matches]) -> dict[str, Any]:
        precisions = [entry.average_precision() for entry in matches]
        by_class = {
            "ap": _mean_precisions(matches),
            "ap_50": [None if part is None else part[0] for part in precisions],
        }
        at = {
            name: _mean([None if part is None else part[index] for part in precisions]) for name, index in _AT.items()
        }
        counted = [_rates(*entry.counts(SHOWN)) for entry in matches]
        rates = {name: [entry[name] for entry in counted] for name in ("precision", "recall", "f1")}
        named = by_class | {f"class_{name}": values for name, values in rates.items()}
        named["objects"] = [entry.num_objects for entry in matches]
        return {
            "map": _mean(by_class["ap"]),
            **at,
            **{name: _mean(values) for name, values in rates.items()},
            **{name: dict(zip(self._names, values, strict=True)) for name, values in named.items()},
        }


def _by_class(
    rows: NDArray[np.float32],
    boxes: NDArray[np.float32],
    labels: NDArray[np.int64],
    answers: NDArray[np.int64],
    num_classes: int,
) -> list[ImageObjects]:
    found = rows[:, :4].astype(np.float64)
    there = boxes.reshape(-1, 4).astype(np.float64)
    judged, known = _judged(there, labels, answers), answers[0][_centers(found, answers.shape[-2:])] != IGNORE
    parts = []
    for index in range(num_classes):
        mine, theirs = rows[:, 5] == index, labels == index
        parts.append(
            ImageObjects(found[mine], rows[mine, 4].astype(np.float64), known[mine], there[theirs], judged[theirs])
        )
    return parts


def _judged(boxes: NDArray[np.float64], labels: NDArray[np.int64], answers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which objects are asked for in this image: those whose centre lies in it, where the answer is known.

    The centre of an object that the image shows in part may lie in another image, which asks for it then.
    """
    size = answers.shape[-2:]
    rows, columns = _centers(boxes, size)
    edges = (boxes[:, 0] <= 0) | (boxes[:, 1] <= 0) | (boxes[:, 2] >= size[1]) | (boxes[:, 3] >= size[0])
    judged = np.asarray(answers[0][rows, columns] != IGNORE)
    centers = np.array(answers[1])
    centers[rows[~edges], columns[~edges]] = 0
    for index in np.flatnonzero(edges):
        left, top = np.floor(boxes[index, :2]).astype(int)
        right, bottom = np.ceil(boxes[index, 2:]).astype(int)
        inside = centers[max(top, 0) : bottom, max(left, 0) : right]
        judged[index] = bool((inside == 1 + labels[index]).any())
    return judged


def _centers(boxes: NDArray[np.float64], size: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column of the pixel in which the centre of each box lies."""
    columns = ((boxes[:, 0] + boxes[:, 2]) / 2).astype(np.int64).clip(0, size[1] - 1)
    rows = ((boxes[:, 1] + boxes[:, 3]) / 2).astype(np.int64).clip(0, size[0] - 1)
    return rows, columns


def _rates(right: int, wrong: int, missed: int) -> dict[str, float | None]:
    return {
        "precision": right / (right + wrong) if right + wrong else None,
        "recall": right / (right + missed) if right + missed else None,
        "f1": 2 * right / (2 * right + wrong + missed) if right + wrong + missed else None,
    }


def _mean_precisions(matches: Sequence[Matches]) -> list[float | None]:
    found = [entry.average_precision() for entry in matches]
    return [None if part is None else float(part.mean()) for part in found]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _rounded(value: float | Mapping[str, float | None] | None) -> Any:  # noqa: ANN401 - a number, or several by name
    if isinstance(value, Mapping):
        return {name: _rounded(entry) for name, entry in value.items()}
    return value if value is None or isinstance(value, int) else round(float(value), 6)
