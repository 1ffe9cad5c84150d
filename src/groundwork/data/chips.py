"""Read the sample table's rows as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NotRequired, TypedDict

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from groundwork.data.labels import IGNORE
from groundwork.data.overlap import count_once
from groundwork.data.samples import LabelledScene, OpenScenes, Pixels, open_labelled, window_of
from groundwork.rasters.folder import RasterFolder
from groundwork.specs import RasterSpec, TargetSpec


class Batch(TypedDict):
    """What a datamodule gives and a task takes."""

    #: Raw values (batch, channels, height, width), or (batch, channels, steps, height, width).
    image: Tensor
    #: Class indexes (batch, height, width); IGNORE where the class is not known.
    mask: Tensor
    #: (batch, height, width): where the image holds data.
    valid: Tensor
    sample_id: list[str]
    #: (batch, height, width): False where an earlier chip of the same split holds the same pixel. Absent: none does.
    counted: NotRequired[Tensor]
    #: (batch, steps, 2): year, and day of the year from 0.
    temporal_coords: NotRequired[Tensor]
    #: (batch, 2): latitude and longitude in degrees.
    location_coords: NotRequired[Tensor]


class Chip(TypedDict):
    """One sample; as :class:`Batch`, without the batch dimension."""

    image: Tensor
    mask: Tensor
    valid: Tensor
    sample_id: str
    counted: NotRequired[Tensor]
    temporal_coords: NotRequired[Tensor]
    location_coords: NotRequired[Tensor]


class ChipDataset(Dataset[Chip]):
    """Reads chips by window from the rasters themselves. The last few scenes stay open, in each process its own."""

    def __init__(
        self, samples: pd.DataFrame, scenes: RasterFolder, labels: RasterFolder, spec: RasterSpec, target: TargetSpec
    ) -> None:
        """Keep the rows as arrays: lists of objects would be copied by each worker that looks at them."""
        path_columns = [name for name in samples.columns if name.startswith("path_") and name != "path_label"]
        self._scenes, self._labels, self._spec, self._target = scenes.root, labels.root, spec, target
        self._ids = samples["sample_id"].to_numpy(str)
        self._files = samples[[path_columns[0], "path_label"]].to_numpy(str)
        self._windows = samples[["row", "column", "size"]].to_numpy(np.int64)
        self._checksums = samples["checksum"].fillna("").to_numpy(str) if "checksum" in samples else None
        self._locations, self._dates = _locations(samples), _dates(samples)
        self._covered = {index: parts for index, parts in enumerate(count_once(samples)) if parts}
        self._opened = OpenScenes()
        _, place, count = np.unique(self._files, axis=0, return_inverse=True, return_counts=True)
        #: Whether there are other chips in the files of a chip. Files of one chip are closed at once: keeping them open
        #: costs more than it saves.
        self._shared = count[place.reshape(-1)] > 1

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> Chip:
        """Read one chip.

        Raises:
            RasterError: Where pixels or place changed since they were indexed.
        """
        values, valid, classes = self._read(index)
        chip = Chip(
            image=torch.from_numpy(values.astype(np.float32)),
            mask=torch.from_numpy(classes),
            valid=torch.from_numpy(valid),
            sample_id=str(self._ids[index]),
        )
        if self._covered:
            chip["counted"] = torch.ones(valid.shape, dtype=torch.bool)
            for rows, columns in self._covered.get(index, []):
                chip["counted"][rows, columns] = False
        if self._locations is not None:
            chip["location_coords"] = torch.tensor(self._locations[index], dtype=torch.float32)
        if self._dates is not None:
            dates = temporal_coordinates(str(self._dates[index]))
            if dates is not None:
                chip["temporal_coords"] = dates
        return chip

    def _read(self, index: int) -> Pixels:
        images, label = (str(name) for name in self._files[index])
        paths = tuple(self._scenes / name for name in images.split("|"))
        if self._shared[index]:
            return self._check(index, self._opened.get(paths, self._labels / label, self._spec, self._target))
        with open_labelled(paths, self._labels / label, self._spec, self._target) as opened:
            return self._check(index, opened)

    def _check(self, index: int, opened: LabelledScene) -> Pixels:
        """Read the pixels of a chip, and hold them against those that were indexed."""
        window = window_of(*self._windows[index].tolist())
        pixels = opened.read(window)
        if self._checksums is not None:
            opened.require_unchanged(window, pixels, str(self._checksums[index]))
        return pixels


def known_once(batch: Batch) -> Tensor:
    """Return the class indexes of a batch, with IGNORE where an earlier chip of the split holds the same pixel."""
    counted = batch.get("counted")
    return batch["mask"] if counted is None else torch.where(counted, batch["mask"], IGNORE)


@dataclass(frozen=True, slots=True)
class LabelledData:
    """Where samples are read from, and what they hold."""

    samples: pd.DataFrame
    scenes: RasterFolder
    labels: RasterFolder
    spec: RasterSpec
    target: TargetSpec

    def chips(self, split: str) -> ChipDataset:
        """Return the chips of one split."""
        part = self.samples[self.samples["split"] == split]
        return ChipDataset(part, self.scenes, self.labels, self.spec, self.target)


def temporal_coordinates(dates: str) -> Tensor | None:
    """Return (steps, 2) year and day of the year from 0, from comma-separated ISO dates; None for an empty text."""
    if not dates:
        return None
    days = [date.fromisoformat(text) for text in dates.split(",")]
    return torch.tensor([[day.year, day.timetuple().tm_yday - 1] for day in days], dtype=torch.float32)


def _locations(samples: pd.DataFrame) -> NDArray[np.float64] | None:
    """Return latitude and longitude of each sample; None where one has none, as a batch has them or has not."""
    places = samples[["latitude", "longitude"]].to_numpy(np.float64, na_value=np.nan)
    return None if np.isnan(places).any() else places


def _dates(samples: pd.DataFrame) -> NDArray[np.str_] | None:
    """Return the dates of each sample; None where one has none, as a batch has them or has not."""
    dates = samples["dates"].fillna("").to_numpy(str)
    return None if (dates == "").any() else dates
