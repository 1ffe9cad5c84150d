"""Prediction limited to an area: the same answers as of the whole scene there, nothing elsewhere, and nothing read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from pydantic import ValidationError
from rasterio.transform import from_origin

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.data.regions import read_regions
from groundwork.errors import PairingError, RasterError, SpecError
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.area import Area, runs
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.writing import write_rasters

UTM, SIDE = "EPSG:32632", 300
#: An outline in columns and rows of the scene that no box is like.
CORNERS = [(40.2, 30.7), (250.3, 30.7), (250.3, 60.1), (80.9, 90.5), (80.9, 260.2), (40.2, 260.2)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> SimpleNamespace:
    root = tmp_path_factory.mktemp("area")
    random = np.random.default_rng(3)
    for number, key in enumerate(("here", "there")):
        image = random.integers(100, 3000, (3, SIDE, SIDE)).astype(np.int16)
        place = from_origin(500_000 + 50_000 * number, 5_000_000, 10, 10)
        tags = {"DATE": "2024-06-01"}
        tiles = {"tiled": True, "blockxsize": 32, "blockysize": 32, "compress": "deflate"}
        write_raster(root / "scenes" / f"{key}.tif", image, transform=place, nodata=-9999, tags=tags, **tiles)
    outline = shapely.Polygon([(500_000 + 10 * x, 5_000_000 - 10 * y) for x, y in CORNERS])
    frame = geopandas.GeoDataFrame(geometry=[outline], crs=UTM)
    frame.to_file(root / "own.gpkg", engine="pyogrio")
    frame.to_crs(4326).to_file(root / "degrees.geojson", engine="pyogrio")
    return SimpleNamespace(root=root, outline=outline, scenes=find_rasters(root / "scenes", ["{key}.tif"]))


def _config(**changes: Any) -> InferenceConfig:
    return InferenceConfig.model_validate({"tile_size": 64, "overlap": 16, "batch_size": 4} | changes)


def _of_file(path: Path) -> Area:
    return read_regions(path).area()


def _predict(
    bundle: Bundle, scenes: RasterFolder, folder: Path, polygons: Area | None = None, **config: Any
) -> dict[str, Any]:
    found = {}
    for key, stream in predict_scenes(bundle, scenes, _config(**config), polygons).streams:
        write_rasters(stream, {name: folder / f"{key}_{name}.tif" for name in stream.profiles})
        with rasterio.open(folder / f"{key}_classes.tif") as raster:
            found[key] = SimpleNamespace(classes=raster.read(1), transform=raster.transform, crs=raster.crs)
    return found


def _centers() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    return 500_000 + 10 * columns, 5_000_000 - 10 * rows


def test_polygons_leave_out_what_lies_around_them(world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path) -> None:
    inside = shapely.contains_xy(world.outline, *_centers())
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    made = _predict(tiny_bundle, world.scenes, tmp_path / "own", _of_file(world.root / "own.gpkg"))
    assert set(made) == {"here"}
    assert made["here"].transform == from_origin(500_000 + 10 * columns[0], 5_000_000 - 10 * rows[0], 10, 10)
    assert np.array_equal(made["here"].classes != 255, inside[part]), "a pixel is inside where its centre is"
    # The same as of all pixels of the box: what lies around is seen, and tiles are the same.
    west, south, east, north = world.outline.bounds
    box = {"bounds": (west, south, east, north), "crs": UTM}
    whole = _predict(tiny_bundle, world.scenes, tmp_path / "box", area=box)
    assert (whole["here"].classes != 255).all()
    assert np.array_equal(made["here"].classes[inside[part]], whole["here"].classes[inside[part]])
    # In degrees the sides of the polygon are other lines: they are cut into short ones where GeoJSON was written.
    degrees = _predict(tiny_bundle, world.scenes, tmp_path / "degrees", _of_file(world.root / "degrees.geojson"))
    assert degrees["here"].transform == made["here"].transform
    assert (degrees["here"].classes != made["here"].classes).mean() < 0.002


def test_bounds_in_degrees_are_those_of_each_pixels_centre(
    world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    degrees = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True).transform(*_centers())
    longitudes, latitudes = degrees
    bounds = (longitudes[150, 50], latitudes[250, 50], longitudes[150, 200], latitudes[70, 200])
    west, south, east, north = (edge + 1e-7 for edge in bounds)
    inside = (longitudes > west) & (longitudes < east) & (latitudes > south) & (latitudes < north)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    made = _predict(tiny_bundle, world.scenes, tmp_path, area={"bounds": (west, south, east, north)})
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    assert np.array_equal(made["here"].classes != 255, inside[part])


def test_tiles_outside_are_not_read(world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path) -> None:
    """The scene cannot be decoded but where the area is, with a tile around it."""
    path = tmp_path / "scenes" / "here.tif"
    path.parent.mkdir()
    content = bytearray((world.root / "scenes" / "here.tif").read_bytes())
    area = {"bounds": (500_400, 4_998_900, 500_500, 4_999_000), "crs": UTM}
    kept = _predict(tiny_bundle, world.scenes, tmp_path / "whole", area=area)
    with rasterio.open(world.root / "scenes" / "here.tif") as raster:
        blocks = [index for index, _ in raster.block_windows(1)]
        for row, column in blocks:
            if not (2 <= row <= 4 and column <= 3):
                offset = int(raster.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1))
                content[offset : offset + 40] = bytes(40)
    path.write_bytes(content)
    damaged = find_rasters(path.parent, ["{key}.tif"])
    made = _predict(tiny_bundle, damaged, tmp_path / "part", area=area)
    assert made["here"].classes.shape == (10, 10)
    assert np.array_equal(made["here"].classes, kept["here"].classes)
    with pytest.raises(RasterError, match="cannot be decoded"):
        _predict(tiny_bundle, damaged, tmp_path / "all")


def test_columns_between_two_parts_of_an_area_are_not_read() -> None:
    wanted = np.zeros(100, np.bool_)
    wanted[[3, 4, 40, 95]] = True
    assert list(runs(wanted, 10)) == [(0, 15), (30, 51), (85, 100)]
    assert list(runs(wanted, 18)) == [(0, 59), (77, 100)]
    assert list(runs(wanted[5:40], 5)) == []


def test_scenes_outside_are_left_out_and_said_so(
    world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _predict(tiny_bundle, world.scenes, tmp_path, _of_file(world.root / "own.gpkg"))
    assert "1 scene(s) are left out, as nothing of them lies in" in caplog.text
    assert "'there'" in caplog.text
    far = {"bounds": (100, 10, 101, 11)}
    with pytest.raises(
        PairingError, match=r"Nothing of 2 scene\(s\) lies in 'inference.area', \(100, 10, 101, 11\) in E"
    ):
        predict_scenes(tiny_bundle, world.scenes, _config(area=far))
    # Smaller than a pixel, and between the centres of two.
    small = {"bounds": (500_406, 4_999_006, 500_414, 4_999_014), "crs": UTM}
    with pytest.raises(PairingError, match="Nothing of 2"):
        predict_scenes(tiny_bundle, world.scenes, _config(area=small))


def test_an_area_half_round_the_world_is_cut_before_it_is_transformed(
    world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    made = _predict(tiny_bundle, world.scenes, tmp_path, area={"bounds": (-180, -90, 180, 90)})
    assert {key: raster.classes.shape for key, raster in made.items()} == {"here": (SIDE, SIDE), "there": (SIDE, SIDE)}
    assert (made["here"].classes != 255).all()


def test_areas_that_mean_nothing_are_refused(world: SimpleNamespace, tiny_bundle: Bundle) -> None:
    with pytest.raises(ValidationError, match="west, south, east and north, in this order"):
        _config(area={"bounds": (10, 45, 9, 46)})
    with pytest.raises(SpecError, match=r"'inference.area.crs' is 'EPSG:nowhere', which is no CRS"):
        predict_scenes(tiny_bundle, world.scenes, _config(area={"bounds": (0, 0, 1, 1), "crs": "EPSG:nowhere"}))
    area = _of_file(world.root / "own.gpkg")
    with pytest.raises(SpecError, match=r"'inference.area' and .*own.gpkg both say what ground"):
        predict_scenes(tiny_bundle, world.scenes, _config(area={"bounds": (0, 0, 1, 1)}), area)


def test_a_scene_without_crs_has_no_area(
    tiny_bundle: Bundle, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    write_raster(tmp_path / "x.tif", np.ones((3, 40, 40), np.int16), crs=None, nodata=-9999)
    source = {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999, "georeference": "absent"}
    config, scenes = _config(area={"bounds": (0, 0, 1, 1)}, source=source), find_rasters(tmp_path, ["{key}.tif"])
    with pytest.raises(RasterError, match=r"x.tif: found no CRS; expected one, as 'inference.area' lies on the ground"):
        predict_scenes(tiny_bundle, scenes, config)
