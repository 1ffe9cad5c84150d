"""Raw values become values around zero, and what is not valid becomes zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from groundwork.models.assembly.standardise import Standardise


@pytest.fixture
def standardise() -> Standardise:
    module = Standardise(2)
    module.set_statistics([10.0, 1000.0], [2.0, 50.0])
    return module


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.int16, torch.uint16, torch.float32, torch.float64, torch.bfloat16]
)
def test_values_are_standardised_per_channel(standardise: Standardise, dtype: torch.dtype) -> None:
    image = torch.tensor([[[[12, 8]], [[100, 200]]]], dtype=dtype)
    given = standardise(image)
    assert given.dtype == torch.float32
    np.testing.assert_allclose(given, [[[[1.0, -1.0]], [[-18.0, -16.0]]]])


def test_time_steps_share_their_channels_statistics(standardise: Standardise) -> None:
    image = torch.rand(2, 2, 3, 4, 5) * 100
    together = standardise(image)
    for step in range(3):
        torch.testing.assert_close(together[:, :, step], standardise(image[:, :, step]), rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(1, 2, 2, 3), (1, 2, 4, 2, 3)])
@pytest.mark.parametrize("raw", [float("nan"), float("inf"), -9999.0])
def test_what_is_not_valid_is_the_mean(standardise: Standardise, raw: float, shape: tuple[int, ...]) -> None:
    valid = torch.ones(1, 2, 3, dtype=torch.bool)
    valid[0, 1, 2] = False
    image = torch.full(shape, 12.0)
    image[..., 1, 2] = raw
    given = standardise(image, valid)
    assert torch.all(given[..., 1, 2] == 0)
    assert torch.all(given[:, 0, ..., 0, :] == 1)


def test_unset_statistics_change_nothing() -> None:
    assert Standardise(1)(torch.tensor([[[[7.0]]]])).item() == 7.0


def test_statistics_travel_with_the_weights(standardise: Standardise) -> None:
    other = Standardise(2)
    other.load_state_dict(standardise.state_dict(), strict=True)
    assert other.mean.tolist() == [10.0, 1000.0]
    assert other.std.tolist() == [2.0, 50.0]


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([1.0], [1.0, 1.0], "'mean' has 1 values, but the model has 2 channels"),
        ([1.0, 2.0], [1.0, 1.0, 1.0], "'std' has 3 values"),
        ([1.0, float("nan")], [1.0, 1.0], "'mean' of channel 1 is nan"),
        ([1.0, 2.0], [float("inf"), 1.0], "'std' of channel 0 is inf"),
        ([1.0, 2.0], [1.0, 0.0], "'std' of channel 1 is 0.0; it must be above 0"),
        ([1.0, 2.0], [-1.0, 1.0], "'std' of channel 0 is -1.0"),
    ],
)
def test_wrong_statistics_are_refused(mean: list[float], std: list[float], message: str) -> None:
    module = Standardise(2)
    with pytest.raises(ValueError, match=message):
        module.set_statistics(mean, std)
    assert module.mean.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_statistics_stay_exact_in_half_precision(precision: torch.dtype) -> None:
    module = nn.Sequential(Standardise(2), nn.Linear(1, 1))
    module[0].set_statistics([1087.0, 2734.0], [3.0, 7.0])
    module.to(precision)
    assert module[1].weight.dtype == precision
    assert module[0].mean.tolist() == [1087.0, 2734.0]
    assert module[0](torch.full((1, 2, 1, 1), 2734)).flatten().tolist() == [549.0, 0.0]
    assert module.to("meta")[0].mean.is_meta
