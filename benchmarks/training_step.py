"""A training step through Lightning, as the project trains, against a bare PyTorch loop over the same model and chips.

One pair for each task, in turns. Chips are made in memory and are not changed at random: neither is part of a bare
loop. The bare loop computes what a task computes of a batch, and nothing else. Processor time counts.
Arguments: threads to compute with (default: 1), and names of tasks (default: all).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning import Callback, LightningModule, Trainer

from groundwork.batch import Chip, Objects, Patch
from groundwork.bundle import build_factory
from groundwork.config import ModelConfig, TrainingConfig
from groundwork.data.chips import ChipDataset, LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.statistics import BandStatistics, Statistics
from groundwork.rasters.folder import RasterFolder
from groundwork.registry import build
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.statistics import NumberStatistics, TargetStatistics
from groundwork.tasks import TASKS
from groundwork.tasks.base import Task
from groundwork.training.checks import DEFAULTS, build_trainer

ROUNDS, STEPS, BATCH, SIZE = 5, 4, 8, 128
COLORS = {"water": "#0000ff", "land": "#00aa00", "built": "#ff0000"}
CLASSES = [{"value": 1 + number, "name": name, "color": COLORS[name]} for number, name in enumerate(COLORS)]
NUMBERS = [{"name": "height", "unit": "m", "minimum": -10, "maximum": 10}]
RESNET = {"name": "timm", "model": "resnet10t", "out_indices": [0, 1, 2, 3]}
UNET = {"encoder": RESNET, "decoder": {"name": "unet", "channels": [64, 48, 32]}}
WHOLE = {"encoder": {"name": "timm", "model": "resnet10t"}, "decoder": None}
DETECTOR = {
    "factory": {"name": "object_detection", "framework": "fcos"},
    "encoder": {"name": "timm", "model": "resnet10t", "out_indices": [1, 2]},
    "necks": [{"name": "fpn", "channels": 32}],
    "decoder": None,
}
PAINTER = {
    "factory": {
        "name": "full_model",
        "model": {"name": "prithvi_mae", "variant": "prithvi_eo_v2_tiny_tl"},
    },
    "encoder": None,
    "decoder": None,
}
#: Task -> target, model, losses.
PAIRS: dict[str, tuple[Any, Any, list[dict[str, Any]]]] = {
    "semantic_segmentation": ({"classes": CLASSES}, UNET, [{"name": "cross_entropy"}, {"name": "dice"}]),
    "pixel_regression": ({"outputs": NUMBERS}, UNET, [{"name": "huber"}]),
    "classification": ({"classes": CLASSES, "per": "image"}, WHOLE, [{"name": "cross_entropy"}]),
    "multi_label": (
        {"classes": CLASSES, "per": "image", "multi_label": True},
        WHOLE,
        [{"name": "binary_cross_entropy"}],
    ),
    "scalar_regression": ({"outputs": NUMBERS, "per": "image"}, WHOLE, [{"name": "huber"}]),
    "object_detection": ({"classes": CLASSES, "per": "object"}, DETECTOR, [{"name": "detector"}]),
    "reconstruction": ("nothing", PAINTER, [{"name": "reconstruction"}]),
}


class MadeChips:
    """Chips of noise with answers that fit a target."""

    def __init__(self, target: TargetSpec) -> None:
        random = np.random.default_rng(0)
        self._chips = [self._make(target, random, number) for number in range(BATCH * STEPS)]

    def __len__(self) -> int:
        return len(self._chips)

    def read(self, index: int) -> Chip:
        """Return a chip."""
        return self._chips[index]

    def _make(self, target: TargetSpec, random: np.random.Generator, number: int) -> Chip:
        values = random.integers(0, 5000, (6, SIZE, SIZE)).astype(np.int16)
        valid, objects = np.ones((SIZE, SIZE), np.bool_), None
        answers: Any = valid
        if target.outputs:
            answers = np.full((1, SIZE, SIZE), random.normal(), np.float32)
        elif target.per == "object":
            corners = random.integers(0, SIZE - 24, (5, 2))
            boxes = np.concatenate([corners, corners + 20], axis=1).astype(np.float32)
            objects = Objects(boxes, random.integers(0, 3, 5))
            answers = np.zeros((2, SIZE, SIZE), np.int64)
        elif target.multi_label:
            answers = np.broadcast_to(random.integers(0, 2, (3, 1, 1)), (3, SIZE, SIZE)).astype(np.int64)
        elif target.classes and target.per == "image":
            answers = np.full((SIZE, SIZE), number % 3, np.int64)
        elif target.classes:
            answers = random.integers(0, 3, (SIZE, SIZE))
        return Chip(f"{number}", Patch({"optical": values}, {"optical": valid}, answers, objects))


@dataclass(frozen=True)
class MadeData(LabelledData):
    """Labelled data that lies in memory."""

    made: ChipDataset | None = None

    def chips(self, split: str) -> ChipDataset:  # noqa: ARG002
        """Return all chips."""
        assert self.made is not None
        return self.made


class Clock(Callback):
    """Notes how long the processor is at an epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Start."""
        self._started = time.process_time()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Stop."""
        self.seconds.append(time.process_time() - self._started)


def main(threads: int, names: list[str]) -> None:
    """Measure in turns, and print the best of each."""
    torch.set_num_threads(threads)
    for name in names or PAIRS:
        task, module, training = prepare(name)
        clock, bare = Clock(), []
        for _ in range(ROUNDS):
            bare.append(train_bare(task, module))
            options = {"callbacks": [clock], "enable_progress_bar": False, "enable_checkpointing": False}
            build_trainer(training, {**DEFAULTS, **options}).fit(task, datamodule=module)
        times = [min(each) / STEPS for each in (clock.seconds, bare)]
        sys.stdout.write(
            f"{name}: Lightning {times[0] * 1000:.1f} ms, bare loop {times[1] * 1000:.1f} ms a step of {BATCH} chips "
            f"with {threads} thread(s): {times[0] / times[1]:.3f}\n"
        )
        sys.stdout.flush()


def prepare(name: str) -> tuple[Task, ChipDataModule, TrainingConfig]:
    """Return a task with its data."""
    target, model, losses = PAIRS[name]
    spec = RasterSpec.model_validate({"bands": [f"B{number}" for number in range(6)], "dtype": "int16", "nodata": -1})
    folder, asked = RasterFolder(Path(), {}), target_of(target)
    made = ChipDataset(MadeChips(asked))
    data = MadeData(pd.DataFrame(), {"optical": folder}, folder, {"optical": spec}, asked, made=made)
    training = TrainingConfig.model_validate(
        {
            "task": name,
            "max_epochs": 1,
            "loader": {"batch_size": BATCH},
            "augmentation": [],
            "loss": losses,
            "optimizer": {"name": "adamw", "learning_rate": 0.0001},
            "monitor": None,
            "trainer": {"accelerator": "cpu", "limit_train_batches": STEPS, "limit_val_batches": 0},
        }
    )
    config, statistics = ModelConfig.model_validate(model), describe(data)
    factory = build_factory(config)
    config = factory.resolve(config, data.inputs, data.target)
    task = build(Task, TASKS, training.task, factory, config, data.inputs, data.target, training, statistics)
    task.model.set_statistics([2500.0] * 6, [1443.0] * 6)
    return task, ChipDataModule(data, statistics, training.loader, training.augmentation, seed=0), training


def target_of(target: object) -> TargetSpec:
    """Return a target as it is stated."""
    return TargetSpec.model_validate(target if isinstance(target, dict) else {"per": target})


def train_bare(task: Task, module: ChipDataModule) -> float:
    """Return how long the processor is at an epoch of a loop written by hand."""
    task.train()
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=0.0001, weight_decay=0.01)
    batches = iter(module.train_dataloader())
    start = time.process_time()
    for _ in range(STEPS):
        batch = next(batches)
        optimizer.zero_grad()
        output = task.ask(batch)
        batch["target"] = task.kind.asked(batch["target"])
        loss = task.criterion(output, batch)
        loss.backward()
        optimizer.step()
    return time.process_time() - start


def describe(data: LabelledData) -> Statistics:
    """Return statistics as they would be computed."""
    band = BandStatistics(mean=2500.0, std=1443.0, minimum=0.0, maximum=4999.0)
    names = data.target.names if data.target.classes else ()
    counts = TargetStatistics(
        class_pixels=dict.fromkeys(names, 100),
        known_pixels=dict.fromkeys(names, 200),
        class_objects=dict.fromkeys(names, 10),
        numbers={output.name: NumberStatistics(count=10, mean=0.0, std=1.0) for output in data.target.outputs},
    )
    bands = {each.name: band for each in data.inputs["optical"].used}
    return Statistics(sources={"optical": bands}, target=counts, valid_pixels=200)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, sys.argv[2:])
