"""How well the edges of classes are met: IoU of pixels near them alone (Cheng et al. 2021, Boundary IoU)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from groundwork.evaluation.details import Detail, Judged
from groundwork.targets.labels import IGNORE


@final
class BoundaryIou(Detail):
    """IoU of the inner edges of each class: its pixels from which one of another class is near.

    Pixels that nobody knows and the edges of chips make no edge of a class, in the answers as in the truth. Near is
    what lies within the width in rows and in columns, as an erosion by squares of three pixels, so many times, has it.
    """

    def __init__(self, names: Sequence[str], width: int) -> None:
        """Begin with no pixel.

        Args:
            names: Of the classes.
            width: Width of the edges in pixels.
        """
        self._names, self._width = tuple(names), width
        #: For each class the pixels of both edges, of either, and of that of the truth (classes, 3).
        self._counts = torch.zeros(len(self._names), 3, dtype=torch.int64)

    def update(self, judged: Judged) -> None:
        """Add a chip: classes (height, width), IGNORE where not known, and scores (classes, height, width)."""
        known = judged.truth != IGNORE
        truth = self._edges(judged.truth, known)
        said = self._edges(judged.scores.argmax(dim=0), known)
        counted = judged.counted != IGNORE
        parts = (truth & said, truth | said, truth)
        self._counts += torch.stack([(part & counted).flatten(1).sum(dim=1) for part in parts], dim=1)

    def _edges(self, classes: Tensor, known: Tensor) -> Tensor:
        """Return the inner edge of each class (classes, height, width)."""
        every = torch.arange(len(self._names)).reshape(-1, 1, 1)
        inside = (classes == every) | ~known
        # The lowest value within reach; what lies beyond a chip is left out of account.
        side = 2 * self._width + 1
        lowest = -functional.max_pool2d(-inside[None].float(), side, stride=1, padding=self._width)[0]
        return inside & known & (lowest == 0)

    def report(self) -> dict[str, Any]:
        """Return the mean over the classes that have an edge in truth, and the IoU of each; None without any edge."""
        counts = self._counts.tolist()
        ious = [_rounded(both, either) for both, either, _ in counts]
        with_edge = [iou for iou, (*_, true) in zip(ious, counts, strict=True) if true and iou is not None]
        mean = round(sum(with_edge) / len(with_edge), 6) if with_edge else None
        return {"boundary_miou": mean, "boundary_iou": dict(zip(self._names, ious, strict=True))}


def _rounded(both: int, either: int) -> float | None:
    return round(both / either, 6) if either else None
