"""Labels become class indexes; what no class declares, and what lies elsewhere, is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.rpc import RPC
from rasterio.shutil import copy as copy_raster
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.labels import IGNORE, ClassLabels
from groundwork.targets.numbers import NumberLabels

Write = Callable[..., Path]
VALUES = np.array([[0, 1, 2, 3], [3, 3, 1, 0]], np.uint8)
WHOLE = Window(0, 0, 4, 2)


def _target(*values: int, ignore: int | list[int] | None = None, **changes: bool) -> TargetSpec:
    classes = [{"value": value, "name": f"c{value}", "color": "#000000"} for value in values]
    return TargetSpec.model_validate({"classes": classes, "ignore_value": ignore} | changes)


def _read(path: Path, target: TargetSpec, window: Window = WHOLE) -> np.ndarray:
    with ClassLabels(path, target) as label:
        return label.read(window)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "int64", "float32"])
def test_values_become_indexes_in_the_order_of_the_classes(tmp_path: Path, write_raster: Write, dtype: str) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES.astype(dtype))
    expected = np.array([[-1, 2, 1, 0], [0, 0, 2, -1]])
    assert np.array_equal(_read(path, _target(3, 2, 1, ignore=0)), expected)
    assert IGNORE == -1


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_several_values_mean_one_class(tmp_path: Path, write_raster: Write, dtype: str) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES.astype(dtype))
    words = [{"values": [3, 1], "name": "forest"}, {"value": 9, "values": [2], "name": "water"}]
    target = TargetSpec.model_validate(
        {"classes": [entry | {"color": "#000000"} for entry in words], "ignore_value": 0}
    )
    assert np.array_equal(_read(path, target), np.array([[-1, 0, 1, 0], [0, 0, 0, -1]]))
    with pytest.raises(RasterError, match=r"nodata 1, which is the value of class 'forest'"):
        _read(write_raster(tmp_path / "n.tif", VALUES.astype(dtype), nodata=1), target)
    with pytest.raises(RasterError, match=r"found class value\(s\) \[6.*9.*\{3: 'forest', 1: 'forest', 2: 'water'\}"):
        # What predictions hold is no label value, where label values are given.
        _read(write_raster(tmp_path / "o.tif", (VALUES * 3).astype(dtype)), target)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32"])
def test_negative_values_may_be_classes(tmp_path: Path, write_raster: Write, dtype: str) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES.astype(dtype) - np.array(2, dtype))
    assert np.array_equal(_read(path, _target(-2, 1, 0, ignore=-1)), np.array([[0, -1, 2, 1], [1, 1, -1, 0]]))
    with pytest.raises(RasterError, match=r"found class value\(s\) \[-2"):
        _read(path, _target(-1, 1, 0))


@pytest.mark.parametrize(("dtype", "ignored"), [("uint8", 255), ("uint16", 65535)])
def test_values_that_are_their_own_indexes_stay_what_they_are(
    tmp_path: Path, write_raster: Write, dtype: str, ignored: int
) -> None:
    target, values = _target(0, 1, 2, 3, ignore=ignored), VALUES.astype(dtype)
    assert np.array_equal(_read(write_raster(tmp_path / "l.tif", values), target), VALUES)
    values[0, 0] = ignored
    read = _read(write_raster(tmp_path / "i.tif", values), target)
    assert read[0, 0] == IGNORE
    assert np.array_equal(read.ravel()[1:], VALUES.ravel()[1:])
    with pytest.raises(RasterError, match=r"found class value\(s\) \[3\]"):
        _read(write_raster(tmp_path / "u.tif", VALUES.astype(dtype)), _target(0, 1, 2, ignore=ignored))


def test_negative_values_may_be_ignored(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES.astype(np.int16) - 1)
    assert np.array_equal(_read(path, _target(0, 1, 2, ignore=-1)), VALUES.astype(int) - 1)


@pytest.mark.parametrize("kind", ["internal mask", "alpha"])
def test_what_a_label_masks_is_not_known(tmp_path: Path, write_raster: Write, kind: str) -> None:
    mask = np.array([[255, 255, 0, 0], [255, 0, 255, 255]], np.uint8)
    if kind == "alpha":
        path = write_raster(tmp_path / "l.tif", np.stack([VALUES, mask]))
        with rasterio.open(path, "r+") as raster:
            raster.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
    else:
        path = write_raster(tmp_path / "l.tif", VALUES, mask=mask)
    with rasterio.open(path) as raster:
        assert np.array_equal(raster.dataset_mask(), mask)
    found = _read(path, _target(0, 1, 2, 3))
    assert np.array_equal(found, np.where(mask > 0, VALUES.astype(int), IGNORE))


def test_values_beneath_a_mask_need_not_be_classes(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES, mask=np.where(VALUES == 3, 0, 255).astype(np.uint8))
    assert np.array_equal(_read(path, _target(0, 1, 2)), np.where(VALUES == 3, IGNORE, VALUES.astype(int)))


def test_the_files_own_nodata_several_ignore_values_and_nan_are_not_known(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "a.tif", VALUES, nodata=3)
    assert np.array_equal(_read(path, _target(1, 2, ignore=0)), np.array([[-1, 0, 1, -1], [-1, -1, 0, -1]]))
    path = write_raster(tmp_path / "b.tif", VALUES)
    assert np.array_equal(_read(path, _target(1, 2, ignore=[0, 3])), np.array([[-1, 0, 1, -1], [-1, -1, 0, -1]]))
    for nodata in (None, float("nan")):
        values = np.where(VALUES == 3, np.nan, VALUES).astype(np.float32)
        path = write_raster(tmp_path / "c.tif", values, nodata=nodata)
        assert np.array_equal(_read(path, _target(0, 1, 2)), np.where(VALUES == 3, IGNORE, VALUES.astype(int)))


def test_beyond_the_edge_no_class_is_known(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES)
    found = _read(path, _target(0, 1, 2, 3), Window(-1, 1, 7, 3))
    expected = np.full((3, 7), IGNORE)
    expected[0, 1:5] = VALUES[1]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("values", "listed"),
    [
        (np.array([[1, 2], [7, 9]], np.uint8), r"\[7, 9\] in 50.00% of a window"),
        (np.array([[1, 2], [1, -5]], np.int16), r"\[-5\] in 25.00%"),
        (np.array([[1, 2], [1, 1.5]], np.float32), r"\[1.5\] in 25.00%"),
        (np.array([[1, 2], [1, 1.0000001]], np.float32), r"\[1.00000011920928\d+\] in 25.00%"),
    ],
)
def test_values_outside_the_classes_are_listed(
    tmp_path: Path, write_raster: Write, values: np.ndarray, listed: str
) -> None:
    path = write_raster(tmp_path / "odd.tif", values)
    message = rf"odd.tif: found class value\(s\) {listed}"
    with pytest.raises(RasterError, match=message) as caught:
        _read(path, _target(1, 2, ignore=0), Window(0, 0, 2, 2))
    assert "expected the declared ones {1: 'c1', 2: 'c2'} or ignore_value 0" in str(caught.value)
    assert "Declare the class, or add the value to 'ignore_value', which may be a list." in str(caught.value)


def test_a_label_of_several_bands_is_refused(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "rgb.tif", np.ones((3, 2, 2), np.uint8))
    with pytest.raises(RasterError, match=r"rgb.tif: found 3 bands; expected one band of class values. Keep that one."):
        ClassLabels(path, _target(0, 1))


def test_a_class_that_the_file_calls_nodata_must_be_declared(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES, nodata=0)
    message = r"l.tif: found nodata 0, which is the value of class 'c0'; .*Set 'nodata_is_class: true'"
    with pytest.raises(RasterError, match=message):
        ClassLabels(path, _target(0, 1, 2, 3))
    assert np.array_equal(_read(path, _target(0, 1, 2, 3, nodata_is_class=True)), VALUES)
    assert (_read(path, _target(1, 2, 3, ignore=0)) == IGNORE).sum() == 2


def test_truncated_labels_are_refused(tmp_path: Path, write_raster: Write) -> None:
    values = np.random.default_rng(0).integers(0, 2, (300, 300)).astype(np.uint8)
    path = write_raster(tmp_path / "cut.tif", values, compress="deflate")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(RasterError, match=r"cut.tif: found (pixels that cannot be decoded|.*bytes that begin)"):
        _read(path, _target(0, 1), Window(0, 0, 300, 300))


# --- the grid of the image ------------------------------------------------------------------------------------------

IMAGE = Grid(CRS.from_epsg(32632), from_origin(500_000, 5_000_000, 10, 10), width=4, height=2)


def test_a_label_on_the_grid_of_its_image_is_accepted(tmp_path: Path, write_raster: Write) -> None:
    with ClassLabels(write_raster(tmp_path / "l.tif", VALUES), _target(0, 1, 2, 3)) as label:
        label.check_grid(IMAGE)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ({"crs": "EPSG:32633"}, "CRS EPSG:32633 instead of EPSG:32632"),
        ({"transform": from_origin(500_000, 5_000_010, 10, 10)}, "geotransform .* instead of"),
        ({"transform": from_origin(500_000, 5_000_000, 20, 20)}, "geotransform .* instead of"),
        ({"crs": None, "transform": from_origin(500_000, 5_000_010, 10, 10)}, "geotransform .* instead of"),
    ],
)
def test_a_label_elsewhere_is_refused(
    tmp_path: Path, write_raster: Write, place: dict[str, object], found: str
) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES, **place)
    message = rf"l.tif: found {found}.*; expected the grid of its image. Bring the label to the image's grid first"
    with ClassLabels(path, _target(0, 1, 2, 3)) as label, pytest.raises(RasterError, match=message):
        label.check_grid(IMAGE)


@pytest.mark.parametrize("transform", [None, from_origin(500_000, 5_000_000, 10, 10)])
def test_a_label_without_a_crs_is_taken_to_be_in_that_of_its_image(
    tmp_path: Path, write_raster: Write, transform: Affine | None
) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES, crs=None, transform=transform)
    with ClassLabels(path, _target(0, 1, 2, 3)) as label:
        label.check_grid(IMAGE)


def test_without_any_crs_the_geotransforms_are_compared(tmp_path: Path, write_raster: Write) -> None:
    image = Grid(None, from_origin(0, 0, 1, 1), width=4, height=2)
    path = write_raster(tmp_path / "l.tif", VALUES, crs=None, transform=from_origin(50, 0, 1, 1))
    with ClassLabels(path, _target(0, 1, 2, 3)) as label, pytest.raises(RasterError, match=r"geotransform .* instead"):
        label.check_grid(image)


@pytest.mark.parametrize("kind", ["gcps", "rpcs"])
def test_a_label_that_is_placed_by_points_alone_is_refused_where_its_image_is_placed(
    tmp_path: Path, write_raster: Write, kind: str
) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES, crs=None, transform=None)
    points = [GroundControlPoint(row, col, 900_000 + col, -row) for row, col in ((0, 0), (0, 4), (2, 0), (2, 4))]
    line = [0.0, 1.0, *[0.0] * 18]
    with rasterio.open(path, "r+") as raster:
        if kind == "gcps":
            raster.gcps = points, IMAGE.crs
        else:
            one = [1.0, *[0.0] * 19]
            raster.rpcs = RPC(0, 1, 46, 1, line, one, 1, 1, 11, 1, line, one, 1, 1, 0, 0)
    with ClassLabels(path, _target(0, 1, 2, 3)) as label:
        with pytest.raises(RasterError, match=r"l.tif: found a place by ground control points or RPCs alone; expected"):
            label.check_grid(IMAGE)
        label.check_grid(Grid(None, Affine.identity(), 4, 2))


@pytest.mark.parametrize(
    ("name", "options", "found"),
    [
        ("l.jpg", {"driver": "JPEG"}, "JPEG"),
        ("l.tif", {"compress": "JPEG"}, "JPEG"),
        ("l.jp2", {"driver": "JP2OpenJPEG"}, "lossy"),
        ("l.png", {"driver": "PNG"}, ""),
        ("x.jp2", {"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": "100"}, ""),
    ],
)
def test_compression_that_changes_values_is_refused(
    tmp_path: Path, write_raster: Write, name: str, options: dict[str, str], found: str
) -> None:
    values = np.kron(VALUES, np.ones((32, 32), np.uint8))
    copy_raster(write_raster(tmp_path / "plain.tif", values), tmp_path / name, **options)
    if found:
        with pytest.raises(RasterError, match=rf"{name}: found {found} compression, which changes values; expected"):
            ClassLabels(tmp_path / name, _target(0, 1, 2, 3))
    else:
        with ClassLabels(tmp_path / name, _target(0, 1, 2, 3)) as label:
            assert np.array_equal(label.read(Window(0, 0, 128, 64)), values)


def test_complex_numbers_are_refused(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES + np.complex64(2j))
    with pytest.raises(RasterError, match=r"l.tif: found data type complex64; expected real numbers. Convert it to"):
        ClassLabels(path, _target(0, 1, 2, 3))
    with pytest.raises(RasterError, match=r"l.tif: found data type complex64; expected real numbers. Convert it to"):
        NumberLabels([path], TargetSpec.model_validate({"outputs": [{"name": "phase"}]}))


def test_a_label_of_another_size_is_refused(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "l.tif", VALUES[:, :3])
    message = r"l.tif: found size 3 x 2 instead of 4 x 2 pixels"
    with ClassLabels(path, _target(0, 1, 2, 3)) as label, pytest.raises(RasterError, match=message):
        label.check_grid(IMAGE)


def test_a_picture_needs_only_the_size_where_the_image_has_no_crs_either(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "l.png", VALUES, crs=None, driver="PNG")
    with ClassLabels(path, _target(0, 1, 2, 3)) as label:
        label.check_grid(Grid(None, Affine.identity(), 4, 2))
        label.check_grid(Grid(None, from_origin(5, 5, 1, 1), 4, 2))
        with pytest.raises(RasterError, match=r"l.png: found size 4 x 2 instead of 5 x 2 pixels"):
            label.check_grid(Grid(None, Affine.identity(), 5, 2))
        assert np.array_equal(label.read(WHOLE), VALUES)
