"""An initial bundle says what it was built from, and is trained with nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from groundwork.bundle import Bundle
from groundwork.config import DataConfig, ModelConfig
from groundwork.errors import BundleError
from groundwork.training.initial import build_initial, require_built_from


def test_the_parameters_it_was_built_from_are_taken(
    tiny_initial: Bundle, data_config: DataConfig, model_config: ModelConfig
) -> None:
    require_built_from(tiny_initial, data_config, model_config, 0)
    looks = data_config.model_dump(mode="json")
    looks["target"]["classes"][0]["color"] = "#000000"
    looks["sources"]["optical"]["rgb"] = ["C", "B", "A"]
    looks["chips"]["stride"] = 16
    require_built_from(tiny_initial, DataConfig.model_validate(looks), model_config, 0)


def test_necks_that_were_found_for_it_are_no_difference(data_config: DataConfig) -> None:
    encoder = {"name": "timm", "model": "test_vit", "image_size": 32}
    model = ModelConfig.model_validate({"encoder": encoder, "necks": "auto", "decoder": {"name": "unet"}})
    require_built_from(build_initial(data_config, model, 0), data_config, model, 0)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("model", {"decoder": {"name": "fcn", "channels": 8}}),
        ("sources", {"optical": {"bands": ["C", "B", "A"], "dtype": "int16", "nodata": -9999, "date_tag": "DATE"}}),
        ("target", None),
        ("seed", 1),
    ],
)
def test_what_another_recipe_built_is_refused(
    tiny_initial: Bundle, data_config: DataConfig, model_config: ModelConfig, part: str, change: Any
) -> None:
    data, model, seed = data_config.model_dump(mode="json"), model_config.model_dump(mode="json"), 0
    if part == "model":
        model |= change
    elif part == "seed":
        seed = change
    elif part == "target":
        data["target"]["classes"][0]["name"] = "sea"
    else:
        data[part] = change
    stated = DataConfig.model_validate(data), ModelConfig.model_validate(model), seed
    named = f"data.{part}" if part in data else part
    message = rf"holds timm test_resnet \+ fcn for .* other parameters than '{named}' state now .* Build the"
    with pytest.raises(BundleError, match=message):
        require_built_from(tiny_initial, *stated)
