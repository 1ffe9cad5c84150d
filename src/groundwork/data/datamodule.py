"""Batches for training, validation and test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Sampler

from groundwork.batch import Batch, collate
from groundwork.config.data import read_by_model
from groundwork.config.training import AugmentationConfig, LoaderConfig
from groundwork.data.augment import augment
from groundwork.data.chips import ChipDataset, LabelledData
from groundwork.data.statistics import Statistics


class ShuffledSampler(Sampler[int]):
    """A new order each epoch, that depends on seed and epoch alone: a resumed run sees what an unbroken one saw."""

    def __init__(self, length: int, seed: int) -> None:
        self._length, self._seed, self._epoch = length, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        yield from torch.randperm(self._length, generator=generator).tolist()


class ChipDataModule(LightningDataModule):
    """Loaders over the sample table, with augmentation of training batches."""

    def __init__(
        self,
        data: LabelledData,
        statistics: Statistics,
        loader: LoaderConfig,
        augmentation: AugmentationConfig,
        seed: int,
    ) -> None:
        super().__init__()
        self._data, self._loader, self._augmentation, self._seed = data, loader, augmentation, seed
        self._std = {
            source: torch.tensor([band.std for band in statistics.of_bands(source, spec)])
            for source, spec in read_by_model(data.inputs).items()
        }

    def train_dataloader(self) -> DataLoader[Any]:
        """Training chips in a new order each epoch; the last batch may be smaller, but never a single chip."""
        chips = self._data.chips("train")
        size = self._loader.batch_size
        drop_last = len(chips) > size and len(chips) % size == 1
        sampler = ShuffledSampler(len(chips), self._seed)
        return self._make_loader(chips, sampler=sampler, drop_last=drop_last)

    def val_dataloader(self) -> DataLoader[Any]:
        """Validation chips in the order of the table."""
        return self._make_loader(self._data.chips("val"))

    def test_dataloader(self) -> DataLoader[Any]:
        """Test chips in the order of the table."""
        return self._make_loader(self._data.chips("test"))

    def _make_loader(
        self, chips: ChipDataset, sampler: Sampler[int] | None = None, drop_last: bool = False
    ) -> DataLoader[Any]:
        workers = self._loader.num_workers
        return DataLoader(
            chips,
            collate_fn=collate,
            batch_size=self._loader.batch_size,
            sampler=sampler,
            drop_last=drop_last,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Augment training batches on the device."""
        if self.trainer is None or not self.trainer.training:
            return batch
        optional = [source for source, spec in self._data.inputs.items() if spec.optional]
        return augment(batch, self._augmentation, self._std, self._seed, self.trainer.current_epoch, optional)
