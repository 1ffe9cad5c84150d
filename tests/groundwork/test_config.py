"""Typed configuration: unknown keys at any depth, and values that contradict each other."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig

CLASSES = [{"value": 0, "name": "land", "color": "#00ff00"}, {"value": 1, "name": "sea", "color": "#0000ff"}]
DATA: dict[str, Any] = {
    "sources": {"optical": {"bands": ["RED"], "dtype": "int16", "nodata": None}},
    "target": {"classes": CLASSES},
    "chips": {"size": 32},
    "split": {"method": "scenes"},
}
MODEL: dict[str, Any] = {"encoder": {"name": "timm", "model": "test_resnet"}, "decoder": {"name": "fcn"}}
TRAINING: dict[str, Any] = {"max_epochs": 1, "loss": [{"name": "dice"}], "optimizer": {"name": "sgd"}}
INFERENCE: dict[str, Any] = {}


def _set(words: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy in which one key at any depth is set."""
    first, _, rest = path.partition(".")
    return words | {first: _set(words.get(first, {}), rest, value) if rest else value}


MISSPELT: list[tuple[type, dict[str, Any], str, str, str]] = [
    (DataConfig, DATA, "chip", "chips", ""),
    (DataConfig, DATA, "chips.strid", "stride", "chips"),
    (DataConfig, DATA, "split.fractions.tran", "train", "split.fractions"),
    (DataConfig, DATA, "sources.optical.nodat", "nodata", "sources.optical"),
    (DataConfig, DATA, "target.ignore_valu", "ignore_value", "target"),
    (ModelConfig, MODEL, "encodr", "encoder", ""),
    (ModelConfig, MODEL, "auxiliary.side.decodr", "decoder", "auxiliary.side"),
    (TrainingConfig, TRAINING, "max_epoch", "max_epochs", ""),
    (TrainingConfig, TRAINING, "loader.batchsize", "batch_size", "loader"),
    (TrainingConfig, TRAINING, "freeze.encodr", "encoder", "freeze"),
    (InferenceConfig, INFERENCE, "tile_siz", "tile_size", ""),
    (InferenceConfig, INFERENCE, "source.dtyp", "dtype", "source"),
    (EvaluationConfig, INFERENCE, "panel_row", "panel_rows", ""),
]


@pytest.mark.parametrize(("config", "words", "path", "meant", "where"), MISSPELT, ids=lambda value: str(value)[:30])
def test_unknown_keys_are_named_at_any_depth(
    config: Any, words: dict[str, Any], path: str, meant: str, where: str
) -> None:
    key = path.rpartition(".")[2]
    with pytest.raises(ValidationError, match=rf"Unknown key '{key}'. Did you mean '{meant}'\?") as caught:
        config.model_validate(_set(words, path, 1))
    places = [".".join(str(part) for part in problem["loc"]) for problem in caught.value.errors()]
    assert where in places


@pytest.mark.parametrize(
    ("config", "words", "path", "value", "message"),
    [
        (
            DataConfig,
            DATA,
            "split.fractions",
            {"train": 0.5, "val": 0.1, "test": 0.1},
            "add up to 1; they add up to 0.7",
        ),
        (DataConfig, DATA, "split.method", "blocks", "'blocks' needs 'block_size': the side of a block in pixels"),
        (DataConfig, DATA, "split.method", "random", "'blocks', 'scenes', 'lists', 'date', 'column' or 'polygons'"),
        (DataConfig, DATA, "chips.size", 0, "greater than 0"),
        (DataConfig, DATA, "sources", {}, "at least 1 item"),
        (DataConfig, DATA, "sources", {"optical": None}, "at least 1 item"),
        (
            ModelConfig,
            MODEL,
            "auxiliary",
            {"a b": {"decoder": {"name": "fcn"}}},
            r"letters, digits and _; found \['a b'\]",
        ),
        (ModelConfig, MODEL, "encoder", {"model": "x"}, "name"),
        (TrainingConfig, TRAINING, "trainer", {"max_epochs": 3}, "not set here: see training.max_epochs"),
        (TrainingConfig, TRAINING, "trainer", {"logger": True}, "trainer.logger is not set here: .*history"),
        (TrainingConfig, TRAINING, "monitor", "miou", r"such as 'val/miou'; found 'miou'. Did you mean 'val/miou'\?"),
        (TrainingConfig, TRAINING, "loss", [], "at least 1 item"),
        (TrainingConfig, TRAINING, "loss", [{"name": "dice", "weight": 0}], "greater than 0"),
        (InferenceConfig, INFERENCE, "overlap", 200, "overlap 200 is more than half of tile_size 256"),
    ],
)
def test_values_that_cannot_be_are_refused(
    config: Any, words: dict[str, Any], path: str, value: object, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        config.model_validate(_set(words, path, value))


def test_a_recipe_drops_a_source_by_null() -> None:
    words = _set(DATA, "sources.radar", {"bands": ["VV"], "dtype": "float32", "nodata": "nan"})
    words = _set(words, "sources.optical.reference", True)
    assert list(DataConfig.model_validate(words).sources) == ["optical", "radar"]
    assert list(DataConfig.model_validate(_set(words, "sources.optical", None)).sources) == ["radar"]


def test_options_of_a_component_are_kept_apart_from_its_name() -> None:
    config = ModelConfig.model_validate(MODEL)
    assert config.encoder.name == "timm"
    assert config.encoder.options == {"model": "test_resnet"}
    loss = TrainingConfig.model_validate(TRAINING | {"loss": [{"name": "dice", "weight": 2, "smooth": 0.5}]}).loss[0]
    assert (loss.weight, loss.options) == (2.0, {"smooth": 0.5})


def test_no_source_is_called_as_the_label_is() -> None:
    with pytest.raises(ValidationError, match=r"cannot be called 'label'.*rename it"):
        DataConfig.model_validate(DATA | {"sources": {"label": next(iter(DATA["sources"].values()))}})


def test_a_component_without_options_is_its_name() -> None:
    bare = {"encoder": "unet", "decoder": "fcn", "head": "segmentation", "necks": ["fpn", {"name": "bottleneck"}]}
    config = ModelConfig.model_validate(bare | {"auxiliary": {"side": {"decoder": "fcn", "head": "segmentation"}}})
    assert [part.name for part in config.components()][1:] == [
        "unet", "fpn", "bottleneck", "fcn", "segmentation", "fcn", "segmentation"
    ]  # fmt: skip
    assert ModelConfig.model_validate({"encoders": {"a": "unet"}}).encoders["a"].name == "unet"
    assert ModelConfig.model_validate({"necks": "auto"}).necks == "auto"


def test_components_are_found_however_deep_they_stand() -> None:
    necks = [{"name": "per_source", "necks": {"a": [{"name": "mine.Neck", "inner": {"name": "mine.Part"}}]}}]
    names = [part.name for part in ModelConfig.model_validate({"necks": necks}).components()]
    assert names == ["encoder_decoder", "per_source", "mine.Neck", "mine.Part"]
