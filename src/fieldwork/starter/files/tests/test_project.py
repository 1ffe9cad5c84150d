"""The recipes of this project hold together, and the whole way can be gone on the embedded sample."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rasterio
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.dvc_stages import derive
from fieldwork.parameters import read_parameters
from fieldwork.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[1]
RECIPES = sorted(path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "base")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_valid(recipe: str) -> None:
    settings: dict[str, Any] = {**CONFIG_LOADER_ARGS}
    loader = RecipeConfigLoader(str(ROOT / "conf"), env=recipe, **settings)
    parameters = read_parameters(loader["parameters"], lambda name: [])
    assert parameters["data"].sources
    assert "scenes" in loader["catalog"]


def test_all_pipelines_are_there() -> None:
    bootstrap_project(ROOT)
    assert {"data_prep", "model_build", "training", "evaluation", "inference"} <= set(pipelines)
    assert pipelines["__default__"].nodes


def test_the_stages_of_dvc_are_those_of_the_pipelines() -> None:
    bootstrap_project(ROOT)
    assert derive(ROOT) == (ROOT / "dvc.yaml").read_text("utf-8"), "run 'make dvc', and commit dvc.yaml"


def test_the_whole_way_is_gone_on_the_sample(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name in ("conf", "data", "pyproject.toml", "src"):
        origin = ROOT / name
        # What earlier runs left is none of this test's matter.
        ignored = shutil.ignore_patterns("__pycache__", "*.tif", "*.safetensors", "local")
        shutil.copytree(origin, copy / name, ignore=ignored) if origin.is_dir() else shutil.copy(origin, copy / name)
    (copy / "conf/local").mkdir()
    short = "training.max_epochs=1,data.chips.stride=128,evaluation.baseline_pixels=2000,sample_data.num_scenes=6"
    for words in (("--pipelines", "sample_data"), ()):
        _kedro_run(copy, *words, "--params", short)
    scores = json.loads((copy / "data/08_reporting/base/metrics.json").read_text("utf-8"))
    assert 0 <= scores["test"]["miou"] <= 1
    scene = min((copy / "data/01_raw/sample/scenes").glob("*.tif"))
    predicted = copy / f"data/07_model_output/base/predictions/{scene.stem}_classes.tif"
    with rasterio.open(scene) as given, rasterio.open(predicted) as made:
        assert (made.crs, made.transform, made.shape) == (given.crs, given.transform, given.shape)


def _kedro_run(folder: Path, *words: str) -> None:
    settings = {"DO_NOT_TRACK": "1", "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", *words],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
