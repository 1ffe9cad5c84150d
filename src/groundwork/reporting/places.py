"""A map of scenes and splits, without any other map behind it: nothing is fetched from a network."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from rasterio.warp import transform

from groundwork.config.split import SPLITS
from groundwork.data import sample_table as table
from groundwork.reporting.charts import COLORS, PLAIN, empty_chart

#: With more chips than these, what is drawn of a scene is where its chips of a split lie together.
MOST_CHIPS = 2000
#: Corners of a rectangle, by the columns of its bounds, and back to the first.
CORNERS = (("west", "south"), ("west", "north"), ("east", "north"), ("east", "south"), ("west", "south"))


def draw_map(samples: pd.DataFrame) -> go.Figure:
    """Draw where the chips of each split lie, in degrees.

    Args:
        samples: The table of samples, with splits.
    """
    placed = samples[samples[table.LATITUDE].notna()]
    if placed.empty:
        return empty_chart("No scene says where it lies.")
    shown = placed if len(placed) <= MOST_CHIPS else _together(placed)
    figure = go.Figure()
    for number, split in enumerate(SPLITS):
        own = shown[shown[table.SPLIT] == split]
        if own.empty:
            continue
        longitudes, latitudes = _outlines(own)
        name = f"{split}: {int((samples[table.SPLIT] == split).sum())} chips"
        style: dict[str, Any] = {"legendgroup": split, "line": {"color": COLORS[number], "width": 1.5}}
        figure.add_scatter(
            x=longitudes, y=latitudes, mode="lines", fill="toself", name=name, hoverinfo="skip", opacity=0.6, **style
        )
        figure.add_scatter(**_centres(placed[placed[table.SPLIT] == split], split, COLORS[number]))
    middle = math.cos(math.radians(float(placed[table.LATITUDE].astype(float).mean())))
    figure.update_layout(**PLAIN, height=460)
    figure.update_xaxes(title="longitude", ticksuffix="\u00b0", constrain="domain")
    # A degree of longitude is shorter than one of latitude.
    ratio = round(1 / max(middle, 0.05), 4)
    figure.update_yaxes(title="latitude", ticksuffix="\u00b0", scaleanchor="x", scaleratio=ratio, constrain="domain")
    return figure


def _together(samples: pd.DataFrame) -> pd.DataFrame:
    """Return one row per scene and split: the rectangle around its chips."""
    west, south, east, north = table.BOUNDS
    by = [table.SCENE, table.SPLIT, table.CRS]
    return samples.groupby(by, as_index=False).agg({west: "min", south: "min", east: "max", north: "max"})


def _outlines(samples: pd.DataFrame) -> tuple[list[float | None], list[float | None]]:
    """Return longitudes and latitudes of rectangles, with None between them."""
    longitudes: list[float | None] = []
    latitudes: list[float | None] = []
    for crs, group in samples.groupby(table.CRS, sort=True):
        xs = [float(row[column]) for row in _rows(group) for column, _ in CORNERS]
        ys = [float(row[column]) for row in _rows(group) for _, column in CORNERS]
        east, north = transform(str(crs), "EPSG:4326", xs, ys)
        for start in range(0, len(east), len(CORNERS)):
            longitudes += [*(round(value, 5) for value in east[start : start + len(CORNERS)]), None]
            latitudes += [*(round(value, 5) for value in north[start : start + len(CORNERS)]), None]
    return longitudes, latitudes


def _rows(samples: pd.DataFrame) -> Iterator[dict[str, Any]]:
    yield from samples[list(table.BOUNDS)].to_dict("records")


def _centres(samples: pd.DataFrame, split: str, color: str) -> dict[str, Any]:
    """Return a point for each scene of a split, with its name."""
    scenes = samples.groupby(table.SCENE, sort=True)
    centres = scenes[[table.LONGITUDE, table.LATITUDE]].mean()
    counts = scenes.size().tolist()
    return {
        "x": [round(value, 5) for value in centres[table.LONGITUDE].tolist()],
        "y": [round(value, 5) for value in centres[table.LATITUDE].tolist()],
        "mode": "markers",
        "marker": {"color": color, "size": 7},
        "text": [f"{name}: {count} chips" for name, count in zip(centres.index, counts, strict=True)],
        "hovertemplate": f"%{{text}}<extra>{split}</extra>",
        "legendgroup": split,
        "showlegend": False,
    }
