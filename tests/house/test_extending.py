"""What the page on extending the project shows is run: encoder, task, catalog entry and pipeline."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from kedro.io import DatasetError

from fieldwork.config_loader import merge
from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig, ModelConfig, TrainingConfig
from groundwork.config.data import DataConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.models.examples import example_images
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import find_rasters
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/extend-the-project.md").read_text("utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
YAML = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]


@pytest.fixture(scope="module")
def components(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The module that the page writes piece by piece."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "my_components.py").write_text("\n\n".join(PYTHON[:3]), encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield importlib.import_module("my_components")
    sys.path.remove(str(folder))
    del sys.modules["my_components"]


def model_config() -> ModelConfig:
    return ModelConfig.model_validate(YAML[0]["model"])


@pytest.mark.usefixtures("components")
def test_the_encoder_is_built_by_its_name_and_takes_any_size(data_config: DataConfig) -> None:
    bundle = build_initial(data_config, model_config(), 0)
    model = bundle.build_model().eval()
    for size in ((32, 32), (29, 35)):
        images = example_images(data_config.sources, size, "cpu")
        assert model(images).output.shape == (1, data_config.target.num_outputs, *size)
    assert model.encoder.project.kernel_size == (4, 4)  # type: ignore[union-attr]


@pytest.mark.usefixtures("components")
def test_the_task_is_trained_and_charges_for_jumps(
    data_config: DataConfig, tiny_labelled: LabelledData, tiny_statistics: Statistics, tmp_path: Path
) -> None:
    initial = build_initial(data_config, model_config(), 0)
    base = yaml.safe_load((ROOT / "conf/base/parameters_training.yml").read_text("utf-8"))["training"]
    small = {
        "max_epochs": 1,
        "loader": {"batch_size": 4},
        "trainer": {"accelerator": "cpu"},
        "schedule": {"name": "constant"},
    }

    def loss(smoothness: float) -> float:
        task = {**YAML[1]["training"]["task"], "smoothness": smoothness}
        training = TrainingConfig.model_validate(merge(merge(base, small), {"task": task}))
        result = fit(initial, tiny_labelled, tiny_statistics, training, 0, tmp_path / str(smoothness))
        return float(result.history["train/loss"].iloc[-1])

    assert loss(0.0) < loss(5.0)


def test_the_entry_gives_the_newest_folder(
    components: ModuleType, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    entry = components.NewestFolderDataset(path=str(tmp_path), pattern=YAML[2]["inference_scenes"]["pattern"])
    with pytest.raises(DatasetError, match=r"found no folder; expected one for each day"):
        entry.load()
    for day in ("2024-06-08", "2024-06-01"):
        write_raster(tmp_path / day / f"scene_{day[-2:]}.tif", np.zeros((1, 4, 4), np.int16))
    assert list(entry.load().files) == ["scene_08"]


def test_the_pipeline_adds_up_areas(tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path) -> None:
    config = InferenceConfig(tile_size=32, overlap=8)
    write_predictions(Names(tmp_path), predict_scenes(tiny_bundle, tiny_data.scenes, config))
    nodes: dict[str, Any] = {}
    exec(compile(PYTHON[3], "nodes", "exec"), nodes)
    table: pd.DataFrame = nodes["add_up_areas"](find_rasters(tmp_path, ["{key}_classes.tif"]))
    assert set(table["scene"]) == set(tiny_data.scenes.files)
    # Scenes of the tests have pixels of 10 m.
    import rasterio

    with rasterio.open(tmp_path / "11_classes.tif") as raster:
        known = int((raster.read(1) != raster.nodata).sum())
        pixel = abs(raster.transform.a * raster.transform.e)
    assert table.loc[table["scene"] == "11", "area_km2"].sum() == pytest.approx(known * pixel / 1e6)
    made = PYTHON[4].replace("from fieldwork.pipelines.areas.nodes import add_up_areas\n", "")
    pipeline: dict[str, Any] = {"add_up_areas": nodes["add_up_areas"]}
    exec(compile(made, "pipeline", "exec"), pipeline)
    [node] = pipeline["create_pipeline"]().nodes
    assert (node.inputs, node.outputs) == (["predictions"], ["areas"])
    assert YAML[3]["areas"]["type"] == "pandas.CSVDataset"
    assert torch.is_inference_mode_enabled() is False
