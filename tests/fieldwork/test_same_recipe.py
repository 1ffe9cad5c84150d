from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.same_recipe import SameRecipe
from fieldwork.settings import CONFIG_LOADER_ARGS, HOOKS
from groundwork.config import DataConfig, ModelConfig
from groundwork.errors import BundleError
from groundwork.training.initial import build_initial

ROOT = Path(__file__).parents[2]


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
