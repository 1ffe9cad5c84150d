"""An estimator of scikit-learn for every pixel."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from groundwork.models.heads.base import Decoded, Head
from groundwork.models.heads.estimators import Array, Estimator, SklearnEstimator, Value
from groundwork.specs import FeatureLevel, FeatureSpec


class SklearnHead(Head):
    """Gives for every cell what an estimator of scikit-learn predicts from the cell's channels.

    For features that are not trained: no gradient passes, and :meth:`fit` takes the place of training.

    Args:
        features: What the decoder gives.
        num_outputs: Number of classes, or of predicted numbers.
        estimator: Which of the estimators that tensors can hold.
        options: Arguments of its constructor, under scikit-learn's names; see
            :class:`groundwork.models.heads.estimators.SklearnEstimator`.
        standardise: Bring every feature to mean 0 and deviation 1 first, by the rows that it is fitted on.

    Raises:
        ComponentError: For an option that the estimator does not have, or trees that are too deep.
    """

    def __init__(
        self,
        features: FeatureSpec,
        num_outputs: int,
        *,
        estimator: Estimator = "logistic_regression",
        options: Mapping[str, Value] | None = None,
        standardise: bool = True,
    ) -> None:
        super().__init__()
        level = features.levels[0]
        self.estimator = SklearnEstimator("sklearn", estimator, options or {}, level.channels, num_outputs, standardise)
        self.out = FeatureLevel(num_outputs, level.stride)

    def rows(self, decoded: Decoded) -> Tensor:
        """Give what is fitted on, (cells, channels): those of image 1 row by row, then of image 2, and so on."""
        return decoded.map.movedim(1, -1).flatten(0, 2)

    def fit(self, features: Array, labels: Array) -> None:
        """Fit the estimator on cells. See :meth:`groundwork.models.heads.estimators.SklearnEstimator.fit`."""
        self.estimator.fit(features, labels)

    def forward(self, decoded: Decoded) -> Tensor:
        """Give scores. See :class:`Head`."""
        scores: Tensor = self.estimator(self.rows(decoded))
        return scores.reshape(len(decoded.map), *decoded.map.shape[-2:], -1).movedim(-1, 1)
