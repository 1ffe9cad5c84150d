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

from groundwork.atomic import PARTIAL
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile, RasterStream, single
from groundwork.rasters.windows import blocks
from groundwork.rasters.writing import write_rasters

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


# --- a disk that is full --------------------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
import numpy as np
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window
from pathlib import Path
from groundwork.errors import RasterError
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile, RasterStream
from groundwork.rasters.windows import blocks
from groundwork.rasters.writing import write_rasters

grid = Grid(CRS.from_epsg(32632), from_origin(500_000, 5_000_000, 10, 10), 1500, 1100)
random = np.random.default_rng(0)
pixels = {
    "classes": random.choice(np.array([1, 7, 255], np.uint8), (1, 1100, 1500)),
    "probabilities": random.normal(0, 1, (2, 1100, 1500)).astype(np.float32),
}
profiles = {
    "classes": RasterProfile(grid, "uint8", ("class",), 255, "mode"),
    "probabilities": RasterProfile(grid, "float32", ("a", "b"), float("nan")),
}

def attempt(folder):
    def parts():
        for window in blocks(1500, 1100, 300):
            yield window, {name: values[:, *window.toslices()] for name, values in pixels.items()}
    try:
        write_rasters(RasterStream(profiles, parts()), {name: folder / f"{name}.tif" for name in profiles})
    except RasterError as error:
        return f"refused {error}"
    return "written"
"""


def _check_folder(folder: Path, outcome: str, earlier: bytes) -> None:
    """Either both rasters are whole, or the earlier file is as it was; nothing else is left."""
    if outcome.startswith("refused"):
        assert [path.name for path in folder.iterdir()] == ["classes.tif"]
        assert (folder / "classes.tif").read_bytes() == earlier
        assert "an incomplete file after writing it" in outcome
        assert "MiB are free in" in outcome
        return
    assert outcome == "written"
    random = np.random.default_rng(0)
    classes = random.choice(np.array([1, 7, 255], np.uint8), (1, 1100, 1500))
    probabilities = random.normal(0, 1, (2, 1100, 1500)).astype(np.float32)
    for name, pixels in (("classes", classes), ("probabilities", probabilities)):
        with rasterio.open(folder / f"{name}.tif") as raster:
            assert np.array_equal(raster.read(), pixels)
            assert raster.overviews(1)


def test_a_file_size_limit_never_leaves_a_ruined_raster(tmp_path: Path) -> None:
    # SIGXFSZ is ignored by Python, so this is what a quota does: writes fail, and the program goes on.
    limits = [50, 150, 300, 480, 700, 1000, 1600, 2500, 6000, 9000, 11_000, 12_500, 13_000, 14_000, 20_000]
    code = FULL + textwrap.dedent("""
        root = Path(sys.argv[1])
        for limit in map(int, sys.argv[2:]):
            folder = root / str(limit)
            folder.mkdir()
            (folder / "classes.tif").write_bytes(b"an earlier prediction")
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit * 1024, resource.RLIM_INFINITY))
            outcome = attempt(folder)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            (root / f"{limit}.txt").write_text(outcome)
    """)
    words = [sys.executable, "-c", code, str(tmp_path), *map(str, limits)]
    subprocess.run(words, check=True, capture_output=True)
    outcomes = {limit: (tmp_path / f"{limit}.txt").read_text() for limit in limits}
    for limit, outcome in outcomes.items():
        _check_folder(tmp_path / str(limit), outcome, b"an earlier prediction")
    assert outcomes[50].startswith("refused")
    assert outcomes[20_000] == "written"


def test_a_full_disk_never_leaves_a_ruined_raster(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system can be mounted by root only")
    code = FULL + textwrap.dedent("""
        root = Path(sys.argv[1])
        folder = root / "out"
        folder.mkdir()
        outcomes = []
        for free in map(int, sys.argv[2:]):
            for path in folder.iterdir():
                path.unlink()
            (root / "filler").write_bytes(bytes((64 - free) * 2**20))
            (folder / "classes.tif").write_bytes(b"an earlier prediction")
            outcome = attempt(folder)
            names = {path.name: path.read_bytes() for path in folder.iterdir()}
            good = "none"
            if outcome == "written":
                import rasterio
                good = str(all(np.array_equal(rasterio.open(folder / f"{n}.tif").read(), pixels[n]) for n in pixels))
            elif list(names) == ["classes.tif"] and names["classes.tif"] == b"an earlier prediction":
                good = "True"
            outcomes.append(f"{free} {outcome.split()[0]} {good}")
        print(chr(10).join(outcomes))
    """)
    sizes = [1, 10, 14, 16, 20, 24, 26, 28, 30, 36, 44, 60]
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), *map(str, sizes)], check=True, capture_output=True, text=True
        )
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    outcomes = [line.split() for line in done.stdout.splitlines()]
    assert [good for _, _, good in outcomes] == ["True"] * len(sizes), outcomes
    assert {kind for _, kind, _ in outcomes} == {"refused", "written"}


def test_a_file_whose_pixels_were_changed_is_not_taken(tmp_path: Path) -> None:
    from groundwork.rasters.proof import DamagedError, checksum, compare

    pixels, path = _pixels(CLASSES), tmp_path / "x.tif"
    write_rasters(_in_blocks(CLASSES, pixels), {"p": path})
    window = Window(100, 200, 50, 40)
    compare(path, path, CLASSES, [(window, checksum(pixels[:, *window.toslices()]))])
    changed = pixels.copy()
    changed[0, 210, 120] = 1 if changed[0, 210, 120] == 7 else 7
    with pytest.raises(DamagedError, match="other pixels from row 200, column 100 on"):
        compare(path, path, CLASSES, [(window, checksum(changed[:, *window.toslices()]))])
    numbers = np.array([[[0.0, np.nan, 1.0]]], np.float32)
    assert checksum(numbers) == checksum(-numbers * np.float32([-1, 1, -1])) == checksum(numbers + np.float32(-0.0))


ODD_CRS = {
    "OGC:CRS84": CRS.from_user_input("OGC:CRS84"),
    "a sphere": CRS.from_proj4("+proj=longlat +R=3396190 +no_defs"),
    "a rotated pole": CRS.from_proj4(
        "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +to_meter=0.0174532925199433 +R=6367470"
    ),
}


@pytest.mark.parametrize("crs", ODD_CRS.values(), ids=ODD_CRS)
def test_a_crs_that_geotiff_says_otherwise_is_kept(tmp_path: Path, crs: CRS) -> None:
    grid = Grid(crs, from_origin(8, 47, 0.001, 0.001), width=70, height=53)
    profile = RasterProfile(grid, "int16", ("height",), -9999)
    pixels = np.arange(70 * 53, dtype=np.int16).reshape(1, 53, 70)
    write_rasters(_in_blocks(profile, pixels), {"p": tmp_path / "r.tif"})
    with rasterio.open(tmp_path / "r.tif") as raster:
        assert raster.crs is not None
        assert raster.crs.is_geographic == crs.is_geographic
        assert np.array_equal(raster.read(), pixels)
        west, north = raster.transform @ (0, 0)
        assert (west, north) == pytest.approx((8, 47))


def test_statistics_of_an_earlier_file_do_not_outlive_it(tmp_path: Path) -> None:
    path = tmp_path / "r.tif"
    profile = RasterProfile(GRID, "int16", ("height",), -9999)
    first, second = (np.full((1, 530, 700), value, np.int16) for value in (1, 7))
    write_rasters(_in_blocks(profile, first), {"p": path})
    (tmp_path / "r.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><Metadata><MDI key='STATISTICS_MEAN'>1</MDI></Metadata>"
        "</PAMRasterBand></PAMDataset>"
    )
    write_rasters(_in_blocks(profile, second), {"p": path})
    with rasterio.open(path) as raster:
        assert "STATISTICS_MEAN" not in raster.tags(1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.tif"]


def test_bytes_do_not_follow_from_what_a_process_met_before(tmp_path: Path) -> None:
    code = """
        import sys
        import numpy as np
        from pathlib import Path
        from rasterio.transform import from_origin
        from groundwork.rasters.grid import CRS, Grid
        from groundwork.rasters.stream import RasterProfile, single
        from groundwork.rasters.writing import write_rasters

        CRS.from_wkt(sys.argv[2])
        grid = Grid(CRS.from_epsg(4258), from_origin(9, 47, 0.01, 0.01), 4, 4)
        profile = RasterProfile(grid, "uint8", ("class",), 255)
        write_rasters(single(profile, np.ones((1, 4, 4), np.uint8)), {"": Path(sys.argv[1])})
    """
    # As a worker process does, it meets the CRS first as a text.
    text = CRS.from_epsg(4258).to_wkt()
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), tmp_path / "other.tif", text], check=True)
    grid = Grid(CRS.from_epsg(4258), from_origin(9, 47, 0.01, 0.01), 4, 4)
    profile = RasterProfile(grid, "uint8", ("class",), 255)
    write_rasters(single(profile, np.ones((1, 4, 4), np.uint8)), {"": tmp_path / "own.tif"})
    assert (tmp_path / "other.tif").read_bytes() == (tmp_path / "own.tif").read_bytes()
