"""Models pass through ``torch.export``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from asking import SOURCE, images_of
from groundwork.batch import Images
from groundwork.models.assembly.encoder_decoder import EncoderDecoderModel
from groundwork.models.interface import ModelOutput

MakeModel = Callable[..., EncoderDecoderModel]
PRITHVI = {"name": "prithvi_vit", "image_size": 32, "coordinates": ["time", "location"], "out_indices": [0, 1]}
MODELS: dict[str, dict[str, Any]] = {
    "timm and unet": {},
    "prithvi and upernet": {"encoder": PRITHVI, "decoder": {"name": "upernet", "channels": 8}},
}


def images(batch: int, height: int, width: int, valid: torch.Tensor | None = None) -> Images:
    """Images with dates and a place."""
    dates, place = torch.tensor([[[2021.0, 5.0]]] * batch), torch.tensor([[47.0, 8.0]] * batch)
    return images_of([SOURCE], torch.randn(batch, 3, height, width), valid, dates, place)


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_exported_model_gives_the_same_scores(make_model: MakeModel, changes: Any) -> None:
    model = make_model(**changes).eval()
    whole = images(2, 40, 33, torch.rand(2, 40, 33) > 0.1)
    exported = torch.export.export(model, (whole,))
    given = exported.module()(whole)
    assert isinstance(given, ModelOutput)
    torch.testing.assert_close(given.output, model(whole).output)
    assert given.auxiliary == {}


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_exported_model_takes_any_number_of_images(make_model: MakeModel, changes: Any) -> None:
    model = make_model(**changes).eval()
    whole = images(3, 32, 32)
    batch = torch.export.Dim("batch")
    shapes = ([{SOURCE: {0: batch}}, {}, {SOURCE: {0: batch}}, {0: batch}],)
    exported = torch.export.export(model, (images(2, 32, 32),), dynamic_shapes=shapes)
    torch.testing.assert_close(exported.module()(whole).output, model(whole).output)


@pytest.mark.parametrize(
    "changes", [{}, {"encoder": PRITHVI | {"coordinates": []}, "decoder": {"name": "fcn", "channels": 8}}]
)
def test_exported_model_takes_other_sizes(make_model: MakeModel, changes: Any) -> None:
    model = make_model(**changes).eval()
    either = torch.export.Dim.AUTO
    first, other = (images_of([SOURCE], torch.randn(1, 3, *size)) for size in ((40, 72), (51, 33)))
    shapes = ([{SOURCE: {2: either, 3: either}}, {}, {}],)
    exported = torch.export.export(model, (first,), dynamic_shapes=shapes)
    torch.testing.assert_close(exported.module()(other).output, model(other).output)


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_compiled_model_gives_the_same_scores_in_one_graph(make_model: MakeModel, changes: Any) -> None:
    model = make_model(**changes).eval()
    given = images(1, 40, 33)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(given).output, model(given).output)


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_averaged_weights_are_used_by_the_average(make_model: MakeModel, changes: Any) -> None:
    model = make_model(**changes).eval()
    given = images(1, 32, 32)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    before = model(given).output
    average.update_parameters(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    # A copy that ran the original's weights would give nothing now.
    torch.testing.assert_close(average(given).output, before)
    average.update_parameters(model)
    halved = make_model(**changes).eval()
    halved.load_state_dict({name: value for name, value in average.module.state_dict().items()})
    torch.testing.assert_close(average(given).output, halved(given).output)
    assert not torch.allclose(average(given).output, before)
