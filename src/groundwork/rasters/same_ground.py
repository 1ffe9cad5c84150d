"""Whether a file shows the ground that another one covers."""

from __future__ import annotations

from pathlib import Path

from groundwork.errors import RasterError
from groundwork.rasters.grid import Grid, describe_bounds, name_crs


def require_same_edges(path: Path, own: Grid, grid: Grid, expected: str) -> None:
    """Refuse a file of a raster whose edges lie half a pixel or more from those of its first file."""
    distances = [abs(a - b) for a, b in zip(own.bounds, grid.bounds, strict=True)]
    if own.crs != grid.crs or max(distances) > own.pixel_size / 2:
        raise RasterError(path, "; ".join(grid.differences(own)), expected)


def require_overlap(path: Path, own: Grid, grid: Grid, expected: str) -> None:
    """Refuse a file of another source that shows other ground altogether."""
    if own.crs is None or grid.crs is None:
        found = "; ".join(grid.differences(own))
        raise RasterError(path, found, expected, "Georeference both, or crop them alike.")
    if not grid.overlaps(own):
        place = f"{describe_bounds(grid)} in {name_crs(grid.crs)}"
        found = f"bounds {describe_bounds(own)} in {name_crs(own.crs)}, of which nothing lies in {place}"
        raise RasterError(path, found, expected, "Correct the patterns or the files.")
