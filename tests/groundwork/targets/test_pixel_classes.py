"""Classes per pixel: what scores become, as a hand-worked case and as files say it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.batch import Truth
from groundwork.errors import SpecError
from groundwork.rasters.grid import Grid
from groundwork.specs import ClassSpec, OutputSpec, TargetSpec
from groundwork.targets.classes import CLASSES, PROBABILITIES, RIGHT, WRONG
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource
from groundwork.targets.labels import IGNORE
from groundwork.targets.pixel_classes import PixelClasses
from groundwork.targets.statistics import TargetStatistics

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
    profiles = kind.profiles(GRID, {"MODEL": "x"}, details={"probabilities"})
    products = kind.products(activated, valid, profiles)
    assert products[CLASSES].tolist() == [[[4, 9, 255], [9, 9, 4]]]
    assert products[CLASSES].dtype == profiles[CLASSES].dtype == "uint8"
    assert np.isnan(products[PROBABILITIES][:, 0, 2]).all()
    assert products[PROBABILITIES][1, 1, 0] == pytest.approx(np.exp(3) / (1 + np.exp(3)))
    assert profiles[CLASSES].tags == {"MODEL": "x", "CLASS_4": "water", "CLASS_9": "land"}
    assert profiles[PROBABILITIES].bands == ("water", "land")
    assert set(kind.profiles(GRID, {}, details=())) == {CLASSES}


def test_of_equal_scores_the_first_class_is_said_wherever_one_looks() -> None:
    scores = torch.randint(0, 3, (2, 5, 40, 50), generator=torch.Generator().manual_seed(0)).float()
    first = torch.from_numpy(scores.numpy().argmax(axis=1))
    kind = PixelClasses(TargetSpec(classes=[ClassSpec(value=v, name=f"c{v}", color="#000000") for v in range(5)]))
    for layout in (torch.contiguous_format, torch.channels_last):
        assert torch.equal(kind.decide(scores.contiguous(memory_format=layout)), first)
    valid = np.ones((40, 50), np.bool_)
    written = kind.products(scores[0].numpy(), valid, kind.profiles(GRID, {}, details=()))[CLASSES][0]
    assert np.array_equal(written, first[0].numpy())


def test_predictions_hold_the_value_of_a_class_and_none_of_its_label_values() -> None:
    words = [{"values": [41, 42], "name": "forest"}, {"value": 1, "values": [50, 255], "name": "built"}]
    kind = PixelClasses(TargetSpec.model_validate({"classes": [entry | {"color": "#000000"} for entry in words]}))
    scores = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]], [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]], np.float32)
    valid = np.array([[True, True, True], [True, True, False]])
    profiles = kind.profiles(GRID, {}, details=())
    written = kind.products(scores, valid, profiles)[CLASSES][0]
    assert written.tolist() == [[41, 1, 1], [1, 41, 255]]
    assert profiles[CLASSES].colors.keys() == {41, 1}
    assert kind.from_product(written[None], valid).tolist() == [[0, 1, 1], [1, 0, IGNORE]]


def test_scores_are_those_of_all_batches_and_begin_anew() -> None:
    kind = PixelClasses(TARGET)
    judged = kind.accumulator()
    for truth, score in (([0, 1, IGNORE], [1.0, -1.0, 1.0]), ([1, 1, 0], [1.0, -1.0, 1.0])):
        first = torch.tensor(score).reshape(1, 1, 1, 3)
        judged.update(Truth(torch.tensor(truth).reshape(1, 1, 3)), torch.cat([first, -first], dim=1))
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


def test_other_kinds_are_refused() -> None:
    with pytest.raises(SpecError, match="numbers per object, of which no task is there yet"):
        kind_of(TargetSpec(outputs=(OutputSpec(name="height"),), per="object"))


# --- from label to statistics ---------------------------------------------------------------------------------------


def test_labels_are_read_as_class_indexes_and_hidden_where_the_scene_holds_no_data(
    tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    kind = PixelClasses(TARGET)
    path = write_raster(tmp_path / "l.tif", np.array([[4, 9, 9], [9, 4, 0]], np.uint8), nodata=0)
    with kind.open_label(LabelSource((path,)), GRID) as label:
        answers = label.read(Window(0, 0, 3, 2))
    assert answers.tolist() == [[0, 1, 1], [1, 0, IGNORE]]
    kind.hide(answers, np.array([[True, False, True], [True, True, True]]))
    assert answers.tolist() == [[0, IGNORE, 1], [1, 0, IGNORE]]
    nothing = kind.nothing_known(torch.from_numpy(answers))
    assert (nothing.item(), nothing.dtype) == (IGNORE, torch.int64)


def test_answers_are_summed_up_by_class() -> None:
    kind = PixelClasses(TARGET)
    answers = np.array([[0, IGNORE, 1], [1, 1, IGNORE]])
    terms = list(kind.terms(answers))
    assert len(terms) == kind.num_terms == 2
    assert [term.dtype for term in terms] == [kind.term_type] * 2
    assert [term.tolist() for term in terms] == [[[1, 0, 0], [0, 0, 0]], [[0, 0, 1], [1, 1, 0]]]
    sums = np.array([term.sum() for term in terms])
    assert kind.num_known(sums) == 4
    assert kind.columns(sums) == {"fraction_water": 0.25, "fraction_land": 0.75}
    assert kind.columns(np.zeros(2, np.int64)) == {"fraction_water": 0, "fraction_land": 0}
    assert kind.summarise(sums) == TargetStatistics(class_pixels={"water": 1, "land": 3})


@pytest.mark.parametrize(("pixels", "expected"), [((5, 3), [1, 0]), ((3, 5), [0, 1])])
def test_of_nothing_the_most_frequent_class_is_said(pixels: tuple[int, int], expected: list[int]) -> None:
    kind = PixelClasses(TARGET)
    # By name: the order in a file says nothing.
    statistics = TargetStatistics(class_pixels={"land": pixels[1], "water": pixels[0]})
    scores = kind.constant(statistics)
    assert scores.tolist() == [count / 8 for count in pixels]
    assert kind.decide(scores[None, :, None, None]).item() == expected.index(1)


# --- pictures -------------------------------------------------------------------------------------------------------

WHITE, BLUE, GREEN = [255, 255, 255], [0, 0, 255], [0, 170, 0]


def test_pictures_show_classes_in_their_colours() -> None:
    kind = PixelClasses(TARGET)
    assert kind.legend() == [("water", "#0000ff"), ("land", "#00aa00")]
    picture = kind.picture(np.array([[0, IGNORE], [1, 1]]))
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[BLUE, WHITE], [GREEN, GREEN]]


def test_pictures_of_errors_tell_right_wrong_and_unknown_apart() -> None:
    picture = PixelClasses(TARGET).picture_of_errors(np.array([[0, IGNORE, 1]]), np.array([[0, 1, 0]]))
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[list(RIGHT), WHITE, list(WRONG)]]
    assert len({RIGHT, WRONG, tuple(WHITE)}) == 3


def test_a_written_prediction_is_read_as_the_answers_it_was_made_from() -> None:
    # Values that are not in the order of the classes.
    target = TARGET.model_copy(update={"classes": TARGET.classes[::-1]})
    kind = PixelClasses(target)
    valid = np.array([[True, True, False], [True, True, True]])
    blended = np.array([[[0.9, 0.1, 0.5], [0.8, 0.3, 0.2]], [[0.1, 0.9, 0.5], [0.2, 0.7, 0.8]]], np.float32)
    profiles = kind.profiles(GRID, {}, details=())
    written = kind.products(blended, valid, profiles)[CLASSES][0]
    assert written.tolist() == [[9, 4, 255], [9, 4, 4]]
    found = kind.from_product(written[None], written != profiles[CLASSES].nodata)
    assert found.tolist() == [[0, 1, IGNORE], [0, 1, 1]]
    assert kind.from_product(np.array([[[3, 10, 5]]], np.uint8), np.ones((1, 3), bool)).tolist() == [[IGNORE] * 3]


# --- counts ---------------------------------------------------------------------------------------------------------


def test_counts_add_up_and_report_all_scores() -> None:
    kind = PixelClasses(TARGET)
    one, other = kind.accumulator(), kind.accumulator()
    for judged, truth, score in ((one, [0, 0, 1], [1.0, -1.0, -1.0]), (other, [0, IGNORE, 1], [1.0, 1.0, -1.0])):
        first = torch.tensor(score).reshape(1, 1, 1, 3)
        judged.update(Truth(torch.tensor(truth).reshape(1, 1, 3)), torch.cat([first, -first], dim=1))
    one.add(other)
    assert one.counts.tolist() == [[2, 1], [0, 2]]
    assert other.counts.tolist() == [[1, 0], [0, 1]]
    assert one.num_known() == 5
    report = one.report()
    assert report["iou"] == {"water": round(2 / 3, 6), "land": round(2 / 3, 6)}
    assert report["overall_accuracy"] == 0.8
    assert report["class_precision"] == {"water": 1.0, "land": round(2 / 3, 6)}
    assert report["class_recall"] == {"water": round(2 / 3, 6), "land": 1.0}
    assert {kind.main_score, *kind.headline} <= set(report)
    assert [text.get_text() for text in one.draw().axes[0].texts] == ["67%", "33%", "0%", "100%"]
    with pytest.raises(TypeError, match="Counts of classes cannot be added to "):
        one.add(SimpleNamespace())  # type: ignore[arg-type]
