"""An estimator of scikit-learn for a whole image."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from groundwork.models.heads.base import Decoded, Head
from groundwork.models.heads.estimators import Array, Estimator, SklearnEstimator, Value
from groundwork.models.heads.global_pool import GlobalPool, Pooling
from groundwork.specs import FeatureSpec


class ScalarSklearnHead(Head):
    """Gives for every image what an estimator of scikit-learn predicts from its pooled features.

    For features that are not trained: no gradient passes, and :meth:`fit` takes the place of training.

    Args:
        features: What the decoder gives, and the encoder's global vector.
        num_outputs: Number of classes, or of predicted numbers.
        estimator: Which of the estimators that tensors can hold.
        options: Arguments of its constructor, under scikit-learn's names; see
            :class:`groundwork.models.heads.estimators.SklearnEstimator`.
        pooling: The mean, maximum or minimum over the map, or the encoder's own ``vector``.
        standardise: Bring every feature to mean 0 and deviation 1 first, by the rows that it is fitted on.

    Raises:
        SpecError: Where the encoder's vector is asked for and it gives none.
        ComponentError: For an option that the estimator does not have, or trees that are too deep.
    """

    per = "image"

    def __init__(
        self,
        features: FeatureSpec,
        num_outputs: int,
        *,
        estimator: Estimator = "logistic_regression",
        options: Mapping[str, Value] | None = None,
        pooling: Pooling = "mean",
        standardise: bool = True,
    ) -> None:
        super().__init__()
        self.pool = GlobalPool("scalar_sklearn", pooling, features)
        self.estimator = SklearnEstimator(
            "scalar_sklearn", estimator, options or {}, self.pool.out_channels, num_outputs, standardise
        )

    def rows(self, decoded: Decoded) -> Tensor:
        """Give what is fitted on, (images, channels)."""
        pooled: Tensor = self.pool(decoded)
        return pooled

    def fit(self, features: Array, labels: Array) -> None:
        """Fit the estimator on images. See :meth:`groundwork.models.heads.estimators.SklearnEstimator.fit`."""
        self.estimator.fit(features, labels)

    def forward(self, decoded: Decoded) -> Tensor:
        """Give scores. See :class:`Head`."""
        scores: Tensor = self.estimator(self.rows(decoded))
        return scores
