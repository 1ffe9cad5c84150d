"""Small pictures show what the raster holds, and white where it holds nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from groundwork.rasters.grid import Grid
from groundwork.rasters.quicklook import picture, read_small, stretch
from groundwork.rasters.stream import RasterProfile, single
from groundwork.rasters.writing import write_rasters

Write = Callable[..., Path]


def test_bands_are_stretched_between_their_percentiles() -> None:
    values = np.stack([np.arange(101.0), np.full(101, 7.0)]).reshape(2, 1, 101)
    shown = stretch(values, np.ones((1, 101), bool))
    assert shown.shape == (1, 101, 2)
    assert (shown[0, :3, 0] == 0).all()
    assert (shown[0, 98:, 0] == 255).all()
    assert shown[0, 50, 0] == pytest.approx(255 * 48 / 96, abs=1)
    assert (shown[..., 1] == 0).all()


def test_what_is_not_valid_is_white_and_does_not_count() -> None:
    values = np.array([[[0.0, 1.0, 2.0, 1e9, np.nan]]])
    valid = np.array([[True, True, True, False, False]])
    assert stretch(values, valid)[0, :, 0].tolist() == [0, 127, 255, 255, 255]
    assert (stretch(values, ~valid & False) == 255).all()


def test_large_rasters_are_thinned_out(tmp_path: Path, write_raster: Write) -> None:
    pixels = np.arange(40 * 60, dtype=np.int16).reshape(1, 40, 60)
    path = write_raster(tmp_path / "x.tif", pixels, nodata=0)
    values, _ = read_small(path, (1,), 30)
    assert values.shape == (1, 20, 30)
    assert np.isin(values, pixels).all()
    whole, known = read_small(path, (1,), 100)
    assert np.array_equal(whole, pixels)
    assert np.array_equal(known, pixels[0] != 0)
    assert picture(path, (1,), 30).size == (30, 20)


def test_classes_are_shown_in_their_colours(tmp_path: Path) -> None:
    grid = Grid(None, Affine.identity(), 4, 3)
    colors = {1: (10, 20, 30), 2: (200, 100, 0)}
    pixels = np.array([[[1, 2, 2, 255], [1, 1, 2, 2], [255, 255, 1, 2]]], np.uint8)
    write_rasters(
        single(RasterProfile(grid, "uint8", ("class",), 255, "mode", colors), pixels), {"": tmp_path / "c.tif"}
    )
    shown = np.asarray(picture(tmp_path / "c.tif", (1,), 100))
    expected = np.array([colors.get(value, (255, 255, 255)) for value in pixels.ravel()]).reshape(3, 4, 3)
    assert np.array_equal(shown, expected)
