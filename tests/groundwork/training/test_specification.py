"""What processes are told is all that the training is made from, in plain files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from groundwork.batch import collate
from groundwork.bundle import Bundle
from groundwork.config import TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.label_sources import Labels
from groundwork.data.label_table import LabelTable
from groundwork.data.packed import open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.statistics import Statistics
from groundwork.errors import GroundworkError, PairingError, RasterError, TrainingError
from groundwork.rasters.addresses import place_of
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.shared import SharedFiles
from groundwork.training.processes import _again
from groundwork.training.reports import failures_in, finished_in, forget_failures, leave_failure, leave_finished
from groundwork.training.specification import Run, read_run, write_run


@pytest.fixture
def run(
    tiny_initial: Bundle,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: Callable[..., TrainingConfig],
    tmp_path: Path,
) -> Run:
    training = make_training(
        loss=[{"name": "cross_entropy", "class_weights": [1, 2, 0.5]}, {"name": "dice", "weight": 0.3}],
        augmentation=[{"name": "gain", "limit": 0.1}],
        trainer={"accelerator": "cpu", "devices": 2},
    )
    return Run(tiny_initial, tiny_labelled, tiny_statistics, training, 7, tmp_path / "run")


def test_a_run_comes_back_as_it_was_written(run: Run) -> None:
    folder = write_run(run)
    read = read_run(folder)
    assert (read.training, read.statistics, read.seed, read.folder) == (run.training, run.statistics, 7, run.folder)
    assert read.initial.config == run.initial.config
    assert all(torch.equal(read.initial.weights[name], value) for name, value in run.initial.weights.items())
    for split in ("train", "val"):
        one, other = (collate([data.chips(split)[index] for index in range(4)]) for data in (run.data, read.data))
        assert one["sample_id"] == other["sample_id"]
        assert torch.equal(one["images"]["optical"], other["images"]["optical"])
        assert torch.equal(one["target"], other["target"])
        assert torch.equal(one["location"], other["location"])
    names = sorted(file.name for file in folder.rglob("*") if file.is_file())
    assert names == ["bundle.json", "run.json", "samples.csv", "weights.safetensors"]


@pytest.mark.parametrize(
    "labels",
    [
        None,
        SharedFiles(Path("/data"), ("a.gpkg", "b.gpkg")),
        LabelTable(Path("/data"), "labels.csv", {"007": {"class": "water", "yield": None}}),
        RasterFolder(place_of("/vsicurl/https://host/labels"), {}),
    ],
)
def test_labels_of_each_form_come_back(run: Run, labels: Labels) -> None:
    read = read_run(write_run(replace(run, data=replace(run.data, labels=labels))))
    assert read.data.labels == labels
    if labels is not None:
        assert str(read.data.labels.root) == str(labels.root)  # type: ignore[union-attr]


def test_packed_chips_are_read_where_they_are(run: Run, tmp_path: Path) -> None:
    store_chips(ChipsToStore(run.data, "packed"), tmp_path / "packed")
    data = replace(run.data, store=open_store(tmp_path / "packed"))
    read = read_run(write_run(replace(run, data=data)))
    assert read.data.store == data.store
    assert len(read.data.chips("train")) == len(run.data.chips("train"))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"run.json cannot be read as the description of a training.*Name the fold"):
        read_run(tmp_path)


def test_errors_come_back_as_what_they_were(tmp_path: Path) -> None:
    raster = RasterError("a.tif", "nothing", "something", "Look: at 'b'.")
    errors: list[GroundworkError] = [raster, PairingError("two: 'a'\nand 'b'"), TrainingError("the loss")]
    for rank, error in enumerate(errors):
        leave_failure(tmp_path, rank, error)
        (found,) = failures_in(tmp_path)
        again = _again(found)
        assert (type(again), str(again)) == (type(error), str(error))
        forget_failures(tmp_path)
    assert failures_in(tmp_path) == []


def test_a_history_comes_back_to_the_last_digit(tmp_path: Path) -> None:
    assert finished_in(tmp_path) is None
    rows = [{"epoch": 0.0, "val/miou": 1 / 3, "train/loss": 1e-300}]
    leave_finished(tmp_path, rows)
    assert finished_in(tmp_path) == rows
