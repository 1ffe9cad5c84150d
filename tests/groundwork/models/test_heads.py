"""Details of heads that the contract does not cover."""

from __future__ import annotations

import torch

from groundwork.models.heads.segmentation import SegmentationHead
from groundwork.specs import FeatureLevel


def test_convolutions_stand_before_the_scores() -> None:
    head = SegmentationHead(FeatureLevel(8, 4), 3, channels=(6, 5)).eval()
    assert [tuple(weight.shape) for weight in head.parameters() if weight.dim() == 4] == [
        (6, 8, 3, 3),
        (5, 6, 3, 3),
        (3, 5, 1, 1),
    ]
    assert head.out == FeatureLevel(3, 4)
    assert head(torch.randn(2, 8, 4, 7)).shape == (2, 3, 4, 7)


def test_dropout_silences_channels_only_in_training() -> None:
    head = SegmentationHead(FeatureLevel(8, 4), 3, dropout=0.5)
    features = torch.randn(1, 8, 4, 4)
    assert not torch.equal(head.train()(features), head(features))
    torch.testing.assert_close(head.eval()(features), head(features), rtol=0, atol=0)
