"""Files that do not name their bands: the order in which they are read is said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from groundwork.bundle import Bundle
from groundwork.config import DataConfig, InferenceConfig
from groundwork.data.scan import scan_scenes
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

Write = Callable[..., Path]
RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
#: Found by people who call their bands by colours that the files contradict; and where nothing contradicts.
CASES = [
    (["RED", "GREEN", "BLUE"], RGB, None, True),
    (["BLUE", "GREEN", "RED"], RGB, None, False),
    (["NIR", "RED", "GREEN"], RGB, None, False),
    (["RED", "GREEN", "BLUE", "NIR"], (*RGB, ColorInterp.undefined), None, True),
    (["RED", "GREEN", "BLUE", "NIR", "SWIR"], (*RGB, ColorInterp.undefined, ColorInterp.undefined), None, False),
    (["BLUE", "GREEN"], (ColorInterp.gray, ColorInterp.undefined), None, False),
    (["BLUE", "GREEN"], (ColorInterp.gray, ColorInterp.undefined), ["BLUE", "GREEN"], True),
    (["HEIGHT"], (ColorInterp.gray,), None, True),
]


@pytest.mark.parametrize(("bands", "colors", "descriptions", "named"), CASES)
def test_bands_are_named_by_descriptions_or_by_colors_that_agree(
    bands: list[str],
    colors: Sequence[ColorInterp],
    descriptions: list[str] | None,
    named: bool,
    tmp_path: Path,
    write_raster: Write,
) -> None:
    path = write_raster(tmp_path / "a.tif", np.ones((len(bands), 8, 8), np.uint8), descriptions=descriptions)
    with rasterio.open(path, "r+") as raster:
        raster.colorinterp = colors
    with Scene([path], RasterSpec(bands=bands, dtype="uint8", nodata=None)) as scene:
        assert scene.names_bands is named


def test_a_file_for_each_band_names_it(tmp_path: Path, write_raster: Write) -> None:
    files = [write_raster(tmp_path / f"{name}.tif", np.ones((1, 8, 8), np.uint8)) for name in ("B4", "B8")]
    with Scene(files, RasterSpec(bands=["RED", "NIR"], dtype="uint8", nodata=None)) as scene:
        assert scene.names_bands


@pytest.mark.parametrize(("count", "level"), [(6, logging.INFO), (2, logging.WARNING)])
def test_the_order_is_said_and_more_loudly_where_only_some_name_theirs(
    count: int,
    level: int,
    tmp_path: Path,
    tiny_data: SimpleNamespace,
    tiny_bundle: Bundle,
    data_config: DataConfig,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for index, (key, (name,)) in enumerate(tiny_data.scenes.files.items()):
        with rasterio.open(tiny_data.scenes.locate(name)) as raster:
            profile, pixels, tags = raster.profile, raster.read(), raster.tags()
        with rasterio.open(tmp_path / f"{key}.tif", "w", **profile) as raster:
            raster.write(pixels)
            raster.update_tags(**tags)
            if index >= count:
                raster.descriptions = ("A", "B", "C")
    scenes = find_rasters(tmp_path, ["{key}.tif"])
    with caplog.at_level(logging.INFO, "groundwork.rasters.unnamed"):
        scan_scenes(scenes, tiny_data.labels, data_config)
        predict_scenes(tiny_bundle, scenes, InferenceConfig(tile_size=32, overlap=8))
        predict_scenes(tiny_bundle, tiny_data.scenes, InferenceConfig(tile_size=32, overlap=8))
    told = [record for record in caplog.records if record.name == "groundwork.rasters.unnamed"]
    words = f"{count} of 6 scene(s) do not say which band of 'optical' is which. They are read in the order that is "
    assert [record.levelno for record in told] == [level, level], "the tiny data itself names its bands"
    assert all(record.getMessage().startswith(f"{words}stated: A, B, C. ") for record in told)
