"""Chips are the pixels of the rasters, image, label and validity together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from rasterio.transform import from_origin
from torch.utils.data import DataLoader, default_collate

from groundwork.config.data import ChipsConfig
from groundwork.data import samples as samples_module
from groundwork.data.chips import ChipDataset, LabelledData, known_once, temporal_coordinates
from groundwork.data.labels import IGNORE
from groundwork.data.samples import read_samples, write_samples
from groundwork.data.scan import scan_scenes
from groundwork.rasters.errors import RasterError
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.specs import RasterSpec, TargetSpec

Write = Callable[..., Path]


def test_chips_are_what_the_files_hold(tiny_data: SimpleNamespace, tiny_labelled: LabelledData) -> None:
    for split in ("train", "val", "test"):
        rows = tiny_data.samples[tiny_data.samples["split"] == split]
        chips = tiny_labelled.chips(split)
        assert len(chips) == len(rows) > 0
        for row, chip in zip(rows.itertuples(), (chips[index] for index in range(len(chips))), strict=True):
            part = (slice(row.row, row.row + 32), slice(row.column, row.column + 32))
            with rasterio.open(tiny_data.root / "scenes" / row.path_optical) as scene:
                image = scene.read()[:, *part]
            with rasterio.open(tiny_data.root / "labels" / row.path_label) as raster:
                classes = raster.read(1)[part].astype(int) - 1
            valid = (image != -9999).all(axis=0)
            classes[~valid] = IGNORE
            assert chip["sample_id"] == row.sample_id
            assert chip["image"].dtype == torch.float32
            assert np.array_equal(chip["image"].numpy(), image)
            assert np.array_equal(chip["valid"].numpy(), valid)
            assert np.array_equal(chip["mask"].numpy(), classes)


def test_coordinates_and_dates(tiny_data: SimpleNamespace, tiny_labelled: LabelledData) -> None:
    rows = tiny_data.samples[tiny_data.samples["split"] == "train"].reset_index(drop=True)
    chips = tiny_labelled.chips("train")
    for index, row in rows.iterrows():
        chip = chips[index]
        assert chip["location_coords"].tolist() == pytest.approx([row["latitude"], row["longitude"]], rel=1e-6)
        # 2024 is a leap year: 1 June is day 152 counted from 0.
        assert chip["temporal_coords"].tolist() == [[2024, 151 + int(row["dates"][-2:])]]


def test_temporal_coordinates_count_days_from_zero() -> None:
    assert temporal_coordinates("") is None
    found = temporal_coordinates("2023-01-01,2023-12-31,2024-12-31")
    assert found is not None
    assert found.tolist() == [[2023, 0], [2023, 364], [2024, 365]]


def _samples(**columns: object) -> pd.DataFrame:
    row = {"sample_id": "x", "scene": "x", "path_s": "x.tif", "path_label": "x.tif", "row": 0, "column": 0, "size": 8}
    rest = {"latitude": None, "longitude": None, "dates": None, "split": "train"}
    return pd.DataFrame([row | rest | columns])


def _dataset(root: Path, spec: RasterSpec, target: TargetSpec, samples: pd.DataFrame) -> ChipDataset:
    folders = [find_rasters(root / name, ["{key}.tif"]) for name in ("s", "l")]
    return ChipDataset(samples, *folders, spec, target)


def test_what_lies_beyond_the_edge_is_neither_valid_nor_known(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec
) -> None:
    write_raster(tmp_path / "s" / "x.tif", np.full((2, 5, 6), 3, np.int16))
    write_raster(tmp_path / "l" / "x.tif", np.full((5, 6), 2, np.uint8))
    chip = _dataset(tmp_path, make_spec(), land_target, _samples())[0]
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[:5, :6] = True
    assert torch.equal(chip["valid"], inside)
    assert torch.equal(chip["mask"], torch.where(inside, 1, IGNORE))
    assert torch.equal(chip["image"], 3.0 * inside.expand(2, 8, 8))
    assert "location_coords" not in chip
    assert "temporal_coords" not in chip


def test_steps_come_as_a_dimension_of_their_own(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec
) -> None:
    values = np.arange(2 * 3 * 64, dtype=np.int16).reshape(2, 3, 8, 8)  # band, step
    write_raster(tmp_path / "s" / "x.tif", values.swapaxes(0, 1).reshape(6, 8, 8))
    write_raster(tmp_path / "l" / "x.tif", np.ones((8, 8), np.uint8))
    spec = make_spec(steps=3, layout="steps_first")
    samples = _samples(dates="2024-01-01,2024-02-01,2024-03-01")
    chip = _dataset(tmp_path, spec, land_target, samples)[0]
    assert np.array_equal(chip["image"].numpy(), values)
    assert chip["temporal_coords"].tolist() == [[2024, 0], [2024, 31], [2024, 60]]


def test_places_are_left_out_where_one_sample_has_none(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec
) -> None:
    write_raster(tmp_path / "s" / "x.tif", np.ones((2, 8, 8), np.int16))
    write_raster(tmp_path / "l" / "x.tif", np.ones((8, 8), np.uint8))
    samples = pd.concat([_samples(latitude=48.0, longitude=9.0), _samples()], ignore_index=True)
    chips = _dataset(tmp_path, make_spec(), land_target, samples)
    batch = default_collate([chips[0], chips[1]])
    assert "location_coords" not in batch


def test_a_file_that_changed_since_it_was_indexed_is_named(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec
) -> None:
    write_raster(tmp_path / "s" / "x.tif", np.ones((2, 8, 8), np.int16))
    write_raster(tmp_path / "l" / "x.tif", np.ones((8, 8), np.uint8))
    chips = _dataset(tmp_path, make_spec(), land_target, _samples())
    write_raster(tmp_path / "l" / "x.tif", np.full((8, 8), 9, np.uint8))
    with pytest.raises(RasterError, match=r"l/x.tif: found class value\(s\) \[9\]"):
        chips[0]
    (tmp_path / "s" / "x.tif").unlink()
    with pytest.raises(RasterError, match=r"s/x.tif: found no such file"):
        _dataset_of_missing(tmp_path, make_spec(), land_target)[0]


def _dataset_of_missing(root: Path, spec: RasterSpec, target: TargetSpec) -> ChipDataset:
    folders = [RasterFolder(root / name, {"x": ("x.tif",)}) for name in ("s", "l")]
    return ChipDataset(_samples(), *folders, spec, target)


@pytest.fixture
def indexed(tmp_path: Path, tiny_data: SimpleNamespace) -> SimpleNamespace:
    """A copy of the tiny data that a test may change, indexed before."""
    shutil.copytree(tiny_data.root, tmp_path / "copy")
    folders = [find_rasters(tmp_path / "copy" / name, ["{key}.tif"]) for name in ("scenes", "labels")]
    write_samples(scan_scenes(*folders, tiny_data.config).chips, tmp_path / "samples.csv")
    samples = read_samples(tmp_path / "samples.csv").query("scene == '1'").reset_index(drop=True)
    config = tiny_data.config
    chips = ChipDataset(samples, *folders, config.sources["optical"], config.target)
    return SimpleNamespace(root=tmp_path / "copy", chips=chips, samples=samples)


def _rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray], **changes: Any) -> None:
    with rasterio.open(path) as raster:
        pixels, tags, names = change(raster.read()), raster.tags(), raster.descriptions
        profile = raster.profile | {"height": pixels.shape[1], "width": pixels.shape[2]} | changes
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(pixels)
        raster.update_tags(**tags)
        raster.descriptions = names


@pytest.mark.parametrize(
    ("file", "change", "profile"),
    [
        ("scenes", lambda pixels: (pixels * 2).astype(pixels.dtype), {}),
        ("scenes", lambda pixels: pixels[[1, 0, 2]], {}),
        ("scenes", lambda pixels: np.full_like(pixels, -9999), {}),
        ("scenes", lambda pixels: pixels[:, :20, :20], {}),
        ("scenes", lambda pixels: pixels, {"crs": "EPSG:32631"}),
        ("scenes", lambda pixels: pixels, {"transform": from_origin(500_010, 5_000_000, 10, 10)}),
        ("scenes", lambda pixels: pixels, {"transform": from_origin(500_000, 5_000_000, 20, 20)}),
        ("labels", lambda pixels: (pixels % 3 + 1).astype(pixels.dtype), {}),
    ],
    ids=["values", "bands", "empty", "size", "CRS", "place", "pixel size", "label"],
)
def test_a_scene_that_changed_since_it_was_indexed_is_refused(
    indexed: SimpleNamespace, file: str, change: Callable[[np.ndarray], np.ndarray], profile: dict[str, Any]
) -> None:
    _rewrite(indexed.root / file / "1.tif", change, **profile)
    with pytest.raises(RasterError, match=r"scenes/1.tif: found other pixels in rows 0\+32, .*or another place"):
        indexed.chips[0]


@pytest.mark.parametrize(
    "profile", [{"crs": "EPSG:32631"}, {"transform": from_origin(500_010, 5_000_000, 10, 10)}], ids=["CRS", "place"]
)
def test_a_label_that_was_moved_since_it_was_indexed_is_refused(
    indexed: SimpleNamespace, profile: dict[str, Any]
) -> None:
    _rewrite(indexed.root / "labels/1.tif", lambda pixels: pixels, **profile)
    with pytest.raises(RasterError, match=r"labels/1.tif: found .* instead of .*; expected the grid of its image"):
        indexed.chips[0]


@pytest.mark.parametrize("file", ["scenes", "labels"])
def test_a_file_that_shrank_since_it_was_indexed_is_named(indexed: SimpleNamespace, file: str) -> None:
    _rewrite(indexed.root / file / "1.tif", lambda pixels: pixels[:, :20, :20])
    with pytest.raises(RasterError, match=rf"{file}/1.tif: found 20 rows and 20 columns; expected pixels from row 32"):
        indexed.chips[3]


def test_a_worker_says_which_file_in_the_words_of_the_error(indexed: SimpleNamespace) -> None:
    (indexed.root / "scenes/1.tif").write_bytes(b"")
    loader = DataLoader(indexed.chips, batch_size=None, num_workers=1)
    with pytest.raises(RasterError) as caught:
        next(iter(loader))
    assert str(caught.value).startswith(str(indexed.root / "scenes/1.tif") + ": found an empty file")
    assert "Traceback" not in str(caught.value)


def test_a_scene_that_was_packed_anew_is_the_same(indexed: SimpleNamespace) -> None:
    _rewrite(indexed.root / "scenes" / "1.tif", lambda pixels: pixels, compress="deflate")
    assert len([indexed.chips[index] for index in range(len(indexed.chips))]) == 4


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_open_scenes_of_their_own(tiny_labelled: LabelledData, method: str) -> None:
    chips = tiny_labelled.chips("train")
    here = [chips[index] for index in range(len(chips))]
    loader = DataLoader(chips, batch_size=None, num_workers=1, multiprocessing_context=method)
    for one, other in zip(here, loader, strict=True):
        assert one["sample_id"] == other["sample_id"]
        assert torch.equal(one["image"], other["image"])


def test_no_more_scenes_stay_open_than_allowed(tiny_labelled: LabelledData, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(samples_module, "MOST_OPEN", 2)
    real = samples_module.Scene

    def open_scene(*wired: Any) -> Any:
        opened.append(real(*wired))
        return opened[-1]

    monkeypatch.setattr(samples_module, "Scene", open_scene)
    chips = tiny_labelled.chips("train")
    for _ in range(2):
        for index in range(len(chips)):
            chips[index]
    assert len([scene for scene in opened if not scene._first.closed]) == 2
    assert len(opened) < 2 * len(chips)


def test_dates_are_left_out_where_one_sample_has_none(tiny_data: SimpleNamespace) -> None:
    samples = tiny_data.samples.copy()
    samples.loc[samples.index[1], "dates"] = None
    config = tiny_data.config
    chips = ChipDataset(samples, tiny_data.scenes, tiny_data.labels, config.sources["optical"], config.target)
    assert "temporal_coords" not in default_collate([chips[0], chips[1]])


def test_pixels_that_an_earlier_chip_holds_are_known_once(tiny_data: SimpleNamespace) -> None:
    config = tiny_data.config.model_copy(update={"chips": ChipsConfig(size=32, stride=8)})
    samples = scan_scenes(tiny_data.scenes, tiny_data.labels, config).chips
    chips = ChipDataset(samples, tiny_data.scenes, tiny_data.labels, config.sources["optical"], config.target)
    batch = default_collate([chips[index] for index in range(len(chips))])
    known = 0
    for key in tiny_data.labels.files:
        with (
            rasterio.open(tiny_data.root / "labels" / f"{key}.tif") as label,
            rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene,
        ):
            known += int(((label.read(1) > 0) & (scene.read() != -9999).all(axis=0)).sum())
    assert int((known_once(batch) != IGNORE).sum()) == known
    assert int((batch["mask"] != IGNORE).sum()) > 5 * known
