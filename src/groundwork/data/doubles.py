"""Find samples that show the same pixels, whatever their files are called and wherever they lie."""

from __future__ import annotations

import logging
from itertools import combinations

import pandas as pd

from groundwork.data import sample_table as table

logger = logging.getLogger(__name__)


def count_doubles(samples: pd.DataFrame, splits: tuple[str, ...]) -> dict[str, int | None]:
    """Return, for each two splits, how many samples of the first one show the pixels of a sample of the other.

    None where the table does not say what samples show. Warns of doubles, with an example.

    Args:
        samples: The table of samples, with their splits.
        splits: Names of the splits, such as train, val and test.
    """
    counts: dict[str, int | None] = {}
    for first, second in combinations(splits, 2):
        doubles = doubles_between(samples, first, second)
        counts[f"{first}-{second}"] = None if doubles is None else len(doubles)
        if doubles:
            logger.warning(
                "%d sample(s) of split '%s' show the very pixels of samples of '%s', such as %s and %s: the scores "
                "would count what was learnt by heart. Remove one of the files.",
                len(doubles),
                first,
                second,
                *doubles[0],
            )
    return counts


def doubles_between(samples: pd.DataFrame, first: str, second: str) -> list[tuple[str, str]] | None:
    """Return the samples of a split that show the pixels of a sample of another, each with one of the other.

    None where the table does not say what samples show.

    Args:
        samples: The table of samples, with their splits.
        first: A split.
        second: Another one.
    """
    if table.CONTENT not in samples:
        return None
    parts = (table.of_split(samples, split) for split in (first, second))
    here, there = (part.set_index(table.CONTENT)[table.SAMPLE_ID] for part in parts)
    doubles, others = here[here.index.isin(there.index)], there[~there.index.duplicated()]
    return [(str(name), str(others.loc[place])) for place, name in doubles.items()]


def doubles_within(samples: pd.DataFrame, split: str) -> list[tuple[str, str]] | None:
    """Return the samples of a split that show the pixels of an earlier one of it, each with that one; None as above."""
    if table.CONTENT not in samples:
        return None
    part = table.of_split(samples, split)
    earlier = part.groupby(table.CONTENT, sort=False)[table.SAMPLE_ID].transform("first")
    again = part.duplicated(table.CONTENT)
    return list(zip(part.loc[again, table.SAMPLE_ID].astype(str), earlier[again].astype(str), strict=True))
