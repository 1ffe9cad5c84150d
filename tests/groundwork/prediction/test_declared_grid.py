"""Scenes of another CRS or pixel size are brought to declared pixels before the model sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
from pydantic import ValidationError
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import reproject
from rasterio.windows import Window

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.errors import RasterError, SpecError
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.stated_file import StatedFile

Write = Callable[..., Path]


def _config(**changes: Any) -> InferenceConfig:
    return InferenceConfig.model_validate({"tile_size": 64, "overlap": 16} | changes)


@pytest.fixture
def scene(tmp_path: Path, write_raster: Write) -> SimpleNamespace:
    """A smooth scene in degrees."""
    rows, columns = np.mgrid[:90, :120]
    bands = [1000 + 10 * rows, 800 + 8 * columns, 1500 - 5 * rows + 4 * columns]
    image = np.stack(bands).astype(np.int16)
    image[:, :6, :9] = -9999
    place = {"crs": "EPSG:4326", "transform": from_origin(9.0, 45.2, 2e-4, 2e-4)}
    path = write_raster(tmp_path / "in/x.tif", image, nodata=-9999, tags={"DATE": "2024-06-01"}, **place)
    return SimpleNamespace(path=path, folder=find_rasters(tmp_path / "in", ["{key}.tif"]))


def test_pixels_are_those_of_gdals_own_warp(tiny_bundle: Bundle, scene: SimpleNamespace, tmp_path: Path) -> None:
    config = _config(grid={"crs": "EPSG:32632", "pixel_size_m": 20}, probabilities=True)
    predictions = predict_scenes(tiny_bundle, scene.folder, config)
    stack = predictions.origins["x"].inputs.open("x")
    with stack:
        grid = stack.grid
        patch = stack.read(Window(0, 0, grid.width, grid.height))
    assert grid.crs == CRS.from_epsg(32632)
    assert (grid.transform.a, grid.transform.e) == (20, -20)
    assert (grid.transform.c % 20, grid.transform.f % 20) == (0, 0)
    expected = np.full((3, grid.height, grid.width), -9999, np.int16)
    with rasterio.open(scene.path) as raster:
        reproject(
            rasterio.band(raster, [1, 2, 3]), expected, dst_transform=grid.transform, dst_crs=grid.crs,
            src_nodata=-9999, dst_nodata=-9999, resampling=Resampling.bilinear, tolerance=1e-9,
        )  # fmt: skip
    valid = (expected != -9999).all(axis=0)
    assert valid.mean() > 0.8
    assert np.array_equal(patch.valid["optical"], valid)
    assert np.abs(patch.values["optical"][:, valid].astype(int) - expected[:, valid]).max() <= 1
    write_predictions(Names(tmp_path / "out"), predictions)
    with rasterio.open(tmp_path / "out/x_classes.tif") as raster:
        assert (raster.crs, raster.transform, raster.shape) == (grid.crs, grid.transform, (grid.height, grid.width))
        assert np.array_equal(raster.read(1) != 255, valid)


def test_an_area_cuts_declared_pixels(tiny_bundle: Bundle, scene: SimpleNamespace, tmp_path: Path) -> None:
    area = {"bounds": (9.005, 45.19, 9.012, 45.196)}
    config = _config(grid={"crs": "EPSG:32632", "pixel_size_m": 20}, area=area)
    write_predictions(Names(tmp_path / "out"), predict_scenes(tiny_bundle, scene.folder, config))
    with rasterio.open(tmp_path / "out/x_classes.tif") as raster:
        assert raster.transform.a == 20
        assert 500 < raster.width * 20 < 600
        assert (raster.read(1) != 255).mean() > 0.9


def test_the_size_of_the_training_is_held_against_declared_pixels(
    tiny_bundle: Bundle, scene: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = {name: spec.model_copy(update={"pixel_size_m": 10}) for name, spec in tiny_bundle.config.inputs.items()}
    trained = Bundle(tiny_bundle.config.model_copy(update={"inputs": inputs}), tiny_bundle.weights)
    predict_scenes(trained, scene.folder, _config(grid={"crs": "EPSG:32632", "pixel_size_m": 10}))
    assert "on the ground" not in caplog.text
    predict_scenes(trained, scene.folder, _config(grid={"crs": "EPSG:32632", "pixel_size_m": 30}))
    assert "reads pixels of 10 m, and those of 1 scene(s) have another size on the ground" in caplog.text
    assert "such as 'x' in EPSG:32632 of about 30 m: everything looks 0.333 times as large" in caplog.text


def test_pixels_in_a_crs_that_does_not_keep_lengths_are_held_against_the_training(
    tiny_bundle: Bundle, scene: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = {name: spec.model_copy(update={"pixel_size_m": 10}) for name, spec in tiny_bundle.config.inputs.items()}
    trained = Bundle(tiny_bundle.config.model_copy(update={"inputs": inputs}), tiny_bundle.weights)
    # At 45.2 degrees, 14.2 m of Web Mercator are 10 m.
    for size, told in ((14.2, None), (10, "'x' in EPSG:3857 of about 7.05 m")):
        caplog.clear()
        predict_scenes(trained, scene.folder, _config(grid={"crs": "EPSG:3857", "pixel_size_m": size}))
        assert ("have another size on the ground" in caplog.text) == (told is not None)
        assert (told or "") in caplog.text


def test_items_may_state_pixels_of_any_size_where_scenes_are_brought_to_declared_ones(
    tiny_bundle: Bundle, tmp_path: Path, write_raster: Write
) -> None:
    place = from_origin(500_000, 5_000_000, 30, 30)
    write_raster(tmp_path / "in/x.tif", np.ones((3, 20, 20), np.int16), transform=place, tags={"DATE": "2024-06-01"})
    inputs = {name: spec.model_copy(update={"pixel_size_m": 10}) for name, spec in tiny_bundle.config.inputs.items()}
    trained = Bundle(tiny_bundle.config.model_copy(update={"inputs": inputs}), tiny_bundle.weights)
    item = StatedFile("x.json", crs="EPSG:32632", transform=tuple(place[:6]), shape=(20, 20))
    scenes = replace(find_rasters(tmp_path / "in", ["{key}.tif"]), stated={"x": (item,)})
    with pytest.raises(RasterError, match=r"found pixels of 30 m; expected 10 m"):
        predict_scenes(trained, scenes, _config())
    grid = predict_scenes(trained, scenes, _config(grid={"pixel_size_m": 10})).origins["x"].inputs.grids["x"]
    assert (grid.pixel_size, grid.width) == (10, 60)


@pytest.mark.parametrize("source", [{"nodata": 0}, {"nodata": 0, "resampling": "nearest"}])
def test_what_is_stated_alone_of_rasters_holds_on_declared_pixels(
    tiny_bundle: Bundle, scene: SimpleNamespace, tmp_path: Path, write_raster: Write, source: dict[str, Any]
) -> None:
    with rasterio.open(scene.path) as raster:
        image, transform = raster.read(), raster.transform
    image[image == -9999] = 0
    place = {"crs": "EPSG:4326", "transform": transform}
    write_raster(tmp_path / "other/x.tif", image, tags={"DATE": "2024-06-01"}, **place)
    config = _config(grid={"crs": "EPSG:32632", "pixel_size_m": 20}, source=source)
    assert config.grid is not None
    predictions = predict_scenes(tiny_bundle, find_rasters(tmp_path / "other", ["{key}.tif"]), config)
    with predictions.origins["x"].inputs.open("x") as stack:
        grid = stack.grid
        patch = stack.read(Window(0, 0, grid.width, grid.height))
    expected = np.zeros((3, grid.height, grid.width), np.int16)
    reproject(
        image, expected, src_transform=transform, src_crs="EPSG:4326", dst_transform=grid.transform, dst_crs=grid.crs,
        src_nodata=0, dst_nodata=0, resampling=Resampling[source.get("resampling", "bilinear")], tolerance=1e-9,
    )  # fmt: skip
    valid = (expected != 0).all(axis=0)
    assert 0.8 < valid.mean() < 0.999
    assert np.array_equal(patch.valid["optical"], valid)
    assert np.abs(patch.values["optical"][:, valid].astype(int) - expected[:, valid]).max() <= 1
    assert np.isin(patch.values["optical"][:, valid], image).all() == ("resampling" in source)


def test_grids_that_mean_nothing_are_refused(
    tiny_bundle: Bundle, scene: SimpleNamespace, tmp_path: Path, write_raster: Write
) -> None:
    with pytest.raises(RasterError, match=r"x.tif: found the CRS EPSG:4326; expected one that counts in lengths"):
        predict_scenes(tiny_bundle, scene.folder, _config(grid={"pixel_size_m": 10}))
    with pytest.raises(SpecError, match=r"'inference.grid.crs' is 'EPSG:0', which is no CRS"):
        predict_scenes(tiny_bundle, scene.folder, _config(grid={"crs": "EPSG:0", "pixel_size_m": 10}))
    with pytest.raises(ValidationError, match="pixel_size_m"):
        _config(grid={"crs": "EPSG:32632"})
    write_raster(tmp_path / "plain/x.tif", np.ones((3, 40, 40), np.int16), crs=None, nodata=-9999)
    source = {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999, "georeference": "absent"}
    config = _config(grid={"pixel_size_m": 10}, source=source)
    with pytest.raises(SpecError, match=r"'inference.grid' lies on the ground, and rasters of 'georeference: absent'"):
        predict_scenes(tiny_bundle, find_rasters(tmp_path / "plain", ["{key}.tif"]), config)
