"""Intervals are those of a plain bootstrap over scenes, and what is said of them follows."""

from __future__ import annotations

import logging
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm, t
from sklearn import metrics

from groundwork.batch import Truth
from groundwork.bundle import Bundle
from groundwork.config import EvaluationConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import DataError
from groundwork.evaluation.confidence import (
    MOST_SLOW,
    Compared,
    draw_scenes,
    interval,
    intervals_of,
    redraw_of,
    why_not,
)
from groundwork.evaluation.reconstruction import PaintedSums, _redraw
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.evaluation.verdict import judge_in_words
from groundwork.specs import TargetSpec
from groundwork.targets.kind import Accumulator, TargetKind
from groundwork.targets.kinds import kind_of
from groundwork.targets.statistics import TargetStatistics

CLASSES = [{"value": value, "name": name, "color": "#000000"} for value, name in enumerate("xyz")]
SCENES = 7


def _drawn(kind: TargetKind, right: float, seed: int) -> tuple[list[Accumulator], list[tuple[np.ndarray, np.ndarray]]]:
    """Return accumulators of scenes, and truth and prediction of each."""
    random = np.random.default_rng(seed)
    parts, pairs = [], []
    for scene in range(SCENES):
        truth = np.random.default_rng(scene).integers(0, 3, 40 + 10 * scene)
        said = np.where(random.random(len(truth)) < right, truth, random.integers(0, 3, len(truth)))
        part = kind.accumulator()
        scores = torch.nn.functional.one_hot(torch.from_numpy(said), 3).T[None, :, None].float()
        part.update(Truth(torch.from_numpy(truth)[None, None]), scores)
        parts.append(part)
        pairs.append((truth, said))
    return parts, pairs


def test_intervals_of_sums_are_those_of_pixels_drawn_scene_by_scene() -> None:
    kind = kind_of(TargetSpec.model_validate({"classes": CLASSES}))
    (good, good_pairs), (bad, bad_pairs) = _drawn(kind, 0.9, 1), _drawn(kind, 0.5, 2)
    drawn = draw_scenes(SCENES, 100, seed=3)
    assert drawn.sum(axis=1).tolist() == [SCENES] * 100
    compared = Compared("miou", "max", ("miou", "overall_accuracy", "iou"))
    reports = {"model": kind.accumulator().report() | {"miou": 0.8}, "other": {"miou": 0.4}}
    found = intervals_of({"model": redraw_of(kind, good), "other": redraw_of(kind, bad)}, reports, compared, drawn)
    expected: dict[str, list[float]] = {"miou": [], "accuracy": [], "x": [], "gain": []}
    for row in drawn:
        both = []
        for pairs in (good_pairs, bad_pairs):
            truth = np.concatenate([np.tile(pair[0], times) for pair, times in zip(pairs, row, strict=True)])
            said = np.concatenate([np.tile(pair[1], times) for pair, times in zip(pairs, row, strict=True)])
            both.append(metrics.jaccard_score(truth, said, average="macro"))
            if pairs is good_pairs:
                expected["accuracy"].append(metrics.accuracy_score(truth, said))
                expected["x"].append(metrics.jaccard_score(truth == 0, said == 0))
        expected["miou"].append(both[0])
        expected["gain"].append(both[0] - both[1])
    tail = 100 * norm.cdf(-((SCENES / (SCENES - 1)) ** 0.5) * t.ppf(0.975, SCENES - 1))
    limits = {
        name: pytest.approx(np.percentile(values, [tail, 100 - tail]), abs=2e-6) for name, values in expected.items()
    }
    assert found["model"]["miou"] == limits["miou"]
    assert found["model"]["overall_accuracy"] == limits["accuracy"]
    assert found["model"]["iou"]["x"] == limits["x"]
    assert found["difference"] == {"baseline": "other", "gain": pytest.approx(0.4), "interval": limits["gain"]}
    assert found["draws"] == 100


def test_intervals_of_ordered_answers_add_up_scenes_and_are_drawn_less_often() -> None:
    words = {"classes": CLASSES, "per": "image", "multi_label": True}
    kind = kind_of(TargetSpec.model_validate(words))
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, (SCENES, 6, 3))
    scores = truth + random.normal(0, 1, truth.shape)
    parts = [kind.accumulator() for _ in range(SCENES)]
    for part, own, given in zip(parts, truth, scores, strict=True):
        part.update(Truth(torch.from_numpy(own)), torch.from_numpy(given))
    drawn = draw_scenes(SCENES, 300, seed=0)
    reports = list(redraw_of(kind, parts)(drawn))
    assert len(reports) == MOST_SLOW
    for row, report in zip(drawn[:5], reports, strict=False):
        places = np.repeat(np.arange(SCENES), row)
        own, given = truth[places].reshape(-1, 3), scores[places].reshape(-1, 3)
        assert report["map"] == pytest.approx(metrics.average_precision_score(own, given), abs=1e-6)
        assert report["auroc"]["x"] == pytest.approx(metrics.roc_auc_score(own[:, 0], given[:, 0]), abs=1e-6)


def test_intervals_of_what_was_hidden_add_up_squared_errors() -> None:
    std = np.array([2.0, 5.0], np.float32)
    random = np.random.default_rng(0)
    parts = [PaintedSums(("A", "B"), std) for _ in range(SCENES)]
    for part in parts:
        part.squares, part.count = random.random(2) * 100, int(random.integers(5, 20))
    drawn = draw_scenes(SCENES, 20, seed=0)
    for row, report in zip(drawn, _redraw(parts, ("A", "B"), std)(drawn), strict=True):
        squares = sum(times * part.squares for times, part in zip(row, parts, strict=True))
        mean = squares / sum(times * part.count for times, part in zip(row, parts, strict=True))
        assert report["rmse"]["B"] == pytest.approx(mean[1] ** 0.5, rel=1e-5)
        assert report["standardised_rmse"] == pytest.approx((mean / std**2).mean() ** 0.5, rel=1e-5)


def test_draws_without_a_score_are_left_out_unless_they_are_half_of_all() -> None:
    numbers = np.arange(100.0)
    numbers[:40] = np.nan
    # Of very many scenes nothing is widened.
    assert interval(numbers, 10**9) == pytest.approx(np.percentile(numbers[40:], [2.5, 97.5]))
    numbers[:50] = np.nan
    assert interval(numbers, 10**9) is None


@pytest.mark.parametrize(("num_scenes", "plain"), [(5, 0.84), (8, 0.89)])
def test_intervals_hold_the_truth_nearly_as_often_as_they_say(num_scenes: int, plain: float) -> None:
    random, drawn = np.random.default_rng(0), draw_scenes(num_scenes, 1000, seed=0) / num_scenes
    means = random.normal(size=(1500, num_scenes)) @ drawn.T
    found = np.array([interval(row, num_scenes) for row in means])
    held = ((found[:, 0] <= 0) & (found[:, 1] >= 0)).mean()
    low, high = np.percentile(means, [2.5, 97.5], axis=1)
    assert ((low <= 0) & (high >= 0)).mean() == pytest.approx(plain, abs=0.025)
    assert 0.9 < held < 0.97
    assert (found[:, 0] > 0).mean() < 0.05, "better by more than chance, where it is not"


def test_few_scenes_have_no_interval() -> None:
    assert why_not(4, 1000, "the test split") == "the test split has 4 scene(s), and intervals need 5 or more"
    assert why_not(100, 0, "") == "'evaluation.bootstrap' is 0"
    assert why_not(5, 1000, "") is None


def _scores(own: float, other: float, gain: list[float] | None, **more: Any) -> dict[str, Any]:
    known = None if gain is None else {"miou": [own - 0.1, own + 0.1]}
    difference = None if gain is None else {"baseline": "trees", "gain": own - other, "interval": gain}
    reason = "the val split has 2 scene(s), and intervals need 5 or more" if gain is None else None
    confidence = {
        "model": known,
        "baselines": {"trees": None, "mean": None},
        "difference": difference,
        "reason": reason,
    }
    baselines = {"trees": {"miou": other}, "mean": {"miou": 0.1}}
    return {"val": {"miou": own}, "baselines": baselines, "confidence": confidence, **more}


COMPARED = Compared("miou", "max", ("miou",))


@pytest.mark.parametrize(
    ("scores", "level", "text"),
    [
        (
            _scores(0.5, 0.6, [-0.2, 0.0]),
            logging.WARNING,
            r"does NOT beat the baseline 'trees' on the val split: miou 0.500 \(0.400 to 0.600\) against 0.600\.",
        ),
        (_scores(0.7, 0.6, [0.02, 0.18]), logging.INFO, r"gain is 0.100 \(0.020 to 0.180, .*more than chance\."),
        (_scores(0.7, 0.6, [-0.02, 0.18]), logging.WARNING, r"which may be chance: judge by more scenes\."),
        (_scores(0.7, 0.6, None), logging.INFO, r"cannot be said: the val split has 2 scene"),
    ],
)
def test_the_verdict_says_whether_baselines_are_beaten(scores: dict[str, Any], level: int, text: str) -> None:
    first, *others = judge_in_words(scores, COMPARED)
    assert first.level == level
    assert re.search(text, first.text), first.text
    assert bool(others) == ("NOT" in first.text), "what to look at"
    if others:
        assert "'trees', it gains -0.100 (-0.200 to +0.000, scenes drawn anew): whether it is worse" in others[0].text


def test_classes_are_named_for_which_a_baseline_is_better() -> None:
    scores = _scores(0.7, 0.6, None)
    scores["val"]["iou"] = {"water": 0.8, "forest": 0.6, "field": None}
    scores["baselines"]["trees"]["iou"] = {"water": 0.9, "forest": 0.5, "field": 0.1}
    scores["baselines"]["mean"]["iou"] = {"water": 0.85, "forest": None, "field": 0.1}
    _, line = judge_in_words(scores, Compared("miou", "max", ("miou", "iou")))
    assert line.text == "By class, a baseline has a better iou of: water (0.800 against 0.900 of 'trees')."


def test_less_is_better_where_errors_are_compared() -> None:
    compared = Compared("miou", "min", ("miou",))
    lines = judge_in_words(_scores(0.05, 0.6, None), compared)
    assert "beats every baseline" in lines[0].text
    assert "'mean'" in lines[0].text, "the best is the one with the least"
    small = judge_in_words(_scores(0.0004, 0.6, None), compared)[0].text
    assert "miou 0.0004 against 0." in small, "an error has the unit of what is predicted"
    lines = judge_in_words(_scores(0.3, 0.6, None), compared)
    assert "does NOT beat the baseline 'mean'" in lines[0].text


def test_a_model_is_judged_on_any_split_beside_all_baselines(
    tiny_bundle: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics, caplog: pytest.LogCaptureFixture
) -> None:
    config = EvaluationConfig(split="train", bootstrap=20, baseline_pixels=3000)
    with caplog.at_level(logging.INFO):
        found = evaluate_model(tiny_bundle, tiny_labelled, tiny_statistics, config, seed=0)
    scores = found.scores
    assert set(scores) == {"train", "baselines", "confidence", "orientation", "verdict"}
    train = tiny_labelled.of_split("train")
    assert found.by_scene["scene"].tolist() == sorted(set(train["scene"]))
    assert scores["confidence"]["scenes"] == train["scene"].nunique()
    # The tiny bundle was never trained, and single pixels tell the classes apart.
    assert scores["baselines"]["gradient_boosting"]["miou"] > 0.9
    assert "does NOT beat the baseline 'gradient_boosting' on the train split: miou" in " ".join(scores["verdict"])
    assert all(line in caplog.text for line in scores["verdict"])
    assert {"boundary_miou", "boundary_iou"} <= set(scores["baselines"]["pixel_regression"])
    assert scores["train"]["calibration"]["raw"]["ece"] > 0
    assert "calibration" not in scores["baselines"]["pixel_regression"], "a class as 1 is no probability"
    again = evaluate_model(tiny_bundle, tiny_labelled, tiny_statistics, config, seed=0)
    assert again.scores == scores


def test_a_split_without_samples_is_refused(tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> None:
    samples = tiny_data.samples[tiny_data.samples["split"] != "val"]
    with pytest.raises(DataError, match=r"no sample of the split 'val', which 'evaluation\.split' names"):
        held_out(tiny_bundle, samples, tiny_data.scenes, tiny_data.labels, EvaluationConfig(split="val"))


def test_statistics_of_other_classes_are_refused(
    tiny_bundle: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    pixels = {name.upper(): count for name, count in tiny_statistics.target.class_pixels.items()}
    other = tiny_statistics.model_copy(update={"target": TargetStatistics(class_pixels=pixels)})
    with pytest.raises(DataError, match=r"statistics of the labels have no \['water'.*they have \['WATER'"):
        evaluate_model(tiny_bundle, tiny_labelled, other, EvaluationConfig(), seed=0)
