"""What learns from the values of single pixels: estimators of scikit-learn, two families of them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

#: Leaves of a tree. Few, so that a chip is answered quickly.
LEAVES = 15
#: How much of what is left a tree corrects. High, as there are few of them.
RATE = 0.3


class Estimators(ABC):
    """A family: one estimator for classes, and one for a number. Values are NaN where a source holds none."""

    @abstractmethod
    def classifier(self) -> BaseEstimator:
        """Return an estimator of classes, which gives probabilities too."""

    @abstractmethod
    def regressor(self) -> BaseEstimator:
        """Return an estimator of one number."""

    def fit(self, estimator: BaseEstimator, values: ArrayLike, answers: ArrayLike) -> BaseEstimator:
        """Fit one, in one thread: several may add up in any order, and sums would differ in their last digits."""
        # Products of finite numbers sometimes raise the processor's flag of an invalid operation, which NumPy warns of.
        # Values that are not finite are refused by scikit-learn itself.
        with threadpool_limits(limits=1), np.errstate(invalid="ignore"):
            return estimator.fit(values, answers)


class Linear(Estimators):
    """Logistic and ridge regression on standardised values; what a source does not hold becomes its mean."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def classifier(self) -> BaseEstimator:
        """Return logistic regression."""
        return _standardised(LogisticRegression(max_iter=500, random_state=self._seed))

    def regressor(self) -> BaseEstimator:
        """Return linear regression, with a touch of regularisation, as bands are often much alike."""
        return _standardised(Ridge(alpha=1.0))


class Boosting(Estimators):
    """Gradient-boosted trees on histograms (Ke et al. 2017), which take NaN as it is."""

    def __init__(self, iterations: int, seed: int) -> None:
        """Keep the options.

        Args:
            iterations: Trees, of each class or number.
            seed: Of the draw of values from which bins are made.
        """
        self._iterations, self._seed = iterations, seed

    def classifier(self) -> BaseEstimator:
        """Return boosted trees of classes."""
        return HistGradientBoostingClassifier(
            learning_rate=RATE,
            max_iter=self._iterations,
            max_leaf_nodes=LEAVES,
            early_stopping=False,
            random_state=self._seed,
        )

    def regressor(self) -> BaseEstimator:
        """Return boosted trees of a number."""
        return HistGradientBoostingRegressor(
            learning_rate=RATE,
            max_iter=self._iterations,
            max_leaf_nodes=LEAVES,
            early_stopping=False,
            random_state=self._seed,
        )


def _standardised(estimator: BaseEstimator) -> BaseEstimator:
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), estimator)
