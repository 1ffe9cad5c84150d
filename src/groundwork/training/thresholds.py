"""Choose, once the weights are found, from which probability on an image is of a class."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader

from groundwork.batch import Truth, collate, images_of
from groundwork.bundle import Bundle
from groundwork.data.chips import LabelledData
from groundwork.models.engine import Engine, ModelScorer
from groundwork.progress import track
from groundwork.targets.image_class_sets import EVEN, ImageClassSets
from groundwork.targets.set_scores import has_both

logger = logging.getLogger(__name__)


def with_thresholds(bundle: Bundle, data: LabelledData, batch_size: int) -> Bundle:
    """Return the bundle with a threshold for each class whose answers are decided by one.

    The threshold is the one with the best F1 on the validation split; those that the target states stay. A class of
    which the validation split has answers of one kind only gets 0.5, and a warning says so.

    Args:
        bundle: With the trained weights.
        data: Whose validation split is looked at.
        batch_size: Chips per batch.
    """
    target = bundle.config.target
    if not target.multi_label or all(entry.threshold is not None for entry in target.classes):
        return bundle
    found = ImageClassSets(target).accumulator()
    engine = Engine(ModelScorer(bundle.build_model()))
    loader: DataLoader[Any] = DataLoader(data.chips("val"), batch_size=batch_size, collate_fn=collate)
    for batch in track(loader, "Choosing thresholds", len(loader)):
        scores = engine.scores(images_of(batch), f"Samples {batch['sample_id']}")
        found.update(Truth(data.kind.asked(batch["target"])), scores)
    free = {entry.name for entry in target.classes if entry.threshold is None}
    chosen = {name: choose_threshold(*pair) for name, pair in found.by_class().items() if name in free}
    unjudged = [name for name, threshold in chosen.items() if threshold is None]
    if unjudged:
        logger.warning(
            "The threshold of %s is %s: the validation split has no image of it, or no other, to choose one by",
            unjudged,
            EVEN,
        )
    thresholds = {name: EVEN if threshold is None else threshold for name, threshold in chosen.items()}
    logger.info("Thresholds chosen on the validation split: %s", thresholds)
    return Bundle(bundle.config.model_copy(update={"target": target.with_thresholds(thresholds)}), bundle.weights)


def choose_threshold(truth: Tensor, given: Tensor) -> float | None:
    """Return the probability from which on a class has the best F1; None where there are answers of one kind only.

    Any number between two neighbouring probabilities decides alike: their middle is taken. Of several that are as good,
    the one nearest to 0.5.

    Args:
        truth: 1 for yes and 0 for no (answers,).
        given: Their probabilities.
    """
    from sklearn.metrics import precision_recall_curve  # noqa: PLC0415 - it loads slowly

    if not has_both(truth):
        return None
    precision, recall, cuts = precision_recall_curve(truth.numpy(), given.numpy(), drop_intermediate=False)
    f1 = (2 * precision * recall / (precision + recall).clip(min=1e-12))[:-1]
    middles = (cuts + np.concatenate([[0.0], cuts[:-1]])) / 2
    best = middles[f1 >= f1.max() - 1e-12]
    nearest = float(best[np.abs(best - EVEN).argmin()])
    # Scores may be so sure that they are 0 or 1 to the last digit.
    return float(f"{min(max(nearest, 1e-9), 1 - 1e-9):.9g}")
