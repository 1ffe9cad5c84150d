"""How well the edges of classes are met: IoU of pixels near them alone (Cheng et al. 2021, Boundary IoU)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from groundwork.evaluation.details import Detail, Judged
from groundwork.targets.labels import IGNORE
from groundwork.targets.likeliest import likeliest


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
        #: Pixels of the edge of each class: in truth, as it was said, and in both (3, classes).
        self._counts = torch.zeros(3, len(self._names), dtype=torch.int64)

    def update(self, judged: Judged) -> None:
        """Add a chip: classes (height, width), IGNORE where not known, and scores (classes, height, width)."""
        known, said = judged.truth != IGNORE, likeliest(judged.scores, dim=0)
        of_truth, of_said = (self._at_edges(classes, known) for classes in (judged.truth, said))
        counted = judged.counted != IGNORE
        both = of_truth & of_said & (judged.truth == said)
        edges = ((judged.truth, of_truth), (said, of_said), (said, both))
        found = [classes[at_edge & counted].long() for classes, at_edge in edges]
        self._counts += torch.stack([torch.bincount(classes, minlength=len(self._names)) for classes in found])

    def _at_edges(self, classes: Tensor, known: Tensor) -> Tensor:
        """Return where a known pixel of another class is near (height, width)."""
        side, own = 2 * self._width + 1, classes.float()
        highest, lowest = (
            functional.max_pool2d(torch.where(known, sign * own, -torch.inf)[None], side, 1, self._width)[0]
            for sign in (1, -1)
        )
        return known & ((highest > own) | (-lowest < own))

    def report(self) -> dict[str, Any]:
        """Return the mean over the classes that have an edge in truth, and the IoU of each; None without any edge."""
        counts = self._counts.T.tolist()
        ious = [_rounded(both, true + said - both) for true, said, both in counts]
        with_edge = [iou for iou, (true, *_) in zip(ious, counts, strict=True) if true and iou is not None]
        mean = round(sum(with_edge) / len(with_edge), 6) if with_edge else None
        return {"boundary_miou": mean, "boundary_iou": dict(zip(self._names, ious, strict=True))}


def _rounded(both: int, either: int) -> float | None:
    return round(both / either, 6) if either else None
