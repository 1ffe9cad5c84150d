"""Loggers and pictures show a training, and change nothing of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from breaking import KilledError, die, same
from groundwork.batch import collate
from groundwork.config import ModelConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.errors import ComponentError
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.rasters.quicklook import stretch
from groundwork.specs import TargetSpec
from groundwork.tasks.segmentation import SemanticSegmentationTask
from groundwork.training.checks import check_together, check_training
from groundwork.training.fit import FitResult

Fit = Callable[..., FitResult]
MakeTraining = Callable[..., TrainingConfig]


@pytest.fixture(scope="module")
def plain(run: Fit, tmp_path_factory: pytest.TempPathFactory) -> FitResult:
    return run(tmp_path_factory.mktemp("plain"), monitor=None)


@pytest.mark.parametrize("averaging", [None, {"name": "ema", "decay": 0.5}])
def test_pictures_are_those_of_the_weights_that_are_kept(
    run: Fit, tmp_path: Path, plain: FitResult, tiny_labelled: LabelledData, averaging: dict[str, Any] | None
) -> None:
    result = run(
        tmp_path,
        monitor=None,
        averaging=averaging,
        pictures={"every": 3, "count": 2},
        loggers=["recording.LinesOfJson"],
    )
    if averaging is None:
        assert same(result.bundle.weights, plain.bundle.weights)
        pd.testing.assert_frame_equal(result.history, plain.history, check_exact=True)
    [folder] = tmp_path.iterdir()
    assert [file.name for file in (folder / "pictures").iterdir()] == ["epoch-0002.png"]
    picture = np.asarray(Image.open(folder / "pictures" / "epoch-0002.png"))
    chips = tiny_labelled.chips("val")
    side, gap = 192, 6
    assert picture.shape == (2 * side + gap, 4 * side + 3 * gap, 3)
    for row, index in enumerate((0, len(chips) - 1)):
        chip = chips[index]
        values, valid = chip.patch.picture_of("optical")
        image = stretch(values.astype(np.float32), valid)
        scores = ModelPredictor(result.bundle).predict(collate([chip]))
        for column, expected in enumerate((image, *tiny_labelled.kind.panel(chip.patch, scores, image))):
            top, left = row * (side + gap), column * (side + gap)
            found = picture[top : top + side, left : left + side]
            # Each pixel of a chip of 32 is 6 x 6 pixels.
            assert np.array_equal(found[3::6, 3::6], expected)
    lines = [json.loads(line) for line in (folder / "lines.json").read_text("utf-8").splitlines()]
    shown = [line["val/miou"] for line in lines if "val/miou" in line]
    assert shown == pytest.approx(result.history["val/miou"].tolist())
    assert [line["predictions"] for line in lines if "predictions" in line] == [pytest.approx(picture.mean())]


def test_what_only_shows_a_training_makes_no_other_run_of_it(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(tmp_path, max_epochs=1)
    monkeypatch.setattr(SemanticSegmentationTask, "training_step", lambda *_: pytest.fail("training began"))
    again = run(tmp_path, max_epochs=1, pictures={"every": 1}, loggers=["recording.LinesOfJson"])
    assert same(first.bundle.weights, again.bundle.weights)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"loggers": ["tensorbord"]}, "training.loggers: Unknown component 'tensorbord'. Did you mean 'tensorboard'"),
        ({"loggers": [{"name": "mlflow", "experimnt": "a"}]}, "no option 'experimnt'. Did you mean 'experiment'"),
        ({"loggers": [{"name": "mlflow", "server": "data/x.db"}]}, "server: String should match pattern"),
        ({"loggers": ["recording._Lines"]}, "which is no ScoreLogger"),
    ],
)
def test_loggers_that_cannot_be_are_refused(
    make_training: MakeTraining, land_target: TargetSpec, words: dict[str, Any], message: str
) -> None:
    with pytest.raises(ComponentError, match=message):
        check_training(make_training(**words), land_target)


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_package_that_is_missing_is_named_before_the_training(
    run: Fit,
    tmp_path: Path,
    make_training: MakeTraining,
    model_config: ModelConfig,
    land_target: TargetSpec,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("groundwork.training.loggers.find_spec", lambda package: None)
    training = make_training(loggers=[name])
    check_training(training, land_target)
    message = rf"training.loggers: '{name}' needs the package {name}, .*pip install -e '.\[{name}\]'"
    with pytest.raises(ComponentError, match=message):
        check_together(training, model_config, land_target)
    with pytest.raises(ComponentError, match=message):
        run(tmp_path, loggers=[name])


def test_scores_and_pictures_lie_in_the_files_of_tensorboard(run: Fit, tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    result = run(tmp_path, pictures={"every": 3}, loggers=["tensorboard"])
    [folder] = tmp_path.iterdir()
    found = events.EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    shown = [event.value for event in found.Scalars("val/miou")]
    assert shown == pytest.approx(result.history["val/miou"].tolist())
    assert len(found.Images("predictions")) == 1


def test_mlflow_holds_what_a_run_is_made_from_its_scores_and_pictures_and_goes_on_with_it(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    words: dict[str, Any] = {"pictures": {"every": 1}, "loggers": [{"name": "mlflow", "experiment": "land"}]}
    runs = tmp_path / "runs"
    with monkeypatch.context() as patch:
        die(patch, "start")
        with pytest.raises(KilledError):
            run(runs, **words)
    result = run(runs, **words)
    assert run(runs, **words).history["val/miou"].tolist() == result.history["val/miou"].tolist()
    client = mlflow.MlflowClient(f"sqlite:///{runs / 'mlflow.db'}")
    [found] = client.search_runs([client.get_experiment_by_name("land").experiment_id])
    shown = [(entry.value) for entry in client.get_metric_history(found.info.run_id, "val/miou")]
    assert shown == pytest.approx(result.history["val/miou"].tolist())
    assert found.info.status == "FINISHED"
    assert found.data.params["training/max_epochs"] == str(len(result.history))
    assert found.data.params["model/encoder/name"] == "timm"
    assert len(client.list_artifacts(found.info.run_id, "predictions")) == len(result.history)
    assert (runs / "mlflow" / found.info.run_id / "artifacts" / "predictions").is_dir()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_pictures_of_what_is_no_answer_are_refused(make_training: MakeTraining, land_target: TargetSpec) -> None:
    training = make_training(task="embedding", pictures={"every": 1}, monitor=None)
    with pytest.raises(ComponentError, match=r"training.pictures shows answers .* 'embedding' learns none"):
        check_training(training, land_target)


def test_a_log_says_how_far_an_epoch_and_its_validation_have_come(
    run: Fit, tmp_path: Path, plain: FitResult, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("groundwork.progress.BETWEEN_LINES_S", 0.0)
    monkeypatch.setenv("GROUNDWORK_PROGRESS", "lines")
    with caplog.at_level("INFO"):
        result = run(tmp_path)
    for begun in ("Epoch 1 of 3: 1 of ", "Validating epoch 1 of 3: 1 of ", "Validating epoch 3 of 3: 2 of "):
        told = [message for message in caplog.messages if message.startswith(begun)]
        assert len(told) == 1
        assert "left" in told[0]
    assert same(result.bundle.weights, plain.bundle.weights)
