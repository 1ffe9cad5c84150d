"""Maps of several scenes as one, by the rule for what they share: the same as put together by numpy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window

from fieldwork.io.predictions import PredictionsDataset
from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.config.inference import MosaicConfig
from groundwork.errors import PairingError, RasterError, SpecError
from groundwork.prediction import mosaic as module
from groundwork.prediction.mosaic import Mosaic, mosaic_of
from groundwork.prediction.mosaic_place import Piece, require_possible
from groundwork.prediction.mosaic_writing import write_mosaic
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.source import require_meaning
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from stac_schemas import validate

Write = Callable[..., Path]
#: Key -> easting, northing, height, width and date; a is the oldest and the first, b the newest.
SCENES = {
    "a": (500_000, 5_000_000, 60, 70, "2024-06-01"),
    "b": (500_300, 4_999_800, 80, 50, "2024-08-01"),
    "c": (499_800, 4_999_500, 64, 64, "2024-07-01"),
}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 48)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, write_raster: Write) -> SimpleNamespace:
    root = tmp_path_factory.mktemp("mosaic")
    for number, (key, (east, north, height, width, day)) in enumerate(SCENES.items()):
        random = np.random.default_rng(number)
        image = random.integers(100, 3000, (3, height, width)).astype(np.int16)
        image[:, 5:12, 10:40] = -9999
        place = from_origin(east, north, 10, 10)
        write_raster(root / "in" / f"{key}.tif", image, transform=place, nodata=-9999, tags={"DATE": day})
    return SimpleNamespace(root=root, scenes=find_rasters(root / "in", ["{key}.tif"]))


def _predict(world: SimpleNamespace, bundle: Bundle, folder: Path, **mosaic: Any) -> rasterio.DatasetReader:
    words = {"tile_size": 32, "overlap": 8, "probabilities": True, "mosaic": mosaic}
    config = InferenceConfig.model_validate(words)
    write_predictions(Names(folder), predict_scenes(bundle, world.scenes, config))
    return rasterio.open(folder / "mosaic/classes.tif")


def _placed(folder: Path, product: str, fill: float) -> dict[str, np.ndarray]:
    """Each prediction in the grid of all of them: rows 0 to 114 from 5,000,000 on, columns from 499,800 on."""
    found = {}
    for key, (east, north, height, width, _) in SCENES.items():
        with rasterio.open(folder / f"{key}_{product}.tif") as raster:
            whole = np.full((raster.count, 114, 100), fill, raster.dtypes[0])
            row, column = (5_000_000 - north) // 10, (east - 499_800) // 10
            whole[:, row : row + height, column : column + width] = raster.read()
        found[key] = whole
    return found


@pytest.mark.parametrize(("overlaps", "order"), [("newest", "bca"), ("first", "abc")])
@pytest.mark.usefixtures("small_blocks")
def test_the_first_that_knows_counts(
    world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path, overlaps: str, order: str
) -> None:
    with _predict(world, tiny_bundle, tmp_path, overlaps=overlaps) as raster:
        assert raster.transform == from_origin(499_800, 5_000_000, 10, 10)
        assert raster.crs.to_epsg() == 32632
        found, tags = raster.read(1), raster.tags()
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    placed = _placed(tmp_path, "classes", 255)
    expected = np.full(found.shape, 255, np.uint8)
    for key in reversed(order):
        expected = np.where(placed[key][0] != 255, placed[key][0], expected)
    assert np.array_equal(found, expected)
    assert (expected == 255).any()
    assert (tags["GROUNDWORK_MOSAIC"], tags["GROUNDWORK_INPUT"]) == (overlaps, "3 scenes")
    assert tags["CLASS_2"] == "forest"
    assert (tmp_path / "mosaic/classes.qml").is_file()


def test_scenes_are_read_where_they_lie(tmp_path: Path, write_raster: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"dtype": "uint8", "nodata": 255}
    for name, east in (("a", 500_000), ("b", 500_600)):
        image = np.ones((1, 20, 20), np.uint8)
        write_raster(tmp_path / f"{name}.tif", image, transform=from_origin(east, 5_000_000, 10, 10), **place)
    asked: list[Window] = []
    read = Mosaic._read

    def watched(mosaic: Mosaic, piece: Piece, window: Window, resampling: Resampling) -> Any:
        asked.append(window)
        return read(mosaic, piece, window, resampling)

    monkeypatch.setattr(Mosaic, "_read", watched)
    classes = [{"value": value, "name": f"c{value}", "color": "#0000ff"} for value in (1, 2)]
    target = TargetSpec.model_validate({"classes": classes})
    config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 0, "mosaic": {"overlaps": "first"}})
    mosaic = mosaic_of(target, config, {name: ({"classes": tmp_path / f"{name}.tif"}, None) for name in "ab"})
    [(_, found)] = mosaic.stream(Window(0, 0, 80, 20)).blocks
    expected = np.full((1, 20, 80), 255, np.uint8)
    expected[..., :20] = expected[..., 60:] = 1
    assert np.array_equal(found["classes"], expected)
    # And a pixel more, as far as the mosaic reaches.
    assert [window.toranges() for window in asked] == [((0, 20), (0, 21)), ((0, 20), (59, 80))]


@pytest.mark.usefixtures("small_blocks")
def test_the_mean_probability_decides(world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path) -> None:
    with _predict(world, tiny_bundle, tmp_path, overlaps="mean") as raster:
        found = raster.read(1)
    scores = np.stack(list(_placed(tmp_path, "probabilities", np.nan).values()))
    known = np.isfinite(scores[:, 0])
    count = known.sum(axis=0)
    means = np.where(known[:, None], scores, 0).sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    expected = np.where(count > 0, means.argmax(axis=0) + 1, 255)
    ranked = np.sort(means, axis=0)
    clear = (ranked[-1] - ranked[-2] > 1e-6) | (count == 0)
    assert clear.mean() > 0.99
    assert np.array_equal(found[clear], expected[clear])
    assert (count > 1).sum() > 500


def test_a_mosaic_lies_on_a_declared_grid(world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path) -> None:
    with _predict(world, tiny_bundle, tmp_path, overlaps="first", crs="EPSG:3035", pixel_size=25) as raster:
        assert raster.crs.to_epsg() == 3035
        assert (raster.transform.a, raster.transform.e) == (25, -25)
        assert (raster.transform.c % 25, raster.transform.f % 25) == (0, 0)
        found, profile = raster.read(1), raster.profile
    expected = np.full(found.shape, 255, np.uint8)
    for key in "cba":
        with rasterio.open(tmp_path / f"{key}_classes.tif") as raster:
            one = np.full(found.shape, 255, np.uint8)
            reproject(
                raster.read(1), one, src_transform=raster.transform, src_crs=raster.crs, src_nodata=255,
                dst_transform=profile["transform"], dst_crs=CRS.from_epsg(3035), dst_nodata=255,
                resampling=Resampling.nearest, tolerance=1e-9,
            )  # fmt: skip
        expected = np.where(one != 255, one, expected)
    assert np.array_equal(found, expected)
    assert (found[:, [0, -1]] == 255).mean() > 0.5


@pytest.mark.parametrize("angle", [30, 90])
def test_pixels_of_a_turned_scene_keep_their_length(
    tiny_bundle: Bundle, tmp_path: Path, write_raster: Write, angle: float
) -> None:
    place = from_origin(500_000, 5_000_000, 10, 10) @ Affine.rotation(angle)
    image = np.kron(np.random.default_rng(0).integers(1, 3000, (3, 8, 8)), np.ones((8, 8))).astype(np.int16)
    write_raster(tmp_path / "in/x.tif", image, transform=place, nodata=-9999, tags={"DATE": "2024-06-01"})
    world = SimpleNamespace(scenes=find_rasters(tmp_path / "in", ["{key}.tif"]))
    with _predict(world, tiny_bundle, tmp_path / "out", overlaps="first") as raster:
        assert (raster.transform.a, raster.transform.e) == pytest.approx((10, -10))
        mosaic, back = raster.read(1), ~raster.transform
    with rasterio.open(tmp_path / "out/x_classes.tif") as raster:
        classes = raster.read(1)
    rows, columns = np.indices(classes.shape)
    there = back @ (place @ (columns + 0.5, rows + 0.5))
    found = mosaic[np.floor(there[1]).astype(int), np.floor(there[0]).astype(int)]
    assert (found == classes).mean() > 0.95
    assert (mosaic != 255).sum() == pytest.approx(64 * 64, rel=0.02)


def test_numbers_are_put_together_too(tmp_path: Path, write_raster: Write) -> None:
    target = TargetSpec.model_validate({"outputs": [{"name": "height", "unit": "m", "minimum": 0, "maximum": 50}]})
    pieces = {}
    for number, key in enumerate("ab"):
        pixels = np.full((1, 40, 40), 10.0 * (number + 1), np.float32)
        pixels[0, 0, 0] = np.nan
        place = from_origin(500_000 + 200 * number, 5_000_000, 10, 10)
        path = write_raster(tmp_path / f"{key}_numbers.tif", pixels, transform=place, nodata=float("nan"))
        pieces[key] = ({"numbers": path}, None)
    config = InferenceConfig(mosaic=MosaicConfig(overlaps="mean"))
    with rasterio.open(write_mosaic(tmp_path, mosaic_of(target, config, pieces), config).whole) as raster:
        found = raster.read(1)
        assert raster.units == ("m",)
    expected = np.repeat([[10.0, 15.0, 20.0]], 20, axis=1) * np.ones((40, 1))
    expected[0, 0], expected[0, 20] = np.nan, 10
    np.testing.assert_array_equal(found, expected)
    tiled = InferenceConfig(mosaic=MosaicConfig(overlaps="mean", tile_size=16))
    with rasterio.open(write_mosaic(tmp_path / "tiles", mosaic_of(target, tiled, pieces), tiled).whole) as raster:
        np.testing.assert_array_equal(raster.read(1), expected)
        assert (raster.units, raster.descriptions, raster.dtypes) == (("m",), ("height",), ("float32",))
        assert np.isnan(raster.nodata)


def test_means_do_not_depend_on_the_tile_that_is_made(tmp_path: Path, write_raster: Write) -> None:
    target = TargetSpec.model_validate({"outputs": [{"name": "height", "unit": "m", "minimum": 0, "maximum": 1}]})
    pixels = np.random.default_rng(0).random((1, 200, 200), np.float32)
    path = write_raster(tmp_path / "a.tif", pixels, transform=from_origin(500_000, 5_500_000, 10, 10))
    made = []
    # A degree is of other length in both directions: pixels become fewer in one of them.
    for tile_size in (None, 64):
        options = MosaicConfig(overlaps="mean", crs="EPSG:4326", pixel_size=0.0001, tile_size=tile_size)
        config, folder = InferenceConfig(mosaic=options), tmp_path / str(tile_size)
        mosaic = mosaic_of(target, config, {"a": ({"numbers": path}, None)})
        with rasterio.open(write_mosaic(folder, mosaic, config).whole) as raster:
            made.append(raster.read(1))
    np.testing.assert_array_equal(*made)


def _heights(folder: Path, write_raster: Write, **places: tuple[str, float, float]) -> dict[str, Any]:
    """Write predictions of 40 x 40 pixels, each in a CRS at an easting and a northing."""
    pixels = np.ones((1, 40, 40), np.float32)
    return {
        key: (
            {"numbers": write_raster(folder / f"{key}.tif", pixels, crs=crs, transform=from_origin(*at, 10, 10))},
            None,
        )
        for key, (crs, *at) in places.items()
    }


@pytest.mark.parametrize("zone", [18, 36, 54])
def test_scenes_of_another_continent_have_no_place_in_the_zone_of_the_first(
    tmp_path: Path, write_raster: Write, zone: int
) -> None:
    target = TargetSpec.model_validate({"outputs": [{"name": "height", "minimum": 0, "maximum": 50}]})
    pieces = _heights(tmp_path, write_raster, a=("EPSG:32632", 5e5, 5e6), b=(f"EPSG:326{zone}", 5e5, 5e6))
    with pytest.raises(RasterError, match=r"b\.tif: found a raster at latitude 45.* one near where .*mosaic\.crs"):
        mosaic_of(target, InferenceConfig(mosaic=MosaicConfig(overlaps="first")), pieces)


@pytest.mark.parametrize(
    ("at", "crs", "mosaic", "message"),
    [
        (5e5, "EPSG:32654", {}, r"in/b\.tif: found a raster at latitude 45.* one near where .*mosaic\.crs"),
        (5.1e5, None, {}, r"in/a\.tif: found no CRS; expected one, as a mosaic lies on the ground"),
        (
            5.1e5,
            "EPSG:32632",
            {"crs": "EPSG:4326", "pixel_size": 10},
            r"in/a\.tif: found pixels that become .*e\+0. times as long .* in units of EPSG:4326",
        ),
        (
            5.1e5,
            "EPSG:32632",
            {"pixel_size": 0.0001},
            r"in/a\.tif: found pixels that become 1e-05 times as long .* in units of EPSG:32632",
        ),
    ],
)
def test_a_mosaic_that_cannot_be_made_is_refused_before_the_first_scene_is_predicted(
    tiny_bundle: Bundle, tmp_path: Path, write_raster: Write, at: float, crs: str | None, mosaic: Any, message: str
) -> None:
    for key, place, easting in (("a", crs and "EPSG:32632", 5e5), ("b", crs, at)):
        pixels = np.ones((3, 40, 40), np.int16)
        transform = from_origin(easting, 5e6, 10, 10)
        write_raster(tmp_path / f"in/{key}.tif", pixels, nodata=-9999, crs=place, transform=transform)
    source = {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999}
    source |= {} if crs else {"georeference": "absent"}
    config = InferenceConfig.model_validate({"mosaic": {"overlaps": "first", **mosaic}, "source": source})
    predictions = predict_scenes(tiny_bundle, find_rasters(tmp_path / "in", ["{key}.tif"]), config)
    with pytest.raises(RasterError, match=message):
        write_predictions(Names(tmp_path / "out"), predictions)
    assert not (tmp_path / "out").exists()


def test_a_mosaic_that_is_mostly_empty_is_told_of_before_the_first_scene_is_predicted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crs = CRS.from_epsg(32632)
    scenes = {
        key: (Path(key), Grid(crs, from_origin(*at, 10, 10), 40, 40), None)
        for key, at in (("a", (5e5, 5e6)), ("b", (5.1e5, 5.02e6)))
    }
    for size, count in ((None, 1), (512, 0)):
        caplog.clear()
        require_possible(MosaicConfig(overlaps="first", tile_size=size), scenes)
        assert caplog.text.count("less than 1% of the mosaic, which has 1040 x 2040 pixels") == count


def test_a_mosaic_is_no_prediction_of_a_scene(world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path) -> None:
    with _predict(world, tiny_bundle, tmp_path, overlaps="first"):
        pass
    before = {path.name: path.read_bytes() for path in (tmp_path / "mosaic").iterdir()}
    words = {"tile_size": 32, "overlap": 8, "probabilities": True, "mosaic": {"overlaps": "first"}, "overwrite": False}
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*_classes.tif")}
    config = InferenceConfig.model_validate(words)
    write_predictions(Names(tmp_path), predict_scenes(tiny_bundle, world.scenes, config))
    assert {path.name: path.read_bytes() for path in (tmp_path / "mosaic").iterdir()} == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*_classes.tif")} == times
    collection = json.loads((tmp_path / "collection.json").read_text())
    validate(collection)
    checksum = hashlib.sha256(before["classes.tif"]).hexdigest()
    assert collection["assets"]["mosaic_classes"]["file:checksum"] == f"1220{checksum}"
    assert PredictionsDataset(path=str(tmp_path)).load().files.keys() == SCENES.keys()
    # Without a mosaic, that of other predictions does not stay.
    plain = config.model_copy(update={"mosaic": None, "overwrite": True})
    write_predictions(Names(tmp_path), predict_scenes(tiny_bundle, world.scenes, plain))
    assert not list((tmp_path / "mosaic").iterdir())


def _stac(folder: Path) -> list[pystac.Item]:
    """All items below the collection of a folder, each held against its schemas, as its links lead to them."""
    root = pystac.Collection.from_file(str(folder / "collection.json"))
    [mosaic] = root.get_children()
    for path in (folder / "mosaic").glob("*.json"):
        validate(json.loads(path.read_text()))
    validate(json.loads((folder / "collection.json").read_text()))
    assert mosaic.get_parent() is root
    items = list(mosaic.get_items())
    for item in items:
        assert item.get_collection() is mosaic
        for asset in item.assets.values():
            file = Path(asset.get_absolute_href() or "")
            assert asset.extra_fields["file:checksum"] == f"1220{hashlib.sha256(file.read_bytes()).hexdigest()}"
    return items


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "mosaic",
    [
        {"overlaps": "newest"},
        {"overlaps": "first", "crs": "EPSG:3035", "pixel_size": 25},
        {"overlaps": "mean", "crs": "EPSG:3035", "pixel_size": 25},
    ],
)
def test_tiles_show_what_one_file_shows(
    world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path, mosaic: dict[str, Any]
) -> None:
    with _predict(world, tiny_bundle, tmp_path, **mosaic) as raster:
        expected, profile, colors, tags = raster.read(), raster.profile, raster.colormap(1), raster.tags()
    [whole] = _stac(tmp_path)
    assert whole.id == "mosaic-classes"
    with rasterio.open(tmp_path / "mosaic/classes.tif") as raster:
        edges = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
    assert whole.bbox == pytest.approx(edges, abs=1e-4)
    dates = (whole.properties["start_datetime"][:10], whole.properties["end_datetime"][:10])
    assert dates == ("2024-06-01", "2024-08-01")
    derived = [Path(link.get_absolute_href()).name for link in whole.get_links("derived_from")]
    assert derived[1:] == ["a_item.json", "b_item.json", "c_item.json"]
    with pytest.raises(rasterio.RasterioIOError):
        _predict(world, tiny_bundle, tmp_path, tile_size=16, **mosaic)
    names = {path.name for path in (tmp_path / "mosaic").iterdir()}
    assert {"classes.vrt", "classes.qml", "collection.json"} <= names
    assert not {"classes.tif", "classes.tif.aux.xml", "classes_item.json"} & names, "those of one file are gone"
    with rasterio.open(tmp_path / "mosaic/classes.vrt") as raster:
        assert np.array_equal(raster.read(), expected)
        assert (raster.transform, raster.crs, raster.nodata) == (profile["transform"], profile["crs"], 255)
        # A palette of a virtual raster ends with the last class; that of a GeoTIFF has 256 colours.
        assert raster.colormap(1).items() <= {**colors, 0: (0, 0, 0, 255)}.items()
        assert raster.descriptions == ("class",)
        assert {name: text for name, text in raster.tags().items() if name != "AREA_OR_POINT"}.items() <= tags.items()
        places = [f"classes_{row}_{column}.tif" for row in range(8) for column in range(8)]
        assert {Path(file).name for file in raster.files} - {"classes.vrt", "classes.vrt.aux.xml"} <= set(places)
    items = _stac(tmp_path)
    assert {f"{item.id.removeprefix('mosaic-')}.tif" for item in items} == {n for n in names if n.endswith(".tif")}
    for item in items:
        with rasterio.open(item.assets["classes"].get_absolute_href()) as raster:
            assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert max(raster.shape) <= 16
            assert item.assets["classes"].extra_fields["proj:transform"] == list(raster.transform[:6])
    # No scene lies in the upper left corner.
    assert "crs" in mosaic or "classes_0_0.tif" not in names
    of_tiles = {
        item.id: {Path(link.get_absolute_href()).name for link in item.get_links("derived_from")} for item in items
    }
    assert {f"{key}_item.json" for key in SCENES} <= set.union(*of_tiles.values())
    assert "crs" in mosaic or "c_item.json" not in of_tiles["mosaic-classes_0_2"], "c begins further below"


def test_a_virtual_mosaic_is_of_this_run_alone(world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path) -> None:
    mosaic, whole = {"overlaps": "first", "tile_size": 64}, tmp_path / "mosaic/classes.vrt"
    with pytest.raises(rasterio.RasterioIOError):
        _predict(world, tiny_bundle, tmp_path, **mosaic)
    first = {path.name: path.read_bytes() for path in whole.parent.iterdir()}
    # What GDAL and QGIS leave beside a raster: statistics, and overviews of the pixels that it had.
    beside = whole.with_name("classes.vrt.aux.xml")
    beside.write_text(beside.read_text("utf-8").replace("forest", "heath"), "utf-8")
    (whole.parent / "classes.vrt.ovr").write_bytes(b"of before")
    with pytest.raises(rasterio.RasterioIOError):
        _predict(world, tiny_bundle, tmp_path, **mosaic)
    assert {path.name: path.read_bytes() for path in whole.parent.iterdir()} == first


def test_scenes_do_not_lie_where_the_mosaic_does(world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path) -> None:
    predictions = predict_scenes(tiny_bundle, world.scenes, InferenceConfig(tile_size=32, overlap=8))
    with pytest.raises(PairingError, match=r"scene 'a' would lie in the folder 'mosaic', which holds what all scenes"):
        write_predictions(Names(tmp_path, "Mosaic/{key}_{product}"), predictions)


def test_what_cannot_be_put_together_is_refused(
    world: SimpleNamespace, tiny_bundle: Bundle, tmp_path: Path, write_raster: Write
) -> None:
    with pytest.raises(SpecError, match=r"'inference.mosaic.overlaps: mean' is the mean of probabilities"):
        predict_scenes(tiny_bundle, world.scenes, InferenceConfig(mosaic=MosaicConfig(overlaps="mean")))
    numbers = TargetSpec.model_validate({"outputs": [{"name": "height"}]})
    with pytest.raises(SpecError, match=r"'inference.probabilities' are those of classes, and the model gives numbers"):
        require_meaning(numbers, InferenceConfig(probabilities=True))
    config = InferenceConfig(mosaic=MosaicConfig())
    with pytest.raises(SpecError, match="puts maps of classes or numbers together; there are none here"):
        require_meaning(TargetSpec.model_validate("nothing"), config)
    with pytest.raises(ValueError, match="'crs' needs 'pixel_size'"):
        MosaicConfig(crs="EPSG:3035")
    write_raster(tmp_path / "in/x.tif", np.ones((3, 40, 40), np.int16), nodata=-9999)
    source = {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999}
    config = InferenceConfig.model_validate({"mosaic": {}, "source": source})
    predictions = predict_scenes(tiny_bundle, find_rasters(tmp_path / "in", ["{key}.tif"]), config)
    with pytest.raises(PairingError, match=r"needs the dates of scenes, and 1 have none: 'x'"):
        write_predictions(Names(tmp_path / "out"), predictions)
    assert not (tmp_path / "out").exists()
