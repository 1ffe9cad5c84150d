"""Choose, once the weights are found, how likely a class must be to stand among those that a pixel may be of."""

from __future__ import annotations

import logging
import math

from torch import Tensor

from groundwork.bundle import Bundle
from groundwork.specs.class_sets import ClassSetSpec
from groundwork.targets.kinds import kind_of
from groundwork.training.temperature import ValidationAnswers

logger = logging.getLogger(__name__)


def with_sets(bundle: Bundle, answers: ValidationAnswers, miss: float) -> Bundle:
    """Return the bundle with a threshold from which on a class belongs to the set of a pixel or image.

    Split conformal prediction with the sets of least size (Sadinle, Lei and Wasserman 2019): of new answers like those
    of the validation split, at most a share ``miss`` lacks the true class. Pixels of one scene are alike, so that this
    holds for scenes like those of the validation split, and is looked at again on the test split.

    Args:
        bundle: With the trained weights; probabilities that are calibrated are taken as such.
        answers: What it says of the validation split.
        miss: The share.
    """
    target = bundle.config.target
    truth, scores = answers.known
    if not len(truth):
        logger.warning("No sets of classes are chosen: nothing is known of the validation split")
        return bundle
    own = kind_of(target).activate(scores).gather(1, truth[:, None])[:, 0]
    found = ClassSetSpec(miss=miss, threshold=choose_cut(own, miss))
    logger.info("Sets of classes hold all from %g on, chosen on %d validation answers", found.threshold, len(truth))
    kept = target.model_copy(update={"sets": found})
    return Bundle(bundle.config.model_copy(update={"target": kept}), bundle.weights)


def choose_cut(own: Tensor, miss: float) -> float:
    """Return the highest probability that at most a share of the true classes lies below.

    Args:
        own: Probability of the true class of each answer (answers,).
        miss: The share; of n answers, floor(miss * (n + 1)) - 1 may lie below, one more for the one that is new.
    """
    allowed = math.floor(miss * (len(own) + 1))
    if allowed < 1:
        # Of so few answers none may be left out: all classes belong to all sets.
        return 0.0
    # A little lower, as digits behind the sixth differ between machines.
    return float(f"{max(float(own.sort().values[allowed - 1]) - 5e-7, 0.0):.6f}")
