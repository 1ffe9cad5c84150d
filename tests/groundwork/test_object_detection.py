"""Objects from files to files: learnt, judged, kept, and found over scenes of any size."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pytest

from groundwork.bundle import load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.evaluation.figures import draw_history, draw_panel, draw_quicklook
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.evaluation.scores import headline
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_prediction
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.scene import Scene
from groundwork.rasters.shared import SharedFiles
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial
from tests.marked import marked_data, write_marked

SCENES = {f"s{number}": 6 for number in range(12)}
MODEL = {
    "factory": {"name": "object_detection", "framework": "retinanet", "score_threshold": 0.05},
    "encoder": {"name": "timm", "model": "resnet18", "out_indices": [1, 2]},
    "necks": [{"name": "fpn", "channels": 32}],
}


def training_for(**changes: Any) -> TrainingConfig:
    words = {
        "task": "object_detection",
        "max_epochs": 12,
        "loader": {"batch_size": 6},
        "loss": [{"name": "detector"}],
        "optimizer": {"name": "adamw", "learning_rate": 0.002},
        "schedule": {"name": "cosine"},
        "monitor": "val/map",
        "trainer": {"accelerator": "cpu", "gradient_clip_val": 1.0},
    }
    return TrainingConfig.model_validate(words | changes)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Scenes of 64 pixels with squares and discs, labelled by one vector file."""
    root = tmp_path_factory.mktemp("marked")
    marked = write_marked(root / "scenes", SCENES)
    marked.write_vectors(root / "marks.gpkg")
    split = {"method": "scenes", "fractions": {"train": 0.6, "val": 0.2, "test": 0.2}}
    words = marked_data(vectors={"attribute": "kind"}) | {"chips": {"size": 64, "stride": 64}, "split": split}
    data = DataConfig.model_validate(words)
    scenes, labels = find_rasters(root / "scenes", ["{key}.tif"]), SharedFiles(root, ("marks.gpkg",))
    scan = scan_scenes(scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    statistics = compute_statistics(samples, scan.cells, data)
    return SimpleNamespace(
        root=root, data=data, scenes=scenes, labels=labels, samples=samples, statistics=statistics, marked=marked
    )


@pytest.fixture(scope="module")
def result(world: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Any:
    initial = build_initial(world.data, ModelConfig.model_validate(MODEL), seed=0)
    data = initial.labelled(world.samples, world.scenes, world.labels)
    return fit(initial, data, world.statistics, training_for(), 0, tmp_path_factory.mktemp("runs"))


def test_objects_are_learnt_kept_and_judged(world: SimpleNamespace, result: Any, tmp_path: Path) -> None:
    history = result.history
    print(history.filter(like="val").to_string())
    save_bundle(result.bundle, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    data = held_out(bundle, world.samples, world.scenes, world.labels, EvaluationConfig())
    scores, by_scene, figure = evaluate_model(bundle, data, world.statistics, EvaluationConfig(), seed=0)
    print(scores)
    print(by_scene.to_string())
    draw_panel(ModelPredictor(bundle), data, ("A", "B", "C"), 2).savefig("/tmp/ot/panel.png")
    figure.savefig("/tmp/ot/figure.png")
