"""Sets of classes hold the true one as often as they were asked to, are kept, judged and written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import EvaluationConfig, InferenceConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError
from groundwork.evaluation.class_sets import SetCoverage
from groundwork.evaluation.details import Judged
from groundwork.evaluation.report import evaluate_model
from groundwork.prediction.scene import predict_scenes
from groundwork.specs import TargetSpec
from groundwork.specs.class_sets import ClassSetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.labels import IGNORE
from groundwork.training.checks import check_training
from groundwork.training.conformal import choose_cut
from groundwork.training.fit import fit

MakeTraining = Callable[..., TrainingConfig]


def test_new_answers_lack_the_true_class_as_often_as_wanted() -> None:
    random = np.random.default_rng(0)
    missed = []
    for _ in range(400):
        own = torch.from_numpy(random.beta(2, 1, 200))
        missed.append(float((random.beta(2, 1, 2000) < choose_cut(own[:199], 0.1)).mean()))
    # Of 199 answers, 19 may lie below: a new one does with a chance of 20 in 200 at most.
    assert np.mean(missed) == pytest.approx(0.1, abs=0.004)


def test_of_too_few_answers_none_is_left_out() -> None:
    assert choose_cut(torch.tensor([0.9, 0.8, 0.7]), 0.1) == 0.0
    assert choose_cut(torch.tensor([0.9, 0.8, 0.7]), 0.25) == pytest.approx(0.7, abs=1e-6)
    assert choose_cut(torch.tensor([0.9, 0.8, 0.7]), 0.25) <= 0.7


@pytest.fixture(scope="module")
def trained(
    tiny_initial: Bundle,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    folder = tmp_path_factory.mktemp("sets")
    training = make_training(max_epochs=2, conformal=0.2, calibrate=True)
    save_bundle(
        fit(tiny_initial, tiny_labelled, tiny_statistics, training, 0, folder / "files").bundle, folder / "kept"
    )
    return load_bundle(folder / "kept")


def test_sets_are_kept_judged_and_written(
    trained: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    sets = trained.config.target.sets
    assert sets is not None
    assert sets.miss == 0.2
    # The data that the training was given knows nothing of what was chosen since: the bundle decides.
    assert tiny_labelled.target.sets is None
    config = EvaluationConfig(split="val", baseline_pixels=200, orientations=False)
    scores = evaluate_model(trained, tiny_labelled, tiny_statistics, config, 0).scores["val"]
    assert scores["calibration"]["temperature"] == trained.config.target.temperature
    found = scores["sets"]
    assert found["wanted"] == 0.8
    # The very answers that it was chosen on, but for those that were left out of a hundred thousand.
    assert found["coverage"] == pytest.approx(0.8, abs=0.01)
    assert 0.8 <= found["mean_size"] <= 3

    asked = InferenceConfig(tile_size=32, overlap=0, sets=True, probabilities=True)
    stream = dict(predict_scenes(trained, tiny_labelled.scenes, asked).streams)["1"]
    assert stream.profiles["sets"].tags["SETS_MISS"] == "0.2"
    for _, products in stream.blocks:
        is_known = products["classes"] != stream.profiles["classes"].nodata
        belongs = products["probabilities"] >= sets.threshold
        assert np.array_equal(products["sets"] == 1, belongs & is_known)
        assert np.array_equal(products["sets"] == 255, np.broadcast_to(~is_known, belongs.shape))


def test_coverage_counts_what_is_known() -> None:
    classes = [{"value": value, "name": f"c{value}", "color": "#000000"} for value in range(3)]
    kind = kind_of(TargetSpec.model_validate({"classes": classes}))
    truth = torch.tensor([[0, 1, IGNORE]])
    probabilities = torch.tensor([[[0.5, 0.9, 0.3]], [[0.3, 0.05, 0.3]], [[0.2, 0.05, 0.4]]])
    detail = SetCoverage(kind, ClassSetSpec(miss=0.1, threshold=0.25))
    assert detail.report()["sets"]["coverage"] is None
    detail.update(Judged(truth, truth, probabilities.log(), truth != IGNORE, "a"))
    assert detail.report()["sets"] == {"wanted": 0.9, "coverage": 0.5, "mean_size": 1.5}


def test_what_has_no_sets_is_refused(
    tiny_bundle: Bundle, tiny_labelled: LabelledData, make_training: MakeTraining
) -> None:
    with pytest.raises(SpecError, match=r"train it with 'training.conformal: 0.1'"):
        predict_scenes(tiny_bundle, tiny_labelled.scenes, InferenceConfig(sets=True))
    numbers = TargetSpec.model_validate({"outputs": [{"name": "height", "minimum": 0, "maximum": 9}]})
    training = make_training(task="pixel_regression", loss=[{"name": "mse"}], conformal=0.1)
    with pytest.raises(SpecError, match=r"training\.conformal chooses which classes are possible"):
        check_training(training, numbers)
