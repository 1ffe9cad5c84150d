"""Find samples of two splits that show the same pixels, whatever their files are called and wherever they lie."""

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
    pairs = list(combinations(splits, 2))
    if table.CONTENT not in samples:
        return dict.fromkeys((f"{first}-{second}" for first, second in pairs), None)
    counts: dict[str, int | None] = {}
    for first, second in pairs:
        parts = (samples[samples[table.SPLIT] == split] for split in (first, second))
        # The share of known pixels as well, as eight digits alone may agree by chance among a million.
        here, there = (part.set_index([table.CONTENT, table.VALID_FRACTION])[table.SAMPLE_ID] for part in parts)
        doubles = here[here.index.isin(there.index)]
        counts[f"{first}-{second}"] = len(doubles)
        if len(doubles):
            other = there[there.index == doubles.index[0]]
            logger.warning(
                "%d sample(s) of split '%s' show the very pixels of samples of '%s', such as %s and %s: the scores "
                "would count what was learnt by heart. Remove one of the files.",
                len(doubles),
                first,
                second,
                doubles.iloc[0],
                other.iloc[0],
            )
    return counts
