"""How a training computes changes its speed, and neither its results nor the names of its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

from breaking import KilledError, die, same
from groundwork.bundle import Bundle
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.training.fit import FitResult, fit
from groundwork.training.initial import build_initial

Fit = Callable[..., FitResult]


def close(one: dict[str, Tensor], other: dict[str, Tensor], tolerance: float) -> bool:
    assert one.keys() == other.keys()
    return all(torch.allclose(one[name].double(), other[name].double(), rtol=0, atol=tolerance) for name in one)


@pytest.fixture(scope="module")
def without_norms(data_config: DataConfig) -> Bundle:
    """A model in which no chip of a batch knows of another one; of one block, as each takes seconds to compile."""
    encoder = {"name": "timm", "model": "test_vit", "out_indices": [0], "image_size": 32}
    model = {"encoder": encoder, "decoder": {"name": "identity"}}
    return build_initial(data_config, ModelConfig.model_validate(model), seed=0)


@pytest.mark.parametrize("all_known", [True, False])
def test_two_batches_of_four_are_one_of_eight_where_as_many_pixels_are_known(
    without_norms: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics, tmp_path: Path,
    make_training: Callable[..., TrainingConfig], all_known: bool,
) -> None:  # fmt: skip
    rows = tiny_labelled.samples
    wanted = ~rows["scene"].isin(["1", "11"]) if all_known else rows["scene"].isin(["1", "11", "p4"])
    train = rows[wanted].iloc[:8].assign(split="train")
    data = replace(tiny_labelled, samples=pd.concat([train, rows[rows["split"] == "val"].iloc[:1]]))
    assert len(train) == 8
    found = []
    for size, steps in ((8, 1), (4, 2)):
        training = make_training(
            monitor=None, max_epochs=2, augmentation=[], loader={"batch_size": size},
            optimizer={"name": "sgd", "learning_rate": 0.1},
            trainer={"accelerator": "cpu", "accumulate_grad_batches": steps, "gradient_clip_val": 0.5},
        )  # fmt: skip
        found.append(fit(without_norms, data, tiny_statistics, training, 0, tmp_path).bundle.weights)
    assert close(*found, 1e-5) is all_known, "each batch counts alike, however many of its pixels are known"


def test_the_last_step_of_an_epoch_is_the_mean_of_the_batches_that_are_left(
    run: Fit, tmp_path: Path, without_norms: Bundle
) -> None:
    found = [
        run(
            tmp_path, initial=without_norms, monitor=None, max_epochs=1, augmentation=[], loader={"batch_size": 4},
            optimizer={"name": "sgd", "learning_rate": 0.1, "momentum": 0.0},
            trainer={"accelerator": "cpu", "limit_train_batches": 1, "accumulate_grad_batches": together},
        ).bundle.weights
        for together in (1, 3)
    ]  # fmt: skip
    assert same(*found), "one batch is one step, of whatever number it could have been"


def test_the_order_in_memory_changes_last_digits_only_and_goes_on(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"max_epochs": 2, "monitor": None}
    plain = run(tmp_path / "plain", **settings)
    last = run(tmp_path / "last", channels_last=True, averaging="ema", **settings)
    unbroken = run(tmp_path / "unbroken", channels_last=True, **settings)
    assert close(plain.bundle.weights, unbroken.bundle.weights, 1e-3)
    assert all(value.is_contiguous() for value in (*unbroken.bundle.weights.values(), *last.bundle.weights.values()))
    with monkeypatch.context() as patch:
        die(patch, "training")
        with pytest.raises(KilledError):
            run(tmp_path / "broken", channels_last=True, **settings)
    resumed = run(tmp_path / "broken", channels_last=True, **settings)
    assert same(resumed.bundle.weights, unbroken.bundle.weights)


def test_a_compiled_model_learns_the_same_under_the_same_names(run: Fit, tmp_path: Path, without_norms: Bundle) -> None:
    settings: dict[str, Any] = {
        "max_epochs": 2,
        "monitor": None,
        "initial": without_norms,
        "optimizer": {"name": "sgd"},
    }
    plain = run(tmp_path / "plain", **settings)
    compiled = run(tmp_path / "compiled", compile=True, **settings)
    assert close(plain.bundle.weights, compiled.bundle.weights, 1e-4)
    states = [next((tmp_path / name).glob("*/last-*.ckpt")) for name in ("plain", "compiled")]
    names = [list(torch.load(state, weights_only=True)["state_dict"]) for state in states]
    assert names[0] == names[1]
    assert compiled.bundle.build_model().state_dict().keys() == plain.bundle.weights.keys()
