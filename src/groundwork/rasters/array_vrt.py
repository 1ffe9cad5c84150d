"""Parts of an array as bands of GDAL's VRT."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET


def add_tags(element: ET.Element, tags: Mapping[str, str]) -> None:
    """Say what a file or a band says of itself."""
    said = ET.SubElement(element, "Metadata")
    for tag, text in tags.items():
        ET.SubElement(said, "MDI", key=tag).text = text


def add_array(band: ET.Element, file: str, name: str, expression: str, *, is_turned: bool = False) -> None:
    """Say which part of the array a band is."""
    derived = ET.SubElement(ET.SubElement(band, "ArraySource"), "DerivedArray")
    source = ET.SubElement(derived, "SingleSourceArray")
    ET.SubElement(source, "SourceFilename", relativeToVRT="0").text = file
    ET.SubElement(source, "SourceArray").text = name
    if expression.strip(":,"):
        ET.SubElement(ET.SubElement(derived, "Step"), "View", expr=f"[{expression}]")
    if is_turned:
        ET.SubElement(ET.SubElement(derived, "Step"), "Transpose", newOrder="1,0")
