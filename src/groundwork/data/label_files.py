"""Find labels that lie in files of their own: vector files and annotations of objects, on this machine or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from groundwork.data.annotated_images import find_annotated
from groundwork.data.label_table import LabelTable
from groundwork.errors import DataError
from groundwork.rasters.addresses import is_folder
from groundwork.rasters.fetched import fetched, fetched_files, fetched_shared
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.shared import SharedFiles


def find_vectors(place: Path, patterns: Sequence[str], complete: str | None = None) -> RasterFolder | SharedFiles:
    """Find vector files: one for all scenes, or those of a folder, one for each.

    Args:
        place: The file, or the folder.
        patterns: Of a folder: names with ``{key}`` relative to it; the files of a second one say where labelling is
            complete.
        complete: The file beside the file for all scenes whose polygons say so.

    Raises:
        DataError: For ``complete`` beside a folder.
        PairingError: Where nothing is found.
    """
    if not is_folder(place):
        names = (place.name,) if complete is None else (place.name, complete)
        return fetched_shared(SharedFiles(place.parent, names))
    if complete is not None:
        raise DataError(
            f"{place} is a folder, and 'complete' names a file beside a file: give two patterns instead, the second "
            "for the polygons that say where labelling is complete."
        )
    return fetched_files(find_rasters(place, patterns))


def find_coco(place: Path, pattern: str, image: str) -> LabelTable | RasterFolder:
    """Find annotations of objects in COCO's JSON: one file for all scenes, or those of a folder, one for each.

    Args:
        place: The file, or the folder.
        pattern: Of a folder: name with ``{key}`` relative to it.
        image: What a file for all scenes calls the image of each, with ``{key}``.

    Raises:
        PairingError: Where nothing is found, or images are not called so.
        RasterError: Where the file for all scenes cannot be read.
    """
    return fetched_files(find_rasters(place, [pattern])) if is_folder(place) else find_annotated(fetched(place), image)
