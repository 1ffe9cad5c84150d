"""Scores of several processes are those of all their answers, for each kind of answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from groundwork.batch import Truth
from groundwork.specs import TargetSpec
from groundwork.targets.kind import Accumulator
from groundwork.targets.kinds import kind_of

Batches = list[tuple[Truth, Tensor]]
CLASSES = [{"value": index + 1, "name": name, "color": "#0000ff"} for index, name in enumerate(("a", "b", "c"))]
LIMITS = {"minimum": 0, "maximum": 60}
NUMBERS = [{"name": "height", "unit": "m"} | LIMITS, {"name": "cover", "unit": "%"} | LIMITS]


def _class_batches(random: np.random.Generator) -> Batches:
    truth = torch.from_numpy(random.integers(-1, 3, (5, 4, 8, 8)))
    return [(Truth(entry), torch.from_numpy(random.normal(size=(4, 3, 8, 8))).float()) for entry in truth]


def _image_batches(random: np.random.Generator) -> Batches:
    truth = torch.from_numpy(random.integers(-1, 3, (5, 4)))
    return [(Truth(entry), torch.from_numpy(random.normal(size=(4, 3))).float()) for entry in truth]


def _number_batches(random: np.random.Generator) -> Batches:
    truth = random.uniform(0, 60, (5, 4, 2, 8, 8))
    truth[random.random(truth.shape) < 0.3] = np.nan
    given = np.nan_to_num(truth) + random.normal(1, 5, truth.shape)
    pairs = zip(torch.from_numpy(truth).float(), torch.from_numpy(given).float(), strict=True)
    return [(Truth(entry), said) for entry, said in pairs]


def _set_batches(random: np.random.Generator) -> Batches:
    truth = torch.from_numpy(random.integers(-1, 2, (5, 4, 3)))
    return [(Truth(entry), torch.from_numpy(random.normal(size=(4, 3))).float()) for entry in truth]


def _object_batches(random: np.random.Generator) -> Batches:
    batches = []
    for count in (2, 0, 3, 1, 2):
        corner = random.integers(0, 40, (count, 2))
        boxes = np.concatenate([corner, corner + random.integers(6, 20, (count, 2))], axis=1).astype(np.float32)
        labels = random.integers(0, 3, count)
        answers = np.zeros((1, 2, 64, 64), np.int16)
        for (left, top, right, bottom), label in zip(boxes, labels, strict=True):
            answers[0, 1, int((top + bottom) / 2), int((left + right) / 2)] = 1 + label
        found = np.zeros((1, 4, 6), np.float32)
        found[0, :count] = np.column_stack([boxes + random.normal(0, 1, boxes.shape), random.random(count), labels])
        entry = {"boxes": torch.from_numpy(boxes), "labels": torch.from_numpy(labels)}
        batches.append((Truth(torch.from_numpy(answers), [entry]), torch.from_numpy(found)))
    return batches


def _mask_batches(random: np.random.Generator) -> Batches:
    batches = []
    for truth, found in _object_batches(random):
        (entry,) = truth.objects or ()
        masks = np.zeros((len(entry["boxes"]), 64, 64), np.uint8)
        for mask, (left, top, right, bottom) in zip(masks, entry["boxes"].int().tolist(), strict=True):
            mask[top : bottom - 2, left:right] = 1
        batches.append((Truth(truth.target, [dict(entry) | {"masks": torch.from_numpy(masks)}]), found))
    return batches


KINDS: dict[str, tuple[dict[str, Any], Callable[[np.random.Generator], Batches]]] = {
    "pixel classes": ({"classes": CLASSES}, _class_batches),
    "image classes": ({"classes": CLASSES, "per": "image"}, _image_batches),
    "pixel numbers": ({"outputs": NUMBERS}, _number_batches),
    "class sets": ({"classes": CLASSES, "per": "image", "multi_label": True}, _set_batches),
    "objects": ({"classes": CLASSES, "per": "object"}, _object_batches),
    "masks of objects": ({"classes": CLASSES, "per": "object", "objects": {"masks": True}}, _mask_batches),
}


@pytest.mark.parametrize("name", KINDS)
def test_scores_of_processes_are_those_of_all_answers(name: str) -> None:
    words, make = KINDS[name]
    kind, batches = kind_of(TargetSpec.model_validate(words)), make(np.random.default_rng(0))

    def judged(parts: Batches) -> Accumulator:
        accumulator = kind.accumulator()
        for truth, scores in parts:
            accumulator.update(truth, scores)
        return accumulator

    whole, first, second, idle = judged(batches), judged(batches[:3]), judged(batches[3:]), judged([])
    sent = [_sent(accumulator) for accumulator in (second, idle)]
    numbers = iter(range(len(sent[0])))

    def gather(tensor: Tensor) -> Sequence[Tensor]:
        number = next(numbers)
        return [tensor, *(tensors[number] for tensors in sent)]

    first.gather(gather)
    assert first.num_known() == whole.num_known() > 0
    assert _rounded(first.report()) == _rounded(whole.report())
    assert first.draw().axes


def _sent(accumulator: Accumulator) -> list[Tensor]:
    """Return what an accumulator gives to others, in order."""
    sent: list[Tensor] = []

    def keep(tensor: Tensor) -> Sequence[Tensor]:
        sent.append(tensor.clone())
        return [tensor]

    accumulator.gather(keep)
    return sent


def _rounded(report: dict[str, Any]) -> dict[str, Any]:
    return {name: pytest.approx(value) if isinstance(value, float) else value for name, value in report.items()}
