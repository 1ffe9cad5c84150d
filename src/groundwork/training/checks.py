"""What can be refused of a training before any pixel is read: names, options, and what does not go together."""

from __future__ import annotations

import inspect
from typing import Any

from lightning import Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException

from groundwork.bundle import build_factory
from groundwork.config.model import ModelConfig
from groundwork.config.training import RESERVED, TrainingConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.compiling import require_compiler
from groundwork.registry import check_options, find, located
from groundwork.specs import TargetSpec
from groundwork.strict import did_you_mean
from groundwork.targets.kind import Direction, TargetKind
from groundwork.targets.kinds import kind_of
from groundwork.targets.nothing import Nothing
from groundwork.tasks import TASKS
from groundwork.tasks.base import Task
from groundwork.tasks.learning import Learning, with_monitor
from groundwork.tasks.losses import check_auxiliary
from groundwork.training.averaging import check_averaging
from groundwork.training.loggers import check_loggers, require_packages
from groundwork.training.messages import NOTHING_TO_CHOOSE_BY
from groundwork.training.pictures import check_pictures
from groundwork.training.precision import take_half
from groundwork.training.process import training_process
from groundwork.training.strategies import check_strategy

#: Options of the Trainer that another machine may take.
OF_THE_MACHINE = ("accelerator", "devices", "num_nodes", "strategy", "plugins", "precision")
#: Options of the Trainer that are numbers above 0: Lightning takes others, and trains on nothing.
POSITIVE = ("limit_train_batches", "accumulate_grad_batches", "gradient_clip_val", "check_val_every_n_epoch")
#: What the Trainer is given unless told otherwise.
DEFAULTS: dict[str, Any] = {
    "accelerator": "auto",
    "devices": 1,
    "deterministic": "warn",
    "num_sanity_val_steps": 0,
    "enable_model_summary": False,
    "logger": False,
    "use_distributed_sampler": False,
}


def check_training(training: TrainingConfig, target: TargetSpec) -> None:
    """Refuse names and options that would fail once the training begins, whatever pipeline runs now.

    Raises:
        ComponentError: For an unknown task, loss, optimiser, schedule, score or option of Lightning's Trainer.
        SpecError: For options that do not fit the target.
    """
    task = find_task(training)
    with located("training.task"):
        check_options(task, training.task)
    training = with_monitor(training, kind_learnt(task, target))
    direction_of(training.monitor, task, target)
    require_probabilities(training, task, target)
    with located("training.loss"):
        task.check_losses(training.loss, target)
    Learning(training)
    check_averaging(training)
    check_loggers(training.loggers)
    check_pictures(training, task)
    # What a training on another machine computes on is no matter of this one.
    here = {name: value for name, value in training.trainer.items() if name not in OF_THE_MACHINE}
    _try_trainer(training.model_copy(update={"trainer": {**here, "accelerator": "cpu"}}))


def check_together(training: TrainingConfig, model: ModelConfig, target: TargetSpec) -> None:
    """Refuse what does not go together, before a training of this model is prepared on this machine.

    Raises:
        ComponentError: For an accelerator that is not here.
        SpecError: For a target that the task cannot learn, and auxiliary branches without a loss or the reverse.
    """
    kind_learnt(find_task(training), target).check(target)
    require_learnable(training, model)
    check_auxiliary(list(model.auxiliary), list(training.auxiliary_loss))
    require_packages(training.loggers)
    trainer = _try_trainer(training)
    if training.compile:
        require_compiler(trainer.strategy.root_device, "training.compile")


def require_learnable(training: TrainingConfig, model: ModelConfig) -> None:
    """Refuse a model of which the task cannot learn.

    Raises:
        SpecError: With what to change.
    """
    needed, given = find_task(training).learns_from, build_factory(model).produces
    if needed != given:
        models = {
            "answers": "of the target, such as those of 'factory: encoder_decoder'",
            "reconstruction": "of images, such as 'factory: {name: full_model, model: {name: prithvi_mae}}'",
            "embedding": "of images, of 'factory: embedding'",
        }
        right = {"reconstruction": "'reconstruction'", "embedding": "'embedding'"}.get(given, "one of the target's")
        raise SpecError(
            f"The task '{training.task.name}' needs a model that gives {needed} {models[needed]}; the factory "
            f"'{model.factory.name}' builds one that gives {given}. Change 'model.factory', or set 'training.task' to "
            f"{right}"
        )


def require_probabilities(training: TrainingConfig, task: type[Task], target: TargetSpec) -> None:
    """Refuse to calibrate what has no probabilities.

    Raises:
        SpecError: With what to change.
    """
    if training.calibrate and (task.learns_from != "answers" or not target.has_probabilities):
        what = f"a model that gives {task.learns_from}" if task.learns_from != "answers" else _described(target)
        raise SpecError(
            f"training.calibrate makes scores of classes per pixel or image probabilities, and '{training.task.name}' "
            f"trains {what}: set 'calibrate: false'"
        )
    if training.conformal is not None and (not target.has_probabilities or target.multi_label):
        raise SpecError(
            "training.conformal chooses which classes are possible for a pixel or image that is of one, and the "
            f"target has {'several classes at once' if target.multi_label else _described(target)}: set it to null"
        )


def _described(target: TargetSpec) -> str:
    return f"{'classes' if target.classes else 'numbers'} per {target.per}"


def kind_learnt(task: type[Task], target: TargetSpec) -> type[TargetKind]:
    """Return what answers a task learns; embeddings and estimators go with any target."""
    goes_with_any = task.learns_from == "embedding" or (task.learns_from == "answers" and task.answers is Nothing)
    return type(kind_of(target)) if goes_with_any else task.answers


def _try_trainer(training: TrainingConfig) -> Trainer:
    with training_process(0, None):
        trainer = build_trainer(training, {**DEFAULTS, "enable_progress_bar": False})
    if training.monitor is not None:
        require_validation(trainer)
    return trainer


def find_task(training: TrainingConfig) -> type[Task]:
    """Return the class of the task that is named.

    Raises:
        ComponentError: For a name that is none.
    """
    with located("training.task"):
        found = find(TASKS, training.task.name)
        if not issubclass(found, Task):
            raise ComponentError(f"'{training.task.name}' is {found}, which is no Task")
    return found


def direction_of(monitor: str | None, task: type[Task], target: TargetSpec) -> Direction:
    """Return whether more of the monitored score is better, or less.

    Raises:
        ComponentError: For a score that is not measured.
    """
    kind = kind_learnt(task, target)
    directions: dict[str, Direction] = {"val/loss": "min"} if task.measures_loss else {}
    directions.update({f"val/{name}": direction for name, direction in kind.score_directions(target).items()})
    if monitor is not None and monitor not in directions:
        hint, known = did_you_mean(monitor, list(directions)), list(directions)
        raise ComponentError(f"training.monitor names '{monitor}', which is not measured.{hint} Known: {known}")
    return directions.get(monitor or "", "max")


def require_validation(trainer: Trainer) -> None:
    """Refuse a Trainer that measures nothing to choose weights by.

    Raises:
        ComponentError: With what to change.
    """
    if not trainer.limit_val_batches or (trainer.check_val_every_n_epoch or 1) > (trainer.max_epochs or 1):
        raise ComponentError(NOTHING_TO_CHOOSE_BY)


def build_trainer(training: TrainingConfig, options: dict[str, Any]) -> Trainer:
    """Build Lightning's Trainer.

    Args:
        training: Whose own options win.
        options: What the code wires, callbacks included.

    Raises:
        ComponentError: For an option that the Trainer does not have or does not take, and as of
            :func:`groundwork.training.strategies.check_strategy`.
    """
    known = [name for name in inspect.signature(Trainer).parameters if name not in RESERVED]
    for name in training.trainer:
        if name not in known:
            raise ComponentError(f"training.trainer: Lightning's Trainer has no '{name}'.{did_you_mean(name, known)}")
    for name in POSITIVE:
        value = training.trainer.get(name, 1)
        if value is not None and not value > 0:
            raise ComponentError(
                f"training.trainer.{name} is {value}; with it nothing would be learnt. It must be above 0"
            )
    given = take_half({**options, **training.trainer})
    try:
        trainer = Trainer(max_epochs=training.max_epochs, **given)
    except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
        raise ComponentError(f"training.trainer {training.trainer}: {error}") from None
    check_strategy(trainer, training)
    return trainer
