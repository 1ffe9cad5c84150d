"""One class for each pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import SpecError, TargetSpec
from groundwork.targets.confusion import ConfusionMatrix
from groundwork.targets.kind import Accumulator, Direction, Products, TargetKind
from groundwork.targets.metrics import compute_scores

CLASSES, PROBABILITIES = "classes", "probabilities"


class PixelClasses(TargetKind):
    """The class with the highest score; tiles are blended in probabilities; scores come from one confusion matrix."""

    @classmethod
    def check(cls, target: TargetSpec) -> None:
        """See :class:`TargetKind`."""
        if not target.classes or target.per != "pixel":
            raise SpecError(
                "Classes per pixel are learnt and predicted: give data.target.classes, and 'per: pixel'. No task for "
                "numbers, whole images or objects is there yet"
            )

    @classmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """See :class:`TargetKind`."""
        return dict.fromkeys(["miou", "overall_accuracy", *(f"iou_{name}" for name in target.names)], "max")

    def accumulator(self) -> ClassCounts:
        """Return an empty confusion matrix."""
        return ClassCounts(self)

    def activate(self, scores: Tensor) -> Tensor:
        """Return probabilities."""
        return scores.softmax(dim=1)

    def decide(self, scores: Tensor) -> Tensor:
        """Return the index of the highest score (batch, height, width)."""
        return scores.argmax(dim=1)

    def profiles(self, grid: Grid, tags: Mapping[str, str], *, details: bool) -> dict[str, RasterProfile]:
        """Return a class raster with names and colours, and with ``details`` the probability of each class."""
        dtype, nodata = class_nodata(self.target)
        colors = {entry.value: entry.rgb for entry in self.target.classes} if dtype == "uint8" else {}
        names = {f"CLASS_{entry.value}": entry.name for entry in self.target.classes}
        profiles = {CLASSES: RasterProfile(grid, dtype, ("class",), nodata, "mode", colors, {**tags, **names})}
        if details:
            bands = self.target.names
            profiles[PROBABILITIES] = RasterProfile(grid, "float32", bands, float("nan"), "average", tags=tags)
        return profiles

    def products(
        self, blended: NDArray[np.float32], valid: NDArray[np.bool_], profiles: Mapping[str, RasterProfile]
    ) -> Products:
        """See :class:`TargetKind`."""
        profile = profiles[CLASSES]
        values, nodata = np.array(self.target.values, profile.dtype), np.array(profile.nodata, profile.dtype)
        products: dict[str, NDArray[np.generic]] = {}
        products[CLASSES] = np.where(valid, values[blended.argmax(axis=0)], nodata)[None]
        if PROBABILITIES in profiles:
            products[PROBABILITIES] = np.where(valid, blended, np.float32(np.nan))
        return products


class ClassCounts(Accumulator):
    """Counts pixels by true and predicted class."""

    def __init__(self, kind: PixelClasses) -> None:
        super().__init__()
        self._kind = kind
        self._confusion = ConfusionMatrix(kind.target.num_outputs)

    def update(self, truth: Tensor, scores: Tensor) -> None:
        """Add class indexes (batch, height, width), IGNORE where not known, and raw scores."""
        self._confusion.update(truth, self._kind.decide(scores))

    def compute(self) -> dict[str, float]:
        """Return ``miou``, ``overall_accuracy`` and the IoU of each class that occurs."""
        scores = compute_scores(self._confusion.counts.cpu().numpy().copy(), self._kind.target.names)
        by_class = {f"iou_{name}": entry.iou for name, entry in scores.classes.items() if entry.iou is not None}
        return {"miou": scores.miou, "overall_accuracy": scores.overall_accuracy, **by_class}

    def reset(self) -> None:
        """Begin anew."""
        self._confusion.reset()


def class_nodata(target: TargetSpec) -> tuple[str, int]:
    """Return the data type of class rasters and a value that no class has."""
    taken = set(target.values)
    if min(taken) >= 0 and max(taken) <= 255:
        free = next((value for value in (255, 0, *range(254, 0, -1)) if value not in taken), None)
        if free is not None:
            return "uint8", free
    dtype = "int16" if min(taken) >= -(2**15) and max(taken) < 2**15 else "int32"
    return dtype, int(np.iinfo(dtype).min) if np.iinfo(dtype).min not in taken else int(np.iinfo(dtype).max)
