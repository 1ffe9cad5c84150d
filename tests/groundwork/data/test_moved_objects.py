"""Objects move with their pixels: boxes stay on what they were drawn around."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from groundwork.batch import Batch
from groundwork.config.component import ComponentConfig, named
from groundwork.data.augmentation.augmenter import Augmenter
from groundwork.data.augmentation.base import Described, Pixels
from groundwork.data.augmentation.objects import boxes_of
from groundwork.data.augmentation.symmetries import HorizontalFlip, QuarterTurns, Symmetry, VerticalFlip
from groundwork.data.augmentation.warp import warp
from groundwork.errors import SpecError
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.labels import IGNORE
from marked import MARK_CLASSES

SIZE = 32
TARGET = TargetSpec.model_validate({"classes": MARK_CLASSES, "per": "object"})
SPEC = RasterSpec.model_validate({"bands": ["A"], "dtype": "int16", "nodata": None, "resampling": "nearest"})
ONE = {"optical": torch.ones(1)}
DESCRIBED = Described({"optical": SPEC}, TARGET, ONE, ONE)
Edges = tuple[int, int, int, int]
#: Boxes of whole pixels that lie in a chip.
BOXES = st.lists(
    st.tuples(st.integers(0, 25), st.integers(0, 25), st.integers(1, 7), st.integers(1, 7)).map(
        lambda edges: (edges[0], edges[1], edges[0] + edges[2], edges[1] + edges[3])
    ),
    max_size=4,
)


def _batch(*chips: list[Edges], masks: bool = False) -> Batch:
    """Chips whose objects are painted: the first 1, the second 2, and so on, each in a band of its own."""
    planes = torch.zeros(len(chips), 4, SIZE, SIZE)
    target = torch.zeros(len(chips), 2, SIZE, SIZE, dtype=torch.int16)
    objects: list[dict[str, torch.Tensor]] = []
    for chip, boxes in enumerate(chips):
        for number, (left, top, right, bottom) in enumerate(boxes):
            planes[chip, number, top:bottom, left:right] = 1
            target[chip, 0, top:bottom, left:right] = 1 + number % 2
            target[chip, 1, (top + bottom) // 2, (left + right) // 2] = 1 + number % 2
        edges = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
        entry = {"boxes": edges, "labels": torch.arange(len(boxes)) % 2}
        objects.append(entry | ({"masks": planes[chip, : len(boxes)].to(torch.uint8)} if masks else {}))
    return Batch(
        images={"optical": planes},
        valid={"optical": torch.ones(len(chips), SIZE, SIZE, dtype=torch.bool)},
        target=target,
        sample_id=[f"chip_{number}" for number in range(len(chips))],
        objects=objects,
    )


def _augment(batch: Batch, *changes: Any, seed: int = 0, described: Described = DESCRIBED) -> Batch:
    configs = [ComponentConfig.model_validate(named(change)) for change in changes]
    return Augmenter(configs, described, seed).augment(batch, 0)


def _painted(batch: Batch, chip: int, number: int) -> list[float]:
    """The box around what was painted of an object."""
    return boxes_of(batch["images"]["optical"][chip, number : number + 1] > 0.5)[0].tolist()


@given(boxes=BOXES, seed=st.integers(0, 20), masks=st.booleans())
def test_moving_and_then_boxing_is_boxing_and_then_moving(boxes: list[Edges], seed: int, masks: bool) -> None:
    batch = _augment(_batch(boxes, boxes, masks=masks), "horizontal_flip", "vertical_flip", "quarter_turns", seed=seed)
    for chip, entry in enumerate(batch["objects"]):
        assert entry["boxes"].tolist() == [_painted(batch, chip, number) for number in range(len(boxes))]
        assert entry["labels"].tolist() == [number % 2 for number in range(len(boxes))]
        if masks:
            assert torch.equal(entry["masks"], batch["images"]["optical"][chip, : len(boxes)].to(torch.uint8))


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (HorizontalFlip(DESCRIBED, chance=1), [(32 - 9, 3, 32 - 4, 5)]),
        (VerticalFlip(DESCRIBED, chance=1), [(4, 32 - 5, 9, 32 - 3)]),
    ],
)
def test_flips_by_hand(change: Symmetry, moved: list[Edges]) -> None:
    batch = _batch([(4, 3, 9, 5)])
    pixels = Pixels(batch["images"], batch["valid"], batch["target"], tuple(batch["objects"]))
    found = change.change(pixels, [np.random.default_rng(0)])
    assert found.objects is not None
    assert found.objects[0]["boxes"].tolist() == [list(map(float, moved[0]))]


def test_every_quarter_turn_occurs_and_is_against_the_clock_for_boxes_too() -> None:
    expected = {(4, 3, 9, 5), (3, 23, 5, 28), (23, 27, 28, 29), (27, 4, 29, 9)}
    batch = _batch(*[[(4, 3, 9, 5)]] * 40)
    pixels = Pixels(batch["images"], batch["valid"], batch["target"], tuple(batch["objects"]))
    found = QuarterTurns(DESCRIBED).change(pixels, [np.random.default_rng(seed) for seed in range(40)])
    assert found.objects is not None
    assert {tuple(entry["boxes"][0].tolist()) for entry in found.objects} == expected


def _matrix(angle: float = 0.0, factor: float = 1.0, right: float = 0.0) -> np.ndarray:
    """A turn about the centre of a chip, then larger, then to the right; between middles of pixels."""
    center = np.array([[1, 0, (SIZE - 1) / 2], [0, 1, (SIZE - 1) / 2], [0, 0, 1]])
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = factor * np.array([[cosine, -sine, right / factor], [sine, cosine, 0], [0, 0, 1 / factor]])
    return (center @ turn @ np.linalg.inv(center))[None]


def _warped(boxes: list[Edges], matrix: np.ndarray, *, masks: bool = False, **objects: Any) -> Pixels:
    batch = _batch(boxes, masks=masks)
    target = TARGET.model_validate(TARGET.model_dump() | {"objects": objects})
    pixels = Pixels(batch["images"], batch["valid"], batch["target"], tuple(batch["objects"]))
    return warp(pixels, matrix, replace(DESCRIBED, target=target))


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize(("angle", "factor"), [(90, 1), (180, 1), (0, 2), (30, 1), (-72, 1.4)])
def test_boxes_enclose_what_was_painted(angle: float, factor: float, masks: bool) -> None:
    moved = _warped([(12, 13, 18, 17), (17, 18, 20, 22)], _matrix(angle, factor), masks=masks)
    assert moved.objects is not None
    planes = moved.values["optical"]
    painted = boxes_of(planes[0, :2] > 0.5)
    found = moved.objects[0]["boxes"]
    if masks:
        assert torch.equal(found, painted)
        assert torch.equal(moved.objects[0]["masks"], planes[0, :2].to(torch.uint8))
    elif angle % 90 == 0:
        assert torch.allclose(found, painted, atol=0.5)
    else:
        # Around the corners, and so never tighter than what lies between them.
        assert (found[:, :2] <= painted[:, :2] + 0.75).all()
        assert (found[:, 2:] >= painted[:, 2:] - 0.75).all()
    assert moved.objects[0]["labels"].tolist() == [0, 1]


@pytest.mark.parametrize("masks", [False, True])
def test_what_leaves_the_chip_is_cut_and_what_is_hardly_left_is_left_out(masks: bool) -> None:
    # To the right by 10: half of the first leaves, of the second a column of eight is left, the third is gone.
    boxes = [(18, 2, 26, 6), (21, 10, 29, 14), (24, 20, 28, 24)]
    moved = _warped(boxes, _matrix(right=10), masks=masks)
    assert moved.objects is not None
    assert moved.objects[0]["boxes"].tolist() == [[28, 2, 32, 6]]
    assert moved.objects[0]["labels"].tolist() == [0]
    answers = moved.target[0, 0]
    assert (answers[2:6, 28:32] == 1).all()
    assert (answers[10:14, 31] == IGNORE).all(), "nobody is asked for what is hardly seen"
    assert (answers[10:14, 20:31] == 0).all()
    assert (answers[:, :10] == IGNORE).all(), "nobody knows what comes from outside"
    easy = _warped(boxes, _matrix(right=10), masks=masks, min_visible=0.1)
    assert easy.objects is not None
    assert easy.objects[0]["boxes"].tolist() == [[28, 2, 32, 6], [31, 10, 32, 14]]


@pytest.mark.parametrize("masks", [False, True])
def test_chips_without_objects_are_moved_as_well(masks: bool) -> None:
    batch = _augment(_batch([], [(2, 2, 5, 5)], masks=masks), "horizontal_flip", "rotate", "crop", "shear")
    assert batch["objects"][0]["boxes"].shape == (0, 4)
    assert batch["objects"][0]["labels"].shape == (0,)


def test_chips_that_stay_keep_their_objects_to_the_last_bit_and_the_given_batch_is_left() -> None:
    given_batch = _batch([(2, 2, 5, 5)], [(3, 3, 6, 6)])
    before = [entry["boxes"].clone() for entry in given_batch["objects"]]
    batch = _augment(given_batch, {"name": "rotate", "chance": 1e-9}, "gain", "noise")
    for entry, kept, boxes in zip(batch["objects"], given_batch["objects"], before, strict=True):
        assert torch.equal(entry["boxes"], boxes)
        assert torch.equal(kept["boxes"], boxes)
    _augment(given_batch, "rotate", "quarter_turns")
    assert all(torch.equal(entry["boxes"], boxes) for entry, boxes in zip(given_batch["objects"], before, strict=True))


def test_mixing_chips_with_objects_is_refused() -> None:
    with pytest.raises(SpecError, match="'cutmix' pastes pixels with their answers, and the target has one per object"):
        _augment(_batch([]), "cutmix")
    with pytest.raises(SpecError, match="'mixup' needs the mean of two answers, and there is none of objects"):
        _augment(_batch([]), "mixup")
