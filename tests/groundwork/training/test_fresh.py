"""What no published weights have is trained, from the file to the trained bundle, though the rest stays as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import BundleError
from groundwork.models.encoders.prithvi.variants import VARIANTS, PrithviVariant
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.models.encoders.terramind import variants as terramind_variants
from groundwork.models.encoders.terramind.encoder import TerraMindEncoder
from groundwork.models.encoders.terramind.variants import TerraMindVariant
from groundwork.specs import RasterSpec
from groundwork.training.card import write_card
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

TINY = "prithvi_eo_v2_tiny_tl"
#: The bands of the small data.
BANDS = ("A", "B", "C")
PRITHVI = {"variant": TINY, "image_size": 32, "pretrained": True}
FROZEN: dict[str, Any] = {"training": {"freeze": {"encoder": True}}}
ADAPTED: dict[str, Any] = {"model": {"adapters": {"options": {"r": 2}}}}


def of(*bands: str) -> RasterSpec:
    return RasterSpec(bands=bands, dtype="int16", nodata=-9999)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VARIANTS, TINY, PrithviVariant(32, 4, 2, learned_scale=True))
    monkeypatch.setitem(
        terramind_variants.VARIANTS,
        "terramind_v1_tiny",
        TerraMindVariant(32, 2, 2, gated=False, weights="owner/name/file.pt"),
    )


@pytest.fixture
def prithvi(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """An option that names a file of a Prithvi that saw these bands."""

    def make(*bands: str) -> dict[str, Any]:
        network = PrithviViT({"optical": of(*bands)}, variant=TINY, image_size=32)  # type: ignore[arg-type]
        torch.save({f"encoder.{name}": value for name, value in network.state_dict().items()}, tmp_path / "prithvi.pt")
        return {"file": str(tmp_path / "prithvi.pt"), "bands": list(bands)}

    return make


@pytest.fixture
def encoders(prithvi: Callable[..., dict[str, Any]], tmp_path: Path) -> dict[str, Callable[[], dict[str, Any]]]:
    def terramind() -> dict[str, Any]:
        network = TerraMindEncoder({"s2": of("RED")}, modalities={"s2": "S2L2A"}, variant="terramind_v1_tiny")
        state = {name: value for name, value in network.state_dict().items() if "embeddings" not in name}
        torch.save(state, tmp_path / "terramind.pt")
        words = {"variant": "terramind_v1_tiny", "modalities": {"optical": "new"}, "pretrained": True}
        return {"name": "terramind", "weights": str(tmp_path / "terramind.pt"), **words}

    return {
        "prompts": lambda: {"name": "prithvi_vit", "weights": prithvi(*BANDS), "prompts": {"tokens": 2}} | PRITHVI,
        "adapter": lambda: {"name": "prithvi_vit_adapter", "weights": prithvi(*BANDS)} | PRITHVI,
        "new source": terramind,
        "new band": lambda: {"name": "prithvi_vit", "weights": prithvi("A", "B")} | PRITHVI,
    }


@pytest.fixture
def run(
    tmp_path: Path,
    data_config: DataConfig,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: Callable[..., TrainingConfig],
) -> Callable[..., tuple[Bundle, Bundle]]:
    """Build, save, load and train for an epoch; give the untrained bundle and the trained one."""

    def make(encoder: dict[str, Any], words: dict[str, Any]) -> tuple[Bundle, Bundle]:
        # All levels of the adapter's pyramid are used, so that all of it can learn.
        is_pyramid = encoder["name"] == "prithvi_vit_adapter"
        decoder = {"name": "unet", "channels": [8, 8, 8, 8]} if is_pyramid else {"name": "fcn", "channels": 8}
        plain: dict[str, Any] = {"necks": "auto", "decoder": decoder, "accept": ["bands"]}
        model = ModelConfig.model_validate(plain | {"encoder": encoder} | words.get("model", {}))
        save_bundle(build_initial(data_config, model, 0), tmp_path / "initial")
        for file in tmp_path.glob("*.pt"):
            file.unlink()
        initial = load_bundle(tmp_path / "initial")
        training = make_training(max_epochs=1, **words.get("training", {}))
        trained = fit(initial, tiny_labelled, tiny_statistics, training, 0, tmp_path / "checkpoints").bundle
        save_bundle(trained, tmp_path / "trained")
        return initial, load_bundle(tmp_path / "trained")

    return make


#: What is fresh -> beginnings of the names of what must learn, and the line of the card.
FRESH = {
    "prompts": (("encoder.vpt_prompt_embeddings.",), "(1): `encoder.vpt_prompt_embeddings`."),
    "adapter": (
        ("encoder.level_embed", *(f"encoder.{part}." for part in ("spm", "injectors", "extractors", "up", "norms"))),
        "(6): `encoder.level_embed`, `encoder.spm`, `encoder.injectors`, `encoder.extractors`, `encoder.up`, "
        "`encoder.norms`.",
    ),
    "new source": (("encoder.encoder_embeddings.optical.",), "(1): `encoder.encoder_embeddings`."),
    "new band": (("encoder.patch_embed.proj.weight",), "(1): `encoder.patch_embed.proj.weight`."),
}
#: Statistics of batch-norm, and codes of places, which are computed.
COMPUTED = ("running_mean", "running_var", "num_batches_tracked", "pos_embed", "pos_emb")


def changed(initial: dict[str, Tensor], trained: dict[str, Tensor]) -> set[str]:
    assert initial.keys() == trained.keys()
    return {
        name
        for name, value in initial.items()
        if name.startswith("encoder.") and not name.endswith(COMPUTED) and not torch.equal(value, trained[name])
    }


@pytest.mark.parametrize("words", [FROZEN, ADAPTED], ids=["frozen", "adapted"])
@pytest.mark.parametrize("case", FRESH)
def test_fresh_weights_are_trained_though_the_others_stay(
    case: str,
    words: dict[str, Any],
    encoders: dict[str, Callable[[], dict[str, Any]]],
    run: Callable[..., tuple[Bundle, Bundle]],
) -> None:
    initial, trained = run(encoders[case](), words)
    begins, line = FRESH[case]
    moved = changed(initial.weights, trained.weights)
    assert not {name for name in moved if not name.startswith(begins) and "lora" not in name}
    still = {name for name in initial.weights if name.startswith(begins) and not name.endswith(COMPUTED)} - moved
    assert not still
    assert bool([name for name in moved if "lora" in name]) == (words is ADAPTED)
    card = write_card(initial, 32)
    if case == "new band":
        assert "Afresh for other bands (1): `patch_embed.proj.weight`." in card
    assert f"Trained also where the encoder is frozen or has adapters {line}" in card
    if words is ADAPTED:
        merged = trained.merged()
        assert merged.build_model().state_dict().keys() == merged.weights.keys()


def test_fresh_parts_are_in_training_mode_and_frozen_ones_are_not(
    encoders: dict[str, Callable[[], dict[str, Any]]], data_config: DataConfig
) -> None:
    words = {"encoder": encoders["adapter"](), "decoder": {"name": "fcn"}, "necks": "auto", "accept": ["bands"]}
    model = build_initial(data_config, ModelConfig.model_validate(words), 0).build_model()
    model.train()
    model.freeze_encoder()
    for _ in range(2):
        assert model.encoder.spm.stem[1].training
        assert not model.encoder.vit.blocks[0].training
        assert model.encoder.injectors[0].gamma.requires_grad
        assert not any(parameter.requires_grad for parameter in model.encoder.vit.parameters())
        model.train()


def test_a_new_band_learns_beside_prompts_too(
    prithvi: Callable[..., dict[str, Any]], run: Callable[..., tuple[Bundle, Bundle]]
) -> None:
    words = {"name": "prithvi_vit", "weights": prithvi("A", "B"), "prompts": {"tokens": 2}} | PRITHVI
    initial, trained = run(words, {})
    moved = changed(initial.weights, trained.weights)
    assert moved == {"encoder.patch_embed.proj.weight", *(f"encoder.vpt_prompt_embeddings.{n}" for n in range(4))}


def test_the_other_sources_encoder_is_fresh_where_one_is_pretrained(
    prithvi: Callable[..., dict[str, Any]], data_config: DataConfig
) -> None:
    sources = {"a": of(*BANDS), "b": of("VV")}
    data = data_config.model_copy(update={"sources": sources})
    plain = {"name": "prithvi_vit", "variant": TINY, "image_size": 32}
    encoders = {"a": plain | {"pretrained": True, "weights": prithvi(*BANDS)}, "b": plain}
    words = {"encoders": encoders, "decoder": {"name": "fcn"}, "necks": "auto"}
    model = build_initial(data, ModelConfig.model_validate(words), 0).build_model()
    model.freeze_encoder()
    learning = {name for name, parameter in model.encoder.named_parameters() if parameter.requires_grad}
    assert learning == {name for name, _ in model.encoder.named_parameters() if name.startswith("encoders.b.")}


def test_adapters_on_random_weights_are_said(data_config: DataConfig, caplog: pytest.LogCaptureFixture) -> None:
    words = {"encoder": {"name": "timm", "model": "test_vit", "image_size": 32}, "adapters": {"modules": ["qkv"]}}
    with caplog.at_level(logging.WARNING):
        bundle = build_initial(data_config, ModelConfig.model_validate(words | {"decoder": {"name": "fcn"}}), 0)
    assert "random weights, and 'model.adapters' keeps them so" in caplog.text
    assert "The encoder's own weights are random and stay so" in write_card(bundle, 32)


def test_a_bundle_that_names_other_fresh_weights_is_refused(tiny_initial: Bundle) -> None:
    config = tiny_initial.config.model_copy(update={"fresh": ("encoder.nothing",)})
    with pytest.raises(BundleError, match=r"'fresh' names weights that its model does not have: \['encoder.nothing'\]"):
        Bundle(config, tiny_initial.weights).build_model()
