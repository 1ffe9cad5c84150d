"""Networks of timm: which images they take, and how weights find their bands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from asking import SOURCE, ask, encode, one
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError, WeightsError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderFactory
from groundwork.models.encoders.timm import weights as timm_weights
from groundwork.models.encoders.timm.encoder import TimmEncoder
from groundwork.models.weights.file import WeightsFile
from groundwork.models.without_memory import without_memory
from groundwork.specs import BandSpec, RasterSpec, TargetSpec

MakeInputs = Callable[..., dict[str, RasterSpec]]


def told(file: str, *bands: str) -> WeightsFile:
    return WeightsFile(file=file, bands=bands or ("RED", "GREEN", "BLUE"))


@pytest.fixture
def named() -> MakeInputs:
    def make(*names: str) -> dict[str, RasterSpec]:
        return one(RasterSpec(bands=tuple(BandSpec(name=name) for name in names), dtype="int16", nodata=-1))

    return make


@pytest.fixture
def published(tmp_path: Path) -> Callable[[str], tuple[str, dict[str, Tensor]]]:
    """Write the weights of a network in timm's own layout; give the file and the weights."""

    def write(model: str) -> tuple[str, dict[str, Tensor]]:
        weights = timm.create_model(model).state_dict()
        file = tmp_path / f"{model}.safetensors"
        save_file(weights, file)
        return str(file), weights

    return write


def test_a_file_gives_what_timm_gives(
    named: MakeInputs, published: Callable[[str], tuple[str, dict[str, Tensor]]]
) -> None:
    for model in ("test_resnet", "test_vit"):
        file, weights = published(model)
        encoder = TimmEncoder(named("RED", "GREEN", "BLUE"), model=model, pretrained=True, weights=told(file)).eval()
        whole = timm.create_model(model).eval()
        whole.load_state_dict(weights)
        image = torch.randn(1, 3, 160, 160)
        expected = whole.forward_intermediates(image, intermediates_only=True)[-1]
        torch.testing.assert_close(encode(encoder, image)[-1], expected)
        assert encoder.loaded[SOURCE].bands == ("RED", "GREEN", "BLUE")
        assert set(encoder.loaded[SOURCE].loaded) == set(encoder.network.state_dict())


@pytest.mark.parametrize("wrapper", ["", "_timm_module."])
def test_files_of_fine_tuned_models_hold_an_encoder(wrapper: str, named: MakeInputs, tmp_path: Path) -> None:
    whole = timm.create_model("test_vit", in_chans=4).eval()
    state = {f"model.encoder.{wrapper}{name}": value for name, value in whole.state_dict().items()}
    file = tmp_path / "theirs.ckpt"
    torch.save({"state_dict": state | {"model.head.weight": torch.ones(1)}}, file)
    mine = told(str(file), "NIR", "RED", "GREEN", "BLUE")
    encoder = TimmEncoder(named("RED", "NIR"), model="test_vit", pretrained=True, weights=mine).eval()
    image = torch.randn(1, 2, 160, 160)
    four = torch.cat([image[:, 1:], image[:, :1], torch.zeros(1, 2, 160, 160)], dim=1)
    expected = whole.forward_intermediates(four, intermediates_only=True)[-1]
    torch.testing.assert_close(encode(encoder, image)[-1], expected)


@pytest.mark.parametrize("model", ["test_resnet", "test_vit"])
def test_bands_find_their_weights_by_name(
    model: str, named: MakeInputs, published: Callable[[str], tuple[str, dict[str, Tensor]]]
) -> None:
    file, weights = published(model)
    first = "conv1.0.weight" if model == "test_resnet" else "patch_embed.proj.weight"
    for bands in (("NIR", "BLUE", "RED", "B9"), ("BLUE", "NIR", "GREEN")):
        encoder = TimmEncoder(named(*bands), model=model, pretrained=True, weights=told(file))
        own = next(value for name, value in encoder.network.state_dict().items() if name.endswith(first))
        for index, band in enumerate(bands):
            same = [torch.equal(own[:, index], weights[first][:, colour]) for colour in range(3)]
            assert same == [band == colour for colour in ("RED", "GREEN", "BLUE")]
        assert encoder.loaded[SOURCE].bands == tuple(band for band in bands if band in {"RED", "GREEN", "BLUE"})


def test_a_file_must_say_its_bands_and_may_hold_others(
    named: MakeInputs, published: Callable[[str], tuple[str, dict[str, Tensor]]], tmp_path: Path
) -> None:
    file, weights = published("test_resnet")
    with pytest.raises(WeightsError, match=r"takes 3 bands, and nothing says which.* bands: \[RED, GREEN, BLUE\]\}"):
        TimmEncoder(named("RED"), model="test_resnet", pretrained=True, weights=file)
    mine = told(file, "NIR", "RED", "GREEN")
    encoder = TimmEncoder(named("RED", "NIR"), model="test_resnet", pretrained=True, weights=mine)
    own = encoder.network.state_dict()["conv1.0.weight"]
    assert torch.equal(own, weights["conv1.0.weight"][:, [1, 0]])
    assert encoder.info[SOURCE].bands == mine.bands
    wide = timm.create_model("test_resnet", in_chans=4).state_dict()
    save_file(wide, tmp_path / "wide.safetensors", metadata={"bands": '["VV", "RED", "NIR", "BLUE"]'})
    file = str(tmp_path / "wide.safetensors")
    encoder = TimmEncoder(named("NIR", "VV"), model="test_resnet", pretrained=True, weights=file)
    assert torch.equal(encoder.network.state_dict()["conv1.0.weight"], wide["conv1.0.weight"][:, [2, 0]])


def test_new_bands_may_start_from_the_mean(
    named: MakeInputs, published: Callable[[str], tuple[str, dict[str, Tensor]]]
) -> None:
    file, weights = published("test_resnet")
    trained = weights["conv1.0.weight"]
    encoder = TimmEncoder(
        named("NIR", "GREEN"), model="test_resnet", pretrained=True, weights=told(file), new_bands="mean"
    )
    own = encoder.network.state_dict()["conv1.0.weight"]
    torch.testing.assert_close(own[:, 0], (trained[:, 0] + trained[:, 1] + trained[:, 2]) / 3)
    assert torch.equal(own[:, 1], trained[:, 1])


def test_a_first_layer_without_known_bands_is_reported_as_fresh(
    named: MakeInputs, published: Callable[[str], tuple[str, dict[str, Tensor]]]
) -> None:
    file, _ = published("test_resnet")
    loaded = TimmEncoder(named("VV", "VH"), model="test_resnet", pretrained=True, weights=told(file)).loaded[SOURCE]
    assert loaded.fresh == ("conv1.0.weight",)
    assert loaded.bands == ()
    assert "conv1.0.weight" not in loaded.loaded


def test_weights_of_another_network_are_refused(
    named: MakeInputs, published: Callable[[str], tuple[str, dict[str, Tensor]]]
) -> None:
    file, _ = published("test_resnet")
    with pytest.raises(WeightsError, match=r"another network. \d+ missing in the file: model.cls_token"):
        TimmEncoder(named("RED"), model="test_vit", pretrained=True, weights=told(file))
    with pytest.raises(WeightsError, match=r"another network. .*size mismatch"):
        TimmEncoder(named("RED"), model="resnet18", pretrained=True, weights=told(file))
    with pytest.raises(WeightsError, match="do not exist"):
        TimmEncoder(named("RED"), model="test_resnet", pretrained=True, weights="missing.safetensors")


def test_a_file_that_lacks_some_weights_is_refused(
    named: MakeInputs, published: Callable[[str], tuple[str, dict[str, Tensor]]], tmp_path: Path
) -> None:
    _, weights = published("test_vit")
    del weights["blocks.2.mlp.fc1.weight"]
    torch.save(weights, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match=r"1 missing in the file: model.blocks.2.mlp.fc1.weight"):
        TimmEncoder(named("RED"), model="test_vit", pretrained=True, weights=told(str(tmp_path / "part.pth")))


def test_weights_of_the_hub_are_asked_for_by_name(named: MakeInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    weights = timm.create_model("test_resnet").state_dict()

    def give(repository: str, weights_only: bool) -> dict[str, Tensor]:
        assert weights_only
        asked.append(repository)
        return weights

    monkeypatch.setattr(timm_weights, "load_state_dict_from_hf", give)
    encoder = TimmEncoder(named("RED"), model="test_resnet", pretrained=True, weights="hf_hub:someone/resnet")
    assert asked == ["someone/resnet"]
    assert torch.equal(encoder.network.state_dict()["conv1.0.weight"][:, 0], weights["conv1.0.weight"][:, 0])


def test_an_unreachable_hub_says_how_to_go_on(named: MakeInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", fail)
    with pytest.raises(WeightsError, match=r"cannot be downloaded: no route to host.*option 'weights'"):
        TimmEncoder(named("RED"), model="test_resnet", pretrained=True)


def test_info_is_timms(named: MakeInputs) -> None:
    info = TimmEncoder(named("RED"), model="test_vit").info[SOURCE]
    assert info.bands == ("RED", "GREEN", "BLUE")
    assert info.mean == info.std == (0.5, 0.5, 0.5)
    assert (info.unit, info.scale) == ("digital_number", 255)
    assert (info.image_size, info.patch_size, info.licence) == (160, 16, "apache-2.0")
    assert info.weights == "hf_hub:timm/test_vit.r160_in1k"


@pytest.mark.parametrize(
    ("model", "multiple"),
    [("test_resnet", 32), ("test_vit", 16), ("vit_small_patch14_reg4_dinov2", 14), ("vit_small_patch16_dinov3", 16)],
)
def test_size_multiple_is_the_coarsest_stride(model: str, multiple: int, named: MakeInputs) -> None:
    with without_memory():
        assert TimmEncoder(named("RED"), model=model).size_multiple == multiple


def test_networks_with_windows_state_the_size_that_fits_them(named: MakeInputs) -> None:
    with without_memory():
        encoder = TimmEncoder(named("RED"), model="halonet26t").eval()
        assert encoder.size_multiple == 256
        assert encode(encoder, torch.empty(1, 1, 256, 512))[-1].shape == (1, 2048, 8, 16)


@pytest.mark.parametrize("model", ["beit_base_patch16_224", "gmlp_ti16_224", "hiera_tiny_224", "test_maxvit"])
def test_networks_of_one_size_say_so(model: str, named: MakeInputs) -> None:
    with without_memory():
        encoder = TimmEncoder(named("RED"), model=model).eval()
        only = encoder.size_multiple
        assert encode(encoder, torch.empty(1, 1, only, only))[0].shape[-1] == only // encoder.out.levels[0].stride
        with pytest.raises(ValueError, match=rf"takes images of {only} x {only} pixels only.*Set the encoder's 'image"):
            encode(encoder, torch.empty(1, 1, 2 * only, only))


def test_a_network_of_one_size_can_be_built_for_another(named: MakeInputs) -> None:
    with without_memory():
        encoder = TimmEncoder(named("RED"), model="gmlp_ti16_224", image_size=64).eval()
        assert encode(encoder, torch.empty(1, 1, 64, 64))[0].shape == (1, 128, 4, 4)


def test_maps_that_leave_out_the_border_are_refused(named: MakeInputs) -> None:
    with without_memory(), pytest.raises(ComponentError, match="'legacy_xception' do not cover an image evenly"):
        TimmEncoder(named("RED"), model="legacy_xception")


def test_blocks_of_a_plain_transformer_are_chosen_by_index(named: MakeInputs) -> None:
    encoder = TimmEncoder(named("RED"), model="test_vit", out_indices=(0, 3)).eval()
    whole = timm.create_model("test_vit", in_chans=1).eval()
    weights = {name.removeprefix("model."): value for name, value in encoder.network.state_dict().items()}
    whole.load_state_dict(weights, strict=False)
    image = torch.randn(1, 1, 160, 160)
    for level, expected in zip(
        encode(encoder, image), whole.forward_intermediates(image, indices=[0, 3], intermediates_only=True), strict=True
    ):
        torch.testing.assert_close(level, expected)


@pytest.mark.parametrize("indices", [(3, 1), (-1, 0), (1, 1), (5, 2), ()])
@pytest.mark.parametrize("model", ["test_resnet", "test_vit"])
def test_levels_out_of_order_are_refused(model: str, indices: tuple[int, ...], named: MakeInputs) -> None:
    with pytest.raises(
        ComponentError, match=r"'out_indices' must name blocks from first to last, each once, from 0 to"
    ):
        TimmEncoder(named("RED"), model=model, out_indices=indices)


def test_levels_are_counted_from_the_end_too(named: MakeInputs) -> None:
    encoder = TimmEncoder(named("RED"), model="test_resnet", out_indices=(1, -1))
    assert [level.stride for level in encoder.out.levels] == [4, 32]


@pytest.mark.parametrize(
    ("model", "blocks"),
    [
        ("vit_tiny_patch16_224", (2, 5, 8, 11)),
        ("test_vit", (1, 2, 4, 5)),
        ("gmlp_ti16_224", (7, 14, 22, 29)),
        ("test_resnet", (0, 1, 2, 3, 4)),
    ],
)
def test_a_plain_transformer_passes_on_four_blocks_at_even_distances(
    model: str, blocks: tuple[int, ...], named: MakeInputs
) -> None:
    with without_memory():
        network = TimmEncoder(named("RED"), model=model).network
    assert tuple(network.feature_info.out_indices) == blocks


def test_a_network_of_one_size_names_the_image_not_the_padded_one(named: MakeInputs, target: TargetSpec) -> None:
    words = {"encoder": {"name": "timm", "model": "beit_base_patch16_224"}, "decoder": {"name": "fcn"}}
    inputs = named("RED")
    with without_memory():
        model = EncoderDecoderFactory().build_model(ModelConfig.model_validate(words), inputs, target).eval()
        assert ask(model, torch.empty(1, 1, 100, 60)).output.shape == (1, 2, 100, 60)
        with pytest.raises(ValueError, match=r"images of 224 x 224 pixels only, and was given 256 x 100\. Set the"):
            ask(model, torch.empty(1, 1, 256, 100))


def test_unknown_names_and_options_are_refused(named: MakeInputs) -> None:
    with pytest.raises(ComponentError, match=r"timm has no model 'resnet19'\. Did you mean 'resnet"):
        TimmEncoder(named("RED"), model="resnet19")
    with pytest.raises(ComponentError, match="Set 'pretrained: true' to load it"):
        TimmEncoder(named("RED"), model="test_resnet", weights="a.pth")
    with pytest.raises(ComponentError, match=r"'out_indices' must name blocks.*got \[9\]"):
        TimmEncoder(named("RED"), model="test_resnet", out_indices=(9,))
    dates = one(named("RED")[SOURCE].model_copy(update={"steps": 2, "layout": "steps_first"}))
    with pytest.raises(SpecError, match=r"'timm' sees one date, the rasters hold 2.*name: per_date"):
        TimmEncoder(dates, model="test_resnet")


def test_networks_are_built_where_nothing_is_trained(named: MakeInputs) -> None:
    with torch.inference_mode():
        encoder = TimmEncoder(named("RED", "NIR_NARROW"), model="test_resnet").eval()
        assert encode(encoder, torch.zeros(1, 2, 64, 64))[0].shape == (1, 32, 32, 32)


def test_aerial_photographs_are_standardised_as_imagenet_was(target: TargetSpec) -> None:
    bands = tuple(BandSpec(name=name, unit="digital_number") for name in ("RED", "GREEN", "BLUE"))
    aerial = RasterSpec(bands=bands, dtype="uint8", nodata=None)
    words = {"encoder": {"name": "timm", "model": "resnet18"}, "standardise": "from_encoder"}
    model = EncoderDecoderFactory().build_model(ModelConfig.model_validate(words), {"aerial": aerial}, target)
    stated = timm.create_model("resnet18").pretrained_cfg
    image = torch.randint(0, 256, (1, 3, 8, 8))
    mean, std = (torch.tensor(stated[key]).reshape(1, 3, 1, 1) for key in ("mean", "std"))
    torch.testing.assert_close(model.standardise["aerial"](image), (image / 255 - mean) / std, atol=1e-5, rtol=1e-5)
