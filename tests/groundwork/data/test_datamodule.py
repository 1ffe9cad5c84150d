"""Loaders: every chip once an epoch, in an order of its own, the same for any number of worker processes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from groundwork.batch import Batch
from groundwork.config.training import SYMMETRIES, LoaderConfig
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.sampling.grid import ShuffledOrder
from groundwork.data.statistics import Statistics


def _module(data: LabelledData, statistics: Statistics, seed: int = 0, **loader: Any) -> ChipDataModule:
    config = LoaderConfig.model_validate({"batch_size": 4} | loader)
    return ChipDataModule(data, statistics, config, SYMMETRIES, seed)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    sampler = ShuffledOrder(50, seed=3)
    first = list(sampler)
    assert sorted(first) == list(range(50))
    torch.manual_seed(7)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    later = ShuffledOrder(50, seed=3)
    later.set_epoch(1)
    assert list(later) == list(sampler)
    assert list(ShuffledOrder(50, seed=4)) != first


def test_batches_are_the_same_for_any_number_of_workers(
    tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    def batches(workers: int) -> list[Batch]:
        loader = _module(tiny_labelled, tiny_statistics, num_workers=workers).train_dataloader()
        return list(loader)

    for one, other in zip(batches(0), batches(2), strict=True):
        assert one["sample_id"] == other["sample_id"]
        for key in ("images", "valid", "dates"):
            assert torch.equal(one[key]["optical"], other[key]["optical"])
        for key in ("target", "location"):
            assert torch.equal(one[key], other[key])


def test_training_sees_each_chip_once(
    tiny_data: SimpleNamespace, tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    seen = [name for batch in _module(tiny_labelled, tiny_statistics).train_dataloader() for name in batch["sample_id"]]
    train = tiny_data.samples[tiny_data.samples["split"] == "train"]["sample_id"].tolist()
    assert sorted(seen) == sorted(train)
    assert seen != train, "shuffled"


@pytest.mark.parametrize("split", ["val", "test"])
def test_validation_and_test_keep_the_order_of_the_table(
    tiny_data: SimpleNamespace, tiny_labelled: LabelledData, tiny_statistics: Statistics, split: str
) -> None:
    module = _module(tiny_labelled, tiny_statistics)
    loader = module.val_dataloader() if split == "val" else module.test_dataloader()
    seen = [name for batch in loader for name in batch["sample_id"]]
    assert seen == tiny_data.samples[tiny_data.samples["split"] == split]["sample_id"].tolist()


@pytest.mark.parametrize(("chips", "expected"), [(9, [4, 4]), (8, [4, 4]), (10, [4, 4, 2]), (1, [1])])
def test_no_training_batch_is_a_single_chip(
    tiny_labelled: LabelledData, tiny_statistics: Statistics, chips: int, expected: list[int]
) -> None:
    rows = pd.concat([tiny_labelled.samples.head(5)] * 2, ignore_index=True).head(chips).assign(split="train")
    data = LabelledData(rows, tiny_labelled.scenes, tiny_labelled.labels, tiny_labelled.inputs, tiny_labelled.target)
    sizes = [len(batch["sample_id"]) for batch in _module(data, tiny_statistics).train_dataloader()]
    assert sizes == expected


def test_only_training_batches_are_augmented(tiny_labelled: LabelledData, tiny_statistics: Statistics) -> None:
    module = _module(tiny_labelled, tiny_statistics)
    batch = next(iter(module.train_dataloader()))
    module.trainer = SimpleNamespace(training=False, current_epoch=0)  # type: ignore[assignment]
    assert torch.equal(module.on_after_batch_transfer(batch, 0)["images"]["optical"], batch["images"]["optical"])
    module.trainer = SimpleNamespace(training=True, current_epoch=0)  # type: ignore[assignment]
    first = module.on_after_batch_transfer(batch, 0)["images"]["optical"]
    assert not torch.equal(first, batch["images"]["optical"])
    module.trainer = SimpleNamespace(training=True, current_epoch=1)  # type: ignore[assignment]
    assert not torch.equal(module.on_after_batch_transfer(batch, 0)["images"]["optical"], first)
