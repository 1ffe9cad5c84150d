"""Judge embeddings by what a linear model makes of them: what they tell of labels without further training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundwork.batch import Answers, Batch, collate
from groundwork.data.chips import LabelledData
from groundwork.data.drawn_pixels import draw_pixels
from groundwork.evaluation.cells import EMBEDDING, ChipEmbedder
from groundwork.evaluation.estimators import Linear
from groundwork.evaluation.pixel_baseline import fitted_on
from groundwork.evaluation.predictors import Predictor
from groundwork.progress import track


class EmbeddingProbe(Predictor):
    """A linear model on embeddings, fitted on the training chips; the encoder stays as it is.

    Each pixel is known by the embedding of its cell, and all pixels of a cell get one answer. What is said of an image
    is the mean of what is said of its cells.
    """

    def __init__(self, embedder: ChipEmbedder, data: LabelledData, num_pixels: int, seed: int) -> None:
        """Fit.

        Args:
            embedder: Gives the embeddings.
            data: Where the training chips are read from.
            num_pixels: Most pixels to fit on, drawn from all chips alike.
            seed: Seed of the draw.
        """
        self._embedder, self._per = embedder, data.kind.per
        values, answers = self._draw(data, num_pixels, seed)
        self._linear = fitted_on(values, answers, data, Linear(seed))

    def predict(self, batch: Batch) -> Tensor:
        """See :class:`Predictor`."""
        scores = self._linear.predict(self._embedder.embed(batch))
        return scores if self._per == "image" else self._embedder.to_pixels(scores, batch)

    def _draw(self, data: LabelledData, num_pixels: int, seed: int) -> tuple[NDArray[np.float32], Answers]:
        chips, kind = data.chips("train"), data.kind
        draw, values, answers = draw_pixels(len(chips), num_pixels, seed), [], []
        for index in track(draw.chips, "Embedding chips for the probe", len(draw.chips)):
            batch = collate([chips[index]])
            cells = self._embedder.embed(batch)["images"][EMBEDDING]
            truth = batch["target"][0].numpy()
            chosen = draw.choose(index, np.flatnonzero(kind.known(truth)))
            pixels = self._embedder.to_pixels(cells, batch)[0].flatten(1).numpy()
            values.append(np.asarray(pixels[:, chosen].T, np.float32))
            answers.append(truth.reshape(*truth.shape[:-2], -1)[..., chosen].T)
        return np.concatenate(values), np.concatenate(answers)
