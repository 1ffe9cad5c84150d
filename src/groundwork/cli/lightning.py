"""LightningCLI over the tasks and the data of this library, and over any module and datamodule of Lightning."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse import Namespace
from lightning import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback

from groundwork.atomic import whole_file
from groundwork.cli.checking import shorten
from groundwork.cli.files import settle_files
from groundwork.cli.overrides import apply, split_overrides
from groundwork.cli.running import Command, run_command
from groundwork.config.stated import Stated, with_trainer
from groundwork.config.training import RESERVED
from groundwork.data.raster_module import RasterDataModule
from groundwork.errors import BundleError, GroundworkError, SpecError
from groundwork.progress import speak_at_terminal
from groundwork.registry import find
from groundwork.training.lightning_tasks import RasterTask
from groundwork.training.process import training_process

#: What may stand at the top of a file.
TOP = ("seed_everything", "output", "data", "model", "trainer", "evaluation", "inference")
#: What one command or another has beside them.
OPTIONS = ("ckpt_path", "weights_only", "verbose", "return_predictions", "optimizer", "lr_scheduler")


class StatisticsTrainer(Trainer):
    """Lightning's Trainer, which can also compute statistics."""

    def compute_statistics(self, model: LightningModule, datamodule: LightningDataModule) -> None:  # noqa: ARG002
        """Prepare the data, statistics included; nothing is trained."""
        if not isinstance(datamodule, RasterDataModule):
            raise SpecError(
                f"Statistics are computed of groundwork.RasterDataModule; found {type(datamodule).__name__}"
            )
        datamodule.setup("fit")


class RaisingParser(LightningArgumentParser):
    """Says what is wrong as this library does."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Refuse what cannot be read, or is of another type.

        Raises:
            SpecError: In place of the end of the process.
        """
        raise SpecError(shorten(message)) from ex


class KeptConfig(SaveConfigCallback):
    """Keeps the file of the last run of Lightning's Trainer beside its results."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write it; the same command may be run again."""
        self.overwrite = True
        super().setup(trainer, pl_module, stage)


class GroundworkCLI(LightningCLI):
    """Trains tasks of this library on its data as a recipe is trained; all else is Lightning's."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Return the commands, and the arguments of each that come from the configuration."""
        return {**LightningCLI.subcommands(), "compute_statistics": {"model", "datamodule"}}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what is no argument of a module, a datamodule or the Trainer."""
        parser.add_argument("--output", type=str | None, default=None, help="Folder in which results lie.")
        parser.add_argument("--evaluation", type=Stated, default={}, help="How the model is judged, as in a recipe.")
        parser.add_argument("--inference", type=Stated, default={}, help="How scenes are predicted, as in a recipe.")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Read files and options.

        Raises:
            SpecError: For what cannot be read, or is of another type.
        """
        rest, overrides = split_overrides(args if isinstance(args, list) else [])
        self.config = parser.parse_args(rest)
        #: The same without defaults: what the user has said.
        self.stated = parser.parse_args(rest, defaults=False)[self.config.subcommand]
        apply(overrides, self.config[self.config.subcommand])
        apply(overrides, self.stated)
        self._require_bundle()

    def _require_bundle(self) -> None:
        """Refuse a file where a task of this library takes a bundle: Lightning would read it as a checkpoint first.

        Raises:
            BundleError: With what to name.
        """
        path = self.stated.get("ckpt_path")
        model, data = (_class_of(self.stated.get(key)) for key in ("model", "data"))
        is_ours = issubclass(model, RasterTask) and issubclass(data, RasterDataModule)
        if is_ours and isinstance(path, str) and Path(path).is_file():
            raise BundleError(
                f"'ckpt_path' names the file {path}: expected the folder of a bundle, which holds bundle.json and "
                "weights.safetensors, as `groundwork fit` leaves it in 'output'. `groundwork fit` itself takes none: a "
                "training goes on by itself."
            )

    def before_instantiate_classes(self) -> None:
        """Fill in what is stated once for all: the folder, the seed, and how long a training lasts."""
        config = self.config[str(self.subcommand)]
        self.task_class, self.data_class = _class_of(config.get("model")), _class_of(config.get("data"))
        if issubclass(self.task_class, RasterTask):
            self._require_words_of_ours()
        seed = config.seed_everything if type(config.seed_everything) is int else 0
        if issubclass(self.data_class, RasterDataModule):
            _fill(config.data.init_args, {"folder": config.output, "seed": seed})
        if issubclass(self.task_class, RasterTask):
            _fill(config.model.init_args, {"seed": seed})
            training = with_trainer(config.model.init_args.training, _options_of(self.stated.get("trainer")))
            config.model.init_args.training = training
            if not self.is_ours:
                for key, value in {"max_epochs": training.get("max_epochs"), **training.get("trainer", {})}.items():
                    config.trainer[key] = value
        if not self.is_ours and config.output and not config.trainer.default_root_dir:
            config.trainer.default_root_dir = config.output

    def _require_words_of_ours(self) -> None:
        """Refuse what a task of this library would leave aside.

        Raises:
            SpecError: With what to change.
        """
        if self.data_class is object:
            raise SpecError(
                "'data' is missing: it says what the task learns from, such as {class_path: "
                "groundwork.RasterDataModule, init_args: {places: ..., data: ...}}."
            )
        if not self.is_ours:
            return
        advice = {
            "ckpt_path": "a training goes on by itself, and leaves a bundle for the other commands",
            "optimizer": "'training.optimizer' says it",
            "lr_scheduler": "'training.schedule' says it",
        }
        names = [name for name in OPTIONS if self.subcommand == "fit" or name != "ckpt_path"]
        for name in names:
            if self.stated.get(name) is not None:
                reason = advice.get(name, "it means nothing for a task of this library")
                raise SpecError(f"'{name}' is stated, and would be left aside: {reason}. Leave it out.")

    @property
    def is_ours(self) -> bool:
        """Whether a task of this library meets its data."""
        return issubclass(self.task_class, RasterTask) and issubclass(self.data_class, RasterDataModule)

    def instantiate_classes(self) -> None:
        """Build module and datamodule, and a Trainer where it is Lightning's that runs."""
        with _building():
            if not self.is_ours:
                super().instantiate_classes()
                return
            self.config_init = self.parser.instantiate_classes(self.config)
        self.datamodule, self.model = self._get(self.config_init, "data"), self._get(self.config_init, "model")

    def _run_subcommand(self, subcommand: str) -> None:
        if not self.is_ours:
            super()._run_subcommand(subcommand)
            return
        if not isinstance(self.model, RasterTask) or not isinstance(self.datamodule, RasterDataModule):
            raise TypeError(f"{type(self.model)} and {type(self.datamodule)} are none of this library")
        config = self._get(self.config_init, "trainer")
        callbacks = config.callbacks if isinstance(config.callbacks, list) else [config.callbacks or ()]
        given = self.config_init[subcommand]
        command = Command(
            task=self.model,
            data=self.datamodule,
            seed=self.datamodule.seed,
            evaluation=dict(given.evaluation),
            inference=dict(given.inference),
            bundle=Path(given.ckpt_path) if given.get("ckpt_path") else None,
            callbacks=tuple(part for part in callbacks if part),
        )
        run_command(subcommand, command)
        if subcommand == "fit":
            with whole_file(command.folder / "config.yaml") as partial:
                stated = {key: value for key, value in self.stated.as_dict().items() if key != "config"}
                partial.write_text(yaml.safe_dump(stated, sort_keys=False), encoding="utf-8")


def run_lightning(command: str, arguments: Sequence[str]) -> None:
    """Run one command of Lightning.

    Args:
        command: One of :data:`groundwork.cli.commands.COMMANDS`.
        arguments: What stands behind it.

    Raises:
        GroundworkError: For what is wrong, in words for the person at the terminal.
    """
    speak_at_terminal()
    given = ["--help" if argument == "--help_all" else argument for argument in arguments]
    given, told = settle_files(given, [*TOP, *OPTIONS])
    sys.stderr.write(told)
    # Seeds, threads and deterministic mode of this process are as before when the command is over.
    with training_process(0, None):
        GroundworkCLI(
            args=[command.replace("-", "_"), *given],
            trainer_class=StatisticsTrainer,
            seed_everything_default=0,
            parser_class=RaisingParser,
            save_config_callback=KeptConfig,
        )


@contextmanager
def _building() -> Iterator[None]:
    """Say what a class refuses in its own words: jsonargparse tells it beside the types that it has tried.

    Raises:
        GroundworkError: In place of what was raised.
    """
    try:
        yield
    except GroundworkError:
        raise
    except ValueError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, GroundworkError):
            cause = cause.__cause__ or cause.__context__
        raise (cause or SpecError(shorten(str(error)))) from None


def _options_of(stated: Namespace | None) -> dict[str, Any]:
    """Return what is stated for the Trainer, without callbacks, and without what says nothing."""
    usual = {name: parameter.default for name, parameter in inspect.signature(Trainer).parameters.items()}
    return {
        key: value
        for key, value in ({} if stated is None else stated.as_dict()).items()
        if value is not None and key != "callbacks" and not (key in RESERVED and value == usual[key])
    }


def _fill(arguments: Namespace, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if arguments.get(name) is None:
            arguments[name] = value


def _class_of(config: Namespace | None) -> type:
    return find({}, config.class_path) if config is not None else object
