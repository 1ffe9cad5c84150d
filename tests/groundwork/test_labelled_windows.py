"""Tables with a row for each window of a scene: chips have the answer of their row, and what does not fit is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.batch import collate
from groundwork.config import DataConfig, EvaluationConfig, ModelConfig, TrainingConfig
from groundwork.config.label_windows import LabelWindows
from groundwork.data.label_table import LabelTable, read_label_table
from groundwork.data.packed import open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import DataError, PairingError
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.grid import Grid
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource
from groundwork.targets.tabled import TabledNumbers
from groundwork.targets.tabled_windows import COLUMNS as COLUMNS_OF_SCENE
from groundwork.targets.tabled_windows import ROWS as ROWS_OF_SCENE
from groundwork.targets.tabled_windows import open_tabled
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial
from groundwork.training.specification import Run, read_run, write_run

SIDE, ROWS, COLUMNS = 32, 64, 96
KEYS = ("a", "b", "c", "d")
CLASSES = [{"value": 1, "name": "low", "color": "#0000ff"}, {"value": 2, "name": "high", "color": "#00aa00"}]
PIXELS = {"row": "row", "column": "column", "size": SIDE}
WriteRaster = Callable[..., Path]


def _kind(number: int, row: int, column: int) -> str:
    return CLASSES[(number + row // SIDE + column // SIDE) % 2]["name"]  # type: ignore[return-value]


@pytest.fixture
def scenes(tmp_path: Path, write_raster: WriteRaster) -> RasterFolder:
    """Scenes of 2 x 3 windows, as bright as the class of each window says."""
    for number, key in enumerate(KEYS):
        pixels = np.random.default_rng(number).normal(500, 40, (2, ROWS, COLUMNS))
        for row in range(0, ROWS, SIDE):
            for column in range(0, COLUMNS, SIDE):
                pixels[:, row : row + SIDE, column : column + SIDE] += 900 * (_kind(number, row, column) == "high")
        place = {"crs": "EPSG:32632", "transform": from_origin(500_000 + 5000 * number, 5_000_000, 10, 10)}
        write_raster(tmp_path / f"scenes/{key}.tif", pixels.astype(np.int16), **place)
    return find_rasters(tmp_path / "scenes", ["{key}.tif"])


def _rows() -> pd.DataFrame:
    rows = []
    for number, key in enumerate(KEYS):
        for row in range(0, ROWS, SIDE):
            for column in range(0, COLUMNS, SIDE):
                west, north = 500_000 + 5000 * number + 10 * column, 5_000_000 - 10 * row
                rows.append(
                    {
                        "key": key, "row": row, "column": column, "class": _kind(number, row, column),
                        "height": float(10 * number + row + column / 10), "west": west, "south": north - 10 * SIDE,
                        "east": west + 10 * SIDE, "north": north,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def _table(folder: Path, rows: pd.DataFrame, windows: dict[str, Any] | None = None) -> LabelTable:
    rows.to_csv(folder / "labels.csv", index=False)
    return read_label_table(folder / "labels.csv", "key", LabelWindows.model_validate(windows or PIXELS))


def _data(target: dict[str, Any] | None = None, **chips: Any) -> DataConfig:
    return DataConfig.model_validate(
        {
            "sources": {"optical": {"bands": ["A", "B"], "dtype": "int16", "nodata": None}},
            "target": {"per": "image"} | (target or {"classes": CLASSES}),
            "chips": {"size": SIDE, "stride": SIDE} | chips,
            "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
        }
    )


def _fraction_high(samples: pd.DataFrame) -> dict[tuple[str, int, int], float]:
    places = zip(samples["scene"], samples["row"], samples["column"], strict=True)
    return dict(zip(places, samples["fraction_high"], strict=True))


BOUNDS = {"bounds": ["west", "south", "east", "north"]}


@pytest.mark.parametrize("windows", [PIXELS, BOUNDS], ids=["pixels", "bounds"])
def test_chips_have_the_answer_of_their_window(tmp_path: Path, scenes: RasterFolder, windows: dict[str, Any]) -> None:
    found = _fraction_high(scan_scenes(scenes, _table(tmp_path, _rows(), windows), _data()).chips)
    assert len(found) == len(KEYS) * 6
    for (key, row, column), share in found.items():
        assert share == (_kind(KEYS.index(key), row, column) == "high"), (key, row, column)


def test_chips_that_overlap_have_rows_of_their_own(tmp_path: Path, scenes: RasterFolder) -> None:
    rows = _rows()
    between = [
        {"key": key, "row": row, "column": column, "class": "high"}
        for key in KEYS
        for row in (0, 16, 32)
        for column in (0, 16, 32, 48, 64)
        if row % SIDE or column % SIDE
    ]
    labels = _table(tmp_path, pd.concat([rows, pd.DataFrame(between)], ignore_index=True)[list(rows.columns[:4])])
    found = _fraction_high(scan_scenes(scenes, labels, _data(stride=16)).chips)
    assert len(found) == len(KEYS) * 15
    for (key, row, column), share in found.items():
        assert share == (bool(row % SIDE or column % SIDE) or _kind(KEYS.index(key), row, column) == "high")


def test_pixels_of_several_windows_have_what_stands_first_in_the_table() -> None:
    random = np.random.default_rng(0)
    places = [
        tuple(map(int, place))
        for place in {(*random.integers(0, 40, 2), *random.integers(4, 24, 2)) for _ in range(60)}
    ]
    west, north = 500_000, 5_000_000
    rows = [
        {
            "value": float(number),
            "w": west + left,
            "s": north - top - height,
            "e": west + left + width,
            "n": north - top,
        }
        for number, (top, left, height, width) in enumerate(places)
    ]
    columns = {"bounds": ["w", "s", "e", "n"]}
    source = LabelSource((Path("labels.csv"),), {ROWS_OF_SCENE: rows, COLUMNS_OF_SCENE: columns}, "a")
    target = TargetSpec.model_validate({"per": "image", "outputs": [{"name": "value"}]})
    grid = Grid(CRS.from_epsg(32632), from_origin(west, north, 1, 1), 64, 64)
    label = open_tabled(source, grid, lambda row: TabledNumbers(row, target), float("nan"))
    expected = np.full((64, 64), np.nan)
    for number, (top, left, height, width) in reversed(list(enumerate(places))):
        expected[top : top + height, left : left + width] = number
    for top, left, height, width in [(0, 0, 64, 64), (20, 8, 1, 40), (37, 50, 27, 14), (5, 5, 16, 16)]:
        found = label.read(Window(left, top, width, height))
        np.testing.assert_array_equal(found[0], expected[top : top + height, left : left + width])


def test_numbers_and_sets_of_windows_are_read(tmp_path: Path, scenes: RasterFolder) -> None:
    numbers = {"outputs": [{"name": "height", "minimum": 0, "maximum": 200}]}
    labels = _table(tmp_path, _rows())
    chips = scan_scenes(scenes, labels, _data(numbers)).chips
    first = chips[(chips["scene"] == "b") & (chips["row"] == 32) & (chips["column"] == 64)].iloc[0]
    assert first["mean_height"] == pytest.approx(10 + 32 + 6.4)
    sets = {"classes": CLASSES, "multi_label": True, "column": "class", "separator": ";", "no_class": "none"}
    found = scan_scenes(scenes, labels, _data(sets)).chips
    assert found["fraction_high"].sum() == (_rows()["class"] == "high").sum()


def test_they_are_learnt_packed_judged_and_read_by_other_processes(tmp_path: Path, scenes: RasterFolder) -> None:
    labels, data = _table(tmp_path, _rows()), _data()
    scan = scan_scenes(scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    statistics = compute_statistics(samples, scan.cells, data)
    encoder = {"name": "timm", "model": "test_resnet", "out_indices": [1]}
    initial = build_initial(data, ModelConfig.model_validate({"encoder": encoder}), seed=0)
    training = TrainingConfig.model_validate(
        {
            "task": "classification", "loss": [{"name": "cross_entropy"}], "monitor": "val/f1", "max_epochs": 6,
            "loader": {"batch_size": 4}, "optimizer": {"name": "adamw", "learning_rate": 0.01}, "threads": 1,
            "trainer": {"accelerator": "cpu"},
        }
    )  # fmt: skip
    labelled = initial.labelled(samples, scenes, labels)
    result = fit(initial, labelled, statistics, training, 0, tmp_path / "runs")
    judged = held_out(result.bundle, samples, scenes, labels, EvaluationConfig())
    assert evaluate_model(result.bundle, judged, statistics, EvaluationConfig(), seed=0).scores["test"]["f1"] == 1
    store_chips(ChipsToStore(labelled, "packed"), tmp_path / "packed")
    packed = replace(labelled, store=open_store(tmp_path / "packed"))
    read = read_run(write_run(Run(initial, labelled, statistics, training, 0, tmp_path / "run"))).data
    for one, other, told in zip(*(part.chips("train") for part in (labelled, packed, read)), strict=True):
        asked = [kind_of(data.target).asked(collate([chip])["target"]) for chip in (one, other, told)]
        assert torch.equal(asked[0], asked[1])
        assert torch.equal(asked[0], asked[2])


def _changed(change: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    return change(_rows())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.drop(index=4),
            r"found no row for rows 32\+32, columns 32\+32 of 'a', and rows for 5 windows of it, such as",
        ),
        (
            lambda rows: pd.concat([rows, rows.iloc[[2]].assign(**{"class": "low"})]),
            r"found 1 window\(s\) of 'a' that have several rows: rows 0\+32, columns 64\+32",
        ),
        (
            lambda rows: pd.concat([rows, rows.iloc[[2]].assign(row=16)]),
            r"found 1 window\(s\) of 'a' that are no chip of it: rows 16\+32, columns 64\+32",
        ),
        (lambda rows: rows.assign(row=rows["row"] + 40), r"with row 40, column 0, which does not lie in its scene"),
        (lambda rows: rows.assign(row=rows["row"].astype(str) + "x"), r"found '0x' in column 'row' of 'a'"),
        (lambda rows: rows.assign(column=rows["column"] + 0.5), r"whose edges lie between pixels"),
        (
            lambda rows: rows.assign(**{"class": "lov"}),
            r"'lov' in column 'class' of 'a, rows 0\+32, columns 0\+32'",
        ),
    ],
    ids=["missing", "doubled", "unknown", "outside", "text", "between", "class"],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, scenes: RasterFolder, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        scan_scenes(scenes, _table(tmp_path, _changed(change)), _data())


def test_windows_without_a_row_may_be_not_known(tmp_path: Path, scenes: RasterFolder) -> None:
    rows = _rows()
    kept = rows[(rows["column"] == 0) | (rows["key"] == "b")]
    found = scan_scenes(scenes, _table(tmp_path, kept, PIXELS | {"missing": "not_known"}), _data()).chips
    assert dict(found["scene"].value_counts()) == {"a": 2, "b": 6, "c": 2, "d": 2}
    with pytest.raises(DataError, match="that are no chip of it"):
        scan_scenes(
            scenes, _table(tmp_path, kept, PIXELS | {"missing": "not_known", "size": 16}), _data()
        )  # fmt: skip


def test_a_window_whose_cell_is_empty_is_not_known(tmp_path: Path, scenes: RasterFolder) -> None:
    rows = _rows()
    rows.loc[[0, 7], "class"] = None
    found = scan_scenes(scenes, _table(tmp_path, rows), _data()).chips
    assert dict(found["scene"].value_counts()) == {"a": 5, "b": 5, "c": 6, "d": 6}
    assert not found.query("scene == 'a' and row == 0 and column == 0").size


def test_scenes_without_any_row_and_rows_without_a_scene_are_listed(tmp_path: Path, scenes: RasterFolder) -> None:
    rows = _rows()
    with pytest.raises(PairingError, match="'d'"):
        scan_scenes(scenes, _table(tmp_path, rows[rows["key"] != "d"]), _data())
    other = pd.concat([rows, rows.iloc[[0]].assign(key="zz")])
    with pytest.raises(PairingError, match="'zz'"):
        scan_scenes(scenes, _table(tmp_path, other), _data())


def test_what_says_where_windows_lie_is_checked(tmp_path: Path) -> None:
    with pytest.raises(PairingError, match=r"none called 'rov', which 'windows' names.*[Dd]id you mean 'row'"):
        _table(tmp_path, _rows(), PIXELS | {"row": "rov"})
    for words in ({"row": "row"}, PIXELS | BOUNDS, {}):
        with pytest.raises(ValidationError, match="give 'row', 'column' and 'size' in pixels, or 'bounds'"):
            LabelWindows.model_validate(words)
    _rows().to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(PairingError, match="or say by 'windows' which columns tell them apart"):
        read_label_table(tmp_path / "labels.csv", "key")
