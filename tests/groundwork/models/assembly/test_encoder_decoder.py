"""The factory: what fits is wired, what does not says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import nn

from asking import ask, encode, one
from groundwork.batch import Image
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory, EncoderDecoderModel
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.factories import FACTORIES
from groundwork.models.flow import FlowRow, count_macs, describe_flow
from groundwork.models.interface import Model, ModelFactory
from groundwork.models.without_memory import without_memory
from groundwork.registry import find
from groundwork.specs import ClassSpec, FeatureLevel, FeatureSpec, OutputSpec, RasterSpec, TargetSpec

MakeModel = Callable[..., EncoderDecoderModel]
RESNET = {"name": "timm", "model": "test_resnet"}
VIT = {"name": "timm", "model": "test_vit", "out_indices": [3, 4, 5]}
TWICE = [{"name": "select", "indices": [0, 1, 2, -1]}, {"name": "pyramid"}]
PRITHVI = {"name": "prithvi_vit", "image_size": 32}


def test_factory_is_found_by_name() -> None:
    assert issubclass(find(FACTORIES, "encoder_decoder"), ModelFactory)


WIRINGS: dict[str, tuple[dict[str, Any], str]] = {
    "unet on a flat encoder": (
        {"encoder": VIT},
        r"'unet' needs levels whose strides double, got \[64ch/16px, 64ch/16px, 64ch/16px\]. Put a 'pyramid' neck",
    ),
    "unet with too many stages": (
        {"decoder": {"name": "unet", "channels": [8] * 5}},
        r"'unet' has 4 stages for the 5 levels .* but 'channels' names 5: .* Give 4 numbers, or keep 6 levels",
    ),
    "unet on one level": (
        {"necks": [{"name": "select", "indices": [-1]}], "decoder": {"name": "unet", "channels": []}},
        "'unet' needs at least 2 levels, got .*96ch/32px",
    ),
    "upernet on one level": (
        {"necks": [{"name": "select", "indices": [-1]}], "decoder": {"name": "upernet"}},
        "'upernet' needs at least 2 levels",
    ),
    "fcn on a level that is not there": (
        {"decoder": {"name": "fcn", "level": 5}},
        r"'fcn' has no level 5: it is given \[32ch/2px",
    ),
    "select of a level that is not there": (
        {"encoder": VIT, "necks": [{"name": "select", "indices": [0, 7]}]},
        r"'select' has no level \[7\]: the encoder gives \[64ch/16px, 64ch/16px, 64ch/16px\]",
    ),
    "select of nothing": ({"necks": [{"name": "select", "indices": []}]}, "'select' must keep at least one level"),
    "select from coarse to fine": (
        {"necks": [{"name": "select", "indices": [3, 0]}]},
        r"indices \[3, 0\] give \[192ch/16px, 32ch/2px\]. Put them in order",
    ),
    "pyramid on a pyramid": ({"necks": [{"name": "pyramid"}]}, "already is a pyramid. Leave the neck out"),
    "pyramid on mixed strides": (
        {"necks": [{"name": "select", "indices": [0, 0, 3]}, {"name": "pyramid"}]},
        "'pyramid' needs levels of one stride, got .* Put a 'select' neck before it",
    ),
    "pyramid on too many levels": (
        {"encoder": PRITHVI, "necks": [{"name": "pyramid"}]},
        "'pyramid' needs 2 to 5 levels, got 12: .* Put a 'select' neck before it to keep fewer levels",
    ),
    "pyramid on one level": (
        {"encoder": VIT, "necks": [{"name": "select", "indices": [0]}, {"name": "pyramid"}]},
        "'pyramid' needs 2 to 5 levels, got .* Let the encoder pass on more levels",
    ),
    "pyramid to a stride that doubling misses": (
        {"encoder": VIT, "necks": [{"name": "pyramid", "finest_stride": 5}]},
        r"cannot reach finest_stride 5 from stride 16 .* It can reach \[1, 2, 4, 8, 16\]",
    ),
    "a branch named as a method": (
        {"auxiliary": {"values": {"decoder": {"name": "fcn"}}}},
        "cannot be named 'values', which torch uses itself",
    ),
}


@pytest.mark.parametrize(("changes", "message"), WIRINGS.values(), ids=WIRINGS)
def test_parts_that_do_not_fit_say_how_to_mend_it(make_model: MakeModel, changes: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make_model(**changes)


NAMES: dict[str, tuple[dict[str, Any], str]] = {
    "encoder": ({"encoder": {"name": "prithvi_vitt"}}, "Did you mean 'prithvi_vit'?"),
    "network of timm": ({"encoder": {"name": "timm", "model": "resnet_18"}}, "timm has no model 'resnet_18'. Did you"),
    "tag of timm": ({"encoder": {"name": "timm", "model": "resnet18.nobody"}}, "timm cannot build 'resnet18.nobody'"),
    "variant": (
        {"encoder": PRITHVI | {"variant": "prithvi_eo_v9"}},
        r"'prithvi_eo_v9'\)\. Did you mean 'prithvi",
    ),
    "option of the encoder": ({"encoder": RESNET | {"pretraind": True}}, "Did you mean 'pretrained'?"),
    "neck": ({"necks": [{"name": "pyramyd"}]}, "Did you mean 'pyramid'?"),
    "option of the neck": ({"necks": [{"name": "select", "indexes": [0]}]}, "Did you mean 'indices'?"),
    "decoder": ({"decoder": {"name": "unett"}}, "Did you mean 'unet'?"),
    "option of the decoder": ({"decoder": {"name": "unet", "chanels": [1]}}, "Did you mean 'channels'?"),
    "head": ({"head": {"name": "segmentatoin"}}, "Did you mean 'segmentation'?"),
    "option of the head": ({"head": {"name": "segmentation", "drop_out": 0.1}}, "Did you mean 'dropout'?"),
    "decoder of a branch": ({"auxiliary": {"a": {"decoder": {"name": "fnc"}}}}, "Did you mean 'fcn'?"),
    "head of a branch": (
        {"auxiliary": {"a": {"decoder": {"name": "fcn"}, "head": {"name": "segmentatio"}}}},
        "Did you mean 'segmentation'?",
    ),
    "levels of timm": ({"encoder": RESNET | {"out_indices": [9]}}, "'out_indices' must name blocks .* from 0 to 4"),
    "option timm refuses": (
        {"encoder": {"name": "timm", "model": "vgg11", "drop_path": 0.1}},
        "timm's 'vgg11' does not take these options: .*drop_path_rate",
    ),
    "convolutions of fcn": ({"decoder": {"name": "fcn", "num_convs": 0}}, "at least 1 convolution, got num_convs=0"),
    "pools of upernet": ({"decoder": {"name": "upernet", "pool_scales": [0]}}, "pool scales of at least 1"),
    "channels of pyramid": (
        {"encoder": VIT, "necks": [{"name": "pyramid", "channels": [8]}]},
        "one number of channels for each of 3 levels",
    ),
}


@pytest.mark.parametrize(("changes", "message"), NAMES.values(), ids=NAMES)
def test_unknown_names_and_options_are_named(make_model: MakeModel, changes: Any, message: str) -> None:
    with without_memory(), pytest.raises(ComponentError, match=message):
        make_model(**changes)


def test_several_sources_must_be_merged(raster: RasterSpec, target: TargetSpec) -> None:
    config = ModelConfig.model_validate({"encoder": RESNET, "decoder": {"name": "fcn"}})
    with pytest.raises(SpecError, match=r"sources \['optical', 'radar'\] apart.*'merge_sources' neck"):
        EncoderDecoderFactory().build_model(config, {"radar": raster, "optical": raster}, target)


def test_timm_refuses_time_steps(make_model: MakeModel, make_raster: Callable[..., RasterSpec]) -> None:
    with pytest.raises(SpecError, match=r"sees one date, the rasters hold 3. Wrap it, as in {name: per_date"):
        make_model(make_raster(2, steps=3))


@pytest.mark.parametrize("num_levels", [2, 3, 4, 5])
def test_pyramid_makes_any_number_of_levels(make_model: MakeModel, num_levels: int) -> None:
    select = {"name": "select", "indices": list(range(num_levels))}
    model = make_model(
        encoder=PRITHVI,
        necks=[select, {"name": "pyramid"}],
        decoder={"name": "unet", "channels": [8] * (num_levels - 1)},
    )
    levels = [(level.channels, level.stride) for level in model.necks[-1].out.levels]
    assert levels == [(48, 4), (96, 8), (192, 16), (192, 32), (192, 64)][:num_levels]
    size = model.sizes.multiple
    assert ask(model.eval(), torch.randn(1, 3, size, size)).output.shape == (1, 2, size, size)


def test_pyramid_takes_channels_and_a_finest_stride(make_model: MakeModel) -> None:
    neck = {"name": "pyramid", "finest_stride": 2, "channels": [4, 6, 10]}
    model = make_model(encoder=VIT, necks=[neck], decoder={"name": "upernet", "channels": 8})
    assert str(model.necks[0].out) == "[4ch/2px, 6ch/4px, 10ch/8px]"
    assert ask(model.eval(), torch.randn(1, 3, 16, 32)).output.shape == (1, 2, 16, 32)


def test_channels_last_networks_give_channels_first_maps(make_model: MakeModel) -> None:
    swin = {"name": "timm", "model": "swin_tiny_patch4_window7_224"}
    with without_memory():
        encoder = make_model(encoder=swin, decoder={"name": "fcn"}).encoder.eval()
        maps = encode(encoder, torch.empty(1, 3, 64, 96))
    assert [given.shape[1:] for given in maps] == [
        (level.channels, 64 // level.stride, 96 // level.stride) for level in encoder.out.levels
    ]


def test_timm_takes_drop_path_and_levels(make_model: MakeModel) -> None:
    encoder = make_model(encoder=VIT | {"drop_path": 0.2, "out_indices": [1, 3]}, decoder={"name": "fcn"}).encoder
    assert str(encoder.out) == "[64ch/16px, 64ch/16px]"
    assert any(getattr(module, "drop_prob", 0) for module in encoder.modules())


def test_flow_has_a_row_per_stage(make_model: MakeModel) -> None:
    model = make_model(
        encoder=VIT,
        necks=[{"name": "pyramid"}],
        decoder={"name": "unet", "channels": [8, 8]},
        auxiliary={"deep": {"decoder": {"name": "fcn"}}},
    )
    model.freeze_encoder()
    rows = describe_flow(model)
    assert [(row.stage, row.component, row.output, row.trainable) for row in rows] == [
        ("standardise", "Standardise", "3ch/1px", False),
        ("encoder", "TimmEncoder", "[64ch/16px, 64ch/16px, 64ch/16px]", False),
        ("necks.0", "PyramidNeck", "[16ch/4px, 32ch/8px, 64ch/16px]", True),
        ("decoder", "UNetDecoder", "8ch/4px", True),
        ("head", "SegmentationHead", "2ch/4px", True),
        ("auxiliary.deep.decoder", "FCNDecoder", "64ch/16px", True),
        ("auxiliary.deep.head", "SegmentationHead", "2ch/16px", True),
    ]
    assert sum(row.num_parameters for row in rows) == sum(parameter.numel() for parameter in model.parameters())
    assert rows[4] == FlowRow("head", "SegmentationHead", "2ch/4px", 8 * 2 + 2, trainable=True)


def test_macs_are_those_of_a_hand_count(make_model: MakeModel, make_raster: Callable[..., RasterSpec]) -> None:
    encoder = PRITHVI | {"coordinates": ["time", "location"]}
    model: Model = make_model(make_raster(6), encoder=encoder, decoder={"name": "fcn", "channels": 8, "num_convs": 1})
    tokens, dim = 4, 192
    linear = (tokens + 1) * 12 * dim * dim
    attention = 2 * (tokens + 1) ** 2 * dim
    embedding = tokens * 6 * 256 * dim
    decoder = tokens * (9 * dim * 8 + 8 * 2)
    assert count_macs(model, one(make_raster(6)), size=32) == 12 * (linear + attention) + embedding + decoder
    assert not any(parameter.is_meta for parameter in model.parameters())
    assert model.training


def test_model_built_on_the_meta_device_takes_weights(make_model: MakeModel) -> None:
    model = make_model(encoder=PRITHVI, decoder={"name": "fcn"}).eval()
    with without_memory():
        empty = make_model(encoder=PRITHVI, decoder={"name": "fcn"})
    assert all(tensor.is_meta for tensor in empty.state_dict().values())
    filled = empty.to_empty(device="cpu").eval()
    filled.load_state_dict(model.state_dict(), strict=True)
    image = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(ask(filled, image).output, ask(model, image).output, rtol=0, atol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_model_moves_between_devices(make_model: MakeModel) -> None:
    model = make_model(encoder=PRITHVI, decoder={"name": "fcn"}).eval()
    image = torch.randn(1, 3, 20, 20)
    expected = ask(model, image).output
    given = ask(model.cuda(), image.cuda()).output.cpu()
    torch.testing.assert_close(given, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(ask(model.cpu(), image).output, expected)


class CountingEncoder(OneSourceEncoder):
    """A user's own, whose constructor asks a tensor for its number, as many vision transformers do."""

    def __init__(self, inputs: Mapping[str, RasterSpec], *, depth: int = 3) -> None:
        super().__init__(inputs)
        self.rates = [rate.item() for rate in torch.linspace(0, 0.3, depth)]
        self.layer = nn.Conv2d(self.raster.num_channels, 8, kernel_size=4, stride=4)
        self.out = FeatureSpec((FeatureLevel(8, 4),))
        self.size_multiple = 4

    def encode(self, image: Image) -> list[torch.Tensor]:
        return [self.layer(image.values)]


def test_necks_are_found_for_encoders_that_need_real_tensors(raster: RasterSpec, target: TargetSpec) -> None:
    name = f"{CountingEncoder.__module__}.CountingEncoder"
    words = {"encoder": {"name": name}, "necks": "auto", "decoder": {"name": "unet", "channels": [8]}}
    config = EncoderDecoderFactory().resolve(ModelConfig.model_validate(words), one(raster), target)
    model = EncoderDecoderFactory().build_model(config, one(raster), target)
    assert [neck.name for neck in config.necks] == ["select", "pyramid"]
    assert ask(model, torch.randn(1, 3, 21, 30)).output.shape == (1, 2, 21, 30)


def test_objects_have_a_factory_of_their_own(raster: RasterSpec) -> None:
    ships = TargetSpec(classes=(ClassSpec(value=1, name="ship", color="#ff0000"),), per="object")
    config = ModelConfig.model_validate({"encoder": RESNET})
    for act in (EncoderDecoderFactory().build_model, EncoderDecoderFactory().resolve):
        with pytest.raises(SpecError, match="'factory: object_detection'"):
            act(config, one(raster), ships)


@pytest.mark.parametrize(
    ("per", "is_classes", "head", "right"),
    [
        ("pixel", True, "regression", "segmentation"),
        ("pixel", False, "segmentation", "regression"),
        ("image", True, "scalar_regression", "classification"),
        ("image", False, "classification", "scalar_regression"),
    ],
)
def test_heads_of_other_answers_are_refused(
    per: Any, is_classes: bool, head: str, right: str, raster: RasterSpec, target: TargetSpec
) -> None:
    numbers = TargetSpec(outputs=(OutputSpec(name="biomass"),), per=per)
    wanted = target.model_copy(update={"per": per}) if is_classes else numbers
    for words in ({"head": head}, {"auxiliary": {"side": {"decoder": "fcn", "head": head}}}):
        config = ModelConfig.model_validate({"encoder": RESNET, **words})
        place = "model.head" if "head" in words else "model.auxiliary.side.head"
        with pytest.raises(ComponentError, match=rf"^{place}: the head '{head}' gives .* Take the head '{right}'"):
            EncoderDecoderFactory().build_model(config, one(raster), wanted)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": RESNET | {"pretraind": True}}, r"^model\.encoder: 'timm' cannot be built: it has no option"),
        ({"necks": ["bottleneck", {"name": "select", "indices": [9]}]}, r"^model\.necks\[1\]: 'select' has no level"),
        ({"decoder": {"name": "fcn", "num_conv": 1}}, r"^model\.decoder: 'fcn' .* no option 'num_conv'"),
        ({"head": {"name": "segmentation", "dropout": 5}}, r"^model\.head: .* dropout: .* less than or equal to 1"),
        ({"decoder": {"name": "fcn", "channels": -8}}, r"^model\.decoder: .* channels: .* equal to 1 \(found -8\)"),
        ({"decoder": {"name": "unet", "channels": [8, 0, 8, 8]}}, r"channels.1: .* equal to 1 \(found 0\)"),
        (
            {"auxiliary": {"a": {"decoder": {"name": "fcn", "num_conv": 1}}}},
            r"^model\.auxiliary\.a\.decoder: 'fcn' cannot be built: it has no option 'num_conv'",
        ),
    ],
)
def test_refusals_name_the_place_in_the_file(make_model: MakeModel, changes: Any, message: str) -> None:
    with pytest.raises((SpecError, ComponentError), match=message):
        make_model(**changes)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("resnet18", "Write {name: timm, model: resnet18}."),
        ("resnet50.a1_in1k", "Write {name: timm, model: resnet50.a1_in1k}."),
        ("mit_b0", "Write {name: smp, model: mit_b0}."),
        ("tu-resnet18", "Write {name: smp, model: tu-resnet18}."),
        ("ResNet50_Weights.SENTINEL2_ALL_MOCO", "Write {name: torchgeo, model: ResNet50_Weights.SENTINEL2_ALL_MOCO}."),
        ("prithvi_eo_v2_300", "Write {name: prithvi_vit, variant: prithvi_eo_v2_300}."),
        ("terramind_v1_base", "Write {name: terramind, variant: terramind_v1_base}."),
        ("prithvi_eo_v2_30", "Did you mean {name: prithvi_vit, variant: prithvi_eo_v2_300}?"),
        ("prithvi_vitt", "Did you mean 'prithvi_vit'?"),
    ],
)
def test_names_of_other_homes_say_how_they_are_written(make_model: MakeModel, name: str, advice: str) -> None:
    with pytest.raises(ComponentError, match=re.escape(advice)):
        make_model(encoder=name)
