"""What a band becomes on another grid depends on that band alone, and on pixels that hold data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.data.scene_stack import SceneStack
from groundwork.errors import RasterError
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

MakeSpec = Callable[..., RasterSpec]
Write = Callable[..., Path]
WHOLE = Window(0, 0, 8, 8)
#: Pixels of 13 m whose edges lie nowhere on those of 10 m.
BESIDE = {"transform": from_origin(499_993, 5_000_004, 13, 13)}
#: What two planes of a file may be.
PLANES = {
    "bands": (("A", "B"), {}),
    "dates": (("A",), {"steps": 2, "layout": "steps_first", "validity_per_step": True}),
}


@pytest.fixture
def reference(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> Scene:
    path = write_raster(tmp_path / "reference.tif", np.full((8, 8), 7, np.int16))
    return Scene([path], make_spec("R"))


@pytest.mark.parametrize("planes", PLANES)
@pytest.mark.parametrize(("dtype", "nodata"), [("int16", -9999), ("uint16", 0), ("float32", "nan")])
@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "average", "nearest"])
def test_what_one_band_lacks_is_not_mixed_into_it_because_another_has_it(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, reference: Scene,
    resampling: str, dtype: str, nodata: float | str, planes: str,
) -> None:  # fmt: skip
    hole = np.nan if nodata == "nan" else nodata
    pixels = np.stack([np.full((9, 9), level, dtype) for level in (1000, 3000)])
    pixels[0, 4, 4] = hole
    names, steps = PLANES[planes]
    said: dict[str, Any] = {"dtype": dtype, "nodata": nodata, "resampling": resampling}
    path = write_raster(tmp_path / "both.tif", pixels, **BESIDE)
    with Scene([path], make_spec(*names, **said, **steps), reference) as scene:
        values, valid = scene.read(WHOLE)
    alone = [write_raster(tmp_path / f"{number}.tif", plane, **BESIDE) for number, plane in enumerate(pixels)]
    apart = [Scene([one], make_spec("X", **said), reference).read(WHOLE) for one in alone]
    assert np.array_equal(values.reshape(2, 8, 8), np.concatenate([plane for plane, _ in apart]), equal_nan=True)
    expected = np.stack([held for _, held in apart])
    assert np.array_equal(valid, expected if planes == "dates" else expected.all(axis=0))
    for level, plane, held in zip((1000, 3000), values.reshape(2, 8, 8), expected, strict=True):
        assert set(np.round(plane[held]).tolist()) == {level}


def test_numbers_of_8_bits_with_a_sign_keep_their_type(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, reference: Scene
) -> None:
    path = write_raster(tmp_path / "x.tif", np.full((9, 9), -100, np.int8), **BESIDE)
    for nodata in (None, -128):
        spec = make_spec("A", dtype="int8", nodata=nodata, fill_values="allow", resampling="bilinear")
        with Scene([path], spec, reference) as scene:
            values, valid = scene.read(WHOLE)
        assert values.dtype == np.int8
        assert set(values[0][valid].tolist()) == {-100}


def test_nodata_is_looked_for_as_far_as_a_kernel_reaches(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    coarse = write_raster(tmp_path / "a.tif", np.full((8, 8), 7, np.int16), transform=from_origin(5e5, 5e6, 40, 40))
    pixels, mask = np.full((32, 32), 100, np.int16), np.full((32, 32), 255, np.uint8)
    # Four pixels right of the window, where a cubic kernel of four times their size still sees it.
    pixels[8, 20], mask[31, 31] = -9999, 0
    fine = write_raster(tmp_path / "b.tif", pixels, mask=mask, transform=from_origin(5e5, 5e6, 10, 10))
    with (
        Scene([coarse], make_spec("R")) as reference,
        Scene([fine], make_spec("A", resampling="cubic"), reference) as scene,
        pytest.raises(RasterError, match=r"b.tif: found the nodata value -9999.* in pixels that the file's mask"),
    ):
        scene.read(Window(0, 0, 4, 4))


@pytest.mark.parametrize("nodata", [None, 0])
def test_ground_that_a_quality_band_does_not_cover_is_let_through_by_no_rule(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, nodata: int | None
) -> None:
    image = write_raster(tmp_path / "image.tif", np.full((8, 8), 7, np.int16))
    codes = np.full((8, 4), 4, np.uint8)
    codes[0, 0], codes[7] = 0, 3
    files = {"image": (image,), "scl": (write_raster(tmp_path / "scl.tif", codes, nodata=nodata),)}
    scl = {"dtype": "uint8", "nodata": nodata, "use": [], "resampling": "nearest"}
    inputs = {
        "image": make_spec("A", valid={"source": "scl", "band": "SCL", "not_values": [3]}),
        "scl": make_spec("SCL", **scl),
    }
    with SceneStack(files, inputs) as stack:
        valid = stack.read(WHOLE).valid["image"]
    expected = np.zeros((8, 8), np.bool_)
    expected[:7, :4] = True
    assert np.array_equal(valid, expected), "the code of nodata means what the rule says"
