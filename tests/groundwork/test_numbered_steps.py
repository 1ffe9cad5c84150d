"""Numbered steps and arrays with bands last through the house: as the same pixels with dates in GeoTIFF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio

from arrays import write_hdf5
from groundwork.bundle import load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data import sample_table
from groundwork.data.chips import LabelledData
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import SpecError
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

NODATA = -9999
#: The scene without the file of step 1.
LACKING = "p5"
DAYS = ("2024-03-15", "2024-06-01", "2024-09-20")
NUMBERED = {
    "steps": 3, "layout": "file_per_date", "step_numbers": [0, 1, 2], "too_few_dates": "fill",
    "georeference": "absent", "date_tag": None,
}  # fmt: skip


def _config(base: DataConfig, optical: dict[str, Any], **target: Any) -> DataConfig:
    words = base.model_dump()
    words["sources"]["optical"] |= optical
    words["target"] |= target
    return DataConfig.model_validate(words)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace, write_raster: Callable[..., Path]
) -> SimpleNamespace:
    """The tiny scenes at three steps without a place: a GeoTIFF for each step, stacks, and HDF5 with bands last."""
    root = tmp_path_factory.mktemp("numbered")
    for key in tiny_data.scenes.files:
        with rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene:
            pixels = scene.read()
        with rasterio.open(tiny_data.root / "labels" / f"{key}.tif") as label:
            classes = label.read(1)
        steps = [np.where(pixels == NODATA, NODATA, pixels + 100 * number).astype(np.int16) for number in range(3)]
        if key == LACKING:
            steps[1][:] = NODATA
        stack = np.concatenate(steps)
        write_raster(root / "stacks" / f"{key}.tif", stack, crs=None, nodata=NODATA)
        for number, part in enumerate(steps):
            if (key, number) != (LACKING, 1):
                write_raster(root / "steps" / f"{key}_S2_{number:02d}.tif", part, crs=None, nodata=NODATA)
        write_raster(root / "labels" / f"{key}.tif", classes, crs=None)
        write_hdf5(root / "arrays" / f"image_{key}.h5", "img", np.ascontiguousarray(stack.transpose(1, 2, 0)))
        write_hdf5(root / "masks" / f"mask_{key}.h5", "mask", np.ascontiguousarray(classes.T), nodata=255)
    stacked = {"steps": 3, "layout": "steps_first", "georeference": "absent", "date_tag": None}
    stacked["validity_per_step"] = True
    labels = find_rasters(root / "labels", ["{key}.tif"])
    masks = find_rasters(root / "masks", ["mask_{key}.h5"], variables=["mask"])
    arrays = find_rasters(root / "arrays", ["image_{key}.h5"], variables=["img"])
    return SimpleNamespace(
        scenes={
            "stacks": find_rasters(root / "stacks", ["{key}.tif"]),
            "steps": find_rasters(root / "steps", ["{key}_S2_{step}.tif"]),
            "arrays": arrays,
        },
        labels={"stacks": labels, "steps": labels, "arrays": masks},
        configs={
            "stacks": _config(tiny_data.config, stacked),
            "steps": _config(tiny_data.config, NUMBERED),
            "arrays": _config(tiny_data.config, stacked | {"axes": ["y", "x", "band"]}, axes=["x", "y"]),
        },
    )


def _learnt(world: SimpleNamespace, kind: str, folder: Path) -> SimpleNamespace:
    """Return samples, statistics, the bundle after an epoch, and its scores, of one kind of files."""
    data, scenes, labels = world.configs[kind], world.scenes[kind], world.labels[kind]
    encoder = {"name": "per_date", "encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}}
    model = ModelConfig.model_validate({"encoder": encoder, "decoder": {"name": "fcn", "channels": 8}})
    training = TrainingConfig.model_validate(
        {
            "max_epochs": 1,
            "loader": {"batch_size": 4},
            "loss": [{"name": "cross_entropy"}],
            "optimizer": {"name": "adamw", "learning_rate": 0.01},
            "trainer": {"accelerator": "cpu"},
        }
    )
    scan = scan_scenes(scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    initial = build_initial(data, model, seed=0)
    statistics = compute_statistics(samples, scan.cells, data)
    labelled = initial.labelled(samples, scenes, labels)
    fitted = fit(initial, labelled, statistics, training, 0, folder)
    save_bundle(fitted.bundle, folder / "bundle")
    bundle = load_bundle(folder / "bundle")
    evaluation = EvaluationConfig(boosting_iterations=0, bootstrap=0, orientations=False, baseline_pixels=500)
    judged = held_out(bundle, samples, scenes, labels, evaluation)
    scores = evaluate_model(bundle, judged, statistics, evaluation, seed=0).scores
    asked = InferenceConfig(tile_size=32, overlap=8, probabilities=True)
    predicted = {
        key: np.concatenate([products["probabilities"].ravel() for _, products in stream.blocks])
        for key, stream in predict_scenes(bundle, scenes, asked).streams
    }
    return SimpleNamespace(samples=samples, statistics=statistics, scores=scores["test"], predicted=predicted)


@pytest.fixture(scope="module")
def learnt(world: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, SimpleNamespace]:
    return {kind: _learnt(world, kind, tmp_path_factory.mktemp(kind)) for kind in world.scenes}


@pytest.mark.parametrize("kind", ["steps", "arrays"])
def test_all_that_is_learnt_judged_and_predicted_is_that_of_the_stack(
    learnt: dict[str, SimpleNamespace], kind: str
) -> None:
    found, expected = learnt[kind], learnt["stacks"]
    places = [sample_table.path_column("optical"), sample_table.LABEL_PATH]
    # What is not there is 0 in memory, where the stack holds its nodata: the pixels of that scene are others.
    hashes = [sample_table.CHECKSUM, sample_table.CONTENT]
    same = found.samples["scene"] != (LACKING if kind == "steps" else "")
    assert found.samples.drop(columns=places + hashes).equals(expected.samples.drop(columns=places + hashes))
    assert found.samples.loc[same, hashes].equals(expected.samples.loc[same, hashes])
    assert found.statistics == expected.statistics
    assert found.scores == expected.scores
    assert found.predicted.keys() == expected.predicted.keys()
    for key, values in expected.predicted.items():
        assert np.array_equal(found.predicted[key], values, equal_nan=True)


def test_a_step_without_a_file_holds_no_data_in_its_place(world: SimpleNamespace) -> None:
    data = world.configs["steps"]
    samples = scan_scenes(world.scenes["steps"], world.labels["steps"], data).chips
    cell = samples.set_index("scene").loc[LACKING, sample_table.path_column("optical")].iloc[0]
    assert cell == f"{LACKING}_S2_00.tif||{LACKING}_S2_02.tif"
    split = samples.assign(split="train")
    labelled = LabelledData(split, {"optical": world.scenes["steps"]}, world.labels["steps"], data.sources, data.target)
    chip = next(chip for chip in labelled.chips("train") if chip.sample_id.startswith(LACKING))
    valid = chip.patch.valid["optical"]
    assert [bool(step.any()) for step in valid] == [True, False, True]


def test_a_model_that_wants_dates_is_refused(world: SimpleNamespace, tmp_path: Path) -> None:
    data = world.configs["steps"]
    encoder = {"name": "prithvi_vit", "coordinates": ["time"], "image_size": 32, "out_indices": [11]}
    model = ModelConfig.model_validate({"encoder": encoder, "decoder": {"name": "fcn", "channels": 8}})
    scan = scan_scenes(world.scenes["steps"], world.labels["steps"], data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    initial = build_initial(data, model, seed=0)
    labelled = initial.labelled(samples, world.scenes["steps"], world.labels["steps"])
    statistics = compute_statistics(samples, scan.cells, data)
    training = TrainingConfig.model_validate(
        {"max_epochs": 1, "loss": [{"name": "cross_entropy"}], "optimizer": {"name": "adamw", "learning_rate": 0.01}}
    )
    with pytest.raises(SpecError, match="'time' needs"):
        fit(initial, labelled, statistics, training, 0, tmp_path)
