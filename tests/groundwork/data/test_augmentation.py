"""Augmentation: image, label and validity move together, and what a chip gets does not depend on its batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from groundwork.batch import Batch
from groundwork.config.component import ComponentConfig, named
from groundwork.config.training import SYMMETRIES, TrainingConfig
from groundwork.data.augmentation import AUGMENTATIONS
from groundwork.data.augmentation import augmenter as augmenter_module
from groundwork.data.augmentation.augmenter import Augmenter, check_augmentation
from groundwork.data.augmentation.base import Described, Pixels
from groundwork.data.augmentation.mixing import CutMix, MixUp
from groundwork.data.augmentation.warp import warp
from groundwork.errors import ComponentError, SpecError
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.labels import IGNORE

SIZE = 8
#: Each pixel's number; what a chip's pixels are made of, so that it is seen where they went.
NUMBERS = torch.arange(SIZE * SIZE).reshape(SIZE, SIZE)
OPTICAL = RasterSpec.model_validate(
    {
        "bands": [{"name": "BLUE", "wavelength_nm": 490}, {"name": "RED", "wavelength_nm": 980}],
        "dtype": "int16",
        "nodata": -9999,
        "reference": True,
    }
)
RADAR = RasterSpec.model_validate(
    {"bands": ["VV"], "dtype": "float32", "nodata": None, "optional": True, "resampling": "bilinear"}
)
CLASSES = TargetSpec.model_validate(
    {"classes": [{"value": value, "name": f"c{value}", "color": "#000000"} for value in range(64)]}
)
DESCRIBED = Described(
    {"optical": OPTICAL, "radar": RADAR},
    CLASSES,
    {"optical": torch.tensor([5.0, 7.0]), "radar": torch.tensor([3.0])},
    {"optical": torch.tensor([10.0, 20.0]), "radar": torch.tensor([1.0])},
)
PLANE = replace(DESCRIBED, inputs={"optical": OPTICAL})
NAMES = [f"chip_{index}" for index in range(64)]
SYMMETRIC = [
    flipped.rot90(turns, (0, 1)) for turns in range(4) for flipped in (NUMBERS, NUMBERS.flip(0))
]  # the eight of a square


def _batch(*names: str, steps: int = 0) -> Batch:
    image = torch.stack([NUMBERS, NUMBERS + 1000]).float()
    if steps:
        image = image[:, None] + 10_000 * torch.arange(steps)[None, :, None, None]
    count = len(names)
    return Batch(
        images={
            "optical": image.expand(count, *image.shape).clone(),
            "radar": NUMBERS.expand(count, 1, SIZE, SIZE).float().clone(),
        },
        valid={
            "optical": (NUMBERS % 3 > 0).expand(count, SIZE, SIZE).clone(),
            "radar": (NUMBERS % 5 > 0).expand(count, SIZE, SIZE).clone(),
        },
        target=NUMBERS.expand(count, SIZE, SIZE).clone(),
        sample_id=list(names),
    )


def _changes(*changes: Any) -> Sequence[ComponentConfig]:
    return [ComponentConfig.model_validate(named(change)) for change in changes]


def _augment(batch: Batch, *changes: Any, seed: int = 0, epoch: int = 0, described: Described = DESCRIBED) -> Batch:
    return Augmenter(_changes(*changes), described, seed).augment(batch, epoch)


def _which(target: torch.Tensor) -> int:
    return next(index for index, symmetry in enumerate(SYMMETRIC) if torch.equal(target, symmetry))


FLIPS = ("horizontal_flip", "vertical_flip")


@pytest.mark.parametrize("steps", [0, 3])
def test_image_label_and_validity_of_all_sources_move_together(steps: int) -> None:
    changed = _augment(_batch(*NAMES, steps=steps), *SYMMETRIES)
    assert {_which(target) for target in changed["target"]} == set(range(8)), "all eight symmetries occur"
    assert torch.equal(changed["images"]["radar"][:, 0].long(), changed["target"])
    assert torch.equal(changed["valid"]["radar"], changed["target"] % 5 > 0)
    parts = (changed["images"]["optical"], changed["target"], changed["valid"]["optical"])
    for image, target, valid in zip(*parts, strict=True):
        assert torch.equal(valid, target % 3 > 0)
        for step in range(steps or 1):
            first, second = (image[:, step] if steps else image).long() - 10_000 * step
            assert torch.equal(first, target)
            assert torch.equal(second, target + 1000)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), {0}),
        (("quarter_turns",), {0, 2, 4, 6}),
        (FLIPS, {_which(NUMBERS.flip(dims)) for dims in ((), (0,), (1,), (0, 1))}),
        (({"name": "horizontal_flip", "chance": 1.0},), {_which(NUMBERS.flip(1))}),
    ],
)
def test_only_what_is_stated_happens(changes: tuple[Any, ...], expected: set[int]) -> None:
    assert {_which(target) for target in _augment(_batch(*NAMES), *changes)["target"]} == expected


#: All that may happen, in an order that joins moves.
ALL: list[Any] = [
    *SYMMETRIES,
    *("rotate", "scale", "shear", "shift", "crop"),
    *("gain", {"name": "offset", "per_band": True}, "noise", "haze", "blur", "band_dropout"),
    {"name": "drop_source", "chance": 0.5},
]


def _equal(one: Batch, other: Batch, index: int, at: int) -> None:
    for key in ("images", "valid"):
        for source, part in one[key].items():
            assert torch.equal(part[index], other[key][source][at])
    assert torch.equal(one["target"][index], other["target"][at])


@pytest.mark.parametrize("change", [*ALL, None], ids=lambda change: str(change)[:30])
def test_what_a_chip_gets_does_not_depend_on_its_batch(change: Any) -> None:
    changes = ALL if change is None else [change]
    together = _augment(_batch(*NAMES, steps=2), *changes)
    for index in (0, 7, 63):
        _equal(_augment(_batch(NAMES[index], steps=2), *changes), together, 0, index)
    backwards = _augment(_batch(*NAMES[::-1], steps=2), *changes)
    _equal(backwards, together, 0, 63)
    _equal(backwards, together, 40, 23)


def test_every_change_is_tested() -> None:
    stated = {config.name for config in _changes(*ALL, "cutmix", "mixup")}
    assert stated == set(AUGMENTATIONS)


def test_seed_and_epoch_change_it_and_nothing_else_does() -> None:
    def changed(seed: int, epoch: int) -> torch.Tensor:
        return _augment(_batch(*NAMES), *ALL, seed=seed, epoch=epoch)["images"]["optical"]

    first = changed(1, 2)
    torch.manual_seed(99)
    assert torch.equal(changed(1, 2), first)
    for seed, epoch in ((1, 3), (2, 2), (2, 1)):
        assert not torch.equal(changed(seed, epoch), first)


def test_the_given_batch_stays_as_it_is() -> None:
    batch, same = _batch(*NAMES), _batch(*NAMES)
    batch["counted"] = torch.ones(len(NAMES), SIZE, SIZE, dtype=torch.bool)
    changed = _augment(batch, *ALL, "cutmix")
    for source in ("optical", "radar"):
        assert torch.equal(batch["images"][source], same["images"][source])
        assert torch.equal(batch["valid"][source], same["valid"][source])
    assert torch.equal(batch["target"], same["target"])
    assert changed["sample_id"] == NAMES
    assert "counted" not in changed
    assert "counted" in batch


def test_values_of_any_type_come_out_in_single_precision() -> None:
    batch = _batch(*NAMES)
    single = _augment(batch, *ALL)["images"]["optical"]
    for dtype in (torch.int16, torch.uint16, torch.float64):
        batch["images"]["optical"] = _batch(*NAMES)["images"]["optical"].to(dtype)
        changed = _augment(batch, *ALL)
        assert changed["images"]["optical"].dtype == torch.float32
        assert torch.equal(changed["images"]["optical"], single)
        assert batch["images"]["optical"].dtype == dtype


# --- moves ----------------------------------------------------------------------------------------------------------


def _plane(name: str = "chip", size: int = 33, dtype: torch.dtype = torch.int64) -> Batch:
    """One chip whose value is its row in one band and its column in the other: interpolation keeps that exact."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return Batch(
        images={"optical": torch.stack([rows, columns])[None].float()},
        valid={"optical": torch.ones(1, size, size, dtype=torch.bool)},
        target=(rows * size + columns)[None].to(dtype),
        sample_id=[name],
    )


@pytest.mark.parametrize("change", ["rotate", "scale", "shear", "shift", "crop"])
def test_values_and_answers_move_to_the_same_place(change: str) -> None:
    for name in NAMES[:8]:
        batch = _plane(name)
        changed = _augment(batch, change)
        rows, columns = changed["images"]["optical"][0]
        target, valid = changed["target"][0], changed["valid"]["optical"][0]
        assert not torch.equal(target, batch["target"][0])
        assert torch.equal(target == IGNORE, ~valid), "what comes from outside is neither valid nor known"
        assert valid.float().mean() > 0.3
        assert ((rows - target // 33).abs()[valid] <= 0.501).all()
        assert ((columns - target % 33).abs()[valid] <= 0.501).all()


def test_a_turn_is_that_of_geometry() -> None:
    changed = _augment(_plane(), {"name": "rotate", "degrees": 180})
    rows, columns = changed["images"]["optical"][0] - 16
    valid = changed["valid"]["optical"][0]
    # Of a linear image, the turned one is linear as well: its slopes are cosine and sine of one angle.
    inner = slice(12, 21)
    cosine = float((rows[inner, 16][-1] - rows[inner, 16][0]) / 8)
    sine = float((columns[inner, 16][-1] - columns[inner, 16][0]) / 8)
    assert cosine**2 + sine**2 == pytest.approx(1, abs=1e-4)
    assert abs(sine) > 0.01
    y, x = torch.meshgrid(torch.arange(33) - 16.0, torch.arange(33) - 16.0, indexing="ij")
    assert torch.allclose((cosine * y - sine * x)[inner, inner], rows[inner, inner], atol=1e-3)
    assert valid[16, 16]
    assert rows[16, 16].abs() < 1e-3


def test_crops_hold_nothing_from_outside() -> None:
    for name in NAMES[:16]:
        changed = _augment(_plane(name), {"name": "crop", "smallest": 0.3})
        assert changed["valid"]["optical"].all()
        assert (changed["target"] >= 0).all()


def test_moves_that_follow_one_another_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def count(pixels: Pixels, matrices: np.ndarray, described: Described) -> Pixels:
        calls.append(len(matrices))
        return warp(pixels, matrices, described)

    monkeypatch.setattr(augmenter_module, "warp", count)
    _augment(_plane(), "rotate", "scale", "gain", "shift", described=PLANE)
    assert calls == [1, 1]


def test_a_chip_that_is_not_moved_stays_to_the_last_bit() -> None:
    batch = _batch(*NAMES)
    changed = _augment(batch, {"name": "rotate", "chance": 0.5})
    pairs = zip(changed["images"]["optical"], batch["images"]["optical"], strict=True)
    same = torch.tensor([torch.equal(one, other) for one, other in pairs])
    assert 20 < same.sum() < 44
    assert torch.equal(changed["target"][same], batch["target"][same])
    assert torch.equal(changed["valid"]["radar"][same], batch["valid"]["radar"][same])


@pytest.mark.parametrize("change", ["rotate", "blur", {"name": "blur", "sigma": 3}])
def test_what_holds_no_data_does_not_bleed(change: Any) -> None:
    batch = _plane()
    batch["images"]["optical"] = torch.full_like(batch["images"]["optical"], 7.0)
    batch["valid"]["optical"][0, 10:20, 5:25] = False
    for nothing in (-9999.0, math.nan):
        batch["images"]["optical"][:, :, 10:20, 5:25] = nothing
        changed = _augment(batch, change, described=PLANE)
        values, valid = changed["images"]["optical"][0], changed["valid"]["optical"][0]
        assert valid.any()
        assert torch.allclose(values[:, valid], torch.tensor(7.0), atol=1e-3)


@pytest.mark.parametrize("change", ["rotate", "blur"])
def test_what_one_date_does_not_hold_does_not_bleed_into_it(change: str) -> None:
    batch = _plane()
    valid = torch.ones(1, 2, 33, 33, dtype=torch.bool)
    valid[0, 0, :, 10:14] = False
    valid[0, 1, 8:16] = False
    image = torch.tensor([3.0, 5.0])[None, None, :, None, None].expand(1, 2, 2, 33, 33)
    batch["images"]["optical"] = torch.where(valid[:, None], image, math.nan)
    batch["valid"]["optical"] = valid
    changed = _augment(batch, change, described=PLANE)
    values, holds = changed["images"]["optical"][0], changed["valid"]["optical"][0]
    for step, value in enumerate((3.0, 5.0)):
        assert 100 < holds[step].sum() < 33 * 33
        assert torch.allclose(values[:, step][:, holds[step]], torch.tensor(value), atol=1e-3)
    assert not torch.equal(holds[0], holds[1])


def test_codes_are_never_mixed_and_validity_of_each_date_moves() -> None:
    codes = Described({"optical": OPTICAL.model_copy(update={"resampling": "nearest"})}, CLASSES, {}, {})
    batch = _plane()
    batch["images"]["optical"] = batch["target"][:, None, None].expand(1, 2, 3, 33, 33).float()
    batch["valid"]["optical"] = torch.stack([batch["target"] % part > 0 for part in (2, 3, 5)], dim=1)
    changed = _augment(batch, "rotate", described=codes)
    values, valid, target = changed["images"]["optical"][0], changed["valid"]["optical"][0], changed["target"][0]
    for step, part in enumerate((2, 3, 5)):
        assert torch.equal(valid[step], (target % part > 0) & (target != IGNORE))
        assert torch.equal(values[0, step][valid[step]].long(), target[valid[step]])


def test_answers_of_an_image_stay() -> None:
    batch = _plane()
    for answer in (torch.tensor([3]), torch.tensor([[1.5, 2.5]])):
        batch["target"] = answer
        assert torch.equal(_augment(batch, *SYMMETRIES, "rotate", "crop")["target"], answer)


# --- values ---------------------------------------------------------------------------------------------------------


def test_gain_and_offset_are_one_per_chip_and_source() -> None:
    changed = _augment(_batch(*NAMES), {"name": "gain", "limit": 0.2}, {"name": "offset", "limit": 0.5})
    before = _batch(*NAMES)["images"]["optical"]
    gains, shifts = [], []
    for was, now in zip(before, changed["images"]["optical"], strict=True):
        slope = (now[0, -1, -1] - now[0, 0, 0]) / 63
        offset = now[:, 0, 0] - slope * was[:, 0, 0]
        assert torch.allclose(now, slope * was + offset[:, None, None], atol=1e-2)
        gains.append(float(slope))
        shifts.append((offset / DESCRIBED.std["optical"]).tolist())
    assert all(0.8 <= gain <= 1.2 for gain in gains)
    assert max(gains) > 1.15
    assert min(gains) < 0.85
    # The offset is in units of each band's deviation: the same number for all bands.
    assert all(pair[0] == pytest.approx(pair[1], abs=1e-2) and abs(pair[0]) <= 0.51 for pair in shifts)


def test_bands_and_sources_may_be_told_apart() -> None:
    batch = _batch(*NAMES)
    changed = _augment(batch, {"name": "gain", "limit": 0.5, "per_band": True, "sources": ["optical"]})
    factors = changed["images"]["optical"][:, :, 1, 1] / batch["images"]["optical"][:, :, 1, 1]
    assert (factors[:, 0] - factors[:, 1]).abs().min() > 1e-4
    assert torch.equal(changed["images"]["radar"], batch["images"]["radar"])


def test_noise_is_in_standard_deviations_of_each_band() -> None:
    batch = _batch(*NAMES)
    noise = _augment(batch, {"name": "noise", "limit": 0.5})["images"]["optical"] - batch["images"]["optical"]
    amounts = noise.std(dim=(2, 3)) / DESCRIBED.std["optical"]
    assert amounts.max() < 0.65
    # Uniform between 0 and the limit: the root of the mean square is the limit divided by the root of 3.
    assert amounts.square().mean().sqrt() == pytest.approx(0.5 / math.sqrt(3), rel=0.15)
    assert noise.mean(dim=(0, 2, 3)).abs().max() < 0.5


def test_haze_brightens_short_wavelengths_more() -> None:
    batch = _batch(*NAMES)
    shift = (
        _augment(batch, {"name": "haze", "limit": 0.5, "exponent": 2})["images"]["optical"] - batch["images"]["optical"]
    )
    blue, red = (shift[:, band, 0, 0] / DESCRIBED.std["optical"][band] for band in (0, 1))
    assert ((blue > 0) & (blue <= 0.5)).all()
    # Twice the wavelength, squared.
    assert torch.allclose(red, blue / 4, atol=1e-4)
    radar = _augment(batch, "haze")["images"]["radar"]
    assert torch.equal(radar, batch["images"]["radar"])


def test_blur_keeps_what_is_even_and_smooths_what_is_not() -> None:
    batch = _plane()
    batch["images"]["optical"] = torch.zeros(1, 2, 33, 33)
    batch["images"]["optical"][0, 0, 16, 16] = 100.0
    blurred = _augment(batch, {"name": "blur", "sigma": 2}, described=PLANE)["images"]["optical"][0, 0]
    assert blurred.sum() == pytest.approx(100, rel=1e-3)
    assert blurred[16, 16] < 90
    assert torch.allclose(blurred, blurred.flip(0), atol=1e-4)


def test_a_dropped_band_holds_its_mean_and_one_is_left() -> None:
    batch = _batch(*NAMES)
    changed = _augment(batch, {"name": "band_dropout", "chance": 0.9, "sources": ["optical"]})["images"]["optical"]
    dropped = torch.stack([(changed[:, band] == mean).all(dim=(1, 2)) for band, mean in enumerate((5.0, 7.0))], dim=1)
    assert dropped.any(dim=0).all()
    assert not dropped.all(dim=1).any()
    kept = ~dropped
    assert torch.equal(changed[kept], batch["images"]["optical"][kept])


def test_sources_are_dropped_whole_and_those_alone_that_scenes_may_lack() -> None:
    batch = _batch(*NAMES)
    changed = _augment(batch, {"name": "drop_source", "chance": 0.4})
    assert torch.equal(changed["valid"]["optical"], batch["valid"]["optical"])
    lacks = ~changed["valid"]["radar"].any(dim=(1, 2))
    assert 0.2 < lacks.float().mean() < 0.6
    assert torch.equal(changed["valid"]["radar"][~lacks], batch["valid"]["radar"][~lacks])


def test_nothing_is_learnt_of_ground_that_a_dropped_source_alone_had_seen() -> None:
    batch = _batch(*NAMES)
    optical, radar = batch["valid"].values()
    changed = _augment(batch, {"name": "drop_source", "chance": 0.4})
    lacks = ~changed["valid"]["radar"].any(dim=(1, 2))
    assert (changed["target"][lacks] == IGNORE).equal((radar & ~optical)[lacks])
    assert torch.equal(changed["target"][~lacks], batch["target"][~lacks])


# --- two chips ------------------------------------------------------------------------------------------------------


def _marked(count: int) -> Batch:
    batch = _batch(*NAMES[:count])
    batch["target"] = torch.arange(count)[:, None, None].expand(count, SIZE, SIZE).clone()
    batch["images"] = {"optical": batch["target"][:, None].float(), "radar": batch["target"][:, None].float()}
    batch["valid"] = {source: batch["target"] % 2 == 0 for source in ("optical", "radar")}
    return batch


def test_cutmix_pastes_a_rectangle_of_another_chip_with_its_answers() -> None:
    batch = _marked(32)
    target = (changed := _augment(batch, {"name": "cutmix", "largest": 0.5, "chance": 1.0}))["target"]
    assert torch.equal(changed["images"]["optical"][:, 0].long(), target)
    assert torch.equal(changed["valid"]["radar"], target % 2 == 0)
    shares = []
    for own, chip in enumerate(target):
        foreign = chip != own
        shares.append(foreign.float().mean().item())
        assert len(chip.unique()) <= 2
        rows, columns = (foreign.any(dim=axis).nonzero().flatten() for axis in (1, 0))
        if len(rows):
            assert foreign[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all(), "a rectangle"
    assert 0.1 < np.mean(shares) < 0.4
    assert max(shares) < 0.7
    # The other chip follows from what all of them draw, not from where they stand in the batch.
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    shuffled = {**batch, "sample_id": [NAMES[index] for index in order.tolist()], "target": batch["target"][order]}
    again = _augment(Batch(**shuffled), {"name": "cutmix", "largest": 0.5, "chance": 1.0})["target"]  # type: ignore[typeddict-item]
    assert torch.equal(again, target[order])


NUMBERS_TARGET = TargetSpec.model_validate({"outputs": [{"name": "height", "minimum": 0, "maximum": 9999}]})


def test_mixup_is_the_mean_of_two_chips_and_of_their_numbers() -> None:
    described = replace(DESCRIBED, target=NUMBERS_TARGET)
    batch = _marked(16)
    own = torch.arange(16.0)
    batch["target"] = own[:, None].clone()
    batch["target"][3] = math.nan
    changed = _augment(batch, {"name": "mixup", "alpha": 1.0, "chance": 1.0}, described=described)
    mean = changed["images"]["optical"][:, 0, 0, 0]
    known = ~changed["target"][:, 0].isnan()
    assert known.sum() == 14, "neither the unknown one nor the one that it was mixed into"
    assert torch.allclose(changed["target"][known, 0], mean[known], atol=1e-5)
    assert not torch.allclose(mean, own)
    assert not changed["valid"]["optical"][1::2].any(), "what one of the two does not hold, the mean does not"
    never = _augment(batch, {"name": "mixup", "chance": 0.0}, described=described)
    assert torch.equal(never["images"]["optical"], batch["images"]["optical"])
    assert torch.equal(never["valid"]["optical"], batch["valid"]["optical"])


def test_a_batch_of_one_has_no_other_chip() -> None:
    batch = _marked(1)
    assert torch.equal(_augment(batch, {"name": "cutmix", "chance": 1.0})["target"], batch["target"])


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("horizontal_flipp", r"training.augmentation\[0\]: Unknown component .*Did you mean 'horizontal_flip'"),
        ({"name": "gain", "limt": 0.1}, "no option 'limt'. Did you mean 'limit'"),
        ({"name": "gain", "limit": 1.5}, "limit: Input should be less than 1"),
        ({"name": "gain", "sources": ["opticl"]}, r"there is no source 'opticl'\. Did you mean 'optical'"),
        ({"name": "haze", "sources": ["radar"]}, r"no band of \['radar'\] says its 'wavelength_nm'"),
        ({"name": "scale", "smallest": 2.0}, "smallest factor 2 above the largest 1.25"),
        ({"name": "drop_source", "chance": 0.5, "sources": ["optical"]}, r"\['optical'\] cannot be lacked"),
        ("drop_source", "chance: must be given"),
        ("mixup", "a loss over classes takes one class for each: use 'cutmix'"),
    ],
)
def test_changes_that_mean_nothing_are_refused_before_anything_is_read(change: Any, message: str) -> None:
    with pytest.raises((ComponentError, SpecError), match=message):
        check_augmentation(_changes(change), DESCRIBED.inputs, CLASSES)


def test_changes_that_do_not_fit_the_target_or_the_sources_are_refused() -> None:
    image = CLASSES.model_copy(update={"per": "image"})
    with pytest.raises(SpecError, match="has one per image"):
        CutMix(replace(DESCRIBED, target=image))
    assert MixUp(replace(DESCRIBED, target=NUMBERS_TARGET)).change(_pixels(), [np.random.default_rng(0)])
    with pytest.raises(SpecError, match="no source can be lacked"):
        check_augmentation(_changes({"name": "drop_source", "chance": 0.5}), {"optical": OPTICAL}, CLASSES)


def _pixels() -> Pixels:
    batch = _plane()
    return Pixels(batch["images"], batch["valid"], batch["target"].float())


def test_the_keys_of_before_are_refused_with_what_to_write() -> None:
    words = {"max_epochs": 1, "loss": [{"name": "dice"}], "optimizer": {"name": "adamw"}}
    with pytest.raises(
        ValueError, match=r"a list of changes by name, such as \[horizontal_flip.*found the keys \['flips'"
    ):
        TrainingConfig.model_validate({**words, "augmentation": {"flips": True, "quarter_turns": True}})
    assert TrainingConfig.model_validate(words).augmentation == SYMMETRIES
    assert TrainingConfig.model_validate({**words, "augmentation": []}).augmentation == ()
