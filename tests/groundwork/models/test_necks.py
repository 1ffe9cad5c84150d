"""What each neck does to maps, against values worked out by hand or by another way."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.necks import NECKS
from groundwork.models.necks.base import Neck
from groundwork.models.necks.bottleneck import BottleneckNeck
from groundwork.models.necks.fpn import FPNNeck
from groundwork.models.necks.interpolate_pyramid import InterpolatePyramidNeck
from groundwork.models.necks.maxpool_pyramid import MaxPoolPyramidNeck
from groundwork.models.necks.merge_sources import MergeSourcesNeck
from groundwork.models.necks.pool_time import PoolTimeNeck
from groundwork.models.necks.project import ProjectNeck
from groundwork.models.necks.pyramid import PyramidNeck
from groundwork.models.necks.select import SelectNeck
from groundwork.registry import build
from groundwork.specs import FeatureLevel, FeatureSpec

PLAIN = FeatureSpec((FeatureLevel(6, 16, steps=2),) * 4)
PYRAMID = FeatureSpec(tuple(FeatureLevel(4 << index, 4 << index) for index in range(3)))
#: One level after the other, each source in turn.
TWO = FeatureSpec(tuple(FeatureLevel(4, 8 << index, source=source) for index in range(2) for source in ("s1", "s2")))


def test_levels_of_14_pixels_become_a_pyramid_from_3_5_on() -> None:
    neck = PyramidNeck(FeatureSpec((FeatureLevel(8, 14),) * 4), finest_stride=3.5).eval()
    assert neck.out == FeatureSpec((FeatureLevel(2, 3.5), FeatureLevel(4, 7), FeatureLevel(8, 14), FeatureLevel(8, 28)))
    assert str(neck.out) == "[2ch/3.5px, 4ch/7px, 8ch/14px, 8ch/28px]"
    maps = [torch.randn(1, 8, 4, 6) for _ in range(4)]
    given = neck(maps)
    assert [level.shape[-2:] for level in given] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    weights = neck.levels[1][0]
    torch.testing.assert_close(given[1], functional.conv_transpose2d(maps[1], weights.weight, weights.bias, stride=2))
    assert torch.equal(given[2], maps[2])
    assert torch.equal(given[3], functional.max_pool2d(maps[3], 2))
    # Left to itself, it keeps to whole numbers.
    assert [level.stride for level in PyramidNeck(FeatureSpec((FeatureLevel(8, 14),) * 4)).out.levels] == [
        7,
        14,
        28,
        56,
    ]
    with pytest.raises(SpecError, match=r"finest_stride 4 from stride 14 .* \[1.75, 3.5, 7, 14\]"):
        PyramidNeck(FeatureSpec((FeatureLevel(8, 14),) * 2), finest_stride=4)


def test_interpolated_pyramid_repeats_finer_cells_and_averages_coarser_ones() -> None:
    neck = InterpolatePyramidNeck(PLAIN)
    assert neck.out == FeatureSpec(tuple(FeatureLevel(6, 4 << index, steps=2) for index in range(4)))
    maps = [torch.randn(2, 6, 4, 6) for _ in range(4)]
    given = neck(maps)
    assert torch.equal(given[0], maps[0].repeat_interleave(4, dim=2).repeat_interleave(4, dim=3))
    assert torch.equal(given[1], maps[1].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
    assert torch.equal(given[2], maps[2])
    torch.testing.assert_close(given[3], maps[3].reshape(2, 6, 2, 2, 3, 2).mean((3, 5)))


def test_interpolated_pyramid_can_be_smooth_and_start_elsewhere() -> None:
    neck = InterpolatePyramidNeck(PLAIN, mode="bilinear", finest_stride=8)
    assert [level.stride for level in neck.out.levels] == [8, 16, 32, 64]
    ramp = torch.arange(8.0).expand(1, 6, 8, 8)
    smooth = neck([ramp] * 4)[0]
    # Cells are areas: the two halves of a cell lie a quarter before and behind its middle.
    assert smooth[0, 0, 4, 1:5].tolist() == [0.25, 0.75, 1.25, 1.75]


def test_maxpool_pyramid_keeps_the_first_level_and_the_largest_cells() -> None:
    neck = MaxPoolPyramidNeck(PLAIN)
    assert neck.out == FeatureSpec(tuple(FeatureLevel(6, 16 << index, steps=2) for index in range(4)))
    maps = [torch.randn(1, 6, 8, 16) for _ in range(4)]
    given = neck(maps)
    assert torch.equal(given[0], maps[0])
    assert torch.equal(given[2], maps[2].reshape(1, 6, 2, 4, 4, 4).amax((3, 5)))
    assert given[3].shape == (1, 6, 1, 2)


def test_bottleneck_adds_a_level_of_twice_the_stride() -> None:
    neck = BottleneckNeck(PYRAMID).eval()
    assert neck.out.levels == (*PYRAMID.levels, FeatureLevel(8, 32))
    maps = [torch.randn(1, level.channels, 64 // level.stride, 64 // level.stride) for level in PYRAMID.levels]
    *kept, added = neck(maps)
    assert all(torch.equal(before, after) for before, after in zip(maps, kept, strict=True))
    largest = maps[-1].reshape(1, 16, 2, 2, 2, 2).amax((3, 5))
    weight = neck.conv.conv.weight[:, :, 0, 0]
    expected = torch.einsum("oc,bchw->bohw", weight, largest).relu() / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(added, expected)
    assert BottleneckNeck(PYRAMID, channels=3).out.levels[-1] == FeatureLevel(3, 32)


def test_fpn_adds_what_coarser_levels_know() -> None:
    neck = FPNNeck(PYRAMID, channels=5, extra_level=True).eval()
    assert [str(level) for level in neck.out.levels] == ["5ch/4px", "5ch/8px", "5ch/16px", "5ch/32px"]
    maps = [torch.randn(1, level.channels, 32 // level.stride, 64 // level.stride) for level in PYRAMID.levels]
    given = neck(maps)
    inner = [block[0] for block in neck.network.inner_blocks]
    layer = [block[0] for block in neck.network.layer_blocks]
    merged = inner[2](maps[2])
    torch.testing.assert_close(given[2], layer[2](merged))
    for index in (1, 0):
        merged = inner[index](maps[index]) + merged.repeat_interleave(2, 2).repeat_interleave(2, 3)
        torch.testing.assert_close(given[index], layer[index](merged))
    assert torch.equal(given[3], given[2][:, :, ::2, ::2])


STEPS = torch.tensor([[1.0, 20.0], [5.0, -20.0], [3.0, 0.0]])


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", [3.0, 0.0]),
        ("max", [5.0, 20.0]),
        ("min", [1.0, -20.0]),
        ("last", [3.0, 0.0]),
        ("difference", [2.0, -20.0]),
        ("first_less_last", [-2.0, 20.0]),
    ],
)
def test_time_steps_become_one(pooling: Any, expected: list[float]) -> None:
    features = FeatureSpec((FeatureLevel(6, 8, steps=3, source="s2"), FeatureLevel(4, 16)))
    neck = PoolTimeNeck(features, pooling=pooling)
    assert neck.out.levels == (FeatureLevel(2, 8, source="s2"), FeatureLevel(4, 16))
    plain = torch.randn(1, 4, 1, 1)
    given = neck([STEPS.reshape(1, 6, 1, 1).expand(1, 6, 2, 3), plain])
    assert given[0].shape == (1, 2, 2, 3)
    assert given[0][0, :, 1, 2].tolist() == pytest.approx(expected)
    assert torch.equal(given[1], plain)


def test_attention_weighs_the_steps_of_each_cell() -> None:
    neck = PoolTimeNeck(FeatureSpec((FeatureLevel(12, 8, steps=3),)), pooling="attention")
    pool = neck.levels[0]
    features = torch.randn(2, 12, 2, 3)
    (given,) = neck([features])
    for row, column in [(0, 0), (1, 2)]:
        steps = features[1, :, row, column].reshape(3, 4)
        hidden = torch.tanh(steps @ pool.hide.weight[:, :, 0, 0].T + pool.hide.bias)
        weights = (hidden @ pool.score.weight[:, :, 0, 0].T).softmax(dim=0)
        torch.testing.assert_close(given[1, :, row, column], (weights * steps).sum(dim=0))
    torch.nn.init.zeros_(pool.score.weight)
    torch.testing.assert_close(neck([features])[0], features.reshape(2, 3, 4, 2, 3).mean(dim=1))


def test_sources_are_put_behind_one_another_level_by_level() -> None:
    neck = MergeSourcesNeck(TWO)
    assert neck.out.levels == (FeatureLevel(8, 8), FeatureLevel(8, 16))
    maps = [torch.full((1, 4, 2, 2), float(index)) for index in range(4)]
    fine, coarse = neck(maps)
    assert fine[0, :, 0, 0].tolist() == [0.0] * 4 + [1.0] * 4
    assert coarse[0, :, 0, 0].tolist() == [2.0] * 4 + [3.0] * 4


def test_sources_in_any_order_of_levels_are_merged() -> None:
    by_source = FeatureSpec(tuple(FeatureLevel(2, stride, source=source) for source in "ab" for stride in (8, 16)))
    neck = MergeSourcesNeck(by_source, pooling="sum")
    fine, coarse = neck([torch.full((1, 2, 2, 2), float(10**index)) for index in range(4)])
    assert neck.out.levels == (FeatureLevel(2, 8), FeatureLevel(2, 16))
    assert (fine.unique().tolist(), coarse.unique().tolist()) == ([101.0], [1010.0])


@pytest.mark.parametrize(("pooling", "expected"), [("mean", 0.5), ("max", 2.0), ("sum", 1.0)])
def test_sources_are_pooled(pooling: Any, expected: float) -> None:
    neck = MergeSourcesNeck(FeatureSpec(TWO.levels[:2]), pooling=pooling)
    (merged,) = neck([torch.full((1, 4, 1, 1), -1.0), torch.full((1, 4, 1, 1), 2.0)])
    assert neck.out.levels == (FeatureLevel(4, 8),)
    assert merged.unique().tolist() == [expected]


def test_sources_with_equal_time_steps_are_merged_step_by_step() -> None:
    features = FeatureSpec((FeatureLevel(4, 8, 2, "s2"), FeatureLevel(2, 8, 2, "s1")))
    neck = MergeSourcesNeck(features)
    assert neck.out.levels == (FeatureLevel(6, 8, steps=2),)
    (merged,) = neck([torch.arange(4.0).reshape(1, 4, 1, 1), 10 + torch.arange(2.0).reshape(1, 2, 1, 1)])
    assert merged.flatten().tolist() == [0.0, 1.0, 10.0, 2.0, 3.0, 11.0]
    # The last step of both, as one would pick it by hand.
    assert PoolTimeNeck(neck.out, pooling="last")([merged])[0].flatten().tolist() == [2.0, 3.0, 11.0]
    other = MergeSourcesNeck(FeatureSpec((FeatureLevel(4, 8, 2, "s2"), FeatureLevel(2, 8, 1, "dem"))))
    assert other.out.levels == (FeatureLevel(6, 8),)


def test_projection_is_a_matrix_per_level() -> None:
    neck = ProjectNeck(TWO, channels=(3, 3, 5, 5))
    assert [(level.channels, level.stride, level.source) for level in neck.out.levels] == [
        (3, 8, "s1"),
        (3, 8, "s2"),
        (5, 16, "s1"),
        (5, 16, "s2"),
    ]
    maps = [torch.randn(1, 4, 2, 2) for _ in range(4)]
    expected = functional.linear(maps[3].movedim(1, -1), neck.convs[3].weight[:, :, 0, 0], neck.convs[3].bias)
    torch.testing.assert_close(neck(maps)[3], expected.movedim(-1, 1))
    assert {level.channels for level in ProjectNeck(TWO, channels=7).out.levels} == {7}


def test_select_picks_the_same_of_every_source() -> None:
    by_source = FeatureSpec(tuple(FeatureLevel(2, 4 << index, source=source) for source in "ab" for index in range(3)))
    neck = SelectNeck(by_source, indices=(0, -1))
    assert [(level.source, level.stride) for level in neck.out.levels] == [("a", 4), ("b", 4), ("a", 16), ("b", 16)]
    maps = [torch.full((1, 2, 1, 1), float(index)) for index in range(6)]
    assert [given.mean().item() for given in neck(maps)] == [0.0, 3.0, 2.0, 5.0]


def test_select_keeps_time_steps() -> None:
    assert SelectNeck(PLAIN, indices=(1, 3)).out.levels == (FeatureLevel(6, 16, steps=2),) * 2


REFUSALS: dict[str, tuple[str, dict[str, Any], FeatureSpec, str]] = {
    **{
        f"{name} of several sources": (name, {}, TWO, f"'{name}' needs levels of one source, got .*'merge_sources'")
        for name in ("pyramid", "interpolate_pyramid", "maxpool_pyramid", "bottleneck", "fpn")
    },
    "interpolation of a pyramid": ("interpolate_pyramid", {}, PYRAMID, "already is a pyramid. Leave the neck out"),
    "interpolation of one level": (
        "interpolate_pyramid",
        {},
        FeatureSpec(PLAIN.levels[:1]),
        "'interpolate_pyramid' needs 2 to 5 levels, got .*'select' neck",
    ),
    "max-pooling of too many levels": ("maxpool_pyramid", {}, FeatureSpec(PLAIN.levels * 2), "2 to 5 levels, got 8"),
    "interpolation out of reach": (
        "interpolate_pyramid",
        {"finest_stride": 3},
        PLAIN,
        r"It can reach \[1, 2, 4, 8, 16",
    ),
    "fpn of one stride": ("fpn", {}, PLAIN, "needs levels that grow coarser, got .* Put a 'pyramid' neck before it"),
    "fpn of one level": ("fpn", {}, FeatureSpec(PYRAMID.levels[:1]), "'fpn' needs at least 2 levels"),
    "time without steps": (
        "pool_time",
        {},
        PYRAMID,
        "'pool_time' needs levels of several time steps, got .* Leave the",
    ),
    "sources where there is one": ("merge_sources", {}, PYRAMID, "needs levels of several sources, got .* Leave the"),
    "sources with other numbers of levels": (
        "merge_sources",
        {},
        FeatureSpec(TWO.levels[:3]),
        "needs as many levels of each source, got .* Put a 'select' neck",
    ),
    "sources on other grids": (
        "merge_sources",
        {},
        FeatureSpec((FeatureLevel(4, 8, source="a"), FeatureLevel(4, 16, source="b"))),
        "needs maps of one stride to merge, got a:4ch/8px, b:4ch/16px",
    ),
    "mean of other channels": (
        "merge_sources",
        {"pooling": "mean"},
        FeatureSpec((FeatureLevel(4, 8, source="a"), FeatureLevel(6, 8, source="b"))),
        "with pooling 'mean' needs as many channels .* got a:4ch/8px, b:6ch/8px. Put a 'project' neck before it",
    ),
    "level that one source lacks": (
        "select",
        {"indices": [1]},
        FeatureSpec(TWO.levels[:3]),
        r"'select' has no level \[1\] of the source 's2': .* numbered from 0 to 0",
    ),
}


@pytest.mark.parametrize(("name", "options", "features", "message"), REFUSALS.values(), ids=REFUSALS)
def test_features_that_do_not_fit_are_refused(name: str, options: Any, features: FeatureSpec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build(Neck, NECKS, ComponentConfig(name=name, **options), features)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bottleneck", {"channels": 0}, "at least 1 channel, got channels=0"),
        ("fpn", {"channels": 0}, "at least 1 channel, got channels=0"),
        ("project", {"channels": [4, 4]}, r"at least 1, for each of the 3 levels .* got \[4, 4\]"),
        ("pool_time", {"pooling": "median"}, "Input should be 'mean', 'max'"),
    ],
)
def test_options_that_make_no_sense_are_refused(name: str, options: Any, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        build(Neck, NECKS, ComponentConfig(name=name, **options), PYRAMID)


#: A convolutional network beside a vision transformer.
UNLIKE = FeatureSpec(
    (*(FeatureLevel(4, 8 << index, source="a") for index in range(2)), *(FeatureLevel(6, 16, source="b"),) * 2)
)


def test_each_source_passes_necks_of_its_own() -> None:
    config = ComponentConfig(name="per_source", necks={"b": [{"name": "maxpool_pyramid"}]})
    neck = build(Neck, NECKS, config, UNLIKE)
    assert str(neck.out) == "[a:4ch/8px, a:4ch/16px, b:6ch/16px, b:6ch/32px]"
    maps = [torch.randn(1, level.channels, 64 // level.stride, 64 // level.stride) for level in UNLIKE.levels]
    given = neck(maps)
    assert all(torch.equal(given[index], maps[index]) for index in range(3))
    assert torch.equal(given[3], functional.max_pool2d(maps[3], 2))
    changed = neck([maps[0] + 1, maps[1] + 1, maps[2], maps[3]])
    assert torch.equal(changed[3], given[3])


def test_sources_in_turn_are_sent_each_through_its_own() -> None:
    neck = build(Neck, NECKS, ComponentConfig(name="per_source", necks={"s2": [{"name": "bottleneck"}]}), TWO).eval()
    assert str(neck.out) == "[s1:4ch/8px, s1:4ch/16px, s2:4ch/8px, s2:4ch/16px, s2:2ch/32px]"
    maps = [torch.full((1, 4, 64 // level.stride, 64 // level.stride), float(i)) for i, level in enumerate(TWO.levels)]
    assert [given.mean().item() for given in neck(maps)[:4]] == [0.0, 2.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("features", "necks", "message"),
    [
        (PYRAMID, {}, "'per_source' needs levels of several sources"),
        (UNLIKE, {"c": []}, r"knows no source 'c'.* Sources: \['a', 'b'\]"),
        (UNLIKE, {"a": [{"name": "bottleneck"}, {"name": "pyramid"}]}, r"^necks\.a\[1\]: 'pyramid' got .* already is"),
    ],
)
def test_necks_of_a_source_that_do_not_fit_are_refused(features: FeatureSpec, necks: Any, message: str) -> None:
    with pytest.raises((SpecError, ComponentError), match=message):
        build(Neck, NECKS, ComponentConfig(name="per_source", necks=necks), features)


def test_one_level_of_each_source_needs_no_order() -> None:
    features = FeatureSpec((FeatureLevel(4, 32, source="a"), FeatureLevel(4, 16, source="b")))
    assert SelectNeck(features, indices=(-1,)).out == features
    with pytest.raises(SpecError, match=r"indices \[1, 0\] give \[a:4ch/16px, a:4ch/8px\]. Put them in order"):
        SelectNeck(UNLIKE, indices=(1, 0))


def test_bottleneck_may_keep_the_resolution_and_be_a_plain_convolution() -> None:
    neck = BottleneckNeck(PYRAMID, halves=False, norm="none")
    maps = [torch.randn(2, level.channels, 16 >> index, 24 >> index) for index, level in enumerate(PYRAMID.levels)]
    added = neck(maps)[-1]
    torch.testing.assert_close(added, functional.conv2d(maps[-1], neck.conv.weight, neck.conv.bias))
    assert neck.out.levels[-1] == FeatureLevel(8, 16)
