"""Batches of several processes: no chip is lost or asked for twice, and together they are those of one process."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler, SequentialSampler

from groundwork.config.training import SYMMETRIES, LoaderConfig
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.sampling.grid import ShuffledOrder
from groundwork.data.shares import Order, Share, ShareBatches, ShareChips
from groundwork.data.statistics import Statistics
from groundwork.errors import TrainingError


def _of_all(order: Order, count: int, size: int, *, training: bool) -> list[list[list[tuple[int, bool]]]]:
    shares = [ShareBatches(order, Share(rank, count), size, training=training) for rank in range(count)]
    found = [[[(key.key, key.own) for key in batch] for batch in share] for share in shares]
    assert [len(share) for share in shares] == [len(batches) for batches in found]
    return found


@given(length=st.integers(1, 60), count=st.integers(1, 5), size=st.integers(1, 7), training=st.booleans())
def test_batches_of_all_processes_are_those_of_one(length: int, count: int, size: int, training: bool) -> None:
    order = ShuffledOrder(length, seed=1) if training else SequentialSampler(range(length))
    found = _of_all(order, count, size, training=training)
    assert len({len(batches) for batches in found}) == 1, "a process would wait for others in vain"
    keys, whole = list(order), size * count
    for number in range(len(found[0])):
        together = sorted(key for batches in found for key, own in batches[number] if own)
        assert together == sorted(keys[number * whole : (number + 1) * whole])
    lost = length - sum(own for batches in found for batch in batches for _, own in batch)
    single = training and length > whole and length % whole == 1
    assert lost == single, "only a single chip of all is left out, as in one process"
    least = min(2, size) if training else 1
    assert all(least <= len(batch) <= max(size, least) for batches in found for batch in batches)


def test_epochs_have_other_orders_that_all_processes_agree_on() -> None:
    order = ShuffledOrder(20, seed=3)
    first = _of_all(order, 2, 4, training=True)
    order.set_epoch(1)
    second = _of_all(order, 2, 4, training=True)
    assert first != second
    order.set_epoch(0)
    assert _of_all(order, 2, 4, training=True) == first


def test_a_loader_reads_the_share_of_its_process(
    tiny_data: SimpleNamespace, tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    def batches(rank: int) -> list[tuple[list[str], torch.Tensor | None]]:
        module = ChipDataModule(tiny_labelled, tiny_statistics, LoaderConfig(batch_size=5), SYMMETRIES, 0)
        module.trainer = SimpleNamespace(global_rank=rank, world_size=4)  # type: ignore[assignment]
        return [(batch["sample_id"], batch.get("own")) for batch in module.val_dataloader()]

    names = tiny_data.samples.query("split == 'val'")["sample_id"].tolist()
    assert len(names) == 6
    assert batches(0) == [([names[0], names[4]], None)]
    assert batches(3) == [([names[3]], None)]


@pytest.mark.parametrize(("rank", "expected"), [(0, [True]), (1, [False])])
def test_where_chips_are_too_few_others_fill_up(
    tiny_labelled: LabelledData, tiny_statistics: Statistics, rank: int, expected: list[bool]
) -> None:
    rows = tiny_labelled.samples.head(1).assign(split="val")
    data = LabelledData(rows, tiny_labelled.scenes, tiny_labelled.labels, tiny_labelled.inputs, tiny_labelled.target)
    module = ChipDataModule(data, tiny_statistics, LoaderConfig(batch_size=5), SYMMETRIES, 0)
    module.trainer = SimpleNamespace(global_rank=rank, world_size=2)  # type: ignore[assignment]
    (batch,) = module.val_dataloader()
    assert batch["sample_id"] == rows["sample_id"].tolist()
    assert batch.get("own", torch.ones(1, dtype=torch.bool)).tolist() == expected


def test_shares_are_not_divided_once_more(tiny_labelled: LabelledData) -> None:
    """Lightning makes such a sampler, unless its Trainer is told not to."""
    chips = ShareChips(tiny_labelled.chips("train"))
    with pytest.raises(TrainingError, match="use_distributed_sampler=False"):
        DistributedSampler(chips, num_replicas=2, rank=0)
