"""Scores against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from groundwork.targets.metrics import compute_scores

NAMES = ("a", "b", "c", "d")


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
@given(
    truth_classes=st.sets(st.integers(0, 3), min_size=1),
    predicted_classes=st.sets(st.integers(0, 3), min_size=1),
    seed=st.integers(0, 999),
)
def test_scores_are_those_of_scikit_learn(truth_classes: set[int], predicted_classes: set[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.choice(sorted(truth_classes), 200)
    # Half of it right, as far as the classes that are predicted allow.
    predicted = random.choice(sorted(predicted_classes), 200)
    right = (random.random(200) < 0.5) & np.isin(truth, sorted(predicted_classes))
    predicted[right] = truth[right]
    confusion = metrics.confusion_matrix(truth, predicted, labels=range(4))
    scores = compute_scores(confusion, NAMES)
    occurring = sorted(set(truth) | set(predicted))
    average = {"labels": sorted(set(truth)), "average": "macro", "zero_division": 0}
    assert scores.miou == pytest.approx(metrics.jaccard_score(truth, predicted, **average))
    assert scores.f1 == pytest.approx(metrics.f1_score(truth, predicted, **average))
    assert scores.overall_accuracy == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert scores.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    each = {"labels": range(4), "average": None, "zero_division": np.nan}
    expected = {
        "iou": metrics.jaccard_score(truth, predicted, labels=range(4), average=None, zero_division=0),
        "f1": metrics.f1_score(truth, predicted, **each),
        "precision": metrics.precision_score(truth, predicted, **each),
        "recall": metrics.recall_score(truth, predicted, **each),
    }
    for name, values in expected.items():
        for index, value in enumerate(values):
            found = getattr(scores.classes[NAMES[index]], name)
            if index not in occurring or np.isnan(value):
                assert found is None
            else:
                assert found == pytest.approx(value)


def test_a_hand_worked_case() -> None:
    # Truth a: 3 right, 1 taken for b. Truth b: 2 right, 2 taken for a. c occurs nowhere.
    scores = compute_scores(np.array([[3, 1, 0], [2, 2, 0], [0, 0, 0]]), ("a", "b", "c"))
    assert scores.classes["a"].iou == 3 / 6
    assert scores.classes["b"].iou == 2 / 5
    assert scores.classes["c"].iou is None
    assert scores.miou == pytest.approx((0.5 + 0.4) / 2)
    assert scores.overall_accuracy == 5 / 8
    assert scores.balanced_accuracy == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert (scores.classes["a"].precision, scores.classes["a"].recall) == (3 / 5, 3 / 4)


def test_a_class_that_is_only_predicted_takes_from_those_it_was_taken_for() -> None:
    scores = compute_scores(np.array([[4, 4], [0, 0]]), ("a", "b"))
    assert scores.classes["b"].iou == 0
    assert scores.classes["b"].recall is None
    assert scores.miou == scores.classes["a"].iou == 0.5
    assert scores.balanced_accuracy == 0.5


def test_means_are_taken_over_the_same_classes_whatever_is_predicted() -> None:
    truth = np.array([10, 30, 0])
    always_b = np.diag([0, 30, 0]) + np.array([[0, 10, 0], [0, 0, 0], [0, 0, 0]])
    good = np.array([[9, 0, 1], [0, 29, 1], [0, 0, 0]])
    assert (always_b.sum(axis=1) == truth).all()
    assert compute_scores(always_b, ("a", "b", "c")).miou == pytest.approx((0 + 30 / 40) / 2)
    assert compute_scores(good, ("a", "b", "c")).miou == pytest.approx((9 / 10 + 29 / 30) / 2)


def test_nothing_at_all_scores_nothing() -> None:
    scores = compute_scores(np.zeros((2, 2), np.int64), ("a", "b"))
    assert (scores.miou, scores.f1, scores.overall_accuracy, scores.balanced_accuracy) == (0, 0, 0, 0)


def test_counts_beyond_the_range_of_int32() -> None:
    many = 10**12
    scores = compute_scores(np.array([[many, many], [0, many]], np.int64), ("a", "b"))
    assert scores.classes["a"].f1 == pytest.approx(2 / 3)
