"""Losses over several classes per image against formulas in numpy; answers that nobody knows never count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from groundwork.config.training import LossTerm
from groundwork.errors import ComponentError, SpecError
from groundwork.targets.labels import IGNORE
from groundwork.tasks.set_losses import SET_LOSSES, ClassAnswers, WeightedSetLosses

#: Three, one and four noes for each yes.
ANSWERED = (ClassAnswers(10, 30), ClassAnswers(20, 20), ClassAnswers(5, 20))
SCORES = torch.from_numpy(np.random.default_rng(0).normal(0, 2, (6, 3)))
TRUTH = torch.from_numpy(np.random.default_rng(1).integers(-1, 2, (6, 3)).astype(np.int8))


def loss_of(name: str, scores: torch.Tensor = SCORES, truth: torch.Tensor = TRUTH, **options: Any) -> torch.Tensor:
    loss: torch.Tensor = WeightedSetLosses([LossTerm(name=name, **options)], ANSWERED)(scores, truth)
    return loss


def known() -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.int64]]:
    """Return probability, answer and class of all that is known."""
    truth = TRUTH.numpy()
    where = truth != IGNORE
    return 1 / (1 + np.exp(-SCORES.numpy()[where])), truth[where], np.nonzero(where)[1]


def test_binary_cross_entropy_is_that_of_scikit_learn() -> None:
    probability, truth, _ = known()
    assert float(loss_of("binary_cross_entropy")) == pytest.approx(log_loss(truth, probability), rel=1e-9)


@pytest.mark.parametrize(
    ("choice", "weights"),
    [("inverse", [3, 1, 4]), ("inverse_sqrt", [3**0.5, 1, 2]), ([0.5, 2.0, 1.0], [0.5, 2, 1])],
)
def test_answers_of_yes_count_by_weight(choice: Any, weights: list[float]) -> None:
    probability, truth, index = known()
    weight = np.where(truth == 1, np.array(weights)[index], 1)
    expected = -(weight * np.log(np.where(truth == 1, probability, 1 - probability))).mean()
    assert float(loss_of("binary_cross_entropy", positive_weights=choice)) == pytest.approx(expected, rel=1e-6)


def test_a_class_without_answers_of_both_kinds_is_not_weighted() -> None:
    answered = (ClassAnswers(0, 30), ClassAnswers(20, 0), ClassAnswers(5, 20))
    term = LossTerm.model_validate({"name": "binary_cross_entropy", "positive_weights": "inverse"})
    loss = WeightedSetLosses([term], answered)(torch.zeros(1, 3), torch.ones(1, 3, dtype=torch.int8))
    assert float(loss) == pytest.approx(np.log(2) * (1 + 1 + 4) / 3)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.7, 0.5), (None, 1.0)])
def test_focal_loss_is_that_of_the_paper(alpha: float | None, gamma: float) -> None:
    probability, truth, _ = known()
    right = np.where(truth == 1, probability, 1 - probability)
    balance = 1 if alpha is None else np.where(truth == 1, alpha, 1 - alpha)
    expected = -(balance * (1 - right) ** gamma * np.log(right)).mean()
    assert float(loss_of("binary_focal", alpha=alpha, gamma=gamma)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("positive", "negative", "margin"), [(0.0, 4.0, 0.05), (1.0, 2.0, 0.2), (0.0, 0.0, 0.0)])
def test_asymmetric_loss_is_that_of_the_paper(positive: float, negative: float, margin: float) -> None:
    probability, truth, _ = known()
    shifted = np.maximum(probability - margin, 0)
    yes, no = (1 - probability) ** positive * np.log(probability), shifted**negative * np.log(1 - shifted)
    found = loss_of("asymmetric", gamma_positive=positive, gamma_negative=negative, margin=margin)
    assert float(found) == pytest.approx(-np.where(truth == 1, yes, no).mean(), rel=1e-6)
    if not positive and not negative and not margin:
        assert float(found) == pytest.approx(float(loss_of("binary_cross_entropy")))


@pytest.mark.parametrize("name", list(SET_LOSSES))
def test_what_nobody_knows_has_no_part_in_loss_and_gradient(name: str) -> None:
    scores = SCORES.clone().requires_grad_()
    loss = loss_of(name, scores)
    loss.backward()
    assert scores.grad is not None
    assert bool((scores.grad[TRUTH == IGNORE] == 0).all())
    assert bool((scores.grad[TRUTH != IGNORE] != 0).any())
    changed = torch.where(TRUTH == IGNORE, 50.0, SCORES)
    assert float(loss_of(name, changed)) == pytest.approx(loss.item())
    assert float(loss_of(name, truth=torch.full_like(TRUTH, IGNORE))) == 0


@pytest.mark.parametrize("name", list(SET_LOSSES))
def test_scores_that_are_very_sure_have_finite_losses_and_gradients(name: str) -> None:
    scores = torch.tensor([[-200.0, 200.0, 0.0], [200.0, -200.0, 0.0]], requires_grad=True)
    truth = torch.tensor([[0, 1, 1], [0, 1, 0]], dtype=torch.int8)
    options = {"gamma_positive": 0.5, "gamma_negative": 0.5, "margin": 0.0} if name == "asymmetric" else {}
    loss = loss_of(name, scores, truth, **options)
    loss.backward()
    assert scores.grad is not None
    assert bool(loss.isfinite())
    assert bool(scores.grad.isfinite().all())


def test_losses_add_up_by_weight() -> None:
    terms = [LossTerm(name="binary_focal", weight=2.0), LossTerm(name="asymmetric", weight=0.5)]
    expected = 2 * float(loss_of("binary_focal")) + 0.5 * float(loss_of("asymmetric"))
    assert float(WeightedSetLosses(terms, ANSWERED)(SCORES, TRUTH)) == pytest.approx(expected)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ComponentError, match="Did you mean 'binary_cross_entropy'"):
        loss_of("binary_crossentropy")
    with pytest.raises(SpecError, match="'positive_weights' has 2 entries for 3 classes"):
        loss_of("binary_cross_entropy", positive_weights=[1.0, 2.0])
    with pytest.raises(ComponentError, match="margin"):
        loss_of("asymmetric", margin=1.0)
