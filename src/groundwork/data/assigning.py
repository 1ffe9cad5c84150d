"""Splits that are stated and not drawn: by lists of scenes, by days, or by values of a column or of polygons."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations

import numpy as np
import pandas as pd

from groundwork.config.split import SPLITS, SplitConfig, SplitDates, SplitValues
from groundwork.data import sample_table as table
from groundwork.data.grouping import places_of
from groundwork.errors import DataError
from groundwork.rasters.folder import preview

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assigned:
    """The split of each sample."""

    #: None for samples that belong to no split.
    split: pd.Series
    #: Why -> number of samples that belong to no split.
    left_out: Mapping[str, int] = field(default_factory=dict)


def without_absent(
    lists: Mapping[str, Sequence[str]], samples: pd.DataFrame, scenes: Collection[str]
) -> dict[str, list[str]]:
    """Return lists without those scenes that are there and gave no sample, such as one that was left out; it is told.

    Args:
        lists: Split -> names of its scenes.
        samples: The table of samples.
        scenes: All that were looked through.
    """
    absent = set(map(str, scenes)) - set(samples[table.SCENE])
    named = {split: [scene for scene in entries if scene in absent] for split, entries in lists.items()}
    for split, found in named.items():
        if found:
            logger.warning(
                "The list of split '%s' names %d scene(s) that give no sample, as they are left out or too little of "
                "them is known: %s. The scene report says of each.",
                split,
                len(found),
                preview(found),
            )
    return {split: [scene for scene in entries if scene not in named[split]] for split, entries in lists.items()}


def by_lists(samples: pd.DataFrame, config: SplitConfig, lists: Mapping[str, Sequence[str]], seed: int) -> Assigned:
    """Follow lists of scenes, and draw val from train where none is given for it.

    Args:
        samples: The table of samples.
        config: How much of train becomes val.
        lists: Split -> names of its scenes.
        seed: Seed of the draw.

    Raises:
        DataError: Where lists and scenes do not agree.
    """
    _check_lists(samples, lists)
    chosen = {scene: split for split, scenes in lists.items() for scene in scenes}
    split = samples[table.SCENE].map(chosen)
    if "val" not in lists and config.val_from_train:
        places = places_of(samples)
        train = np.array(sorted(set(places[split == "train"])), dtype=object)
        count = max(1, round(config.val_from_train * len(train)))
        drawn = set(np.random.default_rng(seed).permutation(train)[:count])
        split = split.mask((split == "train") & places.isin(drawn), "val")
    return _assigned(split, {"in no list": split.isna()})


def _check_lists(samples: pd.DataFrame, lists: Mapping[str, Sequence[str]]) -> None:
    unknown = sorted(set(lists) - set(SPLITS))
    if unknown or "train" not in lists or "test" not in lists:
        raise DataError(
            f"Found lists for {sorted(lists)}; method 'lists' needs 'train' and 'test', and may have 'val'."
        )
    scenes = set(samples[table.SCENE])
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


def by_dates(samples: pd.DataFrame, dates: SplitDates) -> Assigned:
    """Follow the acquisition dates of the reference; a sample of several dates belongs where all of them do.

    Args:
        samples: The table of samples.
        dates: Days of each split.

    Raises:
        DataError: Where a scene has no date.
    """
    stated = samples[table.DATES].fillna("").astype(str)
    undated = sorted(set(samples.loc[stated == "", table.SCENE]))
    if undated:
        raise DataError(
            f"Method 'date' splits by acquisition dates, and {len(undated)} scene(s) have none: {preview(undated)}. "
            "State the 'date_tag' or 'date_axis' of the reference, read the dates from names of files by '{date}', or "
            "split otherwise."
        )
    splits = {text: _splits_of(text, dates) for text in stated.unique()}
    is_split = stated.map({text: len(found) > 1 for text, found in splits.items()}).astype(bool)
    split = stated.map({text: next(iter(found)) if len(found) == 1 else None for text, found in splits.items()})
    return _assigned(split, {"on no day of a split": split.isna() & ~is_split, "on days of several splits": is_split})


def _splits_of(text: str, dates: SplitDates) -> set[str | None]:
    return {_split_of(date.fromisoformat(day), dates) for day in text.split(",")}


def _split_of(day: date, dates: SplitDates) -> str | None:
    for name, (first, last) in dates.ranges.items():
        if (first or date.min) <= day <= (last or date.max):
            return name
    return "train" if dates.train is None else None


def by_values(found: pd.Series, values: SplitValues, known: Collection[str], what: str) -> Assigned:
    """Follow what each split's values are.

    Args:
        found: The value of each sample; None for samples that have none.
        values: The values of each split.
        known: All values there are, whether samples have them or not.
        what: Has the values, for the message.

    Raises:
        DataError: Where a split names a value that is not there, or a value belongs to no split.
    """
    named = values.by_value
    missing, unnamed = sorted(set(named) - set(known)), sorted(set(known) - set(named))
    if missing:
        raise DataError(
            f"'split.values' names {preview(missing)}, which {what} lacks; it has {preview(sorted(known))}. Correct "
            "the spelling; capitals count."
        )
    if unnamed and values.train is not None:
        raise DataError(
            f"{what} has {preview(unnamed)}, which 'split.values' does not name. Name them under a split or under "
            "'leave_out', or leave out 'train', which then gets all that are named nowhere."
        )
    split = found.map({**dict.fromkeys(unnamed, "train"), **named})
    return _assigned(split, {"named by 'leave_out'": split.isna() & found.notna()})


def _assigned(split: pd.Series, reasons: Mapping[str, pd.Series]) -> Assigned:
    counts = {reason: int(samples.sum()) for reason, samples in reasons.items()}
    return Assigned(split, {reason: count for reason, count in counts.items() if count})
