"""Divide samples into train, val and test so that no split can peek at another."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from groundwork.config.data import DataConfig, SplitConfig
from groundwork.data.samples import DataError
from groundwork.rasters.folder import preview
from groundwork.rasters.grid import NO_TRANSFORMATION

logger = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
#: Share of a pixel by which chips are shrunk before distances are measured: chips that only touch do not overlap.
TOUCHING = 0.01
#: Begins the names of planes that only one scene lies on.
OWN_PLANE = "pixels of "


def assign_splits(
    samples: pd.DataFrame, config: SplitConfig, lists: Mapping[str, Sequence[str]], seed: int
) -> pd.DataFrame:
    """Add the column ``split``, and leave out samples that lie too near to another split.

    Args:
        samples: The table of samples.
        config: The method and its options.
        lists: Split -> names of its scenes; for the method ``lists``.
        seed: Seed of the draw.

    Raises:
        DataError: Where a split stays empty, or lists and scenes do not agree.
    """
    if config.method == "lists":
        split = _by_lists(samples, config, lists, seed)
    else:
        groups = samples["scene"] if config.method == "scenes" else _blocks(samples, config)
        split = _draw(groups, config, seed)
    table = samples.assign(split=split).dropna(subset=["split"])
    table = _without_neighbours(table.reset_index(drop=True), config.buffer)
    _require_all(table)
    return table


def _blocks(samples: pd.DataFrame, config: SplitConfig) -> pd.Series:
    side = samples["pixel_size"] * float(config.block_size or 1)
    x = ((samples["west"] + samples["east"]) / 2 // side).astype(int).astype(str)
    y = ((samples["south"] + samples["north"]) / 2 // side).astype(int).astype(str)
    return _planes(samples) + "/" + side.round(6).astype(str) + "/" + x + "/" + y


def _planes(samples: pd.DataFrame) -> pd.Series:
    """Name the plane each sample lies on: its CRS, or its scene where there is none."""
    return samples["crs"].where(samples["crs"] != "none", OWN_PLANE + samples["scene"]).astype(str)


def _draw(groups: pd.Series, config: SplitConfig, seed: int) -> pd.Series:
    sizes = groups.value_counts().sort_index()
    if len(sizes) < len(SPLITS):
        raise DataError(
            f"Found {len(sizes)} {config.method} with samples; {len(SPLITS)} splits need at least as many. "
            "Use a smaller 'block_size', method 'scenes' or 'lists', or more scenes."
        )
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
    train = np.array(sorted(set(samples["scene"][split == "train"])), dtype=object)
    count = max(1, round(config.val_from_train * len(train)))
    drawn = set(np.random.default_rng(seed).permutation(train)[:count])
    return split.mask((split == "train") & samples["scene"].isin(drawn), "val")


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


def _require_all(samples: pd.DataFrame) -> None:
    empty = [name for name in SPLITS if not (samples["split"] == name).any()]
    if empty:
        counts = samples["split"].value_counts().to_dict()
        raise DataError(
            f"No sample is left for {empty} (samples left: {counts}). Use a smaller 'buffer' or 'block_size', "
            "other fractions, or 'val_from_train' where lists are given."
        )


def _without_neighbours(samples: pd.DataFrame, buffer: int) -> pd.DataFrame:
    """Leave out training samples near val or test, and val samples near test."""
    kept = samples
    for near, others in (("train", ("val", "test")), ("val", ("test",))):
        for other in others:
            distances = _distances(kept, near, other)
            too_near = distances < np.maximum(buffer * kept["pixel_size"].to_numpy(float), 1e-9)
            kept = kept[~too_near].reset_index(drop=True)
    return kept


def _distances(samples: pd.DataFrame, near: str, other: str) -> NDArray[np.float64]:
    """Return for each sample of split ``near`` the distance to the nearest of ``other``; infinite for all the rest.

    Distances are in units of the sample's CRS; samples of another CRS are brought to it.
    """
    distances = np.full(len(samples), np.inf)
    planes = _planes(samples)
    occupied = set(planes[samples["split"] == other])
    for plane in sorted(set(planes[samples["split"] == near])):
        if plane.startswith(OWN_PLANE) and plane not in occupied:
            continue
        rows = np.flatnonzero((planes == plane) & (samples["split"] == near))
        boxes = [_box(bounds, pixel) for bounds, pixel in _others_on(samples, planes, plane, other)]
        if not boxes:
            continue
        tree = shapely.STRtree(boxes)
        own = _boxes([_box(_bounds(samples, int(row)), samples["pixel_size"].iloc[row]) for row in rows])
        nearest = tree.nearest(own)
        distances[rows] = shapely.distance(own, _boxes(boxes)[nearest])
    return distances


def _others_on(
    samples: pd.DataFrame, planes: pd.Series, plane: str, other: str
) -> list[tuple[tuple[float, float, float, float], float]]:
    found = []
    for row in np.flatnonzero(samples["split"] == other):
        bounds, pixel = _bounds(samples, int(row)), float(samples["pixel_size"].iloc[row])
        if planes.iloc[row] != plane:
            if plane.startswith(OWN_PLANE) or str(planes.iloc[row]).startswith(OWN_PLANE):
                continue
            try:
                bounds = transform_bounds(planes.iloc[row], plane, *bounds)
            except NO_TRANSFORMATION:
                continue
        if np.isfinite(bounds).all():
            found.append((bounds, pixel))
    return found


def _bounds(samples: pd.DataFrame, row: int) -> tuple[float, float, float, float]:
    west, south, east, north = (float(samples[name].iloc[row]) for name in ("west", "south", "east", "north"))
    return west, south, east, north


def _box(bounds: tuple[float, float, float, float], pixel: float) -> shapely.Geometry:
    west, south, east, north = bounds
    inset = TOUCHING * pixel if pixel < (east - west) else 0.0
    return shapely.box(west + inset, south + inset, east - inset, north - inset)


def _boxes(boxes: Sequence[shapely.Geometry]) -> NDArray[np.object_]:
    array = np.empty(len(boxes), np.object_)
    array[:] = boxes
    return array


def report_splits(samples: pd.DataFrame, data: DataConfig) -> dict[str, Any]:
    """Describe the splits: samples, scenes, class fractions, and the least distance between each two.

    Distances are in metres; None where samples have no CRS.
    """
    report: dict[str, Any] = {"splits": {}, "least_distance_m": {}}
    for name in SPLITS:
        part = samples[samples["split"] == name]
        fractions = {entry: round(float(part[f"fraction_{entry}"].mean()), 6) for entry in data.target.names}
        report["splits"][name] = {
            "samples": len(part),
            "scenes": int(part["scene"].nunique()),
            "class_fractions": fractions,
            "absent_classes": [entry for entry, share in fractions.items() if share == 0],
        }
    for first, second in combinations(SPLITS, 2):
        report["least_distance_m"][f"{first}-{second}"] = _least_distance_m(samples, first, second)
    _warn_of_unlearnt(report["splits"])
    return report


def _warn_of_unlearnt(splits: Mapping[str, Mapping[str, Any]]) -> None:
    unseen = set(splits["train"]["absent_classes"])
    for name in ("val", "test"):
        unlearnt = sorted(unseen - set(splits[name]["absent_classes"]))
        if unlearnt:
            logger.warning(
                "Split '%s' holds the class(es) %s, which 'train' lacks: nothing can learn them, and the scores count "
                "that. Choose another 'seed' or 'split.method', or give lists.",
                name,
                unlearnt,
            )


def _least_distance_m(samples: pd.DataFrame, first: str, second: str) -> float | None:
    distances = _distances(samples, first, second)
    metres = [
        distance * _metres_per_unit(str(crs))
        for distance, crs in zip(distances, samples["crs"], strict=True)
        if np.isfinite(distance) and crs != "none"
    ]
    return round(float(min(metres)), 1) if metres else None


def _metres_per_unit(crs: str) -> float:
    """Return the length of a CRS's unit; a degree counts as on the equator, which overstates distances elsewhere."""
    parsed = CRS.from_user_input(crs)
    return 111_320.0 if parsed.is_geographic else float(parsed.linear_units_factor[1])
