"""Training runs that end in the middle of things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from lightning import Trainer

from groundwork.tasks.segmentation import SemanticSegmentationTask
from groundwork.training.callbacks import SeedEachEpoch


class KilledError(RuntimeError):
    """Stands for a process that ends in the middle of things."""


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def die(monkeypatch: pytest.MonkeyPatch, when: str, epoch: int = 1) -> None:
    """Break the next run off: at the start of an epoch, in the middle of it, or in its validation."""

    def at_start(_: SeedEachEpoch, trainer: Trainer, __: object) -> None:
        if trainer.current_epoch == epoch:
            raise KilledError(when)

    def in_step(task: SemanticSegmentationTask, batch: Any, index: int) -> Any:
        if task.current_epoch == epoch and index == 1:
            raise KilledError(when)
        return steps["training_step" if when == "training" else "validation_step"](task, batch, index)

    steps = {name: getattr(SemanticSegmentationTask, name) for name in ("training_step", "validation_step")}
    if when == "start":
        monkeypatch.setattr(SeedEachEpoch, "on_train_epoch_start", at_start)
    else:
        monkeypatch.setattr(SemanticSegmentationTask, f"{when}_step", in_step)
