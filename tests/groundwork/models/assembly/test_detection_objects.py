"""Objects of images: checked, and brought to padded images and back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from groundwork.models.assembly.objects import check_objects, from_padded, stack_objects, to_padded
from groundwork.targets.object_masks import draw_masks

SIZE, PADDED = (70, 90), (96, 96)


def entry(**changes: Any) -> dict[str, Tensor]:
    masks = torch.zeros(1, *SIZE)
    masks[:, 10:40, 20:60] = 1
    plain = {"boxes": torch.tensor([[20.0, 10.0, 60.0, 40.0]]), "labels": torch.tensor([1]), "masks": masks}
    return {key: value for key, value in (plain | changes).items() if value is not None}


NOTHING = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long(), "masks": torch.zeros(0, *SIZE)}


def check(*objects: dict[str, Tensor], has_masks: bool = True) -> None:
    check_objects(objects, 2, SIZE, num_classes=2, has_masks=has_masks)


def test_good_objects_pass() -> None:
    whole = torch.tensor([[0.0, 0.0, 90.0, 70.0]])
    check(entry(boxes=whole), NOTHING)
    check(entry(boxes=whole.int(), labels=torch.tensor([0], dtype=torch.int32), masks=None), NOTHING, has_masks=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, r"lack \['labels'\]; found \['boxes', 'masks'\]"),
        ({"masks": None}, r"lack \['masks'\]"),
        ({"boxes": torch.zeros(4)}, r"'boxes' has the shape \(4,\), expected \(objects, 4\)"),
        ({"boxes": torch.zeros(1, 5)}, r"'boxes' has the shape \(1, 5\)"),
        ({"boxes": torch.zeros(0)}, r"'boxes' has the shape \(0,\).*\(0, 4\) where there are none"),
        (
            {"boxes": torch.tensor([[20.0, 10.0, 20.0, 40.0]])},
            r"box 0 is \[20.0, 10.0, 20.0, 40.0\].*left < right <= 90",
        ),
        ({"boxes": torch.tensor([[20.0, 40.0, 60.0, 10.0]])}, r"box 0 is .* 0 <= top < bottom <= 70 pixels"),
        ({"boxes": torch.tensor([[-1.0, 10.0, 60.0, 40.0]])}, r"box 0 is .*Clip boxes to the image"),
        ({"boxes": torch.tensor([[20.0, 10.0, 90.5, 40.0]])}, r"box 0 is \[20.0, 10.0, 90.5"),
        ({"boxes": torch.tensor([[20.0, 10.0, 60.0, 70.5]])}, r"box 0 is"),
        ({"boxes": torch.tensor([[20.0, 10.0, torch.nan, 40.0]])}, r"box 0 is"),
        ({"labels": torch.tensor([1, 0])}, r"'labels' has the shape \(2,\).*expected \(1,\)"),
        ({"labels": torch.tensor([[1]])}, r"'labels' has the shape \(1, 1\)"),
        ({"labels": torch.tensor([0.7])}, r"type torch.float32, expected \(1,\) whole numbers"),
        ({"labels": torch.tensor([2])}, r"label 0 is 2, expected a class index from 0 to 1: the position"),
        ({"labels": torch.tensor([-1])}, r"label 0 is -1"),
        ({"masks": torch.zeros(1, 90, 70)}, r"'masks' has the shape \(1, 90, 70\), expected \(1, 70, 90\)"),
        ({"masks": torch.zeros(2, 70, 90)}, r"'masks' has the shape \(2, 70, 90\)"),
    ],
)
def test_bad_objects_are_named(changes: dict[str, Tensor | None], message: str) -> None:
    with pytest.raises(ValueError, match=r"Objects of sample 1 of the batch.*" + message):
        check(NOTHING, entry(**changes))


def test_each_image_has_an_entry() -> None:
    with pytest.raises(ValueError, match=r"entries for 1 images, the batch has 2: give one for each"):
        check(entry())


def test_objects_move_with_the_padding() -> None:
    # 70 x 90 grows to 96 x 96: 13 rows above, 3 columns to the left.
    moved = to_padded(entry(), SIZE, PADDED)
    assert moved["boxes"].tolist() == [[23.0, 23.0, 63.0, 53.0]]
    assert moved["masks"].shape == (1, 96, 96)
    assert moved["masks"][0, 23:53, 23:63].all()
    assert moved["masks"].sum() == 30 * 40
    back = from_padded(found(moved["boxes"].tolist()), SIZE, PADDED)
    assert back["boxes"].tolist() == entry()["boxes"].tolist()
    (drawn,) = draw_masks(stack_objects([back])[0], SIZE)
    assert torch.equal(drawn, entry()["masks"][0] > 0)


def found(boxes: list[list[float]]) -> dict[str, Tensor]:
    count = len(boxes)
    labels, scores = torch.arange(count), torch.linspace(0.9, 0.1, count)
    return {"boxes": torch.tensor(boxes), "labels": labels, "scores": scores, "masks": torch.ones(count, 1, 28, 28)}


def test_what_lies_in_the_padding_is_left_out() -> None:
    boxes = [
        [33.0, 0.0, 53.0, 12.0],  # in the rows above
        [0.0, 20.0, 2.0, 40.0],  # in the columns to the left
        [33.0, 3.0, 53.0, 23.0],  # half of it in the image
        [33.0, 0.0, 53.0, 14.0],  # hardly in the image
        [40.0, 40.0, 60.0, 60.0],
    ]
    back = from_padded(found(boxes), SIZE, PADDED)
    assert back["labels"].tolist() == [2, 4]
    assert back["boxes"].tolist() == [[30.0, 0.0, 50.0, 10.0], [37.0, 27.0, 57.0, 47.0]]
    nothing = from_padded(found(boxes[:2]), SIZE, PADDED)
    rows = stack_objects([back, nothing])
    assert rows.shape == (2, 2, 6 + 28 * 28)
    assert rows[1].eq(0).all()
    assert stack_objects([nothing, nothing]).shape == (2, 0, 6 + 28 * 28)
    without = [{name: part for name, part in entry.items() if name != "masks"} for entry in (back, nothing)]
    assert torch.equal(stack_objects(without), rows[..., :6])


def test_a_mask_that_reaches_into_the_padding_is_cut_and_not_squeezed() -> None:
    # Of a box whose upper half lies in the padding the lower half of the cells is left, all of which are covered.
    half = found([[33.0, 3.0, 53.0, 23.0]])
    half["masks"][:, :, :12] = 0
    (drawn,) = draw_masks(stack_objects([from_padded(half, SIZE, PADDED)])[0], SIZE)
    expected = torch.zeros(SIZE, dtype=torch.bool)
    expected[:10, 30:50] = True
    assert torch.equal(drawn, expected)
