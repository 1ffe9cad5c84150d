"""Draw from a seed which groups of samples belong to train, val and test."""

from __future__ import annotations

import numpy as np
import pandas as pd

from groundwork.config.split import SPLITS, SplitConfig
from groundwork.errors import DataError
from groundwork.rasters.folder import preview


def draw_splits(groups: pd.Series, config: SplitConfig, seed: int, together: str = "") -> pd.Series:
    """Return the split of each sample; those of one group are in one split.

    Args:
        groups: The group of each sample, as text.
        config: Fractions or folds.
        seed: Seed of the draw.
        together: Why there are fewer groups than one may think, for the message.

    Raises:
        DataError: For fewer groups than splits or folds, or groups that are named like splits.
    """
    _require_groups(groups, config, together)
    return _draw(groups, config, seed) if config.folds is None else _fold(groups, config, seed)


def _require_groups(groups: pd.Series, config: SplitConfig, together: str) -> None:
    named = sorted(set(groups) & set(SPLITS))
    if named and config.method in {"column", "polygons"}:
        raise DataError(
            f"Samples would be drawn by their values, and some of these are called {preview(named)}, as if they named "
            "splits. If they do, set 'split.values' to {train: [train], val: [val], test: [test]}; else rename them."
        )
    needed, parts = (len(SPLITS), "splits") if config.folds is None else (config.folds, "folds")
    if groups.nunique() < needed:
        what = {"column": f"values of '{config.column}'", "polygons": "regions"}.get(config.method, config.method)
        raise DataError(
            f"Found {groups.nunique()} {what} with samples{together}; {needed} {parts} need at least as many. "
            + ("Use fewer folds, a" if config.folds else "Use a")
            + " smaller 'block_size', method 'scenes' or 'lists', or more scenes."
        )


def _fold(groups: pd.Series, config: SplitConfig, seed: int) -> pd.Series:
    """Divide groups so that folds have about as many samples; which fold is asked for does not change them."""
    sizes = groups.value_counts().sort_index()
    filled = np.zeros(config.folds or 0, np.int64)
    folds: dict[str, int] = {}
    # The largest first, and in an order that is drawn where they are alike.
    for name, size in sizes.sample(frac=1, random_state=seed).sort_values(ascending=False, kind="stable").items():
        folds[str(name)] = int(filled.argmin())
        filled[folds[str(name)]] += size
    test, val = config.fold, (config.fold + 1) % len(filled)
    return groups.map(folds).map(lambda fold: {test: "test", val: "val"}.get(fold, "train"))


def _draw(groups: pd.Series, config: SplitConfig, seed: int) -> pd.Series:
    sizes = groups.value_counts().sort_index()
    wanted = {name: getattr(config.fractions, name) * len(groups) for name in SPLITS}
    order = np.random.default_rng(seed).permutation(len(sizes))
    filled = dict.fromkeys(SPLITS, 0)
    chosen: dict[str, str] = {}
    for position, index in enumerate(order):
        empty = [name for name in SPLITS if not filled[name]]
        must_fill = len(order) - position <= len(empty)
        candidates = empty if must_fill else SPLITS
        split = max(candidates, key=lambda name: (wanted[name] - filled[name]) / wanted[name])
        chosen[str(sizes.index[index])] = split
        filled[split] += int(sizes.iloc[index])
    return groups.map(chosen)
