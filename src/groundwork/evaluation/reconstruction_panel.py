"""Pictures of chips, of what a model was shown of them, and of what it painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from groundwork.batch import collate
from groundwork.data.chips import LabelledData
from groundwork.data.picking import evenly
from groundwork.evaluation.figures import rgb_positions
from groundwork.evaluation.painted import ChipPainter, Hidden
from groundwork.rasters.quicklook import stretched_as

TITLES = ("image", "what was shown", "reconstruction", "painted alone")
HIDDEN = 160


def draw_reconstruction_panel(
    painter: ChipPainter, data: LabelledData, rgb: Sequence[str], num_rows: int, split: str
) -> Figure:
    """Draw chips, evenly picked: image, what was shown, what came of it, and all that the model painted.

    Of several dates the first one that holds data is shown. All pictures of a row have one scale of colours.

    Raises:
        SpecError: Where ``rgb`` names a band that is not read.
    """
    chips = data.chips(split)
    bands = rgb_positions(data.inputs[data.reference], rgb)
    picked = evenly(len(chips), num_rows)
    figure = Figure(figsize=(11, 2.6 * len(picked) + 0.6), layout="constrained")
    grid: NDArray[Any] = figure.subplots(len(picked), len(TITLES), squeeze=False)
    for row, index in zip(grid, picked, strict=True):
        chip = chips[int(index)]
        for axes, picture in zip(row, _pictures(painter.paint(collate([chip]))[0], bands), strict=True):
            axes.imshow(picture)
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(chip.sample_id, fontsize=7)
    for axes, title in zip(grid[0], TITLES, strict=True):
        axes.set_title(title)
    return figure


def _pictures(chip: Hidden, bands: Sequence[int]) -> list[NDArray[np.uint8]]:
    step = int(chip.valid.any(axis=(1, 2)).argmax())
    truth, painted = (part[list(bands), step] for part in (chip.truth, chip.painted))
    mask, valid = chip.mask[step], chip.valid[step]
    drawn = [stretched_as(part, truth, valid) for part in (truth, truth, np.where(mask, painted, truth), painted)]
    drawn[1][mask & valid] = HIDDEN
    return drawn
