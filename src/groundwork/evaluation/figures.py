"""Pictures for people: history, confusion, panels of image, truth, prediction and error, quick-looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from torch.utils.data import default_collate

from groundwork.data.chips import LabelledData
from groundwork.data.labels import IGNORE
from groundwork.evaluation.predictors import Predictor
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.quicklook import read_small, stretch
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec, SpecError, TargetSpec
from groundwork.strict import did_you_mean

UNKNOWN = "#ffffff"
RIGHT, WRONG = "#d9d9d9", "#c51b1b"


def draw_history(history: pd.DataFrame) -> Figure:
    """Draw losses and scores over the epochs, as far as they were measured."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    curves = ((left, "train/loss", "tab:blue"), (left, "val/loss", "tab:orange"), (right, "val/miou", "tab:green"))
    for axes, name, color in curves:
        if name in history:
            measured = history[["epoch", name]].dropna()
            axes.plot(measured["epoch"] + 1, measured[name], label=name, color=color, marker=".")
            axes.legend()
    for axes, title in ((left, "Loss"), (right, "Score")):
        axes.set(xlabel="epoch", title=title)
        axes.grid(alpha=0.3)
    right.set_ylim(0, 1)
    return figure


def draw_confusion(confusion: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """Draw a confusion matrix; each row (truth) adds up to 100 %."""
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.7 * len(names)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="prediction", ylabel="truth", title="Share of each class's test pixels")
    for (row, column), share in np.ndenumerate(shares):
        color = "white" if share > 0.5 else "black"
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(picture, shrink=0.8)
    return figure


def draw_panel(predictor: Predictor, data: LabelledData, rgb: Sequence[str], num_rows: int) -> Figure:
    """Draw test chips, evenly picked: image, truth, prediction and error side by side.

    Raises:
        SpecError: Where ``rgb`` names a band that is not read.
    """
    chips = data.chips("test")
    bands = rgb_positions(data.spec, rgb)
    picked = np.unique(np.linspace(0, len(chips) - 1, min(num_rows, len(chips))).astype(int))
    figure = Figure(figsize=(11, 2.6 * len(picked) + 0.6), layout="constrained")
    grid: NDArray[Any] = figure.subplots(len(picked), 4, squeeze=False)
    colors = class_colors(data.target)
    for row, index in zip(grid, picked, strict=True):
        chip = chips[int(index)]
        truth = chip["mask"].numpy()
        predicted = predictor.predict(default_collate([chip]))[0]
        image = chip["image"].numpy().reshape(data.spec.num_channels, -1, *truth.shape)[bands, 0]
        row[0].imshow(stretch(image, chip["valid"].numpy()))
        _show_classes(row[1], truth, colors)
        _show_classes(row[2], np.where(chip["valid"].numpy(), predicted, IGNORE), colors)
        wrong = np.where(truth == IGNORE, IGNORE, (truth != predicted).astype(int))
        _show_classes(row[3], wrong, [RIGHT, WRONG])
        row[0].set_ylabel(chip["sample_id"], fontsize=7)
    for axes, title in zip(grid[0], ("image", "truth", "prediction", "error"), strict=True):
        axes.set_title(title)
    _finish(figure, grid.ravel().tolist(), data.target)
    return figure


def draw_quicklook(scene: Scene, prediction: Path, target: TargetSpec, rgb: Sequence[str]) -> Figure:
    """Draw a scene and its predicted classes side by side, read from overviews at no more than 700 pixels a side."""
    image, valid = scene.thumbnail(700)
    image = image[rgb_positions(scene.spec, rgb)]
    classes, known = read_small(prediction, (1,), 700)
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(stretch(image, valid))
    indexes_by_value = {value: index for index, value in enumerate(target.values)}
    shown = np.vectorize(lambda value: indexes_by_value.get(value, IGNORE), otypes=[int])(classes[0])
    _show_classes(right, np.where(known, shown, IGNORE), class_colors(target))
    left.set_title("image")
    right.set_title("prediction")
    _finish(figure, [left, right], target)
    return figure


def draw_quicklooks(
    spec: RasterSpec, target: TargetSpec, scenes: RasterFolder, predictions: RasterFolder, rgb: Sequence[str]
) -> dict[str, Callable[[], Figure]]:
    """Return, for each scene, what draws its quick-look: made one after the other, when they are written.

    Raises:
        SpecError: Where ``rgb`` names a band that is not read.
    """
    rgb_positions(spec, rgb)

    def draw(key: str) -> Figure:
        with Scene(scenes.paths(key), spec) as scene:
            return draw_quicklook(scene, predictions.paths(key)[0], target, rgb)

    return {key: partial(draw, key) for key in scenes.files}


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


def class_colors(target: TargetSpec) -> list[str]:
    """Return the colour of each class, in class order."""
    return [entry.color for entry in target.classes]


def _show_classes(axes: Axes, indexes: NDArray[Any], colors: Sequence[str]) -> None:
    palette = ListedColormap([UNKNOWN, *colors])
    axes.imshow(indexes + 1, cmap=palette, vmin=0, vmax=len(colors), interpolation="nearest")


def _finish(figure: Figure, axes: Sequence[Axes], target: TargetSpec) -> None:
    for part in axes:
        part.set_xticks([])
        part.set_yticks([])
    patches = [Patch(facecolor=entry.color, label=entry.name) for entry in target.classes]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), 8), frameon=False)
