"""Our networks give what TerraTorch 1.2.11 gave for the same weights (its networks are those of 1.2.13).

The numbers were recorded once: TerraTorch's classes ``PrithviViT``, ``PrithviMAE``, ``PrithviViTAdapter`` (with the
pure PyTorch function that it has beside its CUDA kernel) and ``MMSegSwinTransformer`` were built with the sizes below,
filled by :func:`wave_of` by their own names, put into evaluation, and given :func:`image_of` and :func:`coordinates`,
in single precision on a CPU with ``torch.set_float32_matmul_precision("highest")``: importing TerraTorch lowers it.
"""

from __future__ import annotations

import json
import re
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from asking import SOURCE, encode, one
from groundwork.batch import Image
from groundwork.models.encoders.prithvi import swin as prithvi_swin
from groundwork.models.encoders.prithvi.adapter import PrithviViTAdapter
from groundwork.models.encoders.prithvi.mae import PrithviMAE
from groundwork.models.encoders.prithvi.options import AdapterOptions, PromptTuning
from groundwork.models.encoders.prithvi.swin import PrithviSwin, SwinVariant
from groundwork.models.encoders.prithvi.variants import HLS_BANDS, VARIANTS, PrithviVariant
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.specs import RasterSpec

CLOSE = {"rtol": 0, "atol": 1e-5}
NAME = "prithvi_eo_v2_tiny_tl"


def wave_of(name: str, shape: tuple[int, ...]) -> Tensor:
    """Weights by a formula: a wave whose phase is the sum of the bytes of the name."""
    wave = torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.37 + sum(name.encode())).reshape(shape)
    if name.endswith("running_var"):
        return (wave.abs() + 0.5).float()
    return 0.1 * wave.float() + (1.0 if "norm" in name and name.endswith("weight") else 0.0)


def image_of(*shape: int) -> Tensor:
    return torch.sin(torch.arange(prod(shape), dtype=torch.float64) * 0.11).float().reshape(shape)


def coordinates(steps: int) -> tuple[Tensor, Tensor]:
    time = [[[2019.0 + step, 30.0 * step + 7 + 100 * sample] for step in range(steps)] for sample in range(2)]
    return torch.tensor(time), torch.tensor([[47.4, -8.5], [-12.6, 91.5]])


def hls(num_bands: int, steps: int = 1) -> RasterSpec:
    layout = "steps_first" if steps > 1 else None
    return RasterSpec(bands=HLS_BANDS[:num_bands], dtype="int16", nodata=None, steps=steps, layout=layout)


def fill(network: nn.Module, official: dict[str, str] | None = None) -> None:
    names = official or {name: name for name in network.state_dict()}
    computed = ("pos_embed", "num_batches_tracked")
    weights = {
        name: value if name.endswith(computed) else wave_of(names[name], tuple(value.shape))
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(weights)
    network.eval()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    small = PrithviVariant(32, 3, 2, patch_size=4, learned_scale=True)
    monkeypatch.setitem(VARIANTS, NAME, small)
    return monkeypatch


ENCODERS = {
    "dates and places": (
        2,
        ("time", "location"),
        {},
        [[0.839809, 1.32916, -0.25433, 0.04731], [1.734328, 1.75305, 0.38167, -0.809806]],
    ),
    "tokens of two dates": (
        4,
        ("location",),
        {"tubelet_size": 2},
        [[0.031397, 0.445126, -0.809471, -0.231028], [0.408349, 0.510722, -0.190069, -0.760273]],
    ),
    "prompts": (
        2,
        (),
        {"prompts": PromptTuning(tokens=3)},
        [[0.875772, 1.34286, -0.151587, 0.078263], [1.767995, 1.752614, 0.479336, -0.817249]],
    ),
}


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize(("steps", "known", "options", "expected"), ENCODERS.values(), ids=ENCODERS)
def test_encoder(steps: int, known: tuple[str, ...], options: dict[str, Any], expected: list[list[float]]) -> None:
    network = PrithviViT(one(hls(2, steps)), coordinates=known, image_size=16, **options)  # type: ignore[arg-type]
    fill(network)
    with torch.no_grad():
        maps = encode(network, image_of(2, 2, steps, 16, 24), *coordinates(steps))
    # Token 40 is the second step's row 2, column 3.
    given = [maps[index][1].reshape(2, 32, 4, 6)[1, [0, 9, 18, 27], 2, 3].tolist() for index in (0, 2)]
    torch.testing.assert_close(torch.tensor(given), torch.tensor(expected), **CLOSE)


AUTOENCODERS = {
    "dates and places": (("time", "location"), False, 0.629209, [0.065158, -0.261415, 0.484391, 0.316757]),
    "standardised patches": ((), True, 1.09592, [0.047063, -0.29759, 0.506025, 0.317761]),
}


@pytest.mark.parametrize(("known", "norm", "loss", "expected"), AUTOENCODERS.values(), ids=AUTOENCODERS)
def test_autoencoder(
    sizes: pytest.MonkeyPatch, known: tuple[str, ...], norm: bool, loss: float, expected: list[float]
) -> None:
    small = PrithviVariant(32, 2, 2, patch_size=4, learned_scale=True, decoder_dim=16, decoder_depth=1, decoder_heads=2)
    sizes.setitem(VARIANTS, NAME, small)
    network = PrithviMAE(one(hls(2, steps=2)), coordinates=known, norm_pix_loss=norm, image_size=16)  # type: ignore[arg-type]
    fill(network)
    noise = torch.sin(torch.arange(96, dtype=torch.float64) * 1.7).float().reshape(2, 48)
    with torch.no_grad():
        given = network(Image(image_of(2, 2, 2, 16, 24), None, *coordinates(2)), noise)
    assert given.loss.item() == pytest.approx(loss, abs=1e-5)
    torch.testing.assert_close(given.reconstruction[1, 1, 1, 9, 10:14], torch.tensor(expected), **CLOSE)
    assert given.mask.sum() == 1152


def as_terratorch_names(name: str) -> str:
    name = re.sub(r"^injectors\.(\d)", r"interactions.\1.injector", name.removeprefix("vit."))
    name = re.sub(r"^extractors\.([0-3])", r"interactions.\1.extractor", name)
    name = re.sub(r"^extractors\.(\d)", lambda found: f"interactions.3.extra_extractors.{int(found[1]) - 4}", name)
    return re.sub(r"^norms\.(\d)", lambda found: f"norm{int(found[1]) + 1}", name)


def test_adapter(sizes: pytest.MonkeyPatch) -> None:
    sizes.setitem(VARIANTS, NAME, PrithviVariant(32, 4, 2, learned_scale=True))
    network = PrithviViTAdapter(
        one(hls(2)), coordinates=("time", "location"), image_size=64, adapter=AdapterOptions(prior_channels=8)
    )
    fill(network, {name: as_terratorch_names(name) for name in network.state_dict()})
    expected = [
        [-0.097287, 0.471261, 1.283379, 1.055174],
        [0.112559, 0.71413, 1.572159, 0.830962],
        [1.932813, 0.715785, 0.955171, 1.188581],
        [1.574483, 0.266003, 1.212342, 2.345074],
    ]
    with torch.no_grad():
        maps = encode(network, image_of(2, 2, 64, 96), *coordinates(1))
    given = torch.stack([level[1, [0, 10, 20, 31], 1, 2] for level in maps])
    torch.testing.assert_close(given, torch.tensor(expected), **CLOSE)


def mmsegmentation(dim: int, depths: tuple[int, ...], heads: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a Swin transformer of MMSegmentation as TerraTorch builds it."""
    shapes = {"patch_embed.projection.weight": (dim, 6, 4, 4), "patch_embed.projection.bias": (dim,)}
    shapes |= {"patch_embed.norm.weight": (dim,), "patch_embed.norm.bias": (dim,)}
    for stage, (depth, num_heads) in enumerate(zip(depths, heads, strict=True)):
        width = dim << stage
        layers = {"attn.w_msa.qkv": (3 * width, width), "attn.w_msa.proj": (width, width)}
        layers |= {"ffn.layers.0.0": (4 * width, width), "ffn.layers.1": (width, 4 * width)}
        layers |= {"norm1": (width,), "norm2": (width,)}
        for block in range(depth):
            prefix = f"stages.{stage}.blocks.{block}"
            shapes[f"{prefix}.attn.w_msa.relative_position_bias_table"] = (169, num_heads)
            for name, shape in layers.items():
                shapes |= {f"{prefix}.{name}.weight": shape, f"{prefix}.{name}.bias": shape[:1]}
        shapes |= {f"stages.{stage}.norm.weight": (width,), f"stages.{stage}.norm.bias": (width,)}
        if stage < len(depths) - 1:
            merge = f"stages.{stage}.downsample"
            shapes |= {f"{merge}.norm.weight": (4 * width,), f"{merge}.norm.bias": (4 * width,)}
            shapes[f"{merge}.reduction.weight"] = (2 * width, 4 * width)
    return shapes


def test_swin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(prithvi_swin.VARIANTS, "b", SwinVariant(32, (1, 2, 4, 8), depths=(2, 2, 2, 2)))
    shapes = mmsegmentation(32, (2, 2, 2, 2), (1, 2, 4, 8))
    weights = {name: wave_of(name, shape) for name, shape in shapes.items()}
    save_file(weights, tmp_path / "swin.safetensors", metadata={"bands": json.dumps(HLS_BANDS)})
    network = PrithviSwin(one(hls(6)), pretrained=True, weights=str(tmp_path / "swin.safetensors")).eval()
    assert (network.loaded[SOURCE].skipped, network.loaded[SOURCE].fresh) == ((), ())
    expected = [
        [0.370887, -0.445416, 0.670405, 2.078039],
        [-0.194879, 1.558438, 0.107777, -0.018457],
        [-1.362918, 0.86394, 0.632039, 0.658437],
        [-0.851667, -0.673051, 0.136457, 0.031155],
    ]
    with torch.no_grad():
        maps = encode(network, image_of(1, 6, 224, 224))
    given = torch.stack([level[0, [0, 10, 20, 31], 3, 5] for level in maps])
    torch.testing.assert_close(given, torch.tensor(expected), **CLOSE)
