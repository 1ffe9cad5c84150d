"""Groups of samples that are drawn together: blocks on the ground, places, or values that the table states."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from groundwork.data import sample_table as table
from groundwork.data.distances import Places
from groundwork.errors import DataError
from groundwork.rasters.folder import preview
from groundwork.strict import did_you_mean

#: Scenes that share more than this of the smaller one show the same place.
SAME_PLACE = 0.5
#: Begins the names of further columns of a table of rasters.
_COLUMN = "column_"


def places_of(samples: pd.DataFrame) -> pd.Series:
    """Name each sample by the first of the scenes that show its ground: several dates of one place stay together.

    Scenes belong together where they share more than half of the smaller one. Where they share less, as neighbouring
    tiles do at their edges, samples that overlap are left out later.
    """
    by_scene = samples.groupby("scene", sort=True)
    scenes = by_scene.agg(
        crs=("crs", "first"),
        pixel_size=("pixel_size", "first"),
        west=("west", "min"),
        south=("south", "min"),
        east=("east", "max"),
        north=("north", "max"),
    ).reset_index()
    everywhere = np.ones(len(scenes), np.bool_)
    places = Places(scenes)
    pairs = places.pairs(everywhere, everywhere, np.zeros(len(scenes)))
    same = pairs.overlap > SAME_PLACE
    ends = np.append(pairs.first[same], np.arange(len(scenes))), np.append(pairs.second[same], places.place)
    links = coo_array((np.ones(len(ends[0])), ends), shape=(len(scenes),) * 2)
    labels = connected_components(links, directed=False)[1]
    first = scenes.groupby(labels)["scene"].transform("first")
    return samples["scene"].map(dict(zip(scenes["scene"], first, strict=True)))


def blocks_of(samples: pd.DataFrame, block_size: int) -> pd.Series:
    """Name the square on the ground in which the centre of each sample lies.

    Args:
        samples: The table of samples.
        block_size: Side of a square in pixels.
    """
    side = samples["pixel_size"] * float(block_size)
    x = ((samples["west"] + samples["east"]) / 2 // side).astype(int).astype(str)
    y = ((samples["south"] + samples["north"]) / 2 // side).astype(int).astype(str)
    # Without a CRS each scene is a plane of its own.
    planes = samples["crs"].where(samples["crs"] != "none", "pixels of " + samples["scene"]).astype(str)
    return planes + "/" + side.round(6).astype(str) + "/" + x + "/" + y


def values_of(samples: pd.DataFrame, column: str) -> pd.Series:
    """Return what a column of the table of rasters says of each sample.

    Raises:
        DataError: Where there is no such column, or it says nothing of a scene.
    """
    name = f"{_COLUMN}{column}"
    known = [str(other).removeprefix(_COLUMN) for other in samples.columns if str(other).startswith(_COLUMN)]
    if name not in samples:
        raise DataError(
            f"'split.column' is '{column}', and the samples have no such column.{did_you_mean(column, known)} Found: "
            f"{preview(known)}. Further columns come from a table that lists the rasters: add it there."
        )
    values = samples[name].fillna("").astype(str)
    empty = sorted(set(samples.loc[values == "", table.SCENE]))
    if empty:
        raise DataError(
            f"The column '{column}', by which samples are split, is empty for {len(empty)} scene(s): {preview(empty)}. "
            "Fill it in the table of rasters."
        )
    return values


def shared_places(scenes: pd.Series, places: pd.Series) -> str:
    """Say in words where fewer places are shown than there are scenes."""
    shown, found = scenes.nunique(), places.nunique()
    return "" if shown == found else f" ({shown} scenes show {found} place(s), and those of one place stay together)"
