"""The model card says what a recipe builds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from groundwork.bundle import Bundle
from groundwork.config.data import ChipsConfig, DataConfig
from groundwork.config.model import ModelConfig
from groundwork.config.split import SplitConfig
from groundwork.errors import SpecError
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.training.card import write_card
from groundwork.training.initial import build_initial

BANDS = ("SWIR_1", "BLUE", "DEM")
PRITHVI = {"name": "prithvi_vit", "variant": "prithvi_eo_v2_tiny_tl", "image_size": 32}


HLS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")


def told(file: Path) -> dict[str, Any]:
    return {"file": str(file), "bands": HLS}


def initial(target: TargetSpec, **words: Any) -> Bundle:
    data = DataConfig(
        sources={"hls": RasterSpec(bands=BANDS, dtype="int16", nodata=None)},
        target=target,
        chips=ChipsConfig(size=32),
        split=SplitConfig(method="scenes"),
    )
    plain: dict[str, Any] = {"encoder": PRITHVI, "necks": "auto", "decoder": {"name": "unet"}}
    return build_initial(data, ModelConfig.model_validate(plain | words), 0)


def test_necks_that_auto_found_are_in_bundle_and_card(land_target: TargetSpec) -> None:
    bundle = initial(land_target)
    assert [neck.name for neck in bundle.config.model.necks] == ["select", "pyramid"]
    card = write_card(bundle, 32)
    assert 'Neck 0: `{"name": "select", "indices": [2, 5, 8, 11]}`.' in card
    assert "| necks.1 | PyramidNeck | [48ch/4px, 96ch/8px, 192ch/16px, 192ch/32px] |" in card
    assert "| head | SegmentationHead | 3ch/4px |" in card
    assert "Output: 3 classes per pixel: water, forest, field." in card
    total = sum(parameter.numel() for parameter in bundle.build_model().parameters())
    assert f"{total:,} parameters, {total:,} of them trained" in card


@pytest.fixture
def published() -> PrithviViT:
    return PrithviViT({"hls": RasterSpec(bands=HLS, dtype="int16", nodata=None)}, variant="prithvi_eo_v2_tiny_tl")


@pytest.fixture
def official(published: PrithviViT, tmp_path: Path) -> Path:
    """A file as the publisher lays it out."""
    state = {f"encoder.{name}": value for name, value in published.state_dict().items()}
    torch.save({**state, "decoder.mask_token": torch.zeros(1, 1, 512)}, tmp_path / "official.pt")
    return tmp_path / "official.pt"


def test_what_became_of_published_weights_is_told(
    land_target: TargetSpec, published: PrithviViT, official: Path
) -> None:
    encoder = PRITHVI | {"pretrained": True, "weights": told(official)}
    bundle = initial(land_target, encoder=encoder, accept=["bands"])
    weights = bundle.weights["encoder.patch_embed.proj.weight"]
    trained = published.patch_embed.proj.weight
    assert torch.equal(weights[:, 0], trained[:, 4])
    assert torch.equal(weights[:, 1], trained[:, 0])
    card = write_card(bundle, 32)
    digest = hashlib.sha256(official.read_bytes()).hexdigest()
    assert f"Pre-trained weights: official.pt (SHA-256 {digest})" in card
    assert "Bands set (2): `SWIR_1`, `BLUE`." in card
    assert "`decoder.mask_token`" in card
    assert str(official.parent) not in card
    # A bundle brings its own weights: neither hub nor file is needed again.
    official.unlink()
    assert torch.equal(bundle.build_model().state_dict()["encoder.patch_embed.proj.weight"], weights)


def test_bands_that_were_never_seen_are_refused_unless_accepted(land_target: TargetSpec, official: Path) -> None:
    with pytest.raises(SpecError, match=r"never saw the bands \['DEM'\].*'accept: \[bands\]'"):
        initial(land_target, encoder=PRITHVI | {"pretrained": True, "weights": told(official)})
