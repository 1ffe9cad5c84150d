"""Read the sample table's rows as chips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from groundwork.batch import Batch, Chip, by_name
from groundwork.config.data import read_by_model, reference_of
from groundwork.data import sample_table as table
from groundwork.data.facts import ChipFacts
from groundwork.data.label_sources import Labels, LabelSources, require_labels
from groundwork.data.labelled import LabelledScene, Named, OpenScenes, open_labelled
from groundwork.data.packed import ChipStore, PackedChips
from groundwork.data.scene_stack import folders_by_source
from groundwork.data.texts import Texts
from groundwork.data.unchanged import Unchanged
from groundwork.rasters.folder import RasterFolder
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.kinds import kind_of

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import pandas as pd


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
        self._inputs, self._kind, self._labels = by_name(data.inputs), data.kind, LabelSources(data.labels)
        # The roots alone: which files there are stands in the rows.
        self._folders = {source: RasterFolder(data.scenes[source].root, {}) for source in self._inputs}
        self._facts = ChipFacts(samples, read_by_model(self._inputs))
        #: Those of which a table states the dates of stacks.
        self._stacks = [source for source in self._inputs if table.stack_column(source) in samples]
        columns = [table.SCENE, *(table.path_column(source) for source in self._inputs), table.LABEL_PATH]
        columns += [table.stack_column(source) for source in self._stacks]
        named = samples[columns].fillna("").groupby(columns, sort=False).ngroup().to_numpy(np.int32)
        firsts = np.unique(named, return_index=True)[1]
        #: Many chips are cut from the same files: their names are kept once.
        self._files = [Texts(samples[column].iloc[firsts].fillna("")) for column in columns]
        self._place = named
        self._windows = table.windows(samples)
        checksums = samples[table.CHECKSUM].fillna("").to_numpy("S") if table.CHECKSUM in samples else None
        self._unchanged = Unchanged(checksums, len(samples))
        self._opened = OpenScenes(self._inputs, self._kind)
        #: Whether there are other chips in the files of a chip. Files of one chip are closed at once: keeping them open
        #: costs more than it saves.
        self._shared = np.bincount(named, minlength=len(firsts)) > 1

    def __len__(self) -> int:
        return len(self._facts)

    def read(self, index: int) -> Chip:
        """Read one chip.

        Raises:
            RasterError: Where pixels or place changed since they were indexed.
        """
        with self._open(index) as opened:
            window = table.window_of(*self._windows[index].tolist())
            patch = opened.read(window)
            self._unchanged.require(index, opened, window, patch)
            return self._facts.chip(index, patch)

    def read_at(self, index: int, row: int | None = None, column: int | None = None) -> Chip:
        """Read a window of the size of a chip from elsewhere in its scene; the table has no checksum for it.

        Args:
            index: Number of the chip.
            row: First row. None: that of the chip.
            column: First column. None: that of the chip.
        """
        top, left, size = self._windows[index].tolist()
        window = table.window_of(top if row is None else row, left if column is None else column, size)
        with self._open(index) as opened:
            patch = opened.read(window)
            opened.require_unchanged(window, patch, "")
            place = opened.grid.part(window).center_coordinates()
        return self._facts.elsewhere(index, patch, (window.row_off - top, window.col_off - left), place)

    def _named(self, index: int) -> Named:
        """Return the files of a chip by source, what says its answers, and the dates of stacks."""
        key, *texts = (names[self._place[index]] for names in self._files)
        cells, (cell_of_label, *days) = texts[: len(self._folders)], texts[len(self._folders) :]
        files = {
            source: tuple(folder.locate(name) for name in table.split_files(cell))
            for (source, folder), cell in zip(self._folders.items(), cells, strict=True)
            if cell
        }
        stated = {
            source: tuple(table.split_dates(cell)) for source, cell in zip(self._stacks, days, strict=True) if cell
        }
        return files, self._labels.source(key, cell_of_label), stated

    @contextmanager
    def _open(self, index: int) -> Iterator[LabelledScene]:
        """Open the scene of a chip; it is closed where no other chip lies in its files."""
        place = int(self._place[index])
        if self._shared[place]:
            yield self._opened.get(place, lambda: self._named(index))
            return
        files, label, dates = self._named(index)
        with open_labelled(files, label, self._inputs, self._kind, dates) as opened:
            yield opened


def known_once(batch: Batch, kind: TargetKind) -> Tensor:
    """Return what is asked of a batch; not known are pixels that an earlier chip of the split holds as well."""
    target = kind.asked(batch["target"])
    if "counted" not in batch or kind.per == "image":
        return target
    counted = batch["counted"]
    if target.dim() > counted.dim():
        counted = counted.unsqueeze(1)
    return torch.where(counted, target, kind.nothing_known(target))


@dataclass(frozen=True, slots=True)
class LabelledData:
    """Where samples are read from, and what they hold."""

    samples: pd.DataFrame
    #: Source -> its rasters.
    scenes: Mapping[str, RasterFolder]
    labels: Labels
    #: Source -> what its rasters hold.
    inputs: Mapping[str, RasterSpec]
    target: TargetSpec
    #: Where chips were packed. None: they are read from the rasters.
    store: ChipStore | None = None

    @property
    def kind(self) -> TargetKind:
        """What the labels hold."""
        return kind_of(self.target)

    @property
    def reference(self) -> str:
        """The source on whose grid the samples lie."""
        return reference_of(self.inputs)

    def __deepcopy__(self, memo: dict[int, object]) -> LabelledData:
        """Return itself: runners copy what passes from one node to the next, and a table may have a million rows."""
        return self

    def of_split(self, split: str) -> pd.DataFrame:
        """Return the samples of one split."""
        return table.of_split(self.samples, split)

    def chips(self, split: str) -> ChipDataset:
        """Return the chips of one split.

        Raises:
            DataError: Where they were packed, and the store does not hold these.
        """
        samples = self.of_split(split)
        if self.store is None:
            return ChipDataset(RasterChips(self, samples))
        facts = ChipFacts(samples, read_by_model(self.inputs))
        return ChipDataset(PackedChips(self.store.open(split, samples, self.inputs, self.target), facts))


def labelled(
    samples: pd.DataFrame,
    scenes: RasterFolder | Mapping[str, RasterFolder],
    labels: Labels,
    specs: tuple[Mapping[str, RasterSpec], TargetSpec],
    store: ChipStore | None = None,
) -> LabelledData:
    """Return labelled data.

    Args:
        samples: The table.
        scenes: Rasters of the only source, or of each by name.
        labels: Of the samples.
        specs: Source -> what its rasters hold, and what the labels hold.
        store: Where chips were packed.

    Raises:
        PairingError: For rasters of other sources.
        SpecError: For labels without a target, or the reverse.
    """
    inputs, target = specs
    require_labels(labels, target)
    return LabelledData(
        samples, folders_by_source(scenes, inputs, set(samples[table.SCENE])), labels, inputs, target, store
    )
