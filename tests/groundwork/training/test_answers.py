"""Weights are not chosen by a score that the validation split says nothing of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from groundwork.bundle import Bundle
from groundwork.config import TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import DataError
from groundwork.specs import TargetSpec
from groundwork.tasks.segmentation import SemanticSegmentationTask
from groundwork.training.answers import require_answers
from groundwork.training.fit import fit

CLASSES = [
    {"value": 1, "name": "water", "color": "#0000ff"},
    {"value": 2, "name": "no_water", "color": "#00aa00"},
    {"value": 3, "name": "roof", "color": "#ff0000"},
]


def with_shares(data: LabelledData, **shares: float) -> LabelledData:
    columns = {f"fraction_{name}": share for name, share in shares.items()}
    return replace(data, samples=data.samples.assign(**columns))


def test_a_class_that_validation_lacks_is_refused_before_the_first_batch(
    tmp_path: Path, tiny_initial: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics,
    make_training: Callable[..., TrainingConfig], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(SemanticSegmentationTask, "training_step", lambda *_: pytest.fail("training began"))
    dry = with_shares(tiny_labelled, water=0.0)
    with pytest.raises(
        DataError, match=r"'val/iou_water', and the validation split has no chip with 'water'.*'val/miou"
    ):
        fit(tiny_initial, dry, tiny_statistics, make_training(monitor="val/iou_water"), 0, tmp_path)


def test_curves_need_answers_of_both_kinds(tiny_labelled: LabelledData) -> None:
    words = {"classes": CLASSES, "per": "image", "multi_label": True}
    data = replace(tiny_labelled, target=TargetSpec.model_validate(words))
    turns = [float(number % 2) for number in range(len(data.samples))]
    data = replace(data, samples=data.samples.assign(fraction_water=1.0, fraction_no_water=turns))
    with pytest.raises(DataError, match=r"'val/auroc_water'.* has 'water' on every chip.*needs both"):
        require_answers("val/auroc_water", data)
    require_answers("val/ap_water", data)
    require_answers("val/auroc_no_water", data)
    require_answers("val/map", data)
    require_answers(None, data)
