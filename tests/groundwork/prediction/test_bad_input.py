"""What cannot be predicted or written is refused by file and place, and leaves nothing half done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from exportable import FCN, ONE, UNET, bundle_of, make_small
from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.errors import RasterError
from groundwork.prediction.files import predict_files
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import find_rasters
from limiting import no_file_beyond

Write = Callable[..., Path]


@pytest.fixture
def scene(tmp_path: Path, write_raster: Write) -> Path:
    """In northern Italy."""
    pixels = np.random.default_rng(0).integers(100, 3000, (3, 64, 64)).astype(np.int16)
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_000_000, 10, 10)}
    return write_raster(tmp_path / "in" / "x.tif", pixels, **place, nodata=-9999, tags={"DATE": "2024-06-01"})


def predict(bundle: Bundle, scene: Path, out: Path, **options: Any) -> None:
    config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8} | options)
    write_predictions(Names(out), predict_scenes(bundle, find_rasters(scene.parent, ["{key}.tif"]), config))


def test_bands_are_read_by_their_names(tiny_bundle: Bundle, scene: Path, tmp_path: Path, write_raster: Write) -> None:
    predict(tiny_bundle, scene, tmp_path / "as_declared")
    with rasterio.open(scene) as raster:
        pixels, place = raster.read()[[1, 0, 2]], {"crs": raster.crs, "transform": raster.transform}
    other = write_raster(
        tmp_path / "other" / "x.tif", pixels, **place, nodata=-9999, tags={"DATE": "2024-06-01"},
        descriptions=("B", "A", "C"),
    )  # fmt: skip
    predict(tiny_bundle, other, tmp_path / "by_name")
    made = [(tmp_path / name / "x_classes.tif").read_bytes() for name in ("as_declared", "by_name")]
    assert made[0] == made[1]


def test_all_scenes_that_are_refused_are_listed_at_once(
    tiny_bundle: Bundle, scene: Path, tmp_path: Path, write_raster: Write
) -> None:
    pixels = np.ones((3, 32, 32), np.int16)
    for name in ("a.tif", "b.tif", "z.tif"):
        write_raster(scene.with_name(name), pixels[:2], nodata=-9999, tags={"DATE": "2024-06-01"})
    write_raster(scene.with_name("y.tif"), pixels.astype(np.float32), nodata=-9999, tags={"DATE": "2024-06-01"})
    with pytest.raises(RasterError) as caught:
        predict_files(tiny_bundle, scene.parent, tmp_path / "out")
    first, same, second, third = str(caught.value).splitlines()
    assert "a.tif: found 2 band(s); expected 3" in first
    assert first.endswith("For scenes to predict, that is said in 'inference.source'.")
    assert same == "The same is wrong in 2 other scene(s): 'b.tif', 'z.tif'"
    assert second == "1 other scene(s) are not as expected either:"
    assert "y.tif: found data type float32" in third


def test_a_scene_without_a_date_is_predicted_where_the_model_asks_for_none(
    tiny_bundle: Bundle, scene: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with rasterio.open(scene) as raster:
        profile, pixels = raster.profile, raster.read()
    with rasterio.open(scene.with_name("y.tif"), "w", **profile) as raster:
        raster.write(pixels)
    predict(tiny_bundle, scene, tmp_path / "out")
    told = "1 of 2 scene(s) have no tag 'DATE' in 'optical', and are predicted as scenes without a date: 'y'"
    assert told in caplog.text
    with (
        rasterio.open(tmp_path / "out/x_classes.tif") as dated,
        rasterio.open(tmp_path / "out/y_classes.tif") as not_dated,
    ):
        assert np.array_equal(dated.read(), not_dated.read())
    items = [json.loads((tmp_path / f"out/{key}_item.json").read_text()) for key in "xy"]
    assert [item["properties"]["datetime"] for item in items] == ["2024-06-01T00:00:00Z", None]


def test_a_scene_without_a_date_is_refused_before_any_is_predicted_where_the_model_asks_for_one(
    tmp_path: Path, write_raster: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_small(monkeypatch)
    encoder = {"name": "prithvi_vit", "variant": "prithvi_eo_v2_tiny_tl", "image_size": 32, "out_indices": [0]}
    bundle, _ = bundle_of(ONE, {"encoder": encoder | {"coordinates": ["time"]}, "decoder": FCN})
    pixels = np.ones((2, 32, 32), np.int16)
    scene = write_raster(tmp_path / "in/a.tif", pixels, nodata=-1, tags={"DATE": "2024-06-01"})
    write_raster(tmp_path / "in/b.tif", pixels, nodata=-1)
    with pytest.raises(RasterError, match=r"b\.tif: found None in tag 'DATE'.*that is said in 'inference\.source'\."):
        predict_files(bundle, scene.parent, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("pixel", "told"), [(0.0001, None), (0.0004, "about 37.4 m"), (0.00002, "about 1.87 m")])
def test_pixels_of_another_size_in_degrees_are_told(
    pixel: float, told: str | None, tmp_path: Path, write_raster: Write, caplog: pytest.LogCaptureFixture
) -> None:
    bundle, _ = bundle_of(ONE, {"encoder": UNET, "decoder": FCN})  # Of pixels of 10 m.
    place = {"crs": "EPSG:4326", "transform": from_origin(9, 45, pixel, pixel)}
    pixels = np.ones((2, 32, 32), np.int16)
    scene = write_raster(tmp_path / "in/a.tif", pixels, **place, nodata=-1, tags={"DATE": "2024-06-01"})
    predict(bundle, scene, tmp_path / "out")
    assert ("times as large to it" in caplog.text) == (told is not None)
    assert told is None or told in caplog.text


def test_a_tile_that_cannot_be_decoded_is_named_with_its_place(
    tiny_bundle: Bundle, scene: Path, tmp_path: Path
) -> None:
    with rasterio.open(scene) as raster:
        profile, pixels, tags = raster.profile, raster.read(), raster.tags()
    profile.update(compress="deflate", tiled=True, blockxsize=16, blockysize=16)
    with rasterio.open(scene, "w", **profile) as raster:
        raster.write(pixels)
        raster.update_tags(**tags)
    content = bytearray(scene.read_bytes())
    start = len(content) * 2 // 3
    content[start : start + 400] = b"\xff" * 400
    scene.write_bytes(content)
    with pytest.raises(RasterError, match=r"x.tif: found pixels that cannot be decoded in rows \d+\+32, columns 0\+64"):
        predict(tiny_bundle, scene, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("x_*") if path.is_file()]


@pytest.mark.parametrize(("crs", "place"), [("EPSG:2193", "longitude 166.37 to"), ("EPSG:3031", "latitude -90 to -60")])
def test_a_declared_grid_for_another_part_of_the_earth_is_refused(
    tiny_bundle: Bundle, scene: Path, tmp_path: Path, crs: str, place: str
) -> None:
    with pytest.raises(RasterError, match=rf"latitude 45.15, longitude 9.004; expected one near where {crs}.*{place}"):
        predict(tiny_bundle, scene, tmp_path, grid={"crs": crs, "pixel_size_m": 10})


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:3035", "EPSG:3857"])
def test_a_declared_grid_of_a_neighbouring_zone_is_taken(
    tiny_bundle: Bundle, scene: Path, tmp_path: Path, crs: str
) -> None:
    predict(tiny_bundle, scene, tmp_path / "out", grid={"crs": crs, "pixel_size_m": 20})
    assert (tmp_path / "out" / "x_classes.tif").is_file()


@pytest.mark.parametrize(("size", "name"), [(600, "model-.*-bundle.json"), (6000, "x_classes.tif")])
def test_where_nothing_more_can_be_written_one_file_is_named_and_none_is_half(
    tiny_bundle: Bundle, scene: Path, tmp_path: Path, size: int, name: str
) -> None:
    out = tmp_path / "out"
    with (
        no_file_beyond(size),
        pytest.raises(RasterError, match=rf"{name}: found an incomplete file .* MiB are free in .*out"),
    ):
        predict(tiny_bundle, scene, out)
    assert not list(out.rglob("*classes*"))
    assert not list(out.rglob(".partial*"))
