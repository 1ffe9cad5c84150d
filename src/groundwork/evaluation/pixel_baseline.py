"""What is said of a pixel by its own values alone: baselines that a model must beat, which sees its surroundings."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from torch import Tensor

from groundwork.batch import Answers, Batch, Patch, known_in
from groundwork.data.chips import LabelledData
from groundwork.data.drawn_pixels import draw_pixels
from groundwork.errors import DataError
from groundwork.evaluation.estimators import Boosting, Estimators, Linear
from groundwork.evaluation.predictors import Predictor
from groundwork.progress import track
from groundwork.targets.image_class_sets import raw_scores
from groundwork.targets.labels import IGNORE


def pixel_baselines(data: LabelledData, num_pixels: int, iterations: int, seed: int) -> dict[str, Predictor]:
    """Fit estimators on the values of single pixels, of all sources and steps, drawn from all training chips alike.

    What they say of an image is the mean of what they say of its pixels.

    Args:
        data: Where the training chips are read from.
        num_pixels: Most pixels to fit on.
        iterations: Trees of the gradient boosting. 0: there is none.
        seed: Seed of the draw.

    Returns:
        By name: a linear one, and gradient-boosted trees.
    """
    pixels, answers = _draw_pixels(data, num_pixels, seed)
    families: dict[str, Estimators] = {"pixel_regression": Linear(seed)}
    if iterations:
        families["gradient_boosting"] = Boosting(iterations, seed)
    return {name: fitted_on(pixels, answers, data, family) for name, family in families.items()}


def fitted_on(pixels: NDArray[np.float32], answers: Answers, data: LabelledData, estimators: Estimators) -> Predictor:
    """Fit estimators from values of pixels (pixels, values) to their answers, whatever these values are."""
    if data.target.multi_label:
        return PixelClassSets(pixels, np.asarray(answers, np.int64), estimators)
    if data.target.classes:
        return PixelClasses(pixels, np.asarray(answers, np.int64), data.target.num_outputs, data.kind.per, estimators)
    return PixelNumbers(pixels, np.asarray(answers, np.float64), data.kind.per, estimators)


class PixelClasses(Predictor):
    """The class of each pixel."""

    def __init__(
        self,
        pixels: NDArray[np.float32],
        classes: NDArray[np.int64],
        num_classes: int,
        per: str,
        estimators: Estimators,
    ) -> None:
        """Fit.

        Args:
            pixels: Values (pixels, values), NaN where a source holds none.
            classes: Class indexes (pixels,).
            num_classes: Number of classes.
            per: Whether each "pixel" or "image" is judged.
            estimators: The family.
        """
        self._num_outputs, self._per = num_classes, per
        self._default = int(classes[0])
        self._estimator = None
        if len(np.unique(classes)) > 1:
            self._estimator = estimators.fit(estimators.classifier(), pixels, classes)

    def predict(self, batch: Batch) -> Tensor:
        """Return the class as 1, the others as 0; of an image the share of each. See :class:`Predictor`."""
        known, pixels = _pixels_of_batch(batch)
        classes = np.full(known.shape, self._default, np.int64)
        if self._estimator is not None and len(pixels):
            classes[known] = self._estimator.predict(pixels)
        scores = torch.nn.functional.one_hot(torch.from_numpy(classes), self._num_outputs).movedim(-1, 1).float()
        return scores if self._per == "pixel" else _mean_of_known(scores, known)


class PixelClassSets(Predictor):
    """The probability of each class by itself: of an image the mean over its pixels."""

    def __init__(self, pixels: NDArray[np.float32], answers: NDArray[np.int64], estimators: Estimators) -> None:
        """Fit.

        Args:
            pixels: Values (pixels, values), NaN where a source holds none.
            answers: Whether their image is of each class (pixels, classes), IGNORE where not known.
            estimators: The family.

        Raises:
            DataError: Where a class is known in none of the pixels.
        """
        self._estimators: list[BaseEstimator | float] = []
        for index, plane in enumerate(answers.T):
            known = plane != IGNORE
            if not known.any():
                raise DataError(_few_known(len(answers), f"class {index + 1}", answers.shape[1]))
            if len(np.unique(plane[known])) == 1:
                self._estimators.append(float(plane[known][0]))
                continue
            self._estimators.append(estimators.fit(estimators.classifier(), pixels[known], plane[known]))

    def predict(self, batch: Batch) -> Tensor:
        """See :class:`Predictor`."""
        known, pixels = _pixels_of_batch(batch)
        probabilities = np.zeros((len(self._estimators), *known.shape), np.float32)
        for plane, estimator in zip(probabilities, self._estimators, strict=True):
            if isinstance(estimator, float):
                plane[known] = estimator
            elif len(pixels):
                plane[known] = estimator.predict_proba(pixels)[:, 1]
        return raw_scores(_mean_of_known(torch.from_numpy(probabilities).movedim(0, 1), known))


class PixelNumbers(Predictor):
    """Each output by itself."""

    def __init__(
        self, pixels: NDArray[np.float32], numbers: NDArray[np.float64], per: str, estimators: Estimators
    ) -> None:
        """Fit.

        Args:
            pixels: Values (pixels, values), NaN where a source holds none.
            numbers: Of each output (pixels, outputs), NaN where not known.
            per: Whether each "pixel" or "image" is judged.
            estimators: The family.

        Raises:
            DataError: Where an output is known in none of the pixels.
        """
        self._estimators, self._per = [], per
        for index, output in enumerate(numbers.T):
            known = ~np.isnan(output)
            if not known.any():
                raise DataError(_few_known(len(numbers), f"output {index + 1}", numbers.shape[1]))
            self._estimators.append(estimators.fit(estimators.regressor(), pixels[known], output[known]))

    def predict(self, batch: Batch) -> Tensor:
        """See :class:`Predictor`."""
        known, pixels = _pixels_of_batch(batch)
        numbers = np.zeros((len(self._estimators), *known.shape), np.float32)
        if len(pixels):
            for plane, estimator in zip(numbers, self._estimators, strict=True):
                plane[known] = estimator.predict(pixels)
        given = torch.from_numpy(numbers).movedim(0, 1)
        return given if self._per == "pixel" else _mean_of_known(given, known)


def _few_known(num_pixels: int, what: str, count: int) -> str:
    return (
        f"None of {num_pixels} pixels drawn for the baseline holds {what} of {count}, which is known in few: raise "
        "'evaluation.baseline_pixels'."
    )


def _mean_of_known(scores: Tensor, known: NDArray[np.bool_]) -> Tensor:
    """Return the mean over the pixels that hold data, (batch, outputs)."""
    weights = torch.from_numpy(known).unsqueeze(1).to(scores)
    return (scores * weights).flatten(2).sum(dim=2) / weights.flatten(2).sum(dim=2).clamp(min=1)


def _pixels_of_batch(batch: Batch) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return where any source holds data (batch, height, width), and the values there (pixels, values)."""
    known = known_in(batch).numpy()
    values = np.concatenate(
        [_flatten(image.numpy(), batch["valid"][name].numpy()) for name, image in batch["images"].items()], axis=1
    )
    return known, np.moveaxis(values, 1, -1)[known]


def _draw_pixels(data: LabelledData, num_pixels: int, seed: int) -> tuple[NDArray[np.float32], Answers]:
    chips, kind = data.chips("train"), data.kind
    draw, pixels, answers = draw_pixels(len(chips), num_pixels, seed), [], []
    for index in track(draw.chips, "Drawing pixels for the baseline", len(draw.chips)):
        patch = chips[index].patch
        truth = np.asarray(patch.target)
        chosen = draw.choose(index, np.flatnonzero(kind.known(truth)))
        pixels.append(_pixels_of(patch)[:, chosen].T)
        answers.append(truth.reshape(*truth.shape[:-2], -1)[..., chosen].T)
    return np.concatenate(pixels), np.concatenate(answers)


def _pixels_of(patch: Patch) -> NDArray[np.float32]:
    """Return the values of all sources and steps, (values, height * width)."""
    flat = [_flatten(patch.values[name][None], patch.valid[name][None])[0] for name in sorted(patch.values)]
    together = np.concatenate(flat)
    return together.reshape(len(together), -1)


def _flatten(values: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return (batch, channels * steps, height, width), NaN where nothing is valid.

    Args:
        values: (batch, channels[, steps], height, width).
        valid: (batch, height, width), or (batch, steps, height, width).
    """
    count, size = len(values), values.shape[-2:]
    by_step = values.astype(np.float32).reshape(*values.shape[:2], -1, *size)
    return np.where(valid.reshape(count, 1, -1, *size), by_step, np.float32(np.nan)).reshape(count, -1, *size)
