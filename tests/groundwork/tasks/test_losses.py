"""Losses against values computed by hand with numpy; pixels of unknown class never count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from groundwork.config.training import LossTerm
from groundwork.errors import ComponentError, SpecError
from groundwork.targets.labels import IGNORE
from groundwork.tasks.losses import LOSSES, CrossEntropyLoss, DiceLoss, Loss, WeightedLosses, check_auxiliary

PIXELS = (100, 300, 800)
MAKERS: dict[str, Callable[[], Loss]] = {
    "cross_entropy": lambda: CrossEntropyLoss(PIXELS),
    "cross_entropy inverse": lambda: CrossEntropyLoss(PIXELS, class_weights="inverse"),
    "cross_entropy smoothed": lambda: CrossEntropyLoss(PIXELS, label_smoothing=0.2),
    "dice": lambda: DiceLoss(PIXELS),
}
every_loss = pytest.mark.parametrize("loss", [maker() for maker in MAKERS.values()], ids=MAKERS)


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(0, 2, (2, 3, 5, 7)))


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(-1, 3, (2, 5, 7)))


def _known(scores: torch.Tensor, labels: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (pixels, classes) and classes of the known pixels."""
    raw = scores.numpy()
    exponents = np.exp(raw - raw.max(axis=1, keepdims=True))
    shares = np.moveaxis(exponents / exponents.sum(axis=1, keepdims=True), 1, -1)
    known = labels.numpy() != IGNORE
    return shares[known], labels.numpy()[known]


def test_cross_entropy_is_that_of_scikit_learn(scores: torch.Tensor, labels: torch.Tensor) -> None:
    shares, classes = _known(scores, labels)
    expected = log_loss(classes, shares, labels=[0, 1, 2])
    assert float(CrossEntropyLoss(PIXELS)(scores, labels)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("choice", "weights"),
    # The mean class has 400 pixels.
    [
        ("inverse", [4, 4 / 3, 0.5]),
        ("inverse_sqrt", [2, (4 / 3) ** 0.5, 0.5**0.5]),
        ((1.0, 0.0, 3.0), [1, 0, 3]),
    ],
)
def test_class_weights(scores: torch.Tensor, labels: torch.Tensor, choice: Any, weights: list[float]) -> None:
    shares, classes = _known(scores, labels)
    by_pixel = np.array(weights)[classes]
    expected = log_loss(classes, shares, labels=[0, 1, 2], sample_weight=by_pixel)
    found = CrossEntropyLoss(PIXELS, class_weights=choice)(scores.float(), labels)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_class_without_training_pixels_has_a_finite_weight(scores: torch.Tensor, labels: torch.Tensor) -> None:
    assert torch.isfinite(CrossEntropyLoss((0, 5, 10), class_weights="inverse")(scores.float(), labels))


def test_label_smoothing_spreads_the_truth_over_all_classes(scores: torch.Tensor, labels: torch.Tensor) -> None:
    shares, classes = _known(scores, labels)
    truth = np.eye(3)[classes] * 0.7 + 0.3 / 3
    expected = -(truth * np.log(shares)).sum(axis=1).mean()
    assert float(CrossEntropyLoss(PIXELS, label_smoothing=0.3)(scores, labels)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("smooth", [1.0, 0.0, 10.0])
def test_dice_by_hand(scores: torch.Tensor, labels: torch.Tensor, smooth: float) -> None:
    shares, classes = _known(scores, labels)
    per_class = []
    for index in range(3):
        truth, share = classes == index, shares[:, index]
        per_class.append(1 - (2 * share[truth].sum() + smooth) / (share.sum() + truth.sum() + smooth))
    assert float(DiceLoss(PIXELS, smooth=smooth)(scores, labels)) == pytest.approx(np.mean(per_class), rel=1e-6)


def test_dice_leaves_out_classes_that_do_not_occur(scores: torch.Tensor, labels: torch.Tensor) -> None:
    two = labels.clamp(max=1)
    shares, classes = _known(scores, two)
    per_class = [
        1 - (2 * shares[classes == index, index].sum() + 1) / (shares[:, index].sum() + (classes == index).sum() + 1)
        for index in (0, 1)
    ]
    assert float(DiceLoss(PIXELS)(scores, two)) == pytest.approx(np.mean(per_class), rel=1e-6)


@every_loss
def test_a_perfect_prediction_costs_least(loss: Loss, labels: torch.Tensor) -> None:
    truth = torch.nn.functional.one_hot(labels.clamp(min=0), 3).movedim(-1, 1).float() * 3
    worse = truth.roll(1, dims=1)
    assert float(loss(truth, labels)) < float(loss(torch.zeros_like(truth), labels)) < float(loss(worse, labels))


@every_loss
def test_unknown_pixels_never_count(loss: Loss, scores: torch.Tensor, labels: torch.Tensor) -> None:
    scores = scores.float()
    before = loss(scores, labels)
    unknown = (labels == IGNORE).unsqueeze(1)
    assert unknown.any()
    assert torch.equal(loss(torch.where(unknown, 1e4 * scores.flip(1), scores), labels), before)
    leaf = scores.clone().requires_grad_()
    loss(leaf, labels).backward()
    assert leaf.grad is not None
    assert not leaf.grad[unknown.expand_as(leaf)].any()
    assert leaf.grad[~unknown.expand_as(leaf)].any()


@every_loss
def test_a_batch_without_a_known_pixel_costs_nothing(loss: Loss, scores: torch.Tensor, labels: torch.Tensor) -> None:
    leaf = scores.float().requires_grad_()
    cost = loss(leaf, torch.full_like(labels, IGNORE))
    cost.backward()
    assert float(cost.detach()) == 0
    assert leaf.grad is not None
    assert torch.equal(leaf.grad, torch.zeros_like(leaf))


@every_loss
def test_gradients_point_downhill(loss: Loss, scores: torch.Tensor, labels: torch.Tensor) -> None:
    leaf = scores.float().requires_grad_()
    cost = loss(leaf, labels)
    cost.backward()
    assert leaf.grad is not None
    assert float(loss(leaf.detach() - leaf.grad, labels)) < float(cost.detach())


def test_every_loss_of_the_table_is_tested() -> None:
    elsewhere = {"boundary", "focal", "jaccard", "lovasz", "tversky"}
    assert {name.split()[0] for name in MAKERS} | elsewhere == set(LOSSES)


def test_several_losses_add_up_by_their_weights(scores: torch.Tensor, labels: torch.Tensor) -> None:
    terms = [LossTerm(name="cross_entropy", weight=2.0), LossTerm.model_validate({"name": "dice", "smooth": 3})]
    found = WeightedLosses(terms, PIXELS)(scores, labels)
    expected = 2 * CrossEntropyLoss(PIXELS)(scores, labels) + DiceLoss(PIXELS, smooth=3)(scores, labels)
    assert float(found) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ({"name": "dise"}, r"Unknown component 'dise'. Did you mean 'dice'\?"),
        ({"name": "dice", "smoth": 1}, r"'dice' cannot be built: it has no option 'smoth'. Did you mean 'smooth'\?"),
        ({"name": "cross_entropy", "class_weights": "inverted"}, "class_weights.*'inverse'.*found 'inverted'"),
    ],
)
def test_mistakes_in_losses_are_named(term: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        WeightedLosses([LossTerm.model_validate(term)], PIXELS)


@pytest.mark.parametrize("choice", ["inverse", "inverse_sqrt"])
def test_a_class_without_training_pixels_pulls_at_nothing(choice: Any) -> None:
    loss = CrossEntropyLoss((0, 4000, 6000), class_weights=choice, label_smoothing=0.1)
    scores = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.ones(2, 8, 8, dtype=torch.int64)
    found = loss(scores, labels)
    plain = CrossEntropyLoss((5000, 5000, 5000), label_smoothing=0.1)(scores, labels)
    assert 0 < found.item() < 2 * plain.item()
    found.backward()
    # Wherever the score of the absent class moves, it is by its share of the others' softmax alone.
    assert scores.grad is not None
    assert float(scores.grad[:, 0].min()) > 0


def test_pixels_of_a_class_without_weight_count_for_nothing() -> None:
    loss = CrossEntropyLoss((10, 10, 10), class_weights=(0.0, 1.0, 1.0), label_smoothing=0.1)
    scores = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    assert loss(scores, labels).item() == 0
    labels[0, 0, 0] = 1
    alone = torch.full_like(labels, IGNORE)
    alone[0, 0, 0] = 1
    assert loss(scores, labels).item() == pytest.approx(loss(scores, alone).item())


def test_class_weights_need_one_number_per_class() -> None:
    with pytest.raises(SpecError, match="'class_weights' has 2 entries for 3 classes"):
        CrossEntropyLoss(PIXELS, class_weights=(1.0, 2.0))


def test_auxiliary_branches_and_weights_must_have_the_same_names() -> None:
    check_auxiliary(["a", "b"], ["b", "a"])
    message = r"branches without a weight in 'training.auxiliary_loss': \['a'\]; weights without a branch .*: \['c'\]"
    with pytest.raises(SpecError, match=message):
        check_auxiliary(["a", "b"], ["b", "c"])
