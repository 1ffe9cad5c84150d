"""Parts that begin to learn after some epochs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from breaking import same
from groundwork.bundle import Bundle
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError
from groundwork.models.encoders.prithvi.variants import VARIANTS, PrithviVariant
from groundwork.models.freezing import mark_fresh
from groundwork.models.interface import Model
from groundwork.tasks.freezing import starts_of_learning
from groundwork.training.fit import FitResult, fit
from groundwork.training.initial import build_initial

Fit = Callable[..., FitResult]
UNTIL_1 = {"encoder": True, "until_epoch": 1}


def part_of(weights: dict[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    return {name: value for name, value in weights.items() if name.startswith(part)}


def test_the_encoder_stays_and_then_learns_as_if_it_had_begun_then(
    run: Fit, tmp_path: Path, tiny_initial: Bundle
) -> None:
    waiting = run(tmp_path / "waiting", freeze=UNTIL_1, monitor=None, max_epochs=2)
    frozen = run(tmp_path / "frozen", freeze={"encoder": True}, monitor=None, max_epochs=2)
    free = run(tmp_path / "free", monitor=None, max_epochs=2)
    first, *others = (result.history.iloc[0].tolist() for result in (waiting, frozen, free))
    assert first == others[0], "in the first epoch the encoder is frozen, statistics of batch normalisation included"
    assert first != others[1]
    assert waiting.history.iloc[1].tolist() != frozen.history.iloc[1].tolist()
    encoder = part_of(waiting.bundle.weights, "encoder.")
    assert not same(encoder, part_of(tiny_initial.weights, "encoder."))
    [file] = (tmp_path / "waiting").glob("*/last-*.ckpt")
    state = torch.load(file, weights_only=True)["optimizer_states"][0]["state"]
    steps = Counter(float(weight["step"]) for weight in state.values())
    parameters = [name for name, _ in tiny_initial.build_model().named_parameters()]
    of_encoder = sum(name.startswith("encoder.") for name in parameters)
    assert steps[min(steps)] == of_encoder, "the optimiser counts from when they began"
    assert min(steps) * 2 == max(steps)


def test_a_decoder_may_wait_too(run: Fit, tmp_path: Path, tiny_initial: Bundle) -> None:
    settings = {"monitor": None, "max_epochs": 2, "freeze": {"decoder": True, "until_epoch": 1}}
    run(tmp_path, **settings)
    kept: list[dict[str, torch.Tensor]] = []
    [folder] = tmp_path.iterdir()
    kept.append(torch.load(next(folder.glob("last-*.ckpt")), weights_only=True)["optimizer_states"][0]["state"])
    assert len({float(weight["step"]) for weight in kept[0].values()}) == 2
    assert len(kept[0]) == len(list(tiny_initial.build_model().parameters()))


def test_a_training_in_which_nothing_learns_at_first_is_refused(run: Fit, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"Nothing would learn before epoch 1.*Leave 'encoder' or 'decoder' out"):
        run(tmp_path, max_epochs=2, freeze={"encoder": True, "decoder": True, "until_epoch": 1})
    assert not list(tmp_path.glob("*/*.ckpt"))


@pytest.fixture
def transformer(monkeypatch: pytest.MonkeyPatch, data_config: DataConfig) -> Callable[..., tuple[Bundle, Model]]:
    encoder = {"name": "prithvi_vit", "variant": "prithvi_eo_v2_tiny_tl", "image_size": 32}
    model = {"encoder": encoder, "necks": [{"name": "select", "indices": [-1]}], "decoder": {"name": "fcn"}}

    def make(width: int = 64) -> tuple[Bundle, Model]:
        monkeypatch.setitem(VARIANTS, "prithvi_eo_v2_tiny_tl", PrithviVariant(width, 4, 2, learned_scale=True))
        initial = build_initial(data_config, ModelConfig.model_validate(model), seed=0)
        return initial, initial.build_model()

    return make


def test_layers_begin_from_the_last_to_the_first(
    transformer: Callable[..., tuple[Bundle, Model]], make_training: Callable[..., TrainingConfig]
) -> None:
    _, model = transformer()
    mark_fresh(model.encoder, ["cls_token"], by_design=True)  # type: ignore[arg-type]
    words = {"encoder": True, "until_epoch": 2, "unfreeze_layers_every": 3}
    starts = starts_of_learning(model, make_training(max_epochs=20, freeze=words).freeze)
    assert "encoder.cls_token" not in starts, "what is fresh is never frozen"
    assert not part_of(starts, "decoder.")
    assert not part_of(starts, "head.")
    expected = {0: 11, 1: 8, 2: 5, 3: 2}
    for number, start in expected.items():
        layer = {name: value for name, value in starts.items() if f".blocks.{number}." in name}
        assert layer
        assert set(layer.values()) == {start}
    rest = {name: start for name, start in starts.items() if ".blocks." not in name}
    assert {start for name, start in rest.items() if "patch_embed" in name} == {14}
    assert {start for name, start in rest.items() if ".norm" in name} <= {2}


def test_layers_learn_in_their_turn(
    transformer: Callable[..., tuple[Bundle, Model]], tmp_path: Path, tiny_labelled: LabelledData,
    tiny_statistics: Statistics, make_training: Callable[..., TrainingConfig],
) -> None:  # fmt: skip
    initial, _ = transformer()
    words = {"encoder": True, "until_epoch": 1, "unfreeze_layers_every": 1}
    moved: list[set[str]] = []
    for epochs in (2, 3):
        training = make_training(max_epochs=epochs, monitor=None, freeze=words)
        weights = fit(initial, tiny_labelled, tiny_statistics, training, 0, tmp_path / str(epochs)).bundle.weights
        moved.append({name for name in weights if not torch.equal(weights[name], initial.weights[name])})
    blocks = [{name.partition(".blocks.")[2][:1] for name in names if ".blocks." in name} for names in moved]
    assert blocks == [{"3"}, {"2", "3"}]
    assert not any("patch_embed" in name for names in moved for name in names)


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        ({"until_epoch": 1}, "until_epoch needs what is frozen until then"),
        ({"encoder": True, "unfreeze_layers_every": 1}, "unfreeze_layers_every needs 'encoder: true', and 'until_epo"),
        ({"encoder": True, "until_epoch": 3}, r"freeze.until_epoch is 3, and the training ends after 3 epochs"),
    ],
)
def test_what_would_never_begin_is_refused(
    make_training: Callable[..., TrainingConfig], freeze: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_training(freeze=freeze)


def test_an_encoder_without_layers_is_refused_before_it_is_trained(
    run: Fit, tmp_path: Path, transformer: Callable[..., tuple[Bundle, Model]]
) -> None:
    # Most of its weights are those of the embedding.
    initial, _ = transformer(width=8)
    with pytest.raises(SpecError, match=r"training.freeze.unfreeze_layers_every is for encoders whose layers follow"):
        run(tmp_path, initial=initial, freeze=UNTIL_1 | {"unfreeze_layers_every": 1})
