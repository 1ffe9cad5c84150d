"""Whatever gives a class for each pixel of a batch: the model, and the baselines it must beat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from groundwork.bundle import Bundle
from groundwork.data.chips import Batch, LabelledData
from groundwork.data.labels import IGNORE
from groundwork.data.statistics import Statistics
from groundwork.models.engine import Engine
from groundwork.progress import track
from groundwork.targets.kinds import kind_of


class Predictor(ABC):
    """Gives class indexes for a batch."""

    @abstractmethod
    def predict(self, batch: Batch) -> NDArray[np.int64]:
        """Return class indexes (batch, height, width)."""


class ModelPredictor(Predictor):
    """The class with the highest score."""

    def __init__(self, bundle: Bundle) -> None:
        """Build the model.

        Raises:
            BundleError: Where the bundle was never trained.
        """
        bundle.require_trained()
        self._engine, self._kind = Engine(bundle.build_model()), kind_of(bundle.config.target)

    def predict(self, batch: Batch) -> NDArray[np.int64]:
        """See :class:`Predictor`."""
        coordinates = (batch.get("temporal_coords"), batch.get("location_coords"))
        where = f"Samples {batch['sample_id']}"
        scores = self._engine.scores(batch["image"], batch["valid"], *coordinates, where)
        classes: NDArray[np.int64] = self._kind.decide(scores).cpu().numpy()
        return classes


class MajorityClass(Predictor):
    """The most frequent class of the training split, everywhere."""

    def __init__(self, statistics: Statistics, names: Sequence[str]) -> None:
        self._index = int(np.argmax([statistics.class_pixels[name] for name in names]))

    def predict(self, batch: Batch) -> NDArray[np.int64]:
        """See :class:`Predictor`."""
        return np.full(tuple(batch["mask"].shape), self._index, np.int64)


class PixelRegression(Predictor):
    """Multinomial logistic regression on the standardised values of single pixels."""

    def __init__(self, data: LabelledData, num_pixels: int, seed: int) -> None:
        """Fit on pixels drawn from all training chips alike.

        Args:
            data: Where the training chips are read from.
            num_pixels: Most pixels to fit on.
            seed: Seed of the draw.
        """
        pixels, classes = _draw_pixels(data, num_pixels, seed)
        self._default = int(classes[0])
        self._regression = None
        if len(np.unique(classes)) > 1:
            self._regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, random_state=seed))
            self._regression.fit(pixels, classes)

    def predict(self, batch: Batch) -> NDArray[np.int64]:
        """See :class:`Predictor`."""
        shape, valid = tuple(batch["mask"].shape), batch["valid"].numpy()
        classes = np.full(shape, self._default, np.int64)
        values = batch["image"].numpy()
        pixels = np.moveaxis(values.reshape(values.shape[0], -1, *shape[1:]), 1, -1)[valid]
        if self._regression is not None and len(pixels):
            classes[valid] = self._regression.predict(pixels)
        return classes


def _draw_pixels(data: LabelledData, num_pixels: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    chips = data.chips("train")
    drawn = np.arange(len(chips))
    if num_pixels < len(chips):
        drawn = np.sort(np.random.default_rng(seed).permutation(drawn)[:num_pixels])
    share = num_pixels // len(drawn)
    pixels, classes = [], []
    for index in track(drawn.tolist(), "Drawing pixels for the baseline", len(drawn)):
        chip = chips[index]
        known = np.flatnonzero(chip["mask"].numpy() != IGNORE)
        chosen = np.random.default_rng([seed, index]).permutation(known)[:share]
        image = chip["image"].numpy()
        pixels.append(image.reshape(-1, image.shape[-2] * image.shape[-1])[:, chosen].T)
        classes.append(chip["mask"].numpy().reshape(-1)[chosen])
    return np.concatenate(pixels), np.concatenate(classes)
