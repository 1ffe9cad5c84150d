"""Probabilities are calibrated on the validation split, and the decided class stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import torch
from sklearn.linear_model import LogisticRegression

from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import InferenceConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.packed import specs_of
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError
from groundwork.evaluation.calibration import Calibration
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.scores import MODEL, evaluate
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.writing import write_rasters
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.training.checks import check_training
from groundwork.training.fit import fit
from groundwork.training.temperature import LOWEST, ValidationAnswers, fit_temperature, with_temperature

CLASSES = [{"value": value, "name": name, "color": "#000000"} for value, name in enumerate("xyz")]


@pytest.mark.parametrize("scale", [0.4, 1.0, 5.0])
def test_the_temperature_undoes_what_scores_were_multiplied_by(scale: float) -> None:
    random = torch.Generator().manual_seed(1)
    scores = 2 * torch.randn(20_000, 3, generator=random, dtype=torch.float64)
    truth = torch.multinomial(scores.softmax(dim=1), 1, generator=random)[:, 0]
    assert fit_temperature(truth, scores * scale) == pytest.approx(scale, rel=0.05)


def test_the_temperature_of_yes_and_no_is_that_of_a_logistic_regression() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(0, 3, 5000)
    truth = (random.random(5000) < 1 / (1 + np.exp(-scores / 2.5))).astype(int)
    regression = LogisticRegression(C=1e9, fit_intercept=False).fit(scores[:, None], truth)
    found = fit_temperature(torch.from_numpy(truth), torch.from_numpy(scores))
    assert found == pytest.approx(1 / regression.coef_[0, 0], rel=1e-3)


def test_scores_that_are_always_right_are_made_as_sure_as_is_tried() -> None:
    truth = torch.arange(3).repeat(10)
    assert fit_temperature(truth, torch.nn.functional.one_hot(truth).double()) == pytest.approx(LOWEST, rel=1e-3)


def test_a_training_calibrates_its_bundle_on_request(
    tiny_initial: Bundle,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: Callable[..., TrainingConfig],
    tmp_path: Path,
) -> None:
    results = []
    for calibrate in (False, True):
        training = make_training(max_epochs=2, calibrate=calibrate)
        results.append(fit(tiny_initial, tiny_labelled, tiny_statistics, training, 0, tmp_path / "checkpoints").bundle)
    plain, calibrated = results
    assert all(torch.equal(value, calibrated.weights[name]) for name, value in plain.weights.items())
    temperature = calibrated.config.target.temperature
    assert temperature is not None
    assert temperature != 1
    save_bundle(plain, tmp_path / "plain")
    assert "temperature" not in (tmp_path / "plain/bundle.json").read_text(), "the same bytes as without the option"
    save_bundle(calibrated, tmp_path / "calibrated")
    assert load_bundle(tmp_path / "calibrated").config.target.temperature == temperature
    # A complete run gives its result again, temperature included.
    training = make_training(max_epochs=2, calibrate=True)
    again = fit(tiny_initial, tiny_labelled, tiny_statistics, training, 0, tmp_path / "checkpoints").bundle
    assert again.config == calibrated.config
    # No temperature nearby is likelier on the validation split.
    data = LabelledData(
        tiny_labelled.samples, tiny_labelled.scenes, tiny_labelled.labels, calibrated.config.inputs, plain.config.target
    )
    likelihoods = []
    for factor in (0.9, 1.0, 1.1):
        target = plain.config.target.model_copy(update={"temperature": temperature * factor})
        detail = Calibration(target)
        evaluate({MODEL: ModelPredictor(plain)}, data, 4, "val", {MODEL: [detail]})
        likelihoods.append(detail.report()["calibration"]["calibrated"]["nll"])
    assert likelihoods[1] == min(likelihoods)
    assert with_temperature(calibrated, ValidationAnswers(calibrated, data, 4)) is calibrated, (
        "what a target states stays"
    )


def test_maps_hold_calibrated_probabilities_of_the_same_classes(
    tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    target = tiny_bundle.config.target.model_copy(update={"temperature": 4.0})
    calibrated = Bundle(tiny_bundle.config.model_copy(update={"target": target}), tiny_bundle.weights)
    # Each scene in one tile: where tiles overlap it is probabilities that are blended.
    config = InferenceConfig(tile_size=96, overlap=0, probabilities=True)
    found = {}
    for name, bundle in (("plain", tiny_bundle), ("calibrated", calibrated)):
        stream = dict(predict_scenes(bundle, tiny_data.scenes, config).streams)["1"]
        files = {part: tmp_path / f"{name}_{part}.tif" for part in ("classes", "probabilities")}
        write_rasters(stream, files)
        for part, file in files.items():
            with rasterio.open(file) as raster:
                found[name, part] = raster.read()
    assert np.array_equal(found["plain", "classes"], found["calibrated", "classes"])
    sharp, flat = found["plain", "probabilities"][:, 10:], found["calibrated", "probabilities"][:, 10:]
    expected = sharp**0.25 / (sharp**0.25).sum(axis=0)
    assert flat == pytest.approx(expected, abs=1e-5)
    assert not np.allclose(flat, sharp, atol=0.01)


def test_the_class_stays_and_probabilities_are_flatter() -> None:
    target = TargetSpec.model_validate({"classes": CLASSES})
    plain, warm = kind_of(target), kind_of(target.model_copy(update={"temperature": 2.5}))
    scores = 3 * torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(plain.activate(scores), scores.softmax(dim=1))
    assert torch.allclose(warm.activate(scores), (scores / 2.5).softmax(dim=1))
    assert torch.equal(plain.activate(scores).argmax(dim=1), warm.activate(scores).argmax(dim=1))


def test_the_temperature_decides_where_a_class_has_a_threshold() -> None:
    words = {"classes": [{**entry, "threshold": 0.7} for entry in CLASSES], "per": "image", "multi_label": True}
    target = TargetSpec.model_validate(words | {"temperature": 2.0})
    kind = kind_of(target)
    scores = torch.tensor([[1.0, 1.8, -3.0]])
    assert torch.allclose(kind.activate(scores), (scores / 2).sigmoid())
    assert kind.decide(scores).tolist() == [[0, 1, 0]]
    assert target.as_stated().temperature is None
    assert specs_of({}, target) == specs_of({}, target.as_stated()), "packed chips do not depend on it"


def test_what_has_no_probabilities_is_not_calibrated(make_training: Callable[..., TrainingConfig]) -> None:
    outputs = {"outputs": [{"name": "height", "minimum": 0, "maximum": 50}]}
    training = make_training(task="pixel_regression", loss=[{"name": "mse"}], monitor="val/r2", calibrate=True)
    with pytest.raises(SpecError, match=r"training\.calibrate .*'pixel_regression' trains numbers per pixel: set 'cal"):
        check_training(training, TargetSpec.model_validate(outputs))
    with pytest.raises(ValueError, match="'temperature' makes scores of classes per pixel or image probabilities"):
        TargetSpec.model_validate(outputs | {"temperature": 2})
