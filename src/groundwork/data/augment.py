"""Random changes to training chips. What a chip gets depends on seed, epoch and sample alone, not on its batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from groundwork.batch import Batch
from groundwork.config.training import AugmentationConfig


def augment(
    batch: Batch,
    config: AugmentationConfig,
    std: Mapping[str, Tensor],
    seed: int,
    epoch: int,
    optional: Sequence[str] = (),
) -> Batch:
    """Turn, flip and brighten each chip of a batch; images, label and validity move together.

    Args:
        batch: As read.
        config: What may happen.
        std: Source -> standard deviation of each channel in raw values (channels,); brightness offsets are in units of
            it.
        seed: Seed of the run.
        epoch: Number of the epoch.
        optional: Sources that scenes may lack, and that chips are made to lack now and then.

    Returns:
        A new batch; the given one is left as it is.
    """
    # Raw values of any type: not all of them can be turned as they are.
    images = {source: image.to(torch.float32) for source, image in batch["images"].items()}
    moved: dict[str, list[Tensor]] = {source: [] for source in images}
    valid: dict[str, list[Tensor]] = {source: [] for source in images}
    targets = []
    for index, sample_id in enumerate(batch["sample_id"]):
        random = np.random.default_rng([seed, epoch, crc32(sample_id.encode())])
        move = _draw_move(random, config)
        for source, image in images.items():
            moved[source].append(_brighten(move(image[index]), random, config, std[source]))
            mask = move(batch["valid"][source][index])
            is_dropped = source in optional and random.random() < config.drop_source
            valid[source].append(torch.zeros_like(mask) if is_dropped else mask)
        targets.append(move(batch["target"][index]))
    changed = batch.copy()
    # What is counted once is for scores, which come from chips as they are read.
    changed.pop("counted", None)
    changed["images"] = {source: torch.stack(parts) for source, parts in moved.items()}
    changed["valid"] = {source: torch.stack(parts) for source, parts in valid.items()}
    changed["target"] = torch.stack(targets)
    return changed


def _draw_move(random: np.random.Generator, config: AugmentationConfig) -> Callable[[Tensor], Tensor]:
    turns = int(random.integers(4)) if config.quarter_turns else 0
    flip = [-1] if config.flips and random.random() < 0.5 else []
    upside = [-2] if config.flips and random.random() < 0.5 else []

    def move(values: Tensor) -> Tensor:
        return torch.rot90(values, turns, (-2, -1)).flip(flip + upside)

    return move


def _brighten(image: Tensor, random: np.random.Generator, config: AugmentationConfig, std: Tensor) -> Tensor:
    gain, offset = config.brightness.gain, config.brightness.offset
    if gain == 0 and offset == 0:
        return image
    factor = 1 + gain * random.uniform(-1, 1)
    shift = offset * random.uniform(-1, 1) * std.to(image)
    return image * factor + shift.reshape(-1, *[1] * (image.ndim - 1))
