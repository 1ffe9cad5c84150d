"""Packed chips are those of the files, bit for bit, and a store that is not theirs is refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from groundwork.batch import Batch, Chip, collate
from groundwork.data import packing
from groundwork.data.chips import LabelledData
from groundwork.data.packed import INDEX, ChipStore, open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.errors import DataError
from groundwork.rasters.folder import find_rasters
from groundwork.specs import RasterSpec, TargetSpec

Write = Callable[..., Path]


@pytest.fixture
def packed(tmp_path: Path, tiny_labelled: LabelledData) -> LabelledData:
    store_chips(ChipsToStore(tiny_labelled, "packed"), tmp_path / "packed")
    return replace(tiny_labelled, store=_store(tmp_path / "packed"))


def _store(path: Path) -> ChipStore:
    store = open_store(path)
    assert store is not None
    return store


def _batches(data: LabelledData, split: str, workers: int = 0) -> list[Batch]:
    loader: DataLoader[Chip] = DataLoader(data.chips(split), batch_size=3, collate_fn=collate, num_workers=workers)
    return list(loader)


def _require_equal(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key, part in one.items():
            _require_equal(part, other[key])
    elif isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    else:
        assert one == other


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_the_files(
    packed: LabelledData, tiny_labelled: LabelledData, split: str, workers: int
) -> None:
    for one, other in zip(_batches(packed, split, workers), _batches(tiny_labelled, split), strict=True):
        _require_equal(one, other)


def test_several_sources_with_odd_names_dates_and_parts_that_count_once(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec], land_target: TargetSpec
) -> None:
    random = np.random.default_rng(0)
    write_raster(tmp_path / "s" / "x.tif", random.integers(1, 99, (6, 8, 12)).astype(np.int16))
    write_raster(tmp_path / "r" / "x.tif", random.normal(0, 1, (2, 8, 12)).astype(np.float32), nodata=np.nan)
    write_raster(tmp_path / "l" / "x.tif", random.integers(1, 3, (8, 12)).astype(np.uint8))
    scenes = {name: find_rasters(tmp_path / place, ["{key}.tif"]) for name, place in (("S 1/a", "r"), ("s2", "s"))}
    inputs = {
        "S 1/a": make_spec(dtype="float32", nodata=float("nan")),
        "s2": make_spec(steps=3, layout="steps_first", reference=True),
    }
    row = {"scene": "x", "path_s2": "x.tif", "path_S 1/a": "x.tif", "path_label": "x.tif", "row": 0, "size": 8}
    rest = {"latitude": None, "longitude": None, "dates": "2024-01-01,2024-02-01,2024-03-01", "split": "train"}
    samples = pd.DataFrame([row | rest | {"sample_id": f"x{column}", "column": column} for column in (0, 4)])
    data = LabelledData(samples, scenes, find_rasters(tmp_path / "l", ["{key}.tif"]), inputs, land_target)
    store_chips(ChipsToStore(data, "packed"), tmp_path / "packed")
    # Read back, as a spec with NaN is not equal to itself.
    again = replace(data, store=_store(tmp_path / "packed"))
    found, expected = (_batches(each, "train")[0] for each in (again, data))
    _require_equal(found, expected)
    assert found["images"]["S 1/a"].dtype == torch.float32
    assert found["images"]["s2"].shape == (2, 2, 3, 8, 8)
    assert found["counted"][1].sum() == 8 * 4


def test_the_same_chips_give_the_same_bytes(tmp_path: Path, packed: LabelledData) -> None:
    store_chips(ChipsToStore(packed, "packed"), tmp_path / "again")
    files = sorted(path.relative_to(tmp_path / "packed") for path in (tmp_path / "packed").rglob("*.*"))
    assert len(files) == 1 + 3 * 4
    for file in files:
        assert (tmp_path / "packed" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_files_leave_a_mark_and_nothing_else(tmp_path: Path, tiny_labelled: LabelledData) -> None:
    store_chips(ChipsToStore(tiny_labelled, "packed"), tmp_path / "packed")
    store_chips(ChipsToStore(tiny_labelled, "files"), tmp_path / "packed")
    assert [path.name for path in (tmp_path / "packed").iterdir()] == [INDEX]
    assert open_store(tmp_path / "packed") is None
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]


def test_another_table_is_refused(packed: LabelledData) -> None:
    for changes in ({"checksum": "00000000"}, {"sample_id": "other"}):
        other = replace(packed, samples=packed.samples.assign(**changes))
        with pytest.raises(DataError, match=r"packed: found the train chips of another sample table; .*Pack the chips"):
            other.chips("train")
    with pytest.raises(DataError, match="found the val chips of another sample table"):
        replace(packed, samples=packed.samples.iloc[::-1]).chips("val")


def test_another_spec_is_refused_by_its_key_and_other_colours_are_not(packed: LabelledData) -> None:
    spec = packed.inputs["optical"]
    other = replace(packed, inputs={"optical": spec.model_copy(update={"nodata": 0.0})})
    with pytest.raises(DataError, match=r"packed with nodata = -9999.* for source 'optical'; expected 0\.0\."):
        other.chips("train")
    ignored = packed.target.model_copy(update={"ignore_value": 9})
    with pytest.raises(DataError, match=r"packed with ignore_value = 0 for the target; expected 9\."):
        replace(packed, target=ignored).chips("train")
    with pytest.raises(DataError, match="for source 'radar'"):
        replace(packed, inputs={**packed.inputs, "radar": spec}).chips("train")
    shown = {"optical": spec.model_copy(update={"rgb": ("C", "B", "A")})}
    colors = tuple(entry.model_copy(update={"color": "#000000"}) for entry in packed.target.classes)
    target = packed.target.model_copy(update={"classes": colors})
    assert len(replace(packed, inputs=shown, target=target).chips("train")) > 0


def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, packed: LabelledData) -> None:
    file = next((tmp_path / "packed" / "train").glob("0_values_*.npy"))
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.truncate(size - 1)
    with pytest.raises(DataError, match=rf"found {size - 1} bytes in train/0_values_optical.npy; expected {size}"):
        packed.chips("train")
    file.unlink()
    with pytest.raises(DataError, match="found no train/0_values"):
        packed.chips("train")
    assert len(packed.chips("val")) > 0


def test_other_bytes_are_refused_where_they_are_first_read(tmp_path: Path, packed: LabelledData) -> None:
    file = next((tmp_path / "packed" / "train").glob("0_values_*.npy"))
    with file.open("r+b") as opened:
        opened.seek(-1, 2)
        opened.write(b"\x7f")
    chips = packed.chips("train")
    assert chips[0].sample_id
    last = packed.of_split("train")["sample_id"].iloc[-1]
    with pytest.raises(DataError, match=f"found other bytes for the chip {last} .*Pack the chips again"):
        chips[len(chips) - 1]
    checksums = tmp_path / "packed" / "train" / "checksums.npy"
    checksums.write_bytes(checksums.read_bytes()[:-1] + b"\x00")
    with pytest.raises(DataError, match=r"found other checksums in train/checksums\.npy"):
        packed.chips("train")


def test_an_index_that_cannot_be_read_is_refused(packed: LabelledData) -> None:
    assert packed.store is not None
    index = packed.store.path / INDEX
    index.write_text(json.dumps(json.loads(index.read_text("utf-8")) | {"format_version": 99}), "utf-8")
    with pytest.raises(DataError, match="found format 99; expected 1"):
        open_store(index.parent)
    index.write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"index\.json cannot be read as the index of packed chips"):
        open_store(index.parent)
    index.unlink()
    with pytest.raises(DataError, match=r"index\.json cannot be read"):
        open_store(index.parent)


def test_a_reader_travels_to_another_process_without_its_pixels(packed: LabelledData) -> None:
    chips = packed.chips("train")
    before = chips[0]
    sent = pickle.dumps(chips)
    assert len(sent) < 10_000
    again = pickle.loads(sent)[0]
    assert np.array_equal(again.patch.values["optical"], before.patch.values["optical"])
    assert not before.patch.values["optical"].flags.writeable


def test_a_store_that_fails_leaves_the_one_before(
    tmp_path: Path, packed: LabelledData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(parts: object) -> int:  # noqa: ARG001
        raise OSError("No space left on device")

    monkeypatch.setattr(packing, "checksum_of", fail)
    with pytest.raises(OSError, match="No space"):
        store_chips(ChipsToStore(packed, "packed"), tmp_path / "packed")
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]
    assert len(_batches(packed, "val")) > 0


def test_chips_of_other_shapes_cannot_be_packed_together(tmp_path: Path, tiny_labelled: LabelledData) -> None:
    samples = tiny_labelled.samples.drop(columns="checksum").copy()
    train = samples.index[samples["split"] == "train"]
    samples.loc[train[1], "size"] = 16
    with pytest.raises(
        DataError, match=r"has values/optical of shape \(3, 16, 16\).*\(3, 32, 32\).*data\.store: files"
    ):
        store_chips(ChipsToStore(replace(tiny_labelled, samples=samples), "packed"), tmp_path / "packed")
    assert not list(tmp_path.iterdir())
