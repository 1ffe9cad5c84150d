"""About the 180th meridian: rasters whose longitudes are counted beyond 180, and CRS that end there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform as transform_points
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.errors import RasterError
from groundwork.prediction.footprints import bounds_of, geometry_of
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.area import area_of_bounds
from groundwork.rasters.bad_blocks import on_grid
from groundwork.rasters.canvas import Canvas, DeclaredPixels, bounds_in
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.grid import Grid
from groundwork.rasters.longitudes import within_180
from groundwork.rasters.opening import grid_of
from groundwork.rasters.scene import Scene
from groundwork.rasters.vectors import read_features, widen
from groundwork.rasters.windows import window_in
from groundwork.specs import RasterSpec

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]
DEGREES = CRS.from_epsg(4326)
#: West edge in degrees; about 64 pixels of 0.01 degrees follow. Which zone of UTM is near.
PLACES = {"across 180": (179.7, 32701), "beyond 180": (200.0, 32704), "across -180": (-180.3, 32760)}


def _there(west: float, north: float = -16.0) -> dict[str, Any]:
    return {"crs": DEGREES, "transform": from_origin(west, north, 0.01, 0.01)}


def _pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3000, (2, 64, 64)).astype(np.int16)


def _read(path: Path, grid: Grid, spec: RasterSpec) -> tuple[np.ndarray, np.ndarray]:
    with closing(Scene([path], spec, Canvas(grid, path))) as scene:
        return scene.read(Window(0, 0, grid.width, grid.height))


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("where", PLACES)
def test_a_source_is_read_onto_another_grid_as_if_it_were_counted_from_the_other_side(
    where: str, resampling: str, masked: bool, tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    west, zone = PLACES[where]
    mask = np.where(np.arange(64) < 9, 0, 255).astype(np.uint8)[None].repeat(64, axis=0) if masked else None
    path = write_raster(tmp_path / "own.tif", _pixels(), mask=mask, nodata=-9999, **_there(west))
    # The same places, by longitudes that begin at the antipode of Greenwich.
    turned = CRS.from_proj4("+proj=longlat +datum=WGS84 +pm=180")
    start = from_origin((west % 360) - 180, -16, 0.01, 0.01)
    other = write_raster(tmp_path / "turned.tif", _pixels(), mask=mask, nodata=-9999, crs=turned, transform=start)
    spec = make_spec(resampling=resampling)
    grid = DeclaredPixels(CRS.from_epsg(zone), 900).over(path).grid
    (values, valid), (expected, known) = _read(path, grid, spec), _read(other, grid, spec)
    assert valid.mean() > 0.75
    assert np.array_equal(valid, known)
    assert np.array_equal(values[:, valid], expected[:, valid])


@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("west", "wanted"), [(-160, 200), (200, -160), (179.7, -180.3)])
def test_a_source_in_degrees_is_read_onto_a_reference_that_counts_them_otherwise(
    west: float, wanted: float, masked: bool, resampling: str, tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    mask = np.where(np.arange(64) < 9, 0, 255).astype(np.uint8)[None].repeat(64, axis=0) if masked else None
    path = write_raster(tmp_path / "own.tif", _pixels(), mask=mask, nodata=None if masked else -9999, **_there(west))
    reference = Grid(DEGREES, from_origin(wanted + 0.03, -16.02, 0.005, 0.005), 90, 90)
    alike = Grid(DEGREES, from_origin(west + 0.03, -16.02, 0.005, 0.005), 90, 90)
    with rasterio.open(path) as raster:
        own = grid_of(raster)
    assert reference.overlaps(own)
    assert own.overlaps(reference)
    spec = make_spec(resampling=resampling)
    (values, valid), (expected, known) = _read(path, reference, spec), _read(path, alike, spec)
    assert valid.mean() > 0.8
    assert (valid == known).mean() > 0.995
    both = valid & known
    assert np.abs(values[:, both].astype(int) - expected[:, both]).max() <= (1 if resampling == "bilinear" else 0)
    (shape,) = on_grid([Window(10, 10, 5, 5)], own, reference)
    assert np.allclose(shape.bounds, (14, 16, 24, 26), atol=1e-6)


def test_pixels_that_hold_all_of_the_earth_lie_under_each_scene(tmp_path: Path, write_raster: Write) -> None:
    longitudes = np.arange(0, 360, 0.5)
    rows = np.round(10 * np.broadcast_to(longitudes, (360, 720))).astype(np.int16)
    path = write_raster(tmp_path / "earth.tif", rows, crs=DEGREES, transform=from_origin(-0.25, 90, 0.5, 0.5))
    spec = RasterSpec.model_validate({"bands": ["A"], "dtype": "int16", "nodata": None, "resampling": "nearest"})
    with rasterio.open(path) as raster:
        earth = grid_of(raster)
    for zone, east in ((32618, 300_000), (32618, 700_000), (32632, 600_000), (32701, 200_000), (32760, 800_000)):
        grid = Grid(CRS.from_epsg(zone), from_origin(east, 5_000_000, 1000, 1000), 40, 40)
        assert grid.overlaps(earth)
        assert earth.overlaps(grid)
        values, valid = _read(path, grid, spec)
        assert valid.all()
        xs, ys = grid.transform @ (np.arange(40) + 0.5, np.full(40, 20.5))
        found = np.array(transform_points(grid.crs, DEGREES, xs, ys)[0]) % 360
        assert np.abs(values[0, 20] / 10 - found).max() <= 0.2501


def test_scenes_overlap_however_longitudes_are_counted() -> None:
    own = Grid(DEGREES, from_origin(179.7, -16, 0.01, 0.01), 64, 64)
    here = Grid(CRS.from_epsg(32701), from_origin(170_000, 8_220_000, 100, 100), 300, 300)
    away = Grid(CRS.from_epsg(32701), from_origin(700_000, 8_220_000, 100, 100), 300, 300)
    east, west = (Grid(DEGREES, from_origin(edge, -16, 0.01, 0.01), 20, 20) for edge in (-179.9, 179.75))
    assert all(one.overlaps(other) and other.overlaps(one) for one, other in ((own, here), (own, east), (own, west)))
    assert not own.overlaps(away)
    assert not away.overlaps(own)


@pytest.mark.parametrize("where", PLACES)
def test_what_a_window_is_resampled_from(where: str, tmp_path: Path, write_raster: Write) -> None:
    west, zone = PLACES[where]
    path = write_raster(tmp_path / "own.tif", _pixels(), **_there(west))
    grid = DeclaredPixels(CRS.from_epsg(zone), 900).over(path).grid
    with rasterio.open(path) as raster:
        window = window_in(Window(30, 40, 1, 1), grid, raster)
        xs, ys = transform_points(grid.crs, DEGREES, *([edge] for edge in grid.transform @ (30.5, 40.5)))[:2]
        column, row = ~raster.transform @ ((xs[0] - west) % 360 + west, ys[0])
    assert window.col_off <= column <= window.col_off + window.width
    assert window.row_off <= row <= window.row_off + window.height
    assert window.width < 10


@pytest.mark.parametrize(
    ("crs", "transform", "shape", "target"),
    [
        (4326, from_origin(179.7, -16, 0.01, 0.01), (64, 64), 3857),
        (4326, from_origin(180 - 0.63, -16, 0.01, 0.01), (64, 64), 3857),
        (32760, from_origin(799_980, 8_200_000, 10, 10), (10_980, 10_980), 3857),
        (32760, from_origin(799_980, 8_200_000, 10, 10), (10_980, 10_980), 4326),
        (4326, from_origin(-180, 90, 0.25, 0.25), (720, 1440), 3857),
    ],
    ids=["in degrees", "by a pixel", "in metres", "into degrees", "with the poles"],
)
def test_a_crs_that_ends_within_a_raster_is_refused(
    crs: int, transform: Affine, shape: tuple[int, int], target: int
) -> None:
    grid = Grid(CRS.from_epsg(crs), transform, shape[1], shape[0])
    message = rf"x.tif: found a raster across an edge of EPSG:{target}.*Choose another one in 'the.key', such as the"
    with pytest.raises(RasterError, match=message):
        bounds_in(grid, CRS.from_epsg(target), Path("x.tif"), "the.key")


def test_the_whole_earth_and_what_does_not_cross_have_a_place() -> None:
    edge = 20037508.34
    for west in (-180, -180.125, 0):
        grid = Grid(DEGREES, from_origin(west, 80, 0.25, 0.25), 1440, 640)
        found = bounds_in(grid, CRS.from_epsg(3857), Path("x.tif"), "key")
        assert np.allclose(found, (-edge, -15_538_711, edge, 15_538_711), atol=1)
    beyond = bounds_in(
        Grid(DEGREES, from_origin(200, -16, 0.01, 0.01), 64, 64), CRS.from_epsg(3857), Path("x.tif"), "key"
    )
    within = bounds_in(
        Grid(DEGREES, from_origin(-160, -16, 0.01, 0.01), 64, 64), CRS.from_epsg(3857), Path("x.tif"), "key"
    )
    assert np.allclose(beyond, within)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet"])
@pytest.mark.parametrize("crs", ["EPSG:32701", "EPSG:4326", "EPSG:4326+360"])
def test_features_are_drawn_on_either_side(crs: str, suffix: str, tmp_path: Path) -> None:
    grid = Grid(DEGREES, from_origin(179.7, -16, 0.01, 0.01), 64, 64)
    places = [shapely.box(179.75, -16.2, 179.85, -16.1), shapely.box(180.1, -16.4, 180.2, -16.3)]
    away = shapely.box(10, -16.4, 10.2, -16.3)
    frame = geopandas.GeoDataFrame({"name": ["west", "east"]}, geometry=places, crs=4326)
    if crs == "EPSG:32701":
        frame = frame.to_crs(32701)
    elif crs == "EPSG:4326":
        within = [places[0], within_180(places[1]), away]
        frame = geopandas.GeoDataFrame({"name": ["west", "east", "away"]}, geometry=within, crs=4326)
    path = tmp_path / f"x{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path)
    found = read_features(path, None, grid, ("name",))
    assert list(found["name"]) == ["west", "east"]
    for here, expected in zip(found.geometry, places, strict=True):
        assert np.allclose(here.bounds, expected.bounds, atol=2e-4)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet"])
def test_features_in_degrees_reach_a_scene_in_metres_on_both_sides(suffix: str, tmp_path: Path) -> None:
    grid = Grid(CRS.from_epsg(32760), from_origin(799_980, 8_200_000, 1000, 1000), 110, 110)
    places = {"west": (179.9, -16.9), "east": (-179.6, -16.9), "away": (0, -16.9)}
    boxes = [shapely.box(x, y, x + 0.05, y + 0.05) for x, y in places.values()]
    path = tmp_path / f"x{suffix}"
    frame = geopandas.GeoDataFrame({"name": list(places)}, geometry=boxes, crs=4326)
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path)
    found = read_features(path, None, grid, ("name",))
    assert list(found["name"]) == ["west", "east"]
    assert all(shapely.box(*grid.bounds).contains(shape) for shape in found.geometry)


def test_points_beyond_180_are_drawn_where_they_lie(tmp_path: Path) -> None:
    grid = Grid(DEGREES, from_origin(200, -16, 0.01, 0.01), 64, 64)
    path = tmp_path / "x.gpkg"
    geopandas.GeoDataFrame(geometry=[shapely.Point(-159.7, -16.3)], crs=4326).to_file(path)
    (drawn,) = widen(path, read_features(path, None, grid, (), 2000), grid, None, 2000).geometry
    assert np.allclose(shapely.centroid(drawn).coords, (200.3, -16.3), atol=1e-3)
    assert np.isclose(drawn.bounds[3] - drawn.bounds[1], 4000 / 110_600, rtol=0.01)


def test_an_area_beyond_180_is_found_by_either_count() -> None:
    grid = Grid(DEGREES, from_origin(200, -16, 0.01, 0.01), 64, 64)
    metres = transform_bounds(DEGREES, CRS.from_epsg(32704), -159.9, -16.2, -159.8, -16.1)
    for bounds, crs in (((200.1, -16.2, 200.2, -16.1), "EPSG:4326"), (metres, "EPSG:32704")):
        part = area_of_bounds(bounds, crs).on(grid)
        assert part is not None
        assert abs(part.window.col_off - 10) <= 1
        assert abs(part.window.width - 10) <= 1


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (32760, from_origin(799_980, 8_200_000, 1000, 1000)),
        (32701, from_origin(180_000, 8_200_000, 1000, 1000)),
        (4326, from_origin(179.7, -16.3, 0.01, 0.01)),
        (4326, from_origin(-179.9, -16.3, 0.01, 0.01)),
        (4326, from_origin(179.0, -16.3, 0.01, 0.01)),
    ],
)
def test_an_area_across_180_holds_what_each_scene_has_of_it(crs: int, transform: Affine) -> None:
    grid = Grid(CRS.from_epsg(crs), transform, 100, 100)
    part = area_of_bounds((179.5, -17.5, 180.5, -16.2), "EPSG:4326").on(grid)
    assert part is not None
    columns = part.mask(Window(0, 0, part.window.width, part.window.height)).any(axis=0)
    middle = grid.transform @ (np.arange(100) + 0.5, np.full(100, 50.5))
    longitudes = np.array(transform_points(grid.crs, DEGREES, *middle)[0]) % 360
    assert abs(columns.sum() - ((longitudes > 179.5) & (longitudes < 180.5)).sum()) <= 2


def test_footprints_lie_within_180_degrees() -> None:
    across = geometry_of(Grid(DEGREES, from_origin(179.7, -16, 0.01, 0.01), 64, 64))
    assert across is not None
    assert across.geom_type == "MultiPolygon"
    assert np.allclose(bounds_of(across), (179.7, -16.64, -179.66, -16))
    beyond = geometry_of(Grid(DEGREES, from_origin(200, -16, 0.01, 0.01), 64, 64))
    assert beyond is not None
    assert np.allclose(bounds_of(beyond), (-160, -16.64, -159.36, -16))
    earth = geometry_of(Grid(DEGREES, from_origin(-0.125, 90, 0.25, 0.25), 1440, 720))
    assert earth is not None
    assert earth.bounds == (-180, -90, 180, 90)


def test_a_scene_across_180_is_predicted_in_metres_and_put_into_a_mosaic(
    tiny_bundle: Bundle, tmp_path: Path, write_raster: Write
) -> None:
    images = np.random.default_rng(0).integers(0, 3000, (3, 64, 64)).astype(np.int16)
    for key, west in (("a", 179.7), ("b", -180 + 0.34)):
        write_raster(tmp_path / f"in/{key}.tif", images, nodata=-9999, tags={"DATE": "2024-06-01"}, **_there(west))
    for key, words in (
        ("grid", {"grid": {"crs": "EPSG:32760", "pixel_size_m": 1000}, "mosaic": {"overlaps": "first"}}),
        ("mosaic", {"mosaic": {"overlaps": "first", "crs": "EPSG:32760", "pixel_size": 1000}}),
    ):
        config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8} | words)
        scenes = find_rasters(tmp_path / "in", ["{key}.tif"])
        write_predictions(Names(tmp_path / key), predict_scenes(tiny_bundle, scenes, config))
        with rasterio.open(tmp_path / key / "mosaic/classes.tif") as raster:
            assert 130 < raster.width < 150
            known = raster.read(1) != 255
            # The scenes touch each other, about 137 km together.
            assert known.mean() > 0.9
            assert known[30:40, 5:-5].all()
