"""Objects are judged as COCO judges them; what is not known, or is another chip's, counts neither way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import _mean_ap

from groundwork.batch import Truth
from groundwork.targets.labels import IGNORE
from groundwork.targets.object_scores import FoundObjects

SIZE = 64
Boxes = Sequence[tuple[float, float, float, float]]


def answers_for(boxes: Boxes, labels: Sequence[int], size: int = SIZE) -> torch.Tensor:
    """Both planes of a window that shows boxes whole."""
    planes = np.zeros((2, size, size), np.int16)
    for (left, top, right, bottom), label in zip(boxes, labels, strict=True):
        planes[0, int(top) : int(bottom), int(left) : int(right)] = 1 + label
        planes[1, int((top + bottom) / 2), int((left + right) / 2)] = 1 + label
    return torch.from_numpy(planes)[None]


def truth_of(
    boxes: Boxes,
    labels: Sequence[int],
    answers: torch.Tensor | None = None,
    centers: Sequence[tuple[float, float]] | None = None,
) -> Truth:
    entry = {"boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), "labels": torch.tensor(labels).long()}
    entry |= {} if centers is None else {"centers": torch.tensor(centers)}
    return Truth(answers_for(boxes, labels) if answers is None else answers, [entry])


def rows(*found: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(found, dtype=torch.float32).reshape(1, -1, 6)


def judged(truth: Truth, found: torch.Tensor, names: Sequence[str] = ("a",)) -> FoundObjects:
    accumulator = FoundObjects(names)
    accumulator.update(truth, found)
    return accumulator


def test_average_precision_of_a_case_worked_by_hand() -> None:
    # Two objects; found are, from the highest score: one exactly, nothing, the other exactly. Precision is 1 up to a
    # recall of 1/2 (51 of the 101 recalls) and 2/3 up to 1 (50 of them), at every overlap.
    truth = truth_of([(0, 0, 10, 10), (20, 20, 30, 30)], [0, 0])
    found = rows((0, 0, 10, 10, 0.9, 0), (40, 40, 50, 50, 0.8, 0), (20, 20, 30, 30, 0.4, 0))
    report = judged(truth, found).report()
    expected = round((51 + 50 * 2 / 3) / 101, 6)
    assert (report["map"], report["map_50"], report["ap"]) == (expected, expected, {"a": expected})
    # From a score of 0.5 on: one right, one wrong, one missed.
    assert (report["precision"], report["recall"], report["f1"]) == (0.5, 0.5, 0.5)
    assert report["objects"] == {"a": 2}


def test_a_box_that_covers_most_of_an_object_is_right_up_to_its_overlap() -> None:
    # 10 x 8 of 10 x 10 pixels: right at the overlaps 0.5 to 0.8, seven of ten.
    report = judged(truth_of([(0, 0, 10, 10)], [0]), rows((0, 0, 10, 8, 0.9, 0))).report()
    assert (report["map"], report["map_50"], report["map_75"]) == (0.7, 1, 1)


def test_an_object_that_is_found_twice_is_right_once() -> None:
    truth = truth_of([(0, 0, 10, 10)], [0])
    report = judged(truth, rows((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 9, 0.8, 0))).report()
    assert (report["class_precision"], report["class_recall"]) == ({"a": 0.5}, {"a": 1.0})


def test_sizes_are_judged_by_themselves() -> None:
    # A small object that is found, and one of 40 x 40 pixels that is not.
    truth = truth_of([(0, 0, 10, 10), (20, 20, 60, 60)], [0, 0])
    report = judged(truth, rows((0, 0, 10, 10, 0.9, 0))).report()
    assert (report["map_small"], report["map_medium"], report["map_large"]) == (1, 0, None)


def test_objects_on_the_border_of_two_sizes_are_of_both_as_pycocotools_has_it() -> None:
    there = [(0, 0, 32, 32), (64, 64, 74, 74), (100, 100, 196, 196)]
    found = [(0, 0, 32, 31, 0.9, 0), (64, 64, 74, 74, 0.8, 0), (100, 100, 196, 190, 0.7, 0), (200, 0, 232, 32, 0.95, 0)]
    report = judged(truth_of(there, [0, 0, 0], answers_for(there, [0, 0, 0], 256)), rows(*found)).report()
    entries = [
        {"image_id": 1, "category_id": 0, "bbox": [left, top, right - left, bottom - top], "iscrowd": 0, "id": number,
         "area": (right - left) * (bottom - top), "score": (*score, 1.0)[0]}
        for number, (left, top, right, bottom, *score) in enumerate([*there, *(row[:5] for row in found)], start=1)
    ]  # fmt: skip
    coco = COCO()
    coco.dataset = {"images": [{"id": 1}], "annotations": entries[:3], "categories": [{"id": 0}]}
    coco.createIndex()
    expected = COCOeval(coco, coco.loadRes(entries[3:]), "bbox")
    expected.evaluate()
    expected.accumulate()
    expected.summarize()
    names = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large")
    assert [report[name] for name in names] == pytest.approx(expected.stats[:6].tolist(), abs=1e-5)


def test_what_is_not_defined_is_none_and_not_in_the_mean() -> None:
    report = judged(truth_of([(0, 0, 10, 10)], [0]), rows((0, 0, 10, 10, 0.9, 0)), ("a", "b")).report()
    assert (report["map"], report["ap"], report["class_f1"]) == (1, {"a": 1, "b": None}, {"a": 1, "b": None})
    assert judged(truth_of([(0, 0, 10, 10)], [0]), rows(), ("a", "b")).compute() == {
        "map": 0,
        "map_50": 0,
        "f1": 0,
        "ap_a": 0,
    }


def test_an_image_without_objects_in_which_none_is_found_is_judged_by_nothing() -> None:
    accumulator = judged(truth_of([], []), rows())
    assert (accumulator.report()["map"], accumulator.compute(), accumulator.num_known()) == (None, {}, 0)
    accumulator.update(truth_of([], []), rows((0, 0, 9, 9, 0.9, 0)))
    assert accumulator.report()["precision"] == 0


def test_ground_that_nobody_knows_counts_neither_way() -> None:
    boxes = [(0, 0, 10, 10), (40, 40, 50, 50)]
    answers = answers_for(boxes, [0, 0])
    answers[..., 32:] = IGNORE
    # One object lies where nobody knows, found or not; so does a box that is nowhere near an object.
    found = rows((0, 0, 10, 10, 0.9, 0), (40, 40, 50, 50, 0.8, 0), (50, 5, 60, 15, 0.7, 0))
    accumulator = judged(truth_of(boxes, [0, 0], answers), found)
    assert accumulator.num_known() == 1
    assert (accumulator.report()["map"], accumulator.report()["precision"]) == (1, 1)
    assert judged(truth_of(boxes, [0, 0], answers), found[:, :1]).report() == accumulator.report()


def test_an_object_that_two_chips_show_is_asked_for_where_its_centre_lies() -> None:
    # Chips of 64 pixels side by side: of an object from column 50 to 70 the first shows the centre, the second the
    # last 6 columns.
    left = truth_of([(50, 10, 64, 20)], [0], centers=[(60.5, 15.5)])
    accumulator = judged(left, rows((50, 10, 64, 20, 0.9, 0)))
    right = truth_of([(0, 10, 6, 20)], [0], centers=[(-3.5, 15.5)])
    accumulator.update(right, rows((0, 10, 6, 20, 0.8, 0)))
    assert accumulator.num_known() == 1
    assert (accumulator.report()["precision"], accumulator.report()["recall"]) == (1, 1)
    missed = judged(right, rows())
    assert (missed.num_known(), missed.compute()) == (0, {})


def test_scores_equal_those_of_torchmetrics(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its own computation asks for pycocotools, of which boxes use nothing.
    monkeypatch.setattr(_mean_ap, "_PYCOCOTOOLS_AVAILABLE", True)
    empty = ModuleType("pycocotools.mask")
    monkeypatch.setitem(sys.modules, "pycocotools", ModuleType("pycocotools"))
    monkeypatch.setitem(sys.modules, "pycocotools.mask", empty)
    sys.modules["pycocotools"].mask = empty  # type: ignore[attr-defined]
    reference = _mean_ap.MeanAveragePrecision(class_metrics=True)
    random = np.random.default_rng(3)
    accumulator = FoundObjects(("a", "b", "c"))
    for _ in range(12):
        count = int(random.integers(0, 9))
        low, side = random.integers(0, 100, (count, 2)), random.integers(4, 60, (count, 2))
        boxes = np.concatenate([low, low + side], axis=1).astype(np.float32)
        labels = random.integers(0, 3, count)
        shaken = boxes + random.normal(0, 2, boxes.shape).astype(np.float32)
        extra = np.array([[5, 5, 40, 40], [70, 10, 90, 30]], np.float32)
        found = np.concatenate([shaken, extra])
        said = np.concatenate([np.where(random.random(count) < 0.8, labels, (labels + 1) % 3), [0, 1]])
        scores = random.random(len(found)).astype(np.float32)
        reference.update(
            [{"boxes": torch.tensor(found), "scores": torch.tensor(scores), "labels": torch.tensor(said)}],
            [{"boxes": torch.tensor(boxes), "labels": torch.tensor(labels)}],
        )
        entry = {"boxes": torch.tensor(boxes), "labels": torch.tensor(labels)}
        known = answers_for(boxes.tolist(), labels.tolist(), 200)
        accumulator.update(
            Truth(known, [entry]), torch.tensor(np.concatenate([found, scores[:, None], said[:, None]], 1))[None]
        )
    expected, report = reference.compute(), accumulator.report()
    # Not by size: there it takes what lies on an object of another size for wrong, and COCO leaves it out.
    for name in ("map", "map_50", "map_75"):
        assert report[name] == pytest.approx(expected[name].item(), abs=1e-5), name
    assert list(report["ap"].values()) == pytest.approx(expected["map_per_class"].tolist(), abs=1e-5)


def test_what_lies_on_an_object_of_another_size_is_left_out_there() -> None:
    truth = truth_of([(0, 0, 10, 10), (20, 20, 60, 60)], [0, 0])
    # A box of 30 x 34 pixels is small, and 0.6375 of an object that is not: at three of ten overlaps it is of that
    # object, at the others it is wrong, and before the small one: a precision of 1/2.
    report = judged(truth, rows((20, 20, 50, 54, 0.95, 0), (0, 0, 10, 10, 0.9, 0))).report()
    assert (report["map_small"], report["map_50"]) == (0.65, 1)


def test_scores_of_two_parts_are_those_of_the_whole() -> None:
    first = truth_of([(0, 0, 10, 10)], [0]), rows((0, 0, 10, 9, 0.6, 0))
    second = truth_of([(20, 20, 30, 30)], [0]), rows((20, 20, 30, 30, 0.4, 0), (0, 0, 9, 9, 0.9, 0))
    whole = judged(*first)
    whole.update(*second)
    parts = judged(*first)
    parts.add(judged(*second))
    assert parts.report() == whole.report()
    parts.reset()
    assert parts.num_known() == 0


def test_the_figure_shows_precision_over_recall_of_classes_that_occur() -> None:
    truth = truth_of([(0, 0, 10, 10), (20, 20, 30, 30)], [0, 0])
    found = rows((0, 0, 10, 10, 0.9, 0), (40, 40, 50, 50, 0.8, 0), (20, 20, 30, 30, 0.4, 0))
    curve, dot = judged(truth, found, ("a", "b")).draw().axes[0].lines
    assert curve.get_xdata().tolist() == [0, 0.5, 0.5, 1]
    assert curve.get_ydata().tolist() == pytest.approx([1, 1, 0.5, 2 / 3])
    assert (dot.get_xdata(), dot.get_ydata()) == ([0.5], [0.5])


def test_the_figure_shows_a_class_of_which_nothing_was_found() -> None:
    truth = truth_of([(0, 0, 10, 10), (20, 20, 30, 30)], [0, 1])
    _, found, _, *_ = judged(truth, rows((0, 0, 10, 10, 0.9, 0)), ("a", "b")).draw().axes[0].lines
    assert found.get_xdata() == [1.0]
    lines = judged(truth, rows(), ("a", "b")).draw().axes[0].lines
    assert [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in lines] == [([0], [0]), ([0], [0])]
