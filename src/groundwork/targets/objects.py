"""Objects of classes, found by boxes, and by outlines where these are labelled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

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
from groundwork.targets.object_masks import draw_masks, outline_of
from groundwork.targets.object_pictures import Color, draw_boxes, draw_outlines, fade
from groundwork.targets.object_scores import SHOWN, FoundObjects, verdicts
from groundwork.targets.object_views import combine_objects
from groundwork.targets.statistics import TargetStatistics

#: The product of a prediction, and the attributes of its features.
OBJECTS = "objects"
CLASS, VALUE, SCORE = "class", "value", "score"
#: Colours of what was found where it is, found where nothing is, and missed.
_VERDICTS: dict[str, Color] = {"right": (26, 152, 80), "wrong": (197, 27, 27), "missed": (253, 174, 97)}
#: Most boxes in a row of what is said where nothing is known.
_IN_ROW = 10


@final
class ObjectBoxes(ObjectAnswers):
    """Boxes of objects, each with its class and score. What labels hold: see :class:`ObjectAnswers`.

    Scores are rows (batch, most, 6 or more) of left, top, right and bottom in pixels, score, class index, and the cells
    of the box where a model says them (:mod:`groundwork.targets.object_masks`); rows of score 0 stand for none.
    """

    main_score = "map"
    headline: tuple[str, ...] = ("map", "map_50", "f1", "ap")
    headline_of_masks = ("map", "mask_map", "map_50", "mask_map_50", "f1", "ap", "mask_ap")
    constant_name = "boxes_on_a_grid"

    def __init__(self, target: TargetSpec) -> None:
        super().__init__(target)
        if self.objects.masks:
            self.headline = self.headline_of_masks

    @classmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """See :class:`TargetKind`."""
        names = ["map", "map_50", "f1", *(f"ap_{name}" for name in target.names)]
        if target.objects is not None and target.objects.masks:
            names += ["mask_map", "mask_map_50", *(f"mask_ap_{name}" for name in target.names)]
        return dict.fromkeys(names, "max")

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
        return FoundObjects(self.target.names, masks=self.objects.masks)

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
        """Draw boxes or outlines over the image; those that are right, wrong and missed in colours of their own."""
        objects, answers = patch.objects, np.asarray(patch.target)
        if objects is None:
            raise ValueError("a patch without objects, where a target per object asks for them")
        shown = scores[0][scores[0, :, 4] >= SHOWN]
        entry = {name: torch.from_numpy(values) for name, values in objects.arrays().items()}
        truth = Truth(torch.from_numpy(answers[None].copy()), [entry])
        there, found = list(objects.boxes), list(shown[:, :4].numpy())
        if self.objects.masks and objects.masks is not None:
            there = [outline_of(mask > 0) for mask in objects.masks]
            found = [outline_of(mask) for mask in draw_masks(shown, patch.size).numpy()]
        judged = verdicts(truth, shown, self.target.num_outputs, masks=self.objects.masks)
        said = [((there if verdict == "missed" else found)[index], _VERDICTS[verdict]) for verdict, index in judged]
        pale = fade(image, self.known(answers))
        told = zip(there, self._colors(objects.labels), strict=True)
        guessed = zip(found, self._colors(shown[:, 5].numpy().astype(int)), strict=True)
        return self._drawn(pale, told), self._drawn(image, guessed), self._drawn(pale, said)

    def picture_of_file(self, path: Path, grid: Grid, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the boxes or outlines of a file over the scene."""
        import geopandas  # noqa: PLC0415 - it loads slowly

        frame = geopandas.read_file(path, engine="pyogrio")
        frame = frame[frame[SCORE] >= SHOWN]
        if grid.crs is not None and frame.crs is not None and CRS.from_wkt(frame.crs.to_wkt()) != grid.crs:
            frame = frame.to_crs(grid.crs.to_wkt())
        inverse = ~grid.transform
        placed = frame.geometry.affine_transform([inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f])
        across, down = image.shape[1] / grid.width, image.shape[0] / grid.height
        scaled = placed.scale(across, down, origin=(0, 0))
        colors = self._colors(np.array([self.target.values.index(value) for value in frame[VALUE]], int))
        parts = scaled if self.objects.masks else scaled.bounds.to_numpy().reshape(-1, 4)
        return self._drawn(image, zip(parts, colors, strict=True))

    def legend(self) -> list[tuple[str, str]]:
        """Return names and colours of the classes."""
        return [(entry.name, entry.color) for entry in self.target.classes]

    def legend_of_panel(self) -> list[tuple[str, str]]:
        """Return names and colours of the classes, and of what is right, wrong and missed."""
        named = [(name, "#{:02x}{:02x}{:02x}".format(*color)) for name, color in _VERDICTS.items()]
        return [*self.legend(), *named]

    def columns_of(self, rows: NDArray[np.floating]) -> Mapping[str, NDArray[np.generic]]:
        """Return class, class value and score of rows (objects, 6), as attributes of features."""
        labels = rows[:, 5].astype(int)
        return {
            CLASS: np.array(self.target.names, dtype=object)[labels],
            VALUE: np.array(self.target.values, np.int64)[labels],
            # Six digits: those behind differ between machines.
            SCORE: rows[:, 4].astype(np.float64).round(6),
        }

    def _drawn(self, image: NDArray[np.uint8], parts: Iterable[tuple[Any, Color]]) -> NDArray[np.uint8]:
        return draw_outlines(image, parts) if self.objects.masks else draw_boxes(image, parts)

    def _colors(self, labels: NDArray[np.int64]) -> list[Color]:
        return [self.target.classes[label].rgb for label in labels]


def _side_by_side(side: float, size: tuple[int, int], score: float, label: int) -> Tensor:
    height, width = size
    step = max(side, max(size) / _IN_ROW)
    tops, lefts = (torch.arange((step - side) / 2, max(length - side / 2, 1), step) for length in size)
    top, left = (part.flatten() for part in torch.meshgrid(tops, lefts, indexing="ij"))
    right, bottom = (left + side).clamp(max=width), (top + side).clamp(max=height)
    filled = [torch.full_like(left, value) for value in (score, float(label))]
    return torch.stack([left, top, right, bottom, *filled], dim=1)
