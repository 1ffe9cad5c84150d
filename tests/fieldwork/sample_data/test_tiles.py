"""Tiles of the embedded sample say what their label rasters hold, and no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from fieldwork.pipelines.sample_data.tiles import SIDE, cut_tiles, measure_vegetation
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.writing import write_rasters

BANDS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> dict[str, RasterFolder]:
    """Return a scene of two tiles of which the second is nearly unknown, and its labels."""
    root = tmp_path_factory.mktemp("sample")
    label = np.zeros((SIDE + 5, 2 * SIDE), np.uint8)
    # Water, forest and a little built-up ground in three quarters of the first tile.
    label[:24, :SIDE], label[24:35, :SIDE], label[35, :SIDE], label[0, SIDE:] = 1, 2, 5, 3
    image = np.random.default_rng(0).integers(100, 4000, (6, *label.shape)).astype(np.int16)
    image[:, 0, 0] = -9999
    tags = {"ACQUISITION_DATE": "2021-05-18"}
    write_raster(root / "scenes/alder.tif", image, nodata=-9999, descriptions=BANDS, tags=tags)
    write_raster(root / "labels/alder.tif", label)
    return {name: find_rasters(root / name, ["{key}.tif"]) for name in ("scenes", "labels")}


def test_a_tile_says_what_occurs_in_it(sample: dict[str, RasterFolder], tmp_path: Path) -> None:
    tiles, table = cut_tiles(sample["scenes"], sample["labels"])
    assert list(tiles) == table["tile"].tolist() == ["alder_000_000"]
    row = table.iloc[0]
    assert (row["landscape"], row["path"]) == ("alder", "tiles/alder_000_000.tif")
    # Of 36 rows that are known 24 are water, 11 forest, and one is less than a tenth.
    assert (row["land_cover"], row["land_covers"]) == ("water", "water;forest")
    shares = {"water": 24 / 36, "forest": 11 / 36, "built_up": 1 / 36, "cropland": 0, "grassland": 0, "bare_soil": 0}
    assert {name: row[f"{name}_share"] for name in shares} == pytest.approx(shares, abs=1e-4)
    write_rasters(tiles["alder_000_000"], {"": tmp_path / "tile.tif"})
    with rasterio.open(tmp_path / "tile.tif") as tile, rasterio.open(sample["scenes"].paths("alder")[0]) as scene:
        assert np.array_equal(tile.read(), scene.read()[:, :SIDE, :SIDE])
        assert (tile.transform, tile.crs, tile.nodata) == (scene.transform, scene.crs, -9999)
        assert tile.descriptions == BANDS
        assert tile.tags()["ACQUISITION_DATE"] == "2021-05-18"


def test_the_vegetation_index_is_that_of_red_and_near_infrared(sample: dict[str, RasterFolder], tmp_path: Path) -> None:
    write_rasters(measure_vegetation(sample["scenes"])["alder"], {"": tmp_path / "index.tif"})
    with rasterio.open(tmp_path / "index.tif") as raster, rasterio.open(sample["scenes"].paths("alder")[0]) as scene:
        red, near = scene.read([3, 4]).astype(float)
        found = raster.read(1)
    assert np.isnan(found[0, 0])
    expected = (near - red) / (near + red)
    assert found[1:] == pytest.approx(expected[1:], abs=1e-6)
