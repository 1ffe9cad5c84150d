"""Where scores and pictures of a training are shown while it goes on, beside the history; all by Lightning's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar, final

import numpy as np
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from numpy.typing import NDArray
from pydantic import Field

from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError
from groundwork.registry import Table, check_options, find, located
from groundwork.training.checkpoints import LAST

#: Tag of MLflow's runs that says which training they show.
_RUN = "groundwork.run"


class ScoreLogger(ABC):
    """Shows scores and pictures. Constructors take the folder of the run, and options behind a ``*``."""

    #: What must be installed: any of these packages, of which the first is named.
    packages: ClassVar[tuple[str, ...]]

    def __init__(self, folder: Path) -> None:
        """Begin.

        Args:
            folder: Of the run. Its name is that of the run; files lie in it, or beside it where runs share them.
        """
        self.logger = self.build(folder)

    @abstractmethod
    def build(self, folder: Path) -> Logger:
        """Return Lightning's logger."""

    @abstractmethod
    def show(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """Show a picture (height, width, 3).

        Args:
            name: Of the picture.
            picture: What is shown.
            step: Number of steps that were made.
        """


@final
class TensorBoard(ScoreLogger):
    """Files for TensorBoard, in the folder of the run: ``tensorboard --logdir`` takes the folder of all of them."""

    packages = ("tensorboard", "tensorboardX")

    def build(self, folder: Path) -> Logger:
        """See :class:`ScoreLogger`. A run that goes on writes on beside what is there."""
        self._board = TensorBoardLogger(folder, name="tensorboard", version="", default_hp_metric=False)
        return self._board

    def show(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """See :class:`ScoreLogger`."""
        self._board.experiment.add_image(name, picture, step, dataformats="HWC")


@final
class MLflow(ScoreLogger):
    """Runs of MLflow, in a database of SQLite beside the folders of all runs, or on a server.

    Args:
        experiment: Name of the experiment that runs are sorted under.
        server: Address of a tracking server. None: ``mlflow.db``, with pictures in the folder ``mlflow``.
    """

    packages = ("mlflow",)

    def __init__(
        self,
        folder: Path,
        *,
        experiment: Annotated[str, Field(min_length=1)] = "groundwork",
        server: Annotated[str, Field(pattern="^https?://")] | None = None,
    ) -> None:
        """Begin. See :class:`ScoreLogger`."""
        self._experiment, self._server = experiment, server
        super().__init__(folder)

    def build(self, folder: Path) -> Logger:
        """See :class:`ScoreLogger`. A run that goes on writes on in the same one."""
        shared = folder.resolve().parent
        place = self._server or f"sqlite:///{shared / 'mlflow.db'}"
        self._flow = MLFlowLogger(
            self._experiment,
            run_name=folder.name,
            tracking_uri=place,
            tags={_RUN: folder.name},
            artifact_location=None if self._server else (shared / "mlflow").as_uri(),
            run_id=self._begun(place, folder),
        )
        return self._flow

    def _begun(self, place: str, folder: Path) -> str | None:
        """Return the run of MLflow that a training goes on in. None: it begins."""
        if not any(LAST.fullmatch(path.name) for path in folder.glob("*")):
            return None
        from mlflow import MlflowClient  # noqa: PLC0415 - an extra

        client = MlflowClient(place)
        known = client.get_experiment_by_name(self._experiment)
        if known is None:
            return None
        found = client.search_runs([known.experiment_id], f"tags.`{_RUN}` = '{folder.name}'", max_results=1)
        return found[0].info.run_id if found else None

    def show(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """See :class:`ScoreLogger`."""
        self._flow.experiment.log_image(str(self._flow.run_id), picture, artifact_file=f"{name}/{step:08d}.png")


@final
class WeightsAndBiases(ScoreLogger):
    """Runs of Weights & Biases.

    Args:
        project: Name of the project that runs are sorted under.
        offline: Only write files into the folder of the run; ``wandb sync`` sends them later.
    """

    packages = ("wandb",)

    def __init__(
        self, folder: Path, *, project: Annotated[str, Field(min_length=1)] = "groundwork", offline: bool = False
    ) -> None:
        """Begin. See :class:`ScoreLogger`."""
        self._project, self._offline = project, offline
        super().__init__(folder)

    def build(self, folder: Path) -> Logger:
        """See :class:`ScoreLogger`. A run that goes on writes on in the same one."""
        self._run = WandbLogger(
            save_dir=folder, project=self._project, id=folder.name, offline=self._offline, resume="allow"
        )
        return self._run

    def show(self, name: str, picture: NDArray[np.uint8], step: int) -> None:  # noqa: ARG002 - the run counts its own
        """See :class:`ScoreLogger`."""
        self._run.log_image(name, [picture])


LOGGERS: Table = {"mlflow": MLflow, "tensorboard": TensorBoard, "wandb": WeightsAndBiases}


def check_loggers(loggers: tuple[ComponentConfig, ...]) -> None:
    """Refuse loggers that are unknown, and options that they do not have.

    Raises:
        ComponentError: With the nearest known name.
    """
    for config in loggers:
        with located("training.loggers"):
            check_options(_find(config), config)


def require_packages(loggers: tuple[ComponentConfig, ...]) -> None:
    """Refuse loggers whose package is not installed.

    Raises:
        ComponentError: With what to install.
    """
    for config in loggers:
        packages = _find(config).packages
        if packages and all(find_spec(name) is None for name in packages):
            raise ComponentError(
                f"training.loggers: '{config.name}' needs the package {packages[0]}, which is not installed. Install "
                f"it (`uv pip install -e '.[{packages[0]}]'` in the project), or leave the logger out; the history is "
                "kept anyway"
            )


def _find(config: ComponentConfig) -> type[ScoreLogger]:
    found = find(LOGGERS, config.name)
    if not issubclass(found, ScoreLogger):
        raise ComponentError(f"'{config.name}' is {found}, which is no ScoreLogger")
    return found
