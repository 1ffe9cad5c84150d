"""Read the sample table's rows as chips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from groundwork.batch import Batch, Chip, Patch, by_name
from groundwork.config.data import read_by_model, reference_of
from groundwork.data import sample_table as table
from groundwork.data.labelled import LabelledScene, OpenScenes, open_labelled
from groundwork.data.overlap import count_once
from groundwork.rasters.folder import RasterFolder
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.kinds import kind_of


class ChipReader(Protocol):
    """Where chips come from: rasters, or any other store that gives the same."""

    def __len__(self) -> int:
        """Return the number of chips."""

    def read(self, index: int) -> Chip:
        """Read one chip."""


class ChipDataset(Dataset[Chip]):
    """The chips of a reader, as torch's loaders take them."""

    def __init__(self, reader: ChipReader) -> None:
        self._reader = reader

    def __len__(self) -> int:
        return len(self._reader)

    def __getitem__(self, index: int) -> Chip:
        """Read one chip."""
        return self._reader.read(index)


class RasterChips:
    """Reads chips by window from the rasters themselves. The last few scenes stay open, in each process its own."""

    def __init__(self, data: LabelledData, samples: pd.DataFrame) -> None:
        """Keep the rows as arrays: lists of objects would be copied by each worker that looks at them."""
        self._inputs, self._kind, self._labels = by_name(data.inputs), data.kind, RasterFolder(data.labels.root, {})
        # The roots alone: which files there are stands in the rows.
        self._folders = {source: RasterFolder(data.scenes[source].root, {}) for source in self._inputs}
        self._ids = samples[table.SAMPLE_ID].to_numpy(str)
        columns = [*(table.path_column(source) for source in self._inputs), table.LABEL_PATH]
        self._files = samples[columns].fillna("").to_numpy(str)
        self._windows = table.windows(samples)
        self._checksums = samples[table.CHECKSUM].fillna("").to_numpy(str) if table.CHECKSUM in samples else None
        self._locations = table.locations(samples)
        dates = {
            source: table.dates(samples, source, spec.steps) for source, spec in read_by_model(self._inputs).items()
        }
        self._dates = {source: known for source, known in dates.items() if known is not None}
        self._covered = {index: parts for index, parts in enumerate(count_once(samples)) if parts}
        self._opened = OpenScenes(self._inputs, self._kind)
        _, place, count = np.unique(self._files, axis=0, return_inverse=True, return_counts=True)
        #: Whether there are other chips in the files of a chip. Files of one chip are closed at once: keeping them open
        #: costs more than it saves.
        self._shared = count[place.reshape(-1)] > 1

    def __len__(self) -> int:
        return len(self._ids)

    def read(self, index: int) -> Chip:
        """Read one chip.

        Raises:
            RasterError: Where pixels or place changed since they were indexed.
        """
        patch = self._read(index)
        return Chip(
            sample_id=str(self._ids[index]),
            patch=patch,
            counted=self._counted(index, patch.size) if self._covered else None,
            dates={source: dates[index] for source, dates in self._dates.items()},
            location=None if self._locations is None else self._locations[index],
        )

    def _counted(self, index: int, size: tuple[int, int]) -> NDArray[np.bool_]:
        counted = np.ones(size, np.bool_)
        for rows, columns in self._covered.get(index, []):
            counted[rows, columns] = False
        return counted

    def _read(self, index: int) -> Patch:
        *cells, label = (str(name) for name in self._files[index])
        files = {
            source: tuple(folder.locate(name) for name in table.split_files(cell))
            for (source, folder), cell in zip(self._folders.items(), cells, strict=True)
            if cell
        }
        if self._shared[index]:
            return self._check(index, self._opened.get(files, self._labels.locate(label)))
        with open_labelled(files, self._labels.locate(label), self._inputs, self._kind) as opened:
            return self._check(index, opened)

    def _check(self, index: int, opened: LabelledScene) -> Patch:
        """Read the pixels of a chip, and hold them against those that were indexed."""
        window = table.window_of(*self._windows[index].tolist())
        patch = opened.read(window)
        if self._checksums is not None:
            opened.require_unchanged(window, patch, str(self._checksums[index]))
        return patch


def known_once(batch: Batch, kind: TargetKind) -> Tensor:
    """Return the answers of a batch; not known are those that an earlier chip of the split holds as well."""
    target = batch["target"]
    if "counted" not in batch:
        return target
    counted = batch["counted"]
    return torch.where(counted, target, kind.nothing_known(target))


@dataclass(frozen=True, slots=True)
class LabelledData:
    """Where samples are read from, and what they hold."""

    samples: pd.DataFrame
    #: Source -> its rasters.
    scenes: Mapping[str, RasterFolder]
    labels: RasterFolder
    #: Source -> what its rasters hold.
    inputs: Mapping[str, RasterSpec]
    target: TargetSpec

    @property
    def kind(self) -> TargetKind:
        """What the labels hold."""
        return kind_of(self.target)

    @property
    def reference(self) -> str:
        """The source on whose grid the samples lie."""
        return reference_of(self.inputs)

    def of_split(self, split: str) -> pd.DataFrame:
        """Return the samples of one split."""
        return table.of_split(self.samples, split)

    def chips(self, split: str) -> ChipDataset:
        """Return the chips of one split."""
        return ChipDataset(RasterChips(self, self.of_split(split)))
