"""Blocks that cannot be decoded hold no data where that is wanted: beside a sound file that holds nodata there."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.shutil import copy as copy_raster
from rasterio.transform import from_origin
from rasterio.windows import Window

from broken import break_block, break_mask
from groundwork.data.scene_stack import SceneStack
from groundwork.errors import RasterError
from groundwork.rasters.bad_blocks import BadBlocks, BadFile, around, joined, merged
from groundwork.rasters.scene import Scene
from groundwork.rasters.tiff_end import end_of_blocks
from groundwork.specs import RasterSpec

MakeSpec = Callable[..., RasterSpec]
Write = Callable[..., Path]
SIZE, BLOCK = 64, 16
PLACE = from_origin(600_000, 5_000_000, 10, 10)
TILED = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate"}
#: Row 1, column 2 of the blocks.
HOLE = np.zeros((SIZE, SIZE), np.bool_)
HOLE[16:32, 32:48] = True


def _pixels(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 1000, (count, SIZE, SIZE)).astype(np.int16)


def _write(path: Path, pixels: np.ndarray, **changes: Any) -> Path:
    words = {"driver": "GTiff", "count": len(pixels), "height": SIZE, "width": SIZE, "dtype": pixels.dtype, **TILED}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **{**words, "crs": "EPSG:32632", "transform": PLACE, **changes}) as raster:
        raster.write(pixels)
    return path


def _both(scene: Scene, other: Scene, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Return validity by both, where the values of what is valid are the same."""
    (values, valid), (wanted, known) = scene.read(window), other.read(window)
    both = valid & known
    assert np.array_equal(values[:, both], wanted[:, both])
    return valid, known


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("nodata", [-9999, None])
def test_only_the_pixels_of_the_block_are_lost(
    tmp_path: Path, make_spec: MakeSpec, nodata: int | None, interleave: str
) -> None:
    path = _write(tmp_path / "x.tif", _pixels(2), nodata=nodata, interleave=interleave)
    sound = shutil.copy(path, tmp_path / "sound.tif")
    spec = make_spec(nodata=nodata)
    break_block(path, 1, 2, band=1 if interleave == "pixel" else 2)
    bad = BadBlocks("s2", tmp_path)
    with Scene([path], spec, bad=bad) as scene, Scene([Path(sound)], spec) as other:
        # Parts of it, all of it, and what reaches over the edge of the raster.
        for row, column, height, width in [(0, 0, 20, 40), (16, 32, 16, 16), (0, 0, 64, 64), (20, 40, 60, 40)]:
            valid, known = _both(scene, other, Window(column, row, width, height))
            hole = np.zeros_like(known)
            inside = HOLE[row : row + height, column : column + width]
            hole[: inside.shape[0], : inside.shape[1]] = inside
            assert np.array_equal(valid, known & ~hole)
        shown = scene.thumbnail(32)[1]
        assert np.array_equal(shown, ~HOLE[1::2, 1::2])
    assert [file.as_json() for file in bad.files()] == [
        {"source": "s2", "name": "x.tif", "pixels": 256, "share": 0.0625, "windows": [[16, 32, 16, 16]]}
    ]
    assert bad.files()[0].described() == "x.tif: 256 pixels (6.250% of the file) in rows 16+16, columns 32+16"
    with Scene([path], spec) as refused, pytest.raises(RasterError, match=r"x.tif: found pixels that cannot be decode"):
        refused.read(Window(0, 0, 40, 20))


def test_a_sound_window_is_read_without_a_word(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = _write(tmp_path / "x.tif", _pixels(2), nodata=-9999)
    break_block(path, 1, 2)
    bad = BadBlocks()
    with Scene([path], make_spec(), bad=bad) as scene:
        scene.read(Window(0, 0, 32, 64))
    assert bad.files() == ()


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average"])
@pytest.mark.parametrize(("pixel", "crs"), [(5, "EPSG:32632"), (20, "EPSG:32632"), (7, "EPSG:32633")])
@pytest.mark.parametrize("nodata", [-9999, None])
def test_what_is_warped_mixes_nothing_of_the_block(
    tmp_path: Path, make_spec: MakeSpec, nodata: int | None, pixel: int, crs: str, resampling: str
) -> None:
    """As nodata there would, and no pixel whose centre lies in the block is valid."""
    pixels = _pixels(2)
    path = _write(tmp_path / "x.tif", pixels, nodata=nodata)
    sound = _write(tmp_path / "sound.tif", np.where(HOLE, -9999, pixels).astype(np.int16), nodata=-9999)
    break_block(path, 1, 2)
    west, north = (600_000, 5_000_000) if crs == "EPSG:32632" else (128_280, 5_010_120)
    size = 640 // pixel
    place = from_origin(west, north, pixel, pixel)
    grid = _write(
        tmp_path / "g.tif", np.ones((1, size, size), np.int16), height=size, width=size, crs=crs, transform=place
    )
    spec = {"resampling": resampling}
    with (
        Scene([grid], make_spec("A", nodata=None)) as onto,
        Scene([path], make_spec(**spec, nodata=nodata), onto, bad=BadBlocks()) as scene,
        Scene([sound], make_spec(**spec), onto) as other,
    ):
        window = Window(0, 0, size, size)
        valid, known = _both(scene, other, window)
        centers = _centers_in_hole(place, size, crs)
        assert centers.sum() > 50
        assert np.array_equal(valid, known & ~centers)
        halves = [scene.read(Window(0, row, size, size // 2))[1] for row in (0, size // 2)]
        assert np.array_equal(np.concatenate(halves), valid[: 2 * (size // 2)])


def _centers_in_hole(place: Affine, size: int, crs: str) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] + 0.5
    xs, ys = place @ (columns.ravel(), rows.ravel())
    if crs != "EPSG:32632":
        xs, ys = map(np.array, rasterio.warp.transform(crs, "EPSG:32632", xs, ys)[:2])
    across, down = ~PLACE @ (xs, ys)
    return ((across >= 32) & (across < 48) & (down >= 16) & (down < 32)).reshape(size, size)


@pytest.mark.parametrize("is_warped", [False, True])
@pytest.mark.parametrize("how", ["mask", "alpha"])
def test_a_mask_of_the_file_counts_as_before(tmp_path: Path, make_spec: MakeSpec, how: str, is_warped: bool) -> None:
    hidden = np.zeros((SIZE, SIZE), np.bool_)
    hidden[40:, :20] = True
    pixels = _pixels(3)
    pixels[2] = np.where(hidden, 0, 255)
    path = tmp_path / "x.tif"
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        _write(path, pixels[: 3 if how == "alpha" else 2], photometric="MINISBLACK")
        with rasterio.open(path, "r+") as raster:
            if how == "alpha":
                raster.colorinterp = [*raster.colorinterp[:-1], ColorInterp.alpha]
            else:
                raster.write_mask(~hidden)
    break_block(path, 1, 2)
    grid = _write(
        tmp_path / "g.tif", np.ones((1, 128, 128), np.int16), height=128, width=128, transform=PLACE @ Affine.scale(0.5)
    )
    spec = make_spec(nodata=None, resampling="nearest")
    with (
        Scene([grid], make_spec("A", nodata=None)) as onto,
        Scene([path], spec, onto if is_warped else None, bad=BadBlocks()) as scene,
    ):
        size = 128 if is_warped else SIZE
        values, valid = scene.read(Window(0, 0, size, size))
    step = 2 if is_warped else 1
    wanted = np.kron(~HOLE & ~hidden, np.ones((step, step), np.bool_))
    assert np.array_equal(valid, wanted)
    assert np.array_equal(values[:, valid], np.kron(pixels[:2], np.ones((step, step), np.int16))[:, wanted])


def test_a_block_of_the_mask_counts_too(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = tmp_path / "x.tif"
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        _write(path, _pixels(2))
        with rasterio.open(path, "r+") as raster:
            raster.write_mask(np.random.default_rng(0).random((SIZE, SIZE)) < 0.5)
    height, width = break_mask(path, 16, 32)
    bad = BadBlocks()
    with Scene([path], make_spec(nodata=None), bad=bad) as scene:
        valid = scene.read(Window(0, 0, SIZE, SIZE))[1]
    assert not valid[HOLE].any()
    assert 0.4 < valid[~HOLE].mean() < 0.6
    assert bad.files()[0].pixels == height * width == BLOCK**2


def test_a_quality_band_that_is_not_known_lets_nothing_through(tmp_path: Path, make_spec: MakeSpec) -> None:
    """Although its nodata, 0, is none of the values that are left out."""
    codes = np.full((1, SIZE, SIZE), 4, np.int16)
    codes[:, 0, 0] = 3
    paths = [_write(tmp_path / f"{name}.tif", pixels, nodata=0) for name, pixels in (("A", _pixels(1)), ("SCL", codes))]
    break_block(paths[1], 1, 2)
    spec = make_spec("A", "SCL", use=["A"], nodata=0, valid=[{"band": "SCL", "not_values": [3]}])
    with Scene(paths, spec, bad=BadBlocks()) as scene:
        valid = scene.read(Window(0, 0, SIZE, SIZE))[1]
    expected = ~HOLE
    expected[0, 0] = False
    assert np.array_equal(valid, expected)


def test_where_any_band_is_enough_a_lost_one_is_not_left_to_the_others(tmp_path: Path, make_spec: MakeSpec) -> None:
    paths = [_write(tmp_path / f"{name}.tif", _pixels(1, seed), nodata=-9999) for seed, name in enumerate("AB")]
    break_block(paths[0], 1, 2)
    with Scene(paths, make_spec(validity="any"), bad=BadBlocks()) as scene:
        assert np.array_equal(scene.read(Window(0, 0, SIZE, SIZE))[1], ~HOLE)


def test_each_date_and_source_has_holes_of_its_own(tmp_path: Path, make_spec: MakeSpec) -> None:
    dates = [_write(tmp_path / f"2024-0{n}-01" / "x.tif", _pixels(2, n), nodata=-9999) for n in (1, 2)]
    radar = _write(tmp_path / "radar.tif", _pixels(1, 3), nodata=-9999)
    break_block(dates[1], 1, 2)
    break_block(radar, 0, 0)
    inputs = {
        "s1": make_spec("VV"),
        "s2": make_spec(steps=2, layout="file_per_date", validity_per_step=True, reference=True),
    }
    bad = {"s1": BadBlocks("s1"), "s2": BadBlocks("s2", tmp_path)}
    with SceneStack({"s2": tuple(dates), "s1": (radar,)}, inputs, bad=bad) as stack:
        patch = stack.read(Window(0, 0, SIZE, SIZE))
        files = stack.bad_files()
    assert patch.valid["s2"][0].all()
    assert np.array_equal(patch.valid["s2"][1], ~HOLE)
    assert np.array_equal(np.argwhere(~patch.valid["s1"]), np.argwhere(np.ones((16, 16))))
    assert [(file.source, file.name) for file in files] == [("s1", "radar.tif"), ("s2", "2024-02-01/x.tif")]


@pytest.mark.parametrize("layout", ["steps_first", "bands_first"])
@pytest.mark.parametrize("interleave", ["band", "pixel"])
def test_of_stacked_dates_those_are_lost_that_lie_in_the_block(
    tmp_path: Path, make_spec: MakeSpec, layout: str, interleave: str
) -> None:
    path = _write(tmp_path / "x.tif", _pixels(4), nodata=-9999, interleave=interleave)
    spec = make_spec(steps=2, layout=layout, validity_per_step=True)
    with Scene([path], spec) as scene:
        wanted = scene.read(Window(0, 0, SIZE, SIZE))[0]
    # B of the first date, or A of the second.
    break_block(path, 1, 2, band=2 if interleave == "band" else 1)
    with Scene([path], spec, bad=BadBlocks()) as scene:
        values, valid = scene.read(Window(0, 0, SIZE, SIZE))
    lost = [0, 1] if interleave == "pixel" else [0 if layout == "steps_first" else 1]
    assert [bool((~step).any()) for step in valid] == [step in lost for step in (0, 1)]
    assert all(np.array_equal(valid[step], ~HOLE) for step in lost)
    assert np.array_equal(values[:, valid], wanted[:, valid])


def test_what_is_cut_off_or_lost_altogether_is_refused(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = _write(tmp_path / "x.tif", _pixels(2), nodata=-9999)
    size = path.stat().st_size
    assert end_of_blocks(path) == size
    cut = tmp_path / "cut.tif"
    cut.write_bytes(path.read_bytes()[: size - 600])
    _refuse(cut, make_spec(), rf"cut.tif: found {size - 600} bytes, and blocks that end at {size}; expected a whole")
    for row in range(4):
        for column in range(4):
            break_block(path, row, column)
    _refuse(path, make_spec(), r"16 block\(s\), none of which can be decoded; expected a whole file")
    virtual = tmp_path / "x.vrt"
    copy_raster(path, virtual, driver="VRT")
    _refuse(
        virtual, make_spec(), "found pixels of the format VRT that cannot be decoded.*only blocks of a whole, local"
    )


def _refuse(path: Path, spec: RasterSpec, message: str) -> None:
    with Scene([path], spec, bad=BadBlocks()) as scene, pytest.raises(RasterError, match=message):
        scene.read(Window(0, 0, SIZE, SIZE))


def test_a_mask_that_is_cut_off_is_no_broken_block(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = _write(tmp_path / "x.tif", _pixels(2))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as raster:
        raster.write_mask(np.random.default_rng(0).random((SIZE, SIZE)) < 0.5)
    mask = tmp_path / "x.tif.msk"
    mask.write_bytes(mask.read_bytes()[:-20])
    _refuse(path, make_spec(nodata=None), r"x.tif.msk: found \d+ bytes, and blocks that end at \d+;")


def test_a_raster_without_place_has_holes_as_well(tmp_path: Path, make_spec: MakeSpec) -> None:
    """By a name that XML would read otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        path = _write(tmp_path / "a & <b>.tif", _pixels(2).astype(np.float32), crs=None, transform=None, nodata=np.nan)
        break_block(path, 1, 2)
    spec = make_spec(georeference="absent", dtype="float32", nodata="nan")
    with Scene([path], spec, bad=BadBlocks()) as scene:
        assert np.array_equal(scene.read(Window(0, 0, SIZE, SIZE))[1], ~HOLE)


@pytest.mark.parametrize("words", [{}, {"bigtiff": "YES"}, {"endianness": "BIG"}, {"tiled": False, "blockysize": 3}])
def test_the_end_of_a_file_is_that_of_its_last_block(tmp_path: Path, words: dict[str, Any]) -> None:
    path = _write(tmp_path / "x.tif", _pixels(2), **words)
    with rasterio.open(path) as raster:
        ends = [
            sum(int(raster.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE"))
            for (row, column), _ in raster.block_windows(1)
        ]
    assert end_of_blocks(path) == max(ends)
    path.write_bytes(path.read_bytes()[:30])
    assert end_of_blocks(path) is None


def test_windows_are_merged_and_what_is_left_is_the_rest() -> None:
    blocks = [(0, 0, 2, 3), (0, 3, 2, 3), (2, 0, 2, 3), (2, 3, 2, 3), (4, 3, 1, 3), (0, 9, 2, 1)]
    windows = merged(blocks)
    assert windows == [Window(0, 0, 6, 4), Window(9, 0, 1, 2), Window(3, 4, 3, 1)]
    seen = np.zeros((5, 10), int)
    for window in (*windows, *around(windows, (5, 10))):
        seen[window.toslices()] += 1
    assert (seen == 1).all()
    one, other = (BadFile("s", "x.tif", 10, 5, frozenset(part)) for part in (blocks[:2], blocks[1:3]))
    assert [file.blocks for file in joined([one, other])] == [frozenset(blocks[:3])]
