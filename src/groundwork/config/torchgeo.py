"""Data that TorchGeo reads: one of its datamodules, or datasets for each split."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from groundwork.config.component import ComponentConfig, named
from groundwork.strict import Config


class SplitDatasets(Config):
    """Datasets of each split. Where a split names several, such as images and labels, they are joined on the ground."""

    train: tuple[ComponentConfig, ...] = Field(min_length=1)
    val: tuple[ComponentConfig, ...] = Field(min_length=1)
    test: tuple[ComponentConfig, ...] = Field(min_length=1)

    @field_validator("train", "val", "test", mode="before")
    @classmethod
    def _accept_one(cls, datasets: object) -> object:
        return [named(part) for part in (datasets if isinstance(datasets, list | tuple) else [datasets])]


class ObjectKeys(Config):
    """What samples call their objects, of a target ``per: object``."""

    #: Left, top, right and bottom edge of each box, in pixels; or the corners of turned boxes.
    boxes: str = "bbox_xyxy"
    #: Label value of each box. None: there is one class, and all are of it.
    labels: str | None = "label"
    #: Masks, where ``target.objects.masks`` asks for them. None: outlines are what the corners of ``boxes`` enclose.
    masks: str | None = "mask"
    #: Whether a sample that has no boxes at all is refused, or one without objects.
    without: Literal["refuse", "no_objects"] = "refuse"


class TorchGeoConfig(Config):
    """What TorchGeo reads, by import path and with the options of its own classes."""

    #: A datamodule, such as ``torchgeo.datamodules.LandCoverAIDataModule``; its loaders say what is read when. What it
    #: does to batches on the device (normalisation, augmentation) is left out: models standardise by themselves.
    datamodule: ComponentConfig | None = None
    #: Datasets of each split; instead of ``datamodule``.
    datasets: SplitDatasets | None = None
    #: Side of the windows that are cut from datasets that know where they lie, in pixels.
    chip_size: int | None = Field(default=None, gt=0)
    #: Random windows of the training split in an epoch. None: about as many as fit beside each other.
    length: int | None = Field(default=None, gt=0)
    #: Source -> what a sample calls its image. Empty: the only source is ``image``.
    keys: dict[str, str] = Field(default_factory=dict)
    #: What a sample calls its label.
    target_key: str = "mask"
    #: What a sample calls its objects, of a target ``per: object``.
    objects: ObjectKeys = ObjectKeys()

    @field_validator("datamodule", mode="before")
    @classmethod
    def _accept_bare_name(cls, part: object) -> object:
        return named(part)

    @model_validator(mode="after")
    def _check(self) -> TorchGeoConfig:
        if (self.datamodule is None) == (self.datasets is None):
            raise ValueError("give a 'datamodule', or 'datasets' for each split; one of both")
        if self.datasets is None and (self.chip_size is not None or self.length is not None):
            raise ValueError(
                "'chip_size' and 'length' are for 'datasets'; a datamodule has options of its own for them"
            )
        return self
