"""The recipes for real rasters read them right. The files are not part of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from kedro.io import DataCatalog
from rasterio.windows import Window

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.settings import CONFIG_LOADER_ARGS
from groundwork.config import DataConfig, InferenceConfig
from groundwork.data.chips import LabelledData, RasterChips
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits, report_splits
from groundwork.data.statistics import compute_statistics
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "realdata"

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"needs the real rasters of {REAL.name}, which are not there")


def recipe(name: str) -> tuple[dict[str, Any], DataCatalog]:
    loader = RecipeConfigLoader(
        str(ROOT / "conf"), env=name, runtime_params={"raw_root": str(REAL)}, **CONFIG_LOADER_ARGS
    )
    return loader["parameters"], DataCatalog.from_config(loader["catalog"])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_hls_water_is_paired_by_name_and_split_by_its_lists() -> None:
    parameters, catalog = recipe("hls_water")
    data = DataConfig.model_validate(parameters["data"])
    scenes, labels = catalog.load("scenes"), catalog.load("labels")
    scan = scan_scenes(scenes, labels, data)
    assert len(scan.report) == 245
    lists = catalog.load("split_lists")
    samples = assign_splits(scan.chips, data.split, lists, parameters["seed"])
    test = set(samples["scene"][samples["split"] == "test"])
    assert test == set((REAL / "hls_water/val.txt").read_text().split())
    assert set(samples["scene"][samples["split"] != "test"]) == set((REAL / "hls_water/train.txt").read_text().split())
    row = samples[samples["scene"] == "11"].reset_index(drop=True)
    chip = RasterChips(LabelledData(row, {"hls": scenes}, labels, data.sources, data.target), row).read(0)
    with (
        rasterio.open(REAL / "hls_water/images/11.tif") as image,
        rasterio.open(REAL / "hls_water/labels/11.png") as label,
    ):
        assert np.array_equal(chip.patch.values["hls"], image.read([2, 3, 4, 5, 6, 7]))
        assert np.array_equal(chip.patch.target, label.read(1))


def test_landcover_s2_lies_in_five_zones_and_is_split_by_scene() -> None:
    parameters, catalog = recipe("landcover_s2")
    data = DataConfig.model_validate(parameters["data"])
    scenes, labels = catalog.load("scenes"), catalog.load("labels")
    scan = scan_scenes(scenes, labels, data)
    assert sorted(scan.report["crs"]) == ["EPSG:32616", "EPSG:32632", "EPSG:32718", "EPSG:32722", "EPSG:32736"]
    samples = assign_splits(scan.chips, data.split, {}, parameters["seed"])
    assert samples.groupby("scene")["split"].nunique().max() == 1
    assert min(report_splits(samples, data)["least_distance_m"].values()) > 100_000


def test_three_sensors_are_read_side_by_side() -> None:
    parameters, catalog = recipe("landcover_sensors")
    data = DataConfig.model_validate(parameters["data"])
    scenes, labels = catalog.load("scenes"), catalog.load("labels")
    assert list(scenes) == ["dem", "s1", "s2"]
    scan = scan_scenes(scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, parameters["seed"])
    statistics = compute_statistics(samples, scan.cells, data)
    train = sorted(set(samples["scene"][samples["split"] == "train"]))
    for source, folder, band in (("dem", "DEM", "DEM"), ("s1", "S1RTC", "VH")):
        values = []
        for scene in train:
            with rasterio.open(REAL / f"terramind_5/{folder}/{scene}.tif") as raster:
                values.append(raster.read(raster.count)[:224, :224])
        expected = np.array(values, np.float64)
        found = statistics.sources[source][band]
        assert np.allclose([found.mean, found.std], [expected.mean(), expected.std()], rtol=1e-6)


def test_a_scene_of_one_file_per_band_is_brought_to_one_grid() -> None:
    parameters, catalog = recipe("s2_scene")
    spec = InferenceConfig.model_validate(parameters["inference"]).source
    assert isinstance(spec, RasterSpec)
    with Scene(catalog.load("inference_scenes").paths("s2_l2a_29RKH"), spec) as scene:
        assert (scene.grid.width, scene.grid.height) == (1098, 1098)
        values, valid = scene.read(Window(400, 400, 64, 64))
        _, whole = scene.read(Window(0, 0, 1098, 1098))
    with rasterio.open(REAL / "s2_l2a_29RKH/B04.tif") as red, rasterio.open(REAL / "s2_l2a_29RKH/B11.tif") as swir:
        assert np.array_equal(values[2], red.read(1, window=Window(400, 400, 64, 64)))
        coarse = swir.read(1, window=Window(200, 200, 32, 32)).repeat(2, axis=0).repeat(2, axis=1)
    with rasterio.open(REAL / "s2_l2a_29RKH/SCL.tif") as codes:
        clear = ~np.isin(codes.read(1), [0, 1, 3, 8, 9, 10])
    assert np.array_equal(whole, clear.repeat(2, axis=0).repeat(2, axis=1))
    assert 0.9 < whole.mean() < 0.98
    assert valid.all()
    inner = (slice(2, -2), slice(2, -2))
    # Bilinear values of half the resolution: near to the coarse pixel they lie in, and with the same mean.
    assert abs(values[4][inner].mean() - coarse[inner].mean()) < 0.01 * coarse.mean()
    assert np.corrcoef(values[4][inner].ravel(), coarse[inner].ravel())[0, 1] > 0.95
