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
import rasterio.shutil
import torch
from rasterio.transform import from_origin
from torch.utils.data import DataLoader

from groundwork.batch import Chip, collate
from groundwork.config.data import ChipsConfig, DataConfig, SplitConfig
from groundwork.data import labelled as labelled_module
from groundwork.data import sample_table, scene_stack
from groundwork.data.chips import ChipDataset, LabelledData, RasterChips, known_once
from groundwork.data.sample_table import read_samples, write_samples
from groundwork.data.scan import scan_scenes
from groundwork.errors import RasterError
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.labels import IGNORE

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
            assert chip.sample_id == row.sample_id
            assert chip.patch.values["optical"].dtype == np.int16
            assert np.array_equal(chip.patch.values["optical"], image)
            assert np.array_equal(chip.patch.valid["optical"], valid)
            assert np.array_equal(_target(chip), classes)


def test_coordinates_and_dates(tiny_data: SimpleNamespace, tiny_labelled: LabelledData) -> None:
    rows = tiny_data.samples[tiny_data.samples["split"] == "train"].reset_index(drop=True)
    chips = tiny_labelled.chips("train")
    for index, row in rows.iterrows():
        chip = chips[index]
        assert chip.location is not None
        assert chip.location.tolist() == pytest.approx([row["latitude"], row["longitude"]], rel=1e-6)
        # 2024 is a leap year: 1 June is day 152 counted from 0.
        assert chip.dates["optical"].tolist() == [[2024, 151 + int(row["dates"][-2:])]]


def test_dates_count_days_from_zero() -> None:
    assert sample_table.dates(_samples(dates=""), "optical", 1) is None
    found = sample_table.dates(_samples(dates="2023-01-01,2023-12-31,2024-12-31"), "optical", 3)
    assert found is not None
    assert found.dtype == np.float32
    assert found.tolist() == [[[2023, 0], [2023, 364], [2024, 365]]]


def _samples(**columns: object) -> pd.DataFrame:
    row = {"sample_id": "x", "scene": "x", "path_s": "x.tif", "path_label": "x.tif", "row": 0, "column": 0, "size": 8}
    rest = {"latitude": None, "longitude": None, "dates": None, "split": "train"}
    return pd.DataFrame([row | rest | columns])


def _dataset(root: Path, spec: RasterSpec, target: TargetSpec, samples: pd.DataFrame) -> ChipDataset:
    scenes, labels = (find_rasters(root / name, ["{key}.tif"]) for name in ("s", "l"))
    return _chips(samples, LabelledData(samples, {"s": scenes}, labels, {"s": spec}, target))


def _chips(samples: pd.DataFrame, data: LabelledData) -> ChipDataset:
    """Return the chips of some samples, of whatever split."""
    return ChipDataset(RasterChips(data, samples))


def _target(chip: Chip) -> np.ndarray:
    return np.asarray(chip.patch.target)


def test_what_lies_beyond_the_edge_is_neither_valid_nor_known(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec
) -> None:
    write_raster(tmp_path / "s" / "x.tif", np.full((2, 5, 6), 3, np.int16))
    write_raster(tmp_path / "l" / "x.tif", np.full((5, 6), 2, np.uint8))
    chip = _dataset(tmp_path, make_spec(), land_target, _samples())[0]
    inside = np.zeros((8, 8), bool)
    inside[:5, :6] = True
    assert np.array_equal(chip.patch.valid["s"], inside)
    assert np.array_equal(_target(chip), np.where(inside, 1, IGNORE))
    assert np.array_equal(chip.patch.values["s"], np.broadcast_to(3 * inside, (2, 8, 8)))
    assert chip.location is None
    assert not chip.dates
    assert chip.counted is None


def test_steps_come_as_a_dimension_of_their_own(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec
) -> None:
    values = np.arange(2 * 3 * 64, dtype=np.int16).reshape(2, 3, 8, 8)  # band, step
    write_raster(tmp_path / "s" / "x.tif", values.swapaxes(0, 1).reshape(6, 8, 8))
    write_raster(tmp_path / "l" / "x.tif", np.ones((8, 8), np.uint8))
    spec = make_spec(steps=3, layout="steps_first")
    samples = _samples(dates="2024-01-01,2024-02-01,2024-03-01")
    chip = _dataset(tmp_path, spec, land_target, samples)[0]
    assert np.array_equal(chip.patch.values["s"], values)
    assert chip.dates["s"].tolist() == [[2024, 0], [2024, 31], [2024, 60]]


def test_places_are_left_out_where_one_sample_has_none(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec
) -> None:
    write_raster(tmp_path / "s" / "x.tif", np.ones((2, 8, 8), np.int16))
    write_raster(tmp_path / "l" / "x.tif", np.ones((8, 8), np.uint8))
    samples = pd.concat([_samples(latitude=48.0, longitude=9.0), _samples()], ignore_index=True)
    chips = _dataset(tmp_path, make_spec(), land_target, samples)
    batch = collate([chips[0], chips[1]])
    assert "location" not in batch


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
    scenes, labels = (RasterFolder(root / name, {"x": ("x.tif",)}) for name in ("s", "l"))
    return LabelledData(_samples(), {"s": scenes}, labels, {"s": spec}, target).chips("train")


@pytest.fixture
def indexed(tmp_path: Path, tiny_data: SimpleNamespace) -> SimpleNamespace:
    """A copy of the tiny data that a test may change, indexed before."""
    shutil.copytree(tiny_data.root, tmp_path / "copy")
    folders = [find_rasters(tmp_path / "copy" / name, ["{key}.tif"]) for name in ("scenes", "labels")]
    write_samples(scan_scenes(*folders, tiny_data.config).chips, tmp_path / "samples.csv")
    samples = read_samples(tmp_path / "samples.csv").query("scene == '1'").reset_index(drop=True)
    config = tiny_data.config
    chips = _chips(samples, LabelledData(samples, {"optical": folders[0]}, folders[1], config.sources, config.target))
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


@pytest.mark.parametrize("form", ["file", "vrt", "label"])
def test_a_chip_that_was_read_once_is_refused_where_its_files_change_later(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec, form: str
) -> None:
    pixels = np.ones((2, 8, 8), np.int16)
    changed = write_raster(tmp_path / "pixels.tif", pixels)
    (tmp_path / "s").mkdir()
    if form == "vrt":
        rasterio.shutil.copy(changed, tmp_path / "s/x.vrt", driver="VRT")
    else:
        changed = write_raster(tmp_path / "s/x.tif", pixels)
    label = write_raster(tmp_path / "l/x.tif", np.ones((8, 8), np.uint8))
    scenes, labels = find_rasters(tmp_path / "s", ["{key}.*"]), find_rasters(tmp_path / "l", ["{key}.tif"])
    config = DataConfig(
        sources={"s": make_spec()},
        target=land_target,
        chips=ChipsConfig(size=8, min_valid_fraction=0),
        split=SplitConfig(method="scenes"),
    )
    samples = scan_scenes(scenes, labels, config).chips
    chips = RasterChips(LabelledData(samples, {"s": scenes}, labels, config.sources, config.target), samples)
    for _ in range(2):
        assert np.array_equal(chips.read(0).patch.values["s"], pixels)
    if form == "label":
        write_raster(label, np.full((8, 8), 2, np.uint8))
    else:
        write_raster(changed, pixels * 2)
    for _ in range(2):
        with pytest.raises(RasterError, match="other pixels in rows"):
            chips.read(0)


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
        assert one.sample_id == other.sample_id
        assert np.array_equal(one.patch.values["optical"], other.patch.values["optical"])


def test_no_more_scenes_stay_open_than_allowed(tiny_labelled: LabelledData, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(labelled_module, "MOST_OPEN", 2)
    real = scene_stack.Scene

    def open_scene(*wired: Any) -> Any:
        opened.append(real(*wired))
        return opened[-1]

    monkeypatch.setattr(scene_stack, "Scene", open_scene)
    chips = tiny_labelled.chips("train")
    for _ in range(2):
        for index in range(len(chips)):
            chips[index]
    assert len([scene for scene in opened if not scene._first.closed]) == 2
    assert len(opened) < 2 * len(chips)


def test_dates_are_left_out_where_one_sample_has_none(tiny_data: SimpleNamespace, tiny_labelled: LabelledData) -> None:
    samples = tiny_data.samples.copy()
    samples.loc[samples.index[1], "dates"] = None
    chips = _chips(samples, tiny_labelled)
    assert "dates" not in collate([chips[0], chips[1]])


def test_pixels_that_an_earlier_chip_holds_are_known_once(
    tiny_data: SimpleNamespace, tiny_labelled: LabelledData
) -> None:
    config = tiny_data.config.model_copy(update={"chips": ChipsConfig(size=32, stride=8)})
    samples = scan_scenes(tiny_data.scenes, tiny_data.labels, config).chips
    chips = _chips(samples, tiny_labelled)
    batch = collate([chips[index] for index in range(len(chips))])
    known = 0
    for key in tiny_data.labels.files:
        with (
            rasterio.open(tiny_data.root / "labels" / f"{key}.tif") as label,
            rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene,
        ):
            known += int(((label.read(1) > 0) & (scene.read() != -9999).all(axis=0)).sum())
    assert int((known_once(batch, kind_of(config.target)) != IGNORE).sum()) == known
    assert int((batch["target"] != IGNORE).sum()) > 5 * known


# --- several sources ------------------------------------------------------------------------------------------------


def test_sources_on_one_grid_are_read_side_by_side(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec
) -> None:
    optical = np.arange(2 * 64, dtype=np.int16).reshape(2, 8, 8)
    radar = -np.arange(64, dtype=np.float32).reshape(8, 8) / 2
    label = np.full((8, 8), 2, np.uint8)
    optical[:, :4], radar[2:6] = -9999, np.nan
    label[7] = 0
    write_raster(tmp_path / "o" / "x.tif", optical)
    write_raster(tmp_path / "r" / "x.tif", radar)
    write_raster(tmp_path / "l" / "x.tif", label)
    inputs = {"optical": make_spec(reference=True), "radar": make_spec("VV", dtype="float32", nodata="nan")}
    scenes = {name: find_rasters(tmp_path / name[0], ["{key}.tif"]) for name in inputs}
    samples = _samples(path_optical="x.tif", path_radar="x.tif", dates="2024-03-01")
    data = LabelledData(samples, scenes, find_rasters(tmp_path / "l", ["{key}.tif"]), inputs, land_target)
    assert data.reference == "optical"
    chip = data.chips("train")[0]
    assert [part.dtype for part in chip.patch.values.values()] == [np.int16, np.float32]
    assert np.array_equal(chip.patch.values["optical"], optical)
    rows = np.arange(8)
    assert np.array_equal(chip.patch.values["radar"][0, (rows < 2) | (rows > 5)], radar[(rows < 2) | (rows > 5)])
    assert np.array_equal(chip.patch.valid["optical"], np.repeat(rows >= 4, 8).reshape(8, 8))
    assert np.array_equal(chip.patch.valid["radar"], np.repeat((rows < 2) | (rows > 5), 8).reshape(8, 8))
    # Known where either of them holds data: not in rows 2 and 3; the last row has no label.
    assert np.array_equal(_target(chip)[:, 0], [1, 1, IGNORE, IGNORE, 1, 1, 1, IGNORE])
    batch = collate([chip, chip])
    assert {name: part.dtype for name, part in batch["images"].items()} == {
        "optical": torch.int16,
        "radar": torch.float32,
    }
    assert batch["dates"]["radar"].tolist() == batch["dates"]["optical"].tolist() == [[[2024, 60]]] * 2
