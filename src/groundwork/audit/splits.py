"""Whether splits are apart, and whether they hold alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from groundwork.audit.findings import Finding, judge, make_finding
from groundwork.config.data import DataConfig
from groundwork.config.split import SPLITS
from groundwork.data import sample_table as table
from groundwork.data.distances import Places
from groundwork.data.doubles import doubles_between, doubles_within
from groundwork.data.means import mean_over
from groundwork.targets.classes import fraction_column
from groundwork.targets.object_answers import objects_column

#: Splits with fewer samples say little.
FEW_SAMPLES = 20
#: A class that has less than this share of the training split is rarely seen.
RARE = 0.001
#: And so is one of which it has fewer objects.
FEW_OBJECTS = 50
#: Shares of a class that differ by more than this factor between splits show other worlds.
MOST_APART = 5.0


def audit_splits(samples: pd.DataFrame, data: DataConfig) -> Iterator[Finding]:
    """Yield what is to be said of sizes, distances, overlaps, doubles and classes.

    Args:
        samples: The table of samples, with splits.
        data: The target, and the size of chips.
    """
    yield from _sizes(samples)
    yield from _places(samples, data.chips.size)
    yield from _doubles(samples)
    yield from _classes(samples, data)


def _sizes(samples: pd.DataFrame) -> Iterator[Finding]:
    for split in SPLITS:
        part = table.of_split(samples, split)
        yield make_finding(
            judge(wrong=part.empty, look=len(part) < FEW_SAMPLES),
            f"size of {split}",
            f"{len(part)} sample(s) of {part[table.SCENE].nunique()} scene(s)",
            "Add scenes, or change 'split': scores of so few samples are left to chance.",
        )


def _places(samples: pd.DataFrame, size: int) -> Iterator[Finding]:
    places, split = Places(samples), samples[table.SPLIT].to_numpy(object)
    for first, second in combinations(SPLITS, 2):
        here, there = split == first, split == second
        near = places.pairs(here, there, np.full(len(samples), 1e-9))
        shared = near.overlap > 0
        overlaps = int((places.counts(here)[near.first[shared]] * places.counts(there)[near.second[shared]]).sum())
        yield make_finding(
            judge(wrong=overlaps > 0),
            f"overlap of {first} and {second}",
            f"{overlaps} pair(s) of windows share ground",
            "Split the samples anew: no split may see the ground of another.",
        )
        pairs = places.pairs(here, there, None)
        known = np.isfinite(pairs.metres)
        if not known.any():
            yield make_finding("ok", f"distance of {first} and {second}", "not known: samples lie in no CRS", "")
            continue
        nearest = np.flatnonzero(known)[pairs.metres[known].argmin()]
        metres, row = float(pairs.metres[nearest]), pairs.first[nearest]
        pixels = float(pairs.distance[nearest]) / float(samples[table.PIXEL_SIZE].iloc[row])
        yield make_finding(
            judge(wrong=False, look=pixels < size),
            f"distance of {first} and {second}",
            f"{metres:.0f} m at least ({pixels:.0f} pixels; a chip has {size})",
            "Neighbours look alike: set 'split.buffer' to the side of a chip or more.",
        )


def _doubles(samples: pd.DataFrame) -> Iterator[Finding]:
    remedy = "Remove one of the files: scores would count what was learnt by heart."
    for first, second in combinations(SPLITS, 2):
        doubles = doubles_between(samples, first, second)
        found = _described(doubles)
        yield make_finding(judge(wrong=bool(doubles)), f"identical pixels in {first} and {second}", found, remedy)
    for split in SPLITS:
        doubles = doubles_within(samples, split)
        remedy = "Remove the copies, where they are some: they count twice."
        yield make_finding(
            judge(wrong=False, look=bool(doubles)), f"identical pixels in {split}", _described(doubles), remedy
        )


def _described(doubles: list[tuple[str, str]] | None) -> str:
    if doubles is None:
        return "not known: the table does not say what samples show"
    example = " ({} and {})".format(*doubles[0]) if doubles else ""
    return f"{len(doubles)} sample(s){example}"


@dataclass(frozen=True, slots=True)
class _Share:
    """How much of a class the splits hold."""

    #: Split -> its share of the known pixels or images, or its objects in a sample.
    of: Mapping[str, float]
    found: str
    is_rare: bool


def _classes(samples: pd.DataFrame, data: DataConfig) -> Iterator[Finding]:
    """Yield the balance of each class whose share the table states."""
    per = data.target.per
    for name in data.target.names:
        measured = _objects(samples, name) if per == "object" else _known(samples, name, per)
        if measured is None:
            continue
        share = measured.of
        is_untaught = share["train"] == 0 and max(share.values()) > 0
        is_untested = min(share["val"], share["test"]) == 0
        apart = max(share.values()) / max(min(share.values()), 1e-12)
        remedy = "Choose another 'split.seed' or 'split.method', or state the splits: "
        if max(share.values()) == 0:
            remedy = "Correct the labels or what their values mean, or remove it from 'classes': no sample holds it."
        elif is_untaught:
            remedy += "nothing can learn a class that train lacks."
        elif is_untested:
            remedy += "scores say nothing of a class that a split lacks."
        else:
            remedy += "the class is rare, or its share differs much."
        look = is_untested or measured.is_rare or apart > MOST_APART
        yield make_finding(judge(wrong=is_untaught, look=look), f"class '{name}'", measured.found, remedy)


def _known(samples: pd.DataFrame, name: str, per: str) -> _Share | None:
    column = fraction_column(name)
    if column not in samples:
        return None
    means = {split: mean_over(table.of_split(samples, split), column, per) for split in SPLITS}
    # Where nobody knows of any sample whether it is of a class, it is known of none.
    share = {split: 0.0 if np.isnan(mean) else mean for split, mean in means.items()}
    found = ", ".join(f"{split} {value:.2%}" for split, value in share.items())
    return _Share(share, found, share["train"] < RARE)


def _objects(samples: pd.DataFrame, name: str) -> _Share | None:
    column = objects_column(name)
    if column not in samples:
        return None
    groups = samples.groupby(table.SPLIT)[column]
    counts = _by_split(groups.sum())
    found = ", ".join(f"{split} {count:.0f} object(s)" for split, count in counts.items())
    return _Share(_by_split(groups.mean()), found, counts["train"] < FEW_OBJECTS)


def _by_split(values: pd.Series) -> dict[str, float]:
    return {split: float(values.get(split, 0.0)) for split in SPLITS}
