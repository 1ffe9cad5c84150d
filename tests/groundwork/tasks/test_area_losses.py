"""Losses of areas and edges, and focal loss, against formulas written out in numpy; unknown pixels never count."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from numpy.typing import NDArray

from groundwork.targets.labels import IGNORE
from groundwork.tasks.area_losses import BoundaryLoss, JaccardLoss, LovaszLoss, TverskyLoss, signed_distances
from groundwork.tasks.losses import LOSSES, DiceLoss, FocalLoss, Loss

PIXELS = (100, 300, 800)
MAKERS: dict[str, Callable[[], Loss]] = {
    "boundary": lambda: BoundaryLoss(PIXELS),
    "focal": lambda: FocalLoss(PIXELS),
    "focal inverse": lambda: FocalLoss(PIXELS, class_weights="inverse"),
    "jaccard": lambda: JaccardLoss(PIXELS),
    "lovasz": lambda: LovaszLoss(PIXELS),
    "tversky": lambda: TverskyLoss(PIXELS),
}
every_loss = pytest.mark.parametrize("loss", [maker() for maker in MAKERS.values()], ids=MAKERS)


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(0, 2, (2, 3, 5, 7)))


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(-1, 3, (2, 5, 7)))


def _known(scores: torch.Tensor, labels: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return probabilities (pixels, classes) and classes of the known pixels."""
    raw = scores.numpy()
    exponents = np.exp(raw - raw.max(axis=1, keepdims=True))
    shares = np.moveaxis(exponents / exponents.sum(axis=1, keepdims=True), 1, -1)
    known = labels.numpy() != IGNORE
    return shares[known], labels.numpy()[known]


def test_focal_is_cross_entropy_times_what_is_missing(scores: torch.Tensor, labels: torch.Tensor) -> None:
    shares, classes = _known(scores, labels)
    right = shares[np.arange(len(classes)), classes]
    expected = -((1 - right) ** 3 * np.log(right))
    assert float(FocalLoss(PIXELS, focus=3)(scores, labels)) == pytest.approx(expected.mean(), rel=1e-6)
    weights = np.array([4, 4 / 3, 0.5])[classes]  # the mean class has 400 pixels
    weighted = float(FocalLoss(PIXELS, focus=3, class_weights="inverse")(scores, labels))
    assert weighted == pytest.approx((expected * weights).sum() / weights.sum(), rel=1e-5)


def _overlaps(shares: NDArray[np.float64], classes: NDArray[np.int64]) -> list[tuple[float, float, float]]:
    """Return for each class that occurs what is found, found too much, and missed."""
    return [
        (
            shares[classes == index, index].sum(),
            shares[classes != index, index].sum(),
            (1 - shares[classes == index, index]).sum(),
        )
        for index in np.unique(classes)
    ]


def test_jaccard_is_one_less_intersection_over_union(scores: torch.Tensor, labels: torch.Tensor) -> None:
    parts = _overlaps(*_known(scores, labels))
    expected = np.mean([1 - (hit + 0.5) / (hit + extra + missed + 0.5) for hit, extra, missed in parts])
    assert float(JaccardLoss(PIXELS, smooth=0.5)(scores, labels)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("ours", "theirs"), [(DiceLoss, smp.losses.DiceLoss), (JaccardLoss, smp.losses.JaccardLoss)])
@pytest.mark.parametrize("most", [2, 1, 0])
def test_means_may_be_over_all_classes(
    ours: Any, theirs: Any, most: int, scores: torch.Tensor, labels: torch.Tensor
) -> None:
    fewer = labels.clamp(max=most)
    known = fewer != IGNORE
    # The library leaves out a label only where it is given one.
    rows, classes = scores.movedim(1, -1)[known], fewer[known]
    expected = theirs("multiclass")(rows.T[None, :, :, None], classes[None, :, None])
    assert float(ours(PIXELS, over="all", smooth=0)(scores, fewer)) == pytest.approx(float(expected), rel=1e-5)


def test_tversky_weighs_both_kinds_of_errors(scores: torch.Tensor, labels: torch.Tensor) -> None:
    parts = _overlaps(*_known(scores, labels))
    expected = np.mean([(1 - (hit + 1) / (hit + 0.2 * extra + 0.9 * missed + 1)) ** 2 for hit, extra, missed in parts])
    loss = TverskyLoss(PIXELS, false_positives=0.2, false_negatives=0.9, power=2)
    assert float(loss(scores, labels)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("make", [JaccardLoss, TverskyLoss, LovaszLoss])
def test_classes_that_do_not_occur_are_left_out(make: type[Loss], scores: torch.Tensor) -> None:
    """A loss over three classes, of which the last is never right and never said, is that over two."""
    two = torch.from_numpy(np.random.default_rng(1).integers(0, 2, (2, 5, 7)))
    silent = scores.clone()
    silent[:, 2] = -1e4
    assert float(make(PIXELS)(silent, two)) == pytest.approx(float(make(PIXELS[:2])(silent[:, :2], two)), rel=1e-6)


def test_lovasz_of_decided_pixels_is_the_jaccard_loss() -> None:
    """At the corners, where each pixel is said to be of one class for certain, the extension is the set function."""
    for truth, said in product([(0, 0, 1, 1), (0, 1, 1, 1), (0, 1, 0, 1)], repeat=2):
        labels = torch.tensor(truth).reshape(1, 2, 2)
        scores = torch.nn.functional.one_hot(torch.tensor(said), 2).double().T.reshape(1, 2, 2, 2) * 200 - 100
        right = np.array(truth), np.array(said)
        parts = [
            ((right[0] == index) & (right[1] == index)).sum() / ((right[0] == index) | (right[1] == index)).sum()
            for index in (0, 1)
        ]
        assert float(LovaszLoss(PIXELS[:2])(scores, labels)) == pytest.approx(1 - np.mean(parts), abs=1e-6)


def test_distances_are_counted_from_the_edge() -> None:
    labels = np.array([[[0, 0, 1, 1, 1]]])
    expected = [[[[-1.5, -0.5, 0.5, 1.5, 2]], [[1.5, 0.5, -0.5, -1.5, -2]], [[2, 2, 2, 2, 2]]]]
    np.testing.assert_allclose(signed_distances(labels, 3, 2.0), expected)
    np.testing.assert_allclose(signed_distances(np.zeros((1, 2, 2), np.int64), 2, 3.0)[0, :, 0, 0], [-3, 3])


def test_boundary_prefers_what_lies_at_the_true_edge() -> None:
    truth = torch.zeros(1, 16, 16, dtype=torch.int64)
    truth[:, 4:12, 4:12] = 1

    def of(shift: int) -> float:
        said = torch.roll(truth, shift, dims=2)
        return float(BoundaryLoss((1, 1))(torch.nn.functional.one_hot(said, 2).movedim(-1, 1) * 50.0, truth))

    assert of(0) < of(1) < of(2) < of(4)


def test_every_other_loss_is_tested_here() -> None:
    assert {name.split()[0] for name in MAKERS} == set(LOSSES) - {"cross_entropy", "dice"}


@every_loss
def test_unknown_pixels_never_count(loss: Loss, scores: torch.Tensor, labels: torch.Tensor) -> None:
    other = torch.where((labels == IGNORE)[:, None], torch.full_like(scores, 7.0), scores)
    assert float(loss(other, labels)) == pytest.approx(float(loss(scores, labels)), rel=1e-9)
    raw = scores.clone().requires_grad_()
    loss(raw, labels).backward()
    assert raw.grad is not None
    assert not raw.grad[(labels == IGNORE)[:, None].expand_as(raw)].any()
    assert raw.grad.isfinite().all()
    assert raw.grad.any()


@every_loss
def test_nothing_known_is_no_loss_and_no_slope(loss: Loss, scores: torch.Tensor, labels: torch.Tensor) -> None:
    raw = scores.clone().requires_grad_()
    found = loss(raw, torch.full_like(labels, IGNORE))
    found.backward()
    assert float(found.detach()) == 0
    assert raw.grad is None or not raw.grad.any()


@every_loss
def test_better_scores_cost_less(loss: Loss, labels: torch.Tensor) -> None:
    truth = torch.nn.functional.one_hot(labels.clamp(min=0), 3).movedim(-1, 1).double()
    assert float(loss(truth * 8, labels)) < float(loss(truth, labels)) < float(loss(-truth, labels))
