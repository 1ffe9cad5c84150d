"""Read the sample table's rows as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NotRequired, TypedDict

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from groundwork.data.samples import open_labelled, window_of
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
    temporal_coords: NotRequired[Tensor]
    location_coords: NotRequired[Tensor]


class ChipDataset(Dataset[Chip]):
    """Reads chips by window from the rasters themselves."""

    def __init__(
        self, samples: pd.DataFrame, scenes: RasterFolder, labels: RasterFolder, spec: RasterSpec, target: TargetSpec
    ) -> None:
        """Keep the rows as plain lists, which worker processes share without copying a table."""
        path_columns = [name for name in samples.columns if name.startswith("path_") and name != "path_label"]
        self._ids: list[str] = samples["sample_id"].tolist()
        self._images = [scenes.locate(names) for names in samples[path_columns[0]]]
        self._labels = [labels.locate(names)[0] for names in samples["path_label"]]
        columns = (samples[name].tolist() for name in ("row", "column", "size"))
        self._windows = [window_of(*numbers) for numbers in zip(*columns, strict=True)]
        self._locations = _locations(samples)
        self._dates = [temporal_coordinates(text) for text in samples["dates"].fillna("")]
        self._spec, self._target = spec, target

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> Chip:
        """Read one chip.

        Raises:
            RasterError: Where a file changed since it was indexed.
        """
        with open_labelled(self._images[index], self._labels[index], self._spec, self._target) as opened:
            values, valid, classes = opened.read(self._windows[index])
        chip = Chip(
            image=torch.from_numpy(values.astype(np.float32)),
            mask=torch.from_numpy(classes),
            valid=torch.from_numpy(valid),
            sample_id=self._ids[index],
        )
        location, dates = self._locations[index], self._dates[index]
        if location is not None:
            chip["location_coords"] = torch.tensor(location, dtype=torch.float32)
        if dates is not None:
            chip["temporal_coords"] = dates
        return chip


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


def _locations(samples: pd.DataFrame) -> list[tuple[float, float] | None]:
    """Return latitude and longitude of each sample; None for all where one has none, as a batch has them or has not."""
    if samples[["latitude", "longitude"]].isna().to_numpy().any():
        return [None] * len(samples)
    return list(zip(samples["latitude"].tolist(), samples["longitude"].tolist(), strict=True))
