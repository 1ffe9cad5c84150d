"""Every pair of encoder features and decoder builds, or says which necks mend it; and those do."""

from __future__ import annotations

from math import lcm
from typing import Any

import pytest
import torch

from groundwork.config.component import ComponentConfig
from groundwork.errors import SpecError
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.smp_models import SMP_MODELS
from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.necks import NECKS
from groundwork.models.necks.auto import choose_necks
from groundwork.models.necks.base import Neck
from groundwork.models.without_memory import without_memory
from groundwork.registry import build, find
from groundwork.specs import FeatureLevel, FeatureSpec


def pyramid(finest: int, count: int, source: str | None = None) -> tuple[FeatureLevel, ...]:
    return tuple(FeatureLevel(8 << index, finest << index, source=source) for index in range(count))


#: What encoders give, by kind.
FEATURES = {
    "CNN of five levels": FeatureSpec(pyramid(2, 5)),
    "CNN of four levels, or Swin": FeatureSpec(pyramid(4, 4)),
    "U-Net": FeatureSpec(pyramid(1, 5)),
    "dilated CNN": FeatureSpec((*pyramid(2, 4), FeatureLevel(64, 16))),
    "two levels of a CNN": FeatureSpec(pyramid(16, 2)),
    "ViT of 16 px": FeatureSpec((FeatureLevel(32, 16),) * 12),
    "large ViT of 14 px": FeatureSpec((FeatureLevel(32, 14),) * 32),
    "three blocks of a ViT": FeatureSpec((FeatureLevel(32, 16),) * 3),
    "last block of a ViT": FeatureSpec((FeatureLevel(32, 16),), vector=32),
    "ViT with time steps": FeatureSpec((FeatureLevel(96, 16, steps=3),) * 12),
    "two CNNs": FeatureSpec(
        tuple(level for pair in zip(*(pyramid(4, 4, name) for name in ("s1", "s2")), strict=True) for level in pair)
    ),
    "two ViTs": FeatureSpec(tuple(FeatureLevel(32, 16, source=source) for source in ("s1", "s2") for _ in range(12))),
    "CNN and ViT": FeatureSpec((*pyramid(2, 5, "a"), *(FeatureLevel(32, 16, source="b"),) * 12)),
    "Swin and a ViT with time steps": FeatureSpec((*pyramid(4, 4, "a"), *(FeatureLevel(96, 16, 3, "b"),) * 4)),
    "two ViTs of other depths": FeatureSpec(
        (*(FeatureLevel(32, 16, source="a"),) * 12, *(FeatureLevel(32, 16, source="b"),) * 4)
    ),
    "CNNs of other depths": FeatureSpec((*pyramid(2, 5, "a"), *pyramid(4, 3, "b"))),
}
CONFIGS = [ComponentConfig(name=name) for name in DECODERS if name != "smp"] + [
    ComponentConfig.model_validate({"name": "smp", "model": model}) for model in SMP_MODELS
]
DECODERS_BY_ID = {config.options.get("model", config.name): config for config in CONFIGS}


def needs_of(config: ComponentConfig) -> Needs:
    decoder = find(DECODERS, config.name)
    assert issubclass(decoder, Decoder)
    return decoder.needs(config.options)


def refusal_of(config: ComponentConfig, features: FeatureSpec) -> str | None:
    try:
        build(Decoder, DECODERS, config, features)
    except SpecError as error:
        return str(error)
    return None


@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)
@pytest.mark.parametrize("config", DECODERS_BY_ID.values(), ids=DECODERS_BY_ID)
def test_every_pair_builds_or_is_mended_as_the_refusal_says(config: ComponentConfig, features: FeatureSpec) -> None:
    plan = choose_necks(features, needs_of(config))
    with without_memory():
        refusal = refusal_of(config, features)
        if refusal is not None:
            assert plan
            assert all(f"'{neck.name}'" in refusal for neck in plan)
            assert "or leave it to 'necks: auto'" in refusal
        given = features
        necks = []
        for neck_config in plan:
            necks.append(build(Neck, NECKS, neck_config, given))
            given = necks[-1].out
        decoder = build(Decoder, DECODERS, config, given)
        # The size to which images are padded, at least the 8 cells that PAN needs.
        multiple = lcm(*(level.stride for spec in (features, *(neck.out for neck in necks)) for level in spec.levels))
        size = max(multiple, 8 * given.levels[-1].stride)
        tensors = [torch.empty(2, lv.channels, size // lv.stride, 2 * size // lv.stride) for lv in features.levels]
        for neck in necks:
            tensors = neck(tensors)
        out = decoder(tensors)
    assert out.shape == (2, decoder.out.channels, size // decoder.out.stride, 2 * size // decoder.out.stride)


def plan_of(features: str, decoder: dict[str, Any]) -> list[dict[str, Any]]:
    plan = choose_necks(FEATURES[features], needs_of(ComponentConfig.model_validate(decoder)))
    return [{"name": neck.name, **neck.options} for neck in plan]


CONCAT = {"name": "merge_sources", "pooling": "concat"}
PLANS: dict[str, tuple[str, dict[str, Any], list[dict[str, Any]]]] = {
    "nothing where it fits": ("CNN of five levels", {"name": "unet"}, []),
    "four blocks at even distances": (
        "ViT of 16 px",
        {"name": "unet"},
        [{"name": "select", "indices": (2, 5, 8, 11)}, {"name": "pyramid"}],
    ),
    "the last of 32 blocks among them": (
        "large ViT of 14 px",
        {"name": "upernet"},
        [{"name": "select", "indices": (7, 15, 23, 31)}, {"name": "pyramid"}],
    ),
    "few blocks are all kept": ("three blocks of a ViT", {"name": "unet"}, [{"name": "pyramid"}]),
    "one block becomes all levels": (
        "last block of a ViT",
        {"name": "upernet"},
        [{"name": "select", "indices": (0, 0, 0, 0)}, {"name": "pyramid"}],
    ),
    "as many levels as stages were named": (
        "ViT of 16 px",
        {"name": "unet", "channels": [32, 16]},
        [{"name": "select", "indices": (3, 7, 11)}, {"name": "pyramid"}],
    ),
    "fewer levels of a CNN": (
        "CNN of five levels",
        {"name": "unet", "channels": [32, 16, 8]},
        [{"name": "select", "indices": (1, 2, 3, 4)}],
    ),
    "more levels than a CNN has": (
        "two levels of a CNN",
        {"name": "unet", "channels": [32, 16, 8]},
        [{"name": "bottleneck"}, {"name": "bottleneck"}],
    ),
    "more levels than a pyramid neck makes": (
        "ViT of 16 px",
        {"name": "unet", "channels": [32, 16, 8, 8, 8]},
        [{"name": "select", "indices": (2, 4, 7, 9, 11)}, {"name": "pyramid"}, {"name": "bottleneck"}],
    ),
    "stages of smp": (
        "ViT of 16 px",
        {"name": "smp", "model": "Unet", "options": {"decoder_channels": [8, 8]}},
        [{"name": "select", "indices": (3, 7, 11)}, {"name": "pyramid"}],
    ),
    "the deepest of two levels of one stride": (
        "dilated CNN",
        {"name": "unet"},
        [{"name": "select", "indices": (0, 1, 2, 4)}],
    ),
    "blocks without a pyramid": ("ViT of 16 px", {"name": "dpt"}, [{"name": "select", "indices": (2, 5, 8, 11)}]),
    "a finest stride that can be halved": (
        "large ViT of 14 px",
        {"name": "smp", "model": "Linknet"},
        [{"name": "select", "indices": (7, 15, 23, 31)}, {"name": "pyramid", "finest_stride": 14}],
    ),
    "every other level": (
        "ViT of 16 px",
        {"name": "smp", "model": "DeepLabV3Plus"},
        [{"name": "select", "indices": (3, 7, 11)}, {"name": "pyramid"}, {"name": "select", "indices": (0, 2)}],
    ),
    "time steps stay": ("ViT with time steps", {"name": "fcn"}, []),
    "sources are merged": ("two CNNs", {"name": "unet"}, [CONCAT]),
    "a ViT beside a CNN becomes a pyramid": (
        "CNN and ViT",
        {"name": "unet"},
        [
            {
                "name": "per_source",
                "necks": {
                    "a": [{"name": "select", "indices": (1, 2, 3, 4)}],
                    "b": [{"name": "select", "indices": (2, 5, 8, 11)}, {"name": "pyramid"}],
                },
            },
            CONCAT,
        ],
    ),
    "sources share a level": (
        "CNN and ViT",
        {"name": "fcn"},
        [
            {
                "name": "per_source",
                "necks": {"a": [{"name": "select", "indices": (3,)}], "b": [{"name": "select", "indices": (11,)}]},
            },
            CONCAT,
        ],
    ),
    "sources keep as many blocks": (
        "two ViTs of other depths",
        {"name": "dpt"},
        [{"name": "per_source", "necks": {"a": [{"name": "select", "indices": (2, 5, 8, 11)}]}}, CONCAT],
    ),
    "sources are merged first": (
        "two ViTs",
        {"name": "unet"},
        [CONCAT, {"name": "select", "indices": (2, 5, 8, 11)}, {"name": "pyramid"}],
    ),
}


@pytest.mark.parametrize(("features", "decoder", "expected"), PLANS.values(), ids=PLANS)
def test_auto_chooses_what_a_person_would(features: str, decoder: dict[str, Any], expected: list[Any]) -> None:
    assert plan_of(features, decoder) == expected


def test_refusals_hold_the_yaml_that_mends_them() -> None:
    message = (
        r"'unet' needs levels whose strides double, got \[.*64ch/16px\]. Put the necks 'select' and 'pyramid' before "
        r"it: necks: \[\{name: select, indices: \[2, 5, 8, 11\]\}, \{name: pyramid\}\], or leave it to 'necks: auto'"
    )
    with pytest.raises(SpecError, match=message):
        check_fit("unet", Needs(least=2, ratio=2), FeatureSpec((FeatureLevel(64, 16),) * 12))


@pytest.mark.parametrize(
    ("features", "needs", "message"),
    [
        (
            FeatureSpec((FeatureLevel(8, 4, source="a"), FeatureLevel(8, 8, source="b"))),
            Needs(),
            "'necks: auto' needs levels of one source, got .* no neck makes these fit",
        ),
        (
            FeatureSpec((FeatureLevel(8, 7),) * 4),
            Needs(least=2, ratio=2, finest_multiple=2),
            "'necks: auto' needs levels whose strides double, got .* no neck makes these fit",
        ),
    ],
)
def test_what_no_neck_mends_is_refused(features: FeatureSpec, needs: Needs, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        choose_necks(features, needs)


def test_mending_draws_no_random_numbers() -> None:
    before = torch.random.get_rng_state()
    choose_necks(FEATURES["two ViTs"], Needs(least=2, ratio=2))
    assert torch.equal(torch.random.get_rng_state(), before)
