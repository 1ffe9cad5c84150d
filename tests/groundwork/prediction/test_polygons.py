"""Outlines of classes that are found block by block are those of the whole map."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import geopandas
import geopandas.testing
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.features import shapes
from rasterio.transform import from_origin
from rasterio.windows import Window
from scipy import ndimage

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.config.inference import PolygonsConfig
from groundwork.errors import DataError, SpecError
from groundwork.prediction import outline_joining, outline_store
from groundwork.prediction.names import Names
from groundwork.prediction.polygons import ClassPolygons
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.source import require_meaning
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.feature_writing import write_features
from groundwork.rasters.grid import Grid
from groundwork.rasters.legend import LegendEntry
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import TargetSpec
from limiting import no_file_beyond
from stac_schemas import validate

LEGEND = tuple(LegendEntry(value, f"class {value}", (value, 0, 0)) for value in (1, 2, 3))
UTM = CRS.from_epsg(32632)


def _blocks(pixels: np.ndarray, height: int, width: int) -> Iterator[tuple[Window, dict[str, np.ndarray]]]:
    for left in range(0, pixels.shape[1], width):
        for top in range(0, pixels.shape[0], height):
            part = pixels[top : top + height, left : left + width]
            yield Window(left, top, part.shape[1], part.shape[0]), {"classes": part[None]}


def _outlined(
    pixels: np.ndarray, height: int, width: int, simplify: float = 0, crs: CRS | None = UTM, top: float = 50
) -> Any:
    size = 10 if crs is None or crs.is_projected else 0.01
    grid = Grid(crs, from_origin(0, top, size, size), pixels.shape[1], pixels.shape[0])
    profile = RasterProfile(grid, "uint8", ("class",), 255, legend=LEGEND)
    outlines = ClassPolygons("classes", profile, PolygonsConfig(simplify=simplify))
    list(outlines.keeping(_blocks(pixels, height, width)))
    return outlines.outlines().whole()


def _in_one_pass(pixels: np.ndarray) -> Counter[tuple[int, bytes]]:
    found = shapes(pixels.astype(np.int32), mask=pixels != 255, connectivity=4)
    return Counter((int(value), shapely.normalize(shapely.geometry.shape(shape)).wkb) for shape, value in found)


@given(
    seed=st.integers(0, 10_000),
    height=st.integers(1, 20),
    width=st.integers(1, 25),
    block=st.tuples(st.integers(1, 20), st.integers(1, 25)),
    points=st.sampled_from([1, 50_000]),
)
def test_any_blocks_give_the_outlines_of_one_pass(
    seed: int, height: int, width: int, block: tuple[int, int], points: int
) -> None:
    pixels = np.random.default_rng(seed).choice(
        np.array([1, 2, 3, 255], np.uint8), (height, width), p=[0.5, 0.3, 0.1, 0.1]
    )
    with pytest.MonkeyPatch.context() as patch:
        # Parts of a region are made one again and again, or at last.
        patch.setattr(outline_joining, "_POINTS", points)
        layer = _outlined(pixels, *block)
    found = Counter(
        (int(value), shapely.normalize(shape).wkb)
        for value, shape in zip(layer.columns["value"], layer.shapes, strict=True)
    )
    assert found == _in_one_pass(pixels)
    assert layer.columns["area_m2"].sum() == pytest.approx(100 * (pixels != 255).sum())
    # As many of each class as there are groups of pixels that share sides, and as large.
    for value in (1, 2, 3):
        _, count = ndimage.label(pixels == value)
        of_value = layer.columns["value"] == value
        assert of_value.sum() == count
        assert layer.columns["area_m2"][of_value].sum() == pytest.approx(100 * (pixels == value).sum())


def _fields(height: int) -> Iterator[tuple[Window, dict[str, np.ndarray]]]:
    random = np.random.default_rng(0)
    for top in range(0, height, 32):
        # Whether a field goes on in the next block is left to chance, so that few are large.
        pixels = np.repeat(np.repeat(random.integers(1, 4, (4, 25)), 8, axis=0), 6, axis=1).astype(np.uint8)
        yield Window(0, top, 150, 32), {"classes": pixels[None]}


def _most_memory(height: int, path: Path) -> int:
    grid = Grid(UTM, from_origin(0, 50, 10, 10), 150, height)
    outlines = ClassPolygons(
        "classes", RasterProfile(grid, "uint8", ("class",), 255, legend=LEGEND), PolygonsConfig(simplify=0)
    )
    tracemalloc.start()
    for _ in outlines.keeping(_fields(height)):
        pass
    write_features(outlines.outlines(), path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline_store, "BATCH", 100)
    _most_memory(64, tmp_path / "first.gpkg")
    peaks = [_most_memory(height, tmp_path / f"{height}.gpkg") for height in (320, 3200)]
    counts = [len(geopandas.read_file(tmp_path / f"{height}.gpkg")) for height in (320, 3200)]
    assert counts[1] > 9 * counts[0] > 9 * 100
    # The largest open region is a little larger among ten times as many.
    assert peaks[1] < min(2.5 * peaks[0], 1e6)


def test_outlines_in_parts_are_those_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = _landscape()
    grid = Grid(UTM, from_origin(0, 50, 10, 10), pixels.shape[1], pixels.shape[0])
    outlines = ClassPolygons(
        "classes", RasterProfile(grid, "uint8", ("class",), 255, {}, "mode", {}, legend=LEGEND), PolygonsConfig()
    )
    list(outlines.keeping(_blocks(pixels, 40, 60)))
    write_features(outlines.outlines(), tmp_path / "once.gpkg")
    monkeypatch.setattr(outline_store, "BATCH", 7)
    assert len(list(outlines.outlines().batches())) > 3
    write_features(outlines.outlines(), tmp_path / "parts.gpkg")
    once, parts = (geopandas.read_file(tmp_path / name) for name in ("once.gpkg", "parts.gpkg"))
    geopandas.testing.assert_geodataframe_equal(once, parts)


def test_a_block_that_does_not_come_is_no_gap_that_nobody_sees() -> None:
    pixels = _landscape()
    grid = Grid(UTM, from_origin(0, 50, 10, 10), pixels.shape[1], pixels.shape[0])
    outlines = ClassPolygons("classes", RasterProfile(grid, "uint8", ("class",), 255, legend=LEGEND), PolygonsConfig())
    list(outlines.keeping(iter(list(_blocks(pixels, 40, 60))[:-1])))
    with pytest.raises(ValueError, match="No block came that lies at"):
        outlines.outlines()


def test_a_full_disk_of_temporary_files_is_told() -> None:
    store = outline_store.OutlineStore()
    shape = shapely.segmentize(shapely.box(0, 0, 100, 100), 1)
    told = r"no room among the temporary files .*: make room there, or name a folder"
    with no_file_beyond(2**20), pytest.raises(DataError, match=told):
        store.add(1, [shape] * 2000)


def _landscape() -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(150, 170)), 5)
    pixels = np.digitize(noise, [-0.03, 0.03]).astype(np.uint8) + 1
    pixels[:20, :30] = 255
    return pixels


def test_simplified_neighbours_stay_neighbours() -> None:
    pixels = _landscape()
    plain, simple = _outlined(pixels, 40, 60), _outlined(pixels, 40, 60, simplify=25)
    assert len(plain.shapes) == len(simple.shapes)
    assert shapely.get_num_coordinates(simple.shapes).sum() < 0.5 * shapely.get_num_coordinates(plain.shapes).sum()
    assert shapely.coverage_is_valid(np.array(simple.shapes, dtype=object))
    whole = [shapely.area(shapely.union_all(layer.shapes)) for layer in (plain, simple)]
    assert whole[1] == pytest.approx(whole[0], rel=0.01)
    assert shapely.is_valid(simple.shapes).all()


@pytest.mark.parametrize(("code", "top"), [(4326, 50), (3857, 6_500_000), (3857, 50), (3995, 2_000_000)])
def test_areas_are_on_the_ground(code: int, top: float) -> None:
    pixels = _landscape()
    layer = _outlined(pixels, 64, 64, crs=CRS.from_epsg(code), top=top)
    expected = layer.frame().to_crs("ESRI:54034").area.to_numpy()
    np.testing.assert_allclose(layer.columns["area_m2"], expected, rtol=0.002 if code == 4326 else 0.01)
    assert _outlined(pixels, 64, 64, crs=None).columns["area_pixels"].sum() == (pixels != 255).sum()


def test_a_map_without_data_has_no_outline() -> None:
    layer = _outlined(np.full((30, 40), 255, np.uint8), 16, 16)
    assert len(layer.frame()) == 0


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> Path:
    folder = tmp_path_factory.mktemp("polygons")
    config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8, "polygons": True})
    write_predictions(Names(folder), predict_scenes(tiny_bundle, tiny_data.scenes, config))
    return folder


def test_outlines_lie_beside_the_map(predicted: Path, tiny_data: SimpleNamespace) -> None:
    for key in tiny_data.scenes.files:
        with rasterio.open(predicted / f"{key}_classes.tif") as raster:
            pixels, transform, crs = raster.read(1), raster.transform, raster.crs
        frame = geopandas.read_file(predicted / f"{key}_polygons.gpkg")
        assert list(frame.columns) == ["class", "value", "area_m2", "geometry"]
        assert frame.crs.to_epsg() == crs.to_epsg()
        found = shapes(pixels.astype(np.int32), mask=pixels != 255, connectivity=4, transform=transform)
        expected = {(int(value), shapely.normalize(shapely.geometry.shape(shape)).wkb) for shape, value in found}
        assert {(v, shapely.normalize(s).wkb) for v, s in zip(frame["value"], frame.geometry, strict=True)} == expected
        assert set(zip(frame["class"], frame["value"], strict=True)) <= {("water", 1), ("forest", 2), ("field", 3)}
        item = json.loads((predicted / f"{key}_item.json").read_text())
        validate(item)
        assert "polygons" in item["assets"]
        style = item["assets"]["polygons_qml"]
        assert (style["href"], style["roles"]) == (f"./{key}_polygons.qml", ["style"])
        renderer = ElementTree.parse(predicted / f"{key}_polygons.qml").getroot().find("renderer-v2")
        assert renderer is not None
        labels = [category.get("value") for category in renderer.findall("categories/category")]
        assert labels == ["water", "forest", "field"]


def test_the_same_outlines_are_the_same_bytes_and_go_when_they_are_not_wanted(
    predicted: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8, "polygons": {"simplify": 0}})
    write_predictions(Names(tmp_path), predict_scenes(tiny_bundle, tiny_data.scenes, config))
    for path in predicted.glob("*_polygons.gpkg"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    write_predictions(Names(tmp_path), predict_scenes(tiny_bundle, tiny_data.scenes, InferenceConfig()))
    assert not list(tmp_path.glob("*_polygons.*"))


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ({"outputs": [{"name": "height"}]}, "no class"),
        ({"per": "object", "classes": [{"value": 1, "name": "a", "color": "#000000"}]}, "boxes"),
        ("nothing", "no class"),
    ],
)
def test_models_without_classes_have_no_outlines(target: Any, what: str) -> None:
    config = InferenceConfig.model_validate({"polygons": True})
    with pytest.raises(SpecError, match=f"'inference.polygons' are outlines of classes, and the model gives {what}"):
        require_meaning(TargetSpec.model_validate(target), config)
