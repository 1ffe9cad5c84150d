"""Pack the chips of all splits; see :mod:`groundwork.data.packed`."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from groundwork.atomic import partial_folder, replace_folder
from groundwork.data import sample_table as table
from groundwork.data.chips import LabelledData
from groundwork.data.packed import (
    CHECKSUMS,
    INDEX,
    PackedArray,
    PackedSplit,
    StoreIndex,
    arrays_of,
    checksum_of,
    parts_of,
    rows_of,
    specs_of,
)
from groundwork.data.packed_objects import ObjectWriter, names_of, write_header
from groundwork.errors import DataError
from groundwork.progress import track


@dataclass(frozen=True, slots=True)
class ChipsToStore:
    """Chips, and where they are read from during training."""

    data: LabelledData
    store: Literal["files", "packed"]


def store_chips(chips: ChipsToStore, path: Path) -> None:
    """Write the chips of all splits as a folder, whole or not at all; where they are read from files, a mark of that.

    Holds one chip at a time. The same chips give the same bytes.

    Raises:
        DataError: Where chips differ in shape or type, so that they cannot stand in one array.
        RasterError: As of :class:`groundwork.data.chips.RasterChips`.
    """
    with partial_folder(path.parent, path.name) as partial:
        made = partial / "made"
        made.mkdir()
        index = StoreIndex(store="files") if chips.store == "files" else _pack(replace(chips.data, store=None), made)
        (made / INDEX).write_text(index.model_dump_json(indent=2) + "\n", encoding="utf-8")
        replace_folder(made, path)


def _pack(data: LabelledData, folder: Path) -> StoreIndex:
    splits = {split: _pack_split(data, split, folder) for split in sorted(data.samples[table.SPLIT].unique())}
    inputs, target = specs_of(data.inputs, data.target)
    return StoreIndex(store="packed", inputs=inputs, target=target, splits=splits)


def _pack_split(data: LabelledData, split: str, folder: Path) -> PackedSplit:
    chips = data.chips(split)
    (folder / split).mkdir()
    first = chips[0].patch
    alike, objects = arrays_of(first), names_of(first.objects)
    names = {name: f"{split}/{_file_of(name, number)}" for number, name in enumerate([*alike, *objects])}
    checksums = np.zeros(len(chips), np.uint32)
    with ExitStack() as opened:
        files = {name: opened.enter_context((folder / names[name]).open("wb")) for name in alike}
        for name, file in files.items():
            write_header(file, alike[name].dtype, (len(chips), *alike[name].shape))
        writer = opened.enter_context(ObjectWriter({name: folder / names[name] for name in objects}, first.objects))
        for index in track(range(len(chips)), f"Packing chips of {split}", len(chips)):
            chip = chips[index]
            parts = arrays_of(chip.patch)
            _require_alike(alike, parts, chip.sample_id)
            for name, file in files.items():
                file.write(np.ascontiguousarray(parts[name]).data)
            writer.add(chip.patch.objects)
            checksums[index] = checksum_of(parts_of(chip.patch))
    names[CHECKSUMS] = f"{split}/{CHECKSUMS}.npy"
    np.save(folder / names[CHECKSUMS], checksums, allow_pickle=False)
    arrays = {name: _describe(folder, file) for name, file in names.items()}
    digest = hashlib.sha256((folder / names[CHECKSUMS]).read_bytes()).hexdigest()
    return PackedSplit(rows=rows_of(data.of_split(split)), checksums=digest, arrays=arrays)


def _describe(folder: Path, file: str) -> PackedArray:
    written = np.load(folder / file, mmap_mode="r", allow_pickle=False)
    size = (folder / file).stat().st_size
    return PackedArray(file=file, dtype=str(written.dtype), shape=written.shape, num_bytes=size)


def _file_of(name: str, number: int) -> str:
    """Return the name of a file; a source may be called what no file can be."""
    what, _, source = name.partition("/")
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in source)
    return f"{number}_{what}{'_' if source else ''}{plain}.npy"


def _require_alike(
    first: dict[str, NDArray[np.generic]], parts: dict[str, NDArray[np.generic]], sample_id: str
) -> None:
    for name, part in parts.items():
        found, expected = (part.shape, part.dtype), (first[name].shape, first[name].dtype)
        if found != expected:
            raise DataError(
                f"The chip {sample_id} has {name} of shape {found[0]} and type {found[1]}, and the first chip of its "
                f"split {expected[0]} and {expected[1]}: they cannot be packed together. Set 'data.store: files'."
            )
