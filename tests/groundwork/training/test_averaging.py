"""Weights that are means: what they are, that they are judged, kept and resumed, and that they are chosen by score."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lightning import Trainer
from safetensors.torch import load_file
from torch import Tensor
from torch.optim.swa_utils import update_bn

from breaking import KilledError, die, same
from groundwork.batch import images_of
from groundwork.bundle import Bundle
from groundwork.config import TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.statistics import Statistics
from groundwork.errors import ComponentError
from groundwork.specs import TargetSpec
from groundwork.tasks.segmentation import SemanticSegmentationTask
from groundwork.training.best_mean import mean_of
from groundwork.training.checks import check_training
from groundwork.training.fit import FitResult

Fit = Callable[..., FitResult]
MakeTraining = Callable[..., TrainingConfig]
pytestmark = pytest.mark.filterwarnings("ignore:.*treespec.*is deprecated", "ignore:.*does not have many workers")
#: One step in each epoch: the weights after each step are those that a shorter run ends with.
ONE_STEP = {"trainer": {"accelerator": "cpu", "limit_train_batches": 1}, "monitor": None, "augmentation": []}
SHAKY = {"optimizer": {"name": "adamw", "learning_rate": 0.02}, "max_epochs": 5}


@pytest.fixture(scope="module")
def after(run: Fit, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    """The weights after each of four steps."""
    folder = tmp_path_factory.mktemp("steps")
    return [run(folder, max_epochs=epochs, **ONE_STEP).bundle.weights for epochs in range(1, 5)]


@pytest.fixture(scope="module")
def judge(
    tiny_initial: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics, make_training: MakeTraining
) -> Callable[[dict[str, Tensor]], dict[str, float]]:
    """Validation scores of weights, by a trainer of its own."""

    def validate(weights: dict[str, Tensor]) -> dict[str, float]:
        config, training = tiny_initial.config, make_training()
        wired = (tiny_initial.factory(), config.model, config.inputs, config.target, training, tiny_statistics)
        task = SemanticSegmentationTask(*wired)
        task.model.load_state_dict(weights)
        module = ChipDataModule(tiny_labelled, tiny_statistics, training.loader, (), seed=0)
        options: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = Trainer(accelerator="cpu", enable_model_summary=False, **options)
        return dict(trainer.validate(task, datamodule=module, verbose=False)[0])

    return validate


@pytest.mark.parametrize("warmup", [True, False])
def test_a_moving_mean_is_that_of_the_formula(
    run: Fit, tmp_path: Path, after: list[dict[str, Tensor]], warmup: bool
) -> None:
    averaging = {"name": "ema", "decay": 0.4, "warmup": warmup}
    result = run(tmp_path, max_epochs=4, averaging=averaging, **ONE_STEP)
    for name, value in result.bundle.weights.items():
        mean = after[0][name].double()
        for number, weights in enumerate(after[1:], start=1):
            kept = min(0.4, (1 + number) / (10 + number)) if warmup else 0.4
            mean = kept * mean + (1 - kept) * weights[name].double()
        expected = mean if value.is_floating_point() else after[-1][name]
        torch.testing.assert_close(value.double(), expected.double(), rtol=1e-5, atol=1e-6, msg=name)
    assert result.history["averaged"].tolist() == [1, 2, 3, 4]
    for name in ("standardise.optical.mean", "standardise.optical.std"):
        assert torch.equal(result.bundle.weights[name], after[0][name]), "what is no weight does not drift"


def test_the_mean_of_epochs_is_that_of_their_weights_with_statistics_of_its_own(
    run: Fit, tmp_path: Path, after: list[dict[str, Tensor]], tiny_initial: Bundle, tiny_labelled: LabelledData,
    tiny_statistics: Statistics, make_training: MakeTraining,
) -> None:  # fmt: skip
    result = run(tmp_path, max_epochs=4, averaging={"name": "swa", "from_epoch": 1}, **ONE_STEP)
    assert result.history["averaged"].tolist() == [0, 1, 2, 3]
    model = tiny_initial.build_model()
    model.load_state_dict(result.bundle.weights)
    parameters = dict(model.named_parameters())
    for name, value in parameters.items():
        expected = torch.stack([weights[name] for weights in after[1:]]).mean(0)
        torch.testing.assert_close(value.detach(), expected, rtol=1e-5, atol=1e-6, msg=name)
    # torch's own measurement over the same chips; the first batch alone, as the training sees no other.
    loader = make_training().loader
    module = ChipDataModule(tiny_labelled, tiny_statistics, loader, (), seed=0)
    update_bn([images_of(next(iter(module.train_dataloader())))], model)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, result.bundle.weights[name], rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("averaging", [{"name": "ema", "decay": 0.7}, {"name": "swa", "from_epoch": 0}])
def test_the_mean_is_what_is_judged(
    run: Fit, tmp_path: Path, judge: Callable[..., dict[str, float]], averaging: dict[str, Any]
) -> None:
    result = run(tmp_path, averaging=averaging, monitor=None)
    scores = judge(result.bundle.weights)
    last = result.history.iloc[-1]
    for name in ("val/loss", "val/miou", "val/iou_water"):
        assert scores[name] == pytest.approx(last[name], rel=1e-6)
    plain = run(tmp_path, monitor=None)
    assert plain.history["train/loss"].tolist() == result.history["train/loss"].tolist(), "training itself is the same"
    assert plain.history["val/loss"].iloc[-1] != last["val/loss"]


GOES_ON = [
    {"averaging": {"name": "ema", "decay": 0.7}},
    {"averaging": {"name": "swa", "from_epoch": 1}},
    {"keep_best": 3, "averaging": "ema"},
    {"freeze": {"encoder": True, "until_epoch": 1}},
]


@pytest.mark.parametrize("settings", GOES_ON, ids="-".join)
def test_a_broken_run_ends_like_an_unbroken_one(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    unbroken = run(tmp_path / "unbroken", **settings)
    with monkeypatch.context() as patch:
        die(patch, "validation" if "keep_best" in settings else "training", epoch=2)
        with pytest.raises(KilledError):
            run(tmp_path / "broken", **settings)
    resumed = run(tmp_path / "broken", **settings)
    assert same(resumed.bundle.weights, unbroken.bundle.weights)
    assert resumed.bundle.config == unbroken.bundle.config
    pd.testing.assert_frame_equal(resumed.history, unbroken.history, check_exact=True)
    again = run(tmp_path / "broken", **settings)
    assert same(again.bundle.weights, unbroken.bundle.weights), "a complete run gives its result again"


def test_the_best_weights_are_kept_and_their_mean_is_taken_where_it_is_better(
    run: Fit, tmp_path: Path, judge: Callable[..., dict[str, float]], caplog: pytest.LogCaptureFixture
) -> None:
    taken = set()
    with caplog.at_level(logging.INFO):
        for rate in (0.02, 0.001):
            settings = SHAKY | {"optimizer": {"name": "adamw", "learning_rate": rate}, "monitor": "val/loss"}
            folder = tmp_path / str(rate)
            result = run(folder, keep_best=3, **settings)
            best = result.history["val/loss"].nsmallest(3).index.tolist()
            files = {file.name for file in next(folder.iterdir()).iterdir()}
            assert files == {"last-epoch=4.ckpt", *(f"best-epoch={epoch}.safetensors" for epoch in best)}
            states = [load_file(next(folder.glob(f"*/best-epoch={epoch}.safetensors"))) for epoch in best]
            weights, kept = result.bundle.weights, result.bundle.config.provenance["kept"]
            assert kept in caplog.text
            single, score = result.history["val/loss"].min(), judge(weights)["val/loss"]
            assert f"of the best one, {best[0]}: {single:.6g}" in kept
            taken.add(kept.partition(";")[0])
            if kept.startswith("the best epoch"):
                assert same(weights, states[0])
                assert score == pytest.approx(single, rel=1e-6)
            else:
                assert score < single
                assert f"{score:.4g}"[:5] in kept
                name = next(key for key in weights if key.startswith("head.") and key.endswith("weight"))
                expected = np.mean([state[name].numpy() for state in states], axis=0)
                assert weights[name].numpy() == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert taken == {"the mean", "the best epoch"}


def test_means_keep_whole_numbers_of_the_first_and_types() -> None:
    states = [
        {"a": torch.tensor([1.0, 2.0]), "n": torch.tensor(7)},
        {"a": torch.tensor([2.0, 4.0]), "n": torch.tensor(3)},
    ]
    mean = mean_of(states)
    assert mean["a"].tolist() == [1.5, 3.0]
    assert mean["a"].dtype == torch.float32
    assert mean["n"].item() == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"averaging": "emma"}, "training.averaging: Unknown component 'emma'. Did you mean 'ema'"),
        ({"averaging": {"name": "ema", "decy": 0.9}}, "it has no option 'decy'. Did you mean 'decay'"),
        ({"averaging": {"name": "ema", "decay": 1.0}}, "decay: Input should be less than 1"),
        ({"averaging": "swa"}, "training.averaging: 'swa' cannot be built: .*from_epoch"),
        ({"averaging": {"name": "swa", "from_epoch": 3}}, "from_epoch is 3, counted from 0, and there are 3 epochs"),
        ({"averaging": "ema", "trainer": {"precision": "bf16-true"}}, "too coarse. Take 'precision: bf16-mixed'"),
    ],
)
def test_means_that_cannot_be_are_refused(
    make_training: MakeTraining, land_target: TargetSpec, words: dict[str, Any], message: str
) -> None:
    with pytest.raises(ComponentError, match=message):
        check_training(make_training(**words), land_target)


def test_the_mean_of_the_best_needs_a_score(make_training: MakeTraining) -> None:
    with pytest.raises(ValueError, match=r"keep_best needs a 'monitor'.*swa"):
        make_training(monitor=None, keep_best=2)
