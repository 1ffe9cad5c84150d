"""Features are written as GeoPackage: whole or not at all, where they lie on the ground, and always the same bytes."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.transform import from_origin

from groundwork.atomic import PARTIAL
from groundwork.errors import RasterError
from groundwork.rasters.feature_writing import tags_of, write_features
from groundwork.rasters.features import FeatureLayer, boxes
from groundwork.rasters.grid import Grid
from groundwork.rasters.legend import LegendEntry

GRID = Grid(CRS.from_epsg(32632), from_origin(500_000, 5_000_000, 10, 20), width=100, height=100)
NO_PLACE = Grid(None, Affine.identity(), width=100, height=100)
EDGES = np.array([[0, 0, 2, 1], [10.5, 20, 12, 30]], np.float32)
TAGS = {"GROUNDWORK_MODEL": "one", "GROUNDWORK_INPUT": "a"}


def layer_of(edges: np.ndarray = EDGES, grid: Grid = GRID) -> FeatureLayer:
    count = len(edges)
    columns = {
        "class": np.array(["pond", "field"][:count], dtype=object),
        "value": np.arange(1, count + 1, dtype=np.int64),
        "score": np.array([0.75, 0.5][:count]),
    }
    return FeatureLayer(grid, boxes(edges), columns, TAGS)


def test_features_lie_where_their_pixels_do_and_keep_their_attributes(tmp_path: Path) -> None:
    write_features(layer_of(), tmp_path / "a_objects.gpkg")
    read = geopandas.read_file(tmp_path / "a_objects.gpkg")
    # Columns count 10 m to the east, rows 20 m to the south.
    assert read.bounds.to_numpy().tolist() == [
        [500_000, 4_999_980, 500_020, 5_000_000],
        [500_105, 4_999_400, 500_120, 4_999_600],
    ]
    assert read.crs.to_epsg() == 32632
    assert read[["class", "value", "score"]].to_numpy().tolist() == [["pond", 1, 0.75], ["field", 2, 0.5]]
    assert pyogrio.list_layers(tmp_path / "a_objects.gpkg")[:, 0].tolist() == ["a_objects"]
    assert all(shapely.is_ccw(shapely.get_exterior_ring(read.geometry)))


def test_features_of_classes_have_a_style_in_their_colours(tmp_path: Path) -> None:
    legend = (LegendEntry(1, 'pond & "pool"', (0, 64, 255)), LegendEntry(2, "field", (255, 170, 0)))
    write_features(replace(layer_of(), legend=legend), tmp_path / "a.gpkg")
    renderer = ET.parse(tmp_path / "a.qml").getroot().find("renderer-v2")
    assert renderer is not None
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "class")
    symbols = {symbol.get("name"): symbol for symbol in renderer.findall("symbols/symbol")}
    found = {
        category.get("value"): {prop.get("k"): prop.get("v") for prop in symbols[category.get("symbol")].iter("prop")}
        for category in renderer.findall("categories/category")
    }
    assert {name: look["outline_color"] for name, look in found.items()} == {
        'pond & "pool"': "0,64,255,255",
        "field": "255,170,0,255",
    }
    assert all(look["color"].rpartition(",")[0] == look["outline_color"].rpartition(",")[0] for look in found.values())


def test_the_style_of_classes_goes_where_features_without_follow(tmp_path: Path) -> None:
    write_features(replace(layer_of(), legend=(LegendEntry(1, "pond", (0, 64, 255)),)), tmp_path / "a.gpkg")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.gpkg", "a.qml"]
    write_features(layer_of(), tmp_path / "a.gpkg")
    assert [file.name for file in tmp_path.iterdir()] == ["a.gpkg"]


def test_a_persons_own_style_of_other_features_stays(tmp_path: Path) -> None:
    (tmp_path / "a.qml").write_text("mine")
    write_features(layer_of(), tmp_path / "a.gpkg")
    assert (tmp_path / "a.qml").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.gpkg", "a.qml"]


@pytest.mark.parametrize("grid", [GRID, NO_PLACE], ids=["placed", "no_place"])
@pytest.mark.parametrize("count", [0, 2])
def test_the_same_features_are_the_same_bytes_on_another_day(tmp_path: Path, grid: Grid, count: int) -> None:
    write_features(layer_of(EDGES[:count], grid), tmp_path / "first" / "a.gpkg")
    # Dates in a GeoPackage are written to the thousandth of a second.
    time.sleep(0.01)
    write_features(layer_of(EDGES[:count], grid), tmp_path / "second" / "a.gpkg")
    assert (tmp_path / "first" / "a.gpkg").read_bytes() == (tmp_path / "second" / "a.gpkg").read_bytes()


def test_a_layer_without_features_has_its_columns(tmp_path: Path) -> None:
    write_features(layer_of(EDGES[:0]), tmp_path / "a.gpkg")
    info = pyogrio.read_info(tmp_path / "a.gpkg")
    assert info["features"] == 0
    assert dict(zip(info["fields"], info["dtypes"], strict=True)) == {
        "class": "object",
        "value": "int64",
        "score": "float64",
    }
    assert (info["geometry_type"], info["crs"]) == ("Polygon", "EPSG:32632")


def test_a_scene_without_crs_gets_features_in_columns_and_rows(tmp_path: Path) -> None:
    write_features(layer_of(grid=NO_PLACE), tmp_path / "a.gpkg")
    read = geopandas.read_file(tmp_path / "a.gpkg")
    assert read.crs is None
    assert read.bounds.to_numpy().tolist() == EDGES.tolist()


def test_outlines_of_several_parts_make_a_layer_of_one_type(tmp_path: Path) -> None:
    parts = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(3, 3, 5, 4)])
    layer = FeatureLayer(GRID, [shapely.box(7, 7, 8, 8), parts], {"value": np.array([1, 2])})
    write_features(layer, tmp_path / "a.gpkg")
    read = geopandas.read_file(tmp_path / "a.gpkg")
    assert pyogrio.read_info(tmp_path / "a.gpkg")["geometry_type"] == "MultiPolygon"
    # In square metres: a pixel has 200.
    assert read.area.tolist() == [200, 600]


def test_a_layer_says_where_it_comes_from(tmp_path: Path) -> None:
    write_features(layer_of(), tmp_path / "a.gpkg")
    assert tags_of(tmp_path / "a.gpkg") == TAGS


def test_what_says_nothing_has_no_tags_and_what_is_no_vector_file_is_refused(tmp_path: Path) -> None:
    write_features(FeatureLayer(GRID, boxes(EDGES), {"value": np.array([1, 2])}), tmp_path / "a.gpkg")
    assert tags_of(tmp_path / "a.gpkg") == {}
    (tmp_path / "b.gpkg").write_text("no file of features")
    with pytest.raises(RasterError, match=r"b\.gpkg: found no vector file that can be read"):
        tags_of(tmp_path / "b.gpkg")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match=r"found the ending '\.shp'; expected '\.gpkg'"):
        write_features(layer_of(), tmp_path / "a.shp")


def test_an_earlier_file_stays_where_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gpkg"
    write_features(layer_of(), path)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise pyogrio.errors.DataSourceError("the disk is full")

    monkeypatch.setattr(pyogrio, "write_dataframe", fail)
    with pytest.raises(RasterError, match=r"an incomplete file after writing it \(the disk is full\)"):
        write_features(layer_of(EDGES[:1]), path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(f"{PARTIAL}*"))


def test_gdal_is_left_as_it_was(tmp_path: Path) -> None:
    write_features(layer_of(), tmp_path / "a.gpkg")
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None
