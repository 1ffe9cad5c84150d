"""What fitted estimators know, in tensors of a size that is fixed before they are fitted."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.neighbors import NearestCentroid
from torch import Tensor, nn

#: The score of a class that no sample belonged to: never chosen, and still a number.
_NEVER = -1e4
#: The least share of the trees' votes whose logarithm is told apart from nothing.
_LEAST_SHARE = 1e-12


class FittedState(nn.Module, ABC):
    """Computes in torch what a fitted estimator of scikit-learn computes."""

    @abstractmethod
    def take(self, estimator: BaseEstimator) -> None:
        """Copy what a fitted estimator knows. Classes are numbers from 0 to one less than outputs."""

    @abstractmethod
    def forward(self, rows: Tensor) -> Tensor:
        """Give (rows, outputs) for features (rows, channels).

        For classes these are scores whose softmax is the estimator's probability, where it states any.
        """


class LinearState(FittedState):
    """One weight per channel and output. Squared distances to centroids are linear too, but for a part all share."""

    weight: Tensor
    bias: Tensor

    def __init__(self, num_channels: int, num_outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(num_outputs, num_channels))
        self.register_buffer("bias", torch.zeros(num_outputs))

    def take(self, estimator: BaseEstimator) -> None:
        """Copy weights. See :class:`FittedState`."""
        if isinstance(estimator, NearestCentroid):
            centroids = estimator.centroids_
            weight, bias = 2 * centroids, -np.square(centroids).sum(axis=1)
        else:
            weight = np.atleast_2d(estimator.coef_)
            bias = np.broadcast_to(estimator.intercept_, (len(weight),))
        outputs = np.arange(len(self.bias))
        if is_classifier(estimator):
            outputs = estimator.classes_
            self.bias.fill_(_NEVER)
            if len(weight) < len(outputs):
                # Of two classes, one score says how much likelier the second is.
                weight = np.concatenate([np.zeros_like(weight), weight])
                bias = np.concatenate([np.zeros_like(bias), bias])
        self.weight.zero_()
        self.weight[outputs] = _to_tensor(weight, self.weight)
        self.bias[outputs] = _to_tensor(bias, self.bias)

    def forward(self, rows: Tensor) -> Tensor:
        """Give scores. See :class:`FittedState`."""
        return nn.functional.linear(rows, self.weight, self.bias)


class ForestState(FittedState):
    """Decision trees, each filled up to one depth: below a leaf that ends early, all goes to the left.

    The children of node ``i`` are ``2 i + 1`` and ``2 i + 2``, so no links have to be stored.
    """

    feature: Tensor
    threshold: Tensor
    value: Tensor

    def __init__(self, num_outputs: int, num_trees: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        self.register_buffer("feature", torch.zeros(num_trees, 2**depth - 1, dtype=torch.int64))
        self.register_buffer("threshold", torch.full((num_trees, 2**depth - 1), torch.inf))
        self.register_buffer("value", torch.zeros(num_trees, 2**depth, num_outputs))

    def take(self, estimator: BaseEstimator) -> None:
        """Copy the trees. See :class:`FittedState`."""
        feature, threshold, value = (np.zeros(part.shape) for part in (self.feature, self.threshold, self.value))
        threshold.fill(np.inf)
        outputs = estimator.classes_ if is_classifier(estimator) else np.arange(value.shape[-1])
        for index, fitted in enumerate(estimator.estimators_):
            tree = fitted.tree_
            values = tree.value.reshape(tree.node_count, -1)
            places = self._place_nodes(tree.children_left, tree.children_right)
            for node, (place, levels_below) in places.items():
                if tree.children_left[node] >= 0:
                    feature[index, place] = tree.feature[node]
                    threshold[index, place] = tree.threshold[node]
                else:
                    leftmost = (place + 1) * 2**levels_below - 2**self.depth
                    value[index, leftmost, outputs] = values[node]
        self.feature.copy_(torch.from_numpy(feature))
        self.threshold.copy_(torch.from_numpy(_round_down(threshold)))
        self.value.copy_(torch.from_numpy(value))

    def forward(self, rows: Tensor) -> Tensor:
        """Give the mean over the trees. See :class:`FittedState`."""
        trees = torch.arange(self.feature.shape[0], device=rows.device)
        node = torch.zeros(rows.shape[0], trees.shape[0], dtype=torch.int64, device=rows.device)
        for _ in range(self.depth):
            goes_right = rows.gather(1, self.feature[trees, node]) > self.threshold[trees, node]
            node = 2 * node + 1 + goes_right
        return self.value[trees, node - (2**self.depth - 1)].mean(dim=1)

    def _place_nodes(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> dict[int, tuple[int, int]]:
        """Return for each node of scikit-learn's tree its place in the full one, and how many levels are below it."""
        places = {0: (0, self.depth)}
        for node in range(len(left)):
            place, below = places[node]
            if left[node] >= 0:
                places[int(left[node])] = (2 * place + 1, below - 1)
                places[int(right[node])] = (2 * place + 2, below - 1)
        return places


class VotingState(FittedState):
    """Turns the trees' mean votes into scores, as the logarithm of each class's share."""

    def __init__(self, num_outputs: int, num_trees: int, depth: int) -> None:
        super().__init__()
        self.trees = ForestState(num_outputs, num_trees, depth)

    def take(self, estimator: BaseEstimator) -> None:
        """Copy the trees. See :class:`FittedState`."""
        self.trees.take(estimator)

    def forward(self, rows: Tensor) -> Tensor:
        """Give scores. See :class:`FittedState`."""
        shares: Tensor = self.trees(rows)
        return shares.clamp_min(_LEAST_SHARE).log()


def _to_tensor(values: NDArray[np.float64], like: Tensor) -> Tensor:
    # A copy, as torch does not want arrays that cannot be written to.
    return torch.from_numpy(np.array(values, dtype=np.float64)).to(like)


def _round_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 not above each number: scikit-learn compares float32 features with float64 ones."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
