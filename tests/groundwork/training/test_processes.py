"""Training in several processes gives what one process with the whole batch gives, and ends in order."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import rasterio
import torch
from lightning import Trainer
from torch.optim.swa_utils import update_bn

from groundwork.batch import images_of
from groundwork.bundle import Bundle
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.config.training import LoaderConfig
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.scan import scan_scenes
from groundwork.data.statistics import Statistics
from groundwork.errors import RasterError, TrainingError
from groundwork.rasters.folder import find_rasters
from groundwork.tasks.segmentation import SemanticSegmentationTask
from groundwork.training import processes
from groundwork.training.fit import FitResult, fit
from groundwork.training.initial import build_initial
from together import die_in_second_epoch, train_together

MakeTraining = Callable[..., TrainingConfig]
Fit = Callable[..., FitResult]
#: Averages over known pixels, and areas over the whole batch: neither is a mean of means.
LOSSES = [{"name": "cross_entropy", "class_weights": "inverse"}, {"name": "dice"}]
#: Two machines are started by somebody else, so that a test can start them.
TWO = {"accelerator": "cpu", "devices": 1, "num_nodes": 2, "strategy": "ddp"}


@pytest.fixture(scope="module")
def plain_initial(data_config: DataConfig) -> Bundle:
    """A model without norms over a batch."""
    words = {"encoder": {"name": "timm", "model": "test_convnext", "out_indices": [0]}, "decoder": "linear"}
    return build_initial(data_config, ModelConfig.model_validate(words), seed=0)


@pytest.fixture(scope="module")
def patchy(tiny_data: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> LabelledData:
    """Chips of which some are hardly known: 11 to train with and 9 to validate, which fill no last batch."""
    root = tmp_path_factory.mktemp("patchy")
    for name, unknown in (("scenes", -9999), ("labels", 0)):
        (root / name).mkdir()
        for file in sorted((tiny_data.root / name).iterdir()):
            with rasterio.open(file) as raster:
                pixels, profile, tags, names = raster.read(), raster.profile, raster.tags(), raster.descriptions
            if file.stem in {"11", "p5"}:
                pixels[:, 3:, :50] = unknown
            with rasterio.open(root / name / file.name, "w", **profile) as raster:
                raster.write(pixels)
                raster.update_tags(**tags)
                raster.descriptions = names
    scenes, labels = (find_rasters(root / name, ["{key}.tif"]) for name in ("scenes", "labels"))
    chips = scan_scenes(scenes, labels, tiny_data.config).chips
    splits = ["train", "val"] * 9 + ["train"] * 2
    samples = chips.iloc[: len(splits)].assign(split=splits)
    return LabelledData(samples, {"optical": scenes}, labels, tiny_data.config.sources, tiny_data.config.target)


@pytest.fixture(scope="module")
def run(plain_initial: Bundle, patchy: LabelledData, tiny_statistics: Statistics, make_training: MakeTraining) -> Fit:
    def make(folder: Path, data: LabelledData = patchy, **changes: Any) -> FitResult:
        optimizer = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}
        words = {"loss": LOSSES, "max_epochs": 3, "threads": 1, "optimizer": optimizer, "loader": {"batch_size": 4}}
        return fit(plain_initial, data, tiny_statistics, make_training(**words | changes), 0, folder)

    return make


@pytest.fixture(scope="module")
def write(run: Fit) -> Callable[..., Path]:
    """Return the folder that processes are started with."""

    def make(folder: Path, **changes: Any) -> Path:
        with pytest.raises(TrainingError, match=r"runs on 2 machines.*\n.*torchrun --nnodes 2 ") as waits:
            run(folder, trainer=TWO, **changes)
        found = re.search(r"-m groundwork.training.worker (\S+)\n", str(waits.value))
        assert found
        return Path(found[1])

    return make


@pytest.fixture(scope="module")
def two(run: Fit, write: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> FitResult:
    folder = tmp_path_factory.mktemp("two")
    assert train_together(write(folder), 2) == [0, 0]
    return run(folder, trainer=TWO)


def _largest_difference(one: Bundle, other: Bundle) -> float:
    assert one.weights.keys() == other.weights.keys()
    return max(float((one.weights[name] - other.weights[name]).abs().max()) for name in one.weights)


def test_two_processes_learn_what_one_does_with_the_whole_batch(
    run: Fit, two: FitResult, plain_initial: Bundle, tmp_path: Path
) -> None:
    one = run(tmp_path, loader={"batch_size": 8})
    pd.testing.assert_frame_equal(two.history, one.history, rtol=1e-5, atol=1e-6)
    assert _largest_difference(two.bundle, one.bundle) < 1e-5
    learnt = [name for name in one.bundle.weights if not name.startswith("standardise")]
    moved = [float((one.bundle.weights[name] - plain_initial.weights[name]).abs().max()) for name in learnt]
    assert max(moved) > 0.05, "so that the difference says something"


def test_killed_and_resumed_they_end_with_the_same_bytes(
    run: Fit, two: FitResult, write: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write(tmp_path)
    killed = train_together(folder, 2, die_in_second_epoch)
    assert killed[1] == -signal.SIGKILL
    assert killed[0] != 0
    assert [file.name for file in folder.parent.glob("*.ckpt")] == ["last-epoch=0.ckpt"]
    assert train_together(folder, 2) == [0, 0]
    resumed = run(tmp_path, trainer=TWO)
    pd.testing.assert_frame_equal(resumed.history, two.history, check_exact=True)
    assert all(torch.equal(resumed.bundle.weights[name], two.bundle.weights[name]) for name in two.bundle.weights)
    assert resumed.bundle.config.provenance["weights"] == two.bundle.config.provenance["weights"]


@pytest.mark.parametrize(
    ("stated", "alone"),
    [
        (
            {
                "loader": {"batch_size": 2, "num_workers": 2},
                "sampling": {"name": "balanced", "samples_per_epoch": 13},
                "augmentation": ["horizontal_flip", {"name": "gain", "limit": 0.1}, "band_dropout", "noise"],
                "trainer": {"accumulate_grad_batches": 2, "gradient_clip_val": 0.1},
            },
            {"batch_size": 4},
        ),
        (
            {
                "loader": {"batch_size": 1}, "sampling": {"name": "random", "samples_per_epoch": 7},
                "schedule": {"name": "plateau", "patience": 0, "monitor": "val/loss"}, "max_epochs": 4,
                "trainer": {"check_val_every_n_epoch": 2},
            },
            {"batch_size": 2},
        ),
    ],
    ids=["balanced, several batches for a step", "windows, single chips"],
)  # fmt: skip
def test_ways_to_train_are_those_of_one_process_killed_or_not(
    run: Fit, stated: dict[str, Any], alone: dict[str, Any], tmp_path: Path
) -> None:
    options, stated = stated["trainer"], {key: value for key, value in stated.items() if key != "trainer"}

    def together(folder: Path, before: Callable[[int], None] | None) -> FitResult:
        with pytest.raises(TrainingError, match="runs on 2 machines"):
            run(folder, trainer=TWO | options, **stated)
        (written,) = folder.glob("*/specification")
        if before is not None:
            assert train_together(written, 2, before)[1] == -signal.SIGKILL
        assert train_together(written, 2) == [0, 0]
        return run(folder, trainer=TWO | options, **stated)

    whole, resumed = together(tmp_path / "whole", None), together(tmp_path / "killed", die_in_second_epoch)
    pd.testing.assert_frame_equal(resumed.history, whole.history, check_exact=True)
    assert all(torch.equal(resumed.bundle.weights[name], value) for name, value in whole.bundle.weights.items())
    one = run(tmp_path / "one", trainer={"accelerator": "cpu"} | options, **stated | {"loader": alone})
    pd.testing.assert_frame_equal(whole.history, one.history, rtol=1e-5, atol=1e-6)
    assert _largest_difference(whole.bundle, one.bundle) < 1e-5


def test_losses_of_each_process_are_averaged_where_asked_for(
    run: Fit, two: FitResult, write: Callable[..., Path], tmp_path: Path
) -> None:
    short = {"max_epochs": 1, "loss_over": "process"}
    assert train_together(write(tmp_path, **short), 2) == [0, 0]
    apart = run(tmp_path, trainer=TWO, **short).history.iloc[0]
    together = two.history.iloc[0]
    # Means of means are others, where some chips are hardly known.
    assert 1e-4 < abs(apart["train/loss"] / together["train/loss"] - 1) < 0.2


def test_aids_are_those_of_one_process(run: Fit, write: Callable[..., Path], tmp_path: Path) -> None:
    aids: dict[str, Any] = {
        "averaging": {"name": "ema", "decay": 0.6}, "keep_best": 2, "freeze": {"encoder": True, "until_epoch": 1},
        "pictures": {"every": 2, "count": 1},
    }  # fmt: skip
    folder = write(tmp_path / "two", **aids)
    assert train_together(folder, 2) == [0, 0]
    two = run(tmp_path / "two", trainer=TWO, **aids)
    one = run(tmp_path / "one", loader={"batch_size": 8}, **aids)
    pd.testing.assert_frame_equal(two.history, one.history, rtol=1e-5, atol=1e-6)
    assert _largest_difference(two.bundle, one.bundle) < 1e-5
    assert (
        two.bundle.config.provenance["kept"].partition(";")[0] == one.bundle.config.provenance["kept"].partition(";")[0]
    )
    assert [file.name for file in (folder.parent / "pictures").iterdir()] == ["epoch-0001.png"]
    left = {file.suffix for file in folder.parent.iterdir() if file.is_file()}
    assert left == {".ckpt", ".safetensors", ".json"}, "nothing half written"


def test_the_mean_of_epochs_is_that_of_one_process(run: Fit, write: Callable[..., Path], tmp_path: Path) -> None:
    swa: dict[str, Any] = {"averaging": {"name": "swa", "from_epoch": 1}, "max_epochs": 3}
    assert train_together(write(tmp_path / "two", **swa), 2) == [0, 0]
    two = run(tmp_path / "two", trainer=TWO, **swa)
    one = run(tmp_path / "one", loader={"batch_size": 8}, **swa)
    pd.testing.assert_frame_equal(two.history, one.history, rtol=1e-5, atol=1e-6)
    assert two.history["averaged"].tolist() == [0, 1, 2]
    assert _largest_difference(two.bundle, one.bundle) < 1e-5


@pytest.mark.filterwarnings("ignore:.*treespec.*is deprecated", "ignore:.*does not have many workers")
@pytest.mark.parametrize(
    "mean", [{"averaging": {"name": "swa", "from_epoch": 0}}, {"keep_best": 2}], ids=["swa", "best"]
)
def test_norms_of_the_mean_are_measured_over_the_chips_of_all(
    mean: dict[str, Any],
    tiny_initial: Bundle,
    patchy: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    tmp_path: Path,
) -> None:
    """By 11 chips, of which the last batch of one process holds one more than that of the other."""
    training = make_training(**mean, max_epochs=2, threads=1, trainer=TWO)

    def run(folder: Path, before: Callable[[int], None] | None) -> Bundle:
        arguments = tiny_initial, patchy, tiny_statistics, training, 0, folder
        with pytest.raises(TrainingError, match="runs on 2 machines"):
            fit(*arguments)
        (written,) = folder.glob("*/specification")
        if before is not None:
            assert train_together(written, 2, before)[1] == -signal.SIGKILL
        assert train_together(written, 2) == [0, 0]
        return fit(*arguments).bundle

    bundle, resumed = run(tmp_path / "whole", None), run(tmp_path / "killed", die_in_second_epoch)
    assert all(torch.equal(resumed.weights[name], bundle.weights[name]) for name in bundle.weights)
    # torch's own measurement, by one process with batches of all.
    model = bundle.build_model()
    module = ChipDataModule(patchy, tiny_statistics, LoaderConfig(batch_size=8), (), 0)
    batches = list(module.train_dataloader())
    assert [len(batch["sample_id"]) for batch in batches] == [8, 3]
    update_bn([images_of(batch) for batch in batches], model)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(bundle.weights[name], value, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.filterwarnings("ignore:.*treespec.*is deprecated", "ignore:.*does not have many workers")
def test_all_validate_with_the_norms_that_are_kept(
    tiny_initial: Bundle,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    tmp_path: Path,
) -> None:
    def run(**changes: Any) -> FitResult:
        return fit(tiny_initial, tiny_labelled, tiny_statistics, training.model_copy(update=changes), 0, tmp_path)

    training = make_training(max_epochs=1, threads=1, trainer=TWO)
    with pytest.raises(TrainingError, match="runs on 2 machines"):
        run()
    (folder,) = tmp_path.glob("*/specification")
    assert train_together(folder, 2) == [0, 0]
    result = run()
    # One process with the whole batch judges the weights that were kept.
    bundle, config = result.bundle, result.bundle.config
    wired = (bundle.factory(), config.model, config.inputs, config.target, training, tiny_statistics)
    task = SemanticSegmentationTask(*wired)
    task.model.load_state_dict(bundle.weights)
    module = ChipDataModule(tiny_labelled, tiny_statistics, LoaderConfig(batch_size=8), (), 0)
    judge = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    (found,) = judge.validate(task, module, verbose=False)
    row = result.history.iloc[0]
    assert found == pytest.approx({name: row[name] for name in found}, rel=1e-5)


def test_an_error_of_a_process_is_raised_here_once(
    run: Fit, patchy: LabelledData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    samples = patchy.samples.copy()
    gone = samples.index[samples["split"] == "train"][4]
    samples.loc[gone, "path_optical"] = "gone.tif"
    with caplog.at_level(logging.INFO), pytest.raises(RasterError, match=r"gone\.tif") as alone:
        run(tmp_path / "one", replace(patchy, samples=samples), trainer={"accelerator": "cpu"})
    before = time.monotonic()
    with caplog.at_level(logging.INFO), pytest.raises(RasterError) as raised:
        run(tmp_path / "two", replace(patchy, samples=samples), trainer=TWO | {"devices": 2, "num_nodes": 1})
    assert str(raised.value) == str(alone.value)
    assert "Training in 2 processes" in caplog.text
    assert not _trains(tmp_path), f"processes are left after {time.monotonic() - before:.0f} s"


def test_ctrl_c_ends_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(processes, "WORKER", "waiting")
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2]), *sys.path])

    def interrupt() -> None:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    Thread(target=interrupt, daemon=True).start()
    # A shell lets what it starts in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with caplog.at_level(logging.INFO), pytest.raises(TrainingError, match="interrupted"):
            processes._start(tmp_path, 2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert {"process 0 waits", "process 1 waits"} <= set(caplog.messages)
    assert not _trains(tmp_path)


def _trains(folder: Path) -> list[str]:
    """Return the commands of processes that name a folder."""
    commands = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        commands += [words] if str(folder) in words and "pytest" not in words.split(str(folder))[0] else []
    return commands


def test_they_record_one_run_and_each_score_once(
    run: Fit, two: FitResult, write: Callable[..., Path], tmp_path: Path
) -> None:
    mlflow = pytest.importorskip("mlflow")
    folder = write(tmp_path, loggers=["mlflow"])
    assert train_together(folder, 2) == [0, 0]
    result = run(tmp_path, trainer=TWO, loggers=["mlflow"])
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    [found] = client.search_runs([client.get_experiment_by_name("groundwork").experiment_id])
    shown = [entry.value for entry in client.get_metric_history(found.info.run_id, "val/miou")]
    assert shown == pytest.approx(result.history["val/miou"].tolist())
    assert result.history["val/miou"].tolist() == two.history["val/miou"].tolist()
