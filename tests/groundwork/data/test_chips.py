"""Chips are the pixels of the rasters, image, label and validity together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from torch.utils.data import default_collate

from groundwork.data.chips import ChipDataset, LabelledData, temporal_coordinates
from groundwork.data.labels import IGNORE
from groundwork.rasters.errors import RasterError
from groundwork.rasters.folder import find_rasters
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
        chips[0]
