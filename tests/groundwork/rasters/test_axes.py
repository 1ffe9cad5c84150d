"""Arrays whose axes are not band, y, x: read by window as the same pixels in their usual order are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pydantic import ValidationError
from rasterio.windows import Window

from arrays import write_hdf5
from groundwork.errors import RasterError
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.labels import ClassLabels
from groundwork.targets.numbers import NumberLabels

MakeSpec = Callable[..., RasterSpec]
USUAL = ("band", "y", "x")
#: Pixels of band, y, x, with one pixel that holds no data in one band.
VALUES = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
VALUES[2, 1, 3] = -9999
WINDOW = Window(1, 1, 3, 2)


def _laid(axes: Sequence[str]) -> np.ndarray:
    return np.ascontiguousarray(VALUES.transpose([USUAL.index(axis) for axis in axes]))


def _zarr(path: Path, values: np.ndarray) -> None:
    count, height, width = values.shape
    size = {"count": count, "height": height, "width": width}
    with rasterio.open(path, "w", driver="Zarr", dtype=values.dtype, **size) as store:
        store.write(values)


@pytest.mark.parametrize("axes", [*permutations(USUAL)])
@pytest.mark.parametrize("form", ["h5", "zarr"])
def test_windows_are_those_of_the_usual_order(
    tmp_path: Path, make_spec: MakeSpec, axes: tuple[str, ...], form: str
) -> None:
    if form == "h5":
        write_hdf5(tmp_path / "a.h5", "img", _laid(axes))
    else:
        _zarr(tmp_path / "a.zarr", _laid(axes))
    folder = find_rasters(tmp_path, [f"{{key}}.{form}"], variables=["img" if form == "h5" else "a"])
    with Scene(folder.paths("a"), make_spec("A", "B", "C", axes=axes, georeference="absent")) as scene:
        values, valid = scene.read(WINDOW)
        small = scene.thumbnail(2)[0]
        beyond, inside = scene.read(Window(3, 2, 4, 4))
    assert np.array_equal(values, VALUES[:, 1:3, 1:4])
    assert valid.tolist() == [[True, True, False], [True, True, True]]
    assert small.shape == (3, 2, 2)
    assert np.array_equal(beyond[:, :2, :2], VALUES[:, 2:, 3:])
    assert inside.sum() == 4


def test_bands_are_told_by_their_place_on_their_axis(tmp_path: Path, make_spec: MakeSpec) -> None:
    paths = (write_hdf5(tmp_path / "a.h5", "img", _laid(("y", "x", "band"))),)
    folder = find_rasters(tmp_path, ["{key}.h5"], variables=["img"])
    spec = make_spec("A", "B", "C", use=["C", "A"], axes=["y", "x", "band"], georeference="absent")
    with Scene(folder.paths("a"), spec) as scene:
        assert np.array_equal(scene.read(WINDOW)[0], VALUES[[2, 0], 1:3, 1:4])
    with pytest.raises(RasterError, match=r"found no array that is named; .* Name it as 'variable' of its place\."):
        Scene(paths, spec)


@pytest.mark.parametrize(
    ("bands", "axes", "message"),
    [
        ("ABC", None, r"found 4 band\(s\); expected 3, .*array is of 4 x 5 x 3: if its axes are y, x, band, set 'axes"),
        ("AB", ("y", "x", "band"), r"found 3 band\(s\); expected 2.*By 'axes: \[y, x, band\]' the array of 4 x 5 x 3"),
        ("ABC", ("band", "y", "x"), r"found 4 band\(s\); expected 3.*By 'axes: \[band, y, x\]' the array of 4 x 5 x 3"),
        ("A", ("y", "x"), r"found an array of 4 x 5 x 3; expected one of 2 axes"),
    ],
)
def test_axes_that_are_not_those_of_the_array_are_refused(
    tmp_path: Path, make_spec: MakeSpec, bands: str, axes: tuple[str, ...] | None, message: str
) -> None:
    write_hdf5(tmp_path / "a.h5", "img", _laid(("y", "x", "band")))
    paths = find_rasters(tmp_path, ["{key}.h5"], variables=["img"]).paths("a")
    with pytest.raises(RasterError, match=message):
        Scene(paths, make_spec(*bands, axes=axes, georeference="absent"))


def test_rows_of_netcdf_lie_as_those_of_hdf5(tmp_path: Path, make_spec: MakeSpec) -> None:
    write_hdf5(tmp_path / "a.h5", "img", VALUES[0]).rename(tmp_path / "a.nc")
    paths = find_rasters(tmp_path, ["{key}.nc"], variables=["img"]).paths("a")
    for axes in (["y", "x"], None):
        with Scene(paths, make_spec("A", axes=axes, georeference="absent")) as scene:
            assert np.array_equal(scene.read(WINDOW)[0], VALUES[:1, 1:3, 1:4])


def test_labels_have_axes_too(tmp_path: Path, land_target: TargetSpec) -> None:
    classes = np.arange(20, dtype=np.uint8).reshape(4, 5) % 3 + 1
    write_hdf5(tmp_path / "classes.h5", "mask", np.ascontiguousarray(classes.T), nodata=0)
    numbers = VALUES[:2].astype(np.float32)
    write_hdf5(tmp_path / "numbers.h5", "depth", np.ascontiguousarray(numbers.transpose(1, 2, 0)))
    mask = find_rasters(tmp_path / "classes.h5", [], variables=["mask"]).paths("classes")
    depth = find_rasters(tmp_path / "numbers.h5", [], variables=["depth"]).paths("numbers")
    with ClassLabels(mask[0], land_target.model_copy(update={"axes": ("x", "y")})) as labels:
        assert np.array_equal(labels.read(WINDOW), classes[1:3, 1:4] - 1)
    outputs = [{"name": name, "minimum": 0, "maximum": 100} for name in "ab"]
    target = TargetSpec.model_validate({"outputs": outputs, "axes": ["y", "x", "band"]})
    with NumberLabels(depth, target) as labels:
        assert np.array_equal(labels.read(WINDOW), numbers[:, 1:3, 1:4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": ["y", "y", "x"], "georeference": "absent"}, "names each axis of an array once"),
        ({"axes": ["rows", "x", "band"], "georeference": "absent"}, "'time', 'band', 'y' or 'x'"),
    ],
)
def test_axes_that_cannot_be_are_refused(make_spec: MakeSpec, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_spec("A", **changes)
    assert "axes" not in make_spec("A").model_dump()
