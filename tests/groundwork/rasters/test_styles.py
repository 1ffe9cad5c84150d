"""Names and colours of classes stand beside their raster, as GDAL, QGIS and servers of maps read them."""

from __future__ import annotations

import logging
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.shutil import copy as copy_raster
from rasterio.transform import from_origin

from groundwork.rasters.grid import Grid
from groundwork.rasters.legend import LegendEntry
from groundwork.rasters.stream import RasterProfile, single
from groundwork.rasters.styles import write_styles
from groundwork.rasters.writing import remove_raster, write_rasters

GRID = Grid(CRS.from_epsg(32632), from_origin(500_000, 5_000_000, 10, 10), 40, 30)
LEGEND = (LegendEntry(1, 'water & "ice" <x>', (0, 0, 255)), LegendEntry(7, "Wald (Fichte, ä)", (0, 170, 16)))


def _write(path: Path, dtype: str = "uint8", grid: Grid = GRID, legend: tuple[LegendEntry, ...] = LEGEND) -> Path:
    profile = RasterProfile(grid, dtype, ("class",), 255, "mode", legend=legend)
    write_rasters(single(profile, np.full((1, 30, 40), 7, dtype)), {"": path})
    return path


def _table(text: str) -> list[list[str | None]]:
    table = ET.fromstring(text).find(".//GDALRasterAttributeTable")
    assert table is not None
    assert table.get("tableType") == "thematic"
    # GDAL's numbers: a text that is a name is 2, 2; whole numbers 0, used as value 5, red 6, green 7, blue 8, alpha 9.
    columns = [(column.findtext("Type"), column.findtext("Usage")) for column in table.findall("FieldDefn")]
    assert columns == [("0", "5"), ("2", "2"), ("0", "6"), ("0", "7"), ("0", "8"), ("0", "9")]
    return [[cell.text for cell in row] for row in table.findall("Row")]


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_gdal_reads_the_table_and_hands_it_on(tmp_path: Path, dtype: str) -> None:
    path = _write(tmp_path / "a.b_classes.tif", dtype)
    expected = [["1", LEGEND[0].name, "0", "0", "255", "255"], ["7", LEGEND[1].name, "0", "170", "16", "255"]]
    assert _table((tmp_path / "a.b_classes.tif.aux.xml").read_text("utf-8")) == expected
    # What GDAL understood is what it writes into a copy.
    copy_raster(path, tmp_path / "copy.vrt", driver="VRT")
    assert _table((tmp_path / "copy.vrt").read_text("utf-8")) == expected
    with rasterio.open(path) as raster:
        assert (raster.read() == 7).all()
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_what_gdal_keeps_in_its_sidecar_stays_there(tmp_path: Path) -> None:
    beside = tmp_path / "x.tif.aux.xml"
    beside.write_text("<PAMDataset><SRS>LOCAL_CS[&quot;site&quot;]</SRS><PAMRasterBand band='1'/></PAMDataset>")
    write_styles(tmp_path / "x.tif", LEGEND, "x")
    root = ET.parse(beside).getroot()
    assert root.findtext("SRS") == 'LOCAL_CS["site"]'
    assert len(root.findall("PAMRasterBand")) == 1
    assert len(_table(beside.read_text("utf-8"))) == 2


def test_qgis_and_servers_find_each_value_with_its_name_and_colour(tmp_path: Path) -> None:
    _write(tmp_path / "x.tif")
    text = (tmp_path / "x.qml").read_text("utf-8")
    assert text.startswith("<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis ")
    renderer = ET.fromstring(text).find("pipe/rasterrenderer")
    assert renderer is not None
    assert (renderer.get("type"), renderer.get("band")) == ("paletted", "1")
    entries = [dict(entry.attrib) for entry in renderer.findall("colorPalette/paletteEntry")]
    assert entries == [
        {"value": "1", "label": LEGEND[0].name, "color": "#0000ff", "alpha": "255"},
        {"value": "7", "label": LEGEND[1].name, "color": "#00aa10", "alpha": "255"},
    ]
    sld = ET.parse(tmp_path / "x.sld").getroot()
    space = "{http://www.opengis.net/sld}"
    assert sld.tag == f"{space}StyledLayerDescriptor"
    assert sld.findtext(f"{space}NamedLayer/{space}Name") == "x"
    colors = sld.find(f".//{space}RasterSymbolizer/{space}ColorMap")
    assert colors is not None
    assert colors.get("type") == "values"
    assert [(entry.get("quantity"), entry.get("label"), entry.get("color")) for entry in colors] == [
        ("1", LEGEND[0].name, "#0000ff"),
        ("7", LEGEND[1].name, "#00aa10"),
    ]


def test_numbers_have_no_style_and_a_persons_own_stays(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.tif")
    (tmp_path / "y.qml").write_text("of a person")
    _write(tmp_path / "y.tif", legend=())
    assert {file.name for file in tmp_path.glob("y*")} == {"y.tif", "y.qml"}
    before = {file.name: file.read_bytes() for file in tmp_path.glob("x*")}
    assert set(before) == {"x.tif", "x.tif.aux.xml", "x.qml", "x.sld"}
    _write(path)
    assert {file.name: file.read_bytes() for file in tmp_path.glob("x*")} == before
    remove_raster(path)
    assert {file.name for file in tmp_path.iterdir()} == {"y.tif", "y.qml"}


def test_what_was_written_of_classes_goes_where_numbers_follow_and_a_persons_own_is_never_touched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = _write(tmp_path / "x.tif")
    _write(path, legend=())
    assert [file.name for file in tmp_path.iterdir()] == ["x.tif"]
    _write(path)
    qml, sld = tmp_path / "x.qml", tmp_path / "x.sld"
    mine = qml.read_text("utf-8").replace("#0000ff", "#0000fe")
    qml.write_text(mine, "utf-8")
    other = (LegendEntry(1, "water", (0, 0, 1)),)
    with caplog.at_level(logging.INFO):
        _write(path, legend=other)
    assert f"{qml} is not as it is written here, and stays" in caplog.text
    assert (qml.read_text("utf-8"), "#000001" in sld.read_text("utf-8")) == (mine, True)
    write_styles(path, LEGEND, "x")
    assert (qml.read_text("utf-8"), "#00aa10" in sld.read_text("utf-8")) == (mine, True)
    remove_raster(path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.qml"]


def test_masks_and_overviews_of_the_pixels_before_are_gone(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.tif")
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as raster:
        raster.build_overviews([2])
    with rasterio.open(f"{path}.msk", "w", driver="GTiff", width=40, height=30, count=1, dtype="uint8") as mask:
        mask.update_tags(INTERNAL_MASK_FLAGS_1="2")
    with rasterio.open(path) as raster:
        assert raster.overviews(1) == [2]
        assert not raster.read_masks(1).any()
    _write(path)
    assert {file.name for file in tmp_path.iterdir()} == {"x.tif", "x.tif.aux.xml", "x.qml", "x.sld"}
    with rasterio.open(path) as raster:
        assert raster.overviews(1) == []
        assert raster.read_masks(1).all()


def test_each_band_has_a_table_of_its_own(tmp_path: Path) -> None:
    legends = tuple((LegendEntry(0, "no", (240, 240, 240)), LegendEntry(1, entry.name, entry.rgb)) for entry in LEGEND)
    profile = RasterProfile(GRID, "uint8", tuple(entry.name for entry in LEGEND), 255, "mode", legends=legends)
    pixels = np.stack([np.zeros((30, 40)), np.ones((30, 40))]).astype(np.uint8)
    write_rasters(single(profile, pixels), {"": tmp_path / "sets.tif"})
    with rasterio.open(tmp_path / "sets.tif") as raster:
        assert raster.descriptions == tuple(entry.name for entry in LEGEND)
    copy_raster(tmp_path / "sets.tif", tmp_path / "copy.vrt", driver="VRT")
    bands = ET.parse(tmp_path / "copy.vrt").getroot().findall("VRTRasterBand")
    said = [[row.findall("F")[1].text for row in band.iter("Row")] for band in bands]
    assert said == [["no", LEGEND[0].name], ["no", LEGEND[1].name]]
    assert not (tmp_path / "sets.qml").exists(), "a style would show the first band alone"
