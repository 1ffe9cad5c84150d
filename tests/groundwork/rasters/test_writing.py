"""Rasters are written as Cloud-Optimized GeoTIFF: whole or not at all, and always the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile, RasterStream, single
from groundwork.rasters.windows import blocks
from groundwork.rasters.writing import PARTIAL, write_rasters

GRID = Grid(CRS.from_epsg(32632), from_origin(500_000, 5_000_000, 10, 10), width=700, height=530)
COLORS = {1: (0, 0, 255), 7: (0, 170, 0)}
CLASSES = RasterProfile(GRID, "uint8", ("class",), 255, "mode", COLORS, {"CLASS_1": "water", "CLASS_7": "wood"})


def _pixels(profile: RasterProfile) -> np.ndarray:
    random = np.random.default_rng(0)
    shape = (len(profile.bands), profile.grid.height, profile.grid.width)
    if profile.dtype == "uint8":
        return random.choice(np.array([1, 7, 255], np.uint8), shape)
    return random.normal(0, 1, shape).astype(profile.dtype)


def _in_blocks(profile: RasterProfile, pixels: np.ndarray, size: int = 97) -> RasterStream:
    def parts() -> Iterator[tuple[Window, dict[str, np.ndarray]]]:
        for window in blocks(profile.grid.width, profile.grid.height, size):
            yield window, {"p": pixels[:, *window.toslices()]}

    return RasterStream({"p": profile}, parts())


def test_a_class_raster_keeps_all_it_says(tmp_path: Path) -> None:
    pixels, path = _pixels(CLASSES), tmp_path / "deep" / "classes.tif"
    write_rasters(_in_blocks(CLASSES, pixels), {"p": path})
    with rasterio.open(path) as raster:
        assert np.array_equal(raster.read(), pixels)
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.crs == GRID.crs
        assert raster.transform == GRID.transform
        assert (raster.nodata, raster.dtypes, raster.descriptions) == (255, ("uint8",), ("class",))
        assert {value: raster.colormap(1)[value][:3] for value in COLORS} == COLORS
        assert raster.tags().items() >= {"CLASS_1": "water", "CLASS_7": "wood"}.items()
        assert raster.overviews(1) == [2]
        assert raster.profile["tiled"]
    assert [entry.name for entry in path.parent.iterdir()] == ["classes.tif"]


def test_overviews_hold_the_most_frequent_class(tmp_path: Path) -> None:
    grid = Grid(GRID.crs, GRID.transform, 1024, 1024)
    pixels = np.full((1, 1024, 1024), 7, np.uint8)
    pixels[:, ::2, ::2] = 1
    profile = RasterProfile(grid, "uint8", ("class",), 255, "mode", COLORS)
    write_rasters(single(profile, pixels), {"": tmp_path / "c.tif"})
    with rasterio.open(tmp_path / "c.tif", overview_level=0) as overview:
        assert overview.shape == (512, 512)
        assert (overview.read() == 7).all()


def test_measurements_keep_every_bit_and_nan(tmp_path: Path) -> None:
    profile = RasterProfile(GRID, "float32", ("a", "b"), float("nan"))
    pixels = _pixels(profile)
    pixels[:, 5:9, 5:9] = np.nan
    write_rasters(_in_blocks(profile, pixels), {"p": tmp_path / "m.tif"})
    with rasterio.open(tmp_path / "m.tif") as raster:
        assert raster.read().tobytes() == pixels.tobytes()
        assert np.isnan(raster.nodata)
        assert raster.descriptions == ("a", "b")


def test_the_same_raster_gives_the_same_bytes_however_it_is_cut(tmp_path: Path) -> None:
    pixels = _pixels(CLASSES)
    write_rasters(_in_blocks(CLASSES, pixels, 97), {"p": tmp_path / "a" / "x.tif"})
    write_rasters(_in_blocks(CLASSES, pixels, 97), {"p": tmp_path / "b" / "y.tif"})
    write_rasters(_in_blocks(CLASSES, pixels, 512), {"p": tmp_path / "c.tif"})
    first = (tmp_path / "a" / "x.tif").read_bytes()
    assert (tmp_path / "b" / "y.tif").read_bytes() == first
    assert (tmp_path / "c.tif").read_bytes() == first


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(width=st.integers(1, 40), height=st.integers(1, 40), size=st.integers(1, 50))
def test_any_size_round_trips(tmp_path: Path, width: int, height: int, size: int) -> None:
    profile = RasterProfile(Grid(GRID.crs, GRID.transform, width, height), "int16", ("x",), -9999)
    pixels = np.arange(width * height, dtype=np.int16).reshape(1, height, width)
    write_rasters(_in_blocks(profile, pixels, size), {"p": tmp_path / "s.tif"})
    with rasterio.open(tmp_path / "s.tif") as raster:
        assert np.array_equal(raster.read(), pixels)


@pytest.mark.parametrize(
    "grid",
    [
        Grid(None, Affine.identity(), 30, 20),
        Grid(None, from_origin(100, 200, 0.5, 0.5), 30, 20),
        Grid(GRID.crs, Affine(10, 0, 500_000, 0, 10, 4_999_800), 30, 20),
        Grid(GRID.crs, Affine(10, 1, 500_000, 1, -10, 5_000_000), 30, 20),
        Grid(CRS.from_proj4("+proj=aea +lat_1=29.5 +lat_2=45.5 +lon_0=-96 +datum=WGS84"), GRID.transform, 30, 20),
    ],
    ids=["no georeference", "no CRS", "south-up", "rotated", "a CRS without a number"],
)
def test_any_grid_round_trips_without_a_warning(tmp_path: Path, grid: Grid) -> None:
    profile = RasterProfile(grid, "uint8", ("class",), 255, "mode", COLORS)
    pixels = _pixels(profile)
    write_rasters(single(profile, pixels), {"": tmp_path / "x.tif"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "x.tif") as raster:
            assert raster.crs == grid.crs
            assert raster.transform == grid.transform
            assert np.array_equal(raster.read(), pixels)


# --- never half a file ----------------------------------------------------------------------------------------------


def _broken(profile: RasterProfile, pixels: np.ndarray) -> RasterStream:
    def parts() -> Iterator[tuple[Window, dict[str, np.ndarray]]]:
        yield Window(0, 0, 512, 512), {"p": pixels[:, :512, :512], "q": pixels[:, :512, :512]}
        raise RuntimeError("the model broke")

    return RasterStream({"p": profile, "q": profile}, parts())


def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    paths = {"p": tmp_path / "p.tif", "q": tmp_path / "q.tif"}
    with pytest.raises(RuntimeError, match="the model broke"):
        write_rasters(_broken(CLASSES, _pixels(CLASSES)), paths)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_leaves_earlier_files_whole(tmp_path: Path) -> None:
    paths, pixels = {"p": tmp_path / "p.tif", "q": tmp_path / "q.tif"}, _pixels(CLASSES)
    window = Window(0, 0, GRID.width, GRID.height)
    good = RasterStream({"p": CLASSES, "q": CLASSES}, iter([(window, {"p": pixels, "q": pixels[:, ::-1]})]))
    write_rasters(good, paths)
    before = {name: path.read_bytes() for name, path in paths.items()}
    with pytest.raises(RuntimeError, match="the model broke"):
        write_rasters(_broken(CLASSES, pixels), paths)
    assert {name: path.read_bytes() for name, path in paths.items()} == before
    with rasterio.open(paths["q"]) as raster:
        assert np.array_equal(raster.read(), pixels[:, ::-1])


def test_a_killed_process_leaves_no_half_file_and_the_next_run_clears_up(tmp_path: Path) -> None:
    path, pixels = tmp_path / "p.tif", _pixels(CLASSES)
    write_rasters(single(CLASSES, pixels, "p"), {"p": path})
    before = path.read_bytes()
    code = f"""
        import os, signal
        import numpy as np
        from pathlib import Path
        from rasterio.windows import Window
        from affine import Affine
        from groundwork.rasters.grid import Grid
        from groundwork.rasters.stream import RasterProfile, RasterStream
        from groundwork.rasters.writing import write_rasters
        def blocks():
            yield Window(0, 0, 600, 512), {{"p": np.ones((1, 512, 600), np.uint8)}}
            os.kill(os.getpid(), signal.SIGKILL)
        profile = RasterProfile(Grid(None, Affine.translation(1, 1), 600, 600), "uint8", ("class",), 255)
        write_rasters(RasterStream({{"p": profile}}, blocks()), {{"p": Path({str(path)!r})}})
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    leftovers = [entry.name for entry in tmp_path.iterdir() if entry != path]
    assert len(leftovers) == 1
    assert leftovers[0].startswith(PARTIAL)
    write_rasters(single(CLASSES, pixels, "p"), {"p": path})
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.tif"]
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_rasters(single(CLASSES, _pixels(CLASSES)), {"": tmp_path / "file" / "x.tif"})
