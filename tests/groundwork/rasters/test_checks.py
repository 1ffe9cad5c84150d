"""Files that are not what their spec says are refused: which file, what was found, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

MakeSpec = Callable[..., RasterSpec]
Write = Callable[..., Path]
ONES = np.ones((2, 4, 4), np.int16)


def _float(value: float) -> np.ndarray:
    pixels = np.ones((2, 4, 4), np.float32)
    pixels[1, 2, 3] = value
    return pixels


REFUSED: dict[str, tuple[np.ndarray, dict[str, Any], dict[str, Any], str]] = {
    "too few bands": (
        ONES[:1],
        {},
        {},
        r"found 1 band\(s\); expected 2, as 'sources' declares. List in 'bands' what the file holds",
    ),
    "another data type": (
        ONES.astype(np.float32),
        {},
        {},
        "found data type float32 in band 1; expected int16, .*mostly means other units: convert the file",
    ),
    "another nodata": (ONES, {"nodata": -1}, {}, "found nodata -1; expected nodata -9999.*Set 'nodata: -1'"),
    "nodata that was declared absent": (
        ONES,
        {"nodata": 0},
        {"nodata": None},
        "found nodata 0; expected nodata None, as 'sources' declares. Set 'nodata: 0'",
    ),
    "nodata nan": (
        _float(1),
        {"nodata": np.nan},
        {"nodata": -1, "dtype": "float32"},
        "found nodata nan; expected nodata -1.* Set 'nodata: nan'",
    ),
    "other band names": (
        ONES,
        {"descriptions": ["A", "NIR"]},
        {"bands": ["A", "NIR_1"]},
        r"band 2 is 'NIR' where 'NIR_1' was declared; expected \['A', 'NIR_1'\]. Correct 'bands' .*: ignore'",
    ),
    "one name twice": (ONES, {"descriptions": ["A", "A"]}, {}, "band 2 is 'A' where 'B' was declared"),
    "a scale of its own": (
        ONES,
        {"scaling": ([1.0, 0.0001], [0.0, -0.1])},
        {},
        "found scale 0.0001 and offset -0.1 in band 'B'; expected scale 1 and offset 0.*Set 'scale' and 'offset'",
    ),
    "NaN": (
        _float(np.nan),
        {},
        {"dtype": "float32", "nodata": None},
        r"found NaN or infinite values \(3.1% of a window\); expected only numbers. Set 'nodata: nan'",
    ),
    "infinity": (_float(-np.inf), {}, {"dtype": "float32", "nodata": None}, "found NaN or infinite values"),
    "fill values": (
        np.where(np.arange(32).reshape(2, 4, 4) < 8, -9999, 1).astype(np.int16),
        {},
        {"nodata": None},
        "found the value -9999 in 25.0% of a window, which looks like undeclared nodata; .*Set 'nodata: -9999', or",
    ),
    "the type's lowest value": (
        np.where(np.arange(32).reshape(2, 4, 4) < 8, -32768, 1).astype(np.int16),
        {},
        {"nodata": None},
        "found the value -32768 in 25.0%",
    ),
    "the lowest value of a small type": (
        np.where(np.arange(32).reshape(2, 4, 4) < 8, -128, 1).astype(np.int8),
        {},
        {"nodata": None, "dtype": "int8"},
        "found the value -128 in 25.0%",
    ),
}


@pytest.mark.parametrize(("pixels", "file", "spec", "message"), REFUSED.values(), ids=REFUSED)
def test_files_that_contradict_their_spec_are_refused(
    tmp_path: Path,
    write_raster: Write,
    make_spec: MakeSpec,
    pixels: np.ndarray,
    file: Mapping[str, Any],
    spec: Mapping[str, Any],
    message: str,
) -> None:
    path = write_raster(tmp_path / "odd.tif", pixels, **file)
    with pytest.raises(RasterError, match=rf"{path}: .*{message}") as caught, Scene([path], make_spec(**spec)) as scene:
        scene.read(Window(0, 0, 4, 4))
    assert caught.value.path == path


ACCEPTED: dict[str, tuple[np.ndarray, dict[str, Any], dict[str, Any]]] = {
    "no descriptions": (ONES, {}, {}),
    "some descriptions that agree": (ONES, {"descriptions": ["a", ""]}, {}),
    "descriptions that are no names": (ONES, {"descriptions": ["x", "y"]}, {"descriptions": "ignore"}),
    "nodata only in the spec": (ONES, {}, {"nodata": -9999}),
    "the declared scale": (
        ONES,
        {"scaling": ([0.0001, 0.0001], [0.0, 0.0])},
        {"bands": [{"name": "A", "scale": 0.0001}, {"name": "B", "scale": 0.0001}]},
    ),
    "fill values that are measurements": (ONES * -9999, {}, {"nodata": None, "fill_values": "allow"}),
    "0 where nothing is nodata": (ONES * 0, {}, {"nodata": None}),
    "0 in unsigned files": (ONES.astype(np.uint16) * 0, {}, {"nodata": None, "dtype": "uint16"}),
    "negative values": (ONES * -100, {}, {"nodata": None}),
}


@pytest.mark.parametrize(("pixels", "file", "spec"), ACCEPTED.values(), ids=ACCEPTED)
def test_files_that_agree_with_their_spec_are_read(
    tmp_path: Path,
    write_raster: Write,
    make_spec: MakeSpec,
    pixels: np.ndarray,
    file: Mapping[str, Any],
    spec: Mapping[str, Any],
) -> None:
    path = write_raster(tmp_path / "even.tif", pixels, **file)
    with Scene([path], make_spec(**spec)) as scene:
        values, valid = scene.read(Window(0, 0, 4, 4))
    assert np.array_equal(values, pixels)
    assert valid.all()


def test_the_scale_of_each_file_of_a_raster_is_checked(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    first = write_raster(tmp_path / "a.tif", ONES[0])
    second = write_raster(tmp_path / "b.tif", ONES[1], scaling=([0.1], [5.0]))
    with pytest.raises(RasterError, match=r"b.tif: found scale 0.1 and offset 5 in band 'B'"):
        Scene([first, second], make_spec())


def test_a_near_miss_among_descriptions_is_shown(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    path = write_raster(tmp_path / "x.tif", ONES[:1], descriptions=["SWIR1"])
    with pytest.raises(RasterError, match=r"Did you mean 'SWIR_1'\?"):
        Scene([path], make_spec("SWIR_1"))


# --- broken files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "found an empty file; expected a raster"),
        (b"<!DOCTYPE html><h1>404</h1>", "found 27 bytes that begin with b'<!DOCTYPE ht'; expected a raster"),
        (bytes(range(200, 256)), "found 56 bytes that begin with"),
    ],
    ids=["empty", "html", "bytes"],
)
def test_files_that_are_no_rasters_are_refused(tmp_path: Path, make_spec: MakeSpec, content: bytes, found: str) -> None:
    path = tmp_path / "page.tif"
    path.write_bytes(content)
    with pytest.raises(RasterError, match=rf"{path}: {found}.*Fetch the file again, or remove it"):
        Scene([path], make_spec())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match=r"gone.tif: found no such file; expected a raster"):
        open_dataset(tmp_path / "gone.tif")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, write_raster: Write, make_spec: MakeSpec, share: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 9999, (2, 100, 100)).astype(np.int16)
    path = write_raster(tmp_path / "cut.tif", pixels, compress="deflate")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    message = "cut.tif: found .*(bytes that begin with|pixels that cannot be decoded in rows 0.100, columns 0.100)"
    with pytest.raises(RasterError, match=message), Scene([path], make_spec()) as scene:
        scene.read(Window(0, 0, 100, 100))


def test_a_scene_that_cannot_be_opened_closes_its_files(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    good = write_raster(tmp_path / "a.tif", ONES[0])
    bad = write_raster(tmp_path / "b.tif", ONES[1].astype(np.uint8))
    with pytest.raises(RasterError, match=r"b.tif: found data type uint8"):
        Scene([good, bad], make_spec())
    descriptors = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert good not in descriptors


@pytest.mark.parametrize(("scale", "offset"), [(0.123456789, 0.0), (1.0, 1234567.8), (5e-9, 0.0)])
def test_scales_are_printed_so_that_they_can_be_pasted(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, scale: float, offset: float
) -> None:
    path = write_raster(tmp_path / "s.tif", ONES[:1])
    with rasterio.open(path, "r+") as raster:
        raster.scales, raster.offsets = [scale], [offset]
    with pytest.raises(RasterError) as caught:
        Scene([path], make_spec({"name": "A", "scale": 1e-9}))
    words = str(caught.value).partition("found scale ")[2].split(" in band")[0]
    found_scale, found_offset = (float(text) for text in words.split(" and offset "))
    Scene([path], make_spec({"name": "A", "scale": found_scale, "offset": found_offset})).close()
