"""Loaders over data that TorchGeo reads."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader

from groundwork.batch import Chip
from groundwork.config.data import only_source
from groundwork.config.torchgeo import TorchGeoConfig
from groundwork.config.training import LoaderConfig
from groundwork.data.cells import counted
from groundwork.data.epoch_loader import EpochLoader
from groundwork.data.statistics import BandStatistics, Moments, Statistics, summary_of
from groundwork.data.torchgeo.chips import TorchGeoChips, collate_chips, require_positions
from groundwork.data.torchgeo.reading import Reading, read_torchgeo, seeded
from groundwork.errors import DataError, SpecError
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kinds import kind_of

#: Colours for the classes of datasets that name them only.
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")

#: Datasets whose labels are not the positions of the classes that they name: those of LoveDA begin at 1, 0 is no data.
OTHERWISE_LABELLED = frozenset({"LoveDA"})


class TorchGeoData(LightningDataModule):
    """Gives batches of this library from any dataset or datamodule of TorchGeo that has images and labels.

    Its files, folders, transforms and samplers stay as they are; values reach the model as the dataset gives them.
    """

    def __init__(
        self,
        config: TorchGeoConfig,
        inputs: Mapping[str, RasterSpec],
        target: TargetSpec | None,
        loader: LoaderConfig,
        seed: int,
    ) -> None:
        """Build what reads each split.

        Args:
            config: Names the datamodule, or the datasets.
            inputs: Source -> what its images hold: the bands in the order of the dataset, and nodata.
            target: What labels hold. None: the classes that the training dataset names.
            loader: Batch size and processes, for datasets; a datamodule has its own.
            seed: Seed of all that is drawn.

        Raises:
            SpecError: For a target that no task learns yet, or keys for other sources.
            ComponentError: For names and options that TorchGeo does not know.
            DataError: Where files are not there, or a dataset does not name its classes.
        """
        super().__init__()
        keys = config.keys or {only_source(inputs, "a dataset of TorchGeo without 'keys'"): "image"}
        if set(keys) != set(inputs):
            raise SpecError(f"'keys' must name the image of each source: it names {sorted(keys)}, not {sorted(inputs)}")
        if target is not None:
            kind_of(target)
            require_positions(target)
        readings = read_torchgeo(config, loader, seed)
        self.inputs, self.target = dict(inputs), target or classes_of(readings["train"].dataset, config.target_key)
        self._kind, self._readings, self._seed = kind_of(self.target), readings, seed
        self._chips = {
            split: TorchGeoChips(reading.dataset, keys, config, self.inputs, self._kind)
            for split, reading in readings.items()
        }

    def train_dataloader(self) -> DataLoader[Chip]:
        """Training chips, as the sampler draws them."""
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[Chip]:
        """Validation chips."""
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Chip]:
        """Test chips."""
        return self._loader("test")

    def _loader(self, split: str) -> DataLoader[Any]:
        reading: Reading = self._readings[split]
        return EpochLoader(
            self._chips[split],
            batch_sampler=reading.batches,
            collate_fn=collate_chips,
            num_workers=reading.num_workers,
            persistent_workers=reading.num_workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def compute_statistics(self) -> Statistics:
        """Read the training chips of one epoch once: mean and deviation of each band, and what labels add up to.

        Raises:
            DataError: Where a band holds one and the same value everywhere.
        """
        moments = {source: Moments(spec.num_channels) for source, spec in self.inputs.items()}
        sums = np.zeros(self._kind.num_terms)
        num_known = 0
        with seeded(self._seed):
            for query in [query for batch in self._readings["train"].batches for query in batch]:
                patch = self._chips["train"][query].patch
                for source, part in moments.items():
                    part.add(_moments(patch.values[source], patch.valid[source]))
                terms = self._kind.terms(np.asarray(patch.target))
                sums += counted(self._kind, np.array([term.sum() for term in terms]))
                num_known += int(patch.known.sum())
        sources = {source: _by_band(source, moments[source], spec) for source, spec in self.inputs.items()}
        return Statistics(sources=sources, target=summary_of(self._kind, sums), valid_pixels=num_known)


def classes_of(dataset: object, target_key: str = "mask") -> TargetSpec:
    """Return the classes that a dataset of TorchGeo names, whose labels are their positions.

    What TorchGeo's samples call ``label`` is one class for the image, what they call ``mask`` one for each pixel.

    Raises:
        DataError: Where it names none, or its labels are not their positions.
    """
    # Parts of a dataset, and joined ones, keep the whole ones inside.
    waiting = [dataset]
    while waiting:
        part = waiting.pop(0)
        names = getattr(part, "classes", None)
        if names is not None and len(names):
            if type(part).__name__ in OTHERWISE_LABELLED or not all(isinstance(name, str | Integral) for name in names):
                raise DataError(
                    f"{type(part).__name__} names its classes in another order than its labels have: declare the "
                    "target, with the value of each class."
                )
            texts = [str(name) for name in names]
            if len(texts) == 1:
                raise DataError(
                    f"{type(part).__name__} names one class alone, {texts}, and not what all else is: declare the "
                    "target, with its classes."
                )
            return TargetSpec.model_validate(
                {
                    "per": "image" if target_key == "label" else "pixel",
                    "classes": [
                        {"value": value, "name": name, "color": COLORS[value % len(COLORS)]}
                        for value, name in enumerate(texts)
                    ],
                }
            )
        waiting += [inner for inner in (getattr(part, "dataset", None), *getattr(part, "datasets", ())) if inner]
    raise DataError(f"{type(dataset).__name__} does not name its classes: declare the target, with its classes.")


def _moments(values: np.ndarray[Any, Any], valid: np.ndarray[Any, Any]) -> Moments:
    held = values.astype(np.float64).reshape(len(values), -1, *valid.shape)[:, :, valid].reshape(len(values), -1)
    moments = Moments(len(values))
    if held.size:
        moments.count, moments.mean = held.shape[1], held.mean(axis=1)
        moments.squares = ((held - moments.mean[:, None]) ** 2).sum(axis=1)
        moments.minimum, moments.maximum = held.min(axis=1), held.max(axis=1)
    return moments


def _by_band(source: str, moments: Moments, spec: RasterSpec) -> dict[str, BandStatistics]:
    constant = [band.name for band, std in zip(spec.used, moments.std, strict=True) if not std > 0]
    if constant:
        raise DataError(
            f"Band(s) {constant} of source '{source}' hold one and the same value in all of the training split; "
            "nothing can be learnt from them. Leave them out of the dataset's bands."
        )
    numbers = zip(moments.mean, moments.std, moments.minimum, moments.maximum, strict=True)
    return {
        band.name: BandStatistics(mean=float(mean), std=float(std), minimum=float(low), maximum=float(high))
        for band, (mean, std, low, high) in zip(spec.used, numbers, strict=True)
    }
