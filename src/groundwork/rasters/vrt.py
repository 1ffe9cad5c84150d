"""Write a virtual raster: one that is read from the files of its tiles, as GDAL's VRT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from rasterio.windows import Window

from groundwork.atomic import whole_file
from groundwork.rasters.beside import remove_derived
from groundwork.rasters.stream import RasterProfile
from groundwork.rasters.styles import TABLE, sidecars, write_styles, write_tables
from groundwork.rasters.vrt_types import TYPES


def write_vrt(path: Path, profile: RasterProfile, tiles: Mapping[Path, Window]) -> None:
    """Write a raster that is read from tiles, with its styles beside it. Where no tile lies it holds nodata.

    Args:
        path: File to make, with the ending ``.vrt``.
        profile: Of the whole.
        tiles: Files beside it or below -> the pixels of the whole that each holds.
    """
    grid = profile.grid
    root = ET.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    if grid.crs is not None:
        ET.SubElement(root, "SRS").text = grid.crs.to_wkt()
    ET.SubElement(root, "GeoTransform").text = ", ".join(repr(float(part)) for part in grid.transform.to_gdal())
    said = ET.SubElement(root, "Metadata")
    for name, text in sorted(profile.tags.items()):
        ET.SubElement(said, "MDI", key=name).text = text
    for number, name in enumerate(profile.bands, start=1):
        _add_band(root, number, name, profile)
        for tile, window in tiles.items():
            _add_source(root[-1], number, tile.relative_to(path.parent), window)
    ET.indent(root)
    # Tables and statistics of a raster that lay there before are kept by GDAL, and read before those of this one.
    sidecars(path)[TABLE].unlink(missing_ok=True)
    remove_derived(path)
    with whole_file(path) as file:
        file.write_text(ET.tostring(root, encoding="unicode") + "\n", encoding="utf-8")
    if profile.legend:
        write_styles(path, profile.legend, path.stem)
    if profile.legends:
        write_tables(path, profile.legends)


def _add_band(root: ET.Element, number: int, name: str, profile: RasterProfile) -> None:
    band = ET.SubElement(root, "VRTRasterBand", dataType=TYPES[profile.dtype], band=str(number))
    said = {"Description": name, "NoDataValue": None if profile.nodata is None else repr(profile.nodata)}
    if profile.units:
        said["UnitType"] = profile.units[number - 1]
    for tag, text in said.items():
        if text:
            ET.SubElement(band, tag).text = text
    if profile.colors:
        ET.SubElement(band, "ColorInterp").text = "Palette"
        table = ET.SubElement(band, "ColorTable")
        for value in range(max(profile.colors) + 1):
            red, green, blue = profile.colors.get(value, (0, 0, 0))
            ET.SubElement(table, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4="255")


def _add_source(band: ET.Element, number: int, tile: Path, window: Window) -> None:
    source = ET.SubElement(band, "SimpleSource")
    ET.SubElement(source, "SourceFilename", relativeToVRT="1").text = tile.as_posix()
    ET.SubElement(source, "SourceBand").text = str(number)
    size = {"xSize": str(int(window.width)), "ySize": str(int(window.height))}
    ET.SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0", **size})
    ET.SubElement(source, "DstRect", {"xOff": str(int(window.col_off)), "yOff": str(int(window.row_off)), **size})
