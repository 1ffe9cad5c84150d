"""Pictures of what a model makes of some validation chips while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.utilities import move_data_to_device
from numpy.typing import NDArray
from PIL import Image

from groundwork.atomic import whole_file
from groundwork.batch import Chip, collate
from groundwork.config.training import PicturesConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.picking import evenly
from groundwork.errors import ComponentError
from groundwork.rasters.quicklook import stretch_together
from groundwork.tasks.base import Task
from groundwork.training.averaging import WeightAverage
from groundwork.training.loggers import ScoreLogger

#: Shortest side of a picture, and what lies between two, in pixels.
_SIDE, _GAP = 192, 6


def check_pictures(training: TrainingConfig, task: type[Task]) -> None:
    """Refuse pictures of what is no answer.

    Raises:
        ComponentError: With what to change.
    """
    if training.pictures is not None and task.learns_from != "answers":
        raise ComponentError(
            f"training.pictures shows answers beside the truth, and '{training.task.name}' learns none: leave it out. "
            "The evaluation draws what such a model gives"
        )


class Pictures(Callback):
    """Draws image, truth, prediction and error of some validation chips after every few epochs, one row for each chip.

    Of several dates the first and the last are drawn, as in the evaluation.
    They are files in the folder of the run, and shown by its loggers. Where weights are averaged, the mean is asked.
    """

    def __init__(
        self,
        config: PicturesConfig,
        data: LabelledData,
        folder: Path,
        loggers: Sequence[ScoreLogger],
        average: WeightAverage | None,
    ) -> None:
        """Take what is drawn, where to, and what stands for the weights."""
        self._config, self._data, self._folder = config, data, folder
        self._loggers, self._average = loggers, average

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw, where it is time."""
        is_due = trainer.is_global_zero and (trainer.current_epoch + 1) % self._config.every == 0
        if not isinstance(pl_module, Task) or not is_due:
            return
        if not trainer.is_global_zero:
            return
        chips = self._data.chips("val")
        picked = evenly(len(chips), self._config.count)
        if not picked:
            return
        with nullcontext() if self._average is None else self._average.in_place(pl_module):
            pl_module.eval()
            rows = [self._row(pl_module, trainer, chips[int(index)]) for index in picked]
            pl_module.train()
        picture = _below(rows)
        with whole_file(self._folder / f"epoch-{trainer.current_epoch:04d}.png") as partial:
            Image.fromarray(picture).save(partial, format="PNG")
        for logger in self._loggers:
            logger.show("predictions", picture, trainer.global_step)

    def _row(self, task: Task, trainer: Trainer, chip: Chip) -> NDArray[np.uint8]:
        batch = move_data_to_device(collate([chip]), trainer.strategy.root_device)
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            scores = task(batch).output.float().cpu()
        spec = self._data.inputs[self._data.reference]
        bands = [band.name for band in spec.used]
        shown = [bands.index(name) for name in spec.shown]
        ends = (False, True) if spec.steps > 1 else (False,)
        read = [chip.patch.picture_of(self._data.reference, last=last) for last in ends]
        images = stretch_together([(values[shown], valid) for values, valid in read])
        return _beside([*images, *self._data.kind.panel(chip.patch, scores, images[0])])


def _beside(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Join pictures of one shape, in whatever sizes, in one row; each pixel stays sharp."""
    height = max(_SIDE, *(len(picture) for picture in pictures))
    sized = [
        np.asarray(
            Image.fromarray(picture).resize(
                (round(picture.shape[1] * height / len(picture)), height), Image.Resampling.NEAREST
            )
        )
        for picture in pictures
    ]
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    return np.concatenate([part for picture in sized for part in (picture, gap)][:-1], axis=1)


def _below(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, _GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.concatenate(padded)[:-_GAP]
