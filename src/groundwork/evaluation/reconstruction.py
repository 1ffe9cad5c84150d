"""Judge a model that paints what it was not shown, beside those that know the visible pixels alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from groundwork.batch import collate
from groundwork.config.evaluation import EvaluationConfig
from groundwork.data import sample_table as table
from groundwork.data.chips import LabelledData
from groundwork.errors import DataError
from groundwork.evaluation.confidence import Compared, Redraw
from groundwork.evaluation.painted import ChipPainter, Hidden
from groundwork.evaluation.scores import BASELINES, MODEL
from groundwork.progress import track

#: The score by which predictors are compared, and all that a table of runs shows.
MAIN = "standardised_rmse"
HEADLINE = (MAIN, "rmse")
COMPARED = Compared(MAIN, "min", HEADLINE)
#: Predictors by name, as a report has them.
PREDICTORS = (MODEL, "visible_mean", "nearest_visible")


class PaintedSums:
    """Adds up the squared errors of each band over hidden pixels that hold data."""

    def __init__(self, names: tuple[str, ...], std: NDArray[np.float32]) -> None:
        """Begin with none.

        Args:
            names: Of the bands.
            std: Of each band in raw values: what standardised errors are counted in.
        """
        self._names, self._std = names, np.asarray(std, np.float64)
        #: For each band the sum of squared errors in raw values.
        self.squares = np.zeros(len(names))
        self.count = 0

    def update(self, said: NDArray[np.float32], chip: Hidden, counted: NDArray[np.bool_]) -> None:
        """Add a chip.

        Args:
            said: What it is taken for (channels, steps, height, width).
            chip: What it is.
            counted: False where an earlier chip holds the same pixel (height, width).
        """
        judged = chip.mask & chip.valid & counted
        error = said[:, judged].astype(np.float64) - chip.truth[:, judged]
        self.squares += np.square(error).sum(axis=1)
        self.count += int(judged.sum())

    def add(self, other: PaintedSums) -> None:
        """Add what another one holds."""
        self.squares += other.squares
        self.count += other.count

    def report(self) -> dict[str, Any]:
        """Return the root of the mean squared error: of all bands in deviations, and of each in raw values.

        None where nothing was hidden.
        """
        if not self.count:
            return {MAIN: None, "rmse": dict.fromkeys(self._names)}
        mean = self.squares / self.count
        by_band = {name: _rounded(value**0.5) for name, value in zip(self._names, mean.tolist(), strict=True)}
        return {MAIN: _rounded(float((mean / self._std**2).mean()) ** 0.5), "rmse": by_band}


def evaluate_reconstruction(
    painter: ChipPainter, data: LabelledData, config: EvaluationConfig
) -> tuple[dict[str, Any], dict[str, Redraw], pd.DataFrame, Figure]:
    """Score the model and two baselines on what is hidden of the chips of a split.

    ``visible_mean`` takes the mean of the visible pixels of each band, ``nearest_visible`` the nearest of them.

    Returns:
        All scores, what gives those of scenes that are drawn anew, the scores of each scene, and a figure of the errors
        by band.

    Raises:
        DataError: Where nothing of the test chips was hidden that holds data.
    """
    names = tuple(band.name for band in data.inputs[data.reference].used)
    scenes = data.of_split(config.split)[table.SCENE].tolist()
    sums = {name: {scene: PaintedSums(names, painter.std) for scene in sorted(set(scenes))} for name in PREDICTORS}
    loader: DataLoader[Any] = DataLoader(data.chips(config.split), batch_size=config.batch_size, collate_fn=collate)
    number = 0
    for batch in track(loader, "Evaluating", len(loader)):
        for index, chip in enumerate(painter.paint(batch)):
            counted = batch["counted"][index].numpy() if "counted" in batch else np.ones(chip.mask.shape[1:], np.bool_)
            for name, said in _said(chip, painter.mean).items():
                sums[name][scenes[number]].update(said, chip, counted)
            number += 1
    totals = {name: _total(by_scene, names, painter.std) for name, by_scene in sums.items()}
    if not totals[MODEL].count:
        raise DataError(f"Nothing of the {config.split} chips was hidden that holds data: there is nothing to judge.")
    reports = {name: total.report() for name, total in totals.items()}
    deviations = {name: np.sqrt(total.squares / total.count) / painter.std for name, total in totals.items()}
    scores = {config.split: reports[MODEL], BASELINES: {name: reports[name] for name in PREDICTORS[1:]}}
    redraws = {name: _redraw(list(by_scene.values()), names, painter.std) for name, by_scene in sums.items()}
    return scores, redraws, _by_scene(sums), _draw(deviations, names)


def _said(chip: Hidden, means: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    said = (chip.painted, chip.visible_mean(means), chip.nearest_visible(means))
    return dict(zip(PREDICTORS, said, strict=True))


def _total(by_scene: Mapping[str, PaintedSums], names: tuple[str, ...], std: NDArray[np.float32]) -> PaintedSums:
    total = PaintedSums(names, std)
    for part in by_scene.values():
        total.add(part)
    return total


def _redraw(parts: Sequence[PaintedSums], names: tuple[str, ...], std: NDArray[np.float32]) -> Redraw:
    def redraw(drawn: NDArray[np.int64]) -> Iterator[Mapping[str, Any]]:
        squares = drawn @ np.stack([part.squares for part in parts])
        counts = drawn @ np.array([part.count for part in parts])
        total = PaintedSums(names, std)
        for total.squares, total.count in zip(squares, counts.tolist(), strict=True):
            yield total.report()

    return redraw


def _by_scene(sums: Mapping[str, Mapping[str, PaintedSums]]) -> pd.DataFrame:
    rows = []
    for scene, part in sums[MODEL].items():
        report = part.report()
        others = {f"{MAIN}_{name}": sums[name][scene].report()[MAIN] for name in PREDICTORS[1:]}
        bands = {f"rmse_{band}": value for band, value in report["rmse"].items()}
        rows.append({table.SCENE: scene, "pixels": part.count, MAIN: report[MAIN], **others, **bands})
    return pd.DataFrame(rows)


def _draw(deviations: Mapping[str, NDArray[np.float64]], names: tuple[str, ...]) -> Figure:
    """Draw the error of each band, in its deviations."""
    figure = Figure(figsize=(max(5.0, 1.2 * len(names)), 3.5), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(names))
    for number, (name, values) in enumerate(deviations.items()):
        axes.bar(places + 0.27 * (number - 1), values, width=0.25, label=name)
    axes.set_xticks(places, names, rotation=30, ha="right")
    axes.set(ylabel="RMSE in deviations", title="Error of what was hidden")
    axes.legend()
    return figure


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
