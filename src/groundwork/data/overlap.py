"""Chips of one scene may overlap; each pixel counts once, in statistics and in scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from groundwork.data import sample_table as table


def count_once(samples: pd.DataFrame) -> list[list[tuple[slice, slice]]]:
    """Return, for each chip, the parts that an earlier chip of its scene covers, so that no pixel counts twice."""
    covered: list[list[tuple[slice, slice]]] = [[] for _ in range(len(samples))]
    for _, rows in samples.reset_index(drop=True).groupby(table.SCENE, sort=False):
        places = table.windows(rows)
        reach = places[:, 2].max() - 0.5
        near = cKDTree(places[:, :2]).query_pairs(reach, p=np.inf, output_type="ndarray")
        # Ordered by chip and earlier chip, as the tree gives them in an order of its own.
        for earlier, order in near[np.lexsort(near.T)]:
            (top, left, size), (other_top, other_left, other_size) = places[order], places[earlier]
            row, column = int(other_top - top), int(other_left - left)
            part = (
                slice(max(row, 0), min(row + int(other_size), int(size))),
                slice(max(column, 0), min(column + int(other_size), int(size))),
            )
            if part[0].start < part[0].stop and part[1].start < part[1].stop:
                covered[rows.index[order]].append(part)
    return covered
