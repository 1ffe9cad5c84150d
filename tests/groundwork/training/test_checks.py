"""Mistakes in the parameters of a training are found without reading a pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from groundwork.config import ModelConfig, TrainingConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.specs import OutputSpec, TargetSpec
from groundwork.tasks.learning import with_monitor
from groundwork.training.checks import check_together, check_training, find_task
from groundwork.training.strategies import with_idle_weights

MakeTraining = Callable[..., TrainingConfig]
ADAMW = {"name": "adamw"}
CROSS_ENTROPY = {"name": "cross_entropy"}


def test_a_task_without_options_may_be_a_bare_name(make_training: MakeTraining) -> None:
    assert make_training(task="semantic_segmentation") == make_training(task={"name": "semantic_segmentation"})
    assert make_training().task.name == "semantic_segmentation"


@pytest.mark.parametrize(
    ("task", "score"),
    [
        ("semantic_segmentation", "val/miou"),
        ("pixel_regression", "val/r2"),
        ("classification", "val/f1"),
        ("multi_label", "val/map"),
        ("scalar_regression", "val/r2"),
        ("object_detection", "val/map"),
        ("reconstruction", "val/loss"),
    ],
)
def test_what_is_monitored_follows_from_what_is_learnt(make_training: MakeTraining, task: str, score: str) -> None:
    training = make_training(task=task)
    answers = find_task(training).answers
    assert with_monitor(training, answers).monitor == score
    assert with_monitor(make_training(task=task, monitor=None), answers).monitor is None
    assert with_monitor(make_training(task=task, monitor="val/loss"), answers).monitor == "val/loss"


def test_what_is_right_passes_and_leaves_the_process_alone(
    make_training: MakeTraining, land_target: TargetSpec
) -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), torch.initial_seed()
    check_training(make_training(monitor="val/iou_water"), land_target)
    assert (torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), torch.initial_seed()) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"task": "semantic_segmentaton"}, "training.task: Unknown .* Did you mean 'semantic_segmentation'"),
        ({"task": {"name": "semantic_segmentation", "x": 1}}, "training.task: .* it has no option 'x'. Options: none"),
        ({"optimizer": {"name": "adamm"}}, "training.optimizer: Unknown component 'adamm'. Did you mean 'adamw'"),
        ({"optimizer": ADAMW | {"lr": 0.1}}, "training.optimizer: 'adamw' cannot be built: it has no option 'lr'"),
        ({"optimizer": ADAMW | {"learning_rate": 0}}, "learning_rate: Input should be greater than 0"),
        ({"optimizer": ADAMW | {"learning_rate": float("nan")}}, "learning_rate: Input should be"),
        ({"optimizer": {"name": "sgd", "momentum": 1.5}}, "momentum: Input should be less than 1"),
        ({"optimizer": {"name": "sgd", "momentum": 0, "nesterov": True}}, "needs a 'momentum' above 0"),
        ({"schedule": {"name": "cosine", "warmup": 10}}, "training.schedule: .*warmup: Input should be less than 1"),
        ({"loss": [{"name": "dicee"}]}, "training.loss: Unknown component 'dicee'. Did you mean 'dice'"),
        ({"loss": [CROSS_ENTROPY | {"label_smoothing": 2}]}, "training.loss: .*label_smoothing"),
        ({"monitor": "val/miuo"}, "training.monitor names 'val/miuo'.* Did you mean 'val/miou'"),
        ({"trainer": {"devces": 1}}, "Lightning's Trainer has no 'devces'. Did you mean 'devices'"),
        ({"trainer": {"limit_train_batches": 0}}, "limit_train_batches is 0; with it nothing would be learnt"),
        ({"trainer": {"gradient_clip_val": -1}}, "gradient_clip_val is -1"),
        ({"trainer": {"limit_val_batches": 0}}, "No weights would be kept"),
        ({"trainer": {"check_val_every_n_epoch": 100}}, "No weights would be kept"),
    ],
)
def test_what_would_fail_later_is_refused(
    make_training: MakeTraining, land_target: TargetSpec, words: dict[str, Any], message: str
) -> None:
    with pytest.raises(ComponentError, match=message):
        check_training(make_training(**words), land_target)


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"precision": 17}, r"training.trainer \{'precision': 17\}: Precision 17 is invalid"),
        ({"accelerator": "gup"}, "training.trainer .*gup"),
        ({"accelerator": "cpu", "devices": 2, "strategy": "ddp_fork"}, "'ddp_fork' starts processes of its own"),
        ({"accelerator": "cpu", "devices": 2, "strategy": "fsdp"}, "training.trainer .*fsdp.*GPU"),
        ({"accelerator": "cpu", "devices": 2, "sync_batchnorm": True}, "sync_batchnorm: .*computes on cpu"),
        ({"accelerator": "gpu", "devices": 99}, "training.trainer .*(gpu|CUDA)"),
    ],
)
def test_what_this_machine_cannot_do_is_refused_where_it_is_to_be_done(
    make_training: MakeTraining,
    land_target: TargetSpec,
    model_config: ModelConfig,
    trainer: dict[str, Any],
    message: str,
) -> None:
    training = make_training(trainer=trainer)
    check_training(training, land_target)
    with pytest.raises(ComponentError, match=message):
        check_together(training, model_config, land_target)


@pytest.mark.parametrize(
    ("weights", "message"), [([1, 2], "has 2 entries for 3 classes"), ([0, 0, 0], "are all 0: nothing would be learnt")]
)
def test_class_weights_are_held_against_the_classes(
    make_training: MakeTraining, land_target: TargetSpec, weights: list[float], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        check_training(make_training(loss=[CROSS_ENTROPY | {"class_weights": weights}]), land_target)


def test_what_does_not_go_together_is_refused(
    make_training: MakeTraining, land_target: TargetSpec, model_config: ModelConfig
) -> None:
    check_together(make_training(), model_config, land_target)
    with pytest.raises(SpecError, match=r"weights without a branch in 'model.auxiliary': \['deep'\]"):
        check_together(make_training(auxiliary_loss={"deep": 0.4}), model_config, land_target)
    numbers = TargetSpec(outputs=(OutputSpec(name="height"),))
    with pytest.raises(SpecError, match="This task learns classes per pixel: give"):
        check_together(make_training(), model_config, numbers)


def test_aids_that_several_processes_do_not_share_are_refused(
    make_training: MakeTraining, land_target: TargetSpec, model_config: ModelConfig
) -> None:
    two = {"accelerator": "cpu", "devices": 2, "strategy": "ddp"}
    check_together(make_training(trainer=two, averaging={"name": "swa", "from_epoch": 1}), model_config, land_target)
    late = make_training(trainer=two | {"strategy": "ddp_fork"}, freeze={"encoder": True, "until_epoch": 1})
    with pytest.raises(ComponentError, match="'ddp_fork' does not go with weights that begin to learn later"):
        with_idle_weights(late)
