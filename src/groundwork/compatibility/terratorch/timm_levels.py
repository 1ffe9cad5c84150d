"""Which levels a network of timm gives: TerraTorch takes those that timm gives unasked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from groundwork.compatibility.terratorch.flow import Flow
from groundwork.errors import ComponentError


def read_timm_levels(model: str, asked: Sequence[int], *, all_blocks: bool = False) -> tuple[list[int], Flow]:
    """Return the numbers of the levels, where they must be stated here, and what is known of them.

    Args:
        model: Name of the network.
        asked: Levels that are stated. Empty: none are.
        all_blocks: Whether TerraTorch passes on all blocks of a plain transformer, and leaves out what is stated.
    """
    from groundwork.models.encoders.timm.levels import find_levels  # noqa: PLC0415 - it takes seconds

    try:
        found = find_levels(model, tuple(asked) or None)
    except ComponentError:
        # What is wrong with it is said when the model is built.
        return list(asked), Flow()
    strides, channels = [level.stride for level in found.levels], [level.channels for level in found.levels]
    ratios = {after / before for before, after in pairwise(strides)}
    stride = int(strides[0]) if len(set(strides)) == 1 and strides[0] % 1 == 0 else None
    if all_blocks and stride is not None:
        return list(range(found.count)), Flow(found.count, stride, channels[0], is_transformer=True)
    flow = Flow(
        levels=len(strides),
        stride=stride,
        ratio=2 if ratios == {2} else None,
        channels=channels[0] if len(set(channels)) == 1 else None,
    )
    # Unasked, plain transformers give their last blocks there, and here blocks at even distances.
    is_plain = len(strides) > 1 and stride is not None
    return list(asked) or (list(found.indices) if is_plain else []), flow
