"""Files that do not tell which band is which, or what offset values have: how they are read is said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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
from groundwork.rasters.untold import has_plain_alpha, names_bands, tells_offsets
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
        assert names_bands(scene) is named


def test_a_file_for_each_band_names_it(tmp_path: Path, write_raster: Write) -> None:
    files = [write_raster(tmp_path / f"{name}.tif", np.ones((1, 8, 8), np.uint8)) for name in ("B4", "B8")]
    with Scene(files, RasterSpec(bands=["RED", "NIR"], dtype="uint8", nodata=None)) as scene:
        assert names_bands(scene)


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
    with caplog.at_level(logging.INFO, "groundwork.rasters.untold"):
        scan_scenes(scenes, tiny_data.labels, data_config)
        predict_scenes(tiny_bundle, scenes, InferenceConfig(tile_size=32, overlap=8))
        predict_scenes(tiny_bundle, tiny_data.scenes, InferenceConfig(tile_size=32, overlap=8))
    told = [record for record in caplog.records if record.name == "groundwork.rasters.untold"]
    words = f"{count} of 6 scene(s) do not say which band of 'optical' is which. They are read in the order that is "
    assert [record.levelno for record in told] == [level, level], "the tiny data itself names its bands"
    assert all(record.getMessage().startswith(f"{words}stated: A, B, C. ") for record in told)


OFFSETS = {
    "S2A_MSIL2A_20240601T101031_N0510_R022_T32UQD_20240601T161511.SAFE/T32UQD_20240601T101031_B02_10m.tif": (
        None,
        True,
    ),
    "cut_B02.tif": (None, False),
    "tagged_B02.tif": ([0.0001], True),
}


@pytest.mark.parametrize("name", OFFSETS)
def test_files_of_products_and_those_with_tags_tell_their_offset(
    name: str, tmp_path: Path, write_raster: Write
) -> None:
    scales, told = OFFSETS[name]
    scaling = None if scales is None else (scales, [0.0])
    path = write_raster(tmp_path / name, np.full((1, 8, 8), 2000, np.uint16), nodata=0, scaling=scaling)
    words = {"bands": [{"name": "BLUE", "scale": 0.0001}], "dtype": "uint16", "nodata": 0}
    with Scene([path], RasterSpec.model_validate(words | {"other_offsets": "convert"})) as scene:
        assert tells_offsets(scene) is told
    if name == "cut_B02.tif":
        with Scene([path], RasterSpec.model_validate(words)) as scene:
            assert tells_offsets(scene), "nothing is to be converted"


def test_files_that_are_to_be_converted_and_do_not_tell_their_offset_are_warned_of(
    tiny_data: SimpleNamespace, tiny_bundle: Bundle, data_config: DataConfig, caplog: pytest.LogCaptureFixture
) -> None:
    source = data_config.sources["optical"].model_copy(update={"other_offsets": "convert"})
    scan_scenes(tiny_data.scenes, tiny_data.labels, data_config.model_copy(update={"sources": {"optical": source}}))
    config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8, "source": {"other_offsets": "convert"}})
    predict_scenes(tiny_bundle, tiny_data.scenes, config)
    told = [record.getMessage() for record in caplog.records if record.name == "groundwork.rasters.untold"]
    assert len(told) == 2
    assert all(
        text.startswith("6 of 6 scene(s) of 'optical' do not say which offset their values have") for text in told
    )


def _alphas() -> dict[str, tuple[np.ndarray, bool]]:
    mask = np.full((300, 300), 255)
    mask[:150] = 0
    soft = mask.copy()
    soft[148:152] = np.array([60, 120, 180, 240])[:, None]
    return {
        "all": (np.full((300, 300), 255), True),
        "half": (mask, True),
        "ones": (mask // 255, True),
        "nothing": (mask * 0, True),
        "soft edge": (soft, True),
        "near infrared": (np.random.default_rng(0).integers(0, 200, (300, 300)), False),
    }


@pytest.mark.parametrize("name", _alphas())
def test_an_alpha_band_that_holds_what_no_mask_does_is_noticed(name: str, tmp_path: Path, write_raster: Write) -> None:
    alpha, plain = _alphas()[name]
    pixels = np.stack([np.full((300, 300), 9)] * 3 + [alpha]).astype(np.uint8)
    path = write_raster(tmp_path / "a.tif", pixels)
    with rasterio.open(path) as raster:
        assert raster.colorinterp[3] is ColorInterp.alpha, "as GDAL has it of four 8-bit bands"
    with Scene([path], RasterSpec(bands=["R", "G", "B"], dtype="uint8", nodata=None)) as scene:
        assert has_plain_alpha(scene) is plain
    with Scene([path], RasterSpec(bands=["R", "G", "B", "N"], dtype="uint8", nodata=None)) as scene:
        assert has_plain_alpha(scene), "no band is left for a mask"


def test_scenes_whose_mask_may_be_a_band_are_warned_of(
    tmp_path: Path, write_raster: Write, tiny_data: SimpleNamespace, data_config: DataConfig, caplog: Any
) -> None:
    for key, (name,) in tiny_data.scenes.files.items():
        with rasterio.open(tiny_data.scenes.locate(name)) as raster:
            bands, place = raster.read(), {"crs": raster.crs, "transform": raster.transform}
        pixels = np.concatenate([np.clip(bands // 20, 0, 255), bands[2:] // 30 + 1]).astype(np.uint8)
        write_raster(tmp_path / f"{key}.tif", pixels, tags={"DATE": "2024-06-01"}, **place)
    spec = RasterSpec.model_validate(
        {"bands": ["A", "B", "C"], "dtype": "uint8", "nodata": None, "date_tag": "DATE", "resampling": "nearest"}
    )
    config = data_config.model_copy(update={"sources": {"optical": spec}})
    scan_scenes(find_rasters(tmp_path, ["{key}.tif"]), tiny_data.labels, config)
    assert (
        "6 of 6 scene(s) of 'optical' have one band more than declared, which GDAL calls an alpha band" in caplog.text
    )
