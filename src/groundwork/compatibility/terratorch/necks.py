"""Necks by name, with their arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from groundwork.compatibility.terratorch.flow import Flow
from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.strict import did_you_mean


@dataclass(slots=True)
class Chain:
    """What stands between encoder and decoder, while it is read."""

    encoder: Words
    flow: Flow
    necks: list[Words]
    #: How the head makes one vector of a map, where a neck says it. Empty: nothing is said.
    pooling: str = ""


def read_necks(entries: list[Stated], chain: Chain) -> None:
    """Translate necks, in their order, into the chain."""
    for entry in entries:
        name = entry.text("name") or ""
        if name not in _NECKS:
            entry.refuse("name", f"no neck is called '{name}'.{did_you_mean(name, list(_NECKS))} Known: {list(_NECKS)}")
            continue
        _NECKS[name](entry, chain)
        entry.finish()


def _select(entry: Stated, chain: Chain) -> None:
    indices = entry.wholes("indices")
    levels = chain.flow.levels
    counted = [index + levels if index < 0 and levels else index for index in indices]
    beyond = [index for index in indices if levels is not None and not -levels <= index < levels]
    if beyond:
        more = ". Name more of them in 'backbone_out_indices'" if levels == 1 else ""
        last = levels and levels - 1
        entry.refuse("indices", f"the encoder gives {levels} levels, from 0 to {last}; there is no {beyond}{more}")
        return
    is_rising = counted == sorted(set(counted)) and (levels is not None or all(index >= 0 for index in indices))
    if not chain.necks and chain.flow.is_transformer and is_rising:
        passed = chain.encoder.get("out_indices")
        chain.encoder["out_indices"] = [passed[index] for index in counted] if isinstance(passed, list) else counted
    else:
        chain.necks.append({"name": "select", "indices": indices})
    steps = {after - before for before, after in pairwise(counted)}
    ratio = chain.flow.ratio if steps == {1} else None
    chain.flow = replace(chain.flow, levels=len(indices), is_transformer=False, ratio=ratio)


def _reshape(entry: Stated, chain: Chain) -> None:
    steps = entry.whole("effective_time_dim") or 1
    # Encoders give maps here, without a class token.
    for key in ("remove_cls_token", "h", "temporal_inputs"):
        entry.take(key)
    if steps not in (1, chain.flow.steps):
        entry.refuse(
            "effective_time_dim", f"it is {steps}, and the images have {chain.flow.steps} date(s): state one of both"
        )


def _dropped(entry: Stated, chain: Chain) -> None:  # noqa: ARG001 - as all necks
    entry.take("new_order")


def pyramid_neck(stride: int | None) -> Words:
    """Return the neck that makes four levels of one, the first of a quarter of its stride."""
    # Of whole numbers it is a quarter by itself.
    return {"name": "pyramid"} | ({"finest_stride": stride / 4} if stride is not None and stride % 4 else {})


def _pyramid(entry: Stated, chain: Chain) -> None:
    if chain.flow.levels not in (None, 4):
        entry.refuse("name", f"it takes 4 levels, and gets {chain.flow.levels}: select four before it")
    chain.necks.append(pyramid_neck(chain.flow.stride))
    chain.flow = replace(chain.flow, stride=None, channels=None, ratio=2)


def _interpolate(entry: Stated, chain: Chain) -> None:
    factor, mode = entry.number("scale_factor") or 2, entry.text("mode") or "nearest"
    stride, levels = chain.flow.stride, chain.flow.levels
    if factor != 2:
        entry.refuse("scale_factor", f"strides double here; found {factor:g}. Take 2")
    words: Words = {"name": "interpolate_pyramid", "mode": mode}
    if stride is not None and levels is not None and stride >= 1 << levels:
        finest = stride / (1 << levels)
        words["finest_stride"] = int(finest) if finest == int(finest) else finest
    else:
        entry.change(
            "scale_factor", "the finest level has a quarter of the stride that comes in", "model.necks", alters=True
        )
    chain.necks.append(words)
    chain.flow = replace(chain.flow, stride=None, ratio=2)


def _maxpool(entry: Stated, chain: Chain) -> None:
    size = entry.whole("kernel_size") or 2
    if size != 2:
        entry.refuse("kernel_size", f"strides double here; found {size}. Take 2")
    chain.necks.append({"name": "maxpool_pyramid"})
    chain.flow = replace(chain.flow, stride=None, ratio=2)


def _fpn(entry: Stated, chain: Chain) -> None:
    channels = entry.whole("out_channel") or 256
    entry.take("output_ordered_dict")
    chain.necks.append({"name": "fpn", "channels": channels})
    chain.flow = replace(chain.flow, channels=channels)


def _bottleneck(entry: Stated, chain: Chain) -> None:  # noqa: ARG001 - as all necks
    chain.necks.append({"name": "bottleneck", "halves": False, "norm": "none"})
    chain.flow = replace(chain.flow, levels=chain.flow.levels and chain.flow.levels + 1, channels=None, ratio=None)


def _aggregate(entry: Stated, chain: Chain) -> None:
    pooling = str(entry.take("pooling") or "mean").lower()
    for key in ("index", "indices", "temporal_inputs"):
        entry.take(key)
    drops = entry.flag("drop_cls")
    if pooling == "cls":
        chain.pooling = "vector"
        inner = chain.encoder.get("encoder")
        vit = inner if isinstance(inner, dict) else chain.encoder
        if vit.get("name") != "prithvi_vit":
            entry.refuse("pooling", f"the encoder '{vit.get('name')}' gives no class token here: take 'mean' or 'max'")
        vit["vector"] = True
    elif pooling in ("mean", "max", "min"):
        chain.pooling = pooling
        if not drops:
            entry.change(
                "drop_cls",
                f"the {pooling} is taken over the map, without the class token",
                "model.head.pooling",
                alters=True,
            )
    else:
        entry.refuse("pooling", f"'{pooling}' is none of mean, max, min and CLS")
    chain.flow = replace(chain.flow, levels=1, ratio=None)


_NECKS: Mapping[str, Callable[[Stated, Chain], None]] = {
    "SelectIndices": _select,
    "ReshapeTokensToImage": _reshape,
    "PermuteDims": _dropped,
    "LearnedInterpolateToPyramidal": _pyramid,
    "InterpolateToPyramidal": _interpolate,
    "MaxpoolToPyramidal": _maxpool,
    "FeaturePyramidNetworkNeck": _fpn,
    "AddBottleneckLayer": _bottleneck,
    "AggregateTokens": _aggregate,
}
