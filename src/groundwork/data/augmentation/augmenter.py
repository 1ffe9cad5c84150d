"""Change the chips of training batches. What a chip gets depends on seed, epoch and its name alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from zlib import crc32

import numpy as np
import torch

from groundwork.batch import Batch
from groundwork.config.component import ComponentConfig
from groundwork.data.augmentation import AUGMENTATIONS
from groundwork.data.augmentation.base import Augmentation, Described, Pixels
from groundwork.data.augmentation.moves import Moved
from groundwork.data.augmentation.warp import warp
from groundwork.registry import build
from groundwork.specs import RasterSpec, TargetSpec


class Augmenter:
    """Applies changes one after the other."""

    def __init__(self, changes: Sequence[ComponentConfig], described: Described, seed: int) -> None:
        """Build the changes.

        Args:
            changes: Names and options, in order.
            described: What is known of the chips.
            seed: Of the run.

        Raises:
            ComponentError: For an unknown name or option.
            SpecError: For a change that does not fit the sources or the target.
        """
        self._changes = [
            build(Augmentation, AUGMENTATIONS, change, described, where=f"training.augmentation[{number}]")
            for number, change in enumerate(changes)
        ]
        self._described, self._seed = described, seed

    def augment(self, batch: Batch, epoch: int) -> Batch:
        """Return a new batch of changed chips, values in single precision; the given one is left as it is.

        Args:
            batch: As read.
            epoch: Number of the epoch.
        """
        random = [np.random.default_rng([self._seed, epoch, crc32(name.encode())]) for name in batch["sample_id"]]
        # Raw values of any type: not all of them can be changed as they are.
        values = {source: image.to(torch.float32) for source, image in batch["images"].items()}
        objects = tuple(batch["objects"]) if "objects" in batch else None
        pixels = Pixels(values, dict(batch["valid"]), batch["target"], objects)
        for is_moved, group in groupby(self._changes, lambda change: isinstance(change, Moved)):
            apply = self._move if is_moved else self._change
            pixels = apply(pixels, list(group), random)
        changed = batch.copy()
        # What is counted once is for scores, which come from chips as they are read.
        changed.pop("counted", None)
        # What a model draws is another thing each epoch too; drawn last, so that changes do not depend on it.
        changed["seeds"] = torch.tensor([int(each.integers(2**32)) for each in random])
        changed["images"], changed["valid"], changed["target"] = pixels.values, pixels.valid, pixels.target
        if pixels.objects is not None:
            changed["objects"] = list(pixels.objects)
        return changed

    def _change(self, pixels: Pixels, changes: Sequence[Augmentation], random: Sequence[np.random.Generator]) -> Pixels:
        for change in changes:
            pixels = change.change(pixels, random)
        return pixels

    def _move(self, pixels: Pixels, moves: Sequence[Augmentation], random: Sequence[np.random.Generator]) -> Pixels:
        """Apply moves that follow one another as one."""
        matrices = np.broadcast_to(np.eye(3), (len(random), 3, 3))
        for move in moves:
            if isinstance(move, Moved):
                matrices = move.drawn(random, pixels.size) @ matrices
        return warp(pixels, matrices, self._described)


def check_augmentation(
    changes: Sequence[ComponentConfig], inputs: Mapping[str, RasterSpec], target: TargetSpec
) -> None:
    """Refuse changes that mean nothing, before anything is read.

    Raises:
        ComponentError: For an unknown name or option.
        SpecError: For a change that does not fit the sources or the target.
    """
    ones = {source: torch.ones(len(spec.used)) for source, spec in inputs.items()}
    Augmenter(changes, Described(inputs, target, ones, ones), seed=0)
