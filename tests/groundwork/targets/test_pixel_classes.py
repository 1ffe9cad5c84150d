"""Classes per pixel: what scores become, as a hand-worked case and as files say it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rasterio.crs import CRS
from rasterio.transform import from_origin

from groundwork.targets.labels import IGNORE
from groundwork.rasters.grid import Grid
from groundwork.specs import ClassSpec, OutputSpec, SpecError, TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.pixel_classes import CLASSES, PROBABILITIES, PixelClasses

GRID = Grid(CRS.from_epsg(32632), from_origin(500_000, 5_000_000, 10, 10), width=3, height=2)
TARGET = TargetSpec(
    classes=(ClassSpec(value=4, name="water", color="#0000ff"), ClassSpec(value=9, name="land", color="#00aa00"))
)


def test_answers_are_written_as_class_values_and_probabilities() -> None:
    kind = PixelClasses(TARGET)
    scores = torch.tensor([[[[2.0, 0.0, 1.0], [0.0, 0.0, 5.0]], [[0.0, 1.0, 1.0], [3.0, 2.0, 0.0]]]])
    assert kind.decide(scores).tolist() == [[[0, 1, 0], [1, 1, 0]]]
    activated = kind.activate(scores)[0].numpy()
    assert activated.sum(axis=0) == pytest.approx(np.ones((2, 3)))
    valid = np.array([[True, True, False], [True, True, True]])
    profiles = kind.profiles(GRID, {"MODEL": "x"}, details=True)
    products = kind.products(activated, valid, profiles)
    assert products[CLASSES].tolist() == [[[4, 9, 255], [9, 9, 4]]]
    assert products[CLASSES].dtype == profiles[CLASSES].dtype == "uint8"
    assert np.isnan(products[PROBABILITIES][:, 0, 2]).all()
    assert products[PROBABILITIES][1, 1, 0] == pytest.approx(np.exp(3) / (1 + np.exp(3)))
    assert profiles[CLASSES].tags == {"MODEL": "x", "CLASS_4": "water", "CLASS_9": "land"}
    assert profiles[PROBABILITIES].bands == ("water", "land")
    assert set(kind.profiles(GRID, {}, details=False)) == {CLASSES}


def test_scores_are_those_of_all_batches_and_begin_anew() -> None:
    kind = PixelClasses(TARGET)
    judged = kind.accumulator()
    for truth, score in (([0, 1, IGNORE], [1.0, -1.0, 1.0]), ([1, 1, 0], [1.0, -1.0, 1.0])):
        first = torch.tensor(score).reshape(1, 1, 1, 3)
        judged.update(torch.tensor(truth).reshape(1, 1, 3), torch.cat([first, -first], dim=1))
    # Of water (0): 2 right, and 1 land taken for it; of land: 2 right, 1 taken for water.
    assert judged.compute() == {
        "miou": pytest.approx((2 / 3 + 2 / 3) / 2),
        "overall_accuracy": pytest.approx(4 / 5),
        "iou_water": pytest.approx(2 / 3),
        "iou_land": pytest.approx(2 / 3),
    }
    assert set(judged.compute()) == set(PixelClasses.score_directions(TARGET))
    judged.reset()
    assert judged.compute()["overall_accuracy"] == 0


@pytest.mark.parametrize(
    "target", [TARGET.model_copy(update={"per": "image"}), TargetSpec(outputs=(OutputSpec(name="height"),))]
)
def test_other_kinds_are_refused(target: TargetSpec) -> None:
    with pytest.raises(SpecError, match="'per: pixel'"):
        kind_of(target)
