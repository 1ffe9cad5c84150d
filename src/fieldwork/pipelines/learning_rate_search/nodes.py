"""Nodes of ``learning_rate_search``."""

from __future__ import annotations

from typing import Any

from groundwork.config import RateSearchConfig, TrainingConfig


def open_search_chips(initial: Any, samples: Any, scenes: Any, labels: Any, packed_chips: Any) -> Any:
    """Join samples with what their chips are read from, as the model expects it."""
    return initial.labelled(samples, scenes, labels, packed_chips)


def search_learning_rate(
    initial: Any, chips: Any, statistics: Any, training: TrainingConfig, search: RateSearchConfig, seed: int
) -> tuple[Any, Any]:
    """Try learning rates, one step each, and suggest one. It changes nothing: write it into the recipe."""
    from groundwork.data.statistics import Statistics
    from groundwork.training.rate_search import draw_search, search_learning_rate

    given = Statistics.model_validate(statistics)
    found = search_learning_rate(initial, chips, given, training, search, seed)
    return found.table, draw_search(found)
