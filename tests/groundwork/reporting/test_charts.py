"""Charts show the numbers that were measured, and say where there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from rasterio.warp import transform_bounds

from groundwork.reporting import places
from groundwork.reporting.charts import APART, draw_history, draw_scores, reason_of
from groundwork.reporting.places import draw_map

SCORES: dict[str, Any] = {
    "test": {"miou": 0.6, "f1": 0.7, "iou": {"water": 0.5, "forest": None}, "class_f1": {"water": 0.6, "forest": 0.1}},
    "baselines": {"majority_class": {"miou": 0.1, "f1": 0.2, "iou": {"water": 0.0, "forest": 0.3}, "class_f1": {}}},
    "confidence": {
        "model": {"miou": [0.5, 0.65], "f1": None, "iou": {"water": [0.4, 0.6], "forest": None}},
        "baselines": {"majority_class": {"miou": [0.05, 0.2], "f1": [0.2, 0.2], "iou": {"water": None}}},
    },
}


def test_scores_and_their_intervals_are_drawn_by_predictor() -> None:
    figure = draw_scores(SCORES)
    model, baseline = figure.data
    names = ["mean IoU", "mean F1", "IoU water", "IoU forest"]
    assert list(model.text) == list(figure.layout.yaxis.ticktext) == names, "one score by class is enough"
    assert np.allclose(np.subtract(baseline.y, model.y), APART), "no interval hides another"
    assert np.allclose(np.add(baseline.y, model.y) / 2, figure.layout.yaxis.tickvals)
    assert list(model.x) == [0.6, 0.7, 0.5, None]
    assert list(baseline.x) == [0.1, 0.2, 0.0, 0.3]
    assert (model.name, baseline.name) == ("model", "majority class")
    assert np.allclose(model.error_x.array, [0.05, 0, 0.1, 0])
    assert np.allclose(model.error_x.arrayminus, [0.1, 0, 0.1, 0])
    assert np.allclose(baseline.error_x.array, [0.1, 0, 0, 0])


def test_scores_without_intervals_have_no_bars() -> None:
    confidence = {"model": None, "baselines": {"majority_class": None}}
    assert all(trace.error_x.array is None for trace in draw_scores(SCORES | {"confidence": confidence}).data)
    assert all(trace.error_x.array is None for trace in draw_scores(SCORES | {"confidence": None}).data)


def test_scores_with_a_unit_are_left_to_the_table() -> None:
    scores = {"val": {"r2": -3.0, "rmse": {"height": 2.0}}, "baselines": {}}
    reason = reason_of(draw_scores(scores))
    assert reason is not None
    assert reason.startswith("R2: no shares")


def test_the_history_is_drawn_as_far_as_it_was_measured() -> None:
    history = pd.DataFrame({"epoch": [0, 1, 2], "train/loss": [3.0, 2.0, 1.0], "val/miou": [None, 0.5, None]})
    losses, scores = draw_history(history).data
    assert (list(losses.x), list(losses.y)) == ([1, 2, 3], [3.0, 2.0, 1.0])
    assert (list(scores.x), list(scores.y), scores.name) == ([2], [0.5], "mean IoU")
    assert reason_of(draw_history(history.iloc[:0])) == "Nothing was learnt in epochs."


def _samples() -> pd.DataFrame:
    boxes = {"a": (500_000, 5_400_000, "EPSG:32632", "train"), "b": (400_000, 5_500_000, "EPSG:32633", "test")}
    rows = []
    for scene, (west, south, crs, split) in boxes.items():
        for number in range(2):
            bounds = (west + 1000 * number, south, west + 1000 * number + 1000, south + 1000)
            longitude, latitude = np.array(transform_bounds(crs, "EPSG:4326", *bounds)).reshape(2, 2).mean(axis=0)
            rows.append((scene, split, crs, *bounds, latitude, longitude))
    columns = ["scene", "split", "crs", "west", "south", "east", "north", "latitude", "longitude"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize(("most", "outlines"), [(100, 2), (1, 1)])
def test_the_map_shows_each_split_where_it_lies(monkeypatch: pytest.MonkeyPatch, most: int, outlines: int) -> None:
    monkeypatch.setattr(places, "MOST_CHIPS", most)
    train, scenes, test, _ = draw_map(_samples()).data
    assert (train.name, test.name) == ("train: 2 chips", "test: 2 chips")
    assert train.x.count(None) == outlines, "of many chips only what they cover together is drawn"
    west, south, east, north = transform_bounds("EPSG:32632", "EPSG:4326", 500_000, 5_400_000, 502_000, 5_401_000)
    known = [value for value in train.x if value is not None]
    assert (min(known), max(known)) == pytest.approx((west, east), abs=1e-4)
    known = [value for value in train.y if value is not None]
    assert (min(known), max(known)) == pytest.approx((south, north), abs=1e-4)
    assert list(scenes.text) == ["a: 2 chips"]


def test_samples_without_a_place_have_no_map() -> None:
    assert reason_of(draw_map(_samples().assign(latitude=np.nan))) == "No scene says where it lies."
