"""Objects of classes, found by boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.crs import CRS
from torch import Tensor

from groundwork.batch import Patch, Truth
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.kind import Direction
from groundwork.targets.object_answers import ObjectAnswers
from groundwork.targets.object_pictures import Color, draw_boxes, fade
from groundwork.targets.object_scores import SHOWN, FoundObjects
from groundwork.targets.object_views import combine_objects
from groundwork.targets.statistics import TargetStatistics

#: The product of a prediction, and the attributes of its features.
OBJECTS = "objects"
CLASS, VALUE, SCORE = "class", "value", "score"
#: Colours of what was found where it is, found where nothing is, and missed.
_RIGHT, _WRONG, _MISSED = (26, 152, 80), (197, 27, 27), (253, 174, 97)
#: Most boxes in a row of what is said where nothing is known.
_IN_ROW = 10


@final
class ObjectBoxes(ObjectAnswers):
    """Boxes of objects, each with its class and score. What labels hold: see :class:`ObjectAnswers`.

    Scores are rows (batch, most, 6) of left, top, right and bottom in pixels, score and class index; rows of score 0
    stand for none.
    """

    main_score = "map"
    headline = ("map", "map_50", "f1", "ap")
    constant_name = "boxes_on_a_grid"

    @classmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """See :class:`TargetKind`."""
        return dict.fromkeys(["map", "map_50", "f1", *(f"ap_{name}" for name in target.names)], "max")

    def constant_of(self, statistics: TargetStatistics, size: tuple[int, int]) -> Tensor:
        """Return boxes of the mean size of each class side by side; the score is the class's share of all objects."""
        total = max(sum(statistics.class_objects.values()), 1)
        rows = [torch.zeros(0, 6)]
        for index, name in enumerate(self.target.names):
            count = statistics.class_objects[name]
            if count:
                side = (statistics.class_pixels[name] / count) ** 0.5
                rows.append(_side_by_side(max(side, 1.0), size, count / total, index))
        return torch.cat(rows)

    def accumulator(self) -> FoundObjects:
        """Return one without any object."""
        return FoundObjects(self.target.names)

    def combine(self, scores: Sequence[Tensor]) -> Tensor:
        """Return each object once. See :func:`groundwork.targets.object_views.combine_objects`."""
        return combine_objects(scores)

    def activate(self, scores: Tensor) -> Tensor:
        """Return rows as they are: detectors give scores from 0 to 1."""
        return scores

    def deactivate(self, activated: Tensor) -> Tensor:
        """Return rows as they are."""
        return activated

    def panel(self, patch: Patch, scores: Tensor, image: NDArray[np.uint8]) -> Sequence[NDArray[np.uint8]]:
        """Draw boxes over the image; those that are right, wrong and missed in colours of their own."""
        objects, answers = patch.objects, np.asarray(patch.target)
        if objects is None:
            raise ValueError("a patch without objects, where a target per object asks for them")
        shown = scores[0][scores[0, :, 4] >= SHOWN]
        boxes = torch.from_numpy(objects.boxes), torch.from_numpy(objects.labels)
        judged = self.accumulator()
        entry = dict(zip(("boxes", "labels"), boxes, strict=True))
        judged.update(Truth(torch.from_numpy(answers[None].copy()), [entry]), shown[None])
        colors = {"right": _RIGHT, "wrong": _WRONG, "missed": _MISSED}
        verdicts = [(box, colors[verdict]) for verdict, box in judged.verdicts()]
        pale = fade(image, self.known(answers))
        truth = self._colored(objects.boxes, objects.labels)
        found = self._colored(shown[:, :4].numpy(), shown[:, 5].numpy().astype(int))
        return draw_boxes(pale, truth), draw_boxes(image, found), draw_boxes(pale, verdicts)

    def picture_of_file(self, path: Path, grid: Grid, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the boxes of a file over the scene."""
        import geopandas  # noqa: PLC0415 - it loads slowly

        frame = geopandas.read_file(path, engine="pyogrio")
        frame = frame[frame[SCORE] >= SHOWN]
        if grid.crs is not None and frame.crs is not None and CRS.from_wkt(frame.crs.to_wkt()) != grid.crs:
            frame = frame.to_crs(grid.crs.to_wkt())
        inverse = ~grid.transform
        placed = frame.geometry.affine_transform([inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f])
        across, down = image.shape[1] / grid.width, image.shape[0] / grid.height
        edges = placed.bounds.to_numpy().reshape(-1, 4) * [across, down, across, down]
        labels = np.array([self.target.values.index(value) for value in frame[VALUE]], int)
        return draw_boxes(image, self._colored(edges, labels))

    def legend(self) -> list[tuple[str, str]]:
        """Return names and colours of the classes, and of what is right, wrong and missed."""
        verdicts = [("right", _RIGHT), ("wrong", _WRONG), ("missed", _MISSED)]
        named = [(name, "#{:02x}{:02x}{:02x}".format(*color)) for name, color in verdicts]
        return [*((entry.name, entry.color) for entry in self.target.classes), *named]

    def columns_of(self, rows: NDArray[np.floating]) -> Mapping[str, NDArray[np.generic]]:
        """Return class, class value and score of rows (objects, 6), as attributes of features."""
        labels = rows[:, 5].astype(int)
        return {
            CLASS: np.array(self.target.names, dtype=object)[labels],
            VALUE: np.array(self.target.values, np.int64)[labels],
            # Six digits: those behind differ between machines.
            SCORE: rows[:, 4].astype(np.float64).round(6),
        }

    def _colored(
        self, boxes: NDArray[np.floating], labels: NDArray[np.int64]
    ) -> list[tuple[NDArray[np.float64], Color]]:
        colors = [self.target.classes[label].rgb for label in labels]
        return list(zip(boxes.astype(np.float64), colors, strict=True))


def _side_by_side(side: float, size: tuple[int, int], score: float, label: int) -> Tensor:
    height, width = size
    step = max(side, max(size) / _IN_ROW)
    tops, lefts = (torch.arange((step - side) / 2, max(length - side / 2, 1), step) for length in size)
    top, left = (part.flatten() for part in torch.meshgrid(tops, lefts, indexing="ij"))
    right, bottom = (left + side).clamp(max=width), (top + side).clamp(max=height)
    filled = [torch.full_like(left, value) for value in (score, float(label))]
    return torch.stack([left, top, right, bottom, *filled], dim=1)
