"""Divide samples into train, val and test so that no split can peek at another."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from groundwork.config.data import DataConfig
from groundwork.config.split import SPLITS, SplitConfig
from groundwork.data.assigning import Assigned, by_dates, by_lists, by_values, without_absent
from groundwork.data.distances import Places
from groundwork.data.doubles import count_doubles
from groundwork.data.drawing import draw_splits
from groundwork.data.grouping import blocks_of, places_of, shared_places, values_of
from groundwork.data.means import mean_over
from groundwork.data.regions import Regions, check_apart, place_in_regions
from groundwork.errors import DataError
from groundwork.specs import TargetSpec
from groundwork.targets.classes import fraction_column
from groundwork.targets.object_answers import objects_column

logger = logging.getLogger(__name__)


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


def divide(
    samples: pd.DataFrame,
    config: SplitConfig,
    lists: Mapping[str, Sequence[str]],
    seed: int,
    regions: Regions | None = None,
    scenes: Collection[str] = (),
) -> Division:
    """Add the column ``split``, and leave out samples that lie too near to another split.

    Args:
        samples: The table of samples.
        config: The method and its options.
        lists: Split -> names of its scenes; for the method ``lists``.
        seed: Of the draw, where ``config`` states none.
        regions: Polygons; for the method ``polygons``.
        scenes: All that were looked through: lists may name those that gave no sample, too.

    Raises:
        DataError: Where a split stays empty, or what is given for the method and the scenes do not agree.
        RasterError: Where regions are not as the method needs them.
    """
    check_method(config, lists, regions)
    seed = seed if config.seed is None else config.seed
    if regions is not None:
        assigned = _by_regions(samples, config, regions, seed)
    elif config.method == "lists":
        assigned = by_lists(samples, config, without_absent(lists, samples, scenes), seed)
    elif config.dates is not None:
        assigned = by_dates(samples, config.dates)
    else:
        assigned = _by_groups(samples, config, seed)
    table = samples.assign(split=assigned.split).dropna(subset=["split"])
    left_out = {"none": dict(assigned.left_out)} if assigned.left_out else {}
    kept = _without_neighbours(table.reset_index(drop=True), config.buffer, left_out)
    _require_all(kept, left_out)
    return Division(kept, left_out)


def check_method(config: SplitConfig, lists: Mapping[str, Sequence[str]], regions: Regions | None) -> None:
    """Refuse lists and regions that the method does not read, and a method without what it reads.

    Raises:
        DataError: With what to change.
    """
    if config.method != "lists" and lists:
        raise DataError(
            f"Lists for {sorted(lists)} are given, but 'split.method' is '{config.method}', which does not read them. "
            "Set 'method: lists', or give no lists."
        )
    if (config.method == "polygons") != (regions is not None):
        raise DataError(
            f"'split.method' is '{config.method}', and {'no' if regions is None else 'a'} file of regions is given: "
            "method 'polygons' needs one, and no other method reads it."
        )


def _by_groups(samples: pd.DataFrame, config: SplitConfig, seed: int) -> Assigned:
    """Divide by blocks, scenes or the values of a column."""
    if config.column is not None:
        groups = values_of(samples, config.column)
        if config.values is not None:
            return by_values(groups, config.values, set(groups), f"the column '{config.column}'")
        return Assigned(draw_splits(groups, config, seed))
    if config.method == "blocks":
        return Assigned(draw_splits(blocks_of(samples, config.block_size or 1), config, seed))
    places = places_of(samples)
    return Assigned(draw_splits(places, config, seed, shared_places(samples["scene"], places)))


def _by_regions(samples: pd.DataFrame, config: SplitConfig, regions: Regions, seed: int) -> Assigned:
    """Divide by the regions in which whole samples lie."""
    attribute, values = str(config.attribute), config.values
    shapes = regions.by_value(attribute)
    named = {} if values is None else values.by_value
    check_apart(regions, shapes, {name: named.get(name, name if values is None else "train") for name in shapes})
    found, outside = place_in_regions(samples, regions, shapes, [name for name, split in named.items() if not split])
    if values is None:
        inside = draw_splits(found.dropna(), config, seed)
        return Assigned(inside.reindex(samples.index), outside)
    assigned = by_values(found, values, set(shapes), f"'{attribute}' of {regions.path}")
    return Assigned(assigned.split, {**outside, **assigned.left_out})


def _require_all(samples: pd.DataFrame, left_out: Mapping[str, Mapping[str, int]]) -> None:
    empty = [name for name in SPLITS if not (samples["split"] == name).any()]
    if empty:
        counts = samples["split"].value_counts().to_dict()
        raise DataError(
            f"No sample is left for {empty} (samples left: {counts}; left out: {dict(left_out)}). Use a smaller "
            "'buffer' or 'block_size', other fractions, method 'blocks' where scenes overlap, or 'val_from_train' "
            "where lists are given, or other 'dates' or 'values'."
        )


def _without_neighbours(samples: pd.DataFrame, buffer: int, left_out: dict[str, dict[str, int]]) -> pd.DataFrame:
    """Leave out training samples near val or test, and val samples near test; count them in ``left_out``."""
    places = Places(samples)
    reach = np.maximum(buffer * samples["pixel_size"].to_numpy(float), 1e-9)
    split = samples["split"].to_numpy(object)
    kept = np.ones(len(samples), np.bool_)
    for near, other in (("train", "val"), ("train", "test"), ("val", "test")):
        chosen = kept & (split == near)
        pairs = places.pairs(chosen, kept & (split == other), reach)
        too_near = chosen & places.at(pairs.first[pairs.distance < reach[pairs.first]])
        kept &= ~too_near
        if too_near.any():
            reason = f"overlaps {other}" if buffer == 0 else f"overlaps {other}, or nearer than 'buffer'"
            left_out.setdefault(near, {})[reason] = int(too_near.sum())
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
    """Return how often each class occurs in what is known of a split, with its objects, or the mean of each output."""
    if target.outputs:
        means = {name: mean_over(samples, f"mean_{name}", target.per, f"known_{name}") for name in target.names}
        return {"mean": {name: None if np.isnan(mean) else float(f"{mean:.6g}") for name, mean in means.items()}}
    shares = {name: mean_over(samples, fraction_column(name), target.per) for name in target.names}
    fractions = {name: None if np.isnan(share) else round(share, 6) for name, share in shares.items()}
    if target.per == "object":
        counts = {name: int(samples[objects_column(name)].sum()) for name in target.names}
        absent = [name for name, count in counts.items() if count == 0]
        return {"class_objects": counts, "class_fractions": fractions, "absent_classes": absent}
    # Not by what is rounded: a class of few pixels is there.
    return {"class_fractions": fractions, "absent_classes": [name for name, share in shares.items() if not share > 0]}


def _warn_of_left_out(left_out: Mapping[str, Mapping[str, int]]) -> None:
    for split, reasons in left_out.items():
        for reason, count in reasons.items():
            logger.warning("%d sample(s) of split '%s' are left out: %s.", count, split, reason)


def _warn_of_absent(splits: Mapping[str, Mapping[str, Any]]) -> None:
    absent = {name: part.get("absent_classes", ()) for name, part in splits.items()}
    nowhere = [name for name in absent["train"] if all(name in classes for classes in absent.values())]
    if nowhere:
        logger.warning(
            "No sample of any split holds the class(es) %s: nothing can learn them, and no score counts them. Correct "
            "the labels or what their values mean, or remove the class(es) from 'data.target.classes'.",
            nowhere,
        )
    for name in ("val", "test"):
        lacking = [entry for entry in absent[name] if entry not in nowhere]
        if lacking:
            logger.warning(
                "Split '%s' lacks the class(es) %s: its scores say nothing about them. Choose another "
                "'split.seed' or 'split.method', or give lists.",
                name,
                lacking,
            )


def _warn_of_unlearnt(splits: Mapping[str, Mapping[str, Any]]) -> None:
    unseen = set(splits["train"].get("absent_classes", ()))
    for name in ("val", "test"):
        unlearnt = sorted(unseen - set(splits[name].get("absent_classes", ())))
        if unlearnt:
            logger.warning(
                "Split '%s' holds the class(es) %s, which 'train' lacks: nothing can learn them, and the scores count "
                "that. Choose another 'split.seed' or 'split.method', or give lists.",
                name,
                unlearnt,
            )
