"""Augmentation: image, label and validity move together, and what a chip gets does not depend on its batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from groundwork.batch import Batch
from groundwork.config.training import AugmentationConfig
from groundwork.data.augment import augment

SIZE = 8
STD = torch.tensor([10.0, 20.0])
#: Each pixel's number; what a chip's pixels are made of, so that it is seen where they went.
NUMBERS = torch.arange(SIZE * SIZE).reshape(SIZE, SIZE)


def _batch(*names: str, steps: int = 0) -> Batch:
    image = torch.stack([NUMBERS, NUMBERS + 1000]).float()
    if steps:
        image = image[:, None] + 10_000 * torch.arange(steps)[None, :, None, None]
    count = len(names)
    return Batch(
        image=image.expand(count, *image.shape).clone(),
        mask=NUMBERS.expand(count, SIZE, SIZE).clone(),
        valid=(NUMBERS % 3 > 0).expand(count, SIZE, SIZE).clone(),
        sample_id=list(names),
    )


def _augment(batch: Batch, seed: int = 0, epoch: int = 0, **config: Any) -> Batch:
    return augment(batch, AugmentationConfig.model_validate(config), STD, seed, epoch)


NAMES = [f"chip_{index}" for index in range(64)]
SYMMETRIES = [
    flipped.rot90(turns, (0, 1)) for turns in range(4) for flipped in (NUMBERS, NUMBERS.flip(0))
]  # the eight of a square


def _which(mask: torch.Tensor) -> int:
    return next(index for index, symmetry in enumerate(SYMMETRIES) if torch.equal(mask, symmetry))


@pytest.mark.parametrize("steps", [0, 3])
def test_image_label_and_validity_move_together(steps: int) -> None:
    changed = _augment(_batch(*NAMES, steps=steps))
    moved = {_which(mask) for mask in changed["mask"]}
    assert moved == set(range(8)), "all eight symmetries occur"
    for image, mask, valid in zip(changed["image"], changed["mask"], changed["valid"], strict=True):
        assert torch.equal(valid, mask % 3 > 0)
        for step in range(steps or 1):
            first, second = (image[:, step] if steps else image).long() - 10_000 * step
            assert torch.equal(first, mask)
            assert torch.equal(second, mask + 1000)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"flips": False, "quarter_turns": False}, {0}),
        ({"flips": False, "quarter_turns": True}, {0, 2, 4, 6}),
        ({"flips": True, "quarter_turns": False}, {_which(NUMBERS.flip(dims)) for dims in ((), (0,), (1,), (0, 1))}),
    ],
)
def test_only_what_is_allowed_happens(config: dict[str, bool], expected: set[int]) -> None:
    assert {_which(mask) for mask in _augment(_batch(*NAMES), **config)["mask"]} == expected


BRIGHT = {"brightness": {"gain": 0.2, "offset": 0.5}}


def test_what_a_chip_gets_does_not_depend_on_its_batch() -> None:
    together = _augment(_batch(*NAMES), **BRIGHT)
    for index in (0, 7, 63):
        alone = _augment(_batch(NAMES[index]), **BRIGHT)
        assert torch.equal(alone["image"][0], together["image"][index])
        assert torch.equal(alone["mask"][0], together["mask"][index])
    backwards = _augment(_batch(*NAMES[::-1]), **BRIGHT)
    assert torch.equal(backwards["image"].flip(0), together["image"])


def test_seed_and_epoch_change_it_and_nothing_else_does() -> None:
    first = _augment(_batch(*NAMES), seed=1, epoch=2, **BRIGHT)
    torch.manual_seed(99)
    assert torch.equal(_augment(_batch(*NAMES), seed=1, epoch=2, **BRIGHT)["image"], first["image"])
    for seed, epoch in ((1, 3), (2, 2), (2, 1)):
        assert not torch.equal(_augment(_batch(*NAMES), seed=seed, epoch=epoch, **BRIGHT)["image"], first["image"])


def test_brightness_is_one_gain_and_offset_per_chip() -> None:
    still = {"flips": False, "quarter_turns": False}
    changed = _augment(_batch(*NAMES), **still, brightness={"gain": 0.2, "offset": 0.5})
    before = _batch(*NAMES)["image"]
    gains, shifts = [], []
    for was, now in zip(before, changed["image"], strict=True):
        slope = (now[0, -1, -1] - now[0, 0, 0]) / 63
        offset = now[:, 0, 0] - slope * was[:, 0, 0]
        assert torch.allclose(now, slope * was + offset[:, None, None], atol=1e-2)
        gains.append(float(slope))
        shifts.append((offset / STD).tolist())
    assert all(0.8 <= gain <= 1.2 for gain in gains)
    assert max(gains) > 1.15
    assert min(gains) < 0.85
    # The offset is in units of each band's deviation: the same number for all bands.
    assert all(pair[0] == pytest.approx(pair[1], abs=1e-2) and abs(pair[0]) <= 0.51 for pair in shifts)


def test_the_given_batch_stays_as_it_is() -> None:
    batch, same = _batch(*NAMES), _batch(*NAMES)
    changed = _augment(batch, **BRIGHT)
    assert all(torch.equal(batch[key], same[key]) for key in ("image", "mask", "valid"))
    assert changed["sample_id"] == NAMES
