"""Read the features of vector files, brought onto the grid of a raster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import geopandas
import numpy as np
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from groundwork.errors import RasterError
from groundwork.rasters.grid import NO_TRANSFORMATION, Grid, name_crs
from groundwork.strict import did_you_mean

#: Files that geopandas reads by itself; all others are opened by GDAL.
_PARQUET = {".parquet", ".geoparquet"}
#: Left, bottom, right and top.
Bounds: TypeAlias = tuple[float, float, float, float]
#: Length of a degree of latitude at most, in metres.
_DEGREE_M = 111_700
#: By how many degrees longitudes of the same place may differ: they are counted from -180, or from 0.
_TURNS = (-360, 0, 360)
_MEND = "Mend the geometries first, such as by QGIS's 'Fix geometries' or geopandas' make_valid."


@dataclass(frozen=True, slots=True)
class _Overview:
    """What is known of a layer before its features are read."""

    layer: str | None
    crs: CRS | None
    #: None: there is no feature.
    bounds: Bounds | None
    columns: tuple[str, ...]


def read_features(
    path: Path,
    layer: str | None,
    grid: Grid,
    columns: Sequence[str],
    reach: float = 0.0,
    *,
    may_be_far: bool = False,
    may_be_empty: bool = False,
) -> geopandas.GeoDataFrame:
    """Read those features of a layer that lie near a grid, in the order of the file.

    Args:
        path: The file.
        layer: Its layer. None: the only one.
        grid: With a CRS; geometries are brought to it.
        columns: Attributes that are read.
        reach: How far beyond their geometry features are drawn, in metres.
        may_be_far: Whether all features may lie elsewhere.
        may_be_empty: Whether there may be no feature at all.

    Raises:
        RasterError: Where the file, the layer or an attribute is not there, there is no CRS, nothing of the file lies
            near the grid, or geometries are empty or not valid.
    """
    if (reached := grid.reached_crs) is None:
        raise RasterError(path, "a scene without CRS", "scenes with one, as features are placed by theirs")
    overview = _overview(path, layer, _stamp(path))
    for name in columns:
        if name not in overview.columns:
            known = list(overview.columns)
            raise RasterError(
                path, f"the attributes {known}", f"one called '{name}'", f"Correct it.{did_you_mean(name, known)}"
            )
    near = _near(overview, grid, reach)
    if overview.bounds is None:
        if not may_be_empty:
            raise RasterError(path, "no feature", "features", "Remove the file, or draw what is to be seen.")
    elif not may_be_far:
        _require_near(path, overview, overview.bounds, grid, near)
    boxes = [shapely.box(*edges) for edges in near]
    # GDAL is quicker where it is asked for one box.
    ground = boxes[0] if len(boxes) == 1 else shapely.MultiPolygon(boxes)
    if path.suffix.lower() in _PARQUET:
        whole = _read_whole(path, _stamp(path))
        frame = whole.iloc[np.sort(whole.sindex.query(ground, predicate="intersects"))]
    else:
        frame = _read_near(path, overview.layer, ground, columns)
    _require_valid(path, frame)
    return frame[[*columns, frame.geometry.name]].to_crs(reached.to_wkt())


def _read_near(
    path: Path, layer: str | None, ground: shapely.Geometry, columns: Sequence[str]
) -> geopandas.GeoDataFrame:
    """Read what meets a ground, in the order of the file: a GeoPackage gives it in that of its spatial index.

    Features of JSON are read one after the other, and have numbers of any order.
    """
    read = geopandas.read_file(
        path, layer=layer, mask=ground, columns=list(columns), engine="pyogrio", fid_as_index=True
    )
    in_order = read if "json" in path.suffix.lower() else read.sort_index(kind="stable")
    return in_order.reset_index(drop=True)


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a file does."""
    if not path.exists():
        raise RasterError(path, "no such file", "a vector file")
    state = path.stat()
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=2)
def _read_whole(path: Path, stamp: tuple[int, int]) -> geopandas.GeoDataFrame:  # noqa: ARG001 - a part of the key
    """Read all of a file of which no part can be asked for; it is kept for the other scenes that it belongs to."""
    return geopandas.read_parquet(path)


@lru_cache(maxsize=64)
def _overview(path: Path, layer: str | None, stamp: tuple[int, int]) -> _Overview:
    """Look through a layer once; what was found is kept for the other scenes that it belongs to."""
    try:
        if path.suffix.lower() in _PARQUET:
            frame = _read_whole(path, stamp)
            name, crs, columns, edges = None, frame.crs, list(frame.columns), frame.bounds.to_numpy().T
            columns.remove(frame.geometry.name)
        else:
            name = _layer(path, layer)
            info = pyogrio.read_info(path, layer=name)
            crs, columns, edges = info["crs"], info["fields"], pyogrio.read_bounds(path, layer=name)[1]
    except RasterError:
        raise
    except (DataLayerError, DataSourceError, ValueError, OSError) as error:
        raise RasterError(path, f"no vector file that can be read ({error})", "a vector file") from error
    if crs is None:
        mend = "Write it into the file, such as with ogr2ogr -a_srs."
        raise RasterError(path, "features without a CRS", "a CRS", mend)
    empty = np.isnan(edges).any(axis=0)
    if empty.any():
        found = f"{int(empty.sum())} feature(s) without a geometry, such as number {int(empty.argmax()) + 1}"
        raise RasterError(path, found, "a geometry in each", "Remove them.")
    bounds = None
    if edges.shape[1]:
        west, south, east, north = edges[0].min(), edges[1].min(), edges[2].max(), edges[3].max()
        bounds = (float(west), float(south), float(east), float(north))
    return _Overview(name, CRS.from_user_input(str(crs)), bounds, tuple(map(str, columns)))


def _layer(path: Path, layer: str | None) -> str:
    layers = [str(name) for name, _ in pyogrio.list_layers(path)]
    if layer is None and len(layers) == 1:
        return layers[0]
    if layer is None or layer not in layers:
        expected = f"one called '{layer}'" if layer else "one layer, or one that 'target.vectors.layer' names"
        raise RasterError(path, f"the layers {layers}", expected, f"Correct it.{did_you_mean(layer or '', layers)}")
    return layer


def _near(overview: _Overview, grid: Grid, reach: float) -> list[Bounds]:
    """Return within which bounds, in the CRS of a file, features may lie on a grid; none where it has no place there.

    About the 180th meridian there are several, as longitudes may be counted on beyond it.
    """
    west, south, east, north = grid.bounds
    unit = grid.metres_per_unit or np.inf
    if grid.crs is not None and not grid.crs.is_projected:
        # A degree of longitude is shorter than the mean of both directions.
        unit = unit**2 / _DEGREE_M
    # Lengths are those at the centre: towards the poles Web Mercator needs more.
    more = 1.5 * reach / unit
    try:
        found = _transformed(grid.crs, overview.crs, (west - more, south - more, east + more, north + more))
    except NO_TRANSFORMATION:
        return []
    left, bottom, right, top = found
    if left <= right and (grid.reached_crs == grid.crs or not (overview.crs and overview.crs.is_geographic)):
        return [(left, bottom, right, top)]
    # Of degrees across the 180th meridian, the east is less than the west.
    right += 360 if right < left else 0
    return [(left + turn, bottom, right + turn, top) for turn in _TURNS]


@lru_cache(maxsize=4096)
def _transformed(crs: CRS, other: CRS, bounds: Bounds) -> Bounds:
    """Return bounds in another CRS. It takes longer than drawing, and chips of a scene ask for the same each time."""
    found: Bounds = transform_bounds(crs, other, *bounds)
    return found


def _require_near(path: Path, overview: _Overview, bounds: Bounds, grid: Grid, near: list[Bounds]) -> None:
    """Refuse a file that has nothing near a grid: mostly its CRS is not what it says."""
    left, bottom, right, top = bounds
    if any(edges[0] <= right and left <= edges[2] and edges[1] <= top and bottom <= edges[3] for edges in near):
        return
    found, ours = (", ".join(f"{edge:.6g}" for edge in edges) for edges in (bounds, grid.bounds))
    raise RasterError(
        path,
        f"features within ({found}) in {name_crs(overview.crs)}",
        f"some near the scene, within ({ours}) in {name_crs(grid.crs)}",
        "Correct the file's CRS, or remove the scene; where nothing is to be seen in it, say so by a polygon of "
        "complete labelling.",
    )


def _require_valid(path: Path, frame: geopandas.GeoDataFrame) -> None:
    empty, wrong = frame.geometry.is_empty, ~frame.geometry.is_valid
    if empty.any():
        raise RasterError(path, f"{int(empty.sum())} empty geometries", "a geometry in each feature", "Remove them.")
    if wrong.any():
        first = frame.geometry[wrong].iloc[0]
        found = f"{int(wrong.sum())} geometries that are not valid near a scene ({shapely.is_valid_reason(first)})"
        raise RasterError(path, found, "valid geometries", _MEND)


def widen(
    path: Path, frame: geopandas.GeoDataFrame, grid: Grid, line_width: float | None, point_radius: float | None
) -> geopandas.GeoDataFrame:
    """Return lines and points as the polygons that they are drawn as.

    Args:
        path: Of the file, for messages.
        frame: In the CRS of a raster.
        grid: Of the raster.
        line_width: In metres.
        point_radius: In metres.

    Raises:
        RasterError: For lines without a width, and points without a radius.
    """
    kinds = frame.geom_type.str.removeprefix("Multi")
    half = {"LineString": line_width and line_width / 2, "LinearRing": line_width and line_width / 2}
    distances = {**half, "Point": point_radius, "Polygon": 0.0}
    for kind in sorted(set(kinds)):
        if distances.get(kind) is None:
            option = {"Point": "point_radius_m"}.get(kind, "line_width_m")
            expected = f"polygons, as 'target.vectors.{option}' is not set"
            remedy = f"Set '{option}' to what a feature covers, in metres."
            if kind not in distances:
                expected, remedy = "polygons, lines or points", "Split it into single geometries."
            raise RasterError(path, f"{int((kinds == kind).sum())} feature(s) of the kind {kind}", expected, remedy)
    by_feature = kinds.map(distances).astype(float)
    if not by_feature.any():
        return frame
    crs = frame.crs
    is_metric = grid.keeps_lengths and crs.axis_info[0].unit_conversion_factor == 1
    metric = frame if is_metric else frame.to_crs(_zone_of(grid))
    grown = metric.geometry.buffer(by_feature.to_numpy()).where(by_feature > 0, metric.geometry)
    return frame.set_geometry(grown if is_metric else grown.to_crs(crs))


def _zone_of(grid: Grid) -> pyproj.CRS:
    """Return the UTM zone of the middle of a grid, in which its lengths are nearly those on the ground."""
    latitude, longitude = grid.center_coordinates() or (0.0, 0.0)
    zone: pyproj.CRS = geopandas.GeoSeries.from_xy([longitude], [latitude], crs=4326).estimate_utm_crs()
    return zone
