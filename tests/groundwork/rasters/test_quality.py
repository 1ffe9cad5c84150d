"""Quality bands say which pixels hold data: SCL, Fmask, QA_PIXEL, in the file or beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]
WHOLE = Window(0, 0, 6, 4)
CODES = np.array([[0, 3, 4, 4, 5, 6], [8, 9, 4, 5, 4, 4], [4, 4, 4, 4, 4, 4], [11, 4, 10, 4, 4, 2]], np.int16)


def _file(tmp_path: Path, write_raster: Write, codes: np.ndarray = CODES) -> Path:
    bands = np.arange(48, dtype=np.int16).reshape(2, 4, 6) + 1
    return write_raster(tmp_path / "x.tif", np.concatenate([bands, codes[None]]))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"values": [4, 5, 6]}, np.isin(CODES, [4, 5, 6])),
        ({"not_values": [0, 3, 8, 9, 10]}, ~np.isin(CODES, [0, 3, 8, 9, 10])),
        ({"clear_bits": [0, 3]}, (CODES & 0b1001) == 0),
    ],
)
def test_a_band_of_the_file_says_what_holds_data(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, rule: dict[str, Any], expected: np.ndarray
) -> None:
    spec = make_spec("A", "B", "SCL", nodata=None, valid={"band": "SCL", **rule})
    assert [band.name for band in spec.used] == ["A", "B"], "it is no input of the model"
    with Scene([_file(tmp_path, write_raster)], spec) as scene:
        values, valid = scene.read(WHOLE)
        _, beyond = scene.read(Window(4, 2, 6, 4))
        small, shown = scene.thumbnail(100)
    assert values.shape == (2, 4, 6)
    assert np.array_equal(valid, expected)
    assert np.array_equal(shown, expected)
    assert np.array_equal(small, values)
    assert np.array_equal(beyond[:2, :2], expected[2:, 4:])
    assert not beyond[2:].any()


def test_several_rules_and_nodata_go_together(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    rules = [{"band": "SCL", "values": [4, 5]}, {"band": "SCL", "clear_bits": [0]}]
    spec = make_spec("A", "B", "SCL", nodata=9, valid=rules, use=["B", "SCL"])
    assert [band.name for band in spec.used] == ["B", "SCL"], "where 'use' names it, it is one"
    with Scene([_file(tmp_path, write_raster)], spec) as scene:
        values, valid = scene.read(WHOLE)
    assert np.array_equal(values[1], CODES)
    # Nodata 9 is a code of the band too, which is read here.
    assert np.array_equal(valid, (CODES == 4) & (values != 9).all(axis=0))


def test_a_file_of_its_own_type_and_pixel_size_is_never_mixed(tmp_path: Path, write_raster: Write) -> None:
    """As in a folder of Sentinel-2: bands of 10 m and 16 bits, SCL of 20 m and 8 bits."""
    transform = from_origin(500_000, 5_000_000, 10, 10)
    coarse = from_origin(500_000, 5_000_000, 20, 20)
    codes = np.array([[4, 9, 4], [3, 4, 4]], np.uint8)
    for name in ("B02", "B03"):
        write_raster(tmp_path / f"{name}.tif", np.full((4, 6), 500, np.uint16), transform=transform)
    write_raster(tmp_path / "SCL.tif", codes, transform=coarse)
    bands = ["B02", "B03", {"name": "SCL", "dtype": "uint8"}]
    spec = RasterSpec.model_validate(
        {
            "bands": bands,
            "dtype": "uint16",
            "nodata": 0,
            "resampling": "bilinear",
            "valid": {"band": "SCL", "values": [4]},
        }
    )
    paths = [tmp_path / f"{name}.tif" for name in ("B02", "B03", "SCL")]
    with Scene(paths, spec) as scene:
        values, valid = scene.read(WHOLE)
    assert values.shape == (2, 4, 6)
    assert np.array_equal(valid, (codes == 4).repeat(2, axis=0).repeat(2, axis=1))
    wrong = spec.model_copy(update={"bands": (*spec.bands[:2], spec.bands[2].model_copy(update={"dtype": None}))})
    with pytest.raises(RasterError, match=r"SCL.tif: found data type uint8 in band 1; expected uint16"):
        Scene(paths, wrong)


def test_every_date_must_let_a_pixel_through(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    first, second = np.full((4, 6), 4, np.int16), np.full((4, 6), 4, np.int16)
    first[0], second[:, 0] = 9, 9
    ones = np.ones((4, 6), np.int16)
    path = write_raster(tmp_path / "x.tif", np.stack([ones, first, 2 * ones, second]))
    spec = make_spec("A", "SCL", nodata=None, steps=2, layout="steps_first", valid={"band": "SCL", "not_values": [9]})
    with Scene([path], spec) as scene:
        values, valid = scene.read(WHOLE)
    assert values[0, :, 0, 0].tolist() == [1, 2]
    expected = np.ones((4, 6), bool)
    expected[0], expected[:, 0] = False, False
    assert np.array_equal(valid, expected)


@pytest.mark.parametrize(("needed", "count"), [("all", 1), ("any", 3)])
def test_a_pixel_holds_data_where_all_bands_do_or_any(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, needed: str, count: int
) -> None:
    pixels = np.array([[[0, 0, 5, 7]], [[0, 3, 0, 7]]], np.uint16)
    path = write_raster(tmp_path / "x.tif", pixels)
    with Scene([path], make_spec(dtype="uint16", nodata=0, validity=needed)) as scene:
        values, valid = scene.read(Window(0, 0, 4, 1))
    assert valid.sum() == count
    assert valid[0, 3]
    assert not valid[0, 0]
    assert np.array_equal(values, pixels), "dark bands keep their 0"


@pytest.mark.parametrize("layout", ["steps_first", "bands_first"])
def test_any_band_is_enough_at_each_date_and_not_at_one_of_them(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, layout: str
) -> None:
    # (steps, bands, 1, width): at the second date, the second pixel has no band and the third has one.
    pixels = np.array([[[[1, 2, 3]], [[4, 5, 6]]], [[[7, 0, 9]], [[1, 0, 0]]]], np.uint16)
    stacked = pixels if layout == "steps_first" else pixels.swapaxes(0, 1)
    path = write_raster(tmp_path / "x.tif", stacked.reshape(4, 1, 3))
    spec = make_spec(dtype="uint16", nodata=0, validity="any", steps=2, layout=layout)
    with Scene([path], spec) as scene:
        values, valid = scene.read(Window(0, 0, 3, 1))
    assert valid.tolist() == [[True, False, True]]
    assert np.array_equal(values, pixels.swapaxes(0, 1))


def test_no_number_is_never_enough(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    pixels = np.array([[[np.nan, 1, np.inf]], [[2, 3, 4]]], np.float32)
    path = write_raster(tmp_path / "x.tif", pixels)
    with Scene([path], make_spec(dtype="float32", nodata="nan", validity="any")) as scene:
        assert scene.read(Window(0, 0, 3, 1))[1].tolist() == [[False, True, False]]


REFUSED = {
    "no such band": (
        {"band": "SLC", "values": [4]},
        r"'valid' names band 'SLC', which 'bands' lacks. Did you",
    ),
    "nothing stated": ({"band": "SCL"}, r"rule for band 'SCL' states nothing; state one of 'values'"),
    "two things stated": ({"band": "SCL", "values": [1], "clear_bits": [1]}, r"states \['values', 'clear_bits'\]"),
    "a bit that is not there": ({"band": "SCL", "clear_bits": [32]}, r"less than or equal to 31"),
}


@pytest.mark.parametrize(("rule", "message"), REFUSED.values(), ids=REFUSED)
def test_rules_that_mean_nothing_are_refused(make_spec: MakeSpec, rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_spec("A", "SCL", valid=rule)


def test_bands_that_are_read_are_of_one_type(make_spec: MakeSpec) -> None:
    with pytest.raises(ValueError, match=r"band 'A' is read, and so has the data type of the source, int16; found"):
        RasterSpec.model_validate({"bands": [{"name": "A", "dtype": "uint8"}], "dtype": "int16", "nodata": None})
    with pytest.raises(ValueError, match=r"all bands are quality bands, and none is left"):
        make_spec("SCL", valid={"band": "SCL", "values": [4]})
