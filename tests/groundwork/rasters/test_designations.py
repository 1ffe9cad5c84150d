from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groundwork.data.scene_stack import folders_by_source
from groundwork.errors import RasterError
from groundwork.rasters.designations import check_designation
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.scene import Scene
from groundwork.specs import BandSpec, RasterSpec

SPEC = RasterSpec.model_validate({"bands": ["A"], "dtype": "uint16", "nodata": 0})
SAFE = "S2A_MSIL2A_20210601T101031_N0301_R022_T32UQD_20210601T161511.SAFE/GRANULE/L2A/IMG_DATA/R10m"
LC08 = "LC08_L2SP_193026_20210601_20210608_02_T1/LC08_L2SP_193026_20210601_20210608_02_T1"
LT05 = "LT05_L2SP_193026_19990601_20200908_02_T1/LT05_L2SP_193026_19990601_20200908_02_T1"
LE07 = LT05.replace("LT05", "LE07")


def band(name: str, wavelength_nm: float | None = None) -> BandSpec:
    return BandSpec(name=name, wavelength_nm=wavelength_nm)


@pytest.mark.parametrize(
    ("path", "declared"),
    [
        (f"{SAFE}/T32UQD_20210601T101031_B02_10m.jp2", band("BLUE")),
        (f"{SAFE}/T32UQD_20210601T101031_B8A_20m.jp2", band("NIR_NARROW", 865)),
        (f"{SAFE}/T32UQD_20210601T101031_B8A_20m.jp2", band("NIR", 842)),
        (f"{SAFE}/T32UQD_20210601T101031_B08_10m.jp2", band("NIR_BROAD")),
        (f"{SAFE}/T32UQD_20210601T101031_B11_20m.jp2", band("SWIR_1")),
        (f"{SAFE}/T32UQD_20210601T101031_B12_20m.jp2", band("swir22")),
        (f"{SAFE}/T32UQD_20210601T101031_B05_20m.jp2", band("RED_EDGE_1", 705)),
        (f"{SAFE}/T32UQD_20210601T101031_SCL_20m.jp2", band("BLUE")),
        (f"{LC08}_SR_B4.TIF", band("RED", 655)),
        (f"{LC08}_SR_B5.TIF", band("NIR_NARROW")),
        (f"{LC08}_ST_B10.TIF", band("THERMAL")),
        (f"{LT05}_SR_B4.TIF", band("NIR")),
        (f"{LE07}_SR_B3.TIF", band("RED", 660)),
        ("HLS.S30.T32UQD.2021152T101031.v2.0/HLS.S30.T32UQD.2021152T101031.v2.0.B8A.tif", band("NIR_NARROW")),
        ("HLS.L30.T32UQD.2021152T101031.v2.0/HLS.L30.T32UQD.2021152T101031.v2.0.B05.tif", band("NIR_NARROW")),
        # Of both sensors the same, or of one of them.
        ("scene/B04.tif", band("RED")),
        ("scene/B05.tif", band("RED_EDGE_1")),
        ("scene/B05.tif", band("NIR_NARROW")),
        # Names that say nothing, or not of which sensor.
        ("scene/B1.tif", band("RED")),
        ("scene/B04.tif", band("INFRARED")),
        ("scene/B04.tif", band("NDVI")),
        ("scene/AB04.tif", band("BLUE")),
        ("scene/B04.tif", band("B4")),
        ("B04/scene.tif", band("BLUE")),
    ],
)
def test_bands_that_files_are_named_after_pass(path: str, declared: BandSpec) -> None:
    check_designation(Path("/data") / path, declared, SPEC)


@pytest.mark.parametrize(
    ("path", "declared", "words"),
    [
        (f"{SAFE}/T32UQD_20210601T101031_B04_10m.jp2", band("BLUE"), "B4 of Sentinel-2 (665 nm); expected 'BLUE', as"),
        (
            f"{SAFE}/T32UQD_20210601T101031_B06_20m.jp2",
            band("RE", 705),
            "(740 nm); expected 'RE, 705 nm', as the",
        ),
        (f"{SAFE}/T32UQD_20210601T101031_B12_20m.jp2", band("SWIR_1"), "band B12 of Sentinel-2 (2202 nm)"),
        (f"{LC08}_SR_B4.TIF", band("NIR"), "band B4 of Landsat 8 and 9 (655 nm)"),
        (f"{LT05}_SR_B4.TIF", band("RED"), "band B4 of Landsat 4 and 5 (840 nm); expected 'RED'"),
        (f"{LE07}_SR_B2.TIF", band("BLUE"), "band B2 of Landsat 7 (561 nm)"),
        ("HLS.L30.T32UQD.2021152T101031.v2.0.B05.tif", band("RED_EDGE_1", 705), "Landsat 8 and 9 (865 nm)"),
        ("scene/B02.tif", band("RED"), "band B2 of Sentinel-2 (492 nm)"),
        ("scene/B8A.tif", band("GREEN"), "band B8A of Sentinel-2 (865 nm)"),
        ("scene/B03.tif", band("B04"), "band B3 of Sentinel-2 (560 nm)"),
    ],
)
def test_another_band_than_the_declared_one_is_refused(path: str, declared: BandSpec, words: str) -> None:
    with pytest.raises(RasterError) as error:
        check_designation(Path("/data") / path, declared, SPEC)
    assert words in str(error.value)
    assert f"/data/{path}" in str(error.value)
    check_designation(Path("/data") / path, declared, SPEC.model_copy(update={"descriptions": "ignore"}))


def test_patterns_in_another_order_than_the_bands_are_refused(
    tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    blue, green = (write_raster(tmp_path / f"{name}.tif", np.ones((8, 8), np.uint16)) for name in ("B02", "B03"))
    words: dict[str, Any] = {"dtype": "uint16", "nodata": 0}
    spec = RasterSpec.model_validate({"bands": ["BLUE", "GREEN"], **words})
    with Scene((blue, green), spec):
        pass
    with pytest.raises(RasterError, match=r"B03\.tif: found by its name band B3 of Sentinel-2 \(560 nm\); expected 'B"):
        Scene((green, blue), spec)
    with pytest.raises(RasterError, match=r"B03\.tif: found by its name band B3"):
        Scene((green,), RasterSpec.model_validate({"bands": ["RED"], **words}))


@pytest.mark.parametrize(
    ("names", "bands", "is_refused"),
    [
        ([f"{LC08}_SR_B4.TIF", f"{LT05}_SR_B4.TIF"], ["B4"], True),
        ([f"{LC08}_SR_B3.TIF", f"{LC08}_SR_B4.TIF", f"{LE07}_SR_B3.TIF", f"{LE07}_SR_B4.TIF"], ["G", "X"], True),
        (["HLS.S30.T32UQD.2021152T101031.v2.0.B05.tif", "HLS.L30.T32UQD.2021160T101031.v2.0.B05.tif"], ["B05"], True),
        ([f"{LE07}_SR_B4.TIF", f"{LT05}_SR_B4.TIF"], ["B4"], False),
        ([f"{LC08}_SR_B5.TIF", f"{LT05}_SR_B4.TIF"], ["NIR"], False),
        (["HLS.S30.T32UQD.2021152T101031.v2.0.B04.tif", "HLS.L30.T32UQD.2021160T101031.v2.0.B04.tif"], ["B04"], False),
        # Files of several bands, and names that do not say of which sensor.
        ([f"{LC08}_SR_B4.TIF", f"{LT05}_SR_B4.TIF"], ["B4", "B5", "B6"], False),
        (["one_B04.tif", f"{LT05}_SR_B4.TIF"], ["B4"], False),
    ],
)
def test_one_number_of_two_sensors_that_mean_other_bands_by_it_is_refused(
    names: list[str], bands: list[str], is_refused: bool
) -> None:
    groups = [names[start : start + len(bands)] for start in range(0, len(names), len(bands))]
    folder = RasterFolder(Path("/data"), {f"scene{index}": tuple(group) for index, group in enumerate(groups)})
    spec = RasterSpec.model_validate({"bands": bands, "dtype": "uint16", "nodata": 0})
    if not is_refused:
        folders_by_source(folder, {"optical": spec})
        return
    with pytest.raises(RasterError) as error:
        folders_by_source(folder, {"optical": spec})
    assert str(error.value).startswith(f"/data/{groups[1][0]}: found by its name band B")
    assert f"of 'scene1'; expected one meaning in all scenes: /data/{groups[0][0]} is B" in str(error.value)
    folders_by_source(folder, {"optical": spec.model_copy(update={"descriptions": "ignore"})})
