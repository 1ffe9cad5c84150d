from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.io import DataCatalog, MemoryDataset

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.pipeline_registry import register_pipelines
from fieldwork.same_recipe import SameRecipe
from fieldwork.settings import CONFIG_LOADER_ARGS, HOOKS
from groundwork.config import DataConfig, ModelConfig
from groundwork.config.merging import merge
from groundwork.errors import BundleError, DataError
from groundwork.training.initial import build_initial

ROOT = Path(__file__).parents[2]
PIPELINES = register_pipelines()


def _hook(recipe: str) -> tuple[SameRecipe, dict[str, Any]]:
    loader = RecipeConfigLoader(str(ROOT / "conf"), env=recipe, **CONFIG_LOADER_ARGS)
    [hook] = [SameRecipe() for hook in HOOKS if isinstance(hook, SameRecipe)]
    hook.after_context_created(SimpleNamespace(config_loader=loader))
    return hook, loader["parameters"]


def test_a_bundle_of_another_recipe_is_not_trained() -> None:
    base, parameters = _hook("local")
    data, model = DataConfig.model_validate(parameters["data"]), ModelConfig.model_validate(parameters["model"])
    bundle = build_initial(data, model, parameters["seed"])
    base.after_dataset_loaded("initial_bundle", bundle)
    other, _ = _hook("prithvi_tiny")
    with pytest.raises(BundleError, match=r"holds timm resnet10t \+ unet .* state now \(prithvi_vit"):
        other.after_dataset_loaded("initial_bundle", bundle)
    other.after_dataset_loaded("trained_bundle", bundle)


def _recorded(data: dict[str, Any]) -> DataCatalog:
    return DataCatalog({"run_record_data_prep": MemoryDataset({"parameters": {"data": data}})})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"chips": {"size": 64}}, r"'data\.chips\.size' was 64 and is 128"),
        ({"split": {"method": "blocks", "block_size": 256}}, "'data.split.method' was .blocks. and is .scenes."),
        ({"sources": {"hls": {"nodata": 0}}}, r"'data\.sources\.hls\.nodata' was 0\.0 and is -9999\.0"),
    ],
)
def test_samples_of_other_parameters_are_not_learnt_from(changed: dict[str, Any], message: str) -> None:
    hook, parameters = _hook("local")
    data = DataConfig.model_validate(parameters["data"]).model_dump(mode="json")
    before = merge(data, changed)
    with pytest.raises(DataError, match=message):
        hook.before_pipeline_run(PIPELINES["training"], _recorded(before))
    # What makes them anew is not held to what was there, and what judges goes by the bundle.
    hook.before_pipeline_run(PIPELINES["data_prep"] + PIPELINES["training"], _recorded(before))
    hook.before_pipeline_run(PIPELINES["evaluation"], _recorded(before))


def test_samples_may_be_shown_in_other_colours_and_recorded_in_other_words() -> None:
    hook, parameters = _hook("local")
    spelt_out = DataConfig.model_validate(parameters["data"]).model_dump(mode="json")
    spelt_out["target"]["classes"][0]["color"] = "#000000"
    spelt_out["sources"]["hls"]["rgb"] = ["SWIR_2", "NIR_NARROW", "RED"]
    hook.before_pipeline_run(PIPELINES["training"], _recorded(spelt_out))
    hook.before_pipeline_run(PIPELINES["training"], _recorded({"a key": "of another version"}))
    hook.before_pipeline_run(PIPELINES["training"], DataCatalog())
