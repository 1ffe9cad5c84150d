"""Details of decoders that the contract does not cover."""

from __future__ import annotations

from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.area_pool import AreaPool
from groundwork.models.decoders.aspp import ASPPDecoder
from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.dpt import DPTDecoder
from groundwork.models.decoders.fcn import FCNDecoder
from groundwork.models.decoders.identity import IdentityDecoder
from groundwork.models.decoders.linear import LinearDecoder
from groundwork.models.decoders.mlp import MLPDecoder
from groundwork.models.decoders.segformer_mlp import SegFormerMLPDecoder
from groundwork.models.decoders.smp import SmpDecoder
from groundwork.models.decoders.smp_models import SMP_MODELS
from groundwork.models.decoders.unet import UNetDecoder
from groundwork.models.decoders.upernet import UPerNetDecoder
from groundwork.registry import build
from groundwork.specs import FeatureLevel, FeatureSpec

PYRAMID = FeatureSpec(tuple(FeatureLevel(8 << index, 4 << index) for index in range(4)))
PLAIN = FeatureSpec((FeatureLevel(8, 16),) * 4)
SINGLE = ["aspp", "fcn", "identity", "linear", "mlp"]


def maps_of(features: FeatureSpec, height: int, width: int, batch: int = 2) -> list[Tensor]:
    return [
        torch.randn(batch, level.channels, height // level.stride, width // level.stride) for level in features.levels
    ]


@pytest.mark.parametrize("size", [(1, 1), (4, 9), (7, 7), (12, 5)])
@pytest.mark.parametrize("side", [1, 2, 3, 6])
def test_area_pool_is_the_adaptive_average(size: tuple[int, int], side: int) -> None:
    features = torch.randn(2, 3, *size)
    torch.testing.assert_close(AreaPool(side)(features), functional.adaptive_avg_pool2d(features, side))


def test_upernet_merges_levels_of_one_stride_too() -> None:
    decoder = UPerNetDecoder(FeatureSpec((FeatureLevel(4, 16), FeatureLevel(6, 16))), channels=8, pool_scales=())
    assert decoder([torch.randn(2, 4, 3, 5), torch.randn(2, 6, 3, 5)]).shape == (2, 8, 3, 5)


@pytest.mark.parametrize("name", SINGLE)
def test_decoders_of_one_level_take_the_one_that_is_named(name: str) -> None:
    decoder: Decoder = build(Decoder, DECODERS, ComponentConfig(name=name, level=1), PYRAMID).eval()
    maps = maps_of(PYRAMID, 64, 96)
    other = [torch.full_like(level, 7.0) if index != 1 else level for index, level in enumerate(maps)]
    torch.testing.assert_close(decoder(maps), decoder(other), rtol=0, atol=0)
    with pytest.raises(SpecError, match=f"'{name}' has no level 4: .* numbered from 0 to 3"):
        build(Decoder, DECODERS, ComponentConfig(name=name, level=4), PYRAMID)


def test_identity_passes_a_level_on() -> None:
    maps = maps_of(PYRAMID, 64, 64)
    decoder = IdentityDecoder(PYRAMID, level=0)
    assert decoder(maps) is maps[0]
    assert decoder.out == PYRAMID.levels[0]


def test_fcn_with_layer_norms_is_its_convolutions_written_out() -> None:
    torch.manual_seed(0)
    decoder = FCNDecoder(PLAIN, channels=4, num_convs=2, num_upsamplings=1, norm="layer")
    weights = {name: torch.randn_like(value) for name, value in decoder.state_dict().items()}
    decoder.load_state_dict(weights)
    level = torch.randn(1, PLAIN.levels[-1].channels, 3, 5)

    def block(features: torch.Tensor, prefix: str) -> torch.Tensor:
        made = functional.conv2d(features, weights[f"{prefix}0.weight"], weights[f"{prefix}0.bias"], padding=1)
        centred = made - made.mean(dim=1, keepdim=True)
        normed = centred / (made.var(dim=1, correction=0, keepdim=True) + 1e-6).sqrt()
        scale, shift = (weights[f"{prefix}1.{name}"].reshape(1, -1, 1, 1) for name in ("weight", "bias"))
        return functional.gelu(normed * scale + shift)

    finer = functional.conv_transpose2d(level, weights["convs.0.0.weight"], weights["convs.0.0.bias"], stride=2)
    expected = block(block(finer, "convs.0.1."), "convs.1.")
    found = decoder([torch.zeros(0)] * (len(PLAIN.levels) - 1) + [level])
    assert torch.allclose(found, expected, atol=1e-5)
    assert found.shape == (1, 4, 6, 10)


def test_fcn_doubles_the_resolution_as_often_as_it_is_told() -> None:
    decoder = FCNDecoder(PLAIN, channels=4, num_convs=3, num_upsamplings=2)
    assert decoder.out == FeatureLevel(4, 4)
    assert decoder(maps_of(PLAIN, 32, 48)).shape == (2, 4, 8, 12)
    assert sum(isinstance(module, nn.ConvTranspose2d) for module in decoder.modules()) == 2
    with pytest.raises(ComponentError, match="num_upsamplings=2 with num_convs=1"):
        FCNDecoder(PLAIN, num_convs=1, num_upsamplings=2)
    patches = FeatureSpec((FeatureLevel(8, 14),))
    quarters = FCNDecoder(patches, channels=4, num_convs=2, num_upsamplings=2)
    assert quarters.out == FeatureLevel(4, 3.5)
    assert quarters([torch.zeros(1, 8, 4, 3)]).shape == (1, 4, 16, 12)
    with pytest.raises(ComponentError, match=r"16 times finer, as .num_upsamplings. .* \[1, 2, 4, 7, 8, 14\]"):
        FCNDecoder(patches, num_convs=4, num_upsamplings=4)


def test_linear_computes_a_pixel_from_its_cell_alone() -> None:
    decoder = LinearDecoder(PLAIN, channels=3, upsampling=8)
    assert decoder.out == FeatureLevel(3, 2)
    level = torch.randn(1, 8, 2, 3)
    given = decoder([level] * 4)
    weight, bias = decoder.upsample.weight, decoder.upsample.bias
    expected = torch.einsum("c,co->o", level[0, :, 1, 2], weight[:, :, 5, 3]) + bias
    torch.testing.assert_close(given[0, :, 8 + 5, 16 + 3], expected)
    assert LinearDecoder(PLAIN).out == FeatureLevel(64, 1)
    with pytest.raises(ComponentError, match="stride 16 3 times finer, as 'upsampling' asks for"):
        LinearDecoder(PLAIN, upsampling=3)


def test_mlp_is_a_perceptron_on_each_cell() -> None:
    decoder = MLPDecoder(PLAIN, channels=(6, 5), activation="gelu")
    level = torch.randn(1, 8, 2, 3)
    cells = level.movedim(1, -1)
    for layer in (decoder.layers[0], decoder.layers[2]):
        cells = functional.gelu(functional.linear(cells, layer.weight[:, :, 0, 0], layer.bias))
    torch.testing.assert_close(decoder([level] * 4), cells.movedim(-1, 1))
    with pytest.raises(ComponentError, match=r"at least one layer in 'channels'\. To pass a level on, take 'identity'"):
        MLPDecoder(PLAIN, channels=())


def test_aspp_sees_as_far_as_its_dilations() -> None:
    decoder = ASPPDecoder(PLAIN, channels=4, dilations=(2, 5)).eval()
    # Without the mean of the image, which sees everything.
    nn.init.zeros_(decoder.merge.conv.weight[:, -4:])
    level = torch.randn(1, 8, 15, 15, requires_grad=True)
    decoder([level] * 4)[0, :, 7, 7].sum().backward()
    seen = level.grad.abs().sum((0, 1)).nonzero().tolist()
    assert {tuple(cell) for cell in seen} == {(7 + a, 7 + b) for d in (2, 5) for a in (-d, 0, d) for b in (-d, 0, d)}


def test_aspp_trains_on_one_image() -> None:
    ASPPDecoder(PLAIN, channels=4).train()(maps_of(PLAIN, 64, 64, batch=1)).sum().backward()
    with pytest.raises(ComponentError, match=r"dilations of at least 1, got \[0\]"):
        ASPPDecoder(PLAIN, dilations=(0,))


def test_segformer_merges_levels_cell_by_cell() -> None:
    decoder = SegFormerMLPDecoder(PYRAMID, channels=6).eval()
    maps = [level.expand(-1, -1, 1, 1) for level in (torch.randn(1, 8 << index, 1, 1) for index in range(4))]
    constant = [level.expand(-1, -1, 16 >> index, 16 >> index) for index, level in enumerate(maps)]
    projected = [
        functional.linear(level.flatten(), linear.weight[:, :, 0, 0], linear.bias)
        for level, linear in zip(maps, decoder.linears, strict=True)
    ]
    expected = (decoder.fuse.conv.weight[:, :, 0, 0] @ torch.cat(projected)).relu() / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(decoder(constant)[0, :, 3, 5], expected)


def test_dpt_makes_a_pyramid_of_its_own_and_ends_at_half_its_finest_stride() -> None:
    decoder = DPTDecoder(PLAIN, channels=8, reassemble_channels=(4, 4, 6, 6)).eval()
    assert decoder.out == FeatureLevel(8, 2)
    maps = maps_of(PLAIN, 80, 48)
    assert [tuple(level(given).shape[-2:]) for level, given in zip(decoder.levels, maps, strict=True)] == [
        (20, 12),
        (10, 6),
        (5, 3),
        (3, 2),
    ]
    assert decoder(maps).shape == (2, 8, 40, 24)
    assert DPTDecoder(FeatureSpec((FeatureLevel(8, 14),) * 4)).out.stride == 7
    with pytest.raises(ComponentError, match=r"for each of 4 levels, got \[8\]"):
        DPTDecoder(PLAIN, reassemble_channels=(8,))


def test_dpt_fuses_as_the_paper_does() -> None:
    decoder = DPTDecoder(FeatureSpec(PYRAMID.levels[:2]), channels=4).eval()
    maps = maps_of(FeatureSpec(PYRAMID.levels[:2]), 16, 16)

    def grow(level: Tensor) -> Tensor:
        return functional.interpolate(level, scale_factor=2, mode="bilinear", align_corners=False)

    fine, coarse = decoder.fusions
    deep = coarse.project(grow(coarse.refine_sum(decoder.levels[1](maps[1]))))
    merged = fine.refine_level(decoder.levels[0](maps[0])) + deep
    torch.testing.assert_close(decoder(maps), fine.project(grow(fine.refine_sum(merged))))


def test_unet_halves_its_channels_unless_it_is_told() -> None:
    five = FeatureSpec(tuple(FeatureLevel(4, 2 << index) for index in range(5)))
    widths = [stage[-1].conv.out_channels for stage in UNetDecoder(five).stages]
    assert widths == [256, 128, 64, 32]
    assert UNetDecoder(PYRAMID, channels=(9, 8, 7)).out == FeatureLevel(7, 4)


def smp_features(model: str) -> FeatureSpec:
    levels = tuple(FeatureLevel(16 << index, 4 << index) for index in range(4))
    return FeatureSpec((levels[0], levels[2]) if model == "DeepLabV3Plus" else levels)


def test_every_model_of_smp_is_there() -> None:
    assert set(SMP_MODELS) == {architecture.__name__ for architecture in smp.MODEL_ARCHITECTURES_MAPPING.values()}


@pytest.mark.parametrize("model", SMP_MODELS)
def test_decoders_of_smp_keep_their_promise(model: Any) -> None:
    features = smp_features(model)
    decoder = SmpDecoder(features, model=model).train()
    given = decoder(maps_of(features, 256, 288))
    assert given.shape == (2, decoder.out.channels, 256 // decoder.out.stride, 288 // decoder.out.stride)
    (given * torch.randn_like(given)).sum().backward()
    assert all(parameter.grad is not None for parameter in decoder.parameters())


@pytest.mark.parametrize("model", ["Unet", "FPN", "Linknet", "PSPNet", "UPerNet", "Segformer"])
def test_decoders_of_smp_compute_what_smp_does(model: Any) -> None:
    """The library's own model, whose encoder has levels of strides 2 to 32, against its decoder within ours."""
    encoder = "mit_b0" if model == "Segformer" else "resnet18"
    network = smp.create_model(model, encoder, encoder_weights=None, in_channels=3).eval()
    levels = network.encoder(torch.randn(1, 3, 64, 96))[1:]
    kept = levels[-4:] if model in {"FPN", "Segformer", "UPerNet"} else levels
    spec = FeatureSpec(tuple(FeatureLevel(kept[i].shape[1], 64 // kept[i].shape[2]) for i in range(len(kept))))
    # The last stage of the library's U-Net goes on to full resolution, which no level has.
    options = {"decoder_channels": (256, 128, 64, 32)} if model == "Unet" else {}
    ours = SmpDecoder(spec, model=model, options=options).eval()
    weights = {key: value for key, value in network.decoder.state_dict().items() if key in ours.decoder.state_dict()}
    ours.decoder.load_state_dict(weights, strict=True)
    if model == "Unet":
        network.decoder.blocks = network.decoder.blocks[:4]
    expected = network.decoder([torch.randn(1, 3, 64, 96), *levels])
    torch.testing.assert_close(ours([*kept]), expected)


def test_options_of_smp_reach_the_decoder() -> None:
    features = smp_features("FPN")
    decoder = SmpDecoder(features, model="FPN", options={"merge_policy": "cat", "segmentation_channels": 32})
    assert decoder.out == FeatureLevel(128, 4)
    unet = SmpDecoder(features, model="Unet", options={"decoder_channels": (48, 32, 16), "attention_type": "scse"})
    assert unet.out == FeatureLevel(16, 4)
    assert unet.decoder.blocks[0].attention1.attention.cSE is not None


BAD_OPTIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown": ("FPN", {"merge_polcy": "cat"}, "'smp FPN' has no option 'merge_polcy'. Did you mean 'merge_policy'?"),
    "wired": ("FPN", {"encoder_channels": [1, 2]}, "'smp FPN' has no option 'encoder_channels'"),
    "type": (
        "FPN",
        {"pyramid_channels": "many"},
        "'smp FPN' cannot be built: pyramid_channels: Input should be a valid",
    ),
    "choice": ("FPN", {"merge_policy": "mean"}, "merge_policy: Input should be 'add' or 'cat'"),
    "mode": ("Unet", {"interpolation_mode": "nearst"}, "no interpolation_mode 'nearst'. Did you mean 'nearest'?"),
    "value": ("Unet", {"attention_type": "every"}, "'smp Unet' cannot be built with these options: Attention every"),
}


@pytest.mark.parametrize(("model", "options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_wrong_options_of_smp_are_named(model: str, options: dict[str, Any], message: str) -> None:
    config = ComponentConfig.model_validate({"name": "smp", "model": model, "options": options})
    with pytest.raises(ComponentError, match=message.replace("?", r"\?")):
        build(Decoder, DECODERS, config, smp_features(model))


def test_models_of_smp_say_what_their_maps_must_be() -> None:
    with pytest.raises(
        SpecError, match=r"'smp PSPNet' needs a coarsest level of a multiple of 4 channels, got .*'project'"
    ):
        SmpDecoder(FeatureSpec((FeatureLevel(6, 8),)), model="PSPNet")
    pan = SmpDecoder(PYRAMID, model="PAN").eval()
    with pytest.raises(ValueError, match="'smp PAN' needs images of at least 256 by 256 pixels"):
        pan(maps_of(PYRAMID, 224, 256))


@pytest.mark.parametrize("model", ["PSPNet", "UPerNet"])
def test_pools_of_smp_are_ours(model: Any) -> None:
    decoder = SmpDecoder(PYRAMID, model=model)
    assert not any(isinstance(module, nn.AdaptiveAvgPool2d) for module in decoder.modules())
    assert sorted(module.side for module in decoder.modules() if isinstance(module, AreaPool)) == [1, 2, 3, 6]


def test_upernet_with_batch_norms_and_aligned_corners_is_written_out() -> None:
    torch.manual_seed(0)
    features = FeatureSpec((FeatureLevel(3, 8), FeatureLevel(4, 16)))
    decoder = UPerNetDecoder(features, channels=2, pool_scales=(1, 2), pool_norm="batch", align_corners=True).eval()
    for name, value in decoder.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.5 if "running_var" in name else torch.randn_like(value))
    weights = decoder.state_dict()
    fine, coarse = torch.randn(2, 3, 7, 9), torch.randn(2, 4, 4, 5)

    def normed(features: Tensor, conv: str, norm: str) -> Tensor:
        made = functional.conv2d(features, weights[f"{conv}.weight"], padding=weights[f"{conv}.weight"].shape[-1] // 2)
        mean, var = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
        scale = weights[f"{norm}.weight"] / (var + 1e-5).sqrt()
        return ((made - mean[:, None, None]) * scale[:, None, None] + weights[f"{norm}.bias"][:, None, None]).relu()

    def grown(features: Tensor, like: Tensor) -> Tensor:
        return functional.interpolate(features, size=like.shape[-2:], mode="bilinear", align_corners=True)

    pools = [
        grown(normed(functional.adaptive_avg_pool2d(coarse, side), f"pools.{index}.1", f"pools.{index}.2"), coarse)
        for index, side in enumerate((1, 2))
    ]
    merged = normed(torch.cat([coarse, *pools], dim=1), "bottleneck.conv", "bottleneck.norm")
    lateral = normed(fine, "laterals.0.conv", "laterals.0.norm") + grown(merged, fine)
    smooth = normed(lateral, "smooths.0.conv", "smooths.0.norm")
    expected = normed(torch.cat([smooth, grown(merged, fine)], dim=1), "fuse.conv", "fuse.norm")
    torch.testing.assert_close(decoder([fine, coarse]), expected)


def test_mlp_reads_all_levels_side_by_side() -> None:
    features = FeatureSpec((FeatureLevel(3, 16), FeatureLevel(5, 16)))
    decoder = MLPDecoder(features, channels=(4,), level="all")
    maps = [torch.randn(2, level.channels, 2, 3) for level in features.levels]
    weight, bias = decoder.layers[0].weight[..., 0, 0], decoder.layers[0].bias
    cells = torch.cat(maps, dim=1).permute(0, 2, 3, 1)
    torch.testing.assert_close(decoder(maps), functional.linear(cells, weight, bias).relu().permute(0, 3, 1, 2))
    with pytest.raises(SpecError, match="reads all levels at once, which then need one stride"):
        MLPDecoder(PYRAMID, level="all")


@pytest.mark.parametrize(("last_block", "ratio"), [("keeps", 1), ("doubles", 2)])
def test_unet_may_have_a_block_behind_the_finest_level(last_block: Any, ratio: int) -> None:
    decoder = SmpDecoder(
        PYRAMID, model="Unet", options={"decoder_channels": (16, 8, 8, 4)}, last_block=last_block
    ).eval()
    plain = SmpDecoder(PYRAMID, model="Unet", options={"decoder_channels": (16, 8, 8)}).eval()
    own = decoder.state_dict()
    plain.load_state_dict({name: own[name] for name in plain.state_dict()})
    maps = maps_of(PYRAMID, 64, 96)
    grown = plain(maps).repeat_interleave(ratio, dim=2).repeat_interleave(ratio, dim=3)
    last = decoder.decoder.blocks[3]
    torch.testing.assert_close(decoder(maps), last.conv2(last.conv1(grown)))
    assert decoder.out == FeatureLevel(4, 4 // ratio)


def test_blocks_that_there_are_not_are_refused() -> None:
    with pytest.raises(ComponentError, match=r"'smp MAnet' has no last block that keeps .* \['Unet'\] have one"):
        SmpDecoder(PYRAMID, model="MAnet", last_block="keeps")
    with pytest.raises(SpecError, match="needs a finest stride that is a multiple of 2 px"):
        SmpDecoder(
            FeatureSpec((FeatureLevel(8, 1), FeatureLevel(8, 2))),
            model="Unet",
            options={"decoder_channels": (4, 4)},
            last_block="doubles",
        )


@pytest.mark.parametrize(("coarser", "stride"), [(1, 8), (2, 16), (4, 32)])
def test_segformer_gives_a_map_as_coarse_as_is_stated(coarser: Any, stride: int) -> None:
    features = FeatureSpec((FeatureLevel(8, 8), FeatureLevel(16, 16)))
    built = SmpDecoder(features, model="Segformer", options={"segmentation_channels": 8}, coarser=coarser).eval()
    assert (built.out.stride, built.out.channels) == (stride, 8)
    maps = built([torch.randn(1, 8, 12, 8), torch.randn(1, 16, 6, 4)])
    assert maps.shape == (1, 8, 96 // stride, 64 // stride)


def test_a_coarser_map_is_segformers_alone() -> None:
    features = FeatureSpec((FeatureLevel(8, 8), FeatureLevel(16, 16)))
    with pytest.raises(ComponentError, match="'smp Unet' has a map as fine as its levels say: leave 'coarser' out"):
        SmpDecoder(features, model="Unet", coarser=2)


def test_deeplab_doubles_once_where_the_last_stages_are_dilated() -> None:
    once, twice = (FeatureSpec((FeatureLevel(8, 4), FeatureLevel(16, stride))) for stride in (8, 16))
    assert SmpDecoder(once, model="DeepLabV3Plus", options={"output_stride": 8}).out.stride == 4
    for features, options in ((twice, {"output_stride": 8}), (once, {})):
        with pytest.raises(SpecError, match="'smp DeepLabV3Plus' needs levels"):
            SmpDecoder(features, model="DeepLabV3Plus", options=options)
