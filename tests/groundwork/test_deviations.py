"""How far off numbers may be: learnt by the likelihood, judged by coverage, kept in bundles, written beside numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from rasterio.transform import from_origin
from scipy.stats import norm

from groundwork.batch import Truth
from groundwork.bundle import load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.config.training import LossTerm
from groundwork.data.label_table import read_label_table
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import SpecError
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.tasks.number_losses import WeightedNumberLosses
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

OUTPUTS = [{"name": "height", "unit": "m", "minimum": -200, "maximum": 300}]
QUIET, LOUD = 1.0, 20.0
KEYS = [f"s{number}" for number in range(8)]


def _target(**changes: Any) -> dict[str, Any]:
    return {"outputs": OUTPUTS, "deviation": True, **changes}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> SimpleNamespace:
    """Scenes whose first band is the height, and whose second says how far off the labels of it are."""
    root, rows = tmp_path_factory.mktemp("noisy"), []
    for number, key in enumerate(KEYS):
        random = np.random.default_rng(number)
        height = np.kron(random.integers(0, 100, (4, 4)), np.ones((12, 12)))
        is_loud = np.arange(48) >= 24
        label = height + random.normal(0, 1, height.shape) * np.where(is_loud, LOUD, QUIET)
        image = np.stack([10 * height, np.broadcast_to(np.where(is_loud, 1000, 0), height.shape)]).astype(np.int16)
        place = from_origin(500_000 + 5000 * number, 5_000_000, 10, 10)
        write_raster(root / "scenes" / f"{key}.tif", image, transform=place)
        write_raster(root / "labels" / f"{key}.tif", label.astype(np.float32), transform=place)
        rows.append({"key": key, "height": float(label.mean())})
    pd.DataFrame(rows).to_csv(root / "labels.csv", index=False)
    return SimpleNamespace(root=root, scenes=find_rasters(root / "scenes", ["{key}.tif"]))


def _prepared(world: SimpleNamespace, labels: Any, **target: Any) -> tuple[DataConfig, pd.DataFrame, Any]:
    data = DataConfig.model_validate(
        {
            "sources": {"optical": {"bands": ["H", "N"], "dtype": "int16", "nodata": None}},
            "target": _target(**target),
            "chips": {"size": 24, "stride": 24},
            "split": {"method": "scenes", "fractions": {"train": 0.6, "val": 0.2, "test": 0.2}},
        }
    )
    scan = scan_scenes({"optical": world.scenes}, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    return data, samples, compute_statistics(samples, scan.cells, data)


def _training(task: str, **changes: Any) -> TrainingConfig:
    words: dict[str, Any] = {
        "task": task, "loss": [{"name": "gaussian_nll"}], "monitor": None, "max_epochs": 40,
        "loader": {"batch_size": 4},
        "optimizer": {"name": "adamw", "learning_rate": 0.02}, "schedule": "cosine", "trainer": {"accelerator": "cpu"},
    }  # fmt: skip
    return TrainingConfig.model_validate(words | changes)


def test_deviations_are_learnt_judged_kept_and_written(world: SimpleNamespace, tmp_path: Path) -> None:
    labels = find_rasters(world.root / "labels", ["{key}.tif"])
    data, samples, statistics = _prepared(world, labels)
    model = ModelConfig.model_validate({"encoder": {"name": "unet", "channels": [12]}})
    initial = build_initial(data, model, seed=0)
    labelled = initial.labelled(samples, world.scenes, labels)
    result = fit(initial, labelled, statistics, _training("pixel_regression"), 0, tmp_path / "files")

    save_bundle(result.bundle, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    judged = held_out(bundle, samples, world.scenes, labels, EvaluationConfig())
    scores = evaluate_model(bundle, judged, statistics, EvaluationConfig(baseline_pixels=500), 0).scores
    assert 0.9 < scores["test"]["coverage_95"]["height"] < 0.99
    assert not [name for name, score in scores["baselines"].items() if "coverage_95" in score], "they do not say any"

    stream = dict(predict_scenes(bundle, world.scenes, InferenceConfig(tile_size=48, overlap=0)).streams)["s0"]
    [(_, products)] = list(stream.blocks)
    assert list(stream.profiles) == ["numbers", "deviations"]
    assert stream.profiles["deviations"].units == ("m",)
    deviations = products["deviations"][0]
    assert deviations.shape == products["numbers"][0].shape == (48, 48)
    quiet, loud = np.median(deviations[:, :20]), np.median(deviations[:, 28:])
    assert loud > 8, "how far off labels are there"
    assert quiet < loud / 1.5


def test_deviations_of_images_stand_in_the_table(world: SimpleNamespace, tmp_path: Path) -> None:
    table = read_label_table(world.root / "labels.csv", "key")
    data, samples, statistics = _prepared(world, table, per="image")
    encoder = {"name": "timm", "model": "test_resnet", "out_indices": [1]}
    initial = build_initial(data, ModelConfig.model_validate({"encoder": encoder}), seed=0)
    training = _training("scalar_regression", max_epochs=1)
    result = fit(initial, initial.labelled(samples, world.scenes, table), statistics, training, 0, tmp_path)
    config = InferenceConfig(tile_size=24, overlap=0)
    stream = dict(predict_scenes(result.bundle, world.scenes, config).streams)["s0"]
    list(stream.blocks)
    assert stream.features is not None
    [layer] = stream.features.find().values()
    assert {"height", "deviation_height"} <= set(layer.columns)
    assert (np.asarray(layer.columns["deviation_height"], float) > 0).all()


# --- numbers against others -----------------------------------------------------------------------------------------


def test_the_loss_is_the_negative_log_likelihood() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(20, 10, (3, 1, 4, 5))
    truth[0, 0, 0] = np.nan
    numbers, deviations = truth + random.normal(0, 5, truth.shape), random.uniform(1, 8, truth.shape)
    numbers = np.nan_to_num(numbers, nan=3.0)
    scores = torch.from_numpy(np.concatenate([numbers, deviations], axis=1))
    term = LossTerm.model_validate({"name": "gaussian_nll", "beta": 0})
    loss = WeightedNumberLosses([term], [10.0], has_deviations=True).double()
    scores.requires_grad_()
    given = loss(scores, torch.from_numpy(truth))
    known = ~np.isnan(truth)
    expected = -norm.logpdf(truth[known], numbers[known], deviations[known])
    # In deviations of the output, and without what is the same for all.
    assert given.item() == pytest.approx(expected.mean() - np.log(10) - 0.5 * np.log(2 * np.pi), rel=1e-6)
    given.backward()
    assert scores.grad is not None
    assert bool(scores.grad.isfinite().all())
    assert not scores.grad[:, :, 0][0].any(), "nothing is learnt where nothing is known"


def test_beta_weighs_what_is_unsure_as_the_squared_error_does() -> None:
    truth, numbers = torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 1.0]]]], requires_grad=True)
    scores = torch.cat([numbers, torch.tensor([[[[1.0, 4.0]]]])], dim=1)
    slopes = {}
    for beta in (0.0, 1.0):
        term = LossTerm.model_validate({"name": "gaussian_nll", "beta": beta})
        loss = WeightedNumberLosses([term], [1.0], has_deviations=True)(scores, truth)
        slopes[beta] = torch.autograd.grad(loss, numbers, retain_graph=True)[0].flatten().tolist()
    assert slopes[0.0] == pytest.approx([0.5, 0.5 / 16])
    assert slopes[1.0] == pytest.approx([0.5, 0.5])


def test_coverage_is_the_share_within_196_deviations() -> None:
    kind = kind_of(TargetSpec.model_validate(_target()))
    random = np.random.default_rng(0)
    truth = random.normal(50, 10, (4, 1, 8, 8)).astype(np.float32)
    truth[0, 0, 0, 0] = np.nan
    numbers, deviations = np.full_like(truth, 50), random.uniform(2, 15, truth.shape).astype(np.float32)
    found = kind.accumulator()
    found.update(Truth(torch.from_numpy(truth)), torch.from_numpy(np.concatenate([numbers, deviations], axis=1)))
    known = ~np.isnan(truth)
    expected = (np.abs(truth - 50) <= 1.96 * deviations)[known].mean()
    assert found.report()["coverage_95"]["height"] == pytest.approx(expected, abs=1e-6)
    two = TargetSpec.model_validate(_target(outputs=[*OUTPUTS, OUTPUTS[0] | {"name": "cover"}]))
    of_two = kind_of(two).accumulator()
    lacking = np.concatenate([truth, np.full_like(truth, np.nan)], axis=1)
    said = np.concatenate([numbers, numbers, deviations, deviations], axis=1)
    of_two.update(Truth(torch.from_numpy(lacking)), torch.from_numpy(said))
    assert of_two.report()["coverage_95"] == {"height": found.report()["coverage_95"]["height"], "cover": None}


def test_several_answers_differ_by_more_than_each_says() -> None:
    kind = kind_of(TargetSpec.model_validate(_target()))
    first, second = torch.tensor([[10.0, 3.0]]), torch.tensor([[16.0, 5.0]])
    random = np.random.default_rng(0)
    draws = np.concatenate([random.normal(10, 3, 200_000), random.normal(16, 5, 200_000)])
    mean, deviation = kind.combine([first, second])[0].tolist()
    assert (mean, deviation) == (pytest.approx(draws.mean(), abs=0.05), pytest.approx(draws.std(), abs=0.05))


# --- what does not go together --------------------------------------------------------------------------------------


def test_deviations_and_what_learns_them_go_together(world: SimpleNamespace) -> None:
    with pytest.raises(SpecError, match=r"which \['mse'\] do not learn: set 'training.loss' to 'gaussian_nll'"):
        WeightedNumberLosses([LossTerm(name="mse")], [1.0], has_deviations=True)
    with pytest.raises(SpecError, match=r"set 'data.target.deviation: true', so that the model says it"):
        WeightedNumberLosses([LossTerm(name="gaussian_nll")], [1.0])
    with pytest.raises(ValidationError, match="'deviation' says how far off numbers may be"):
        TargetSpec.model_validate({"deviation": True, "classes": [{"value": v, "name": f"c{v}", "color": "#000000"}
                                                                 for v in (1, 2)]})  # fmt: skip
    data, _, _ = _prepared(world, find_rasters(world.root / "labels", ["{key}.tif"]))
    with pytest.raises(SpecError, match=r"models of the factory 'smp' do not say: take 'factory: encoder_decoder'"):
        build_initial(data, ModelConfig.model_validate({"factory": {"name": "smp", "architecture": "Unet"}}), seed=0)
