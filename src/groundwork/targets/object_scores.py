"""Judge objects that were found by the average precision of each class, and by counts from a score on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundwork.batch import Truth
from groundwork.targets.kind import Accumulator, Gather
from groundwork.targets.labels import IGNORE
from groundwork.targets.object_gathering import gather_objects
from groundwork.targets.object_masks import draw_masks
from groundwork.targets.object_matching import (
    ANY_SIZE,
    SIZES,
    ImageObjects,
    MaskOverlaps,
    Matches,
    match,
    verdicts_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Objects of at least this score count as found in precision, recall and F1, and are shown in pictures.
SHOWN = 0.5
#: Average precisions at one overlap, and its index among the thresholds.
_AT = {"map_50": 0, "map_75": 5}
#: What of masks a training is watched by.
_OF_MASKS = ("mask_map", "mask_map_50")


class FoundObjects(Accumulator):
    """Keeps the boxes of each image, what was found and what is there; they are few beside pixels.

    Args:
        names: Of the classes.
        masks: Whether objects are judged by their pixels, too. What was found without cells has those of its box.
    """

    only_sums = False

    def __init__(self, names: Sequence[str], *, masks: bool = False) -> None:
        super().__init__()
        self._names = tuple(names)
        self._has_masks = masks
        self._images: list[list[ImageObjects]] = []
        #: The same, with the pixels of each.
        self._masked: list[list[ImageObjects]] = []

    def update(self, truth: Truth, scores: Tensor) -> None:
        """Add a batch. See :class:`Accumulator`.

        Args:
            truth: With objects, whose centres, where they are not given, are those of their boxes. What lies in
                pixels that are not known is left out on both sides.
            scores: Rows (batch, most, 6 or more) of box, score, class index and cells; those of score 0 are none.

        Raises:
            ValueError: Where objects are judged by their pixels, and the truth has none.
        """
        for given, entry, answers in zip(scores.detach().float().cpu(), truth.objects or (), truth.target, strict=True):
            known = answers.cpu().numpy()
            told = {name: part.cpu().numpy() for name, part in entry.items() if name != "masks"}
            rows = given[given[:, 4] > 0]
            parts = _by_class(rows.numpy(), told, known, len(self._names))
            self._images.append([part for part, _ in parts])
            if self._has_masks:
                if "masks" not in entry:
                    raise ValueError("Objects are judged by their masks, and those of the label were not given")
                pixels = draw_masks(rows, (known.shape[-2], known.shape[-1])).numpy()
                overlap = MaskOverlaps.of(pixels, entry["masks"].cpu().numpy() > 0)
                self._masked.append([replace(part, masks=overlap.part(*chosen)) for part, chosen in parts])

    def add(self, other: Accumulator) -> None:
        """See :class:`Accumulator`."""
        if not isinstance(other, FoundObjects):
            raise TypeError(f"Objects cannot be added to {type(other).__name__}")
        self._images += other._images  # noqa: SLF001 - of the same class
        self._masked += other._masked  # noqa: SLF001 - of the same class

    def gather(self, gather: Gather) -> None:
        """See :class:`Accumulator`."""
        self._images = gather_objects(self._images, len(self._names), gather)
        if self._has_masks:
            self._masked = gather_objects(self._masked, len(self._names), gather, masks=True)

    def num_known(self) -> int:
        """Return how many objects are asked for."""
        return sum(int(part.judged.sum()) for image in self._images for part in image)

    def compute(self) -> dict[str, float]:
        """Return ``map``, ``map_50``, ``f1`` and the average precision of each class, and those of masks."""
        report = self._report(self._images) | self._report_masks()
        watched = {name: report[name] for name in ("map", "map_50", "f1", *_OF_MASKS) if name in report}
        by_class = {f"ap_{name}": value for name, value in report["ap"].items()}
        by_class |= {f"mask_ap_{name}": value for name, value in report.get("mask_ap", {}).items()}
        return {name: float(value) for name, value in (watched | by_class).items() if value is not None}

    def report(self) -> dict[str, Any]:
        """Return all scores, rounded to six digits behind the point.

        ``map`` is the mean of ``ap`` over the classes that occur, and ``ap`` the average precision of each, the mean
        over overlaps from 0.5 to 0.95; ``map_50``, ``map_75`` and ``ap_50`` are those at one overlap, ``map_small``,
        ``map_medium`` and ``map_large`` those of objects of up to 32, from 32 to 96 and from 96 pixels of a square's
        side on: those of exactly 32 or 96 belong to both, as COCO has it.
        Precision, recall and F1 are of objects from :data:`SHOWN` on, at an overlap of 0.5, and their means over the
        classes. Overlaps and sizes are those of boxes; of pixels those that begin with ``mask_``.
        """
        scores, masks = self._report(self._images), self._report_masks()
        places = list(scores)
        after = places.index("map_75") + 1
        ordered = [*((name, scores[name]) for name in places[:after]), *_by_size(self._images, len(self._names))]
        ordered += [(name, scores[name]) for name in places[after:]]
        ordered += masks.items()
        if self._has_masks:
            ordered += [(f"mask_{name}", value) for name, value in _by_size(self._masked, len(self._names))]
        return {name: _rounded(value) for name, value in ordered}

    def headline(self) -> dict[str, Any]:
        """Return all scores but those of sizes, each of which is matched anew."""
        scores = self._report(self._images) | self._report_masks()
        return {name: _rounded(value) for name, value in scores.items()}

    def draw(self) -> Figure:
        """Draw precision over recall for each class: of masks, where objects are judged by them."""
        from groundwork.targets.precision_figure import draw_precision  # noqa: PLC0415 - matplotlib loads slowly

        matches = _matches(self._masked if self._has_masks else self._images, len(self._names))
        return draw_precision(dict(zip(self._names, matches, strict=True)), SHOWN)

    def reset(self) -> None:
        """Begin anew."""
        self._images, self._masked = [], []

    def _report_masks(self) -> dict[str, Any]:
        if not self._has_masks:
            return {}
        found = self._report(self._masked)
        return {f"mask_{name}": found[name] for name in ("map", *_AT, "ap", "ap_50")}

    def _report(self, images: Sequence[Sequence[ImageObjects]]) -> dict[str, Any]:
        matches = _matches(images, len(self._names))
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


def verdicts(truth: Truth, rows: Tensor, num_classes: int, *, masks: bool) -> list[tuple[str, int]]:
    """Return what of one image is "right" or "wrong", with its number in rows, and which objects are "missed".

    Args:
        truth: As a batch of one.
        rows: What was found (found, 6 or more), all of a score above 0.
        num_classes: Number of classes.
        masks: Whether an overlap of 0.5 is that of pixels, and not that of boxes.
    """
    judged = FoundObjects([str(index) for index in range(num_classes)], masks=masks)
    judged.update(truth, rows[None])
    (image,) = judged._masked if masks else judged._images  # noqa: SLF001 - of this module
    labels = (truth.objects or ())[0]["labels"].cpu().numpy()
    found: list[tuple[str, int]] = []
    for index, part in enumerate(image):
        mine, theirs = (np.flatnonzero(of == index) for of in (rows[:, 5].cpu().numpy(), labels))
        for verdict, numbers in verdicts_of(part).items():
            whole = theirs if verdict == "missed" else mine
            found += [(verdict, int(number)) for number in whole[numbers]]
    return found


def _matches(
    images: Sequence[Sequence[ImageObjects]], num_classes: int, size: tuple[float, float] = ANY_SIZE
) -> list[Matches]:
    return [match([image[index] for image in images], size) for index in range(num_classes)]


def _by_size(images: Sequence[Sequence[ImageObjects]], num_classes: int) -> list[tuple[str, float | None]]:
    found = [(name, _mean_precisions(_matches(images, num_classes, size))) for name, size in SIZES.items()]
    return [(f"map_{name}", _mean(values)) for name, values in found]


def _by_class(
    rows: NDArray[np.float32],
    entry: Mapping[str, NDArray[np.generic]],
    answers: NDArray[np.int64],
    num_classes: int,
) -> list[tuple[ImageObjects, tuple[NDArray[np.bool_], NDArray[np.bool_]]]]:
    """Return the objects of each class, and which of all they are: of those found, and of those there."""
    found = rows[:, :4].astype(np.float64)
    there, labels = entry["boxes"].reshape(-1, 4).astype(np.float64), entry["labels"]
    centers = entry["centers"].astype(np.float64) if "centers" in entry else (there[:, :2] + there[:, 2:]) / 2
    judged, known = _judged(centers, answers), answers[0][_centers(found, answers.shape[-2:])] != IGNORE
    parts = []
    for index in range(num_classes):
        mine, theirs = rows[:, 5] == index, labels == index
        part = ImageObjects(found[mine], rows[mine, 4].astype(np.float64), known[mine], there[theirs], judged[theirs])
        parts.append((part, (mine, theirs)))
    return parts


def _judged(centers: NDArray[np.float64], answers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which objects are asked for in this image: those whose centre lies in it, where the answer is known.

    The centre of an object that the image shows in part may lie in another image, which asks for it then.
    """
    height, width = answers.shape[-2:]
    columns, rows = np.floor(centers).astype(np.int64).T
    judged = np.asarray((columns >= 0) & (columns < width) & (rows >= 0) & (rows < height))
    judged[judged] = answers[0][rows[judged], columns[judged]] != IGNORE
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
