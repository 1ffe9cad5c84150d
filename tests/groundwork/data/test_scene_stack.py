"""Several sources of a scene: read on the grid of the reference, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import reproject
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from groundwork.data.pairing import FOR_PREDICTING, require_sources
from groundwork.data.scene_stack import SceneStack, folders_by_source
from groundwork.errors import PairingError, RasterError
from groundwork.rasters.folder import RasterFolder
from groundwork.specs import RasterSpec

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]
PLACE = from_origin(500_000, 5_000_000, 10, 10)
#: CRS and transform of a second source around the ground of the reference (40 x 48 pixels of 10 m).
GRIDS: dict[str, tuple[str, Affine]] = {
    "finer": ("EPSG:32632", from_origin(499_950, 5_000_050, 5, 5)),
    "coarser": ("EPSG:32632", from_origin(499_900, 5_000_100, 20, 20)),
    "shifted": ("EPSG:32632", from_origin(499_903, 5_000_104, 10, 10)),
    "rotated": ("EPSG:32632", from_origin(499_700, 5_000_100, 10, 10) @ Affine.rotation(7)),
    "another zone": ("EPSG:32633", None),
    "degrees": ("EPSG:4326", None),
}


def _place(name: str) -> tuple[str, Affine]:
    crs, transform = GRIDS[name]
    if transform is None:
        x, y = transform_points(CRS.from_epsg(32632), CRS.from_string(crs), [499_800], [5_000_200])
        step = 15 if crs != "EPSG:4326" else 15 / 111_000
        transform = from_origin(x[0], y[0], step, step)
    return crs, transform


@pytest.fixture
def stacked(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> Callable[..., SceneStack]:
    """Open a reference with a second source."""

    def make(second: np.ndarray, crs: str, transform: Affine, spec: RasterSpec, **more: Any) -> SceneStack:
        first = np.ones((2, 40, 48), np.int16)
        write_raster(tmp_path / "first.tif", first, transform=PLACE)
        write_raster(tmp_path / "second.tif", second, crs=crs, transform=transform, **more)
        inputs = {"z_first": make_spec(reference=True), "a_second": spec}
        return SceneStack({name: (tmp_path / f"{name[2:]}.tif",) for name in inputs}, inputs)

    return make


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "average"])
@pytest.mark.parametrize("nodata", [-9999, None])
@pytest.mark.parametrize("grid", GRIDS)
def test_reading_through_another_grid_equals_reproject(
    stacked: Callable[..., SceneStack], make_spec: MakeSpec, grid: str, nodata: int | None, resampling: Any
) -> None:
    crs, transform = _place(grid)
    rows, columns = np.mgrid[:70, :80]
    values = (500 + 400 * np.sin(rows / 9) * np.cos(columns / 7))[None].astype(np.float32)
    if nodata is not None:
        values[0, 20:30, 15:40] = nodata
    spec = make_spec("VV", dtype="float32", nodata=nodata, resampling=resampling)
    expected, covered = np.full((40, 48), np.nan, np.float32), np.zeros((40, 48), np.uint8)
    where = {"src_transform": transform, "src_crs": crs, "dst_transform": PLACE, "dst_crs": "EPSG:32632"}
    # How much is reduced; GDAL would estimate it from the part that it works on.
    scale = "0.5" if grid == "finer" else "1"
    exact = {"XSCALE": scale, "YSCALE": scale, "tolerance": 1e-9, "resampling": Resampling[resampling]}
    reproject(values[0], expected, src_nodata=nodata, dst_nodata=np.nan, **exact, **where)
    if nodata is None:
        reproject(np.ones((70, 80), np.uint8), covered, resampling=Resampling.nearest, **where)
        expected[covered == 0] = np.nan
    with stacked(values, crs, transform, spec, nodata=nodata) as stack:
        patch = stack.read(Window(0, 0, 48, 40))
    with stacked(values, crs, transform, spec, nodata=nodata) as again:
        part = again.read(Window(16, 8, 24, 20))
    valid, found = patch.valid["a_second"], patch.values["a_second"][0]
    known = ~np.isnan(expected)
    assert known.any()
    assert (valid != known).mean() < 0.02, "edges may differ by a pixel"
    both = valid & known
    np.testing.assert_allclose(found[both], expected[both], atol=0.1)
    assert list(patch.values) == ["a_second", "z_first"], "in the order of the names"
    assert np.array_equal(part.values["a_second"][0], found[8:28, 16:40])
    assert patch.valid["z_first"].all()


def test_what_a_source_does_not_cover_is_not_valid(stacked: Callable[..., SceneStack], make_spec: MakeSpec) -> None:
    """Its nodata says so, or where it has none an alpha band that GDAL makes."""
    for nodata, dtype in ((None, np.uint8), (0, np.uint8), (-9999, np.int16)):
        values = np.full((1, 20, 20), 7, dtype)
        spec = make_spec("DEM", dtype=np.dtype(dtype).name, nodata=nodata, resampling="nearest")
        with stacked(values, "EPSG:32632", from_origin(500_100, 4_999_950, 10, 10), spec, nodata=nodata) as stack:
            patch = stack.read(Window(0, 0, 48, 40))
            beyond = stack.read(Window(40, 30, 16, 16))
        expected = np.zeros((40, 48), bool)
        expected[5:25, 10:30] = True
        assert np.array_equal(patch.valid["a_second"], expected)
        assert (patch.values["a_second"][0][expected] == 7).all()
        assert not beyond.valid["z_first"][10:].any()
        assert not beyond.valid["z_first"][:, 8:].any()


def test_the_same_grid_needs_no_resampling_and_gives_the_files_values(
    stacked: Callable[..., SceneStack], make_spec: MakeSpec
) -> None:
    values = np.arange(40 * 48, dtype=np.float32).reshape(1, 40, 48)
    with stacked(values, "EPSG:32632", PLACE, make_spec("VV", dtype="float32", nodata=None)) as stack:
        assert np.array_equal(stack.read(Window(0, 0, 48, 40)).values["a_second"], values)


REFUSED: dict[str, tuple[str, Affine | None, dict[str, Any], str]] = {
    "another grid": ("EPSG:32632", GRIDS["coarser"][1], {}, r"second.tif.*the grid of first.tif. Set 'resampling'"),
    "other ground": (
        "EPSG:32632",
        from_origin(700_000, 5_000_000, 10, 10),
        {"resampling": "nearest"},
        r"second.tif: found bounds .*, of which nothing lies in .*the ground that first.tif covers. Correct the pat",
    ),
    "no CRS": (
        None,
        None,
        {"resampling": "nearest", "georeference": "absent"},
        r"Georeference both, or crop them alike",
    ),
}


@pytest.mark.parametrize(("crs", "transform", "changes", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_source_that_cannot_be_brought_to_the_grid_is_refused(
    stacked: Callable[..., SceneStack],
    make_spec: MakeSpec,
    crs: str | None,
    transform: Affine | None,
    changes: dict[str, Any],
    message: str,
) -> None:
    values = np.ones((1, 30, 30), np.float32)
    with pytest.raises(RasterError, match=message):
        stacked(values, crs, transform, make_spec("VV", dtype="float32", nodata=None, **changes))


def test_a_missing_source_holds_data_nowhere(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    write_raster(tmp_path / "x.tif", np.ones((2, 8, 9), np.int16))
    radar = make_spec("VV", "VH", dtype="float32", nodata="nan", steps=3, layout="steps_first", optional=True)
    with SceneStack({"s2": (tmp_path / "x.tif",)}, {"s2": make_spec(reference=True), "s1": radar}) as stack:
        patch = stack.read(Window(0, 0, 9, 8))
        assert stack.missing == ["s1"]
    assert patch.values["s1"].shape == (2, 3, 8, 9)
    assert patch.values["s1"].dtype == np.float32
    assert not patch.valid["s1"].any()
    assert patch.known.all()


def _folder(*keys: str) -> RasterFolder:
    return RasterFolder(Path("/data"), {key: (f"{key}.tif",) for key in keys})


def test_scenes_are_those_of_the_reference(make_spec: MakeSpec) -> None:
    inputs = {"s2": make_spec(reference=True), "s1": make_spec(optional=True), "dem": make_spec()}
    folders = folders_by_source({"s2": _folder("a", "b"), "dem": _folder("b", "a"), "s1": _folder("b")}, inputs)
    assert list(folders) == ["dem", "s1", "s2"]
    assert require_sources(folders, inputs) == ["a", "b"]
    lacking = {**folders, "dem": _folder("b")}
    with pytest.raises(PairingError, match=r"source 'dem' \(/data\) has no raster for 'a'.*'optional: true'"):
        require_sources(lacking, inputs)
    # Whoever has a trained model can state nothing of that.
    with pytest.raises(PairingError, match=r"Which sources scenes may lack was settled when the model was trained"):
        require_sources(lacking, inputs, FOR_PREDICTING)
    beyond = {**folders, "s1": _folder("b", "c")}
    with pytest.raises(PairingError, match=r"source 's1' \(/data\) has 'c', which 's2' lacks"):
        require_sources(beyond, inputs)
    with pytest.raises(PairingError, match=r"unknown \['dme'\], missing \['dem'\]. Leave out .* Did you mean 'dem'"):
        folders_by_source({"s2": _folder("a"), "s1": _folder("a"), "dme": _folder("a")}, inputs)
    with pytest.raises(PairingError, match="found the rasters of one source, and"):
        folders_by_source(_folder("a"), inputs)
    only = {"s2": make_spec()}
    assert list(folders_by_source(_folder("a"), only)) == ["s2"]


def test_a_mask_beneath_which_nodata_lies_is_refused_where_neighbours_are_mixed(
    stacked: Callable[..., SceneStack], make_spec: MakeSpec
) -> None:
    """Also from another CRS: GDAL would mix the value into pixels beside the mask."""
    crs, transform = _place("another zone")
    values = np.full((1, 70, 80), 5, np.int16)
    values[0, 30:34, 30:34] = -9999
    mask = np.full((70, 80), 255, np.uint8)
    mask[:3] = 0
    spec = make_spec("DEM", nodata=-9999, resampling="bilinear")
    with (
        stacked(values, crs, transform, spec, nodata=None, mask=mask) as stack,
        pytest.raises(RasterError, match=r"second.tif"),
    ):
        stack.read(Window(0, 0, 48, 40))


def test_written_as_a_user_would_look_at_it(
    stacked: Callable[..., SceneStack], make_spec: MakeSpec, tmp_path: Path
) -> None:
    """A point on the ground has the value that the second source has there."""
    crs, transform = _place("degrees")
    rows, columns = np.mgrid[:70, :80]
    values = (rows * 100 + columns)[None].astype(np.int16)
    spec = make_spec("DEM", nodata=None, resampling="nearest")
    with stacked(values, crs, transform, spec) as stack:
        found = stack.read(Window(0, 0, 48, 40)).values["a_second"][0]
    x, y = PLACE @ (20.5, 10.5)
    longitude, latitude = transform_points(CRS.from_epsg(32632), CRS.from_epsg(4326), [x], [y])
    with rasterio.open(tmp_path / "second.tif") as raster:
        expected = next(iter(raster.sample([(longitude[0], latitude[0])])))[0]
    assert found[10, 20] == expected
