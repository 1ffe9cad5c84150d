"""Hold what was found against what is there, as COCO does (https://cocodataset.org/#detection-eval)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

#: Two boxes are of one object where their overlap, as a share of what both cover, is at least this: each in turn.
THRESHOLDS = np.linspace(0.5, 0.95, 10)
#: Recalls at which the precision is averaged.
RECALLS = np.linspace(0, 1, 101)
#: Sides of a square that bound COCO's sizes, in pixels.
SIZES = {"small": (0.0, 32.0), "medium": (32.0, 96.0), "large": (96.0, np.inf)}
ANY_SIZE = (0.0, np.inf)


@dataclass(frozen=True)
class MaskOverlaps:
    """How the pixels of what was found in an image stand to those of what is there."""

    #: What two share of what both cover (found, objects).
    shares: NDArray[np.float64]
    #: Number of pixels of each that was found, and of each that is there.
    found: NDArray[np.float64]
    there: NDArray[np.float64]

    @classmethod
    def of(cls, found: NDArray[np.bool_], there: NDArray[np.bool_]) -> MaskOverlaps:
        """Compare masks (found, height, width) with others (objects, height, width)."""
        # Sums of ones are exact in float32 up to 16 million pixels.
        size = found.shape[1] * found.shape[2]
        one, other = (masks.reshape(len(masks), size).astype(np.float32) for masks in (found, there))
        shared, areas = (one @ other.T).astype(np.float64), (one.sum(axis=1), other.sum(axis=1))
        covered = areas[0][:, None] + areas[1][None] - shared
        return cls(shared / np.maximum(covered, 1), areas[0].astype(np.float64), areas[1].astype(np.float64))

    def part(self, found: NDArray[np.bool_], there: NDArray[np.bool_]) -> MaskOverlaps:
        """Return that of some of both."""
        return MaskOverlaps(self.shares[found][:, there], self.found[found], self.there[there])


@dataclass(frozen=True)
class ImageObjects:
    """What was found in an image, and what is there, of one class."""

    #: (found, 4): left, top, right, bottom.
    found: NDArray[np.float64]
    #: Of each that was found.
    scores: NDArray[np.float64]
    #: Whether it is known what lies at the centre of each that was found.
    known: NDArray[np.bool_]
    #: (objects, 4).
    there: NDArray[np.float64]
    #: Which of these are asked for here. Finding another is neither right nor wrong.
    judged: NDArray[np.bool_]
    #: By whose pixels they are judged. None: by their boxes.
    masks: MaskOverlaps | None = None

    def shares(self) -> NDArray[np.float64]:
        """Return what two share of what both cover (found, objects)."""
        return overlaps(self.found, self.there) if self.masks is None else self.masks.shares

    def areas(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the area of each that was found, and of each that is there, in pixels."""
        if self.masks is None:
            return _areas(self.found), _areas(self.there)
        return self.masks.found, self.masks.there

    @cached_property
    def matched(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """What is right and what is wrong (thresholds, found), and which objects were matched, whatever their size.

        Kept, as scores with intervals ask for it a hundred times.
        """
        return _match_image(self, ANY_SIZE)


@dataclass(frozen=True, slots=True)
class Matches:
    """How what was found of one class in some images stands to what is there."""

    #: From the highest (found,).
    scores: NDArray[np.float64]
    #: Whether it is right at each threshold (thresholds, found).
    right: NDArray[np.bool_]
    #: Whether it is wrong (thresholds, found); the others count for nothing.
    wrong: NDArray[np.bool_]
    #: Number of objects that are asked for.
    num_objects: int

    def average_precision(self) -> NDArray[np.float64] | None:
        """Return the average precision at each threshold; None where no object is asked for."""
        if not self.num_objects:
            return None
        return np.array([_interpolated(*self.curve(index)).mean() for index in range(len(THRESHOLDS))])

    def curve(self, threshold: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return recall and precision after each that was found, from the highest score, at a threshold's index."""
        right, wrong = self.right[threshold].cumsum(), self.wrong[threshold].cumsum()
        counted = self.right[threshold] | self.wrong[threshold]
        right, wrong = right[counted], wrong[counted]
        return right / max(self.num_objects, 1), right / np.maximum(right + wrong, 1)

    def counts(self, score: float) -> tuple[int, int, int]:
        """Return how many were found, were found where nothing is, and were missed, from a score on.

        At the lowest threshold of the overlap.
        """
        shown = self.scores >= score
        right, wrong = int(self.right[0, shown].sum()), int(self.wrong[0, shown].sum())
        return right, wrong, self.num_objects - right


def match(images: Sequence[ImageObjects], size: tuple[float, float] = ANY_SIZE) -> Matches:
    """Match what was found with what is there, image by image, from the highest score.

    Each object is matched once, with what overlaps it enough and comes first; what comes later is wrong.

    Args:
        images: Of one class.
        size: Sides of squares; objects as large as these, and of any size between, are asked for alone.
    """
    parts = [image.matched if size == ANY_SIZE else _match_image(image, size) for image in images]
    none = np.zeros((len(THRESHOLDS), 0), np.bool_)
    scores = np.concatenate([image.scores for image in images] or [np.zeros(0)])
    right = np.concatenate([part[0] for part in parts] or [none], axis=1)
    wrong = np.concatenate([part[1] for part in parts] or [none], axis=1)
    order = np.argsort(-scores, kind="stable")
    num_objects = sum(int(_asked(image, size).sum()) for image in images)
    return Matches(scores[order], right[:, order], wrong[:, order], num_objects)


def verdicts_of(image: ImageObjects) -> dict[str, NDArray[np.int64]]:
    """Return which of what was found is right and wrong at the lowest threshold, and which objects are missed."""
    right, wrong, taken = image.matched
    parts = {"right": right[0], "wrong": wrong[0], "missed": image.judged & ~taken[0]}
    return {verdict: np.flatnonzero(part) for verdict, part in parts.items()}


def overlaps(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each two boxes what both share of what they cover together (one, other)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    covered = _areas(one)[:, None] + _areas(other)[None] - shared
    return np.asarray(shared / np.maximum(covered, 1e-12))


def _match_image(
    image: ImageObjects, size: tuple[float, float]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what is right and what is wrong (thresholds, found), and which objects were matched with any."""
    asked = _asked(image, size)
    count = len(image.scores)
    right, aside = np.zeros((2, len(THRESHOLDS), count), np.bool_)
    overlap = image.shares()
    free = np.ones((len(THRESHOLDS), len(image.there)), np.bool_)
    near = overlap.max(axis=1, initial=0) >= THRESHOLDS[0]
    for index in np.argsort(-image.scores, kind="stable"):
        if not near[index]:
            continue
        # What is asked for goes before what is not, however much of it is covered.
        worth = np.where(free & (overlap[index] >= THRESHOLDS[:, None]), overlap[index] + 2 * asked, -1.0)
        best = worth.argmax(axis=1)
        matched = worth.max(axis=1) >= 0
        free[matched, best[matched]] = False
        right[:, index] = matched & asked[best]
        aside[:, index] = matched & ~asked[best]
    outside = ~image.known | ~_within(image.areas()[0], size)
    return right, ~right & ~aside & ~outside, ~free


def _asked(image: ImageObjects, size: tuple[float, float]) -> NDArray[np.bool_]:
    return image.judged & _within(image.areas()[1], size)


def _within(areas: NDArray[np.float64], size: tuple[float, float]) -> NDArray[np.bool_]:
    # As pycocotools has it: an object of exactly 32 x 32 pixels is both a small and a medium one.
    return np.asarray((areas >= size[0] ** 2) & (areas <= size[1] ** 2))


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))


def _interpolated(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the highest precision that is reached at each recall of :data:`RECALLS` or a higher one."""
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    return np.append(highest, 0.0)[places]
