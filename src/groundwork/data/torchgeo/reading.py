"""What TorchGeo reads in each split: which dataset, and in which order."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import and_
from typing import Any, cast

import numpy as np
import torch
from lightning import LightningDataModule
from lightning.pytorch.utilities.seed import isolate_rng
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler
from torchgeo.datasets import DatasetNotFoundError, DependencyNotFoundError, GeoDataset
from torchgeo.samplers import GeoSampler, GridGeoSampler, RandomGeoSampler

from groundwork.config.component import ComponentConfig
from groundwork.config.split import SPLITS
from groundwork.config.torchgeo import SplitDatasets, TorchGeoConfig
from groundwork.config.training import LoaderConfig
from groundwork.data.sampling.base import EpochOrder
from groundwork.data.sampling.grid import ShuffledOrder
from groundwork.errors import ComponentError, DataError
from groundwork.registry import find, located

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of a split."""

    dataset: Dataset[Mapping[str, Any]]
    #: Numbers of samples, or windows, one batch after the other.
    batches: Sampler[list[Any]]
    num_workers: int = 0


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let samplers, and what datasets draw themselves, draw from a seed; afterwards all generators are as they were."""
    with isolate_rng(include_cuda=False):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries beside ours draw from the global generator
        random.seed(seed)
        yield


class SeededSampler(EpochOrder[Any]):
    """What a sampler of TorchGeo draws, but from seed and epoch alone: a resumed run sees what an unbroken one saw."""

    def __init__(self, sampler: GeoSampler, seed: int) -> None:
        super().__init__(len(sampler), seed)
        self._sampler = sampler

    def __iter__(self) -> Iterator[Any]:
        """Yield the windows of the epoch."""
        with seeded(self.draw):
            windows = list(self._sampler)
        yield from windows


def read_torchgeo(config: TorchGeoConfig, loader: LoaderConfig, seed: int) -> dict[str, Reading]:
    """Return what is read of each split.

    Args:
        config: Names the datamodule, or the datasets.
        loader: Batch size and processes, for datasets.
        seed: Seed of all that is drawn.

    Raises:
        ComponentError: For names and options that TorchGeo does not know.
        DataError: Where the files are not there.
    """
    if config.datamodule is not None:
        return _of_datamodule(config.datamodule, seed)
    return _of_datasets(cast("SplitDatasets", config.datasets), config, loader, seed)


def _build(config: ComponentConfig, kind: type, where: str) -> Any:  # noqa: ANN401 - whatever class is named
    """Build a class of TorchGeo, whose options are arguments of any kind."""
    with located(where), _explained(where):
        found = find({}, config.name)
        if not issubclass(found, kind):
            raise ComponentError(f"'{config.name}' is {found}, which is no {kind.__name__}")
        try:
            return found(**config.options)
        except (TypeError, ValueError, AssertionError) as error:
            raise ComponentError(f"'{config.name}' cannot be built with {config.options}: {error}") from error


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Say in a sentence what a class of TorchGeo misses."""
    try:
        yield
    except DatasetNotFoundError as error:
        raise DataError(f"{where}: {error}") from error
    except DependencyNotFoundError as error:
        raise ComponentError(f"{str(error).partition('. ')[0]}: install this package") from error


def _of_datamodule(config: ComponentConfig, seed: int) -> dict[str, Reading]:
    module: LightningDataModule = _build(config, LightningDataModule, "datamodule")
    _warn_of_changed_batches(module)
    readings = {}
    for split, stage in zip(SPLITS, ("fit", "validate", "test"), strict=True):
        # Each stage may divide the data anew, and must do so alike.
        with seeded(seed), located("datamodule"), _explained("datamodule"):
            if split == "train":
                module.prepare_data()
            module.setup(stage)
        loader: DataLoader[Any] = _loader_of(module, split)
        batches = loader.batch_sampler or BatchSampler(loader.sampler, 1, drop_last=False)
        readings[split] = Reading(loader.dataset, cast("Sampler[list[Any]]", batches), loader.num_workers)
    return readings


def _warn_of_changed_batches(module: LightningDataModule) -> None:
    """Tell of a datamodule whose labels are others on the device: classes declared by those would be other classes."""
    from torchgeo.datamodules import BaseDataModule  # noqa: PLC0415 - loads slowly

    known = (BaseDataModule.on_after_batch_transfer, LightningDataModule.on_after_batch_transfer)
    if type(module).on_after_batch_transfer not in known:
        logger.warning(
            "%s changes batches on the device by a method of its own (on_after_batch_transfer), which may give labels "
            "other values; this is left out. Declare images and labels as its datasets give them.",
            type(module).__name__,
        )


def _loader_of(module: LightningDataModule, split: str) -> Any:  # noqa: ANN401 - of whatever the module reads
    from torchgeo.datamodules import MisconfigurationException, NonGeoDataModule  # noqa: PLC0415 - loads slowly

    try:
        loader = getattr(module, f"{split}_dataloader")()
    except MisconfigurationException as error:
        raise DataError(
            f"datamodule: {type(module).__name__} has no samples for '{split}' ({error}). Name the datasets of each "
            "split by 'datasets' instead of 'datamodule', those for testing with labels."
        ) from error
    if split != "train" and isinstance(module, NonGeoDataModule) and getattr(module, f"{split}_dataset") is None:
        logger.warning(
            "%s has no samples of its own for '%s', and gives all that it has: scores would count what was seen in "
            "training. Name the datasets of each split by 'datasets' instead of 'datamodule'.",
            *(type(module).__name__, split),
        )
    return loader


def _of_datasets(splits: SplitDatasets, config: TorchGeoConfig, loader: LoaderConfig, seed: int) -> dict[str, Reading]:
    stated: dict[str, tuple[ComponentConfig, ...]] = {name: getattr(splits, name) for name in SPLITS}
    _warn_of_same_samples(stated)
    datasets = {split: _joined(parts, f"datasets.{split}") for split, parts in stated.items()}
    _warn_of_shared_ground(datasets)
    readings = {}
    for split, dataset in datasets.items():
        sampler = _sampler(split, dataset, config, seed)
        # A single sample in the last batch would have no statistics of its own in training.
        drop_last = split == "train" and len(sampler) > loader.batch_size and len(sampler) % loader.batch_size == 1
        readings[split] = Reading(dataset, BatchSampler(sampler, loader.batch_size, drop_last), loader.num_workers)
    return readings


def _joined(parts: tuple[ComponentConfig, ...], where: str) -> Any:  # noqa: ANN401 - whatever class is named
    built = [_build(part, Dataset, where) for part in parts]
    if len(built) > 1 and not all(isinstance(part, GeoDataset) for part in built):
        raise ComponentError(
            f"{where}: only datasets that know where they lie are joined; {[type(part).__name__ for part in built]} "
            "are not all such. Name one."
        )
    try:
        return reduce(and_, built)
    except RuntimeError as error:
        raise DataError(f"{where}: the datasets cannot be joined: {error}") from error


def _sampler(split: str, dataset: Any, config: TorchGeoConfig, seed: int) -> Any:  # noqa: ANN401 - as above
    if not isinstance(dataset, GeoDataset):
        return ShuffledOrder(len(dataset), seed) if split == "train" else range(len(dataset))
    if config.chip_size is None:
        raise ComponentError("Windows are cut from datasets that know where they lie: state 'chip_size', in pixels.")
    _require_room(split, dataset, config.chip_size)
    if split == "train":
        return SeededSampler(RandomGeoSampler(dataset, config.chip_size, config.length), seed)
    return GridGeoSampler(dataset, config.chip_size, config.chip_size)


def _require_room(split: str, dataset: GeoDataset, chip_size: int) -> None:
    """Refuse ground on which no window fits, and warn of areas that the samplers of TorchGeo pass over."""
    index, (width, height) = cast("Any", dataset.index), dataset.res
    bounds = index.geometry.bounds
    columns, rows = (bounds.maxx - bounds.minx) / width, (bounds.maxy - bounds.miny) / height
    narrow = (columns < chip_size) | (rows < chip_size)
    if narrow.all():
        raise DataError(
            f"datasets.{split}: no window of {chip_size} x {chip_size} pixels fits: the largest of {len(index)} "
            f"area(s) has {rows.max():.0f} x {columns.max():.0f} pixels (height x width). Set a smaller 'chip_size'."
        )
    if narrow.any():
        logger.warning(
            "datasets.%s: %d of %d areas have less than %d x %d pixels and are passed over. Set a smaller 'chip_size' "
            "to read them, too.",
            *(split, narrow.sum(), len(index), chip_size, chip_size),
        )


def _warn_of_same_samples(datasets: Mapping[str, tuple[ComponentConfig, ...]]) -> None:
    for first, second in combinations(datasets, 2):
        if datasets[first] == datasets[second]:
            logger.warning(
                "The datasets of '%s' and '%s' are the same, with the same options: scores would count what was seen "
                "in training. Most take the option 'split'.",
                *(first, second),
            )


def _warn_of_shared_ground(datasets: Mapping[str, Any]) -> None:
    for first, second in combinations(datasets, 2):
        one, other = datasets[first], datasets[second]
        if isinstance(one, GeoDataset) and isinstance(other, GeoDataset):
            ground = other.index.to_crs(one.crs).union_all()
            if one.index.union_all().intersection(ground).area > 0:
                logger.warning(
                    "The datasets of '%s' and '%s' share ground: scores would count what was seen in training. Give "
                    "each split files of its own.",
                    first,
                    second,
                )
