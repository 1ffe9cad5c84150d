"""Small bundles of several families, for tests of exports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from asking import SOURCE
from described import SOURCES
from groundwork.bundle import Bundle, BundleConfig
from groundwork.config import InferenceConfig, ModelConfig
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory
from groundwork.models.assembly.raster_model import RasterModel
from groundwork.models.encoders.prithvi import variants as prithvi
from groundwork.models.encoders.terramind import variants as terramind
from groundwork.specs import RasterSpec, TargetSpec

Inputs = Mapping[str, RasterSpec]
TILES = InferenceConfig(tile_size=32, overlap=8, batch_size=2)
PLAIN = RasterSpec(bands=["RED", "BLUE"], dtype="int16", nodata=-1, date_tag="DATE", pixel_size_m=10)
ONE = {SOURCE: PLAIN}
TWO = {"optical": SOURCES["optical"].model_copy(update={"reference": True}), "radar": SOURCES["radar"]}
CLASSES = {"classes": [{"value": value, "name": f"c{value}", "color": "#102030"} for value in (1, 2, 3)]}
DEVIATIONS = {"outputs": [{"name": "height", "minimum": 0, "maximum": 30}], "deviation": True}
UNET = {"name": "unet", "channels": [4, 8]}
FCN = {"name": "fcn", "channels": 4}
TERRAMIND = {
    "name": "terramind", "variant": "terramind_v1_tiny", "modalities": {"optical": "S2L2A", "radar": "S1GRD"},
    "out_indices": [0],
}  # fmt: skip


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the smallest transformers be smaller still."""
    monkeypatch.setitem(prithvi.VARIANTS, "prithvi_eo_v2_tiny_tl", prithvi.PrithviVariant(32, 2, 2, learned_scale=True))
    monkeypatch.setitem(terramind.VARIANTS, "terramind_v1_tiny", terramind.TerraMindVariant(32, 2, 2, False, None))


def bundle_of(
    inputs: Inputs, model: dict[str, Any], target: dict[str, Any] | None = None
) -> tuple[Bundle, RasterModel]:
    """Return a bundle as if it were trained, and its model."""
    config, asked = ModelConfig.model_validate(model), TargetSpec.model_validate(target or CLASSES)
    torch.manual_seed(0)
    built = EncoderDecoderFactory().build_model(config, dict(inputs), asked).eval()
    described = BundleConfig(model=config, inputs=dict(inputs), target=asked, trained=True, provenance={})
    return Bundle(described, built.state_dict()), built
