"""Figures show the numbers they are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from groundwork.batch import Batch, Patch, collate
from groundwork.bundle import Bundle
from groundwork.config import EvaluationConfig, InferenceConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError
from groundwork.evaluation.figures import (
    chip_images,
    draw_history,
    draw_panel,
    draw_quicklook,
    draw_quicklooks,
    ends_of,
    rgb_positions,
)
from groundwork.evaluation.predictors import Predictor
from groundwork.evaluation.quicklooks import draw_quicklooks as draw_some
from groundwork.evaluation.report import evaluate_model
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.quicklook import stretch
from groundwork.rasters.scene import Scene
from groundwork.rasters.writing import write_rasters
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.classes import RIGHT, WRONG
from groundwork.targets.confusion_figure import draw_confusion
from groundwork.targets.labels import IGNORE


class Truth(Predictor):
    """Right but for the first row of each chip."""

    def predict(self, batch: Batch) -> torch.Tensor:
        classes = batch["target"].clamp(min=0).clone()
        classes[:, 0] = (classes[:, 0] + 1) % 3
        return torch.nn.functional.one_hot(classes, 3).movedim(-1, 1).float()


def _shown(figure: Figure, row: int, column: int, columns: int = 4) -> np.ndarray:
    """Return the colours (height, width, 3) that a picture of the panel shows."""
    picture = figure.axes[row * columns + column].images[0]
    values = np.asarray(picture.get_array())
    return values if values.ndim == 3 else picture.to_rgba(values)[..., :3]


def test_the_panel_shows_image_truth_prediction_and_error(tiny_labelled: LabelledData) -> None:
    figure = draw_panel(Truth(), tiny_labelled, ("C", "B", "A"), num_rows=2)
    chips = tiny_labelled.chips("test")
    for row, index in enumerate((0, len(chips) - 1)):
        chip = chips[index]
        mask, valid = np.asarray(chip.patch.target), chip.patch.valid["optical"]
        image = chip.patch.values["optical"].astype(np.float32)
        assert np.array_equal(_shown(figure, row, 0), stretch(image[::-1], valid))
        colors = np.array([to_rgb(color) for color in ("#ffffff", "#0000ff", "#00aa00", "#ffcc00")])
        assert np.allclose(_shown(figure, row, 1) / 255, colors[mask + 1])
        predicted = Truth().predict(collate([chip]))[0].argmax(dim=0).numpy()
        assert np.allclose(_shown(figure, row, 2) / 255, colors[np.where(valid, predicted, IGNORE) + 1])
        error = np.where(mask == IGNORE, 0, np.where(predicted == mask, 1, 2))
        assert np.allclose(_shown(figure, row, 3), np.array([(255, 255, 255), RIGHT, WRONG])[error])
        assert figure.axes[row * 4].get_ylabel() == chip.sample_id
    assert [axes.get_title() for axes in figure.axes[:4]] == ["image", "truth", "prediction", "error"]


@pytest.mark.parametrize("each", [False, True])
def test_of_several_dates_pictures_show_the_first_and_the_last(
    tmp_path: Path, write_raster: Callable[..., Path], each: bool
) -> None:
    words = {"bands": ["A"], "dtype": "int16", "nodata": -9999, "steps": 3, "layout": "steps_first"}
    spec = RasterSpec.model_validate(words | {"validity_per_step": each})
    values = np.arange(3 * 8 * 8, dtype=np.int16).reshape(3, 8, 8)[:, ::-1] % 59
    assert list(ends_of(spec)) == ["image, first date", "image, last date"]
    # Where each date counts by itself, the last one here holds data nowhere.
    valid = np.ones((3, 8, 8), np.bool_) * np.array([True, True, False])[:, None, None] if each else values[0] > 9
    shown = chip_images(Patch({"s": values[None]}, {"s": valid}), "s", [0, 0, 0], ends_of(spec))
    expected = [(0, valid[0]), (1, valid[1])] if each else [(0, valid), (2, valid)]
    both = np.concatenate([values[step] for step, _ in expected])[None]
    wanted = stretch(both, np.concatenate([known for _, known in expected]))[..., 0]
    assert np.array_equal(np.concatenate(shown)[..., 0], wanted), "in one scale of colours"
    classes = [{"value": value, "name": name, "color": "#ff0000"} for value, name in enumerate("xy")]
    target = TargetSpec.model_validate({"classes": classes, "ignore_value": None})
    made = write_raster(tmp_path / "made.tif", np.ones((1, 8, 8), np.uint8))
    with Scene([write_raster(tmp_path / "s.tif", values)], spec) as scene:
        figure = draw_quicklook(scene, made, target, ("A", "A", "A"))
    assert [axes.get_title() for axes in figure.axes] == ["image, first date", "image, last date", "prediction"]
    wanted = stretch(np.concatenate(values[[0, 2]])[None], np.ones((16, 8), np.bool_))[..., 0]
    for column in range(2):
        assert np.array_equal(_shown(figure, 0, column, columns=3)[..., 0], wanted[8 * column : 8 * column + 8])


def test_the_panel_has_no_more_rows_than_there_are_chips(tiny_labelled: LabelledData) -> None:
    few = tiny_labelled.samples[tiny_labelled.samples["split"] == "test"].head(1)
    data = LabelledData(few, tiny_labelled.scenes, tiny_labelled.labels, tiny_labelled.inputs, tiny_labelled.target)
    assert len(draw_panel(Truth(), data, ("A", "B", "C"), 4).axes) == 4


def test_an_unknown_band_is_named(tiny_labelled: LabelledData) -> None:
    with pytest.raises(
        SpecError, match=r"'rgb' names band 'a1', which is not read. Did you mean 'A'\? Read: \['A', 'B'"
    ):
        draw_panel(Truth(), tiny_labelled, ("C", "B", "a1"), 1)
    assert rgb_positions(tiny_labelled.inputs["optical"], ("C", "A", "A")) == [2, 0, 0]


def test_the_confusion_matrix_shows_shares_of_each_true_class() -> None:
    figure = draw_confusion(np.array([[3, 1], [0, 0]]), ["water", "land"])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["75%", "25%", "0%", "0%"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["water", "land"]
    assert np.array_equal(axes.images[0].get_array(), [[0.75, 0.25], [0, 0]])


def test_the_history_shows_each_epoch() -> None:
    history = pd.DataFrame({"epoch": [0, 1], "train/loss": [2.0, 1.0], "val/loss": [3.0, 2.0], "val/miou": [0.1, 0.6]})
    left, right = draw_history(history).axes
    assert {line.get_label(): list(line.get_ydata()) for line in left.lines} == {
        "train/loss": [2.0, 1.0],
        "val/loss": [3.0, 2.0],
    }
    assert list(right.lines[0].get_xdata()) == [1, 2]
    assert list(right.lines[0].get_ydata()) == [0.1, 0.6]


def test_the_history_draws_what_was_measured() -> None:
    losses = pd.DataFrame({"epoch": [0, 1], "train/loss": [2.0, 1.0]})
    left, right = draw_history(losses).axes
    assert [line.get_label() for line in left.lines] == ["train/loss"]
    assert not right.lines
    left, right = draw_history(losses.assign(**{"val/loss": [None, 3.0], "val/miou": [None, 0.5]})).axes
    assert [list(line.get_xdata()) for line in (*left.lines, *right.lines)] == [[1, 2], [2], [2]]


def test_the_history_of_outlines_shows_their_score_beside_that_of_boxes() -> None:
    history = pd.DataFrame({"epoch": [0, 1], "val/map": [0.2, 0.7], "val/mask_map": [0.1, 0.6], "val/map_50": [1, 1]})
    lines = draw_history(history).axes[1].lines
    assert {line.get_label(): list(line.get_ydata()) for line in lines} == {
        "val/map": [0.2, 0.7],
        "val/mask_map": [0.1, 0.6],
    }
    assert len({line.get_color() for line in lines}) == 2


def test_quicklooks_show_scene_and_prediction(tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> None:
    config = InferenceConfig(tile_size=64)
    for key, stream in predict_scenes(tiny_bundle, tiny_data.scenes, config).streams:
        write_rasters(stream, {"classes": tmp_path / f"{key}_classes.tif"})
    predictions = find_rasters(tmp_path, ["{key}_classes.tif"])
    spec, target = tiny_bundle.config.inputs[tiny_bundle.reference], tiny_data.config.target
    pictures = draw_quicklooks(spec, target, tiny_data.scenes, predictions, ("A", "B", "C"))
    assert list(pictures) == list(tiny_data.scenes.files)
    figure = pictures["1"]()
    shown = _shown(figure, 0, 1, columns=2)
    assert np.allclose(shown[:10, :10], 255), "white where there is no data"
    assert not np.allclose(shown[10:], 255)
    assert (_shown(figure, 0, 0, columns=2)[:10, :10] == 255).all()
    with pytest.raises(SpecError, match="'rgb' names band 'X'"):
        draw_quicklooks(spec, target, tiny_data.scenes, predictions, ("A", "X", "C"))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"quicklooks": "all"}, {"0": True, "1": True, "2": True, "3": True, "4": True}),
        ({"quicklooks": 9}, {"0": True, "1": True, "2": True, "3": True, "4": True}),
        ({"quicklooks": 3}, {"0": True, "1": False, "2": True, "3": False, "4": True}),
        ({"quicklooks": 1}, {"0": True, "1": False, "2": False, "3": False, "4": False}),
        ({"quicklooks": 1, "shard": {"index": 1, "count": 2}}, {"1": True, "3": False}),
        ({"quicklooks": 5, "shard": {"index": 2, "count": 9}}, {"2": True}),
        ({"quicklooks": 5, "shard": {"index": 8, "count": 9}}, {}),
    ],
)
def test_of_many_scenes_some_are_drawn_evenly_picked(
    asked: dict[str, object], expected: dict[str, bool], tmp_path: Path, tiny_bundle: Bundle
) -> None:
    spec = tiny_bundle.config.inputs[tiny_bundle.reference]
    scenes, made = (RasterFolder(tmp_path, {str(key): (f"{key}.tif",) for key in range(n)}) for n in (6, 5))
    drawn = draw_some(tiny_bundle, spec, scenes, made, InferenceConfig.model_validate(asked))
    assert {key: draw is not None for key, draw in drawn.items()} == expected


def test_a_part_draws_what_it_has_predicted_while_others_are_not_there_yet(tmp_path: Path, tiny_bundle: Bundle) -> None:
    spec = tiny_bundle.config.inputs[tiny_bundle.reference]
    scenes, made = (RasterFolder(tmp_path, {key: (f"{key}.tif",) for key in keys}) for keys in ("dcbaef", "bdf"))
    asked = InferenceConfig.model_validate({"quicklooks": "all", "shard": {"index": 1, "count": 2}})
    drawn = draw_some(tiny_bundle, spec, scenes, made, asked)
    assert list(drawn) == ["b", "d", "f"]
    assert None not in drawn.values()


def test_judging_gives_scores_of_model_and_baselines(
    tiny_bundle: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    config = EvaluationConfig()
    found = evaluate_model(tiny_bundle, tiny_labelled, tiny_statistics, config, seed=0)
    metrics, by_scene, figure = found.scores, found.by_scene, found.figure
    assert set(metrics["baselines"]) == {"majority_class", "pixel_regression", "gradient_boosting"}
    assert metrics["baselines"]["pixel_regression"]["miou"] > 0.8 > metrics["baselines"]["majority_class"]["miou"]
    test = tiny_labelled.samples[tiny_labelled.samples["split"] == "test"]
    assert by_scene["scene"].tolist() == sorted(set(test["scene"]))
    assert len(figure.axes[0].texts) == 9
