"""Samples that show the same pixels in two splits are found by their content, under whatever names."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from groundwork.data.scan import scan_scenes
from groundwork.data.splits import report_splits
from groundwork.rasters.folder import find_rasters

#: A scene, and what it is copied to: hundreds of kilometres away.
ONE, COPY = "p5", "somewhere_else"


@pytest.fixture(scope="module")
def doubled(
    tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace, write_raster: Callable[..., Path]
) -> SimpleNamespace:
    """The tiny scenes and a copy of one of them in another place, with another label."""
    root = tmp_path_factory.mktemp("doubled")
    for name in ("scenes", "labels"):
        shutil.copytree(tiny_data.root / name, root / name)
        with rasterio.open(root / name / f"{ONE}.tif") as raster:
            pixels, nodata, tags = raster.read(), raster.nodata, raster.tags()
        if name == "labels":
            pixels = np.where(pixels > 0, pixels % 3 + 1, 0).astype(pixels.dtype)
            pixels[..., ::7, ::5] = 0  # nobody knows what is there, and did on the other
        place = {"crs": "EPSG:32633", "transform": from_origin(700_000, 6_000_000, 10, 10)}
        write_raster(root / name / f"{COPY}.tif", pixels, **place, nodata=nodata, tags=tags)
    scenes, labels = (find_rasters(root / name, ["{key}.tif"]) for name in ("scenes", "labels"))
    return SimpleNamespace(chips=scan_scenes(scenes, labels, tiny_data.config).chips, config=tiny_data.config)


def test_a_scene_under_another_name_and_place_is_found(
    doubled: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    chips = doubled.chips
    split = chips["scene"].map({ONE: "train", COPY: "test"}).fillna("val")
    with caplog.at_level(logging.WARNING):
        found = report_splits(chips.assign(split=split), doubled.config)["identical_samples"]
    count = int((chips["scene"] == ONE).sum())
    assert count > 1
    assert found == {"train-val": 0, "train-test": count, "val-test": 0}
    assert (
        f"{count} sample(s) of split 'train' show the very pixels of samples of 'test', such as {ONE}_" in caplog.text
    )
    assert f" and {COPY}_" in caplog.text


def test_within_a_split_doubles_are_no_matter(doubled: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    chips = doubled.chips
    others = sorted(set(chips["scene"]) - {ONE, COPY})
    split = chips["scene"].map({others[0]: "val", others[1]: "test"}).fillna("train")
    found = report_splits(chips.assign(split=split), doubled.config)["identical_samples"]
    assert set(found.values()) == {0}
    assert "the very pixels" not in caplog.text


def test_a_table_that_does_not_say_what_samples_show_has_no_count(doubled: SimpleNamespace) -> None:
    split = doubled.chips["scene"].map({ONE: "train", COPY: "test"}).fillna("val")
    table = doubled.chips.drop(columns="content").assign(split=split)
    found = report_splits(table, doubled.config)["identical_samples"]
    assert found == {"train-val": None, "train-test": None, "val-test": None}
