"""What stands beside a raster or features of classes, so that other programs show their names and colours.

A raster attribute table in GDAL's sidecar, which GDAL, QGIS and ArcGIS read; a style that QGIS applies when it opens
the raster or the features (QML); and, of a raster, one that servers of maps read (SLD 1.0, with the attributes that
GeoServer and QGIS add to it).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from groundwork.rasters.legend import LegendEntry

logger = logging.getLogger(__name__)

#: Endings of files beside ``x.tif``: what replaces its own, or comes behind it.
TABLE, QML, SLD = ".aux.xml", ".qml", ".sld"
#: The attribute of features that names their class.
CLASS = "class"
#: How opaque polygons are, of 255.
_SEE_THROUGH = 140
#: Of the columns of the table: name, GDAL's number of the type (0: integer, 2: text) and of what it is used for.
_COLUMNS = (
    ("Value", "0", "5"),
    ("Class", "2", "2"),
    ("Red", "0", "6"),
    ("Green", "0", "7"),
    ("Blue", "0", "8"),
    ("Alpha", "0", "9"),
)
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
#: Of QGIS's style files: the oldest version that reads them as they are written here.
_QGIS = "3.4.0"


def sidecars(path: Path) -> dict[str, Path]:
    """Return what may lie beside a raster of classes, by ending."""
    return {TABLE: path.with_name(path.name + TABLE), QML: path.with_suffix(QML), SLD: path.with_suffix(SLD)}


def is_a_persons(file: Path) -> bool:
    """Whether a file beside a raster is a style, and not as this library wrote it: QGIS saves one by the same name."""
    if file.suffix not in (QML, SLD) or not file.is_file():
        return False
    text = file.read_text("utf-8", "replace")
    own = text[: text.rstrip().rfind("\n") + 1]
    return text != own + _mark(own)


def write_styles(path: Path, legend: Sequence[LegendEntry], name: str) -> None:
    """Write the files beside a raster; what GDAL keeps in its own stays, and so do styles of a person.

    Args:
        path: The raster.
        legend: Names and colours of the values of its first band.
        name: Of the style.
    """
    places = sidecars(path)
    write_tables(path, [legend])
    _write(places[QML], _DOCTYPE + _text(_qml(legend)))
    _write(places[SLD], '<?xml version="1.0" encoding="UTF-8"?>\n' + _text(_sld(legend, name)))


def write_feature_style(path: Path, legend: Sequence[LegendEntry]) -> None:
    """Write QGIS's style beside a file of polygons: each in the colour of the class that its attribute names.

    Args:
        path: The file.
        legend: Names and colours of the classes.
    """
    _write(sidecars(path)[QML], _DOCTYPE + _text(_qml_of_features(legend)))


def write_tables(path: Path, legends: Sequence[Sequence[LegendEntry]]) -> None:
    """Write GDAL's sidecar with an attribute table for each band; what GDAL keeps in it stays.

    Args:
        path: The raster.
        legends: Names and colours of the values of each band.
    """
    place = sidecars(path)[TABLE]
    root = ET.parse(place).getroot() if place.exists() else ET.Element("PAMDataset")
    for number, legend in enumerate(legends, start=1):
        _add_table(root, number, legend)
    place.write_text(_text(root), encoding="utf-8")


def give_styles(done: Path, target: Path) -> None:
    """Give what lies beside a file the name of another one, and remove what was of a file that lay there before.

    Styles of a person stay, also where new ones were written.

    Args:
        done: The file that was written.
        target: The name that it will get.
    """
    before = sidecars(target)
    for ending, made in sidecars(done).items():
        if is_a_persons(before[ending]):
            logger.info("%s is not as it is written here, and stays: delete it for the classes' own", before[ending])
        elif made.exists():
            made.replace(before[ending])
        else:
            before[ending].unlink(missing_ok=True)


def remove_styles(path: Path) -> None:
    """Remove what was written beside a file; styles of a person stay."""
    for beside in sidecars(path).values():
        if not is_a_persons(beside):
            beside.unlink(missing_ok=True)


def _write(style: Path, text: str) -> None:
    """Write a style that says by its last line that it is of this library, and unchanged."""
    if not is_a_persons(style):
        style.write_text(text + _mark(text), encoding="utf-8")


def _mark(text: str) -> str:
    return f"<!-- groundwork {hashlib.sha256(text.encode()).hexdigest()} -->\n"


def _add_table(root: ET.Element, number: int, legend: Sequence[LegendEntry]) -> None:
    band = root.find(f"PAMRasterBand[@band='{number}']")
    if band is None:
        band = ET.SubElement(root, "PAMRasterBand", band=str(number))
    table = ET.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, usage) in enumerate(_COLUMNS):
        column = ET.SubElement(table, "FieldDefn", index=str(index))
        for tag, text in (("Name", name), ("Type", kind), ("Usage", usage)):
            ET.SubElement(column, tag).text = text
    for index, entry in enumerate(legend):
        row = ET.SubElement(table, "Row", index=str(index))
        for cell in (entry.value, entry.name, *entry.rgb, 255):
            ET.SubElement(row, "F").text = str(cell)


def _qml(legend: Sequence[LegendEntry]) -> ET.Element:
    root = ET.Element("qgis", version=_QGIS, styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    options = {"type": "paletted", "band": "1", "opacity": "1", "alphaBand": "-1", "nodataColor": ""}
    palette = ET.SubElement(ET.SubElement(pipe, "rasterrenderer", options), "colorPalette")
    for entry in legend:
        said = {"value": str(entry.value), "label": entry.name, "color": entry.color, "alpha": "255"}
        ET.SubElement(palette, "paletteEntry", said)
    return root


def _qml_of_features(legend: Sequence[LegendEntry]) -> ET.Element:
    root = ET.Element("qgis", version=_QGIS, styleCategories="Symbology")
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr=CLASS, symbollevels="0")
    categories, symbols = (ET.SubElement(renderer, name) for name in ("categories", "symbols"))
    for number, entry in enumerate(legend):
        said = {"value": entry.name, "label": entry.name, "symbol": str(number), "render": "true", "type": "string"}
        ET.SubElement(categories, "category", said)
        symbol = ET.SubElement(symbols, "symbol", type="fill", name=str(number), alpha="1")
        layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1"})
        red, green, blue = entry.rgb
        for name, value in (
            # What lies below stays to be seen.
            ("color", f"{red},{green},{blue},{_SEE_THROUGH}"),
            ("outline_color", f"{red},{green},{blue},255"),
            ("outline_width", "0.3"),
        ):
            ET.SubElement(layer, "prop", k=name, v=value)
    return root


def _sld(legend: Sequence[LegendEntry], name: str) -> ET.Element:
    root = ET.Element("StyledLayerDescriptor", {"version": "1.0.0", "xmlns": "http://www.opengis.net/sld"})
    layer = ET.SubElement(root, "NamedLayer")
    ET.SubElement(layer, "Name").text = name
    style = ET.SubElement(layer, "UserStyle")
    ET.SubElement(style, "Name").text = name
    place = style
    for tag in ("FeatureTypeStyle", "Rule", "RasterSymbolizer"):
        place = ET.SubElement(place, tag)
    channel = ET.SubElement(ET.SubElement(place, "ChannelSelection"), "GrayChannel")
    ET.SubElement(channel, "SourceChannelName").text = "1"
    colors = ET.SubElement(place, "ColorMap", type="values")
    for entry in legend:
        said = {"color": entry.color, "quantity": str(entry.value), "label": entry.name, "opacity": "1"}
        ET.SubElement(colors, "ColorMapEntry", said)
    return root


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"
