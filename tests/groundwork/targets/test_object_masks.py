"""Outlines of objects travel as cells of their boxes, are judged as COCO judges them, and are the same in any view."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor
from torchvision.models.detection.roi_heads import paste_masks_in_image, project_masks_on_boxes

from groundwork.batch import Objects, Patch, Truth
from groundwork.models.views import View
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.labels import IGNORE
from groundwork.targets.object_masks import cells_within, draw_masks, join_cells, outline_of
from groundwork.targets.object_scores import FoundObjects, verdicts
from groundwork.targets.object_views import combine_objects

SIZE = 64
Mask = NDArray[np.bool_]


def ellipse(center: tuple[float, float], sides: tuple[float, float], size: int = SIZE) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    return ((columns - center[0]) / sides[0] * 2) ** 2 + ((rows - center[1]) / sides[1] * 2) ** 2 <= 1


def learnt(mask: Tensor, box: Sequence[float], score: float = 0.9, label: int = 0, side: int = 28) -> Tensor:
    """What a network that has learnt a mask without fault says of it: a row with cells."""
    boxes = torch.tensor([list(box)], dtype=torch.float32)
    cells = project_masks_on_boxes(mask[None].float(), boxes, torch.tensor([0]), side)
    row = torch.cat([boxes, torch.tensor([[score, float(label)]])], dim=1)
    return join_cells(row, cells_within(cells, boxes, boxes))[0]


def plain(mask: Mask, box: Sequence[float], score: float, label: int) -> Tensor:
    """A row of a box whose edges lie between pixels, with the cells that are drawn as these very pixels."""
    left, top, right, bottom = (int(edge) for edge in box)
    part = torch.from_numpy(mask[top:bottom, left:right].astype(np.float32))
    # Cells of a box of 28 pixels are its pixels.
    assert part.shape == (28, 28)
    return join_cells(torch.tensor([[*map(float, box), score, float(label)]]), part[None])[0]


def overlap(one: Tensor, other: Tensor) -> float:
    return float((one & other).sum() / (one | other).sum())


# --- drawn ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [28, 14])
def test_a_mask_that_was_learnt_without_fault_is_drawn_where_it_lies(side: int) -> None:
    random = np.random.default_rng(0)
    ours, torchvisions = [], []
    for _ in range(60):
        sides = random.uniform(6, 20, 2)
        center = random.uniform(sides / 2, SIZE - sides / 2)
        mask = ellipse(tuple(center), tuple(sides))
        box = [*(center - sides / 2), *(center + sides / 2)]
        row = learnt(mask, box, side=side)
        cells = project_masks_on_boxes(mask[None].float(), torch.tensor([box]).float(), torch.tensor([0]), side)
        ours.append(overlap(draw_masks(row[None], (SIZE, SIZE))[0], mask))
        pasted = paste_masks_in_image(cells[:, None], torch.tensor([box]).float(), (SIZE, SIZE))[0, 0] >= 0.5
        torchvisions.append(overlap(pasted, mask))
    assert np.mean(ours) > 0.94
    assert np.mean(ours) > np.mean(torchvisions) + 0.05, "drawing it here has a reason"


def test_a_row_without_cells_is_drawn_as_its_box_and_each_object_has_a_pixel() -> None:
    rows = torch.tensor(
        [[2.0, 3.0, 6.4, 5.6, 0.9, 0], [10.1, 10.1, 10.3, 10.3, 0.9, 0], [63.9, 63.9, 64.0, 64.0, 0.9, 0]]
    )
    box, tiny, corner = draw_masks(rows, (SIZE, SIZE))
    expected = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    expected[3:6, 2:6] = True
    assert torch.equal(box, expected)
    assert tiny.nonzero().tolist() == [[10, 10]]
    assert corner.nonzero().tolist() == [[63, 63]]
    # Where no cell is likely enough, the likeliest pixel in the box is the object.
    cells = torch.full((1, 28, 28), 0.2)
    cells[0, 14, 20] = 0.4
    unsure = join_cells(torch.tensor([[10.0, 20.0, 38.0, 48.0, 0.9, 0.0]]), cells)
    assert draw_masks(unsure, (SIZE, SIZE))[0].nonzero().tolist() == [[34, 30]]


@pytest.mark.parametrize(("turns", "flipped"), list(product(range(4), (False, True))))
def test_masks_of_a_view_are_those_of_the_image(turns: int, flipped: bool) -> None:
    mask = ellipse((20.0, 30.0), (18.0, 12.0)) & ~ellipse((16.0, 28.0), (8.0, 8.0))
    view = View(turns=turns, flipped=flipped)
    turned = view._turn(mask)
    rows, columns = (torch.where(turned.any(dim=axis))[0] for axis in (1, 0))
    box = [float(edge) for edge in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]
    back = view.back(learnt(turned, box)[None, None], (SIZE, SIZE), "object")
    assert overlap(draw_masks(back[0], (SIZE, SIZE))[0], mask) > 0.93


def test_masks_of_several_answers_are_their_mean_by_score() -> None:
    box = [10.0, 20.0, 38.0, 48.0]
    left, whole = np.zeros((SIZE, SIZE), np.bool_), np.zeros((SIZE, SIZE), np.bool_)
    left[20:48, 10:24], whole[20:48, 10:38] = True, True
    sure, unsure = plain(whole, box, 0.9, 0), plain(left, box, 0.3, 0)
    (combined,) = combine_objects([sure[None, None], unsure[None, None]])
    assert combined[0, :6].tolist() == pytest.approx([*box, 0.6, 0])
    assert torch.equal(draw_masks(combined, (SIZE, SIZE))[0], torch.from_numpy(whole))
    (doubtful,) = combine_objects([plain(whole, box, 0.3, 0)[None, None], plain(left, box, 0.9, 0)[None, None]])
    assert torch.equal(draw_masks(doubtful, (SIZE, SIZE))[0], torch.from_numpy(left))


def test_an_outline_has_the_pixels_and_their_holes() -> None:
    pixels = np.zeros((8, 9), np.bool_)
    pixels[1:6, 2:7], pixels[3, 4], pixels[7, 8] = True, False, True
    outline = outline_of(pixels, (100, 200))
    assert outline.area == pixels.sum()
    assert outline.bounds == (202, 101, 209, 108)
    assert [len(part.interiors) for part in outline.geoms] == [1, 0]


# --- judged ---------------------------------------------------------------------------------------------------------

NAMES = ("a", "b")
#: Side of an image that crowds, objects and boxes of 28 pixels fit into.
LARGE = 160


def _made(random: np.random.Generator, *, with_crowds: bool) -> dict[str, Any]:
    """An image of objects in fields of a grid, so that few meet, and what a model might have found of them."""
    fields = [(40 * row, 40 * column) for row, column in product(range(4), repeat=2)]
    chosen = random.permutation(len(fields))
    objects, found, crowds = [], [], []
    for number in chosen[:9]:
        top, left = fields[number]
        shift = random.integers(0, 10, 2)
        mask = _blob(random, top + shift[0], left + shift[1])
        label = int(random.integers(0, 2))
        objects.append((mask, label))
        if random.random() < 0.85:
            near = shift + random.integers(-3, 4, 2)
            near = np.clip(np.array([top, left]) + near, 0, LARGE - 28)
            said = label if random.random() < 0.85 else 1 - label
            found.append((*near, said))
            if random.random() < 0.2:
                found.append((*np.clip(near + 2, 0, LARGE - 28), said))
    for number in chosen[9:11]:
        if with_crowds:
            crowds.append((fields[number], int(random.integers(0, 2))))
            top, left = fields[number]
            found += [(top + int(random.integers(0, 12)), left + int(random.integers(0, 12)), crowds[-1][1])] * 2
    for number in chosen[11:13]:
        found.append((*fields[number], int(random.integers(0, 2))))
    rows = [(*place, label, _blob(random, *place), float(random.random())) for *place, label in found]
    return {"objects": objects, "found": rows, "crowds": crowds}


def _blob(random: np.random.Generator, top: int, left: int) -> Mask:
    mask = np.zeros((LARGE, LARGE), np.bool_)
    inner = ellipse((14, 14), tuple(random.uniform(20, 28, 2)), 28).numpy()
    mask[top : top + 28, left : left + 28] = inner
    # So that the box is that of the 28 pixels.
    mask[top, left : left + 28] = mask[top : top + 28, left] = True
    mask[top + 27, left : left + 28] = mask[top : top + 28, left + 27] = True
    return mask


def _truth(image: dict[str, Any]) -> Truth:
    answers = np.zeros((2, LARGE, LARGE), np.int16)
    for (top, left), _ in image["crowds"]:
        answers[0, top : top + 40, left : left + 40] = IGNORE
    for mask, label in image["objects"]:
        left, top, right, bottom = _edges(mask)
        answers[1, (top + bottom) // 2, (left + right) // 2] = 1 + label
    masks = np.array([mask for mask, _ in image["objects"]], np.uint8).reshape(-1, LARGE, LARGE)
    boxes = torch.tensor([_edges(mask) for mask, _ in image["objects"]]).float().reshape(-1, 4)
    entry = {
        "boxes": boxes,
        "centers": ((boxes[:, :2] + boxes[:, 2:]) / 2).floor() + 0.5,
        "labels": torch.tensor([label for _, label in image["objects"]]).long(),
        "masks": torch.from_numpy(masks),
    }
    return Truth(torch.from_numpy(answers)[None], [entry])


def _edges(mask: Mask) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def _rows(image: dict[str, Any]) -> Tensor:
    rows = [
        plain(mask, (left, top, left + 28, top + 28), score, label) for top, left, label, mask, score in image["found"]
    ]
    return torch.stack(rows)[None]


def _packed(mask: Mask) -> dict[str, Any]:
    packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": packed["size"], "counts": packed["counts"].decode()}


def _stats(images: Sequence[dict[str, Any]], kind: str) -> tuple[list[float], list[float]]:
    """What pycocotools says: its table, and the average precision of each class."""
    annotations: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        crowds = []
        for (top, left), label in image["crowds"]:
            mask = np.zeros((LARGE, LARGE), np.bool_)
            mask[top : top + 40, left : left + 40] = True
            crowds.append((mask, label))
        parts = [*((*entry, 0) for entry in image["objects"]), *((*entry, 1) for entry in crowds)]
        for mask, label, is_crowd in parts:
            left, top, right, bottom = _edges(mask)
            area = mask.sum() if kind == "segm" else (right - left) * (bottom - top)
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": number, "category_id": label + 1, "area": int(area),
                    "bbox": [left, top, right - left, bottom - top], "iscrowd": is_crowd, "segmentation": _packed(mask),
                }
            )  # fmt: skip
        for top, left, label, mask, score in image["found"]:
            entry = {"image_id": number, "category_id": label + 1, "score": score}
            said = {"segmentation": _packed(mask)} if kind == "segm" else {"bbox": [int(left), int(top), 28, 28]}
            found.append(entry | said)
    truth = COCO()
    truth.dataset = {
        "images": [{"id": number, "width": LARGE, "height": LARGE} for number in range(1, 1 + len(images))],
        "annotations": annotations,
        "categories": [{"id": index, "name": name} for index, name in enumerate(NAMES, start=1)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        judged = COCOeval(truth, truth.loadRes(found), kind)
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    # (thresholds, recalls, classes, sizes, most): all sizes, 100 objects.
    by_class = [float(judged.eval["precision"][:, :, index, 0, 2].mean()) for index in range(len(NAMES))]
    return judged.stats.tolist(), by_class


@pytest.mark.parametrize("with_crowds", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_pycocotools(seed: int, with_crowds: bool) -> None:
    random = np.random.default_rng(seed)
    images = [_made(random, with_crowds=with_crowds) for _ in range(8)]
    accumulator = FoundObjects(NAMES, masks=True)
    for image in images:
        accumulator.update(_truth(image), _rows(image))
    report = accumulator.report()
    for kind, prefix in (("bbox", ""), ("segm", "mask_")):
        stats, by_class = _stats(images, kind)
        assert 0.05 < stats[0] < 0.95, "a case that says something"
        sizes = [f"{prefix}map_{size}" for size in ("small", "medium", "large")]
        for name, expected in zip([f"{prefix}map", f"{prefix}map_50", f"{prefix}map_75", *sizes], stats, strict=False):
            assert (report[name] is None) == (expected == -1), name
            assert report[name] is None or report[name] == pytest.approx(expected, abs=1e-6), name
        assert list(report[f"{prefix}ap"].values()) == pytest.approx(by_class, abs=1e-6)
    assert report["map"] != report["mask_map"]


def test_a_crowd_makes_a_difference_to_both() -> None:
    image = _made(np.random.default_rng(0), with_crowds=True)
    without = image | {"crowds": []}
    for kind, name in (("bbox", "map"), ("segm", "mask_map")):
        assert _stats([image], kind)[0][0] > _stats([without], kind)[0][0]
        ours = []
        for case in (image, without):
            accumulator = FoundObjects(NAMES, masks=True)
            accumulator.update(_truth(case), _rows(case))
            ours.append(accumulator.report()[name])
        assert ours[0] > ours[1]


def test_a_box_that_is_right_may_be_wrong_as_a_mask() -> None:
    half, whole = np.zeros((LARGE, LARGE), np.bool_), np.zeros((LARGE, LARGE), np.bool_)
    whole[10:38, 10:38], half[10:38, 10:18] = True, True
    image = {"objects": [(whole, 0)], "found": [(10, 10, 0, half, 0.9)], "crowds": []}
    accumulator = FoundObjects(NAMES, masks=True)
    accumulator.update(_truth(image), _rows(image))
    assert (accumulator.report()["map"], accumulator.report()["mask_map"]) == (1, 0)
    assert accumulator.compute() == {
        "map": 1, "map_50": 1, "f1": 1, "ap_a": 1, "mask_map": 0, "mask_map_50": 0, "mask_ap_a": 0
    }  # fmt: skip
    rows = _rows(image)[0]
    assert verdicts(_truth(image), rows, 2, masks=False) == [("right", 0)]
    assert verdicts(_truth(image), rows, 2, masks=True) == [("wrong", 0), ("missed", 0)]
    # A detector of boxes alone is judged as if it had said that all of the box is the object.
    boxes_alone = FoundObjects(NAMES, masks=True)
    boxes_alone.update(_truth(image), rows[None, :, :6])
    assert boxes_alone.report()["mask_map"] == 1


def test_masks_that_a_target_asks_for_must_be_there() -> None:
    image = _made(np.random.default_rng(0), with_crowds=False)
    truth = _truth(image)
    lacking = Truth(truth.target, [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long()}])
    with pytest.raises(ValueError, match="judged by their masks"):
        FoundObjects(NAMES, masks=True).update(lacking, _rows(image))


def test_the_panel_shows_outlines_in_the_colours_of_the_verdict() -> None:
    classes = [{"value": 1 + index, "name": name, "color": "#0000ff"} for index, name in enumerate(NAMES)]
    words = {"per": "object", "classes": classes, "objects": {"masks": True}}
    kind = kind_of(TargetSpec.model_validate(words))
    assert set(kind.headline) <= {*kind.accumulator().report()}
    assert {"mask_map", "mask_ap_a"} <= set(kind.score_directions(kind.target))
    whole = np.zeros((LARGE, LARGE), np.bool_)
    whole[10:38, 10:38] = True
    image = {
        "objects": [(whole, 0)],
        "found": [(10, 10, 0, whole, 0.9), (100, 60, 1, np.roll(whole, (90, 50), (0, 1)), 0.8)],
    }
    truth = _truth(image | {"crowds": []})
    assert truth.objects is not None
    arrays = {name: part.numpy() for name, part in truth.objects[0].items()}
    valid = np.ones((LARGE, LARGE), np.bool_)
    patch = Patch({"x": np.zeros((1, LARGE, LARGE))}, {"x": valid}, truth.target[0].numpy(), Objects(**arrays))
    pictures = kind.panel(patch, _rows(image), np.full((LARGE, LARGE, 3), 255, np.uint8))
    factor = pictures[2].shape[0] // LARGE
    green, red = (26, 152, 80), (197, 27, 27)
    edge = pictures[2][24 * factor, 10 * factor - 1 : 10 * factor + 1]
    assert green in [tuple(pixel) for pixel in edge.tolist()]
    edge = pictures[2][110 * factor, 60 * factor - 1 : 60 * factor + 1]
    assert red in [tuple(pixel) for pixel in edge.tolist()]
    assert (0, 0, 255) in {tuple(pixel) for pixel in pictures[0].reshape(-1, 3).tolist()}


def test_a_target_that_has_no_masks_is_not_judged_by_them() -> None:
    classes = [{"value": 1, "name": "a", "color": "#0000ff"}]
    kind = kind_of(TargetSpec.model_validate({"per": "object", "classes": classes}))
    assert not [name for name in (*kind.score_directions(kind.target), *kind.accumulator().report()) if "mask" in name]
