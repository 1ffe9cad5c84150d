"""Several sources through the whole house: data, training, a bundle, evaluation, prediction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform as transform_points

from groundwork.batch import collate
from groundwork.bundle import load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data.augmentation.augmenter import Augmenter
from groundwork.data.augmentation.base import Described
from groundwork.data.sample_table import read_samples, write_samples
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import DataError, PairingError, SpecError
from groundwork.evaluation.figures import draw_panel
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.writing import write_rasters
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

RESNET = {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}
#: The scene that lacks the radar.
LACKING = "p4"


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace, write_raster: Callable[..., Path]
) -> SimpleNamespace:
    """The tiny scenes with radar of 20 m in the neighbouring zone, which one of them lacks."""
    root = tmp_path_factory.mktemp("several")
    for key in tiny_data.scenes.files:
        with rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene:
            crs, bounds = scene.crs, scene.bounds
        other = "EPSG:32633" if crs == CRS.from_epsg(32632) else "EPSG:32632"
        corners = [
            (bounds.left, bounds.top),
            (bounds.right, bounds.top),
            (bounds.left, bounds.bottom),
            (bounds.right, bounds.bottom),
        ]
        xs, ys = transform_points(crs, CRS.from_string(other), *zip(*corners, strict=True))
        left, top = min(xs) - 100, max(ys) + 100
        width, height = int((max(xs) + 100 - left) / 20), int((top - min(ys) + 100) / 20)
        rows, columns = np.mgrid[:height, :width]
        radar = np.stack([-10 + rows / 10, -20 + columns / 10]).astype(np.float32)
        if key != LACKING:
            write_raster(
                root / "radar" / f"{key}.tif", radar, crs=other, transform=from_origin(left, top, 20, 20), nodata=-99
            )
    config = tiny_data.config.model_dump()
    config["sources"]["optical"]["reference"] = True
    config["sources"]["radar"] = {
        "bands": ["VV", "VH"], "dtype": "float32", "nodata": -99, "resampling": "bilinear", "optional": True,
    }  # fmt: skip
    data = DataConfig.model_validate(config)
    scenes = {"optical": tiny_data.scenes, "radar": find_rasters(root / "radar", ["{key}.tif"])}
    scan = scan_scenes(scenes, tiny_data.labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    statistics = compute_statistics(samples, scan.cells, data)
    return SimpleNamespace(
        root=root, data=data, scenes=scenes, labels=tiny_data.labels, scan=scan, samples=samples, statistics=statistics
    )


@pytest.fixture(scope="module")
def model() -> ModelConfig:
    return ModelConfig.model_validate(
        {
            "encoder": None,
            "encoders": {"optical": RESNET, "radar": RESNET},
            "necks": [{"name": "merge_sources"}],
            "decoder": {"name": "fcn", "channels": 8},
        }
    )


@pytest.fixture(scope="module")
def trained(world: SimpleNamespace, model: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Any:
    initial = build_initial(world.data, model, seed=0)
    training = TrainingConfig.model_validate(
        {
            "max_epochs": 2,
            "loader": {"batch_size": 4},
            "loss": [{"name": "cross_entropy"}],
            "optimizer": {"name": "adamw", "learning_rate": 0.01},
            "augmentation": [{"name": "drop_source", "chance": 0.3}],
            "trainer": {"accelerator": "cpu"},
        }
    )
    data = initial.labelled(world.samples, world.scenes, world.labels)
    bundle = fit(initial, data, world.statistics, training, 0, tmp_path_factory.mktemp("runs")).bundle
    path = tmp_path_factory.mktemp("bundle") / "trained"
    save_bundle(bundle, path)
    return load_bundle(path)


def test_the_report_says_what_each_source_holds(world: SimpleNamespace) -> None:
    report = world.scan.report.set_index("scene")
    assert report.loc[LACKING, "missing"] == "radar"
    assert report.loc[LACKING, "valid_radar"] == 0
    others = report.drop(LACKING)
    assert others["missing"].isna().all()
    assert (others["valid_radar"] == 1).all()
    assert report["valid_optical"].between(0.9, 1).all()


def test_the_table_names_the_files_of_each_source(world: SimpleNamespace, tmp_path: Path) -> None:
    write_samples(world.samples, tmp_path / "samples.csv")
    again = read_samples(tmp_path / "samples.csv")
    lacking = again["scene"] == LACKING
    assert set(again.loc[lacking, "path_radar"]) == {""}
    assert (again.loc[~lacking, "path_radar"] == again.loc[~lacking, "path_optical"]).all()


def test_statistics_are_those_of_what_is_read(world: SimpleNamespace, model: ModelConfig) -> None:
    data = build_initial(world.data, model, seed=0).labelled(world.samples, world.scenes, world.labels)
    chips = data.chips("train")
    values = {source: [] for source in world.data.sources}
    for index in range(len(chips)):
        patch = chips[index].patch
        for source, part in patch.values.items():
            values[source].append(part[:, patch.valid[source]].astype(float))
    for source, parts in values.items():
        together = np.concatenate(parts, axis=1)
        found = world.statistics.of_bands(source, world.data.sources[source])
        # Chips of these scenes do not overlap, but reach into one another where a scene is no multiple of them.
        assert np.allclose([band.mean for band in found], together.mean(axis=1), rtol=0.02)
        assert np.allclose([band.minimum for band in found], together.min(axis=1))
        assert np.allclose([band.maximum for band in found], together.max(axis=1))


def test_evaluation_and_panels_take_all_sources(world: SimpleNamespace, trained: Any) -> None:
    data = held_out(trained, world.samples, world.scenes, world.labels, EvaluationConfig())
    found = evaluate_model(trained, data, world.statistics, EvaluationConfig(baseline_pixels=300), 0)
    scores, by_scene = found.scores, found.by_scene
    assert 0 <= scores["test"]["miou"] <= 1
    assert set(by_scene["scene"]) == set(data.of_split("test")["scene"])
    assert len(draw_panel(ModelPredictor(trained), data, ("A", "B", "C"), 1).axes) == 4


def test_a_scene_without_an_optional_source_is_predicted_as_if_it_held_nothing_there(
    world: SimpleNamespace,
    trained: Any,
    tmp_path: Path,
    write_raster: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = InferenceConfig(tile_size=32, overlap=8)
    lacking = {source: _only(folder, LACKING) for source, folder in world.scenes.items() if source != "radar"}
    lacking["radar"] = RasterFolder(tmp_path, {})
    empty = np.full((2, 96, 64), -99, np.float32)
    with rasterio.open(world.scenes["optical"].paths(LACKING)[0]) as scene:
        write_raster(tmp_path / f"{LACKING}.tif", empty, crs=scene.crs, transform=scene.transform, nodata=-99)
        expected_place = scene.crs, scene.transform, scene.shape
    nothing = {**lacking, "radar": find_rasters(tmp_path, ["{key}.tif"])}
    left_out = {source: folder for source, folder in lacking.items() if source != "radar"}
    found = []
    for number, folders in enumerate((lacking, nothing, left_out)):
        [(_, stream)] = list(predict_scenes(trained, folders, config).streams)
        write_rasters(stream, {"classes": tmp_path / "out" / f"{number}.tif"})
        with rasterio.open(tmp_path / "out" / f"{number}.tif") as raster:
            assert (raster.crs, raster.transform, raster.shape) == expected_place
            found.append(raster.read(1))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
    assert len(np.unique(found[0])) > 1
    for place in (str(tmp_path), "it was left out"):
        assert caplog.text.count(f"1 of 1 scene(s) have no raster of 'radar' ({place}), and are predicted") == 1


def test_the_second_source_is_seen(world: SimpleNamespace, trained: Any) -> None:
    config = InferenceConfig(tile_size=64, overlap=8, probabilities=True)
    key = "p5"
    whole = {source: _only(folder, key) for source, folder in world.scenes.items()}
    without = {**whole, "radar": RasterFolder(world.root, {})}
    maps = []
    for folders in (whole, without):
        [(_, stream)] = list(predict_scenes(trained, folders, config).streams)
        maps.append(next(iter(stream.blocks))[1]["probabilities"])
    assert not np.allclose(*maps, equal_nan=True)


def test_chips_are_made_to_lack_optional_sources_alone(world: SimpleNamespace, model: ModelConfig) -> None:
    data = build_initial(world.data, model, seed=0).labelled(world.samples, world.scenes, world.labels)
    chips = data.chips("train")
    batch = collate([chips[index] for index in range(len(chips)) if chips[index].patch.valid["radar"].all()])
    training = TrainingConfig.model_validate(
        {
            "max_epochs": 1,
            "loss": [{"name": "cross_entropy"}],
            "optimizer": {"name": "adamw"},
            "augmentation": [{"name": "drop_source", "chance": 0.5}],
        }
    )
    ones = {source: torch.ones(spec.num_channels) for source, spec in world.data.sources.items()}
    described = Described(world.data.sources, world.data.target, ones, ones)
    augmenter = Augmenter(training.augmentation, described, seed=0)
    shares = []
    for epoch in range(40):
        changed = augmenter.augment(batch, epoch)
        held = changed["valid"]["radar"].flatten(1)
        assert (held.all(dim=1) | ~held.any(dim=1)).all(), "a source is there or not"
        assert changed["valid"]["optical"].float().mean() == batch["valid"]["optical"].float().mean()
        shares.append(held.any(dim=1).float().mean().item())
    assert 0.4 < np.mean(shares) < 0.6
    again = Augmenter(training.augmentation, described, seed=0).augment(batch, 3)["valid"]["radar"]
    assert torch.equal(again, augmenter.augment(batch, 3)["valid"]["radar"])


def test_what_cannot_go_together_is_refused(world: SimpleNamespace, trained: Any) -> None:
    nobody = world.data.model_dump()
    nobody["sources"]["optical"]["reference"] = False
    with pytest.raises(ValueError, match=r"\['optical', 'radar'\], none is the reference"):
        DataConfig.model_validate(nobody)
    radar = world.data.sources["radar"].model_copy(update={"optional": False})
    needed = world.data.model_copy(update={"sources": {**world.data.sources, "radar": radar}})
    with pytest.raises(PairingError, match=rf"source 'radar' .* has no raster for '{LACKING}'"):
        scan_scenes(world.scenes, world.labels, needed)
    with pytest.raises(SpecError, match=r"'inference.sources' names 'rader', which the model does not read. Did you"):
        predict_scenes(trained, world.scenes, InferenceConfig(sources={"rader": world.data.sources["radar"]}))
    with pytest.raises(SpecError, match=r"name each that is different in 'inference.sources'"):
        predict_scenes(trained, world.scenes, InferenceConfig(source=world.data.sources["radar"]))


def test_a_source_that_is_nowhere_in_training_is_refused(world: SimpleNamespace) -> None:
    alone = {"optical": world.scenes["optical"], "radar": RasterFolder(world.root, {})}
    scan = scan_scenes(alone, world.labels, world.data)
    samples = assign_splits(scan.chips, world.data.split, {}, seed=0)
    with pytest.raises(DataError, match=r"The source 'radar' holds no data in any scene of the training split"):
        compute_statistics(samples, scan.cells, world.data)


def _only(folder: RasterFolder, key: str) -> RasterFolder:
    return RasterFolder(folder.root, {key: folder.files[key]} if key in folder.files else {})


def test_an_area_cuts_all_sources_alike(world: SimpleNamespace, trained: Any, tmp_path: Path) -> None:
    key = "11"
    folders = {source: _only(folder, key) for source, folder in world.scenes.items()}
    with rasterio.open(folders["optical"].paths(key)[0]) as scene:
        west, north = scene.bounds.left, scene.bounds.top
    # Tiles of the area are tiles of the scene.
    box = {"bounds": (west + 320, north - 640, west + 960, north), "crs": "EPSG:32632"}
    maps = []
    for area in (None, box):
        config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 0, "area": area, "probabilities": True})
        [(_, stream)] = list(predict_scenes(trained, folders, config).streams)
        write_rasters(stream, {name: tmp_path / f"{area is None}_{name}.tif" for name in stream.profiles})
        with rasterio.open(tmp_path / f"{area is None}_probabilities.tif") as raster:
            maps.append(raster.read())
    assert maps[1].shape == (3, 64, 64)
    np.testing.assert_allclose(maps[1], maps[0][:, :64, 32:], atol=1e-6)
