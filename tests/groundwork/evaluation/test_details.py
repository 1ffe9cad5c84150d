"""Edges and probabilities are judged as independent formulas judge them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

from groundwork.evaluation.area import AreaShares
from groundwork.evaluation.boundary import BoundaryIou
from groundwork.evaluation.calibration import Calibration
from groundwork.evaluation.details import Judged
from groundwork.evaluation.reliability_figure import draw_reliability
from groundwork.specs import TargetSpec
from groundwork.targets.labels import IGNORE

NAMES = ("water", "forest", "field")
CLASSES = [{"value": value, "name": name, "color": "#000000"} for value, name in enumerate(NAMES)]


def _of(truth: torch.Tensor, counted: torch.Tensor, scores: torch.Tensor, scene: str = "a") -> Judged:
    return Judged(truth, counted, scores, torch.ones(truth.shape[-2:], dtype=torch.bool), scene)


def _blobs(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.kron(random.integers(0, 3, (5, 5)), np.ones((7, 7), int))


def _inner_edge(mask: np.ndarray, known: np.ndarray, width: int) -> np.ndarray:
    filled = mask | ~known
    return mask & known & ~binary_erosion(filled, np.ones((3, 3)), iterations=width, border_value=1)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_boundary_iou_is_that_of_masks_less_their_erosion(width: int) -> None:
    found = BoundaryIou(NAMES, width)
    sums = np.zeros((3, 2), int)
    for seed in range(4):
        truth, said = _blobs(seed), np.roll(_blobs(seed), 1 + seed % 2, axis=seed % 2)
        truth[:6, 10:20] = IGNORE
        counted = truth.copy()
        counted[20:] = IGNORE
        scores = torch.nn.functional.one_hot(torch.from_numpy(said), 3).movedim(-1, 0).float()
        found.update(_of(torch.from_numpy(truth), torch.from_numpy(counted), scores))
        known = truth != IGNORE
        for index in range(3):
            edges = [_inner_edge(part == index, known, width) & (counted != IGNORE) for part in (truth, said)]
            sums[index] += (edges[0] & edges[1]).sum(), (edges[0] | edges[1]).sum()
    ious = sums[:, 0] / sums[:, 1]
    report = found.report()
    assert 0.05 < ious.min() < ious.max() < 0.95
    assert list(report["boundary_iou"].values()) == pytest.approx(ious, abs=1e-6)
    assert report["boundary_miou"] == pytest.approx(ious.mean(), abs=1e-6)


def test_what_nobody_knows_and_the_edge_of_a_chip_make_no_edge_of_a_class() -> None:
    found = BoundaryIou(NAMES, 2)
    truth = torch.zeros(12, 12, dtype=torch.int64)
    truth[4:6, 4:6] = IGNORE
    scores = torch.zeros(3, 12, 12)
    scores[0] = 1
    scores[1, 4:6, 4:6] = 2
    found.update(_of(truth, truth, scores))
    assert found.report() == {"boundary_miou": None, "boundary_iou": dict.fromkeys(NAMES)}


def _judged(scale: float, count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Return true classes, and scores (classes, pixels) that are as sure as they should be where the scale is 1."""
    random = torch.Generator().manual_seed(0)
    scores = 2 * torch.randn(count, 3, generator=random, dtype=torch.float64)
    truth = torch.multinomial(scores.softmax(dim=1), 1, generator=random)[:, 0]
    return truth, (scale * scores).T


def test_the_calibration_error_of_classes_is_that_of_torchmetrics() -> None:
    target = TargetSpec.model_validate({"classes": CLASSES, "temperature": 3.0})
    found = Calibration(target)
    truth, scores = _judged(3.0)
    unknown = truth.clone()
    unknown[:100] = IGNORE
    found.update(_of(truth, unknown, scores))
    report = found.report()["calibration"]
    seen, given = truth[100:], scores.T[100:]
    for name, scaled in (("raw", given), ("calibrated", given / 3)):
        probabilities = scaled.softmax(dim=1)
        expected = multiclass_calibration_error(probabilities, seen, 3, n_bins=15, norm="l1")
        assert report[name]["ece"] == pytest.approx(float(expected), abs=1e-6)
        one_hot = torch.nn.functional.one_hot(seen, 3)
        assert report[name]["brier"] == pytest.approx(float(((probabilities - one_hot) ** 2).sum(1).mean()), abs=1e-6)
        assert report[name]["nll"] == pytest.approx(float(torch.nn.functional.cross_entropy(scaled, seen)), abs=1e-6)
    assert report["raw"]["ece"] > 0.1
    assert report["calibrated"]["ece"] < 0.03
    assert report["temperature"] == 3.0


def test_the_calibration_error_of_yes_and_no_is_that_of_torchmetrics() -> None:
    target = TargetSpec.model_validate({"classes": CLASSES, "per": "image", "multi_label": True})
    found = Calibration(target)
    random = torch.Generator().manual_seed(0)
    scores = 2 * torch.randn(500, 3, generator=random)
    truth = (torch.rand(500, 3, generator=random) < scores.sigmoid()).long()
    truth[:50, 0] = IGNORE
    for own, given in zip(truth, scores, strict=True):
        found.update(_of(own, own, given))
    known = truth != IGNORE
    report = found.report()["calibration"]
    probabilities = scores.double().sigmoid()[known]
    expected = binary_calibration_error(probabilities, truth[known], n_bins=15, norm="l1")
    assert report["raw"]["ece"] == pytest.approx(float(expected), abs=1e-6)
    nll = torch.nn.functional.binary_cross_entropy(probabilities, truth[known].double())
    assert report["raw"]["nll"] == pytest.approx(float(nll), abs=1e-6)
    assert "calibrated" not in report


def test_the_reliability_figure_shows_what_share_is_right() -> None:
    found = Calibration(TargetSpec.model_validate({"classes": CLASSES}))
    truth, scores = _judged(1.0)
    found.update(_of(truth, truth, scores))
    figure = draw_reliability(found.reliabilities, "pixels")
    line = figure.axes[0].lines[1]
    sure, said = scores.softmax(dim=0).max(dim=0)
    last = sure >= 14 / 15
    assert line.get_ydata()[-1] == pytest.approx(float((said == truth)[last].double().mean()))
    assert line.get_xdata()[-1] == pytest.approx(float(sure[last].mean()))
    assert "no probabilities" in draw_reliability({}, "").texts[0].get_text()


def _land(scene: int, labelled: float) -> Judged:
    """Return a chip whose map takes some of the third class for the first, labelled here and there."""
    random = np.random.default_rng(scene)
    truth = random.choice(3, (40, 40), p=[0.2, 0.3, 0.5])
    said = np.where((truth == 2) & (random.random((40, 40)) < 0.1 + 0.05 * scene), 0, truth)
    known = np.where(random.random((40, 40)) < labelled, truth, IGNORE)
    scores = torch.nn.functional.one_hot(torch.from_numpy(said), 3).movedim(-1, 0).float()
    return _of(torch.from_numpy(known), torch.from_numpy(known), scores, str(scene))


def test_areas_are_estimated_from_where_the_map_is_wrong() -> None:
    found = AreaShares(NAMES)
    chips = [_land(scene, 0.1) for scene in range(6)]
    for chip in chips:
        found.update(chip)
    area = found.report()["area"]
    said = np.concatenate([chip.scores.argmax(dim=0).numpy().ravel() for chip in chips])
    known = np.concatenate([chip.counted.numpy().ravel() for chip in chips])

    def estimate(chosen: np.ndarray) -> np.ndarray:
        shares = np.zeros(3)
        for index in range(3):
            own = known[chosen & (said == index) & (known != IGNORE)]
            shares += (said[chosen] == index).mean() * np.bincount(own, minlength=3) / len(own)
        return shares

    everywhere = np.ones(len(said), bool)
    expected = estimate(everywhere)
    assert [area[name]["estimated"] for name in NAMES] == pytest.approx(expected, abs=1e-6)
    assert [area[name]["mapped"] for name in NAMES] == pytest.approx(np.bincount(said) / len(said), abs=1e-6)
    labelled = known[known != IGNORE]
    assert [area[name]["labelled"] for name in NAMES] == pytest.approx(np.bincount(labelled) / len(labelled), abs=1e-6)
    assert area["water"]["mapped"] > 0.28
    assert area["water"]["estimated"] == pytest.approx(0.2, abs=0.03), "what was mapped too often is corrected"
    scenes = np.repeat(np.arange(6), 1600)
    without = np.array([estimate(scenes != scene) for scene in range(6)])
    errors = np.sqrt(5 / 6 * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    assert [area[name]["standard_error"] for name in NAMES] == pytest.approx(errors, abs=1e-6)


def test_areas_of_few_scenes_have_no_error_and_unlabelled_classes_no_estimate() -> None:
    found = AreaShares(NAMES)
    found.update(_land(1, 1.0))
    area = found.report()["area"]
    assert {part["standard_error"] for part in area.values()} == {None}
    assert area["water"]["estimated"] == pytest.approx(area["water"]["labelled"], abs=1e-6), "all of it is labelled"
    truth = torch.full((4, 4), IGNORE)
    found.update(_of(truth, truth, torch.zeros(3, 4, 4), "b"))
    assert found.report()["area"]["water"]["mapped"] > area["water"]["mapped"]
    alone = AreaShares(NAMES)
    alone.update(_of(truth, truth, torch.zeros(3, 4, 4)))
    assert alone.report()["area"]["water"] == {"mapped": 1, "labelled": 0, "estimated": None, "standard_error": None}
