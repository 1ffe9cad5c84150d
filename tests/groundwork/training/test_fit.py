"""Training: it learns, it goes on where it was broken off, and its mistakes are named before it starts."""

from __future__ import annotations

import logging
import os
import random
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lightning import Trainer
from lightning.fabric.utilities.data import _replace_dunder_methods
from torch.utils.data import BatchSampler, DataLoader

from breaking import KilledError, die, same
from groundwork import fingerprint
from groundwork.bundle import Bundle, BundleConfig
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.config.component import ComponentConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.ending import ending_orderly
from groundwork.errors import ComponentError, SpecError, TrainingError
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.scores import evaluate
from groundwork.tasks.segmentation import SemanticSegmentationTask
from groundwork.training.callbacks import SeedEachEpoch
from groundwork.training.fit import FitResult, build_task, fit
from groundwork.training.initial import build_initial
from groundwork.training.precision import HalfPrecisionOfWeights
from groundwork.training.process import training_process

Fit = Callable[..., FitResult]
MakeTraining = Callable[..., TrainingConfig]
AUGMENTED = {
    "augmentation": ["horizontal_flip", {"name": "gain", "limit": 0.1}, {"name": "offset", "limit": 0.1}],
    "schedule": {"name": "cosine", "warmup": 0.2},
}
#: Scores go up and down again: the best epoch is none of the last.
SHAKY = {"optimizer": {"name": "adamw", "learning_rate": 0.02}, "max_epochs": 5}


@pytest.fixture(scope="module")
def unbroken(run: Fit, tmp_path_factory: pytest.TempPathFactory) -> FitResult:
    return run(tmp_path_factory.mktemp("unbroken"), **AUGMENTED)


# --- what it gives --------------------------------------------------------------------------------------------------


def test_the_loss_falls_and_the_scores_rise(unbroken: FitResult) -> None:
    history = unbroken.history
    assert history["epoch"].tolist() == [0, 1, 2]
    assert history["train/loss"].is_monotonic_decreasing
    assert history["train/loss"].iloc[-1] < 0.8 * history["train/loss"].iloc[0]
    assert {"val/loss", "val/miou", "val/overall_accuracy", "val/iou_water"} <= set(history.columns)
    assert np.isfinite(history.to_numpy()).all()


def test_the_bundle_holds_the_best_weights_with_their_statistics(
    unbroken: FitResult, tiny_statistics: Statistics, tiny_initial: Bundle
) -> None:
    bundle = unbroken.bundle
    assert bundle.config.trained
    bands = tiny_statistics.sources["optical"].values()
    assert bundle.weights["standardise.optical.mean"].tolist() == pytest.approx([band.mean for band in bands], rel=1e-6)
    assert bundle.weights["standardise.optical.std"].tolist() == pytest.approx([band.std for band in bands], rel=1e-6)
    assert bundle.weights.keys() == tiny_initial.weights.keys()
    assert bundle.config.provenance["weights"] == fingerprint.of_weights(bundle.weights)
    assert bundle.config.provenance["seed"] == "0"


@pytest.mark.parametrize("monitor", ["val/miou", "val/loss", "val/iou_water", None])
def test_the_weights_are_those_of_the_best_epoch(run: Fit, tmp_path: Path, monitor: str | None) -> None:
    result = run(tmp_path / "all", monitor=monitor, **SHAKY)
    scores = result.history[monitor or "epoch"]
    best = int(scores.idxmin() if monitor == "val/loss" else scores.idxmax())
    assert monitor is None or best < 4, "the best epoch is not the last, so that the choice shows"
    # The learning rate is constant: a run of so many epochs ends with the weights of that epoch.
    until = run(tmp_path / "until", monitor=None, **SHAKY | {"max_epochs": best + 1})
    assert same(result.bundle.weights, until.bundle.weights)


def test_weights_of_half_precision_learn_from_exact_rasters(run: Fit, tmp_path: Path, unbroken: FitResult) -> None:
    result = run(tmp_path, trainer={"accelerator": "cpu", "precision": "bf16-true"}, **AUGMENTED)
    weights = result.bundle.weights
    assert torch.bfloat16 in {value.dtype for value in weights.values()}
    # In bfloat16, three digits would be left of them.
    for name in ("standardise.optical.mean", "standardise.optical.std"):
        assert torch.equal(weights[name], unbroken.bundle.weights[name])
    assert result.history["train/loss"].iloc[-1] < 0.8 * result.history["train/loss"].iloc[0]
    first = [history["train/loss"].iloc[0] for history in (result.history, unbroken.history)]
    assert first[0] == pytest.approx(first[1], rel=0.05)
    assert result.bundle.config.provenance["weights"] == fingerprint.of_weights(weights)


def test_half_precision_is_of_the_model_alone(
    tiny_initial: Bundle, tiny_statistics: Statistics, make_training: MakeTraining
) -> None:
    training = make_training(loss=[{"name": "cross_entropy", "class_weights": "inverse"}])
    task = build_task(tiny_initial, training, tiny_statistics)
    before = {name: (value.dtype, value.clone()) for name, value in task.named_buffers() if name[:6] != "model."}
    HalfPrecisionOfWeights("bf16-true").convert_module(task)
    assert {value.dtype for value in task.model.parameters()} == {torch.bfloat16}
    after = dict(task.named_buffers())
    assert len(before) == 5, "the weights of classes, and what both splits are counted in"
    for name, (dtype, value) in before.items():
        assert after[name].dtype == dtype, name
        assert torch.equal(after[name], value), name


def test_half_precision_is_refused_where_it_would_round_wavelengths(
    run: Fit, tmp_path: Path, data_config: DataConfig
) -> None:
    bands = [{"name": name, "wavelength_nm": nm} for name, nm in (("A", 490), ("B", 560), ("C", 665))]
    optical = data_config.sources["optical"].model_dump() | {"bands": bands, "pixel_size_m": 10}
    data = DataConfig.model_validate(data_config.model_dump() | {"sources": {"optical": optical}})
    clay = {"name": "clay", "variant": "clay_v1_5_tiny", "out_indices": [0]}
    initial = build_initial(data, ModelConfig.model_validate({"encoder": clay, "decoder": {"name": "fcn"}}), seed=0)
    with pytest.raises(ComponentError, match="Take 'precision: bf16-mixed'"):
        run(tmp_path, initial=initial, trainer={"accelerator": "cpu", "precision": "bf16-true"})


def test_the_kept_weights_score_what_the_history_says(run: Fit, tmp_path: Path, tiny_labelled: LabelledData) -> None:
    result = run(tmp_path)
    rows = tiny_labelled.samples
    swapped = rows.assign(split=rows["split"].map({"val": "test", "test": "val", "train": "train"}))
    data = LabelledData(swapped, tiny_labelled.scenes, tiny_labelled.labels, tiny_labelled.inputs, tiny_labelled.target)
    judged = evaluate({"model": ModelPredictor(result.bundle)}, data, 4).metrics()["test"]
    # Measured by another path than the training's own, over the pixels of all validation chips (some count once).
    assert judged["miou"] == pytest.approx(result.history["val/miou"].max(), abs=0.02)


def test_the_history_holds_what_was_measured_in_each_epoch(run: Fit, tmp_path: Path) -> None:
    trainer = {"accelerator": "cpu", "check_val_every_n_epoch": 2}
    history = run(tmp_path / "every_second", max_epochs=4, trainer=trainer).history
    assert history["val/loss"].isna().tolist() == [True, False, True, False]
    assert history["val/miou"].isna().tolist() == [True, False, True, False]
    assert history["train/loss"].notna().all()
    every = run(tmp_path / "every", max_epochs=4).history
    assert history["val/loss"].dropna().tolist() == every["val/loss"].iloc[[1, 3]].tolist()


def test_the_process_is_left_as_it_was(run: Fit, tmp_path: Path) -> None:
    def state() -> list[object]:
        torch_state = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), torch.initial_seed()
        legacy = np.random.get_state()[1].tolist()  # noqa: NPY002 - the generator that libraries draw from
        drawn = torch.get_rng_state().tolist(), legacy, random.getstate()
        variables = [os.environ.get(name) for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "CUBLAS_WORKSPACE_CONFIG")]
        level = logging.getLogger("lightning.pytorch").level
        return [*torch_state, *drawn, *variables, level, signal.getsignal(signal.SIGINT)]

    before = state()
    run(tmp_path / "a", max_epochs=1, threads=2)
    assert state() == before
    with pytest.raises(TrainingError, match="The loss is"):
        run(tmp_path / "b", optimizer={"name": "sgd", "learning_rate": 1e30})
    assert state() == before


def test_loaders_are_left_as_they_were_where_something_is_refused() -> None:
    class Mine(DataLoader[Any]):
        """A user's own."""

    before = {kind: dict(vars(kind)) for kind in (DataLoader, BatchSampler, Mine)}

    def refuse() -> None:
        with training_process(0, None), _replace_dunder_methods(DataLoader, "dataset"):
            assert dict(vars(DataLoader)) != before[DataLoader]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        refuse()
    assert {kind: dict(vars(kind)) for kind in before} == before


def test_the_number_of_threads_is_part_of_the_run(run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    seed = SeedEachEpoch.on_train_epoch_start

    def note(callback: SeedEachEpoch, trainer: Trainer, module: Any) -> None:
        used.append(torch.get_num_threads())
        seed(callback, trainer, module)

    monkeypatch.setattr(SeedEachEpoch, "on_train_epoch_start", note)
    before = torch.get_num_threads()
    stated = run(tmp_path, max_epochs=1, threads=before + 1)
    assert used == [before + 1]
    assert stated.bundle.config.provenance["threads"] == str(before + 1)
    machine = run(tmp_path, max_epochs=1)
    assert used == [before + 1, before], "another number of threads is another run"
    assert machine.bundle.config.provenance["threads"] == str(before)


def test_the_same_seed_gives_the_same_weights_and_another_others(run: Fit, tmp_path: Path, unbroken: FitResult) -> None:
    again = run(tmp_path / "a", **AUGMENTED)
    assert same(again.bundle.weights, unbroken.bundle.weights)
    assert again.bundle.config == unbroken.bundle.config
    pd.testing.assert_frame_equal(again.history, unbroken.history, check_exact=True)
    other = run(tmp_path / "b", seed=1, **AUGMENTED)
    assert not same(other.bundle.weights, unbroken.bundle.weights)


def test_the_number_of_workers_changes_nothing(run: Fit, tmp_path: Path, unbroken: FitResult) -> None:
    again = run(tmp_path, loader={"batch_size": 4, "num_workers": 2}, **AUGMENTED)
    assert same(again.bundle.weights, unbroken.bundle.weights)
    pd.testing.assert_frame_equal(again.history, unbroken.history, check_exact=True)


def test_what_dropout_leaves_out_depends_on_neither_workers_nor_a_break(
    run: Fit, tmp_path: Path, data_config: DataConfig, model_config: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = ComponentConfig(name="segmentation", dropout=0.5)
    initial = build_initial(data_config, model_config.model_copy(update={"head": head}), seed=0)
    settings = {"initial": initial, "monitor": None, "max_epochs": 2}
    unbroken = run(tmp_path / "unbroken", **settings)
    helped = run(tmp_path / "helped", loader={"batch_size": 4, "num_workers": 1}, **settings)
    assert same(helped.bundle.weights, unbroken.bundle.weights)
    with monkeypatch.context() as patch:
        die(patch, "training")
        with pytest.raises(KilledError):
            run(tmp_path / "broken", **settings)
    assert same(run(tmp_path / "broken", **settings).bundle.weights, unbroken.bundle.weights)


def test_frozen_parts_stay_as_they_are(run: Fit, tmp_path: Path, tiny_initial: Bundle) -> None:
    weights = run(tmp_path, max_epochs=1, freeze={"encoder": True}).bundle.weights
    for name, before in tiny_initial.weights.items():
        if name.startswith("encoder."):
            assert torch.equal(weights[name], before), name
    moved = [name for name in weights if not torch.equal(weights[name], tiny_initial.weights[name])]
    assert any(name.startswith("decoder.") for name in moved)
    assert any(name.startswith("head.") for name in moved)


def test_auxiliary_branches_are_trained_beside_the_main_one(
    run: Fit, tmp_path: Path, data_config: DataConfig, model_config: ModelConfig
) -> None:
    words = model_config.model_dump() | {"auxiliary": {"side": {"decoder": {"name": "fcn", "channels": 4, "level": 0}}}}
    initial = build_initial(data_config, ModelConfig.model_validate(words), seed=0)
    result = run(tmp_path, initial=initial, max_epochs=2, auxiliary_loss={"side": 0.4})
    history = result.history
    assert history["train/loss"].to_numpy() == pytest.approx(
        (history["train/loss_main"] + 0.4 * history["train/loss_side"]).to_numpy(), rel=1e-4
    )
    assert history["train/loss_side"].is_monotonic_decreasing
    with pytest.raises(SpecError, match=r"branches without a weight in 'training.auxiliary_loss': \['side'\]"):
        run(tmp_path, initial=initial)


STILL = {
    "optimizer": {"name": "sgd", "learning_rate": 1e-12},
    "monitor": "val/iou_water",
    "max_epochs": 9,
    "early_stopping": 2,
    "trainer": {"accelerator": "cpu", "limit_val_batches": 1},
}


def test_early_stopping_ends_a_run_that_does_not_get_better(run: Fit, tmp_path: Path) -> None:
    history = run(tmp_path, **STILL).history
    best = int(history["val/iou_water"].idxmax())
    assert len(history) == best + 3 < 9


@pytest.mark.filterwarnings("error:.*fill value.*")
def test_scenes_without_a_place_are_learnt_from_too(
    tmp_path: Path,
    tiny_initial: Bundle,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
) -> None:
    rows = tiny_labelled.samples.assign(latitude=float("nan"), longitude=float("nan"), dates=None)
    data = LabelledData(rows, tiny_labelled.scenes, tiny_labelled.labels, tiny_labelled.inputs, tiny_labelled.target)
    result = fit(tiny_initial, data, tiny_statistics, make_training(max_epochs=1), 0, tmp_path)
    assert len(result.history) == 1


@pytest.mark.parametrize(("column", "told"), [("latitude", "location"), ("dates", "time")])
def test_a_model_that_needs_coordinates_is_refused_where_there_are_none(
    tmp_path: Path,
    data_config: DataConfig,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    column: str,
    told: str,
) -> None:
    encoder = {"name": "prithvi_vit", "image_size": 32, "coordinates": ["time", "location"]}
    model = {"encoder": encoder, "necks": [{"name": "select", "indices": [-1]}], "decoder": {"name": "fcn"}}
    initial = build_initial(data_config, ModelConfig.model_validate(model), seed=0)
    rows = tiny_labelled.samples.assign(**{column: None})
    data = LabelledData(rows, tiny_labelled.scenes, tiny_labelled.labels, tiny_labelled.inputs, tiny_labelled.target)
    with pytest.raises(SpecError, match=f"the rasters have no {told}. 'time' needs '{{date}}' in the pattern"):
        fit(initial, data, tiny_statistics, make_training(max_epochs=1), 0, tmp_path)


def test_mixed_chips_are_told_of_where_the_encoder_is_told_dates(
    tmp_path: Path,
    data_config: DataConfig,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    caplog: pytest.LogCaptureFixture,
) -> None:
    encoder = {"name": "prithvi_vit", "variant": "prithvi_eo_v2_tiny_tl", "image_size": 32}
    once = {"accelerator": "cpu", "limit_train_batches": 1, "limit_val_batches": 1}
    told = "'cutmix' in 'training.augmentation' mixes pixels of two chips, and the encoder is told the coordinates"
    for coordinates, recipe in ((["time"], "cutmix"), ([], "cutmix"), (["time"], "horizontal_flip")):
        caplog.clear()
        words = {
            "encoder": encoder | {"coordinates": coordinates},
            "necks": [{"name": "select", "indices": [-1]}],
            "decoder": {"name": "fcn"},
        }
        initial = build_initial(data_config, ModelConfig.model_validate(words), seed=0)
        training = make_training(max_epochs=1, augmentation=[{"name": recipe}], trainer=once)
        fit(initial, tiny_labelled, tiny_statistics, training, 0, tmp_path / f"{recipe}{len(coordinates)}")
        assert (told in caplog.text) == (recipe == "cutmix" and bool(coordinates))


# --- going on -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["start", "training", "validation"])
def test_a_broken_run_goes_on_and_ends_like_an_unbroken_one(
    run: Fit, tmp_path: Path, unbroken: FitResult, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    with monkeypatch.context() as patch:
        die(patch, when)
        with pytest.raises(KilledError):
            run(tmp_path, **AUGMENTED)
    [folder] = tmp_path.iterdir()
    assert (folder / "last-epoch=0.ckpt").exists()
    started: list[int] = []
    seed = SeedEachEpoch.on_train_epoch_start

    def note(callback: SeedEachEpoch, trainer: Trainer, module: Any) -> None:
        started.append(trainer.current_epoch)
        seed(callback, trainer, module)

    monkeypatch.setattr(SeedEachEpoch, "on_train_epoch_start", note)
    resumed = run(tmp_path, **AUGMENTED)
    assert started == [1, 2], "the first epoch is not run again"
    assert same(resumed.bundle.weights, unbroken.bundle.weights)
    assert resumed.bundle.config == unbroken.bundle.config
    pd.testing.assert_frame_equal(resumed.history, unbroken.history, check_exact=True)


@pytest.mark.parametrize("sampling", ["random", {"name": "balanced", "samples_per_epoch": 10}])
def test_a_broken_run_goes_on_with_the_chips_that_an_unbroken_one_draws(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampling: Any
) -> None:
    settings = {"sampling": sampling, "max_epochs": 2}
    unbroken = run(tmp_path / "unbroken", **settings)
    with monkeypatch.context() as patch:
        die(patch, "training")
        with pytest.raises(KilledError):
            run(tmp_path / "broken", **settings)
    resumed = run(tmp_path / "broken", **settings)
    assert same(resumed.bundle.weights, unbroken.bundle.weights)
    assert not same(run(tmp_path / "grid", max_epochs=2).bundle.weights, unbroken.bundle.weights)


def test_processes_that_read_go_on_with_the_chips_of_the_epoch(
    run: Fit, tmp_path: Path, unbroken: FitResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = AUGMENTED | {"loader": {"batch_size": 4, "num_workers": 1}}
    with monkeypatch.context() as patch:
        die(patch, "training")
        with pytest.raises(KilledError):
            run(tmp_path, **settings)
    resumed = run(tmp_path, **settings)
    assert same(resumed.bundle.weights, unbroken.bundle.weights)
    pd.testing.assert_frame_equal(resumed.history, unbroken.history, check_exact=True)


#: Optimisers and schedules that keep something from step to step.
MOVED = [
    {
        "optimizer": {"name": "torch", "optimizer": "RAdam", "learning_rate": 0.01},
        "schedule": {"name": "plateau", "patience": 0, "least_change": 0.9},
        "parameter_groups": {"decay_norms_and_biases": False, "rates": {"encoder": 0.3, "head*": 2.0}},
    },
    {
        "optimizer": {"name": "timm", "optimizer": "lamb", "learning_rate": 0.01},
        "schedule": {"name": "timm", "scheduler": "CosineLRScheduler"},
    },
]


@pytest.mark.parametrize("settings", MOVED, ids=["torch", "timm"])
def test_a_broken_run_goes_on_with_any_optimiser_and_schedule(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    unbroken = run(tmp_path / "unbroken", **settings)
    with monkeypatch.context() as patch:
        die(patch, "training")
        with pytest.raises(KilledError):
            run(tmp_path / "broken", **settings)
    resumed = run(tmp_path / "broken", **settings)
    assert same(resumed.bundle.weights, unbroken.bundle.weights)
    plain = settings | {"schedule": "constant", "parameter_groups": {}}
    assert not same(run(tmp_path / "plain", **plain).bundle.weights, unbroken.bundle.weights)


def test_a_run_of_other_settings_is_not_gone_on_with(run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        die(patch, "start")
        with pytest.raises(KilledError):
            run(tmp_path)
    history = run(tmp_path, optimizer={"name": "sgd"}).history
    assert history["epoch"].tolist() == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 2


def test_half_a_checkpoint_is_passed_over(
    run: Fit, tmp_path: Path, unbroken: FitResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        die(patch, "start")
        with pytest.raises(KilledError):
            run(tmp_path, **AUGMENTED)
    [folder] = tmp_path.iterdir()
    whole = (folder / "last-epoch=0.ckpt").read_bytes()
    (folder / "last-epoch=1.ckpt").write_bytes(whole[: len(whole) // 2])
    resumed = run(tmp_path, **AUGMENTED)
    assert same(resumed.bundle.weights, unbroken.bundle.weights)
    assert resumed.history["epoch"].tolist() == [0, 1, 2]


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Any step of a training fails."""
    with monkeypatch.context() as patch:
        patch.setattr(SemanticSegmentationTask, "training_step", lambda *_: pytest.fail("a step was trained"))
        yield


def test_a_run_in_a_moved_folder_knows_its_best_epoch(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SHAKY | {"monitor": "val/loss"}
    unbroken = run(tmp_path / "unbroken", **settings)
    with monkeypatch.context() as patch:
        die(patch, "start", epoch=4)
        with pytest.raises(KilledError):
            run(tmp_path / "here", **settings)
    (tmp_path / "here").rename(tmp_path / "there")
    resumed = run(tmp_path / "there", **settings)
    assert unbroken.history["val/loss"].idxmin() < 4, "the best epoch lies before the break"
    assert same(resumed.bundle.weights, unbroken.bundle.weights)
    pd.testing.assert_frame_equal(resumed.history, unbroken.history, check_exact=True)


@pytest.mark.parametrize("settings", [{"max_epochs": 2}, STILL])
def test_a_run_whose_result_was_lost_gives_it_again_without_training(
    run: Fit, tmp_path: Path, request: pytest.FixtureRequest, settings: dict[str, Any]
) -> None:
    first = run(tmp_path, **settings)
    request.getfixturevalue("no_training")
    again = run(tmp_path, **settings)
    assert same(first.bundle.weights, again.bundle.weights)
    assert first.bundle.config == again.bundle.config
    pd.testing.assert_frame_equal(first.history, again.history, check_exact=True)


def test_colours_are_no_part_of_what_a_training_is_made_from(
    run: Fit, tmp_path: Path, tiny_initial: Bundle, request: pytest.FixtureRequest
) -> None:
    first = run(tmp_path, max_epochs=1)
    words = tiny_initial.config.model_dump(mode="json")
    words["target"]["classes"][0]["color"] = "#123456"
    words["inputs"]["optical"]["rgb"] = ["C", "B", "A"]
    recoloured = Bundle(BundleConfig.model_validate(words), tiny_initial.weights)
    request.getfixturevalue("no_training")
    again = run(tmp_path, initial=recoloured, max_epochs=1)
    assert same(first.bundle.weights, again.bundle.weights)
    assert again.bundle.config.target.classes[0].color == "#123456"
    assert again.bundle.config.inputs["optical"].rgb == ("C", "B", "A")


def test_only_the_newest_state_and_the_best_weights_are_kept(run: Fit, tmp_path: Path) -> None:
    best = int(run(tmp_path).history["val/miou"].idxmax())
    [folder] = tmp_path.iterdir()
    assert {file.name for file in folder.iterdir()} == {"last-epoch=2.ckpt", f"best-epoch={best}.safetensors"}


def test_a_checkpoint_with_damaged_bytes_is_passed_over(
    run: Fit, tmp_path: Path, unbroken: FitResult, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, **AUGMENTED)
    [last] = tmp_path.glob("*/last-*.ckpt")
    content = bytearray(last.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(byte ^ 0xFF for byte in content[middle : middle + 64])
    last.write_bytes(content)
    (last.parent / "last-epoch=2-v1.ckpt").write_bytes(b"a copy")
    again = run(tmp_path, **AUGMENTED)
    assert f"{last} is damaged. It is removed" in caplog.text
    assert same(again.bundle.weights, unbroken.bundle.weights)


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self._file}",)


@pytest.mark.parametrize("content", ["pickle", "zip", "tensors"])
def test_a_checkpoint_that_is_something_else_is_named_and_not_run(run: Fit, tmp_path: Path, content: str) -> None:
    run(tmp_path / "runs", max_epochs=1)
    [last] = (tmp_path / "runs").glob("*/last-*.ckpt")
    if content == "zip":
        with zipfile.ZipFile(last, "w") as file:
            file.writestr("a.txt", "a")
    else:
        torch.save(
            {"pickle": {"state_dict": Payload(tmp_path / "was_run")}, "tensors": {"a": torch.ones(2)}}[content], last
        )
    with pytest.raises(
        TrainingError, match=r"last-epoch=0.ckpt is not a checkpoint of this training.* Delete it"
    ) as told:
        run(tmp_path / "runs", max_epochs=1)
    assert len(str(told.value)) < 600
    assert not (tmp_path / "was_run").exists()


def test_a_checkpoint_of_another_model_is_named(
    run: Fit, tmp_path: Path, data_config: DataConfig, model_config: ModelConfig
) -> None:
    run(tmp_path / "runs", max_epochs=1)
    [last] = (tmp_path / "runs").glob("*/last-*.ckpt")
    for changes, told in (
        ({"decoder": {"name": "fcn", "channels": 8}}, r"'model\.decoder\..*' has the shape \(8, .*expected \(16, "),
        ({"decoder": {"name": "identity"}, "necks": [{"name": "select", "indices": [-1]}]}, r"has no 'model\.decoder"),
    ):
        words = ModelConfig.model_validate(model_config.model_dump() | changes)
        run(tmp_path / told[:20], initial=build_initial(data_config, words, seed=0), max_epochs=1)
        [other] = (tmp_path / told[:20]).glob("*/last-*.ckpt")
        last.write_bytes(other.read_bytes())
        with pytest.raises(TrainingError, match=rf"not a checkpoint of this training: it is of another .*{told}"):
            run(tmp_path / "runs", max_epochs=1)


@pytest.mark.parametrize(("words", "scores"), [({}, "val/miou"), ({"monitor": None}, "their age: the last are kept")])
def test_weights_are_chosen_by_the_main_score_unless_told_otherwise(
    run: Fit, tmp_path: Path, caplog: pytest.LogCaptureFixture, words: dict[str, Any], scores: str
) -> None:
    with caplog.at_level(logging.INFO):
        unset = run(tmp_path, max_epochs=1, **words)
    assert f"Weights are chosen by {scores}" in caplog.text
    if not words:
        stated = run(tmp_path, max_epochs=1, monitor="val/miou")
        assert same(stated.bundle.weights, unset.bundle.weights)
        assert len(list(tmp_path.iterdir())) == 1, "stating the same score makes no other run"


def test_best_weights_that_are_gone_are_missed(run: Fit, tmp_path: Path) -> None:
    run(tmp_path, max_epochs=1)
    next(tmp_path.glob("*/best-*")).unlink()
    with pytest.raises(TrainingError, match=r"best-epoch=0.safetensors: .* not there any more. Delete the folder"):
        run(tmp_path, max_epochs=1)


@pytest.mark.parametrize("left", [0, 40])
def test_best_weights_that_are_damaged_are_named(run: Fit, tmp_path: Path, left: int) -> None:
    run(tmp_path, max_epochs=1)
    best = next(tmp_path.glob("*/best-*"))
    best.write_bytes(best.read_bytes()[:left])
    with pytest.raises(TrainingError, match=r"best-epoch=0.safetensors is damaged .* Delete .* to train anew"):
        run(tmp_path, max_epochs=1)


@pytest.mark.parametrize("seed", range(6))
def test_damaged_bytes_of_a_checkpoint_are_never_an_error_without_its_name(run: Fit, tmp_path: Path, seed: int) -> None:
    run(tmp_path, max_epochs=1)
    [last] = tmp_path.glob("*/last-*.ckpt")
    # The directory of the archive, at its end, is where damage shows in many ways.
    content = bytearray(last.read_bytes())
    for place in np.random.default_rng(seed).integers(len(content) - 2000, len(content), 8):
        content[place] ^= 0xFF
    last.write_bytes(content)
    try:
        run(tmp_path, max_epochs=1)
    except TrainingError as error:
        assert str(last) in str(error)  # noqa: PT017 - whether it can be read in spite of the damage is a matter of luck
    (tmp_path / "last-epoch=7.ckpt").mkdir()


def test_an_interrupted_run_says_how_to_go_on(run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SeedEachEpoch, "on_train_epoch_start", interrupt)
    with pytest.raises(TrainingError, match=r"interrupted. Run the same command again to go on after its last epoch"):
        run(tmp_path)


def test_a_run_that_is_told_to_end_keeps_the_status_of_that(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(SeedEachEpoch, "on_train_epoch_start", lambda *_: signal.raise_signal(signal.SIGTERM))
    with ending_orderly(), pytest.raises(SystemExit) as ended:
        run(tmp_path)
    assert ended.value.code == 143
    assert "Run the same command again to go on after its last epoch" in caplog.text


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (
            {"trainer": {"acumulate_grad_batches": 2}},
            r"Trainer has no 'acumulate_grad_batches'. Did you mean 'accumulate_",
        ),
        (
            {"trainer": {"accelerator": "cpu", "devices": 2, "strategy": "ddp_spawn"}},
            "'ddp_spawn' starts processes of its own; .* Take 'ddp'",
        ),
        ({"task": "semantic_segmentaton"}, r"Unknown component 'semantic_segmentaton'. Did you mean 'semantic_segmen"),
        ({"monitor": "val/miuo"}, r"'val/miuo'.*Did you mean 'val/miou'\?"),
    ],
)
def test_mistakes_are_named_before_the_first_epoch(
    run: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(SemanticSegmentationTask, "training_step", lambda *_: pytest.fail("training began"))
    with pytest.raises(ComponentError, match=message):
        run(tmp_path, **training)


def test_a_loss_that_is_no_number_ends_the_run(run: Fit, tmp_path: Path) -> None:
    steep = {"optimizer": {"name": "sgd", "learning_rate": 1e30}}
    with pytest.raises(
        TrainingError, match=r"The loss is (nan|inf) in epoch 0, step \d+ .*Lower .*learning_rate.*gradient_clip_val"
    ):
        run(tmp_path, **steep)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val_check_interval": 3}, "after each 3 of the batches of an epoch, and it has 4: .* measured before"),
        ({"val_check_interval": 0.8}, "after each 3 of the batches of an epoch, and it has 4"),
        ({"val_check_interval": 6, "check_val_every_n_epoch": None}, "after each 6 of the batches of an epoch"),
        ({"val_check_interval": "00:00:01:00"}, "after each span of time of the batches of an epoch, and it has 4"),
        ({"val_check_interval": 5}, "val_check_interval is longer than an epoch"),
        ({"max_steps": 6}, "max_steps is 6, and an epoch has 4 steps: .* neither be measured nor kept"),
        ({"max_steps": 3, "accumulate_grad_batches": 3}, "max_steps is 3, and an epoch has 2 steps"),
    ],
)
def test_weights_are_not_chosen_by_scores_of_others(
    run: Fit, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        run(tmp_path, trainer={"accelerator": "cpu", "limit_train_batches": 4} | options, loader={"batch_size": 2})


@pytest.mark.parametrize("options", [{"val_check_interval": 1}, {"max_steps": 4}])
def test_an_epoch_that_ends_with_a_measurement_is_kept_by_it(run: Fit, tmp_path: Path, options: dict[str, Any]) -> None:
    trainer = {"accelerator": "cpu", "limit_train_batches": 2}
    settings = {"max_epochs": 2, "loader": {"batch_size": 2}}
    history, plain = (run(tmp_path, trainer=trainer | more, **settings).history for more in (options, {}))
    assert history["val/miou"].tolist() == plain["val/miou"].tolist()


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("options", [{"limit_val_batches": 0}, {"check_val_every_n_epoch": 9}])
def test_a_run_that_would_keep_no_weights_says_so_before_it_starts(
    run: Fit, tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(TrainingError, match=r"No weights would be kept: .*training.trainer.*'training.monitor: null'"):
        run(tmp_path, trainer={"accelerator": "cpu"} | options)


def test_a_score_of_a_class_that_validation_lacks_is_missed_in_the_first_epoch(
    tmp_path: Path,
    tiny_initial: Bundle,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conclude = SemanticSegmentationTask.compute_metrics

    def without_water(task: SemanticSegmentationTask, split: str) -> dict[str, float]:
        return {name: score for name, score in conclude(task, split).items() if name != "iou_water"}

    monkeypatch.setattr(SemanticSegmentationTask, "compute_metrics", without_water)
    training = make_training(monitor="val/iou_water")
    with pytest.raises(
        TrainingError, match=r"'val/iou_water' was not measured in epoch 0: .* no answers .*training.monitor"
    ):
        fit(tiny_initial, tiny_labelled, tiny_statistics, training, 0, tmp_path)


def test_options_of_the_trainer_reach_it(run: Fit, tmp_path: Path, unbroken: FitResult) -> None:
    history = run(tmp_path, max_epochs=1, trainer={"accelerator": "cpu", "limit_train_batches": 1}, **AUGMENTED).history
    assert history["train/loss"].iloc[0] != unbroken.history["train/loss"].iloc[0]
