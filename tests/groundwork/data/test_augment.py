"""Augmentation: image, label and validity move together, and what a chip gets does not depend on its batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from groundwork.batch import Batch
from groundwork.config.training import AugmentationConfig
from groundwork.data.augment import augment

SIZE = 8
STD = {"optical": torch.tensor([10.0, 20.0])}
#: Each pixel's number; what a chip's pixels are made of, so that it is seen where they went.
NUMBERS = torch.arange(SIZE * SIZE).reshape(SIZE, SIZE)


def _batch(*names: str, steps: int = 0) -> Batch:
    image = torch.stack([NUMBERS, NUMBERS + 1000]).float()
    if steps:
        image = image[:, None] + 10_000 * torch.arange(steps)[None, :, None, None]
    count = len(names)
    return Batch(
        images={"optical": image.expand(count, *image.shape).clone()},
        valid={"optical": (NUMBERS % 3 > 0).expand(count, SIZE, SIZE).clone()},
        target=NUMBERS.expand(count, SIZE, SIZE).clone(),
        sample_id=list(names),
    )


def _augment(batch: Batch, seed: int = 0, epoch: int = 0, **config: Any) -> Batch:
    return augment(batch, AugmentationConfig.model_validate(config), STD, seed, epoch)


NAMES = [f"chip_{index}" for index in range(64)]
SYMMETRIES = [
    flipped.rot90(turns, (0, 1)) for turns in range(4) for flipped in (NUMBERS, NUMBERS.flip(0))
]  # the eight of a square


def _which(target: torch.Tensor) -> int:
    return next(index for index, symmetry in enumerate(SYMMETRIES) if torch.equal(target, symmetry))


@pytest.mark.parametrize("steps", [0, 3])
def test_image_label_and_validity_move_together(steps: int) -> None:
    changed = _augment(_batch(*NAMES, steps=steps))
    moved = {_which(target) for target in changed["target"]}
    assert moved == set(range(8)), "all eight symmetries occur"
    parts = (changed["images"]["optical"], changed["target"], changed["valid"]["optical"])
    for image, target, valid in zip(*parts, strict=True):
        assert torch.equal(valid, target % 3 > 0)
        for step in range(steps or 1):
            first, second = (image[:, step] if steps else image).long() - 10_000 * step
            assert torch.equal(first, target)
            assert torch.equal(second, target + 1000)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"flips": False, "quarter_turns": False}, {0}),
        ({"flips": False, "quarter_turns": True}, {0, 2, 4, 6}),
        ({"flips": True, "quarter_turns": False}, {_which(NUMBERS.flip(dims)) for dims in ((), (0,), (1,), (0, 1))}),
    ],
)
def test_only_what_is_allowed_happens(config: dict[str, bool], expected: set[int]) -> None:
    assert {_which(target) for target in _augment(_batch(*NAMES), **config)["target"]} == expected


BRIGHT = {"brightness": {"gain": 0.2, "offset": 0.5}}


def test_what_a_chip_gets_does_not_depend_on_its_batch() -> None:
    together = _augment(_batch(*NAMES), **BRIGHT)
    for index in (0, 7, 63):
        alone = _augment(_batch(NAMES[index]), **BRIGHT)
        assert torch.equal(alone["images"]["optical"][0], together["images"]["optical"][index])
        assert torch.equal(alone["target"][0], together["target"][index])
    backwards = _augment(_batch(*NAMES[::-1]), **BRIGHT)
    assert torch.equal(backwards["images"]["optical"].flip(0), together["images"]["optical"])


def test_seed_and_epoch_change_it_and_nothing_else_does() -> None:
    def changed(seed: int, epoch: int) -> torch.Tensor:
        return _augment(_batch(*NAMES), seed, epoch, **BRIGHT)["images"]["optical"]

    first = changed(1, 2)
    torch.manual_seed(99)
    assert torch.equal(changed(1, 2), first)
    for seed, epoch in ((1, 3), (2, 2), (2, 1)):
        assert not torch.equal(changed(seed, epoch), first)


def test_brightness_is_one_gain_and_offset_per_chip() -> None:
    still = {"flips": False, "quarter_turns": False}
    changed = _augment(_batch(*NAMES), **still, brightness={"gain": 0.2, "offset": 0.5})
    before = _batch(*NAMES)["images"]["optical"]
    gains, shifts = [], []
    for was, now in zip(before, changed["images"]["optical"], strict=True):
        slope = (now[0, -1, -1] - now[0, 0, 0]) / 63
        offset = now[:, 0, 0] - slope * was[:, 0, 0]
        assert torch.allclose(now, slope * was + offset[:, None, None], atol=1e-2)
        gains.append(float(slope))
        shifts.append((offset / STD["optical"]).tolist())
    assert all(0.8 <= gain <= 1.2 for gain in gains)
    assert max(gains) > 1.15
    assert min(gains) < 0.85
    # The offset is in units of each band's deviation: the same number for all bands.
    assert all(pair[0] == pytest.approx(pair[1], abs=1e-2) and abs(pair[0]) <= 0.51 for pair in shifts)


def test_the_given_batch_stays_as_it_is() -> None:
    batch, same = _batch(*NAMES), _batch(*NAMES)
    changed = _augment(batch, **BRIGHT)
    assert torch.equal(batch["images"]["optical"], same["images"]["optical"])
    assert torch.equal(batch["valid"]["optical"], same["valid"]["optical"])
    assert torch.equal(batch["target"], same["target"])
    assert changed["sample_id"] == NAMES


def test_values_of_any_type_come_out_in_single_precision() -> None:
    batch = _batch(*NAMES)
    single = _augment(batch, **BRIGHT)["images"]["optical"]
    for dtype in (torch.int16, torch.uint16, torch.float64):
        batch["images"] = {"optical": _batch(*NAMES)["images"]["optical"].to(dtype)}
        changed = _augment(batch, **BRIGHT)
        assert changed["images"]["optical"].dtype == torch.float32
        assert torch.equal(changed["images"]["optical"], single)
        assert batch["images"]["optical"].dtype == dtype


def test_all_sources_of_a_chip_move_together() -> None:
    batch = _batch(*NAMES)
    batch["images"]["radar"] = NUMBERS.expand(len(NAMES), 1, SIZE, SIZE).to(torch.int32)
    batch["valid"]["radar"] = (NUMBERS % 5 > 0).expand(len(NAMES), SIZE, SIZE)
    batch["counted"] = torch.ones(len(NAMES), SIZE, SIZE, dtype=torch.bool)
    changed = augment(batch, AugmentationConfig(), STD | {"radar": torch.tensor([1.0])}, 0, 0)
    assert torch.equal(changed["images"]["radar"][:, 0].long(), changed["target"])
    assert torch.equal(changed["images"]["optical"][:, 0].long(), changed["target"])
    assert torch.equal(changed["valid"]["radar"], changed["target"] % 5 > 0)
    assert "counted" not in changed
    assert "counted" in batch
