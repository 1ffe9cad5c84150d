"""Find, once the weights are found, by what raw scores are divided so that probabilities are right as they say."""

from __future__ import annotations

import logging
import math
from functools import cached_property
from typing import Any

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from groundwork.batch import collate, images_of
from groundwork.bundle import Bundle
from groundwork.data.chips import LabelledData, known_once
from groundwork.models.engine import Engine, ModelScorer
from groundwork.progress import track
from groundwork.targets.labels import IGNORE

logger = logging.getLogger(__name__)

#: Lowest and highest temperature that is tried: beyond them something else is wrong.
LOWEST, HIGHEST = 0.05, 20.0
#: Most answers that are looked at, drawn evenly from all chips.
MOST_ANSWERS = 100_000


class ValidationAnswers:
    """Known answers of the validation split, and raw scores for them, each pixel once: asked for when first needed.

    Args:
        bundle: With the trained weights.
        data: Whose validation split is looked at.
        batch_size: Chips per batch.
    """

    def __init__(self, bundle: Bundle, data: LabelledData, batch_size: int) -> None:
        self._bundle, self._data, self._batch_size = bundle, data, batch_size

    @cached_property
    def known(self) -> tuple[Tensor, Tensor]:
        """Class indexes (answers,) and raw scores (answers, classes); or 1 and 0 with scores (answers,)."""
        return _known_answers(self._bundle, self._data, self._batch_size)


def with_temperature(bundle: Bundle, answers: ValidationAnswers) -> Bundle:
    """Return the bundle with a temperature (Guo et al. 2017), one for all classes; one that the target states stays.

    It is the one with the lowest negative log-likelihood on the validation split.

    Args:
        bundle: With the trained weights.
        answers: What it says of the validation split.
    """
    target = bundle.config.target
    if target.temperature is not None:
        return bundle
    truth, scores = answers.known
    if not len(truth):
        logger.warning("Probabilities are not calibrated: nothing is known of the validation split")
        return bundle
    temperature = fit_temperature(truth, scores)
    if not LOWEST * 1.01 < temperature < HIGHEST / 1.01:
        logger.warning(
            "The temperature is %g, at the limit of what is tried (%g to %g): scores hardly say anything of the "
            "validation split, or are never wrong there",
            temperature,
            LOWEST,
            HIGHEST,
        )
    logger.info("Temperature fitted on %d answers of the validation split: %g", len(truth), temperature)
    calibrated = target.model_copy(update={"temperature": temperature})
    return Bundle(bundle.config.model_copy(update={"target": calibrated}), bundle.weights)


def fit_temperature(truth: Tensor, scores: Tensor) -> float:
    """Return the temperature with the lowest negative log-likelihood, to six digits.

    Args:
        truth: Class indexes (answers,), with scores (answers, classes); or 1 and 0 with scores (answers,).
        scores: Raw ones, float64.
    """

    def nll(log_temperature: float) -> float:
        scaled = scores / math.exp(log_temperature)
        if scores.dim() == 2:
            return float(functional.cross_entropy(scaled, truth.long()))
        return float(functional.binary_cross_entropy_with_logits(scaled, truth.to(scaled.dtype)))

    found = minimize_scalar(nll, bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded")
    return float(f"{math.exp(found.x):.6g}")


def _known_answers(bundle: Bundle, data: LabelledData, batch_size: int) -> tuple[Tensor, Tensor]:
    kind, chips = data.kind, data.chips("val")
    engine = Engine(ModelScorer(bundle.build_model()))
    loader: DataLoader[Any] = DataLoader(chips, batch_size=batch_size, collate_fn=collate)
    share = max(MOST_ANSWERS // max(len(chips), 1), 1)
    truths, given = [torch.empty(0, dtype=torch.int64)], []
    for batch in track(loader, "Looking at the validation split", len(loader)):
        scores = engine.scores(images_of(batch), f"Samples {batch['sample_id']}").cpu().double()
        for answers, own in zip(known_once(batch, kind), scores, strict=True):
            known = answers != IGNORE
            picked = own[known] if data.target.multi_label else own.movedim(0, -1)[known]
            places = torch.linspace(0, len(picked) - 1, min(share, len(picked))).long()
            truths.append(answers[known][places].long())
            given.append(picked[places])
    return torch.cat(truths), torch.cat(given) if given else torch.empty(0, dtype=torch.float64)
