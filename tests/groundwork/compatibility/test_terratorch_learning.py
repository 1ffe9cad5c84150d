"""Optimisers, schedules, callbacks and transforms of TerraTorch: what torch does with them is done, or it is said."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import StochasticWeightAveraging
from lightning.pytorch.cli import LightningCLI
from torch import nn
from torch.optim import Optimizer

from groundwork.compatibility.terratorch.translate import Translation, translate
from groundwork.config import TrainingConfig
from groundwork.errors import TranslationError
from terratorch_words import DATA, TASK, changed

CALLBACKS, TRAIN = "trainer.callbacks", f"{DATA}.train_transform"
OPTIMIZERS = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
)


class OfTask(LightningModule):
    """A task with an optimiser and a schedule of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 2)}


def asked(**stated: Any) -> Any:
    """What Lightning's CLI trains by, where a file states this beside the task."""
    usual = {"trainer": {"logger": False, "enable_checkpointing": False, "accelerator": "cpu"}}
    return LightningCLI(OfTask, run=False, args=usual | stated, save_config_callback=None).model.configure_optimizers()


def translated(*changes: tuple[str, Any]) -> Translation:
    return translate(changed(*changes), "theirs.yaml")


def training(found: Translation) -> TrainingConfig:
    return TrainingConfig.model_validate(found.parameters["training"])


def ignored(found: Translation) -> list[str]:
    return [note.key for note in found.findings.ignored]


@pytest.mark.filterwarnings("ignore")
def test_an_optimiser_of_the_file_leaves_all_that_the_task_says_aside() -> None:
    adam = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01}}
    assert type(asked(optimizer=adam)) is torch.optim.Adam, "no schedule goes with it"
    of_task = [(f"{TASK}.scheduler", "StepLR"), (f"{TASK}.scheduler_hparams", {"step_size": 2})]
    found = translated(
        ("optimizer", adam), ("lr_scheduler", None), *of_task, (f"{TASK}.lr_overrides", {"backbone": 1e-5})
    )
    assert training(found).schedule.name == "constant"
    assert training(found).parameter_groups.rates == {}
    assert ignored(found) == ["model.init_args.scheduler", "model.init_args.lr_overrides"]


@pytest.mark.filterwarnings("ignore")
def test_a_schedule_of_the_file_needs_an_optimiser_of_the_file() -> None:
    schedule = {"class_path": "torch.optim.lr_scheduler.ExponentialLR", "init_args": {"gamma": 0.5}}
    given = asked(lr_scheduler=schedule)
    assert (type(given["optimizer"]), type(given["lr_scheduler"]).__name__) == (torch.optim.SGD, "StepLR")
    own = [(f"{TASK}.scheduler", "StepLR"), (f"{TASK}.scheduler_hparams", {"step_size": 2})]
    found = translated(("optimizer", None), ("lr_scheduler", schedule), *own)
    words = training(found).schedule
    assert (words.name, words.options) == (
        "torch",
        {"scheduler": "StepLR", "each": "epoch", "options": {"step_size": 2}},
    )
    assert ignored(found) == ["lr_scheduler"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rate_that_nobody_states_is_that_of_torch(name: str) -> None:
    of_torch = inspect.signature(getattr(torch.optim, name)).parameters["lr"].default
    of_file = translated(("optimizer", {"class_path": f"torch.optim.{name}"}))
    assert training(of_file).optimizer.options["learning_rate"] == of_torch
    # The task has a rate of its own, whatever the optimiser.
    of_task = translated(("optimizer", None), ("lr_scheduler", None), (f"{TASK}.optimizer", name))
    assert training(of_task).optimizer.options["learning_rate"] == 1e-3


@pytest.mark.parametrize(("patience", "ours"), [(0, 1), (1, 1), (4, 4), (None, 3)])
def test_patience_of_none_is_no_usual_one(patience: int | None, ours: int) -> None:
    arguments = {"monitor": "val/loss"} | ({} if patience is None else {"patience": patience})
    found = translated((CALLBACKS, [{"class_path": "EarlyStopping", "init_args": arguments}]))
    assert training(found).early_stopping == ours


@pytest.mark.parametrize(("start", "first"), [(0.5, 10), (12, 12), (0.0, 0), (None, 16)])
def test_a_mean_of_weights_says_what_is_other_about_it(start: float | None, first: int) -> None:
    arguments = {"swa_lrs": 0.01} | ({} if start is None else {"swa_epoch_start": start})
    found = translated((CALLBACKS, [{"class_path": "StochasticWeightAveraging", "init_args": arguments}]))
    averaging = training(found).averaging
    assert averaging is not None
    assert (averaging.name, averaging.options) == ("swa", {"from_epoch": first})
    said = {note.key.rpartition(".")[2]: note.text for note in found.findings.changed}
    theirs = StochasticWeightAveraging(0.01, max(first, 1))
    assert f"before each epoch from {theirs.swa_start} on" in said["swa_epoch_start"]
    assert "not led to another" in said["swa_lrs"]


SAID: dict[str, tuple[list[tuple[str, Any]], str, str]] = {
    "weights of some epochs": (
        [(CALLBACKS, [{"class_path": "ModelCheckpoint", "init_args": {"monitor": "val/loss", "every_n_epochs": 5}}])],
        f"{CALLBACKS}[0].init_args.every_n_epochs",
        "after each validation",
    ),
    "a rate that follows now and then": (
        [
            ("optimizer", None), ("lr_scheduler", None), (f"{TASK}.scheduler", "StepLR"),
            (f"{TASK}.scheduler_hparams", {"step_size": 3, "interval": "step", "frequency": 2}),
        ],
        f"{TASK}.scheduler_hparams.frequency",
        "after each step, not after every 2",
    ),
    "a rate that falls by little": (
        [("lr_scheduler.init_args.eps", 1e-3)], "lr_scheduler.init_args.eps", "by however little",
    ),
    "transforms for some chips": (
        [(TRAIN, [{"class_path": "Compose", "init_args": {"p": 0.3, "transforms": [{"class_path": "D4"}]}}])],
        f"{TRAIN}[0].init_args.p",
        "for all chips",
    ),
    "turns to one side": (
        [(TRAIN, [{"class_path": "Rotate", "init_args": {"limit": [0, 90]}}])],
        f"{TRAIN}[0].init_args.limit",
        "to both sides",
    ),
    "small parts alone": (
        [(TRAIN, [{"class_path": "RandomResizedCrop", "init_args": {"size": [64, 64], "scale": [0.2, 0.5]}}])],
        f"{TRAIN}[0].init_args.scale",
        "as large as the chip",
    ),
    "windows for some chips": (
        [(TRAIN, [{"class_path": "RandomCrop", "init_args": {"height": 32, "width": 32, "p": 0.5}}])],
        f"{TRAIN}[0].init_args.p",
        "all chips are windows",
    ),
    "a window of what is resized": (
        [
            (TRAIN, [
                {"class_path": "Resize", "init_args": {"height": 64, "width": 64}},
                {"class_path": "RandomCrop", "init_args": {"height": 32, "width": 32}},
            ]),
        ],
        TRAIN,
        "chips of 32 pixels",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SAID)
def test_what_changes_is_said(what: str) -> None:
    changes, key, text = SAID[what]
    notes = translated(*changes).findings.changed
    assert any(note.key == key and text in note.text for note in notes), notes


@pytest.mark.parametrize(
    ("transform", "ours"),
    [
        ({"class_path": "HorizontalFlip", "init_args": {"always_apply": True}}, {"chance": 1.0}),
        ({"class_path": "HorizontalFlip", "init_args": {"p": 0.2}}, {"chance": 0.2}),
        (
            {"class_path": "RandomResizedCrop", "init_args": {"size": [64, 64], "scale": [0.25, 1], "p": 0.4}},
            {"smallest": 0.5, "chance": 0.4},
        ),
    ],
)
def test_transforms_are_drawn_as_often(transform: dict[str, Any], ours: dict[str, float]) -> None:
    [change] = training(translated((TRAIN, [transform]))).augmentation
    assert change.options == ours


def test_a_loss_that_counts_nothing_is_none_and_a_weight_is_a_number() -> None:
    [loss] = training(translated((f"{TASK}.loss", {"ce": 1, "dice": 0}))).loss
    assert loss.name == "cross_entropy"
    with pytest.raises(TranslationError, match=r"model\.init_args\.loss\.ce: found 'much' where a number"):
        translated((f"{TASK}.loss", {"ce": "much"}))
