"""Which levels a network of timm gives: TerraTorch takes those that timm gives unasked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from groundwork.compatibility.terratorch.flow import Flow


def read_timm_levels(model: str, asked: Sequence[int], *, all_blocks: bool = False) -> tuple[list[int], Flow]:
    """Return the numbers of the levels, where they must be stated here, and what is known of them.

    Args:
        model: Name of the network.
        asked: Levels that are stated. Empty: none are.
        all_blocks: Whether TerraTorch passes on all blocks of a plain transformer, and leaves out what is stated.
    """
    import timm  # noqa: PLC0415 - it takes seconds
    import torch  # noqa: PLC0415

    named = {"out_indices": tuple(asked)} if asked else {}
    try:
        with torch.device("meta"):
            info = timm.create_model(model, features_only=True, **named).feature_info
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError):
        # What is wrong with it is said when the model is built.
        return list(asked), Flow()
    if all_blocks and len(set(info.reduction())) == 1:
        depth = len(info.info)
        return list(range(depth)), Flow(depth, info.reduction()[0], info.channels()[0], is_transformer=True)
    strides, channels = list(info.reduction()), list(info.channels())
    ratios = {after / before for before, after in pairwise(strides)}
    is_plain = len(set(strides)) == 1
    flow = Flow(
        levels=len(strides),
        stride=strides[0] if is_plain else None,
        ratio=2 if ratios == {2} else None,
        channels=channels[0] if len(set(channels)) == 1 else None,
    )
    # Unasked, plain transformers give their last blocks there, and here blocks at even distances.
    return list(asked) or (list(info.out_indices) if is_plain else []), flow
