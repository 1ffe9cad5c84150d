"""Details of decoders that the contract does not cover."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from groundwork.models.decoders.upernet import AreaPool, UPerNetDecoder
from groundwork.specs import FeatureLevel, FeatureSpec


@pytest.mark.parametrize("size", [(1, 1), (4, 9), (7, 7), (12, 5)])
@pytest.mark.parametrize("side", [1, 2, 3, 6])
def test_area_pool_is_the_adaptive_average(size: tuple[int, int], side: int) -> None:
    features = torch.randn(2, 3, *size)
    torch.testing.assert_close(AreaPool(side)(features), functional.adaptive_avg_pool2d(features, side))


def test_upernet_merges_levels_of_one_stride_too() -> None:
    decoder = UPerNetDecoder(FeatureSpec((FeatureLevel(4, 16), FeatureLevel(6, 16))), channels=8, pool_scales=())
    assert decoder([torch.randn(2, 4, 3, 5), torch.randn(2, 6, 3, 5)]).shape == (2, 8, 3, 5)
