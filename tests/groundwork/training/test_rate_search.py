"""Learning rates are tried in the same way each time, and nothing is changed by it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from breaking import same
from groundwork.bundle import Bundle
from groundwork.config import RateSearchConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.errors import TrainingError
from groundwork.training.rate_search import RateSearch, draw_search, search_learning_rate

SEARCH = RateSearchConfig(lowest=1e-5, highest=1.0, steps=25)
Search = Callable[..., RateSearch]


@pytest.fixture(scope="module")
def search(
    tiny_initial: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics,
    make_training: Callable[..., TrainingConfig],
) -> Search:  # fmt: skip
    def make(seed: int = 0, **training: object) -> RateSearch:
        words = make_training(**training)
        return search_learning_rate(tiny_initial, tiny_labelled, tiny_statistics, words, SEARCH, seed)

    return make


def test_rates_rise_by_equal_factors_and_the_steepest_fall_is_suggested(search: Search, tiny_initial: Bundle) -> None:
    before = {name: value.clone() for name, value in tiny_initial.weights.items()}
    found = search()
    assert same(before, tiny_initial.weights)
    rates, losses = found.table["learning_rate"].to_numpy(), found.table["loss"].to_numpy()
    assert SEARCH.lowest <= rates[0] < 2 * SEARCH.lowest
    # Lightning takes the first factor twice.
    assert rates[2:] / rates[1:-1] == pytest.approx((SEARCH.highest / SEARCH.lowest) ** (1 / SEARCH.steps))
    assert 15 < len(rates) <= SEARCH.steps
    # The first ten and the last are left out, as they say little.
    steepest = rates[10:-1][np.gradient(losses[10:-1]).argmin()]
    assert found.suggestion == pytest.approx(steepest)
    assert found.table["suggested"].sum() == 1
    axes = draw_search(found).axes[0]
    assert axes.get_lines()[1].get_xdata()[0] == found.suggestion
    pd.testing.assert_frame_equal(search().table, found.table, check_exact=True)


def test_what_trains_nothing_has_no_rate(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groundwork.training.rate_search.require_learnable", lambda *_: None)
    with pytest.raises(TrainingError, match="'embedding' trains nothing"):
        search(task="embedding")


def test_rates_must_rise() -> None:
    with pytest.raises(ValueError, match=r"lowest \(1.0\) must be below highest \(0.1\)"):
        RateSearchConfig(lowest=1.0, highest=0.1)
