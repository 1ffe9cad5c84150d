"""Models pass through ``torch.export``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from groundwork.models.assembly.pixelwise import PixelWiseModel
from groundwork.models.interface import ModelOutput

PRITHVI = {"name": "prithvi_vit", "image_size": 32, "coordinates": ["time", "location"], "out_indices": [0, 1]}
MODELS: dict[str, dict[str, Any]] = {
    "timm and unet": {},
    "prithvi and upernet": {"encoder": PRITHVI, "decoder": {"name": "upernet", "channels": 8}},
}


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_exported_model_gives_the_same_scores(make_model: Callable[..., PixelWiseModel], changes: Any) -> None:
    model = make_model(**changes).eval()
    image = torch.randn(2, 3, 40, 33)
    valid = torch.rand(2, 40, 33) > 0.1
    inputs = (image, valid, torch.tensor([[[2021.0, 5.0]]] * 2), torch.tensor([[47.0, 8.0]] * 2))
    exported = torch.export.export(model, inputs)
    given = exported.module()(*inputs)
    assert isinstance(given, ModelOutput)
    torch.testing.assert_close(given.output, model(*inputs).output)
    assert given.auxiliary == {}


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_exported_model_takes_any_number_of_images(make_model: Callable[..., PixelWiseModel], changes: Any) -> None:
    model = make_model(**changes).eval()
    whole = (torch.randn(3, 3, 32, 32), None, torch.ones(3, 1, 2), torch.ones(3, 2))
    batch = torch.export.Dim("batch")
    shapes = ({0: batch}, None, {0: batch}, {0: batch})
    exported = torch.export.export(model, tuple(t if t is None else t[:2] for t in whole), dynamic_shapes=shapes)
    torch.testing.assert_close(exported.module()(*whole).output, model(*whole).output)


@pytest.mark.parametrize(
    "changes", [{}, {"encoder": PRITHVI | {"coordinates": []}, "decoder": {"name": "fcn", "channels": 8}}]
)
def test_exported_model_takes_other_sizes(make_model: Callable[..., PixelWiseModel], changes: Any) -> None:
    model = make_model(**changes).eval()
    either = torch.export.Dim.AUTO
    exported = torch.export.export(
        model, (torch.randn(1, 3, 40, 72), None, None, None), dynamic_shapes=({2: either, 3: either}, None, None, None)
    )
    image = torch.randn(1, 3, 51, 33)
    torch.testing.assert_close(exported.module()(image, None, None, None).output, model(image).output)


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_compiled_model_gives_the_same_scores_in_one_graph(
    make_model: Callable[..., PixelWiseModel], changes: Any
) -> None:
    model = make_model(**changes).eval()
    inputs = (torch.randn(1, 3, 40, 33), None, torch.tensor([[[2021.0, 5.0]]]), torch.tensor([[47.0, 8.0]]))
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*inputs).output, model(*inputs).output)


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_averaged_weights_are_used_by_the_average(make_model: Callable[..., PixelWiseModel], changes: Any) -> None:
    model = make_model(**changes).eval()
    image = (torch.randn(1, 3, 32, 32), None, torch.tensor([[[2021.0, 5.0]]]), torch.tensor([[47.0, 8.0]]))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    before = model(*image).output
    average.update_parameters(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    # A copy that ran the original's weights would give nothing now.
    torch.testing.assert_close(average(*image).output, before)
    average.update_parameters(model)
    halved = make_model(**changes).eval()
    halved.load_state_dict({name: value for name, value in average.module.state_dict().items()})
    torch.testing.assert_close(average(*image).output, halved(*image).output)
    assert not torch.allclose(average(*image).output, before)
