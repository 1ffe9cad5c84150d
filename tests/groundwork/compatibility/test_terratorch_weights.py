"""Checkpoints of TerraTorch become bundles that give its scores: against values recorded there, for each part."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file
from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder
from segmentation_models_pytorch.decoders.pan.decoder import PANDecoder
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder
from torch import Tensor, nn
from torch.nn import functional
from torchgeo.models import get_model

from groundwork.batch import Images
from groundwork.bundle import Bundle, load_bundle
from groundwork.cli.main import main
from groundwork.compatibility.terratorch.translate import translate
from groundwork.compatibility.terratorch_weights.checkpoint import read_checkpoint
from groundwork.compatibility.terratorch_weights.importing import import_checkpoint
from groundwork.errors import TranslationError, WeightsError
from groundwork.models.assembly.detection import DetectionModel
from groundwork.models.interface import Model
from groundwork.targets.object_masks import cells_of
from recorded_weights import numbers_of, unfold, weight_of
from terratorch_cases import CASES, DATES, DETECTORS, IMAGES, PYRAMID, RESHAPE, SELECT, SIZES, SQUARES, decoder
from terratorch_words import DATA, HLS, MODEL, SEVERAL, TASK, changed

RECORDED = json.loads(Path(__file__).with_name("terratorch_recorded.json").read_text("utf-8"))


def state_of(case: str) -> dict[str, Tensor]:
    """Return the weights of a case, under the names that they have in a checkpoint."""
    parts = [unfold(RECORDED["groups"][group]) for group in RECORDED["cases"][case]["groups"]]
    return {f"model.{name}": weight_of(name, shape) for part in parts for name, shape in part.items()}


def write(path: Path, state: dict[str, Tensor], **more: Any) -> Path:
    torch.save({"epoch": 3, "state_dict": state, **more}, path)
    return path


def bundle_of(path: Path, words: dict[str, Any], **more: Any) -> Bundle:
    return import_checkpoint(path, words, "theirs.yaml", **more).bundle


def scores_of(model: Model, image: Tensor) -> Tensor:
    """Return the scores of standardised values, which the model is given as raw ones."""
    with torch.inference_mode():
        return model(raw_of(model, image)).output


def raw_of(model: Model, image: Tensor) -> Images:
    """Return standardised values as raw ones."""
    (source, standardise), *_ = model.standardise.items()
    shape = (-1, *(1,) * (image.dim() - 2))
    return Images({source: image.double() * standardise.std.reshape(shape) + standardise.mean.reshape(shape)})


@pytest.mark.parametrize("case", CASES)
def test_scores_are_those_that_were_recorded(case: str, tmp_path: Path) -> None:
    bundle = bundle_of(write(tmp_path / "theirs.ckpt", state_of(case)), changed(*CASES[case]))
    assert bundle.config.trained
    model, steps = bundle.build_model(), DATES.get(case, 1)
    bands = 2 if case == "radar" else 6
    recorded = RECORDED["cases"][case]["scores"]
    assert len(recorded) >= 2
    # Two parts are others in TerraTorch 1.2.13, which recorded how images of odd sizes are grown.
    for size, expected in zip(SIZES, recorded, strict=False):
        scores = scores_of(model, numbers_of("image", (1, bands, *((steps,) * (steps > 1)), *size)))
        assert scores.shape[-2:] == (size if scores.dim() == 4 else (1, 2))
        some = scores.flatten()[:: max(1, scores.numel() // 7)].tolist()
        assert some == pytest.approx(expected["some"], abs=1e-5)
        assert (scores.double().mean().item(), scores.double().std().item()) == pytest.approx(
            (expected["mean"], expected["std"]), abs=1e-5
        )


def state_of_detector(case: str) -> dict[str, Tensor]:
    """Return the weights of a detector under the names that they have in a checkpoint.

    Regions are drawn by small numbers, so that no score is nearly 1; what was never asked for has no score.
    """
    encoder = {
        name.replace("encoder.", "torchvision_model.backbone.backbone.", 1): shape
        for name, shape in unfold(RECORDED["groups"][0]).items()
    }
    state = {}
    for name, shape in {**encoder, **RECORDED["detectors"][case]["names"]}.items():
        value = weight_of(name, tuple(shape))
        if ".rpn." in name or "box_predictor" in name:
            value = 0.2 * value
        if "cls_logits" in name and case == "anchors":
            value.view(9, -1, *value.shape[1:])[:, 0] = -20 if name.endswith("bias") else 0
        state[f"model.{name}"] = value
    return state


@pytest.mark.parametrize("case", DETECTORS)
def test_objects_are_those_that_were_recorded(case: str, tmp_path: Path) -> None:
    path = write(tmp_path / "theirs.ckpt", state_of_detector(case))
    found = import_checkpoint(path, changed(*DETECTORS[case]), "theirs.yaml")
    label_0 = "cls_logits.bias: its part for label 0, which is no class here"
    assert (label_0 in str(found)) == (case == "anchors")
    model, values = found.bundle.build_model(), found.bundle.config.target.values
    for size, expected in zip(SQUARES, RECORDED["detectors"][case]["found"], strict=True):
        rows = scores_of(model, numbers_of("image", (1, 6, *size)))[0]
        assert len(rows) == expected["count"]
        some = rows[: len(expected["rows"])]
        boxes, scores, labels = (
            [row[:4] for row in expected["rows"]],
            [row[4] for row in expected["rows"]],
            [row[5] for row in expected["rows"]],
        )
        # Edges are sums of numbers of some hundred pixels, in single precision.
        torch.testing.assert_close(some[:, :4], torch.tensor(boxes), atol=2e-3, rtol=0)
        torch.testing.assert_close(some[:, 4], torch.tensor(scores), atol=1e-5, rtol=0)
        assert [values[int(label)] for label in some[:, 5]] == labels


def test_cells_of_outlines_are_those_that_were_recorded(tmp_path: Path) -> None:
    path = write(tmp_path / "theirs.ckpt", state_of_detector("outlines"))
    model = bundle_of(path, changed(*DETECTORS["outlines"])).build_model()
    assert isinstance(model, DetectionModel)
    for size, expected in zip(SQUARES, RECORDED["detectors"]["outlines"]["found"], strict=True):
        rows = scores_of(model, numbers_of("image", (1, 6, *size)))[0]
        assert cells_of(rows).shape[-2:] == (14, 14)
        with torch.inference_mode():
            features = model.extract(model.prepare(raw_of(model, numbers_of("image", (1, 6, *size)))))
            cells = model.detector(features.maps, size).found[0]["masks"]
        some = cells[: len(expected["cells"])].flatten(1)[:, ::28]
        torch.testing.assert_close(some, torch.tensor(expected["cells"]), atol=1e-5, rtol=0)


def test_the_last_block_doubles_the_resolution_where_that_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "theirs.ckpt", state_of("U-Net"))
    keeps, doubles = (bundle_of(path, changed(), last_block=word).build_model() for word in ("keeps", "doubles"))
    blocks = doubles.decoder.decoder.blocks
    maps = [torch.randn(1, width, 16 >> index, 16 >> index) for index, width in enumerate((64, 128, 256, 256))]
    features = maps[-1]
    for block, skip in zip(blocks, [*maps[2::-1], None], strict=True):
        features = functional.interpolate(features, scale_factor=2, mode="nearest")
        features = block.conv2(block.conv1(features if skip is None else torch.cat([features, skip], dim=1)))
    torch.testing.assert_close(doubles.decoder(maps), features)
    assert keeps.decoder(maps).shape[-1] == features.shape[-1] // 2
    said = import_checkpoint(path, changed(), "theirs.yaml")
    assert "--last-block doubles" in str(said)


def test_whole_networks_give_what_their_libraries_give(tmp_path: Path) -> None:
    own = {"bands": HLS, "in_channels": 6, "num_classes": 2, "pretrained": False}
    unet: nn.Module = smp.Unet("resnet18", encoder_weights=None, in_channels=6, classes=2)
    resnet: nn.Module = timm.create_model("resnet10t", in_chans=6, num_classes=2)
    for network, name, factory, changes, words in (
        (unet, "smp_model", "SMPModelFactory", [], {"backbone": "resnet18", "model": "Unet", **own}),
        (resnet, "timm_model", "TimmModelFactory", IMAGES, {"backbone": "resnet10t", **own}),
    ):
        state = {f"model.{name}.{key}": value for key, value in network.eval().state_dict().items()}
        path = write(tmp_path / f"{name}.ckpt", state)
        model = bundle_of(path, changed(*changes, (f"{TASK}.model_factory", factory), (MODEL, words))).build_model()
        for size in ((64, 64), (96, 64), (75, 53)):
            image = torch.randn(1, 6, *size)
            with torch.inference_mode():
                expected = network(image)
            torch.testing.assert_close(scores_of(model, image), expected, atol=5e-5, rtol=1e-5)


#: Changes by which the encoder is a ResNet of timm, all of whose levels go on as they are.
TIMM: list[tuple[str, Any]] = [
    (f"{MODEL}.backbone", "timm_resnet10t"),
    (f"{MODEL}.backbone_bands", None),
    (f"{MODEL}.backbone_in_chans", 6),
    (f"{MODEL}.necks", None),
]


def test_convolutions_see_images_of_odd_sizes_as_they_are(tmp_path: Path) -> None:
    encoder = timm.create_model("resnet10t", in_chans=6, features_only=True).eval()
    classify = nn.Conv2d(512, 2, 1)
    state = {f"model.encoder.{key}": value for key, value in encoder.state_dict().items()}
    state |= {f"model.head.head.2.{key}": value for key, value in classify.state_dict().items()}
    words = changed(*TIMM, *decoder("IdentityDecoder"))
    bundle = bundle_of(write(tmp_path / "theirs.ckpt", state), words)
    assert bundle.config.model.padding == "none"
    image = torch.randn(1, 6, 75, 53)
    with torch.inference_mode():
        expected = functional.interpolate(classify(encoder(image)[-1]), size=(75, 53), mode="bilinear")
    torch.testing.assert_close(scores_of(bundle.build_model(), image), expected, atol=1e-5, rtol=1e-5)


#: Decoder of smp -> its arguments, and the options of TerraTorch that say the same.
DECODERS: dict[str, tuple[type[nn.Module], dict[str, Any], dict[str, Any]]] = {
    "Segformer": (SegformerDecoder, {"segmentation_channels": 8}, {"decoder_segmentation_channels": 8}),
    "UPerNet": (UPerNetDecoder, {"decoder_channels": 8}, {"decoder_channels": 8}),
    "PAN": (PANDecoder, {"decoder_channels": 8}, {"decoder_channels": 8}),
    "DeepLabV3Plus": (
        DeepLabV3PlusDecoder,
        {"out_channels": 8, "atrous_rates": [2, 3, 4], "output_stride": 16, "aspp_separable": True, "aspp_dropout": 0},
        {"decoder_channels": 8, "decoder_atrous_rates": [2, 3, 4]},
    ),
}


@pytest.mark.parametrize("levels", [4, 5])
@pytest.mark.parametrize("name", DECODERS)
def test_decoders_of_smp_read_the_levels_that_they_are_given_there(name: str, levels: int, tmp_path: Path) -> None:
    decoder_class, arguments, options = DECODERS[name]
    indices = list(range(levels))
    encoder = timm.create_model("resnet10t", in_chans=6, features_only=True, out_indices=indices).eval()
    channels = encoder.feature_info.channels()
    theirs = decoder_class(encoder_channels=channels, encoder_depth=levels - 1, **arguments).eval()
    classify = nn.Conv2d(8, 2, 1)
    state = {f"model.encoder.{key}": value for key, value in encoder.state_dict().items()}
    state |= {f"model.decoder._smp_decoder.{key}": value for key, value in theirs.state_dict().items()}
    state |= {f"model.head.head.2.{key}": value for key, value in classify.state_dict().items()}
    words = changed(
        *decoder(f"smp_{name}", **options),
        *TIMM,
        # Where timm gives all of them, nobody needs to count them.
        *([(f"{MODEL}.backbone_out_indices", indices)] if levels < 5 else []),
    )
    model = bundle_of(write(tmp_path / "theirs.ckpt", state), words).build_model()
    image = torch.randn(2, 6, 256, 128 + 128 * (name == "PAN"))
    with torch.inference_mode():
        expected = functional.interpolate(classify(theirs(encoder(image))), image.shape[-2:], mode="bilinear")
    torch.testing.assert_close(scores_of(model, image), expected, atol=1e-5, rtol=1e-5)


def as_dofa(network: nn.Module, image: Tensor) -> list[Tensor]:
    """Return what TerraTorch takes of DOFA: all blocks' tokens, without the norm behind them."""
    wavelengths = torch.tensor([0.49, 0.56, 0.665, 0.864, 1.61, 2.2])
    tokens = network.patch_embed(image, wavelengths)[0] + network.pos_embed[:, 1:]
    tokens = torch.cat([(network.cls_token + network.pos_embed[:, :1]).expand(len(tokens), -1, -1), tokens], dim=1)
    found = []
    for block in network.blocks:
        tokens = block(tokens)
        found.append(tokens[:, 1:].transpose(1, 2).unflatten(2, (14, 14)))
    return found


def as_swin(network: nn.Module, image: Tensor) -> list[Tensor]:
    found = []
    for part in network.features:
        image = part(image)
        found.append(image.permute(0, 3, 1, 2))
    return found


#: Encoder -> how names of its weights begin, TorchGeo's builder, what TerraTorch takes of it, what is taken of that
#: unasked, side of the images.
ZOO: dict[str, tuple[str, str, Callable[[nn.Module, Tensor], list[Tensor]], int]] = {
    "dofa_small_patch16_224": ("dofa_model", "dofa_small_patch16_224", as_dofa, 224),
    "ssl4eos12_resnet18_sentinel2_all_moco": (
        "resnet_model",
        "resnet18",
        lambda network, image: list(network.forward_intermediates(image, intermediates_only=True)),
        64,
    ),
    "ssl4eol_vit_small_patch16_224_landsat_tm_toa_moco": (
        "vit_model",
        "vit_small_patch16_224",
        lambda network, image: list(network.forward_intermediates(image, intermediates_only=True)),
        224,
    ),
    "satlas_swin_t_sentinel2_si_ms": ("swin_model", "swin_v2_t", as_swin, 64),
}


@pytest.mark.parametrize("name", ZOO)
def test_encoders_of_torchgeo_give_what_is_taken_of_them_there(name: str, tmp_path: Path) -> None:
    start, builder, take, side = ZOO[name]
    network = get_model(builder, **({"in_chans": 6} if start in ("resnet_model", "vit_model") else {})).eval()
    if start == "swin_model":
        network.features[0][0] = nn.Conv2d(6, 96, 4, 4)
    if start == "dofa_model":
        nn.init.normal_(network.pos_embed)
    image = torch.randn(1, 6, side, side)
    with torch.inference_mode():
        last = take(network, image)[-1]
        classify = nn.Conv2d(last.shape[1], 2, 1)
        expected = functional.interpolate(classify(last), (side, side), mode="bilinear")
    state = {f"model.encoder.{start}.{key}": value for key, value in network.state_dict().items()}
    state |= {f"model.head.head.2.{key}": value for key, value in classify.state_dict().items()}
    words = changed(
        *TIMM,
        *decoder("IdentityDecoder"),
        (f"{MODEL}.backbone", name),
        (f"{MODEL}.backbone_in_chans", None),
        (f"{MODEL}.backbone_model_bands", HLS),
    )
    found = import_checkpoint(write(tmp_path / "theirs.ckpt", state), words, "theirs.yaml")
    torch.testing.assert_close(scores_of(found.bundle.build_model(), image), expected, atol=1e-5, rtol=1e-5)


def test_sources_that_are_concatenated_keep_their_order() -> None:
    words = changed(*SEVERAL, (f"{MODEL}.backbone_merge_method", "concat"))
    assert translate(words, "theirs.yaml").parameters["model"]["encoder"]["order"] == ["S2L2A", "S1GRD"]


# Files.


@pytest.fixture
def their_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module with classes that a checkpoint names, gone once it is written."""
    module = ModuleType("terratorch_of_theirs")
    made = (
        "import enum\n"
        "class Bands(enum.Enum):\n    RED = 'RED'\n    BLUE = 'BLUE'\n"
        "class Head:\n    def __init__(self, name):\n        self.name, self.args = name, {'a': [1]}\n"
    )
    exec(made, module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    yield module
    assert module.__name__ not in sys.modules


def test_classes_of_theirs_are_named_and_never_built(
    their_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"backbone": "x", "backbone_bands": [their_module.Bands.RED, their_module.Bands.BLUE]}
    more = {"model_args": arguments, "aux_heads": [their_module.Head("side")]}
    path = write(tmp_path / "theirs.ckpt", {"model.a": torch.ones(2)}, hyper_parameters=more)
    monkeypatch.delitem(sys.modules, their_module.__name__)
    found = read_checkpoint(path)
    assert found.classes == ("terratorch_of_theirs.Bands", "terratorch_of_theirs.Head")
    assert found.model_args["backbone_bands"] == ["RED", "BLUE"]
    assert list(found.weights) == ["a"]


def leave(path: str) -> None:
    Path(path).touch()


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return leave, (str(self.path),)


class RunsSystem(Runs):
    """The same by a module that is never let in."""

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, (f"touch {self.path}",)


def test_no_code_of_a_file_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    path = write(tmp_path / "theirs.ckpt", {"model.a": torch.ones(2)}, hyper_parameters={"x": Runs(mark)})
    assert list(read_checkpoint(path).weights) == ["a"]
    write(path, {"model.a": torch.ones(2)}, hyper_parameters={"x": RunsSystem(mark)})
    with pytest.raises(WeightsError, match=r"was not opened, as it could run code \(.*posix.*\)"):
        read_checkpoint(path)
    assert not mark.exists()


def test_weights_alone_are_read_too(tmp_path: Path) -> None:
    state = state_of("FCN")
    torch.save(state, tmp_path / "theirs.pt")
    save_file({name.removeprefix("model."): value for name, value in state.items()}, tmp_path / "theirs.safetensors")
    first, second = (bundle_of(tmp_path / f"theirs.{end}", changed(*CASES["FCN"])) for end in ("pt", "safetensors"))
    assert all(torch.equal(value, second.weights[name]) for name, value in first.weights.items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist, or is no file"),
        (b"no checkpoint", "cannot be read as a checkpoint"),
        ({"state_dict": {}}, "holds no weights by name"),
    ],
)
def test_what_is_no_checkpoint_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.ckpt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(path)


# What is refused.


def edited(case: str, **changes: Tensor | None) -> dict[str, Tensor]:
    state = state_of(case)
    for name, value in changes.items():
        state.pop(name, None)
        if value is not None:
            state[name] = value
    return state


@pytest.mark.parametrize(
    ("state", "changes", "message"),
    [
        ({"model.decoder.gate.0.weight": torch.ones(1)}, [], r"decoder\.gate\.0: nothing is known of it here"),
        ({"model.head.head.2.weight": None}, [], r"head\.classify\.weight: the checkpoint has no weights for it"),
        (
            {"model.decoder.decoder.blocks.9.conv1.0.weight": torch.ones(1)},
            [],
            r"decoder\.decoder\.blocks\.9: the network that the YAML describes has no such part",
        ),
        ({}, [(f"{MODEL}.num_classes", 3), (f"{DATA}.num_classes", 3)], r"head\.classify\.weight: \(2, 8, 1, 1\) in"),
        ({"model.encoder.pos_embed": torch.ones(1, 197, 256)}, [], r"encoder\.pos_embed: these codes of places were"),
        ({}, [(f"{DATA}.means", None), (f"{DATA}.stds", None)], r"data\.init_args\.means: neither they nor 'stds'"),
        ({}, [(f"{TASK}.ignore_index", 1), (f"{MODEL}.num_classes", 3)], r"ignore_index: \['class_1'\] is not known"),
        (
            {},
            [
                (f"{MODEL}.decoder", "smp_Segformer"),
                (f"{MODEL}.decoder_channels", None),
                (f"{MODEL}.necks", [SELECT, RESHAPE, PYRAMID, {"name": "SelectIndices", "indices": [0, 1, 2, 2]}]),
            ],
            r"decoder_\*: the decoder of 'Segformer' is fed in another way",
        ),
        (
            {},
            [
                (f"{MODEL}.backbone", "mit_b0"),
                (f"{MODEL}.backbone_bands", None),
                (f"{MODEL}.decoder", "IdentityDecoder"),
                (f"{MODEL}.decoder_channels", None),
                (f"{MODEL}.necks", None),
            ],
            "names of weights of the encoder 'smp' are not known here",
        ),
    ],
)
def test_what_cannot_be_exact_is_refused_by_module(
    state: dict[str, Tensor | None], changes: list[tuple[str, Any]], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "theirs.ckpt", edited("U-Net", **state))
    with pytest.raises(TranslationError, match=message):
        bundle_of(path, changed(*changes))


def test_a_checkpoint_of_another_network_is_refused_with_each_argument(tmp_path: Path) -> None:
    arguments = changed()["model"]["init_args"]["model_args"]
    trained = {**arguments, "backbone_bands": HLS[::-1], "decoder_attention_type": None, "backbone_pretrained": True}
    more = {"hyper_parameters": {"model_args": trained}}
    path = write(tmp_path / "theirs.ckpt", state_of("U-Net"), **more)
    with pytest.raises(TranslationError, match=r"theirs\.ckpt is no checkpoint of what .*\n.*backbone_bands: the YAML"):
        bundle_of(path, changed())
    with pytest.raises(TranslationError, match=r"head_dropout: the YAML states 0\.2, it was trained without"):
        bundle_of(path, changed((f"{MODEL}.backbone_bands", HLS[::-1]), (f"{MODEL}.head_dropout", 0.2)))


def test_what_the_checkpoint_alone_says_is_taken(tmp_path: Path) -> None:
    arguments = changed(*CASES["UperNet"])["model"]["init_args"]["model_args"]
    path = write(tmp_path / "theirs.ckpt", state_of("UperNet"), hyper_parameters={"model_args": arguments})
    words = changed(*CASES["UperNet"], (f"{MODEL}.necks", None))
    assert bundle_of(path, words).config.model.necks[0].name == "pyramid"


# The command.


def test_the_command_writes_a_bundle_that_is_read_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = state_of("FCN") | {"model.aux_heads.side.0.convs.0.0.weight": torch.ones(1)}
    write(tmp_path / "theirs.ckpt", state)
    (tmp_path / "theirs.yaml").write_text(json.dumps(changed(*CASES["FCN"])), encoding="utf-8")
    arguments = ["bundle", "import", "theirs.ckpt", "--config", "theirs.yaml"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "aux_heads.side.0: auxiliary branches answer while training alone" in said
    assert "no_data_replace: where there is no data the model sees the mean" in said
    bundle = load_bundle(tmp_path / "theirs.bundle")
    expected = RECORDED["cases"]["FCN"]["scores"][2]
    scores = scores_of(bundle.build_model(), numbers_of("image", (1, 6, *SIZES[2])))
    assert scores.double().mean().item() == pytest.approx(expected["mean"], abs=1e-5)
    assert bundle.config.inputs["images"].band_names == tuple(HLS)
    assert bundle.config.provenance["imported_from"] == "theirs.ckpt"
    assert main(arguments) == 1
    assert "theirs.bundle is there already" in capsys.readouterr().err


def test_files_of_ours_are_no_checkpoints_of_theirs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ours.yaml").write_text("model: {class_path: groundwork.RasterTask}\n", encoding="utf-8")
    assert main(["bundle", "import", str(tmp_path / "a.ckpt"), "--config", str(tmp_path / "ours.yaml")]) == 1
    assert "names no task of TerraTorch" in capsys.readouterr().err
