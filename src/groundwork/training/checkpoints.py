"""The files of a training: whole states to go on from, and the best weights."""

from __future__ import annotations

import logging
import pickle
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from groundwork.atomic import whole_file
from groundwork.errors import TrainingError
from groundwork.strict import did_you_mean
from groundwork.tasks.base import Task
from groundwork.training.averaging import WeightAverage
from groundwork.training.callbacks import History
from groundwork.training.measured import require_measured

logger = logging.getLogger(__name__)

#: Names of states after a whole epoch.
LAST = re.compile(r"last-epoch=(\d+)\.ckpt")


class KeepWeights(Checkpoint):
    """Keeps the state after the last whole epoch, to go on from, and the weights of the best; stops a run early.

    Which epoch is the best, and whether the run has stopped, follow from the history alone. So a resumed run decides
    as the unbroken one, wherever its folder lies by then.
    """

    def __init__(
        self,
        folder: Path,
        history: History,
        patience: int | None,
        keep_best: int = 1,
        average: WeightAverage | None = None,
    ) -> None:
        """Take what is kept, and where.

        Args:
            folder: Of the run.
            history: Says which epochs are the best.
            patience: After how many measurements without a better score to stop. None: never.
            keep_best: Of how many of the best epochs the weights are kept.
            average: What is kept in place of the weights.
        """
        self._folder, self._history, self._patience = folder, history, patience
        self._keep_best, self._average = keep_best, average

    def kept_epochs(self) -> list[int]:
        """Return the epochs whose weights are kept, the best first.

        Raises:
            TrainingError: Where there are none.
        """
        epochs = self._history.best_epochs(self._keep_best)
        if not epochs:
            raise TrainingError("No weights were kept: the score they are chosen by was never a number.")
        return epochs

    def load(self, epoch: int) -> dict[str, Tensor]:
        """Read the weights of an epoch.

        Raises:
            TrainingError: Where their file is gone or damaged.
        """
        return _load(self._weights_after(epoch))

    @property
    def has_mean(self) -> bool:
        """Whether the mean of the best was kept, as processes do that have trained together."""
        return self._mean.is_file()

    def keep_mean(self, weights: dict[str, Tensor]) -> None:
        """Keep the mean of the best, whole or not at all."""
        with _writing(self._mean) as partial:
            save_file(weights, partial)

    def load_mean(self) -> dict[str, Tensor]:
        """Read the mean of the best.

        Raises:
            TrainingError: Where its file is gone or damaged.
        """
        return _load(self._mean)

    @property
    def _mean(self) -> Path:
        return self._folder / "mean-of-best.safetensors"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Leave a run alone that had stopped early before it was resumed.

        Raises:
            TrainingError: Where weights would be chosen by scores of others, or by none.
        """
        trainer.should_stop = self._has_to_stop()
        if self._history.needs_validation:
            require_measured(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the best weights first, so that a checkpoint never speaks of weights that are not there."""
        best = self._history.best_epochs(self._keep_best)
        if isinstance(pl_module, Task) and trainer.current_epoch in best:
            with nullcontext() if self._average is None else self._average.in_place(pl_module):
                _save_weights(trainer, self._weights_after(trainer.current_epoch))
        trainer.should_stop = trainer.should_stop or self._has_to_stop()
        last = self._folder / f"last-epoch={trainer.current_epoch}.ckpt"
        _save_state(trainer, last)
        if not trainer.is_global_zero:
            return
        kept = {last, *map(self._weights_after, best)}
        for file in self._folder.iterdir():
            if file not in kept and file.suffix in (".ckpt", ".safetensors"):
                file.unlink()

    def _weights_after(self, epoch: int) -> Path:
        return self._folder / f"best-epoch={epoch}.safetensors"

    def _has_to_stop(self) -> bool:
        return self._patience is not None and self._history.epochs_since_best() >= self._patience


def _load(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise TrainingError(f"{path}: the best weights are not there any more. Delete the folder to train anew.")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise TrainingError(f"{path} is damaged ({error}). Delete {path.parent} to train anew.") from None


def _save_state(trainer: Trainer, path: Path) -> None:
    if trainer.world_size > 1:
        # All processes give their part, under one name.
        trainer.save_checkpoint(path)
        return
    with _writing(path) as partial:
        trainer.save_checkpoint(partial)


def _save_weights(trainer: Trainer, path: Path) -> None:
    # Of a model that is spread over processes, all of them give their part.
    state = trainer.strategy.lightning_module_state_dict()
    if not trainer.is_global_zero:
        return
    own = {name.removeprefix("model."): value for name, value in state.items() if name.startswith("model.")}
    weights = {name: value.detach().cpu().contiguous().clone() for name, value in own.items()}
    with _writing(path) as partial:
        save_file(weights, partial)


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """Yield a name to write to, on the same disk: a disk that is full leaves what was there before as it is."""
    try:
        with whole_file(path) as partial:
            yield partial
    except (SafetensorError, OSError) as error:
        raise TrainingError(
            f"{path} could not be written ({error}). Make room, there and where temporary files lie "
            f"({tempfile.gettempdir()}), and run the same command again: it goes on after its last whole epoch."
        ) from None


def last_checkpoint(folder: Path, expected: Mapping[str, Tensor]) -> Path | None:
    """Return the newest whole state of a run; None where it begins. Damaged ones are removed.

    Args:
        folder: Of the run.
        expected: Weights and buffers of the task, by name.

    Raises:
        TrainingError: Where a file of that name is something else.
    """
    named = ((LAST.fullmatch(path.name), path) for path in folder.iterdir() if path.is_file())
    found = {int(match[1]): path for match, path in named if match}
    for epoch in sorted(found, reverse=True):
        path = found[epoch]
        if _is_intact(path):
            _refuse_foreign(path, expected)
            logger.info("Going on after epoch %d, kept as %s", epoch + 1, path)
            return path
        logger.warning("%s is damaged. It is removed, and the training goes on without it.", path)
        # Another process of the same training may have been quicker.
        path.unlink(missing_ok=True)
    return None


def _difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Return how a state differs from that of this task; empty where it does not."""
    for name, value in expected.items():
        if name not in found:
            return f"it is of another model or task, and has no '{name}'.{did_you_mean(name, list(found))}"
        if found[name].shape != value.shape:
            shapes = f"{tuple(found[name].shape)}, expected {tuple(value.shape)}"
            return f"it is of another model or task: '{name}' has the shape {shapes}"
    more = next((name for name in found if name not in expected), None)
    return "" if more is None else f"it is of another model or task, and holds '{more}', which this one has not"


def _is_intact(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    # Damaged bytes may say that a file is compressed in some other way, or has another name.
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, RuntimeError, EOFError, FileNotFoundError):
        return False


def _refuse_foreign(path: Path, expected: Mapping[str, Tensor]) -> None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
    else:
        reason = "it holds no state of a training"
        if isinstance(state, dict) and {"state_dict", "callbacks", "pytorch-lightning_version"} <= state.keys():
            reason = _difference(state["state_dict"], expected)
        if not reason:
            return
    raise TrainingError(
        f"{path} is not a checkpoint of this training: {reason.rstrip('.')}. Nothing of it was run. Delete it, and run "
        "the same command again: the training then begins with its first epoch."
    )
