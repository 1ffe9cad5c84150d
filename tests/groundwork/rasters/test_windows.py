"""Windows cover a raster: every pixel, none of them by accident twice."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from groundwork.rasters.windows import blocks, window_starts

lengths = st.integers(1, 60)


@given(length=lengths, size=st.integers(1, 25), stride=st.integers(1, 25))
def test_starts_are_in_order_and_reach_both_ends(length: int, size: int, stride: int) -> None:
    starts = window_starts(length, size, stride)
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    assert starts[-1] == max(length - size, 0)
    assert all(later - earlier <= stride for earlier, later in pairwise(starts))


def test_the_last_window_is_moved_back_to_the_edge() -> None:
    assert window_starts(10, 4, 4) == [0, 4, 6]
    assert window_starts(8, 4, 4) == [0, 4]
    assert window_starts(3, 4, 4) == [0]


@given(width=lengths, height=lengths, size=st.integers(1, 25), data=st.data())
def test_windows_reach_every_pixel(width: int, height: int, size: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, size))
    seen = np.zeros((max(height, size), max(width, size)), int)
    for row, column in product(window_starts(height, size, stride), window_starts(width, size, stride)):
        seen[row : row + size, column : column + size] += 1
    assert (seen[:height, :width] > 0).all()


@given(width=lengths, height=lengths, size=st.integers(1, 25))
def test_blocks_cover_each_pixel_once(width: int, height: int, size: int) -> None:
    seen = np.zeros((height, width), int)
    for window in blocks(width, height, size):
        assert max(window.width, window.height) <= size
        seen[window.row_off : window.row_off + window.height, window.col_off : window.col_off + window.width] += 1
    assert (seen == 1).all()
