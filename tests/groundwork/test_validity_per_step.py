"""Scenes that lack dates through the whole house: indexed, summed, trained on, judged, predicted and drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

from groundwork.batch import collate, known_in
from groundwork.bundle import Bundle
from groundwork.config import DataConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.config.component import ComponentConfig
from groundwork.data.augmentation.augmenter import Augmenter
from groundwork.data.augmentation.base import Described
from groundwork.data.chips import LabelledData
from groundwork.data.scan import scan_scenes
from groundwork.data.scene_stack import folders_by_source
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.evaluation.figures import draw_panel, draw_quicklooks
from groundwork.evaluation.pixel_baseline import pixel_baselines
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

DAYS = ("20240315", "20240601", "20240920")
NODATA = -9999


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace, write_raster: Callable[..., Path]
) -> SimpleNamespace:
    """The tiny scenes at one to three of three dates; scene ``1`` holds nodata in its corner at the first alone."""
    root = tmp_path_factory.mktemp("dates")
    for number, key in enumerate(tiny_data.scenes.files):
        with rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene:
            pixels, place = scene.read(), {"crs": scene.crs, "transform": scene.transform, "nodata": NODATA}
        for step in [(0, 1, 2), (1,), (0, 2)][number % 3]:
            values = np.where((pixels == NODATA) & (step > 0), 500, pixels + np.int16(100 * step) * (pixels != NODATA))
            write_raster(root / f"{key}_{DAYS[step]}.tif", values.astype(np.int16), **place)
    words = tiny_data.config.model_dump()
    words["sources"]["optical"] |= {
        "steps": 3, "date_tag": None, "layout": "file_per_date", "take_dates": {"nearest_to": [75, 153, 264]},
        "too_few_dates": "fill",
    }  # fmt: skip
    data = DataConfig.model_validate(words)
    scenes = find_rasters(root, ["{key}_{date}.tif"])
    scan = scan_scenes(scenes, tiny_data.labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    chosen = folders_by_source(scenes, data.sources)
    labelled = LabelledData(samples, chosen, tiny_data.labels, data.sources, data.target)
    return SimpleNamespace(
        data=data, scenes=scenes, labels=tiny_data.labels, scan=scan, samples=samples, labelled=labelled, root=root
    )


@pytest.fixture(scope="module")
def trained(world: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    inner = {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}
    model = ModelConfig.model_validate(
        {
            "encoder": {"name": "per_date", "encoder": inner},
            "decoder": {"name": "fcn", "channels": 8},
        }
    )
    training = TrainingConfig.model_validate(
        {
            "max_epochs": 1,
            "loader": {"batch_size": 4},
            "loss": [{"name": "cross_entropy"}],
            "optimizer": {"name": "adamw", "learning_rate": 0.01},
            "trainer": {"accelerator": "cpu"},
        }
    )
    initial = build_initial(world.data, model, seed=0)
    statistics = compute_statistics(world.samples, world.scan.cells, world.data)
    runs = tmp_path_factory.mktemp("runs")
    return fit(initial, world.labelled, statistics, training, 0, runs).bundle


def test_the_table_names_no_file_where_there_is_none(world: SimpleNamespace) -> None:
    rows = world.samples.drop_duplicates("scene").set_index("scene")
    assert rows.loc["1", "path_optical"] == "|".join(f"1_{day}.tif" for day in DAYS)
    assert rows.loc["11", "path_optical"] == f"|11_{DAYS[1]}.tif|"
    assert rows.loc["east", "path_optical"] == f"east_{DAYS[0]}.tif||east_{DAYS[2]}.tif"
    assert rows.loc["11", "dates"] == "2024-06-01,2024-06-01,2024-06-01"
    assert rows.loc["east", "dates"] == "2024-03-15,2024-03-15,2024-09-20", "79 days before are nearer than 111 after"


def test_chips_hold_data_step_by_step(world: SimpleNamespace) -> None:
    chips, table = world.labelled.chips, world.samples
    found = {}
    for split in ("train", "val", "test"):
        part = table[table["split"] == split].reset_index(drop=True)
        found |= {row.sample_id: chips(split)[index] for index, row in enumerate(part.itertuples())}
    chip = found["1_00000_00000"]
    corner = chip.patch.valid["optical"][:, :10, :10]
    assert chip.patch.valid["optical"].shape == (3, 32, 32)
    assert [step.mean() for step in corner] == [0, 1, 1]
    assert chip.patch.known.all()
    alone = next(chip for name, chip in found.items() if name.startswith("11_"))
    assert [step.mean() for step in alone.patch.valid["optical"]] == [0, 1, 0]
    assert not alone.patch.values["optical"][:, [0, 2]].any()
    assert alone.dates["optical"][:, 1].tolist() == [152, 152, 152]


def test_statistics_are_those_of_what_holds_data(world: SimpleNamespace) -> None:
    found = compute_statistics(world.samples, world.scan.cells, world.data).sources["optical"]
    values: list[Any] = [[], [], []]
    train = world.samples[world.samples["split"] == "train"]
    for key in train["scene"].unique():
        for file in sorted(world.root.glob(f"{key}_2024*.tif")):
            with rasterio.open(file) as raster:
                pixels = raster.read()
            seen = np.zeros(pixels.shape[1:], bool)
            for row in train[train["scene"] == key].itertuples():
                seen[row.row : row.row + 32, row.column : row.column + 32] = True
            for band in range(3):
                values[band].append(pixels[band][seen & (pixels[band] != NODATA)].astype(float))
    for band, name in enumerate("ABC"):
        whole = np.concatenate(values[band])
        assert found[name].mean == pytest.approx(whole.mean(), rel=1e-8)
        assert found[name].std == pytest.approx(whole.std(), rel=1e-8)
        assert (found[name].minimum, found[name].maximum) == (whole.min(), whole.max())


def test_shares_of_sources_are_of_all_steps(world: SimpleNamespace, tiny_data: SimpleNamespace) -> None:
    words = world.data.model_dump()
    words["sources"]["plain"] = {**tiny_data.config.sources["optical"].model_dump(), "optional": True, "date_tag": None}
    words["sources"]["optical"]["reference"] = True
    scenes = {"optical": world.scenes, "plain": tiny_data.scenes}
    report = scan_scenes(scenes, world.labels, DataConfig.model_validate(words)).report.set_index("scene")
    assert report.loc["11", "valid_optical"] == pytest.approx(1 / 3, abs=1e-6)
    assert report.loc["1", "valid_optical"] == pytest.approx(1 - 100 / 64**2 / 3, abs=1e-6)
    assert report.loc["1", "valid_plain"] == pytest.approx(1 - 100 / 64**2, abs=1e-6)
    assert report["valid_fraction"].eq(1).all()


def test_augmentation_moves_the_validity_of_each_step(world: SimpleNamespace) -> None:
    batch = collate([world.labelled.chips("train")[index] for index in range(4)])
    marked = {**batch, "images": {"optical": batch["valid"]["optical"][:, None].float()}}
    changes = [ComponentConfig(name=name) for name in ("horizontal_flip", "vertical_flip", "quarter_turns")]
    ones = {"optical": torch.ones(1)}
    described = Described(world.labelled.inputs, world.labelled.target, ones, ones)
    moved = Augmenter(changes, described, seed=0).augment(marked, 0)  # type: ignore[arg-type]
    assert torch.equal(moved["images"]["optical"][:, 0].bool(), moved["valid"]["optical"])
    assert torch.equal(known_in(moved).flatten(1).sum(1), known_in(batch).flatten(1).sum(1))


def test_the_baseline_and_the_panel_take_steps_that_hold_nothing(world: SimpleNamespace) -> None:
    baselines = pixel_baselines(world.labelled, 400, 5, 0)
    batch = collate([world.labelled.chips("train")[0]])
    for baseline in baselines.values():
        assert baseline.predict(batch).shape == (1, 3, 32, 32)
    draw_panel(baselines["pixel_regression"], world.labelled, ["A", "B", "C"], 2)


def test_predictions_depend_on_steps_that_hold_data_alone(
    world: SimpleNamespace, trained: Bundle, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    config = InferenceConfig(tile_size=32, overlap=0, probabilities=True)
    found = dict(predict_scenes(trained, world.scenes, config).streams)
    maps = {key: [products["classes"] for _, products in stream.blocks] for key, stream in found.items()}
    assert all((block != 255).all() for block in maps["11"])
    # The same scene, with files of nothing where it has none.
    for day in DAYS:
        source = world.root / f"11_{day}.tif"
        with rasterio.open(world.root / f"11_{DAYS[1]}.tif") as raster:
            pixels, place = raster.read(), {"crs": raster.crs, "transform": raster.transform, "nodata": NODATA}
        write_raster(tmp_path / source.name, pixels if source.exists() else np.full_like(pixels, NODATA), **place)
    written = find_rasters(tmp_path, ["{key}_{date}.tif"])
    again = dict(predict_scenes(trained, written, config).streams)["11"]
    for block, (_, products) in zip(maps["11"], again.blocks, strict=True):
        assert np.array_equal(block, products["classes"])


def test_quicklooks_show_the_first_date_that_is_there(world: SimpleNamespace, tiny_data: SimpleNamespace) -> None:
    spec, chosen = world.data.sources["optical"], folders_by_source(world.scenes, world.data.sources)["optical"]
    figure = draw_quicklooks(spec, world.data.target, chosen, tiny_data.labels, ["A", "B", "C"])["11"]()
    picture = figure.axes[0].images[0].get_array()
    assert picture is not None
    assert picture.min() < 255
