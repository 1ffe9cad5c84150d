"""Whatever gives scores for a batch: the model, and the baselines it must beat."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from groundwork.batch import Batch, Patch, images_of, known_in
from groundwork.bundle import Bundle
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.models.engine import Engine, ModelScorer
from groundwork.progress import track
from groundwork.targets.kind import TargetKind
from groundwork.targets.labels import IGNORE


class Predictor(ABC):
    """Gives scores for a batch."""

    @abstractmethod
    def predict(self, batch: Batch) -> Tensor:
        """Return raw or activated scores (batch, outputs, height, width), on the processor."""


class ModelPredictor(Predictor):
    """The trained model."""

    def __init__(self, bundle: Bundle) -> None:
        """Build the model.

        Raises:
            BundleError: Where the bundle was never trained.
        """
        bundle.require_trained()
        self._engine = Engine(ModelScorer(bundle.build_model()))

    def predict(self, batch: Batch) -> Tensor:
        """See :class:`Predictor`."""
        return self._engine.scores(images_of(batch), f"Samples {batch['sample_id']}").cpu()


class ConstantPredictor(Predictor):
    """What is best said of any pixel where nothing is known of it, such as the most frequent class."""

    def __init__(self, kind: TargetKind, statistics: Statistics) -> None:
        self._scores = kind.constant(statistics.target)

    def predict(self, batch: Batch) -> Tensor:
        """See :class:`Predictor`."""
        size = batch["target"].shape
        return self._scores[:, None, None].expand(size[0], -1, *size[-2:])


class PixelRegression(Predictor):
    """Multinomial logistic regression on the standardised values of single pixels, of all sources and steps."""

    def __init__(self, data: LabelledData, num_pixels: int, seed: int) -> None:
        """Fit on pixels drawn from all training chips alike.

        Args:
            data: Where the training chips are read from.
            num_pixels: Most pixels to fit on.
            seed: Seed of the draw.
        """
        pixels, classes = _draw_pixels(data, num_pixels, seed)
        self._num_outputs = data.target.num_outputs
        self._default = int(classes[0])
        self._regression = None
        if len(np.unique(classes)) > 1:
            # What a source does not hold is NaN here, and becomes its mean.
            filled = SimpleImputer(keep_empty_features=True)
            logistic = LogisticRegression(max_iter=500, random_state=seed)
            self._regression = make_pipeline(filled, StandardScaler(), logistic)
            self._regression.fit(pixels, classes)

    def predict(self, batch: Batch) -> Tensor:
        """Return the class as 1, the others as 0. See :class:`Predictor`."""
        known = known_in(batch).numpy()
        classes = np.full(known.shape, self._default, np.int64)
        values = np.concatenate(
            [_flatten(image.numpy(), batch["valid"][name].numpy()) for name, image in batch["images"].items()], axis=1
        )
        pixels = np.moveaxis(values, 1, -1)[known]
        if self._regression is not None and len(pixels):
            classes[known] = self._regression.predict(pixels)
        return torch.nn.functional.one_hot(torch.from_numpy(classes), self._num_outputs).movedim(-1, 1).float()


def _draw_pixels(data: LabelledData, num_pixels: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    chips = data.chips("train")
    drawn = np.arange(len(chips))
    if num_pixels < len(chips):
        drawn = np.sort(np.random.default_rng(seed).permutation(drawn)[:num_pixels])
    share = num_pixels // len(drawn)
    pixels, classes = [], []
    for index in track(drawn.tolist(), "Drawing pixels for the baseline", len(drawn)):
        patch = chips[index].patch
        truth = np.asarray(patch.target).reshape(-1)
        chosen = np.random.default_rng([seed, index]).permutation(np.flatnonzero(truth != IGNORE))[:share]
        pixels.append(_pixels_of(patch)[:, chosen].T)
        classes.append(truth[chosen])
    return np.concatenate(pixels), np.concatenate(classes)


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
