"""Statistics that a recipe states are those that a model standardises by, before and after its training."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from groundwork.batch import Images
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

GIVEN = {"A": {"mean": 1000, "std": 500}, "B": {"mean": 2000.5, "std": 250}, "C": {"mean": 0, "std": 4000}}


def given(model: ModelConfig, statistics: dict[str, Any], **changes: Any) -> ModelConfig:
    words = model.model_dump(mode="json") | {"standardise": "given", "statistics": statistics} | changes
    return ModelConfig.model_validate(words)


WHOLE = {"factory": {"name": "smp", "architecture": "Unet", "encoder": "resnet18"}, "encoder": None, "decoder": None}


@pytest.mark.parametrize("changes", [{}, WHOLE], ids=["encoder_decoder", "smp"])
def test_given_statistics_are_those_of_the_model(
    data_config: DataConfig, model_config: ModelConfig, changes: dict[str, Any]
) -> None:
    model = build_initial(data_config, given(model_config, {"optical": GIVEN}, **changes), 0).build_model()
    seen: list[torch.Tensor] = []
    standardise = model.get_submodule("standardise.optical")
    standardise.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    image = torch.full((1, 3, 32, 32), 1500.0)
    model.eval()(Images({"optical": image}))
    assert seen[0][0, :, 0, 0].tolist() == pytest.approx([1.0, -2.002, 0.375])


def test_training_keeps_them_and_says_where_they_cannot_be_of_these_rasters(
    data_config: DataConfig,
    model_config: ModelConfig,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: Callable[..., TrainingConfig],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scaled = {band: {key: value / 10_000 for key, value in entry.items()} for band, entry in GIVEN.items()}
    training = make_training(max_epochs=1, trainer={"accelerator": "cpu", "limit_train_batches": 1})
    for statistics, warns in ((GIVEN, False), (scaled, True)):
        caplog.clear()
        initial = build_initial(data_config, given(model_config, {"optical": statistics}), 0)
        with caplog.at_level(logging.WARNING):
            trained = fit(initial, tiny_labelled, tiny_statistics, training, 0, tmp_path).bundle
        means = trained.weights["standardise.optical.mean"].tolist()
        assert means == pytest.approx([entry["mean"] for entry in statistics.values()])
        assert ("'model.statistics' are far from what the training split holds" in caplog.text) is warns


@pytest.mark.parametrize(
    ("statistics", "message"),
    [
        ({"optical": {"A": GIVEN["A"], "B": GIVEN["B"]}}, r"lacks \['optical.C'\]"),
        ({"optcal": GIVEN}, r"names \['optcal.A', .* Did you mean 'optical.A'"),
    ],
)
def test_bands_without_and_beyond_are_refused(
    data_config: DataConfig, model_config: ModelConfig, statistics: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        build_initial(data_config, given(model_config, statistics), 0)


@pytest.mark.parametrize(
    "words",
    [
        {"standardise": "given"},
        {"statistics": {"optical": GIVEN}},
        {"standardise": "given", "statistics": {"o": {"A": {"mean": 1, "std": 0}}}},
    ],
)
def test_half_of_it_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"go together|greater than 0"):
        ModelConfig.model_validate({"encoder": "unet"} | words)


def test_a_recipe_without_them_is_written_as_before(model_config: ModelConfig) -> None:
    assert "statistics" not in model_config.model_dump(mode="json")
