"""Chips that were packed: all of a split in one file per array, mapped into memory, which worker processes share.

A store is a folder: ``index.json``, and for each split its arrays as ``.npy``, without pickles. Values keep the type of
the raster, and batches are those that would be read from the files. What the table says of chips is taken from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from groundwork.batch import Chip, Patch, by_name
from groundwork.data import sample_table as table
from groundwork.data.facts import ChipFacts
from groundwork.data.packed_objects import CENTERS, STARTS, unpack_objects
from groundwork.errors import DataError
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.strict import Config

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import pandas as pd

FORMAT_VERSION = 1
INDEX = "index.json"
REMEDY = "Pack the chips again: prepare the data anew, with 'data.store: packed'."
#: The array of checksums, one for each chip.
CHECKSUMS = "checksums"
#: The array of answers.
TARGET = "target"


class PackedArray(Config):
    """One array of a split: a number of chips, one behind the other."""

    file: str
    dtype: str
    shape: tuple[int, ...]
    #: Size of the file.
    num_bytes: int


class PackedSplit(Config):
    """The chips of a split."""

    #: Fingerprint of the rows that they were packed from; see :func:`rows_of`.
    rows: str
    #: SHA-256 of the file of checksums.
    checksums: str
    #: Name -> array: see :func:`arrays_of`; the objects of all chips, where there are such; the checksums of chips.
    arrays: dict[str, PackedArray]


class StoreIndex(Config):
    """What ``index.json`` holds."""

    format_version: int = FORMAT_VERSION
    #: files: nothing is packed, and chips are read from the rasters.
    store: Literal["files", "packed"]
    #: Source -> what its rasters hold, and what the labels hold; see :func:`specs_of`.
    inputs: dict[str, dict[str, str]] = Field(default_factory=dict)
    target: dict[str, str] = Field(default_factory=dict)
    splits: dict[str, PackedSplit] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChipStore:
    """A folder of packed chips."""

    path: Path
    index: StoreIndex

    def open(
        self, split: str, samples: pd.DataFrame, inputs: Mapping[str, RasterSpec], target: TargetSpec
    ) -> PackedArrays:
        """Return the chips of a split, for the rows of a table.

        Raises:
            DataError: Where they were packed from another table, or read by other specs, or a file is not whole.
        """
        self._require_specs(inputs, target)
        packed = self.index.splits.get(split)
        if packed is None or packed.rows != rows_of(samples):
            found = f"the {split} chips of another sample table"
            raise self._refused(found, f"those of this table, which has {len(samples)} of them")
        if STARTS in packed.arrays and CENTERS not in packed.arrays:
            raise self._refused("objects without the places of their centres", "those of this version")
        for array in packed.arrays.values():
            file = self.path / array.file
            size = file.stat().st_size if file.is_file() else None
            if size != array.num_bytes:
                found = f"{size} bytes in {array.file}" if size is not None else f"no {array.file}"
                raise self._refused(found, f"{array.num_bytes} bytes, as were written")
        checksums = (self.path / packed.arrays[CHECKSUMS].file).read_bytes()
        if hashlib.sha256(checksums).hexdigest() != packed.checksums:
            raise self._refused(f"other checksums in {packed.arrays[CHECKSUMS].file}", "those that were written")
        return PackedArrays(self.path, packed.arrays)

    def _require_specs(self, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> None:
        stated, stated_target = specs_of(inputs, target)
        given = {f"source '{name}'": spec for name, spec in stated.items()} | {"the target": stated_target}
        packed = {f"source '{name}'": spec for name, spec in self.index.inputs.items()}
        packed["the target"] = self.index.target
        for what in sorted(given.keys() | packed.keys()):
            here, there = given.get(what, {}), packed.get(what, {})
            for key in sorted(here.keys() | there.keys()):
                if here.get(key) != there.get(key):
                    found = f"chips that were packed with {key} = {there.get(key)} for {what}"
                    raise self._refused(found, f"{here.get(key)}")

    def _refused(self, found: str, expected: str) -> DataError:
        return DataError(f"{self.path}: found {found}; expected {expected}. {REMEDY}")


def open_store(path: Path) -> ChipStore | None:
    """Return the store of a folder; None where its index says that chips are read from files.

    Raises:
        DataError: Where the index cannot be read.
    """
    try:
        index = StoreIndex.model_validate_json((path / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise DataError(f"{path / INDEX} cannot be read as the index of packed chips: {error}. {REMEDY}") from None
    if index.format_version != FORMAT_VERSION:
        raise DataError(f"{path / INDEX}: found format {index.format_version}; expected {FORMAT_VERSION}. {REMEDY}")
    return None if index.store == "files" else ChipStore(path, index)


class PackedArrays:
    """The arrays of a split. Each process maps the files for itself, and they share the memory."""

    def __init__(self, folder: Path, arrays: Mapping[str, PackedArray]) -> None:
        self._folder, self._arrays = folder, arrays
        self._sources = sorted(name.partition("/")[2] for name in arrays if name.startswith("values/"))
        self._mapped: dict[str, NDArray[np.generic]] = {}
        self._checked = np.zeros(0, np.bool_)

    def patch(self, index: int, sample_id: str) -> Patch:
        """Return the pixels of one chip as views, which cannot be written to.

        What a process reads for the first time is held against its checksum.

        Raises:
            DataError: Where the bytes are not those that were written.
        """
        if not self._mapped:
            self._map()
        target = self._mapped[TARGET][index]
        patch = Patch(
            {source: self._mapped[f"values/{source}"][index] for source in self._sources},
            {source: self._mapped[f"valid/{source}"][index] for source in self._sources},
            target,
            unpack_objects(self._mapped, index, (target.shape[-2], target.shape[-1])),
        )
        if not self._checked[index]:
            found, expected = checksum_of(parts_of(patch)), int(self._mapped[CHECKSUMS][index])
            if found != expected:
                raise DataError(
                    f"{self._folder}: found other bytes for the chip {sample_id} (checksum {found:08x}); expected "
                    f"those that were written ({expected:08x}). {REMEDY}"
                )
            self._checked[index] = True
        return patch

    def _map(self) -> None:
        # As plain arrays: making a view of a memmap costs more than reading a small chip.
        self._mapped = {
            name: np.load(self._folder / array.file, mmap_mode="r", allow_pickle=False).view(np.ndarray)
            for name, array in self._arrays.items()
        }
        self._checked = np.zeros(self._arrays[CHECKSUMS].shape[0], np.bool_)

    def __getstate__(self) -> dict[str, object]:
        """Send names of files to another process: a pickled map would be a copy of all that it holds."""
        return {**self.__dict__, "_mapped": {}, "_checked": np.zeros(0, np.bool_)}


class PackedChips:
    """Reads chips from packed ones. See :class:`groundwork.data.chips.ChipReader`."""

    def __init__(self, arrays: PackedArrays, facts: ChipFacts) -> None:
        self._arrays, self._facts = arrays, facts

    def __len__(self) -> int:
        return len(self._facts)

    def read(self, index: int) -> Chip:
        """Read one chip.

        Raises:
            DataError: Where the bytes are not those that were written.
        """
        return self._facts.chip(index, self._arrays.patch(index, self._facts.name(index)))


def arrays_of(patch: Patch) -> dict[str, NDArray[np.generic]]:
    """Return what is packed of a chip by name, of the same shape for each chip."""
    return {
        **{f"values/{source}": part for source, part in by_name(patch.values).items()},
        **{f"valid/{source}": part for source, part in by_name(patch.valid).items()},
        TARGET: np.asarray(patch.target),
    }


def parts_of(patch: Patch) -> list[NDArray[np.generic]]:
    """Return all arrays of a chip, in the order in which checksums go through them."""
    objects = {} if patch.objects is None else patch.objects.arrays()
    return [*arrays_of(patch).values(), *objects.values()]


def checksum_of(parts: Sequence[NDArray[np.generic]]) -> int:
    """Return the checksum of the arrays of a chip."""
    number = 0
    for part in parts:
        number = crc32(np.ascontiguousarray(part).data, number)
    return number


def rows_of(samples: pd.DataFrame) -> str:
    """Return a fingerprint of what decides the pixels of chips: their names, windows and checksums in the table."""
    columns = [
        name for name in (table.SAMPLE_ID, table.ROW, table.COLUMN, table.SIZE, table.CHECKSUM) if name in samples
    ]
    text = samples[columns].to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def specs_of(inputs: Mapping[str, RasterSpec], target: TargetSpec) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Return what decides the pixels of chips: by source and for the target, each key of the spec as JSON."""
    stated = {name: _as_json(spec.model_dump(exclude={"rgb"})) for name, spec in by_name(inputs).items()}
    of_looks_and_models: dict[str, Any] = {
        "classes": {"__all__": {"color", "name", "threshold"}},
        "temperature": True,
        "sets": True,
    }
    return stated, _as_json(target.model_dump(exclude=of_looks_and_models))


def _as_json(spec: Mapping[str, object]) -> dict[str, str]:
    # As text, in which not-a-number is equal to itself.
    return {key: json.dumps(value, sort_keys=True, default=str) for key, value in spec.items()}
