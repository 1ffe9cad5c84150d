"""Find rasters and name them by key, so that image and label are joined by name and never by position."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from groundwork.errors import PairingError
from groundwork.rasters.addresses import (
    RASTER_SUFFIXES,
    Address,
    is_file,
    is_folder_raster,
    name_inside,
    place_below,
    place_of,
)
from groundwork.rasters.listing import names_at
from groundwork.rasters.patterns import Place, match_places, when_in_words
from groundwork.rasters.stated_file import StatedFile

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RasterFolder:
    """Rasters by key. Nothing is opened until it is asked for."""

    root: Path
    #: Key -> the files of the raster relative to ``root``: one file, or one per band. With a file per date, those of
    #: the earliest date come first, with a file per step those of the lowest number.
    files: Mapping[str, tuple[str, ...]]
    #: Key -> the dates of its files; empty where the patterns have no ``{date}``.
    dates: Mapping[str, tuple[date, ...]] = field(default_factory=dict)
    #: Whether the dates are those of one stack, and not each of a file of its own.
    stacked: bool = False
    #: Key -> what else a table says of the raster: name of the column -> text.
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: Key -> what is stated of each of its files elsewhere than in them.
    stated: Mapping[str, tuple[StatedFile, ...]] = field(default_factory=dict)
    #: Key -> the numbers of its steps, each of a file of its own; empty where the patterns have no ``{step}``.
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def paths(self, key: str) -> tuple[Path, ...]:
        """Return the files behind a key.

        Raises:
            PairingError: Where there is no such key.
        """
        if key not in self.files:
            raise PairingError(
                f"{self.root}: found no raster with key '{key}'; keys found: {preview(list(self.files))}."
            )
        return tuple(self.locate(name) for name in self.files[key])

    def last_dates(self) -> RasterFolder:
        """Return the same with the files of the last date alone, of rasters that have one for each date."""
        kept = {key: names[-(len(names) // len(self.dates.get(key, "x"))) :] for key, names in self.files.items()}
        return replace(self, files=kept, dates={})

    def only(self, key: str) -> RasterFolder:
        """Return the same with one raster, or without any where it is not there."""
        return replace(
            self,
            files=_only(self.files, key),
            dates=_only(self.dates, key),
            columns=_only(self.columns, key),
            stated=_only(self.stated, key),
            numbers=_only(self.numbers, key),
        )

    def locate(self, name: str) -> Path:
        """Return where a file lies, by its name in :attr:`files` or in a table made of them."""
        return place_below(self.root, name)


def _only(values: Mapping[str, Value], key: str) -> dict[str, Value]:
    return {key: values[key]} if key in values else {}


def find_rasters(
    root: Path | str, patterns: Sequence[str] | str, beside: Sequence[str] = (), variables: Sequence[str] | str = ()
) -> RasterFolder:
    """Find the rasters below a folder.

    Args:
        root: A folder or an address, or a single raster (then its stem is the key).
        patterns: Paths relative to ``root`` in which ``{key}`` stands for the key, such as ``{key}_s2.tif``, and ``*``
            for anything within one name. With ``{date}`` in them, each date of a raster has a file; with ``{step}``,
            each step, which has a number and no date, or with ``{step:A,B}`` one of these names, counted from 0.
            ``{folder}`` stands before the key, where names repeat themselves in several folders. Several patterns mean
            that each raster consists of several files, in this order; one may stand alone.
        beside: Patterns of other files that belong there, which are passed over without a word.
        variables: Names of the rasters that are read of each file, where files hold several by name, as NetCDF and Zarr
            do; several mean one per band. ``*`` in them stands for what differs from file to file.

    Raises:
        PairingError: Where nothing is found, a raster lacks one of its files, or has two for one date, or a date
            cannot be read.
    """
    root = place_of(root) if isinstance(root, str) else root
    patterns, variables = _several(patterns), _several(variables)
    names = names_at(root) if isinstance(root, Address) else names_in(root)
    if names is None:
        return RasterFolder(root.parent, {root.stem: tuple(_of_variables([root.name], variables))})
    columns = [match_places(names, pattern, root) for pattern in patterns]
    keys = sorted({key for column in columns for key in column}, key=_order)
    if not keys:
        raise PairingError(
            f"{root}: found no file that matches {list(patterns)}; files there: {preview(names)}. Correct the pattern."
        )
    _require_all_files(root, patterns, columns, keys)
    if len(patterns) == 1:
        _warn_of_ignored(root, names, [*columns, *(match_places(names, pattern, root) for pattern in beside)])
    files: dict[str, tuple[str, ...]] = {}
    dates: dict[str, tuple[date, ...]] = {}
    numbers: dict[str, tuple[int, ...]] = {}
    for key, when in keys:
        found = [column[key, when] for column in columns]
        files[key] = (*files.get(key, ()), *_of_variables(found, variables))
        if isinstance(when, int):
            numbers[key] = (*numbers.get(key, ()), when)
        elif when is not None:
            dates[key] = (*dates.get(key, ()), when)
    return RasterFolder(root, files, dates, numbers=numbers)


def _order(place: Place) -> tuple[str, str, int]:
    """Return what files of a raster are sorted by."""
    key, when = place
    return (key, "", when) if isinstance(when, int) else (key, "" if when is None else when.isoformat(), 0)


def has_files(root: Path) -> bool:
    """Whether there is a file, or a folder that is not empty.

    Raises:
        PairingError: For an address that does not answer.
    """
    if isinstance(root, Address):
        return names_at(root) != []
    return root.is_file() or (root.is_dir() and any(root.iterdir()))


def _of_variables(names: Sequence[str], variables: Sequence[str]) -> list[str]:
    """Return the rasters of some files: themselves, or those of their variables that are read."""
    return [name_inside(name, variable) for name in names for variable in variables] if variables else list(names)


def _several(words: Sequence[str] | str) -> Sequence[str]:
    return [words] if isinstance(words, str) else words


def names_in(root: Path) -> list[str] | None:
    """Return the names of all files below a folder; None where it is one raster itself."""
    if is_file(root):
        return None
    if not root.is_dir():
        raise PairingError(f"{root}: found no such folder; expected one with rasters. Correct its path.")
    return sorted(_files_below(root))


def _files_below(root: Path) -> Iterator[str]:
    """Yield the files below a folder relative to it, also those of linked folders.

    Hidden files and folders hold what is unfinished, or what other programs keep beside the data.
    """
    for folder, folders, names in os.walk(root, onerror=_refuse_folder, followlinks=True):
        place = Path(folder)
        inside = (place, *place.parents)
        yield from ((place / name).relative_to(root).as_posix() for name in folders if is_folder_raster(place / name))
        # A link to a folder that it lies in would be followed for ever.
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and not is_folder_raster(place / name)
            and not any((place / name).samefile(parent) for parent in inside)
        ]
        for name in names:
            path = place / name
            if name.startswith("."):
                continue
            if path.is_symlink() and not path.exists():
                raise PairingError(
                    f"{path}: found a link to '{path.readlink()}', which does not exist. Mend or remove it."
                )
            if _is_file(path):
                yield path.relative_to(root).as_posix()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        _refuse_folder(OSError(error.errno, error.strerror, str(path.parent)))
        raise


def _refuse_folder(error: OSError) -> None:
    raise PairingError(
        f"{error.filename}: found a folder that cannot be read ({error.strerror}); rasters in it would be missing. "
        "Give yourself permission to read it, or move it elsewhere."
    ) from error


def pair(images: RasterFolder, labels: RasterFolder, stated_in: Path | None = None) -> list[str]:
    """Return the keys of scenes with their labels.

    Args:
        images: The rasters.
        labels: Of the same keys.
        stated_in: The file that says all labels, such as a table, if there is one.

    Raises:
        PairingError: Where an image has no label or a label no image; it lists them.
    """
    without_label = sorted(set(images.files) - set(labels.files))
    without_image = sorted(set(labels.files) - set(images.files))
    problems = []
    if without_label:
        problems.append(f"{len(without_label)} image(s) in {images.root} without a label: {preview(without_label)}")
    if without_image:
        where = stated_in or labels.root
        problems.append(f"{len(without_image)} label(s) in {where} without an image: {preview(without_image)}")
    if problems:
        remedy = "Add or remove files, or correct the patterns."
        if stated_in is not None:
            remedy = f"Add or remove files, or correct {stated_in}.{_lost_zeros(without_label, without_image)}"
        raise PairingError(
            "; ".join(problems)
            + f". Found {len(images.files)} images and {len(labels.files)} labels; each image needs "
            f"the label of the same key. {remedy}"
        )
    return sorted(images.files)


def _lost_zeros(images: Sequence[str], rows: Sequence[str]) -> str:
    """Return what became of keys that a spreadsheet took for numbers."""
    zeros = {key.lstrip("0") or "0": key for key in images}
    lost = next((row for row in rows if row in zeros), None)
    if lost is None:
        return ""
    return f" '{lost}' may be '{zeros[lost]}': spreadsheets drop the zeros before a number, unless its column is text."


def preview(names: Sequence[str], most: int = 10) -> str:
    """Return the first names in words, and how many more there are."""
    shown = ", ".join(f"'{name}'" for name in names[:most]) or "none"
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _require_all_files(
    root: Path, patterns: Sequence[str], columns: Sequence[Mapping[Place, str]], keys: Sequence[Place]
) -> None:
    for pattern, column in zip(patterns, columns, strict=True):
        missing = [
            key if when is None else f"{key} of {when_in_words(when)}"
            for key, when in keys
            if (key, when) not in column
        ]
        if missing:
            raise PairingError(
                f"{root}: found no file '{pattern}' for {preview(missing)}; each raster needs all its files."
            )


def _warn_of_ignored(root: Path, names: Sequence[str], columns: Sequence[Mapping[Place, str]]) -> None:
    taken = {name for column in columns for name in column.values()}
    ignored = [name for name in names if name not in taken and Path(name).suffix.lower() in RASTER_SUFFIXES]
    if ignored:
        logger.warning("%s: %d raster(s) do not match the pattern: %s", root, len(ignored), preview(ignored, 5))
