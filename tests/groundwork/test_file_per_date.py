"""A file for each date through the whole house: as the same pixels stacked in one file, with dates from the names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio

from groundwork.bundle import load_bundle, save_bundle
from groundwork.config import DataConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data import sample_table
from groundwork.data.chips import LabelledData
from groundwork.data.dates import dates_of_reference
from groundwork.data.scan import Scan, scan_scenes
from groundwork.data.scene_stack import folders_by_source, open_checked
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial
from predicted import probabilities_of

DAYS = ("20240315", "20240601", "20240920")
NODATA = -9999


def _config(base: DataConfig, **changes: Any) -> DataConfig:
    words = base.model_dump()
    words["sources"]["optical"] |= {"steps": 2, "date_tag": None} | changes
    return DataConfig.model_validate(words)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace, write_raster: Callable[..., Path]
) -> SimpleNamespace:
    """The tiny scenes at three dates, as a file for each; the first and the last of them stacked in one file."""
    root = tmp_path_factory.mktemp("dates")
    for key in tiny_data.scenes.files:
        with rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene:
            pixels, place = scene.read(), {"crs": scene.crs, "transform": scene.transform, "nodata": NODATA}
        dated = [np.where(pixels == NODATA, NODATA, pixels + 100 * number).astype(np.int16) for number in range(3)]
        for day, part in zip(DAYS, dated, strict=True):
            write_raster(root / "files" / f"{key}_{day}.tif", part, **place)
        tags = {"DATE": "2024-03-15, 2024-09-20"}
        write_raster(root / "stacks" / f"{key}.tif", np.concatenate([dated[0], dated[2]]), **place, tags=tags)
    files = find_rasters(root / "files", ["{key}_{date}.tif"])
    stacks = find_rasters(root / "stacks", ["{key}.tif"])
    configs = {
        "files": _config(tiny_data.config, layout="file_per_date", take_dates="evenly_spread"),
        "stacks": _config(tiny_data.config, layout="steps_first", date_tag="DATE"),
    }
    scenes = {"files": files, "stacks": stacks}
    scans = {name: scan_scenes(scenes[name], tiny_data.labels, configs[name]) for name in scenes}
    return SimpleNamespace(root=root, configs=configs, scenes=scenes, labels=tiny_data.labels, scans=scans)


@pytest.fixture(scope="module")
def trained(world: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Any:
    model = ModelConfig.model_validate(
        {
            "encoder": {"name": "prithvi_vit", "coordinates": ["time"], "image_size": 32, "out_indices": [11]},
            "decoder": {"name": "fcn", "channels": 8},
        }
    )  # fmt: skip
    training = TrainingConfig.model_validate(
        {
            "max_epochs": 1,
            "loader": {"batch_size": 4},
            "loss": [{"name": "cross_entropy"}],
            "optimizer": {"name": "adamw", "learning_rate": 0.01},
            "trainer": {"accelerator": "cpu"},
        }
    )
    data, scan = world.configs["files"], world.scans["files"]
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    initial = build_initial(data, model, seed=0)
    labelled = initial.labelled(samples, world.scenes["files"], world.labels)
    statistics = compute_statistics(samples, scan.cells, data)
    bundle = fit(initial, labelled, statistics, training, 0, tmp_path_factory.mktemp("runs")).bundle
    path = tmp_path_factory.mktemp("bundle") / "trained"
    save_bundle(bundle, path)
    return load_bundle(path)


def test_chips_are_those_of_the_stack(world: SimpleNamespace) -> None:
    files, stacks = (world.scans[name].chips for name in ("files", "stacks"))
    assert (files[sample_table.DATES] == "2024-03-15,2024-09-20").all()
    different = [name for name in files.columns if not files[name].equals(stacks[name])]
    assert different == [sample_table.path_column("optical")]
    first = files.iloc[0]
    assert (
        first[sample_table.path_column("optical")] == f"{first['scene']}_{DAYS[0]}.tif|{first['scene']}_{DAYS[2]}.tif"
    )


def test_the_report_says_the_dates(world: SimpleNamespace) -> None:
    scans: Mapping[str, Scan] = world.scans
    assert scans["files"].report.equals(scans["stacks"].report)


def test_predictions_are_those_of_the_stack(world: SimpleNamespace, trained: Any) -> None:
    own = InferenceConfig(tile_size=32, overlap=8, probabilities=True)
    stacked = own.model_copy(update={"source": world.configs["stacks"].sources["optical"]})
    maps = probabilities_of(trained, world.scenes["files"], own)
    expected = probabilities_of(trained, world.scenes["stacks"], stacked)
    assert maps.keys() == expected.keys() == set(world.labels.files)
    for key, found in maps.items():
        assert np.array_equal(found, expected[key], equal_nan=True)


def test_the_model_sees_the_dates_of_the_names(world: SimpleNamespace, trained: Any, tmp_path: Path) -> None:
    key, config = "p5", InferenceConfig(tile_size=32, overlap=8, probabilities=True)
    for number, day in enumerate(("20240701", "20240702", "20241231")):
        (tmp_path / f"{key}_{day}.tif").symlink_to(world.root / "files" / f"{key}_{DAYS[number]}.tif")
    own = RasterFolder(world.root / "files", *(
        {key: part[key]} for part in (world.scenes["files"].files, world.scenes["files"].dates)
    ))  # fmt: skip
    others = find_rasters(tmp_path, ["{key}_{date}.tif"])
    known, moved = (probabilities_of(trained, folder, config)[key] for folder in (own, others))
    assert known.shape == moved.shape
    assert not np.allclose(known, moved, equal_nan=True)


def test_a_second_source_has_dates_of_its_own_and_may_be_missing(
    world: SimpleNamespace, tiny_data: SimpleNamespace
) -> None:
    words = tiny_data.config.model_dump()
    words["sources"]["optical"]["reference"] = True
    words["sources"]["later"] = {
        "bands": ["A", "B", "C"], "dtype": "int16", "nodata": NODATA, "optional": True, "steps": 2,
        "layout": "file_per_date", "take_dates": "newest",
    }  # fmt: skip
    data = DataConfig.model_validate(words)
    lacking = next(iter(tiny_data.scenes.files))
    files = {key: names for key, names in world.scenes["files"].files.items() if key != lacking}
    days = {key: dates for key, dates in world.scenes["files"].dates.items() if key != lacking}
    scenes = {"optical": tiny_data.scenes, "later": RasterFolder(world.root / "files", files, days)}
    scan = scan_scenes(scenes, tiny_data.labels, data)
    of_scene = scan.report.set_index("scene")["dates_later"]
    assert of_scene.drop(lacking).eq("2024-06-01,2024-09-20").all()
    assert pd.isna(of_scene[lacking])
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    labelled = LabelledData(samples, scenes, tiny_data.labels, data.sources, data.target)
    for split in ("train", "val", "test"):
        part = samples[samples["split"] == split].reset_index(drop=True)
        chips = labelled.chips(split)
        for index in range(0, len(part), 5):
            chip = chips[index]
            assert chip.patch.values["later"].shape[:2] == (3, 2)
            there = part["scene"][index] != lacking
            if not there:
                # Dates of what is nowhere say nothing, and a model that takes dates gets numbers nevertheless.
                assert np.array_equal(chip.dates["later"], np.repeat(chip.dates["optical"], 2, axis=0))
            assert bool(chip.patch.valid["later"].any()) == there
            if there:
                dark = chip.patch.values["optical"] + 100
                assert np.array_equal(chip.patch.values["later"][:, 0][:, chip.patch.valid["later"]],
                                      dark[:, chip.patch.valid["later"]])  # fmt: skip
                assert chip.dates["later"][:, 0].tolist() == [2024, 2024]
    assert (samples["scene"] == lacking).any()
    with open_checked(folders_by_source(scenes, data.sources), lacking, data.sources) as stack:
        own = stack.dates("optical")
        assert own is not None
        assert stack.dates("later") == own * 2


@pytest.mark.parametrize(
    ("days", "steps", "is_missing", "expected"),
    [((1, 2), 2, False, [1, 2]), ((1, 2), 3, False, None), ((1, 2), 3, True, [2, 2, 2]), ((), 1, True, None)],
)
def test_a_source_without_dates_has_those_of_the_reference(
    days: tuple[int, ...], steps: int, is_missing: bool, expected: list[int] | None
) -> None:
    reference = [date(2024, 5, day) for day in days] or None
    found = dates_of_reference(reference, steps, is_missing=is_missing)
    assert found == (None if expected is None else [date(2024, 5, day) for day in expected])
    table = {"dates": ",".join(map(str, reference or ())), "path_s1": "" if is_missing else "a.tif"}
    read = sample_table.dates(pd.DataFrame([table] * 3), "s1", steps)
    assert (read is None) == (expected is None)
    if read is not None:
        assert read[:, :, 1].tolist() == [[120 + day for day in expected or ()]] * 3
