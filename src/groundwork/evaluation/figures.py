"""Pictures for people: history, confusion, panels of image, truth, prediction and error, quick-looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from groundwork.batch import Patch as ChipPatch
from groundwork.batch import collate
from groundwork.data.chips import LabelledData
from groundwork.data.picking import evenly
from groundwork.errors import SpecError
from groundwork.evaluation.predictors import Predictor
from groundwork.rasters.bad_blocks import BadBlocks
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.quicklook import part_shown, stretch_together
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.strict import did_you_mean
from groundwork.targets.kinds import KINDS, kind_of


def draw_history(history: pd.DataFrame) -> Figure:
    """Draw losses and scores over the epochs, as far as they were measured."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    curves = [(left, "train/loss", "tab:blue"), (left, "val/loss", "tab:orange")]
    curves += [(right, f"val/{name}", "tab:green") for name in sorted({kind.main_score for kind in KINDS.values()})]
    # Beside that of boxes, where a model gives outlines.
    curves.append((right, "val/mask_map", "tab:red"))
    for axes, name, color in curves:
        if name in history:
            measured = history[["epoch", name]].dropna()
            axes.plot(measured["epoch"] + 1, measured[name], label=name, color=color, marker=".")
            axes.legend()
    for axes, title in ((left, "Loss"), (right, "Score")):
        axes.set(xlabel="epoch", title=title)
        axes.grid(alpha=0.3)
    # All of them are 1 at best; R2 may lie far below 0 at first.
    right.set_ylim(0, 1)
    return figure


def draw_panel(
    predictor: Predictor, data: LabelledData, rgb: Sequence[str], num_rows: int, split: str = "test"
) -> Figure:
    """Draw chips of a split, evenly picked: image, truth, prediction and error side by side.

    Raises:
        SpecError: Where ``rgb`` names a band that is not read.
    """
    picked = evenly(len(data.of_split(split)), num_rows)
    return draw_rows(predictor, data, rgb, dict.fromkeys(picked, ""), split)


def draw_rows(
    predictor: Predictor, data: LabelledData, rgb: Sequence[str], rows: Mapping[int, str], split: str
) -> Figure:
    """Draw some chips of a split: image, truth, prediction and error side by side; of several dates the first and last.

    Args:
        predictor: What answers.
        data: Where chips are read from.
        rgb: Bands that are shown as red, green and blue.
        rows: Which chips, counted from 0 -> what is said of each.
        split: Whose chips.

    Raises:
        SpecError: Where ``rgb`` names a band that is not read.
    """
    chips, kind, spec = data.chips(split), data.kind, data.inputs[data.reference]
    bands, ends = rgb_positions(spec, rgb), ends_of(spec)
    titles = (*ends, "truth", "prediction", "error")
    figure = Figure(figsize=(2.75 * len(titles), 2.6 * len(rows) + 0.6), layout="constrained")
    grid: NDArray[Any] = figure.subplots(len(rows), len(titles), squeeze=False)
    for row, (index, note) in zip(grid, rows.items(), strict=True):
        chip = chips[index]
        images = chip_images(chip.patch, data.reference, bands, ends)
        pictures = (*images, *kind.panel(chip.patch, predictor.predict(collate([chip])), images[0]))
        for column, (axes, picture) in enumerate(zip(row, pictures, strict=True)):
            axes.imshow(picture, interpolation=None if column < len(images) else "nearest")
        row[0].set_ylabel("\n".join(part for part in (note, chip.sample_id) if part), fontsize=7)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title)
    _finish(figure, grid.ravel().tolist(), kind.legend_of_panel())
    return figure


def draw_quicklook(scene: Scene, prediction: Path, target: TargetSpec, rgb: Sequence[str]) -> Figure:
    """Draw a scene and its prediction side by side, read from overviews at no more than 700 pixels a side.

    Of several dates the first and the last are drawn.
    """
    kind, ends, bands = kind_of(target), ends_of(scene.spec), rgb_positions(scene.spec, rgb)
    figure = Figure(figsize=(5.5 * (len(ends) + 1), 5.5), layout="constrained")
    *left, right = figure.subplots(1, len(ends) + 1)
    part = part_shown(scene.grid, prediction)
    read = [scene.thumbnail(700, part, last=last) for last in ends.values()]
    pictures = stretch_together([(values[bands], valid) for values, valid in read])
    for axes, title, picture in zip(left, ends, pictures, strict=True):
        axes.imshow(picture)
        axes.set_title(title)
    right.imshow(kind.picture_of_file(prediction, scene.grid, pictures[0]), interpolation="nearest")
    right.set_title("prediction")
    _finish(figure, [*left, right], kind.legend())
    return figure


def ends_of(spec: RasterSpec) -> dict[str, bool]:
    """Return the titles of the images that are drawn of a raster, and whether each is of the last date."""
    return {"image": False} if spec.steps == 1 else {"image, first date": False, "image, last date": True}


def chip_images(
    patch: ChipPatch, source: str, bands: Sequence[int], ends: Mapping[str, bool]
) -> list[NDArray[np.uint8]]:
    """Return the images of a chip that are drawn, as of :func:`ends_of`."""
    read = [patch.picture_of(source, last=last) for last in ends.values()]
    return stretch_together([(values[list(bands)], valid) for values, valid in read])


def draw_quicklooks(
    spec: RasterSpec, target: TargetSpec, scenes: RasterFolder, predictions: RasterFolder, rgb: Sequence[str]
) -> dict[str, Callable[[], Figure]]:
    """Return, for each scene, what draws its quick-look: made one after the other, when they are written.

    Raises:
        SpecError: Where ``rgb`` names a band that is not read.
    """
    rgb_positions(spec, rgb)

    def draw(key: str) -> Figure:
        # What cannot be decoded was refused when the scene was predicted, or taken as without data.
        with Scene(scenes.paths(key), spec, bad=BadBlocks(), told=scenes.dates.get(key)) as scene:
            return draw_quicklook(scene, predictions.paths(key)[0], target, rgb)

    return {key: partial(draw, key) for key in scenes.files if key in predictions.files}


def rgb_positions(spec: RasterSpec, rgb: Sequence[str]) -> list[int]:
    """Return which channels are shown as red, green and blue.

    Raises:
        SpecError: Where a name is not among the bands that are read.
    """
    names = [band.name for band in spec.used]
    for name in rgb:
        if name not in names:
            raise SpecError(f"'rgb' names band '{name}', which is not read.{did_you_mean(name, names)} Read: {names}")
    return [names.index(name) for name in rgb]


def _finish(figure: Figure, axes: Sequence[Axes], legend: Sequence[tuple[str, str]]) -> None:
    for part in axes:
        part.set_xticks([])
        part.set_yticks([])
    patches = [Patch(facecolor=color, label=name) for name, color in legend]
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), 8), frameon=False)
