"""Networks of several families are traced, with open axes where they allow it, and what they are given inside."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from asking import SOURCE
from described import RASTERS
from exportable import CLASSES, DEVIATIONS, FCN, PLAIN, TERRAMIND, TILES, TWO, UNET, Inputs, bundle_of, make_small
from groundwork.batch import Images
from groundwork.config import ExportConfig
from groundwork.ensembles import ensemble_of
from groundwork.errors import ExportError
from groundwork.export.comparison import _differences
from groundwork.export.deepness import deepness_keys
from groundwork.export.description import ProgramInput, ProgramSizes, describe
from groundwork.export.program_module import holds_data, inputs_of_images
from groundwork.export.tracing import trace
from groundwork.rasters import validity
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kinds import kind_of

FAMILIES: dict[str, tuple[Inputs, dict[str, Any]]] = {
    "timm": (
        {SOURCE: PLAIN},
        {"encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0]}, "decoder": FCN},
    ),
    "unet": ({SOURCE: PLAIN}, {"encoder": UNET, "decoder": {"name": "unet", "channels": [4]}}),
    "prithvi": (
        {SOURCE: PLAIN},
        {
            "encoder": {
                "name": "prithvi_vit",
                "image_size": 32,
                "out_indices": [0],
                "coordinates": ["time", "location"],
            },
            "decoder": FCN,
        },
    ),
    "terramind": (TWO, {"encoder": TERRAMIND, "decoder": FCN}),
    "stack_sources": (
        TWO,
        {"encoder": {"name": "stack_sources", "encoder": UNET}, "decoder": {"name": "unet", "channels": [4]}},
    ),
    "per_date": (
        {SOURCE: RASTERS["per_date"]},
        {"encoder": {"name": "per_date", "encoder": UNET, "pooling": "keep"}, "necks": ["pool_time"], "decoder": FCN},
    ),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


@pytest.mark.parametrize("family", FAMILIES)
def test_networks_of_each_family_give_the_same_as_programs(family: str) -> None:
    inputs, config = FAMILIES[family]
    bundle, model = bundle_of(inputs, config)
    # Open sizes of two sources take long to trace.
    asked = ExportConfig(sizes="fixed" if family == "terramind" else "auto")
    traced = trace(bundle, model, asked, TILES)
    sizes, least = traced.sizes, traced.sizes.least
    settled = (2, 32, 32) if family == "terramind" else (None, None, None)
    assert (sizes.batch, sizes.height, sizes.width) == settled
    described = describe(bundle, model, sizes, asked, TILES)
    values: dict[str, Tensor] = {}
    valid, dates, given = {}, {}, []
    for entry in described.inputs:
        lengths = {"batch": 5, "height": least + 3, "width": 2 * least + 1}
        shape = [lengths[part] if isinstance(part, str) else part for part in entry.shape]
        made = torch.rand(shape) * 1000 if entry.holds == "values" else torch.rand(shape)
        if entry.holds == "validity":
            valid[str(entry.source)] = made = made > 0.2
        elif entry.holds == "dates":
            dates[str(entry.source)] = made = made + 2020
        elif entry.holds == "values":
            values[str(entry.source)] = made
        given.append(made)
    location = given[-1] if described.inputs[-1].holds == "location" else None
    with torch.no_grad():
        found = traced.program.module(check_guards=False)(*given)
        expected = model(Images(values, valid, dates, location)).output.softmax(dim=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_answers_of_images_and_numbers_are_traced() -> None:
    target = {"outputs": [{"name": "height", "unit": "m", "minimum": 0, "maximum": 30}], "per": "image"}
    bundle, model = bundle_of({SOURCE: PLAIN}, {"encoder": UNET}, target)
    traced = trace(bundle, model, ExportConfig(validity="nodata"), TILES)
    described = describe(bundle, model, traced.sizes, ExportConfig(validity="nodata"), TILES)
    assert described.output.shape == ("batch", 1)
    assert (described.output.name, described.output.channels) == ("numbers", ("height",))
    values = torch.rand(3, 2, 9, 14) * 100
    values[:, :, :4] = -1
    known = Images({SOURCE: values}, {SOURCE: torch.ones(3, 9, 14).bool().index_fill(1, torch.arange(4), value=False)})
    run = traced.program.module(check_guards=False)
    with torch.no_grad():
        torch.testing.assert_close(run(values), model(known).output, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("what", ["an ensemble", "deviations of pixels", "deviations of images"])
def test_ensembles_and_deviations_are_traced_as_other_answers(what: str) -> None:
    if what == "an ensemble":
        decoders = {"a": FCN, "b": {"name": "unet", "channels": [4]}}
        bundle = ensemble_of(
            {name: bundle_of({SOURCE: PLAIN}, {"encoder": UNET, "decoder": part})[0] for name, part in decoders.items()}
        )
        channels: tuple[str, ...] = ("c1", "c2", "c3")
    else:
        per = what.rpartition(" ")[2].removesuffix("s")
        bundle, _ = bundle_of({SOURCE: PLAIN}, {"encoder": UNET}, {**DEVIATIONS, "per": per})
        channels = ("height", "deviation_height")
    model, kind = bundle.build_model(), kind_of(bundle.config.target)
    traced = trace(bundle, model, ExportConfig(), TILES)
    assert describe(bundle, model, traced.sizes, ExportConfig(), TILES).output.channels == channels
    values, valid = torch.rand(3, 2, 9, 14) * 100, torch.rand(3, 9, 14) > 0.2
    with torch.no_grad():
        expected = kind.activate(model(Images({SOURCE: values}, {SOURCE: valid})).output)
        found = traced.program.module(check_guards=False)(values, valid)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


class Asks(nn.Module):
    """Looks at a value while it runs, which no program can."""

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return features if bool(features[0].mean() > 0) else features[::-1]


def test_a_model_that_cannot_be_traced_is_refused_with_the_module() -> None:
    bundle, model = bundle_of({SOURCE: PLAIN}, {"encoder": UNET, "decoder": FCN})
    model.decoder = nn.Sequential(Asks(), model.decoder)  # type: ignore[assignment]
    with pytest.raises(
        ExportError,
        match=r"unet \+ fcn cannot be exported as pt2: in the module 'decoder\.0 \(Asks\)': Could not guard",
    ):
        trace(bundle, model, ExportConfig(sizes="fixed"), TILES)


class Counts(nn.Module):
    """Settles the height of what it is given."""

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [image * int(image.shape[-2]) for image in features]


def test_what_a_network_settles_is_said() -> None:
    bundle, model = bundle_of({SOURCE: PLAIN}, {"encoder": UNET, "decoder": FCN})
    model.decoder = nn.Sequential(Counts(), model.decoder)  # type: ignore[assignment]
    sizes = trace(bundle, model, ExportConfig(), TILES).sizes
    assert (sizes.batch, sizes.height, sizes.width) == (None, 32, 32)
    assert str(sizes.why).startswith("with open batch, height, width: ")


@pytest.mark.parametrize(
    "changes", [{}, {"validity": "any"}, {"nodata": None, "dtype": "float32"}, {"dtype": "float32"}]
)
def test_no_data_is_seen_by_values_as_files_are_read(changes: dict[str, Any]) -> None:
    spec = RasterSpec.model_validate(PLAIN.model_dump() | {"fill_values": "allow"} | changes)
    values = torch.randint(-1, 3, (2, 2, 20, 20)).float()
    if spec.dtype == "float32" and spec.nodata is not None:
        values[0, 0, 3, 4] = torch.nan
    found = holds_data(values, spec)
    expected = [validity.holds_data(image.numpy(), spec.nodata, spec.validity) for image in values]
    assert found.numpy().tolist() == [image.tolist() for image in expected]


@pytest.mark.parametrize(
    ("nodata", "dtype"),
    [(0, "uint16"), (-9999, "int16"), (2147483647, "int32"), (3.4028234663852886e38, "float32"), (0.5, "float32")],
)
@pytest.mark.parametrize("has_mask", [True, False])
def test_values_that_hold_data_are_data_to_a_program_also_where_they_are_its_nodata_value(
    nodata: float, dtype: str, has_mask: bool
) -> None:
    spec = RasterSpec.model_validate(PLAIN.model_dump() | {"nodata": nodata, "dtype": dtype})
    inputs = (
        ProgramInput(name=SOURCE, holds="values", source=SOURCE, shape=("batch", 2, "height", "width"), meaning=""),
    )
    # As values of another offset that were brought to that of the training, whole or nearly so.
    values = torch.tensor([nodata, nodata - 0.25, nodata + 0.25, 7.0]).expand(1, 2, 3, 4).contiguous()
    valid = torch.ones(1, 3, 4, dtype=torch.bool)
    valid[:, 0] = not has_mask
    (given,) = inputs_of_images(inputs, Images({SOURCE: values}, {SOURCE: valid} if has_mask else {}), {SOURCE: spec})
    assert holds_data(given, spec).tolist() == valid.tolist()
    assert bool(torch.isfinite(given).all())
    near = max(1.0, 256.0 * (abs(nodata) > 2**22)) if dtype != "float32" else abs(nodata) * 1e-6
    assert float((given - values)[:, :, 1:].abs().max()) <= near


def test_deepness_reads_its_keys() -> None:
    bundle, model = bundle_of({SOURCE: PLAIN}, {"encoder": UNET, "decoder": FCN})
    asked, tiles = ExportConfig(validity="nodata"), ProgramSizes(height=32, width=32)
    keys = deepness_keys(describe(bundle, model, tiles, asked, TILES))
    assert keys == {
        "model_type": '"Segmentor"',
        "class_names": '{"0": "c1", "1": "c2", "2": "c3"}',
        "tile_size": "32",
        "tiles_overlap": "25",
        "resolution": "1000.0",
        "standardization_mean": "[0.0, 0.0]",
        "standardization_std": f"[{1 / 255}, {1 / 255}]",
        "seg_thresh": "0.0",
    }
    for sizes in (ProgramSizes(), ProgramSizes(batch=8, height=32, width=32), ProgramSizes(height=32, width=48)):
        assert deepness_keys(describe(bundle, model, sizes, asked, TILES)) == {}
    assert deepness_keys(describe(bundle, model, tiles, ExportConfig(), TILES)) == {}


@pytest.mark.parametrize("changes", [{}, {"temperature": 2.5}, {"per": "image", "multi_label": True}])
def test_probabilities_become_raw_scores_that_give_them(changes: dict[str, Any]) -> None:
    kind = kind_of(TargetSpec.model_validate(CLASSES | changes))
    activated = kind.activate(torch.randn(4, 3) * 20)
    torch.testing.assert_close(kind.activate(kind.deactivate(activated)), activated, atol=2e-7, rtol=0)
    nothing = torch.tensor([[1.0, 0.0, 0.0]])
    assert bool(torch.isfinite(kind.deactivate(nothing)).all())


def test_numbers_are_compared_as_a_share_of_the_largest() -> None:
    target = TargetSpec.model_validate({"outputs": [{"name": "height", "minimum": 0, "maximum": 30}]})
    expected = torch.tensor([[[20.0, 10.0]]]).numpy()
    difference, equal = _differences(kind_of(target), expected, expected + 0.01)  # type: ignore[arg-type]
    assert difference == pytest.approx(0.0005, rel=1e-3)
    assert equal is None
