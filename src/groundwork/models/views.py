"""Ask about an image in several views, turned, flipped and scaled, and bring what is said of each back to the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from groundwork.batch import Images
from groundwork.config.inference import ViewsConfig
from groundwork.models.engine import Scorer
from groundwork.targets.object_masks import BOX_COLUMNS, cells_of, has_cells, join_cells

#: What scores are of: pixels of the image, the image as a whole, or boxes in it.
Per: TypeAlias = Literal["pixel", "image", "object"]
#: Makes one of the scores of several views.
Combine: TypeAlias = Callable[[Sequence[Tensor]], Tensor]

#: Quarter turns against the clock, and whether left and right change places after them.
_SYMMETRIES: dict[str, tuple[tuple[int, bool], ...]] = {
    "none": ((0, False),),
    "flips": ((0, False), (0, True), (2, True), (2, False)),
    "d4": tuple(product(range(4), (False, True))),
}


@dataclass(frozen=True, slots=True)
class View:
    """A way to look at an image. Turns and flips are exact; a scale resamples image and scores."""

    turns: int = 0
    flipped: bool = False
    scale: float = 1.0

    def of(self, images: Images) -> Images:
        """Return images (batch, ..., height, width) as they are seen."""
        scaled = images if self.scale == 1.0 else _resized(images, self._scaled)
        values, valid = (
            {source: self._turn(part) for source, part in parts.items()} for parts in (scaled.values, scaled.valid)
        )
        return replace(scaled, values=values, valid=valid)

    def back(self, scores: Tensor, size: tuple[int, int], per: Per) -> Tensor:
        """Return scores of the view as scores of the image.

        Args:
            scores: (batch, outputs, height, width), (batch, outputs) or (batch, objects, 6 or more).
            size: Height and width of the image.
            per: What they are of.
        """
        if per == "object":
            return self._boxes_back(scores, size)
        if scores.dim() < 4:
            return scores
        turned = torch.rot90(scores.flip(-1) if self.flipped else scores, -self.turns, dims=(-2, -1))
        if self.scale == 1.0:
            return turned
        return functional.interpolate(turned, size, mode="bilinear", align_corners=False)

    def _turn(self, part: Tensor) -> Tensor:
        turned = torch.rot90(part, self.turns, dims=(-2, -1)) if self.turns else part
        return turned.flip(-1) if self.flipped else turned

    def _scaled(self, size: Sequence[int]) -> tuple[int, int]:
        return max(round(size[0] * self.scale), 1), max(round(size[1] * self.scale), 1)

    def _boxes_back(self, rows: Tensor, size: tuple[int, int]) -> Tensor:
        height, width = scaled = self._scaled(size)
        if self.turns % 2:
            height, width = width, height
        left, top, right, bottom = rows[..., :4].unbind(dim=-1)
        if self.flipped:
            left, right = width - right, width - left
        for _ in range(self.turns):
            # With the clock: what is at the top comes to lie on the right.
            left, top, right, bottom = height - bottom, left, height - top, right
            height, width = width, height
        across, down = size[1] / scaled[1], size[0] / scaled[0]
        boxes = torch.stack([left * across, top * down, right * across, bottom * down], dim=-1)
        # Rows that hold no object stay as they are.
        found = rows[..., 4:5] > 0
        turned = torch.cat([torch.where(found, boxes, rows[..., :4]), rows[..., 4:BOX_COLUMNS]], dim=-1)
        if not has_cells(rows):
            return turned
        cells = cells_of(rows)
        return join_cells(turned, torch.rot90(cells.flip(-1) if self.flipped else cells, -self.turns, dims=(-2, -1)))


def views_of(config: ViewsConfig) -> tuple[View, ...]:
    """Return all views that are asked for, the image as it is first where it is one of them."""
    pairs = product(config.scales, _SYMMETRIES[config.symmetries])
    return tuple(View(turns, flipped, scale) for scale, (turns, flipped) in pairs)


class ViewScorer:
    """Asks about each view, and makes one score of all.

    Args:
        scorer: Who is asked.
        views: Which views.
        per: What scores are of.
        combine: Makes one of the scores that were brought back.
    """

    def __init__(self, scorer: Scorer, views: Sequence[View], per: Per, combine: Combine) -> None:
        self._scorer, self._views, self._per, self._combine = scorer, tuple(views), per, combine
        self.coordinates = scorer.coordinates

    def to(self, device: torch.device) -> None:
        """See :class:`Scorer`."""
        self._scorer.to(device)

    def scores(self, images: Images) -> Tensor:
        """See :class:`Scorer`."""
        first = next(iter(images.values.values()))
        size = (first.shape[-2], first.shape[-1])
        given = [view.back(self._scorer.scores(view.of(images)).float(), size, self._per) for view in self._views]
        return self._combine(given)


def _resized(images: Images, size_of: Callable[[Sequence[int]], tuple[int, int]]) -> Images:
    """Return images in another size: each pixel is the mean of those around it that hold data."""
    values, valid = {}, {}
    for source, image in images.values.items():
        known = images.valid.get(source)
        size = size_of(image.shape[-2:])
        by_step = image.flatten(0, -3).unsqueeze(1)
        weights = torch.ones_like(by_step) if known is None else _weights(known, image)
        sums, shares = (_resize(part, size) for part in (torch.where(weights > 0, by_step, 0.0), weights))
        values[source] = (sums / shares.clamp(min=1e-6)).reshape(*image.shape[:-2], *size)
        if known is not None:
            seen = _resize(known.flatten(0, -3).unsqueeze(1).to(image), size)[:, 0] >= 0.5
            valid[source] = seen.reshape(*known.shape[:-2], *size)
    return replace(images, values=values, valid=valid)


def _weights(known: Tensor, image: Tensor) -> Tensor:
    """Return where each plane of an image holds data, (planes, 1, height, width), in its type."""
    by_channel = known.unsqueeze(1) if known.dim() == image.dim() - 1 else known[:, None, None]
    return by_channel.expand(image.shape).flatten(0, -3).unsqueeze(1).to(image)


def _resize(planes: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(planes, size, mode="bilinear", align_corners=False, antialias=True)
