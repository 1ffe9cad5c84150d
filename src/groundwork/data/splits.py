"""Divide samples into train, val and test so that no split can peek at another."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from groundwork.config.data import DataConfig, SplitConfig
from groundwork.data.distances import Places
from groundwork.data.doubles import count_doubles
from groundwork.errors import DataError
from groundwork.rasters.folder import preview
from groundwork.specs import TargetSpec

logger = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
#: Scenes that share more than this of the smaller one show the same place.
SAME_PLACE = 0.5


@dataclass(frozen=True, slots=True)
class Division:
    """Samples with their splits, and what was left out."""

    samples: pd.DataFrame
    #: Split -> reason -> number of samples left out.
    left_out: dict[str, dict[str, int]]


def assign_splits(
    samples: pd.DataFrame, config: SplitConfig, lists: Mapping[str, Sequence[str]], seed: int
) -> pd.DataFrame:
    """Return the samples of :func:`divide`."""
    return divide(samples, config, lists, seed).samples


def divide(samples: pd.DataFrame, config: SplitConfig, lists: Mapping[str, Sequence[str]], seed: int) -> Division:
    """Add the column ``split``, and leave out samples that lie too near to another split.

    Args:
        samples: The table of samples.
        config: The method and its options.
        lists: Split -> names of its scenes; for the method ``lists``.
        seed: Seed of the draw.

    Raises:
        DataError: Where a split stays empty, or lists and scenes do not agree.
    """
    _check_method(config, lists)
    if config.method == "lists":
        split = _by_lists(samples, config, lists, seed)
    else:
        groups = _acquisitions(samples) if config.method == "scenes" else _blocks(samples, config)
        together = "" if config.method == "blocks" else _shared_places(samples["scene"], groups)
        _require_groups(groups, config, together)
        split = _draw(groups, config, seed) if config.folds is None else _fold(groups, config, seed)
    table = samples.assign(split=split).dropna(subset=["split"])
    left_out: dict[str, dict[str, int]] = {}
    if len(table) < len(samples):
        left_out["none"] = {"in no list": len(samples) - len(table)}
    kept = _without_neighbours(table.reset_index(drop=True), config.buffer, left_out)
    _require_all(kept, left_out)
    return Division(kept, left_out)


def _check_method(config: SplitConfig, lists: Mapping[str, Sequence[str]]) -> None:
    if config.method != "lists" and lists:
        raise DataError(
            f"Lists for {sorted(lists)} are given, but 'split.method' is '{config.method}', which does not read them. "
            "Set 'method: lists', or give no lists."
        )


def _acquisitions(samples: pd.DataFrame) -> pd.Series:
    """Name each sample by the first of the scenes that show its ground: several dates of one place stay together.

    Scenes belong together where they share more than half of the smaller one. Where they share less, as neighbouring
    tiles do at their edges, samples that overlap are left out later.
    """
    by_scene = samples.groupby("scene", sort=True)
    scenes = by_scene.agg(
        crs=("crs", "first"),
        pixel_size=("pixel_size", "first"),
        west=("west", "min"),
        south=("south", "min"),
        east=("east", "max"),
        north=("north", "max"),
    ).reset_index()
    everywhere = np.ones(len(scenes), np.bool_)
    pairs = Places(scenes).pairs(everywhere, everywhere, np.zeros(len(scenes)))
    same = pairs.overlap > SAME_PLACE
    links = coo_array((np.ones(int(same.sum())), (pairs.first[same], pairs.second[same])), shape=(len(scenes),) * 2)
    labels = connected_components(links, directed=False)[1]
    first = scenes.groupby(labels)["scene"].transform("first")
    return samples["scene"].map(dict(zip(scenes["scene"], first, strict=True)))


def _blocks(samples: pd.DataFrame, config: SplitConfig) -> pd.Series:
    side = samples["pixel_size"] * float(config.block_size or 1)
    x = ((samples["west"] + samples["east"]) / 2 // side).astype(int).astype(str)
    y = ((samples["south"] + samples["north"]) / 2 // side).astype(int).astype(str)
    return _planes(samples) + "/" + side.round(6).astype(str) + "/" + x + "/" + y


def _planes(samples: pd.DataFrame) -> pd.Series:
    """Name the plane each sample lies on: its CRS, or its scene where there is none."""
    return samples["crs"].where(samples["crs"] != "none", "pixels of " + samples["scene"]).astype(str)


def _shared_places(scenes: pd.Series, groups: pd.Series) -> str:
    """Say in words where fewer places are shown than there are scenes."""
    shown, places = scenes.nunique(), groups.nunique()
    return "" if shown == places else f" ({shown} scenes show {places} place(s), and those of one place stay together)"


def _require_groups(groups: pd.Series, config: SplitConfig, together: str) -> None:
    needed, parts = (len(SPLITS), "splits") if config.folds is None else (config.folds, "folds")
    if groups.nunique() < needed:
        raise DataError(
            f"Found {groups.nunique()} {config.method} with samples{together}; {needed} {parts} need at least as many. "
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


def _by_lists(samples: pd.DataFrame, config: SplitConfig, lists: Mapping[str, Sequence[str]], seed: int) -> pd.Series:
    _check_lists(samples, lists)
    chosen = {scene: split for split, scenes in lists.items() for scene in scenes}
    split = samples["scene"].map(chosen)
    if "val" in lists or config.val_from_train == 0:
        return split
    places = _acquisitions(samples)
    train = np.array(sorted(set(places[split == "train"])), dtype=object)
    count = max(1, round(config.val_from_train * len(train)))
    drawn = set(np.random.default_rng(seed).permutation(train)[:count])
    return split.mask((split == "train") & places.isin(drawn), "val")


def _check_lists(samples: pd.DataFrame, lists: Mapping[str, Sequence[str]]) -> None:
    unknown = sorted(set(lists) - set(SPLITS))
    if unknown or "train" not in lists or "test" not in lists:
        raise DataError(
            f"Found lists for {sorted(lists)}; method 'lists' needs 'train' and 'test', and may have 'val'."
        )
    scenes = set(samples["scene"])
    for name, entries in lists.items():
        missing = sorted(set(entries) - scenes)
        if missing:
            raise DataError(
                f"The list of split '{name}' names {len(missing)} scene(s) without samples: {preview(missing)}. "
                f"Scenes are named by their key, such as {preview(sorted(scenes), 3)}."
            )
    for first, second in combinations(sorted(lists), 2):
        both = sorted(set(lists[first]) & set(lists[second]))
        if both:
            raise DataError(f"{len(both)} scene(s) stand in the lists of '{first}' and '{second}': {preview(both)}.")


def _require_all(samples: pd.DataFrame, left_out: Mapping[str, Mapping[str, int]]) -> None:
    empty = [name for name in SPLITS if not (samples["split"] == name).any()]
    if empty:
        counts = samples["split"].value_counts().to_dict()
        raise DataError(
            f"No sample is left for {empty} (samples left: {counts}; left out: {dict(left_out)}). Use a smaller "
            "'buffer' or 'block_size', other fractions, method 'blocks' where scenes overlap, or 'val_from_train' "
            "where lists are given."
        )


def _without_neighbours(samples: pd.DataFrame, buffer: int, left_out: dict[str, dict[str, int]]) -> pd.DataFrame:
    """Leave out training samples near val or test, and val samples near test; count them in ``left_out``."""
    places = Places(samples)
    reach = np.maximum(buffer * samples["pixel_size"].to_numpy(float), 1e-9)
    split = samples["split"].to_numpy(object)
    kept = np.ones(len(samples), np.bool_)
    for near, other in (("train", "val"), ("train", "test"), ("val", "test")):
        pairs = places.pairs(kept & (split == near), kept & (split == other), reach)
        too_near = np.unique(pairs.first[pairs.distance < reach[pairs.first]])
        kept[too_near] = False
        if too_near.size:
            reason = f"overlaps {other}" if buffer == 0 else f"overlaps {other}, or nearer than 'buffer'"
            left_out.setdefault(near, {})[reason] = len(too_near)
    return samples[kept].reset_index(drop=True)


def report_splits(
    samples: pd.DataFrame, data: DataConfig, left_out: Mapping[str, Mapping[str, int]] | None = None
) -> dict[str, Any]:
    """Describe the splits: samples, scenes, class fractions, the least distance between each two, what was left out.

    Distances are in metres; None where samples have no CRS. Samples of two splits with the same pixels are counted.
    """
    report: dict[str, Any] = {"splits": {}, "least_distance_m": {}, "left_out": dict(left_out or {})}
    report["identical_samples"] = count_doubles(samples, SPLITS)
    for name in SPLITS:
        part = samples[samples["split"] == name]
        report["splits"][name] = {
            "samples": len(part),
            "scenes": int(part["scene"].nunique()),
            **_answers(part, data.target),
        }
    places = Places(samples)
    split = samples["split"].to_numpy(object)
    for first, second in combinations(SPLITS, 2):
        metres = places.pairs(split == first, split == second, None).metres
        known = metres[np.isfinite(metres)]
        report["least_distance_m"][f"{first}-{second}"] = round(float(known.min()), 1) if known.size else None
    _warn_of_left_out(report["left_out"])
    _warn_of_absent(report["splits"])
    _warn_of_unlearnt(report["splits"])
    return report


def _answers(samples: pd.DataFrame, target: TargetSpec) -> dict[str, Any]:
    """Return how often each class occurs in the samples of a split, or the mean of each output."""
    if target.outputs:
        means = {name: samples[f"mean_{name}"].mean() for name in target.names}
        return {"mean": {name: None if np.isnan(mean) else float(f"{mean:.6g}") for name, mean in means.items()}}
    fractions = {name: round(float(samples[f"fraction_{name}"].mean()), 6) for name in target.names}
    return {"class_fractions": fractions, "absent_classes": [name for name, share in fractions.items() if share == 0]}


def _warn_of_left_out(left_out: Mapping[str, Mapping[str, int]]) -> None:
    for split, reasons in left_out.items():
        for reason, count in reasons.items():
            logger.warning("%d sample(s) of split '%s' are left out: %s.", count, split, reason)


def _warn_of_absent(splits: Mapping[str, Mapping[str, Any]]) -> None:
    for name in ("val", "test"):
        if splits[name].get("absent_classes"):
            logger.warning(
                "Split '%s' lacks the class(es) %s: its scores say nothing about them. Choose another 'seed' or "
                "'split.method', or give lists.",
                name,
                splits[name]["absent_classes"],
            )


def _warn_of_unlearnt(splits: Mapping[str, Mapping[str, Any]]) -> None:
    unseen = set(splits["train"].get("absent_classes", ()))
    for name in ("val", "test"):
        unlearnt = sorted(unseen - set(splits[name].get("absent_classes", ())))
        if unlearnt:
            logger.warning(
                "Split '%s' holds the class(es) %s, which 'train' lacks: nothing can learn them, and the scores count "
                "that. Choose another 'seed' or 'split.method', or give lists.",
                name,
                unlearnt,
            )
