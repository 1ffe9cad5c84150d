"""Files are opened in an environment of GDAL that is set up once for each thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.env import Env, getenv, hasenv

from groundwork.errors import RasterError
from groundwork.rasters.opening import open_dataset

Write = Callable[..., Path]


def _in_a_thread(work: Callable[[], object]) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_each_thread_opens_files_and_complains_in_one_way(
    tmp_path: Path, write_raster: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_raster(tmp_path / "a.tif", np.arange(6, dtype=np.int16).reshape(2, 3))
    broken = tmp_path / "b.tif"
    broken.write_bytes(b"II*\0junkjunkjunk")

    def work() -> tuple[bool, bool, list[int], str]:
        before = hasenv()
        with open_dataset(path) as dataset:
            values = dataset.read(1).ravel().tolist()
        with pytest.raises(RasterError) as refused:
            open_dataset(broken)
        return before, hasenv(), values, str(refused.value)

    for _ in range(2):
        before, after, values, refused = _in_a_thread(work)
        assert (before, after, values) == (False, True, list(range(6)))
        assert "b.tif" in refused
        assert "16 bytes that begin with" in refused
    # GDAL's own words are in the error; it would print them besides.
    assert "ERROR" not in capfd.readouterr().err


def test_who_sets_up_an_environment_keeps_it(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((2, 3), np.int16))

    def work() -> tuple[object, bool, bool]:
        with Env(CPL_TMPDIR="here"):
            open_dataset(path).close()
            with rasterio.open(path) as dataset:
                stated = getenv().get("CPL_TMPDIR"), dataset.count
        open_dataset(path).close()
        return stated, hasenv(), "CPL_TMPDIR" in getenv()

    assert _in_a_thread(work) == (("here", 1), True, False)


@pytest.mark.parametrize("size", [0, 100])
def test_a_mask_that_does_not_open_is_not_passed_over(tmp_path: Path, write_raster: Write, size: int) -> None:
    path = write_raster(tmp_path / "a.tif", np.arange(6, dtype=np.int16).reshape(2, 3))
    mask = path.with_name("a.tif.msk")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as raster:
        raster.write_mask(np.array([[0, 255, 255], [255, 255, 0]], np.uint8))
    with open_dataset(path) as raster:
        assert raster.dataset_mask().tolist() == [[0, 255, 255], [255, 255, 0]]
    mask.write_bytes(mask.read_bytes()[:size])
    message = rf"a.tif: found a mask beside it that does not open \(a.tif.msk, {size} bytes\); expected one that says"
    with pytest.raises(RasterError, match=message):
        open_dataset(path)
