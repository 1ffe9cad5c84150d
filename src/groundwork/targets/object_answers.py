"""Answers of objects as answers of pixels, so that they are summed up, hidden and drawn as all others are."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundwork.batch import Answers
from groundwork.errors import SpecError
from groundwork.rasters.grid import Grid
from groundwork.specs import ObjectSpec, TargetSpec
from groundwork.targets.classes import fraction_column
from groundwork.targets.kind import TargetKind
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.labels import IGNORE
from groundwork.targets.object_pixels import NO_OBJECT
from groundwork.targets.statistics import TargetStatistics


class ObjectAnswers(TargetKind, ABC):
    """Objects of classes. Answers are int16, (2, height, width).

    The first plane holds 1 + the class index of the smallest object over a pixel, 0 where there is none, and IGNORE
    where nobody knows. The second holds 1 + the class index of an object whose centre lies in the pixel, or else 0, so
    that sums over pixels count each object once, however a scene is cut. The objects of a window themselves are asked
    of the label: see :meth:`groundwork.targets.label.Label.with_objects`.
    """

    per = "object"
    term_type = np.int64

    def __init__(self, target: TargetSpec) -> None:
        super().__init__(target)
        self._num_classes = target.num_outputs
        self.num_terms = 2 * self._num_classes + 1
        self.objects = target.objects or ObjectSpec()

    @classmethod
    def check(cls, target: TargetSpec) -> None:
        """See :class:`TargetKind`."""
        if not target.classes or target.per != "object":
            raise SpecError("This task finds objects of classes: give data.target.classes, and 'per: object'")
        vectors = target.vectors
        if vectors is not None and vectors.elsewhere is not None:
            raise SpecError(
                "'vectors.elsewhere' names a class for ground without features, where there is no object: remove it"
            )
        if vectors is not None and vectors.overlap != "refuse":
            raise SpecError("'vectors.overlap' is about pixels, and objects may lie upon each other: remove it")

    def open_label(self, source: LabelSource, grid: Grid) -> Label:
        """Open features of a vector file, or annotations in COCO's JSON."""
        # Both load slowly, and few targets need them.
        if self.target.vectors is not None:
            from groundwork.targets.drawn_objects import DrawnObjects  # noqa: PLC0415

            return DrawnObjects(source.paths, self.target, grid)
        from groundwork.targets.annotated_objects import AnnotatedObjects  # noqa: PLC0415

        return AnnotatedObjects(source, self.target, grid)

    def known(self, answers: Answers) -> NDArray[np.bool_]:
        """Return where it is known whether there is an object."""
        return np.asarray(answers[0] != IGNORE)

    def hide(self, answers: Answers, known: NDArray[np.bool_]) -> None:
        """See :class:`TargetKind`."""
        np.putmask(answers, np.broadcast_to(~known, answers.shape), IGNORE)

    def nothing_known(self, answers: Tensor) -> Tensor:
        """Return IGNORE."""
        return answers.new_tensor(IGNORE)

    def asked(self, target: Tensor) -> Tensor:
        """Return both planes as they are."""
        return target

    def terms(self, answers: Answers) -> Iterator[NDArray[np.int64]]:
        """Yield where each class lies, where no object does, and where centres of each class lie."""
        for index in range(self._num_classes):
            yield (answers[0] == 1 + index).astype(np.int64)
        yield (answers[0] == NO_OBJECT).astype(np.int64)
        for index in range(self._num_classes):
            yield (answers[1] == 1 + index).astype(np.int64)

    def num_known(self, sums: NDArray[np.generic]) -> int:
        """Return the number of pixels of which it is known whether an object lies there."""
        return int(np.asarray(sums, np.int64)[: self._num_classes + 1].sum())

    def columns(self, sums: NDArray[np.generic]) -> dict[str, float]:
        """Return the number of objects of each class, and the fraction of the known pixels that they cover."""
        counts, total, names = np.asarray(sums, np.int64), max(self.num_known(sums), 1), self.target.names
        found: dict[str, float] = {
            objects_column(name): int(count) for name, count in zip(names, counts[self._num_classes + 1 :], strict=True)
        }
        covered = zip(names, counts[: self._num_classes], strict=True)
        return found | {fraction_column(name): round(float(count) / total, 6) for name, count in covered}

    def summarise(self, sums: NDArray[np.generic]) -> TargetStatistics:
        """Return the number of objects of each class, and of the pixels that they cover."""
        counts, names = np.asarray(sums, np.int64).tolist(), self.target.names
        return TargetStatistics(
            class_pixels=dict(zip(names, counts[: self._num_classes], strict=True)),
            class_objects=dict(zip(names, counts[self._num_classes + 1 :], strict=True)),
        )


def objects_column(name: str) -> str:
    """Return the column in which tables of scenes and samples keep the number of objects of a class."""
    return f"objects_{name}"
