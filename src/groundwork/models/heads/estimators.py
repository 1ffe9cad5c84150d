"""Estimators of scikit-learn that are fitted on frozen features, then held in tensors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import NearestCentroid
from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.heads.fitted_states import FittedState, ForestState, LinearState, VotingState
from groundwork.strict import did_you_mean

Estimator: TypeAlias = Literal[
    "linear_discriminant_analysis",
    "linear_regression",
    "logistic_regression",
    "nearest_centroid",
    "random_forest_classifier",
    "random_forest_regressor",
    "ridge",
]
Value: TypeAlias = bool | int | float | str | tuple[float, ...] | None
Array: TypeAlias = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]

_CLASSES: Mapping[str, type[BaseEstimator]] = {
    "linear_discriminant_analysis": LinearDiscriminantAnalysis,
    "linear_regression": LinearRegression,
    "logistic_regression": LogisticRegression,
    "nearest_centroid": NearestCentroid,
    "random_forest_classifier": RandomForestClassifier,
    "random_forest_regressor": RandomForestRegressor,
    "ridge": Ridge,
}
#: Estimators that predict numbers; the others tell classes apart.
_REGRESSORS = {"linear_regression", "random_forest_regressor", "ridge"}
#: A full tree of this depth has 4096 leaves.
_MAX_DEPTH = 12
#: Rows on which the tensors are compared with the estimator, and the share of them that rounding may turn.
_NUM_CHECKED, _MAX_TURNED = 1000, 0.01


class SklearnEstimator(nn.Module):
    """An estimator of scikit-learn (https://scikit-learn.org), fitted once, then computed in torch.

    Its fitted state are buffers: they export, move between devices and are saved with the weights, without pickle.
    Nothing in it is trained by gradients. It predicts what scikit-learn predicts; :meth:`fit` makes sure.

    Args:
        name: The head, as in YAML.
        estimator: Which estimator.
        options: Arguments of its constructor, under scikit-learn's names. Trees are ``max_depth`` deep, at most 12
            levels, by default 8. ``random_state`` is 0 unless stated.
        num_channels: Number of features.
        num_outputs: Number of classes, or of predicted numbers.
        standardise: Bring every feature to mean 0 and deviation 1 first, by the rows that it is fitted on.

    Raises:
        ComponentError: For an option that the estimator does not have, trees that are too deep, or an estimator that
            tells classes apart and is given a single one.
    """

    mean: Tensor
    scale: Tensor
    fitted: Tensor
    state: FittedState

    def __init__(
        self,
        name: str,
        estimator: Estimator,
        options: Mapping[str, Value],
        num_channels: int,
        num_outputs: int,
        standardise: bool,
    ) -> None:
        super().__init__()
        if num_outputs < 2 and estimator not in _REGRESSORS:
            raise ComponentError(
                f"'{name}': '{estimator}' tells at least two classes apart, the target has one. Write what is not it "
                f"as a class too, or for numbers take one of {sorted(_REGRESSORS)}"
            )
        self.name = name
        self.estimator = estimator
        self.standardises = standardise
        self.num_outputs = num_outputs
        self.options = _complete(name, estimator, options)
        self.register_buffer("mean", torch.zeros(num_channels))
        self.register_buffer("scale", torch.ones(num_channels))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))
        self.state = _build_state(estimator, self.options, num_channels, num_outputs)

    def fit(self, features: Array, labels: Array) -> None:
        """Fit the estimator, and take over what it knows.

        Args:
            features: (rows, channels).
            labels: Numbers of classes from 0, (rows,); or what is predicted, (rows, outputs).

        Raises:
            ValueError: For features or labels of another shape, that are not finite, or that are no classes.
            ComponentError: Where options make the estimator predict otherwise than its tensors can.
        """
        labels = self._check(features, labels)
        features = np.array(features, dtype=np.float64)
        self.mean.copy_(torch.from_numpy(features.mean(axis=0)) if self.standardises else torch.zeros_like(self.mean))
        deviation = features.std(axis=0)
        scale = torch.from_numpy(np.where(deviation > 0, deviation, 1.0))
        self.scale.copy_(scale if self.standardises else torch.ones_like(self.scale))
        rows = self._standardise(torch.from_numpy(features).to(self.mean))
        fitted = _CLASSES[self.estimator](**self.options).fit(rows.cpu().numpy(), labels)
        self.state.take(fitted)
        self.fitted.fill_(True)
        self._compare(fitted, rows[:_NUM_CHECKED])

    def forward(self, rows: Tensor) -> Tensor:
        """Give (rows, outputs) for features (rows, channels).

        Raises:
            RuntimeError: Where it has not been fitted.
        """
        # Neither a tensor without values nor one that is traced can be asked.
        if not torch.compiler.is_compiling() and not self.fitted.is_meta and not self.fitted:
            raise RuntimeError(
                f"The estimator '{self.estimator}' of the head '{self.name}' has not been fitted. Call its 'fit' with "
                "features and labels first, or load weights of a fitted one"
            )
        scores: Tensor = self.state(self._standardise(rows))
        return scores

    def _standardise(self, rows: Tensor) -> Tensor:
        return (rows - self.mean) / self.scale

    def _check(self, features: Array, labels: Array) -> Array:
        num_channels = len(self.mean)
        if features.ndim != 2 or features.shape[1] != num_channels or len(features) != len(labels):
            raise ValueError(
                f"'{self.name}' is fitted on features (rows, {num_channels}) with one label per row, got features "
                f"{features.shape} and labels {labels.shape}"
            )
        if not np.isfinite(features).all() or not np.isfinite(labels).all():
            raise ValueError(f"'{self.name}' is fitted on finite numbers; leave out rows that are not valid")
        if self.estimator in _REGRESSORS:
            if labels.reshape(len(labels), -1).shape[1] != self.num_outputs:
                raise ValueError(f"'{self.name}' needs labels (rows, {self.num_outputs}), got {labels.shape}")
            return labels.reshape(-1) if self.num_outputs == 1 else labels
        if labels.ndim != 1 or not np.isin(labels, np.arange(self.num_outputs)).all():
            raise ValueError(
                f"'{self.name}' needs one class per row, a number from 0 to {self.num_outputs - 1}, got labels "
                f"{labels.shape} with the values {np.unique(labels)[:10].tolist()}"
            )
        return labels.astype(np.int64)

    def _compare(self, fitted: BaseEstimator, rows: Tensor) -> None:
        given = self.state(rows).cpu().numpy()
        expected = fitted.predict(rows.cpu().numpy())
        if self.estimator in _REGRESSORS:
            expected = expected.reshape(given.shape)
            turned = np.abs(given - expected) > 1e-3 * (np.abs(expected).max() + 1e-12)
        else:
            turned = given.argmax(axis=1) != expected
        if turned.mean() > _MAX_TURNED:
            self.fitted.fill_(False)
            raise ComponentError(
                f"'{self.name}' cannot hold '{self.estimator}' with the options {self.options}: it predicts otherwise "
                "than scikit-learn. Leave out the options that change how it predicts"
            )


def _complete(name: str, estimator: Estimator, options: Mapping[str, Value]) -> dict[str, Value]:
    """Return the options with those that must be stated for trees of a fixed size and for equal results."""
    known = list(inspect.signature(_CLASSES[estimator]).parameters)
    for option in options:
        if option not in known:
            hint = did_you_mean(option, known)
            raise ComponentError(f"'{name}': '{estimator}' has no option '{option}'.{hint} Options: {known}")
    preset: dict[str, Value] = {"random_state": 0, "max_depth": 8, "n_estimators": 100}
    if not estimator.startswith("random_forest"):
        preset = {"random_state": 0}
    complete = {key: value for key, value in preset.items() if key in known} | dict(options)
    depth = complete.get("max_depth")
    if estimator.startswith("random_forest") and (not isinstance(depth, int) or not 1 <= depth <= _MAX_DEPTH):
        raise ComponentError(f"'{name}' holds trees of 1 to {_MAX_DEPTH} levels, got max_depth={depth}")
    return complete


def _build_state(
    estimator: Estimator, options: Mapping[str, Value], num_channels: int, num_outputs: int
) -> FittedState:
    if not estimator.startswith("random_forest"):
        return LinearState(num_channels, num_outputs)
    num_trees, depth = int(str(options["n_estimators"])), int(str(options["max_depth"]))
    kind = ForestState if estimator in _REGRESSORS else VotingState
    return kind(num_outputs, num_trees, depth)
