"""Batches for training, validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from groundwork.batch import Batch, Chip, collate
from groundwork.config.component import ComponentConfig
from groundwork.config.data import read_by_model
from groundwork.config.training import GRID, LoaderConfig
from groundwork.data.augmentation.augmenter import Augmenter
from groundwork.data.augmentation.base import Described
from groundwork.data.chips import LabelledData
from groundwork.data.epoch_loader import EpochLoader
from groundwork.data.sampling import SAMPLINGS
from groundwork.data.sampling.base import Sampling
from groundwork.data.shares import Order, Share, ShareBatches, ShareChips, collate_share
from groundwork.data.statistics import Statistics
from groundwork.registry import build


class ChipDataModule(LightningDataModule):
    """Loaders over the sample table, with augmentation of training batches."""

    def __init__(
        self,
        data: LabelledData,
        statistics: Statistics,
        loader: LoaderConfig,
        augmentation: Sequence[ComponentConfig],
        seed: int,
        sampling: ComponentConfig = GRID,
    ) -> None:
        """Build the changes to training chips.

        Args:
            data: Samples, and what chips are read from.
            statistics: Of the training split.
            loader: How batches are read.
            augmentation: Changes to training chips.
            seed: Of the run.
            sampling: Which chips an epoch of training is made of.

        Raises:
            ComponentError, SpecError: As of :class:`groundwork.data.augmentation.augmenter.Augmenter`.
        """
        super().__init__()
        self._data, self._loader, self._seed, self._sampling = data, loader, seed, sampling
        seen = read_by_model(data.inputs)
        bands = {source: statistics.of_bands(source, spec) for source, spec in seen.items()}
        mean = {source: torch.tensor([band.mean for band in of_source]) for source, of_source in bands.items()}
        std = {source: torch.tensor([band.std for band in of_source]) for source, of_source in bands.items()}
        self._augmenter = Augmenter(augmentation, Described(seen, data.target, mean, std), seed)

    def train_dataloader(self) -> DataLoader[Any]:
        """Training chips, others or in another order each epoch; the last batch may be smaller, but no single chip.

        In several processes, those of this process: see :class:`groundwork.data.shares.ShareBatches`.

        Raises:
            ComponentError, SpecError: Where they cannot be chosen as configured.
        """
        sampling = build(Sampling, SAMPLINGS, self._sampling, self._data, self._seed, where="training.sampling")
        return self._make_loader(sampling.chips(), sampling.order(), training=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Validation chips in the order of the table; in several processes, those of this process."""
        chips = self._data.chips("val")
        return self._make_loader(chips, SequentialSampler(chips))

    def test_dataloader(self) -> DataLoader[Any]:
        """Test chips in the order of the table; in several processes, those of this process."""
        chips = self._data.chips("test")
        return self._make_loader(chips, SequentialSampler(chips))

    def _make_loader(self, chips: Dataset[Chip], order: Order, *, training: bool = False) -> DataLoader[Any]:
        size, workers, trainer = self._loader.batch_size, self._loader.num_workers, self.trainer
        reading: dict[str, Any] = {
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "pin_memory": torch.cuda.is_available(),
            # Else a seed for processes is drawn from what dropout draws from: more often where there are none of them.
            "generator": torch.Generator().manual_seed(self._seed),
        }
        if trainer is None or trainer.world_size == 1:
            drop_last = training and len(order) > size and len(order) % size == 1
            return EpochLoader(
                chips, batch_size=size, sampler=order, collate_fn=collate, drop_last=drop_last, **reading
            )
        batches = ShareBatches(order, Share(trainer.global_rank, trainer.world_size), size, training=training)
        return EpochLoader(ShareChips(chips), batch_sampler=batches, collate_fn=collate_share, **reading)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Augment training batches on the device."""
        if self.trainer is None or not self.trainer.training:
            return batch
        return self._augmenter.augment(batch, self.trainer.current_epoch)
