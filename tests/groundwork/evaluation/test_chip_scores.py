"""Chips are judged one by one as scikit-learn judges them, and the best and the worst are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics

from groundwork.batch import Truth, collate
from groundwork.bundle import Bundle
from groundwork.config import EvaluationConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import DataError
from groundwork.evaluation.chip_scores import ChipScores, extremes, no_chips, notes_of
from groundwork.evaluation.panels import NO_EXTREMES, draw_extremes
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.report import evaluate_model
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of

TWO = {"classes": [{"value": 0, "name": "a", "color": "#000000"}, {"value": 1, "name": "b", "color": "#ffffff"}]}

HEIGHT = {"name": "height", "minimum": -1000, "maximum": 1000}


def _table(target: dict[str, object], truth: list[torch.Tensor], scores: list[torch.Tensor]) -> pd.DataFrame:
    judged = ChipScores(kind_of(TargetSpec.model_validate(target)))
    for one, given in zip(truth, scores, strict=True):
        judged.update(Truth(one[None]), given[None])
    names = [f"c{number}" for number in range(len(truth))]
    return judged.table(pd.DataFrame({"sample_id": names, "scene": "s"}))


def test_pixels_are_judged_by_what_occurs_in_the_chip(
    tiny_bundle: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    config = EvaluationConfig(baseline_pixels=200, bootstrap=0, orientations=False)
    found = evaluate_model(tiny_bundle, tiny_labelled, tiny_statistics, config, seed=0).chips
    chips, predictor = tiny_labelled.chips("test"), ModelPredictor(tiny_bundle)
    expected = []
    for index in range(len(chips)):
        batch = collate([chips[index]])
        truth, given = batch["target"][0].numpy(), predictor.predict(batch)[0].argmax(dim=0).numpy()
        known = (truth >= 0) & batch["valid"]["optical"][0].numpy()
        occurring = np.unique(truth[known])
        expected.append(metrics.jaccard_score(truth[known], given[known], labels=occurring, average="macro"))
    assert found["goodness"].tolist() == pytest.approx(expected, abs=1e-5)
    assert found["sample_id"].tolist() == tiny_labelled.of_split("test")["sample_id"].tolist()
    assert set(found["measure"]) == {"miou"}


def test_images_are_judged_by_the_probability_of_what_is_right() -> None:
    truth = [torch.tensor(0), torch.tensor(1), torch.tensor(-1)]
    scores = [torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0])]
    found = _table({**TWO, "per": "image", "column": "class"}, truth, scores)["goodness"]
    assert found.tolist()[:2] == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(1))], abs=1e-5)
    assert np.isnan(found[2])


def test_numbers_are_judged_by_their_error_each_output_alike() -> None:
    truth = [torch.zeros(2, 1, 2), torch.zeros(2, 1, 2)]
    scores = [torch.tensor([[[3.0, 4.0]], [[100.0, 100.0]]]), torch.tensor([[[1.0, 1.0]], [[300.0, 300.0]]])]
    one = _table({"outputs": [HEIGHT]}, [part[:1] for part in truth], [part[:1] for part in scores])
    assert one["goodness"].tolist() == pytest.approx([-np.sqrt(12.5), -1.0], abs=1e-5)
    both = _table({"outputs": [HEIGHT, HEIGHT | {"name": "mass"}]}, truth, scores)["goodness"]
    root = np.sqrt(12.5)
    mean = (root + 1) / 2
    assert both.tolist() == pytest.approx([-(root / mean + 0.5) / 2, -(1 / mean + 1.5) / 2], abs=1e-5)


def test_chips_of_which_one_output_is_known_are_judged_by_it() -> None:
    nan = float("nan")
    truth = [torch.tensor([[[0.0]], [[one]], [[nan]]]) for one in (0.0, nan)] + [torch.full((3, 1, 1), nan)]
    scores = [torch.tensor([[[2.0]], [[10.0]], [[7.0]]]), torch.tensor([[[6.0]], [[20.0]], [[7.0]]]), *truth[2:]]
    found = _table({"outputs": [HEIGHT, HEIGHT | {"name": "mass"}, HEIGHT | {"name": "cover"}]}, truth, scores)
    # Errors of 2 and 6 are a half and three halves of their mean; the second output is known in one chip alone.
    assert found["goodness"].tolist()[:2] == pytest.approx([-(0.5 + 1) / 2, -1.5])
    assert np.isnan(found["goodness"][2])
    assert set(found["measure"]) == {"relative rmse"}


def test_the_best_and_the_worst_are_never_the_same() -> None:
    table = pd.DataFrame({"sample_id": list("abcde"), "scene": "s", "goodness": [0.1, 0.9, np.nan, 0.5, 0.9]})
    assert extremes(table, 2) == (["b", "e"], ["a", "d"])
    assert extremes(table, 9) == (["b", "e"], ["a", "d"])
    assert extremes(table.iloc[:1], 4) == (["a"], [])
    assert extremes(no_chips(), 4) == ([], [])


def test_rows_say_how_good_they_are(tiny_bundle: Bundle, tiny_labelled: LabelledData) -> None:
    samples = tiny_labelled.of_split("test")
    names = samples["sample_id"].tolist()
    chips = pd.DataFrame(
        {"sample_id": names, "scene": "s", "goodness": np.linspace(0, 1, len(names)), "measure": "miou"}
    )
    figure = draw_extremes(tiny_bundle, tiny_labelled, chips, EvaluationConfig(panel_rows=1), seed=0)
    notes = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert notes == [f"best, miou 1\n{names[-1]}", f"worst, miou 0\n{names[0]}"]
    with pytest.raises(DataError, match=r"'other' is not among them\. Judge the model again"):
        notes_of(samples, chips, {"best": ["other"]})


def test_what_is_not_judged_chip_by_chip_says_so(tiny_bundle: Bundle, tiny_labelled: LabelledData) -> None:
    figure = draw_extremes(tiny_bundle, tiny_labelled, no_chips(), EvaluationConfig(), seed=0)
    assert [text.get_text() for text in figure.texts] == [NO_EXTREMES]


def test_objects_are_judged_by_f1() -> None:
    target = TargetSpec.model_validate({"classes": [{"value": 0, "name": "a", "color": "#000000"}], "per": "object"})
    judged = ChipScores(kind_of(target))
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0], [40.0, 0.0, 50.0, 10.0]])
    # What each pixel shows, and the middle of each object.
    answers = torch.zeros(1, 2, 64, 64, dtype=torch.int16)
    for left, top, right, bottom in boxes.int().tolist():
        answers[0, 0, top:bottom, left:right] = 1
        answers[0, 1, (top + bottom) // 2, (left + right) // 2] = 1
    truth = Truth(answers, [{"boxes": boxes, "labels": torch.tensor([0, 0, 0])}])
    # One is right, one lies elsewhere: precision 1/2, recall 1/3.
    found = torch.tensor([[[0.0, 0.0, 10.0, 10.0, 0.9, 0.0], [50.0, 50.0, 60.0, 60.0, 0.8, 0.0]]])
    judged.update(truth, found[0][None])
    table = judged.table(pd.DataFrame({"sample_id": ["one"], "scene": ["s"]}))
    assert table["goodness"].tolist() == pytest.approx([0.4])
    assert table["measure"].tolist() == ["f1"]
