"""Pictures of chips beside their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from groundwork.batch import collate
from groundwork.data.chips import LabelledData
from groundwork.data.picking import evenly
from groundwork.evaluation.cells import EMBEDDING, ChipEmbedder
from groundwork.evaluation.figures import rgb_positions
from groundwork.evaluation.quicklooks import picture_of
from groundwork.rasters.quicklook import stretch


def draw_embedding_panel(
    embedder: ChipEmbedder, data: LabelledData, rgb: Sequence[str], num_rows: int, split: str
) -> Figure:
    """Draw chips, evenly picked, beside the three directions in which the embeddings of all of them differ most.

    Raises:
        SpecError: Where ``rgb`` names a band that is not read.
    """
    chips = data.chips(split)
    bands = rgb_positions(data.inputs[data.reference], rgb)
    picked = [chips[index] for index in evenly(len(chips), num_rows)]
    embedded = embedder.embed(collate(picked))
    features, valid = embedded["images"][EMBEDDING].numpy(), embedded["valid"][EMBEDDING].numpy()
    # All of them in one picture first: the same colour then means the same in each row.
    together = picture_of(np.concatenate(list(features), axis=1), np.concatenate(list(valid)))
    figure = Figure(figsize=(6, 2.6 * len(picked) + 0.6), layout="constrained")
    grid: NDArray[Any] = figure.subplots(len(picked), 2, squeeze=False)
    for row, chip, picture in zip(grid, picked, np.split(together, len(picked)), strict=True):
        values, known = chip.patch.picture_of(data.reference)
        row[0].imshow(stretch(values[bands].astype(np.float32), known))
        row[1].imshow(picture, interpolation="nearest")
        row[0].set_ylabel(chip.sample_id, fontsize=7)
        for axes in row:
            axes.set_xticks([])
            axes.set_yticks([])
    for axes, title in zip(grid[0], ("image", "embeddings"), strict=True):
        axes.set_title(title)
    return figure
