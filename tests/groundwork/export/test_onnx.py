"""Networks and answers of many kinds give in ONNX Runtime what they give in torch, in sizes of all kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from asking import SOURCE
from described import RASTERS
from exportable import CLASSES, DEVIATIONS, FCN, ONE, TERRAMIND, TILES, TWO, UNET, Inputs, bundle_of, make_small
from groundwork.batch import Images
from groundwork.bundle import Bundle
from groundwork.config import ExportConfig
from groundwork.ensembles import ensemble_of
from groundwork.errors import ExportError
from groundwork.export.description import Description, describe
from groundwork.export.exported_model import ExportedModel
from groundwork.export.programs import OnnxProgram, open_program, require_format
from groundwork.export.tracing import trace
from groundwork.export.writing import write_program
from groundwork.models.interface import Model
from groundwork.targets.kinds import kind_of

try:
    require_format("onnx")
except ExportError as error:
    pytest.skip(str(error), allow_module_level=True)

STEPS = {SOURCE: RASTERS["per_date"].model_copy(update={"date_tag": "DATE"})}
PRITHVI = {"name": "prithvi_vit", "image_size": 32, "out_indices": [0, 1], "coordinates": ["time", "location"]}
UPERNET = {"name": "upernet", "channels": 4, "pool_scales": [1, 2]}
CNN = {"encoder": UNET, "decoder": {"name": "unet", "channels": [4]}}
IMAGE = {**CLASSES, "per": "image"}
#: What rasters hold, the model, and what it answers. Every one of them takes images of any size.
CASES: dict[str, tuple[Inputs, dict[str, Any], dict[str, Any]]] = {
    "segmentation": (ONE, {**CNN, "padding": "reflect"}, CLASSES),
    "dates and a pyramid": (STEPS, {"encoder": PRITHVI, "necks": ["pyramid"], "decoder": UPERNET}, CLASSES),
    "several sources": (TWO, {"encoder": TERRAMIND, "decoder": FCN}, CLASSES),
    "deviations of pixels": (ONE, CNN, DEVIATIONS),
    "several classes of images": (ONE, {"encoder": UNET}, {**IMAGE, "multi_label": True}),
    "deviations of images": (ONE, {"encoder": UNET}, {**DEVIATIONS, "per": "image"}),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def exported(bundle: Bundle, folder: Path, asked: ExportConfig) -> tuple[Model, ExportedModel, Description]:
    """The model, and the one that was written and read again."""
    model = bundle.build_model().eval()
    traced = trace(bundle, model, asked, TILES)
    described = describe(bundle, model, traced.sizes, asked, TILES)
    path = folder / f"model.{asked.format}"
    write_program(traced, described, path)
    return model, ExportedModel(open_program(path), described), described


def images_for(described: Description, batch: int, height: int, width: int) -> Images:
    """Images of a size, with all that a program is given."""
    torch.manual_seed(height * width)
    values, valid, dates, location = {}, {}, {}, None
    for entry in described.inputs:
        size = [height, width] if entry.holds in {"values", "validity"} else []
        between = entry.shape[1 : len(entry.shape) - len(size)]
        made = torch.rand([batch, *(int(length) for length in between), *size])
        if entry.holds == "values":
            values[str(entry.source)] = made * 1000
        elif entry.holds == "validity":
            valid[str(entry.source)] = made > 0.2
        elif entry.holds == "dates":
            dates[str(entry.source)] = made * 300 + torch.tensor([1800.0, 0.0])
        else:
            location = made * 40
    return Images(values, valid, dates, location)


def require_same(bundle: Bundle, ours: Model, theirs: Model, images: Images) -> None:
    """Both say the same, within what is promised."""
    kind = kind_of(bundle.config.target)
    with torch.no_grad():
        expected, found = (kind.activate(model(images).output) for model in (ours, theirs))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_models_give_the_same_in_onnx_for_images_of_any_size(case: str, tmp_path: Path) -> None:
    bundle, _ = bundle_of(*CASES[case])
    ours, theirs, described = exported(bundle, tmp_path, ExportConfig(format="onnx"))
    sizes = described.sizes
    assert (sizes.batch, sizes.height, sizes.width, sizes.least, sizes.why) == (None, None, None, 1, None)
    for size in ((1, 32, 32), (3, 1, 1), (2, 7, 19), (1, 33, 70)):
        require_same(bundle, ours, theirs, images_for(described, *size))


@pytest.mark.parametrize("form", ["pt2", "onnx"])
def test_an_ensemble_grows_no_image_that_its_members_take(form: Any, tmp_path: Path) -> None:
    decoders = {"a": FCN, "b": {"name": "unet", "channels": [4]}}
    members = {name: bundle_of(ONE, {"encoder": UNET, "decoder": part})[0] for name, part in decoders.items()}
    bundle = ensemble_of(members)
    ours, theirs, described = exported(bundle, tmp_path, ExportConfig(format=form))
    assert (described.sizes.least, described.sizes.grown) == (1, 2)
    for size in ((1, 20, 17), (2, 1, 5)):
        require_same(bundle, ours, theirs, images_for(described, *size))


class Eigen(nn.Module):
    """Computes what ONNX has no operator for."""

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [*features[:-1], features[-1] + torch.linalg.eigvals(features[-1] @ features[-1].mT).real[..., None]]


def test_what_onnx_cannot_say_is_refused_with_the_module() -> None:
    bundle, model = bundle_of(ONE, {"encoder": UNET, "decoder": FCN})
    model.decoder = nn.Sequential(Eigen(), model.decoder)  # type: ignore[assignment]
    message = r"as onnx: in the module 'decoder\.0 \(Eigen\)': ONNX cannot say the operator 'aten\.linalg_eig.*pt2"
    with pytest.raises(ExportError, match=message):
        trace(bundle, model, ExportConfig(format="onnx", sizes="fixed"), TILES)


class Pools(nn.Module):
    """Pools to a grid, which ONNX can say for settled sizes alone."""

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [image + nn.functional.adaptive_avg_pool2d(image, 2).mean((2, 3), keepdim=True) for image in features]


def test_sizes_are_settled_where_the_runtime_gives_something_else() -> None:
    bundle, model = bundle_of(ONE, {"encoder": UNET, "decoder": FCN})
    model.decoder = nn.Sequential(Pools(), model.decoder)  # type: ignore[assignment]
    sizes = trace(bundle, model, ExportConfig(format="onnx"), TILES).sizes
    assert (sizes.batch, sizes.height, sizes.width) == (None, 32, 32)


def test_smaller_images_are_refused_where_filling_up_would_change_answers(tmp_path: Path) -> None:
    bundle, _ = bundle_of(ONE, CNN)
    ours, theirs, described = exported(bundle, tmp_path, ExportConfig(format="onnx", sizes="tiles"))
    assert (described.sizes.batch, described.sizes.height, described.sizes.width) == (None, 32, 32)
    # The network itself grows these to 32 x 32.
    require_same(bundle, ours, theirs, images_for(described, 3, 31, 32))
    with pytest.raises(ExportError, match=r"takes images of 32 x 32 pixels, and was given 20 x 32.*other answers"):
        theirs(images_for(described, 1, 20, 32))
    answers, _ = bundle_of(ONE, {"encoder": UNET}, IMAGE)
    _, theirs, described = exported(answers, tmp_path, ExportConfig(format="onnx", sizes="tiles"))
    with pytest.raises(ExportError, match="other answers than the bundle"):
        theirs(images_for(described, 1, 31, 32))


def test_the_runtime_takes_as_many_threads_as_torch(tmp_path: Path) -> None:
    bundle, _ = bundle_of(ONE, {"encoder": UNET, "decoder": FCN})
    exported(bundle, tmp_path, ExportConfig(format="onnx", sizes="fixed"))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        program = OnnxProgram(tmp_path / "model.onnx")
    finally:
        torch.set_num_threads(before)
    options = program.session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(ExportError, match=r"model\.onnx: ONNX Runtime .* cannot read it"):
        OnnxProgram(tmp_path / "model.onnx")
