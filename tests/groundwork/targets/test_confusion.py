"""Pixel counts against scikit-learn, and how much memory they take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torch.profiler import profile

from groundwork.targets.confusion import ConfusionMatrix
from groundwork.targets.labels import IGNORE


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("deterministic")
def test_counts_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth, predicted = random.integers(-1, 5, (6, 17, 13)), random.integers(0, 5, (6, 17, 13))
    counted = ConfusionMatrix(5)
    for part in (slice(0, 2), slice(2, 6)):
        counted.update(torch.from_numpy(truth[part]), torch.from_numpy(predicted[part]))
    known = truth != IGNORE
    assert counted.counts.tolist() == confusion_matrix(truth[known], predicted[known], labels=range(5)).tolist()
    counted.reset()
    assert not counted.counts.any()


def test_nothing_known_counts_nothing() -> None:
    counted = ConfusionMatrix(3)
    counted.update(torch.full((1, 4, 4), IGNORE), torch.zeros(1, 4, 4, dtype=torch.int64))
    assert not counted.counts.any()


@pytest.mark.usefixtures("deterministic")
def test_memory_does_not_grow_with_the_square_of_the_classes() -> None:
    truth = torch.randint(0, 10, (8, 256, 256))
    counted = ConfusionMatrix(10)
    with profile(profile_memory=True) as profiled:
        counted.update(truth, truth)
    largest = max(event.self_cpu_memory_usage for event in profiled.key_averages())
    # Class indexes are 8 bytes; a few copies of them are held, and nothing of 100 entries per pixel.
    assert 8 * truth.numel() <= largest <= 4 * 8 * truth.numel()
