"""What ends a training is said in one clear error, and the same command goes on and ends as an unbroken run."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from breaking import same
from groundwork.config import ModelConfig, TrainingConfig
from groundwork.errors import ComponentError, TrainingError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderModel
from groundwork.specs import TargetSpec
from groundwork.tasks.segmentation import SemanticSegmentationTask
from groundwork.training.checks import check_together
from groundwork.training.fit import FitResult

Fit = Callable[..., FitResult]


@pytest.fixture(scope="module")
def unbroken(run: Fit, tmp_path_factory: pytest.TempPathFactory) -> FitResult:
    return run(tmp_path_factory.mktemp("unbroken"))


def goes_on(run: Fit, folder: Path, unbroken: FitResult, epoch: int) -> None:
    """The last whole state is there; the same run goes on after it and ends as the unbroken one."""
    [path] = folder.iterdir()
    assert (path / f"last-epoch={epoch}.ckpt").is_file()
    assert not list(path.glob(".partial*"))
    resumed = run(folder)
    assert same(resumed.bundle.weights, unbroken.bundle.weights)
    pd.testing.assert_frame_equal(resumed.history, unbroken.history, check_exact=True)


def test_a_loss_of_one_step_that_is_no_number_ends_the_training_there(
    run: Fit, tmp_path: Path, unbroken: FitResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = SemanticSegmentationTask.training_step
    seen: list[str] = []

    def spoilt(task: SemanticSegmentationTask, batch: Any, index: int) -> Tensor:
        if (task.current_epoch, index) != (1, 1):
            return step(task, batch, index)
        seen.extend(batch["sample_id"])
        return step(task, batch, index) * float("inf")

    with monkeypatch.context() as patch:
        patch.setattr(SemanticSegmentationTask, "training_step", spoilt)
        with pytest.raises(TrainingError, match=r"The loss is inf in epoch 1, step 1 .* Lower .*learning_rate") as told:
            run(tmp_path)
    assert str(seen) in str(told.value)
    goes_on(run, tmp_path, unbroken, 0)


def test_a_loss_that_is_no_number_in_validation_alone_ends_the_training(
    run: Fit, tmp_path: Path, unbroken: FitResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    criterion = SemanticSegmentationTask.criterion

    def spoilt(task: SemanticSegmentationTask, output: Any, batch: Any) -> Tensor:
        loss = criterion(task, output, batch)
        return loss if task.training or task.current_epoch != 2 else loss * float("nan")

    with monkeypatch.context() as patch:
        patch.setattr(SemanticSegmentationTask, "criterion", spoilt)
        with pytest.raises(TrainingError, match=r"loss on the validation split is nan in epoch 2, and that of the tra"):
            run(tmp_path)
    goes_on(run, tmp_path, unbroken, 1)


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Let no file grow beyond so many bytes: writing fails in the middle, as it does on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("share", "file"), [(0.5, r"best-epoch=1\.safetensors"), (1.5, r"last-epoch=1\.ckpt")])
def test_a_disk_that_is_full_leaves_what_was_there(
    run: Fit, tmp_path: Path, unbroken: FitResult, monkeypatch: pytest.MonkeyPatch, share: float, file: str,
    small_files: Callable[[int], None],
) -> None:  # fmt: skip
    step = SemanticSegmentationTask.training_step
    # The scores rise from epoch to epoch, so that weights are written in each.
    assert unbroken.history["val/miou"].is_monotonic_increasing
    size = sum(value.nbytes for value in unbroken.bundle.weights.values())

    def fill(task: SemanticSegmentationTask, batch: Any, index: int) -> Tensor:
        if task.current_epoch == 1:
            small_files(int(share * size))
        return step(task, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(SemanticSegmentationTask, "training_step", fill)
        with pytest.raises(
            TrainingError, match=rf"{file} could not be written .*Make room.* goes on after its last wh"
        ):
            run(tmp_path)
    small_files(resource.RLIM_INFINITY)
    goes_on(run, tmp_path, unbroken, 0)


def no_memory_on_the_processor() -> None:
    torch.empty(2**60, dtype=torch.uint8)


def no_memory_for_an_array() -> None:
    np.ones(2**60, dtype=np.uint8)


def no_memory_on_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of ...")


@pytest.mark.parametrize("exhaust", [no_memory_on_the_processor, no_memory_for_an_array, no_memory_on_a_gpu])
def test_memory_that_is_full_is_said_with_what_to_change(
    run: Fit, tmp_path: Path, unbroken: FitResult, monkeypatch: pytest.MonkeyPatch, exhaust: Callable[[], None]
) -> None:
    forward = EncoderDecoderModel.forward
    calls: list[int] = []

    def hungry(model: EncoderDecoderModel, images: Any) -> Any:
        calls.append(1)
        if len(calls) == 9:
            exhaust()
        return forward(model, images)

    with monkeypatch.context() as patch:
        patch.setattr(EncoderDecoderModel, "forward", hungry)
        with pytest.raises(TrainingError, match="Out of memory in epoch 1 ") as told:
            run(tmp_path)
    words = r"batch_size, such as from 4 to 2 .*accumulate_grad_batches: 2.*precision: bf16-mixed.* goes on after it"
    assert re.search(words, str(told.value))
    if exhaust is no_memory_on_the_processor:
        goes_on(run, tmp_path, unbroken, 0)


def test_other_errors_stay_what_they_are(run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(EncoderDecoderModel, "forward", broken)
    with pytest.raises(RuntimeError, match="mat1 and mat2") as told:
        run(tmp_path)
    assert not isinstance(told.value, TrainingError)


def test_a_compiler_that_is_missing_is_named_before_the_training(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_config: ModelConfig, land_target: TargetSpec,
    make_training: Callable[..., TrainingConfig],
) -> None:  # fmt: skip
    training = make_training(compile=True)
    monkeypatch.setenv("CXX", "/nowhere/g++")
    with pytest.raises(
        ComponentError, match=r"training.compile needs a C\+\+ compiler.*/nowhere/g\+\+.*CXX.*compile: f"
    ):
        check_together(training, model_config, land_target)
    monkeypatch.setattr(SemanticSegmentationTask, "training_step", lambda *_: pytest.fail("training began"))
    with pytest.raises(ComponentError, match=r"training.compile needs a C\+\+ compiler"):
        run(tmp_path, compile=True)
