"""Tell of blocks that could not be decoded: at the terminal scene by scene, and of all scenes in a table."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundwork.prediction.products import BAD_BLOCK_TABLE
from groundwork.prediction.scene_writing import write_text
from groundwork.prediction.stac import BAD_BLOCKS, read_item
from groundwork.rasters.bad_blocks import BadFile

logger = logging.getLogger(__name__)

_COLUMNS = ("scene", "source", "file", "pixels", "share", "windows")


def warn_of_bad_blocks(scene: str, files: Sequence[BadFile]) -> None:
    """Say at the terminal which blocks of a scene were taken as without data; nothing where all were decoded."""
    if files:
        logger.warning(
            "%s: predicted as without data where blocks cannot be decoded (inference.on_bad_block: nodata): %s. Fetch "
            "what is named again, and predict anew.",
            scene,
            "; ".join(file.described() for file in files),
        )


def stated_in(item: Path) -> list[dict[str, Any]]:
    """Return what the item of a prediction says of such blocks, as :meth:`BadFile.as_json` does."""
    found = read_item(item)
    return [] if found is None else list(found["properties"].get(BAD_BLOCKS, []))


def write_bad_blocks(folder: Path, said: Mapping[str, Sequence[Mapping[str, Any]]], num_scenes: int) -> None:
    """Write such blocks of all scenes as one table, a row for each file; without any, remove that of an earlier run.

    Args:
        folder: Of the predictions.
        said: Scene -> what :meth:`BadFile.as_json` gives of each of its files.
        num_scenes: Of the run.
    """
    table, scenes = folder / BAD_BLOCK_TABLE, [scene for scene, files in sorted(said.items()) if files]
    if not scenes:
        if table.is_file() and table.read_text("utf-8").startswith(",".join(_COLUMNS)):
            table.unlink()
        return
    import pandas as pd  # noqa: PLC0415 - it takes 60 MB that maps do not need

    rows = [
        (scene, file["source"], file["name"], file["pixels"], file["share"], _in_words(file["windows"]))
        for scene in scenes
        for file in said[scene]
    ]
    write_text(table, pd.DataFrame(rows, columns=list(_COLUMNS)).to_csv(index=False))
    logger.warning(
        "%d of %d scene(s) were predicted with holes where blocks of %d file(s) cannot be decoded; %s lists them",
        len(scenes),
        num_scenes,
        len(rows),
        table,
    )


def _in_words(windows: Sequence[Sequence[int]]) -> str:
    return "; ".join(f"rows {row}+{height} columns {column}+{width}" for row, column, height, width in windows)
