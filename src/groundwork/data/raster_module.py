"""Rasters in folders as a datamodule of Lightning: described as in a recipe, prepared when a training begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from lightning import LightningDataModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from groundwork.batch import Batch
from groundwork.config.component import ComponentConfig
from groundwork.config.data import DataConfig
from groundwork.config.indexing import IndexingConfig
from groundwork.config.stated import Stated, StatedList, read_stated
from groundwork.config.training import GRID, SYMMETRIES, LoaderConfig
from groundwork.data.augmentation.augmenter import check_augmentation
from groundwork.data.chips import LabelledData, labelled
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.places import PlacesConfig
from groundwork.data.plain_batches import PlainBatches
from groundwork.data.preparing import PreparedData, prepare_data, read_prepared
from groundwork.data.statistics import Statistics
from groundwork.errors import DataError, SpecError
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.strict import Config


class Reading(Config):
    """How training batches are read, where no task of this library says it."""

    loader: LoaderConfig = LoaderConfig()
    augmentation: tuple[ComponentConfig, ...] = SYMMETRIES


class RasterDataModule(LightningDataModule):
    """Chips of rasters and labels that lie in folders.

    A training looks through all scenes, splits their chips and computes statistics. What comes of it is kept in a
    folder, from which validation and test read it.
    """

    def __init__(
        self,
        places: Stated,
        data: Stated,
        indexing: Stated | None = None,
        folder: str | None = None,
        seed: int | None = None,
        batches: Literal["groundwork", "torchgeo"] = "groundwork",
        loader: Stated | None = None,
        augmentation: StatedList | None = None,
    ) -> None:
        """Read what is stated; no file is opened.

        Args:
            places: Where all that is read lies: see :class:`groundwork.data.places.PlacesConfig`.
            data: What rasters and labels hold, and how they are cut and split, as under ``data`` in a recipe.
            indexing: Who looks through the scenes.
            folder: Where samples, statistics and packed chips are kept. None: the ``output`` of the command.
            seed: Of splits and augmentation. None: the ``seed_everything`` of the command, or 0.
            batches: groundwork: images by source, with validity, as this library's tasks take them. torchgeo: one
                standardised ``image`` with ``mask`` or ``label``, as TorchGeo's trainers take them.
            loader: How batches are read, for trainers of others; a task of this library says it under ``training``.
            augmentation: Changes to training chips, likewise.

        Raises:
            SpecError: For what is not as it should be, with each key.
            ComponentError: For a change that is unknown, or one of its options.
        """
        super().__init__()
        self.places = read_stated(PlacesConfig, places, "places")
        self.config = read_stated(DataConfig, data, "data")
        self.indexing = read_stated(IndexingConfig, indexing or {}, "indexing")
        #: What is stated of batches; nothing where a task says it.
        self.stated_reading: dict[str, Any] = {"loader": loader} if loader is not None else {}
        self.stated_reading |= {"augmentation": augmentation} if augmentation is not None else {}
        reading = read_stated(Reading, _with_names(self.stated_reading), "data")
        check_augmentation(reading.augmentation, self.config.sources, self.config.target)
        self._plain = PlainBatches(self.config) if batches == "torchgeo" else None
        self.folder, self.seed = None if folder is None else Path(folder), seed or 0
        self._reading = (reading.loader, reading.augmentation, GRID)
        self._prepared: PreparedData | None = None
        self._chips: ChipDataModule | None = None

    @property
    def inputs(self) -> dict[str, RasterSpec]:
        """Source -> what its rasters hold."""
        return self.config.sources

    @property
    def target(self) -> TargetSpec:
        """What labels hold."""
        return self.config.target

    @property
    def prepared(self) -> PreparedData:
        """Samples and statistics.

        Raises:
            DataError: Before :meth:`setup`.
        """
        if self._prepared is None:
            raise DataError("The data is not prepared yet: call setup('fit') first.")
        return self._prepared

    def compute_statistics(self) -> Statistics:
        """Return what the training split holds."""
        return self.prepared.statistics

    def read_as(
        self, loader: LoaderConfig, augmentation: tuple[ComponentConfig, ...], sampling: ComponentConfig
    ) -> None:
        """Read batches as a task of this library states it.

        Raises:
            SpecError: Where it is stated here too.
        """
        self.require_one_reading()
        self._reading, self._chips = (loader, augmentation, sampling), None

    def require_one_reading(self) -> None:
        """Refuse to read batches as a task states it, where it is stated here too.

        Raises:
            SpecError: With the keys.
        """
        if self.stated_reading:
            raise SpecError(
                f"{sorted(self.stated_reading)} of the data say how batches are read, and so does 'training' of the "
                "task: leave them out of the data."
            )

    def setup(self, stage: str) -> None:
        """Prepare the data for a training; for validation and test read what was prepared.

        Raises:
            SpecError: Without a folder to keep it in.
            GroundworkError: As of :func:`groundwork.data.preparing.prepare_data`.
        """
        if self.folder is None:
            raise SpecError(
                "The data needs a folder for samples and statistics: set 'output' of the command, or 'folder' of "
                "RasterDataModule."
            )
        if self._prepared is not None:
            return
        if stage == "fit":
            given = (self.places, self.config, self.indexing, self.seed, self.folder)
            self._prepared = prepare_data(*given)
        else:
            self._prepared = read_prepared(self.places, self.folder)

    def labelled(self) -> LabelledData:
        """Return the samples with what their chips are read from."""
        given = self.prepared
        return labelled(given.samples, given.scenes, given.labels, (self.inputs, self.target), given.store)

    def train_dataloader(self) -> DataLoader[Any]:
        """Training chips: see :meth:`ChipDataModule.train_dataloader`."""
        return self._loaders().train_dataloader()

    def val_dataloader(self) -> DataLoader[Any]:
        """Validation chips in the order of the table."""
        return self._loaders().val_dataloader()

    def test_dataloader(self) -> DataLoader[Any]:
        """Test chips in the order of the table."""
        return self._loaders().test_dataloader()

    def predict_dataloader(self) -> DataLoader[Any]:
        """Test chips in the order of the table; whole scenes are predicted with a bundle."""
        return self._loaders().test_dataloader()

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch | dict[str, Tensor]:
        """Augment training batches on the device, and bring all to the form that is asked for."""
        batch = self._loaders().on_after_batch_transfer(batch, dataloader_idx)
        return batch if self._plain is None else self._plain.of(batch, self.prepared.statistics)

    def _loaders(self) -> ChipDataModule:
        if self._chips is None:
            loader, augmentation, sampling = self._reading
            self._chips = ChipDataModule(
                self.labelled(), self.prepared.statistics, loader, augmentation, self.seed, sampling
            )
        trainer: Trainer | None = self.trainer
        self._chips.trainer = trainer
        return self._chips


def _with_names(stated: dict[str, Any]) -> dict[str, Any]:
    """Return the same, bare names written out."""
    changes = stated.get("augmentation")
    if not isinstance(changes, list):
        return stated
    return {**stated, "augmentation": [{"name": part} if isinstance(part, str) else part for part in changes]}
