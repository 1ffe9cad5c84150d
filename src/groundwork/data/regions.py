"""Regions on the ground, by which samples are split: polygons of a file, in whatever CRS."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError
from rasterio.crs import CRS

from groundwork.data import sample_table as table
from groundwork.data.distances import Places, outlines_in
from groundwork.errors import DataError, RasterError
from groundwork.rasters.area import Area
from groundwork.rasters.folder import preview
from groundwork.rasters.longitudes import within_180
from groundwork.strict import did_you_mean

#: Polygons that share less than this of the smaller one only touch: their borders were rounded.
TOUCHING = 1e-6


@dataclass(frozen=True, slots=True)
class Regions:
    """Polygons of a file, all of them valid."""

    path: Path
    #: With a CRS; of degrees, longitudes lie from -180 to 180.
    polygons: geopandas.GeoDataFrame

    def by_value(self, attribute: str) -> dict[str, shapely.Geometry]:
        """Return the ground of each region: all polygons whose attribute has one value.

        Raises:
            RasterError: Where polygons lack the attribute, it is empty, or it holds no names.
        """
        names = [str(name) for name in self.polygons.columns if name != self.polygons.geometry.name]
        if attribute not in names:
            hint = did_you_mean(attribute, names).strip()
            expected = f"an attribute '{attribute}', as 'split.attribute' says"
            raise RasterError(self.path, f"the attributes {names}", expected, hint or "Correct it.")
        values = self.polygons[attribute]
        if values.isna().any() or (values.astype(str) == "").any():
            rows = np.flatnonzero(values.isna() | (values.astype(str) == "")).tolist()
            raise RasterError(self.path, f"nothing in '{attribute}' of polygon(s) {rows[:10]}", "a name", "Fill it in.")
        if pd.api.types.is_float_dtype(values):
            remedy = "Write names, or whole numbers."
            raise RasterError(self.path, f"numbers with fractions in '{attribute}'", "names of regions", remedy)
        texts = values.astype(str)
        return {name: shapely.union_all(self.polygons.geometry[texts == name]) for name in sorted(set(texts))}

    def area(self) -> Area:
        """Return the ground of all of them."""
        return Area(shapely.union_all(self.polygons.geometry), CRS.from_wkt(self.polygons.crs.to_wkt()), str(self.path))


def read_regions(path: Path, layer: str | None = None) -> Regions:
    """Read the polygons of a file.

    Args:
        path: A file that GDAL reads, such as a GeoPackage or GeoJSON.
        layer: Name of its layer, where it has several.

    Raises:
        RasterError: Where it cannot be read, has no CRS, or holds other things than valid polygons.
    """
    if not path.exists():
        raise RasterError(path, "no such file", "a file of polygons", "Correct the path.")
    try:
        layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    except DataSourceError as error:
        remedy = "Use a GeoPackage or GeoJSON."
        raise RasterError(path, f"what cannot be read ({error})", "a file of polygons", remedy) from error
    if layer not in layers and (layer is not None or len(layers) != 1):
        raise RasterError(path, f"the layers {layers}", "the 'layer' that holds the regions", "Name one of them.")
    polygons = geopandas.read_file(path, layer=layer)
    if not isinstance(polygons, geopandas.GeoDataFrame) or polygons.empty:
        raise RasterError(path, "no polygon", "a file of polygons", "Draw some, or name another file.")
    if polygons.crs is None:
        raise RasterError(path, "no CRS", "polygons with a CRS", "Say in the file which one it is.")
    _check_shapes(path, polygons.geometry)
    if polygons.crs.is_geographic:
        polygons = polygons.set_geometry(polygons.geometry.map(within_180))
    return Regions(path, polygons)


def _check_shapes(path: Path, shapes: geopandas.GeoSeries) -> None:
    is_empty = (shapes.isna() | shapes.is_empty).to_numpy()
    is_other = ~shapes.geom_type.isin(["Polygon", "MultiPolygon"]).to_numpy() & ~is_empty
    is_broken = ~shapes.is_valid.to_numpy() & ~is_empty & ~is_other
    problems = {
        "no shape": is_empty,
        "shapes that are no polygons": is_other,
        "shapes that are not valid, such as polygons that cross themselves,": is_broken,
    }
    for what, rows in problems.items():
        if rows.any():
            where = np.flatnonzero(rows)
            reason = f" ({shapely.is_valid_reason(shapes.iloc[where[0]])})" if what.endswith(",") else ""
            found = f"{what} in row(s) {where[:10].tolist()}{reason}"
            raise RasterError(path, found, "valid polygons", "Repair or remove them, for example in QGIS.")


def place_in_regions(
    samples: pd.DataFrame, regions: Regions, shapes: Mapping[str, shapely.Geometry], unused: Collection[str] = ()
) -> tuple[pd.Series, dict[str, int]]:
    """Return the region in which the whole window of each sample lies, and how many samples lie in none, by reason.

    Args:
        samples: The table of samples.
        regions: Where the polygons come from.
        shapes: Region -> its ground, in the CRS of ``regions``.
        unused: Regions that need not reach a sample.

    Raises:
        DataError: Where samples have no CRS, or a region reaches no sample.
    """
    without = sorted(set(samples.loc[samples[table.CRS] == "none", table.SCENE]))
    if without:
        raise DataError(
            f"Method 'polygons' needs to know where scenes lie, and {len(without)} have no CRS: {preview(without)}. "
            "Split by 'scenes', 'lists' or 'column', or give them a CRS."
        )
    windows = _windows(samples, regions.polygons.crs.to_wkt())
    tree, names = shapely.STRtree(windows), list(shapes)
    ground = np.array([shapes[name] for name in names], dtype=object)
    region, row = tree.query(ground, predicate="covers")
    reached, near = tree.query(ground, predicate="intersects")
    empty = sorted(set(names) - {names[index] for index in reached} - set(unused))
    if empty:
        raise DataError(
            f"{regions.path}: the region(s) {preview(empty)} reach no sample. The CRS of the file or the names may be "
            "wrong; if they are not, name such regions under 'leave_out' in 'split.values', or remove them."
        )
    found = pd.Series(np.full(len(samples), None, dtype=object), index=samples.index)
    found.iloc[row] = np.array(names, dtype=object)[region]
    is_none = found.isna().to_numpy()
    touches = np.isin(np.arange(len(samples)), near)
    counts = {"across the border of a region": int((is_none & touches).sum()), "in no region": int((~touches).sum())}
    return found, {reason: count for reason, count in counts.items() if count}


def _windows(samples: pd.DataFrame, crs: str) -> NDArray[np.object_]:
    """Return the outlines of samples in another CRS; empty ones where they have no place in it."""
    boxes = Places(samples).boxes
    windows = np.full(len(samples), shapely.Polygon(), dtype=object)
    for here, rows in samples.reset_index(drop=True).groupby(table.CRS).groups.items():
        outlines = outlines_in(boxes[rows.to_numpy()], str(here), crs)
        is_placed = np.isfinite(outlines).all(axis=(1, 2))
        windows[rows.to_numpy()[is_placed]] = shapely.polygons(outlines[is_placed])
    if CRS.from_wkt(crs).is_geographic and (np.abs(shapely.bounds(windows)[:, [0, 2]]) > 180).any():
        windows = np.array([within_180(window) for window in windows], dtype=object)
    return windows


def check_apart(regions: Regions, shapes: Mapping[str, shapely.Geometry], parts: Mapping[str, str | None]) -> None:
    """Refuse regions of different parts that share ground.

    Args:
        regions: Where the polygons come from.
        shapes: Region -> its ground.
        parts: Region -> its split, or itself where splits are drawn.

    Raises:
        RasterError: With two regions that overlap.
    """
    names = list(shapes)
    ground = np.array([shapes[name] for name in names], dtype=object)
    first, second = shapely.STRtree(ground).query(ground, predicate="intersects")
    apart = np.array([parts[names[a]] != parts[names[b]] for a, b in zip(first, second, strict=True)], np.bool_)
    first, second = first[apart], second[apart]
    shared = shapely.area(shapely.intersection(ground[first], ground[second]))
    smaller = np.minimum(shapely.area(ground[first]), shapely.area(ground[second]))
    for index in np.flatnonzero(shared > TOUCHING * smaller)[:1]:
        one, other = names[first[index]], names[second[index]]
        raise RasterError(
            regions.path,
            f"'{one}' and '{other}', which share ground and belong to different splits or regions",
            "regions that only touch",
            "Correct the polygons, or assign both to one split by 'split.values'.",
        )
