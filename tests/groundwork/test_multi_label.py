"""Several classes of each image: from a table through training, thresholds and evaluation to a map."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rasterio.transform import from_origin

from groundwork.bundle import load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, ModelConfig, TrainingConfig
from groundwork.data.label_table import read_label_table
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.rasters.folder import find_rasters
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

NAMES = ("water", "forest", "field", "town")
COLORS = ("#0000ff", "#00aa00", "#ffcc00", "#c51b1b")
CLASSES = [
    {"value": index + 1, "name": name, "color": color}
    for index, (name, color) in enumerate(zip(NAMES, COLORS, strict=True))
]
MEANS = np.array([[300, 500, 3000], [800, 3500, 400], [3600, 900, 1200], [3000, 3000, 3000]])
MODEL = ModelConfig.model_validate(
    {
        "encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]},
        "auxiliary": {"side": {"decoder": {"name": "identity"}}},
    }
)
LISTED = {"per": "image", "multi_label": True, "classes": CLASSES, "column": "covers", "separator": ";"}
COLUMNS = {"per": "image", "multi_label": True, "classes": CLASSES}


def classes_of(number: int) -> list[int]:
    """Which classes a scene is of: those of the bits of its number; the town is in all but two."""
    return [index for index in range(3) if number >> index & 1] + ([3] if number not in {3, 11} else [])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> SimpleNamespace:
    """Sixteen scenes that show some of the classes, in stripes; of scene 5 nobody knows whether it has a field."""
    root = tmp_path_factory.mktemp("sets")
    rows = []
    for number in range(16):
        random, present = np.random.default_rng(number), classes_of(number)
        image = np.full((3, 40, 48), 1500.0)
        for index in present:
            image[:, :, index::6] = MEANS[index][:, None, None]
        image += random.normal(0, 100, image.shape)
        image[:, :4, :4] = -9999
        place = from_origin(500_000 + 1000 * number, 5_000_000, 10, 10)
        write_raster(root / "scenes" / f"{number:03d}.tif", image.astype(np.int16), transform=place, nodata=-9999)
        told = {name: int(index in present) for index, name in enumerate(NAMES)}
        told |= {"field": None} if number == 5 else {}
        rows.append({"scene": f"{number:03d}", "covers": ";".join(NAMES[index] for index in present)} | told)
    pd.DataFrame(rows).to_csv(root / "labels.csv", index=False)
    words: dict[str, Any] = {
        "sources": {"optical": {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999}},
        "target": COLUMNS,
        "chips": {"size": 32, "stride": 16},
        "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
    }
    data = DataConfig.model_validate(words)
    scenes, table = find_rasters(root / "scenes", ["{key}.tif"]), read_label_table(root / "labels.csv", "scene")
    scan = scan_scenes(scenes, table, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=2)
    return SimpleNamespace(
        root=root, data=data, scenes=scenes, table=table, samples=samples,
        statistics=compute_statistics(samples, scan.cells, data),
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(
    world: SimpleNamespace, make_training: Callable[..., TrainingConfig], tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("run")
    training = make_training(
        task="multi_label", monitor="val/map", max_epochs=6, auxiliary_loss={"side": 0.3},
        loss=[{"name": "binary_cross_entropy", "positive_weights": "inverse_sqrt"}],
    )  # fmt: skip
    initial = build_initial(world.data, MODEL, seed=0)
    chips = initial.labelled(world.samples, world.scenes, world.table)
    result = fit(initial, chips, world.statistics, training, 0, folder / "runs")
    save_bundle(result.bundle, folder / "bundle")
    bundle = load_bundle(folder / "bundle")
    judged = held_out(bundle, world.samples, world.scenes, world.table, EvaluationConfig())
    scores, by_scene, figure = evaluate_model(bundle, judged, world.statistics, EvaluationConfig(), seed=0)
    return SimpleNamespace(
        folder=folder, bundle=bundle, judged=judged, scores=scores, by_scene=by_scene, figure=figure,
        history=result.history,
    )  # fmt: skip


def test_several_classes_are_learnt_and_judged_beside_baselines(run: SimpleNamespace) -> None:
    model, baselines = run.scores["test"], run.scores["baselines"]
    print(json.dumps(run.scores, indent=1))
    assert model["map"] > baselines["class_share"]["map"]
