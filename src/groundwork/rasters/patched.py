"""A file as GDAL's VRT without those of its blocks that cannot be decoded, which is read and warped as the file is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import rasterio
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader
from rasterio.windows import Window

from groundwork.rasters.bad_blocks import around
from groundwork.rasters.vrt_types import TYPES, nodata_text


def open_patched(path: Path, dataset: DatasetReader, bad: Sequence[Window], nodata: float | None) -> DatasetReader:
    """Open a file in whose bad windows all bands hold nodata, or a mask says that none holds data.

    Args:
        path: A local file.
        dataset: The same, opened.
        bad: Windows that are not read.
        nodata: The value that means "no data". None: a mask is made, as it is where the file has one.
    """
    good = list(around(bad, (dataset.height, dataset.width)))
    root = ET.Element("VRTDataset", rasterXSize=str(dataset.width), rasterYSize=str(dataset.height))
    if dataset.crs is not None:
        ET.SubElement(root, "SRS").text = dataset.crs.to_wkt()
    ET.SubElement(root, "GeoTransform").text = ", ".join(repr(float(part)) for part in dataset.transform.to_gdal())
    for index, dtype in enumerate(dataset.dtypes, start=1):
        band = ET.SubElement(root, "VRTRasterBand", dataType=TYPES[dtype], band=str(index))
        if nodata is not None:
            ET.SubElement(band, "NoDataValue").text = nodata_text(nodata, dtype)
        if dataset.colorinterp[index - 1] == ColorInterp.alpha:
            ET.SubElement(band, "ColorInterp").text = "Alpha"
        _add_sources(band, path, str(index), good)
    flags = {flag for of_band in dataset.mask_flag_enums for flag in of_band}
    if nodata is None or rasterio.enums.MaskFlags.per_dataset in flags:
        mask = ET.SubElement(ET.SubElement(root, "MaskBand"), "VRTRasterBand", dataType="Byte")
        _add_sources(mask, path, "mask,1", good)
    return rasterio.open(ET.tostring(root, encoding="unicode"))


def _add_sources(band: ET.Element, path: Path, number: str, windows: Sequence[Window]) -> None:
    for window in windows:
        source = ET.SubElement(band, "SimpleSource")
        ET.SubElement(source, "SourceFilename", relativeToVRT="0").text = str(path.absolute())
        ET.SubElement(source, "SourceBand").text = number
        for name in ("SrcRect", "DstRect"):
            place = {"xOff": window.col_off, "yOff": window.row_off, "xSize": window.width, "ySize": window.height}
            ET.SubElement(source, name, {key: str(int(value)) for key, value in place.items()})
