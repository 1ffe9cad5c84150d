"""A training step through Lightning, as the project trains, against a bare PyTorch loop over the same model and chips.

The model is that of the base recipe. Nothing is changed at random, as that is no part of a bare loop. Processor time
counts.
Arguments: threads to compute with (default: 1).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import torch
from lightning import Callback, LightningModule, Trainer
from packed_chips import pack

from groundwork.batch import images_of
from groundwork.bundle import build_factory
from groundwork.config import ModelConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.statistics import BandStatistics, Statistics
from groundwork.models.interface import ModelOutput
from groundwork.targets.kinds import kind_of
from groundwork.tasks.segmentation import SemanticSegmentationTask
from groundwork.training.checks import DEFAULTS, build_trainer

ROUNDS, STEPS, BATCH = 7, 6, 8
MODEL = {
    "encoder": {"name": "timm", "model": "resnet10t", "out_indices": [0, 1, 2, 3]},
    "decoder": {"name": "unet", "channels": [64, 48, 32]},
}
TRAINING = {
    "max_epochs": 1,
    "loader": {"batch_size": BATCH},
    "augmentation": [],
    "loss": [{"name": "cross_entropy"}, {"name": "dice", "weight": 0.5}],
    "optimizer": {"name": "adamw", "learning_rate": 0.002},
    "monitor": None,
    "trainer": {"accelerator": "cpu", "limit_train_batches": STEPS, "limit_val_batches": 0},
}


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


def main(threads: int) -> None:
    """Measure in turns, and print the best of each."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        data = pack(Path(folder))
        training = TrainingConfig.model_validate(TRAINING)
        statistics = describe(data)
        model = ModelConfig.model_validate(MODEL)
        task = SemanticSegmentationTask(build_factory(model), model, data.inputs, data.target, training, statistics)
        module = ChipDataModule(data, statistics, training.loader, training.augmentation, seed=0)
        clock, bare = Clock(), []
        for _ in range(ROUNDS):
            bare.append(train_bare(task, module))
            options = {"callbacks": [clock], "enable_progress_bar": False, "enable_checkpointing": False}
            build_trainer(training, {**DEFAULTS, **options}).fit(task, datamodule=module)
        times = [min(each) / STEPS for each in (clock.seconds, bare)]
        sys.stdout.write(
            f"Lightning {times[0] * 1000:.1f} ms, bare loop {times[1] * 1000:.1f} ms a step of {BATCH} chips with "
            f"{threads} thread(s): {times[0] / times[1]:.3f}\n"
        )


def train_bare(task: SemanticSegmentationTask, module: ChipDataModule) -> float:
    """Return how long the processor is at an epoch of a loop written by hand."""
    task.train()
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=0.002, weight_decay=0.01)
    batches = iter(module.train_dataloader())
    start = time.process_time()
    for _ in range(STEPS):
        batch = next(batches)
        optimizer.zero_grad()
        output = task.model(images_of(batch))
        loss = task.criterion(ModelOutput(output.output), batch)
        loss.backward()
        optimizer.step()
    return time.process_time() - start


def describe(data: LabelledData) -> Statistics:
    """Return statistics as they would be computed."""
    band = BandStatistics(mean=2500.0, std=1443.0, minimum=0.0, maximum=4999.0)
    return Statistics(
        sources={"optical": {each.name: band for each in data.inputs["optical"].used}},
        target=kind_of(data.target).summarise(torch.tensor([100, 100]).numpy()),
        valid_pixels=200,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
