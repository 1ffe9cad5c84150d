"""Tiles cover a line of pixels, their weights add up to one, and bands of columns leave no pixel out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from groundwork.prediction.tiles import Axis, column_bands, make_axis

lengths = st.integers(1, 300)
sizes = st.integers(1, 64)


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    size = draw(sizes)
    return make_axis(draw(lengths), size, draw(st.integers(0, size // 2)))


@given(axes())
def test_weights_add_up_to_one_over_every_pixel(axis: Axis) -> None:
    total = np.zeros(axis.length)
    for start, weight in zip(axis.starts, axis.weights, strict=True):
        assert len(weight) == axis.size
        assert (weight > 0).all()
        total[start : start + axis.size] += weight
    assert np.abs(total - 1).max() <= 1e-6


@given(length=lengths, size=sizes, share=st.floats(0, 0.5))
def test_neighbours_share_what_was_asked_for(length: int, size: int, share: float) -> None:
    overlap = int(size * share)
    axis = make_axis(length, size, overlap)
    assert axis.size == min(size, length)
    assert axis.starts[0] == 0
    assert axis.starts[-1] + axis.size == length
    for index in range(len(axis.starts) - 1):
        assert axis.starts[index] < axis.starts[index + 1] <= axis.starts[index] + axis.size - overlap
        assert axis.next_start(index) == axis.starts[index + 1]
    assert axis.next_start(len(axis.starts) - 1) == length


def test_weights_rise_towards_the_middle() -> None:
    axis = make_axis(10, 6, 2)
    assert axis.starts == (0, 4)
    # In the two shared pixels one tile falls as the other rises: 2/3 to 1/3.
    assert np.allclose(axis.weights[0], [1, 1, 1, 1, 2 / 3, 1 / 3])
    assert np.allclose(axis.weights[1], [1 / 3, 2 / 3, 1, 1, 1, 1])


def test_without_overlap_each_pixel_belongs_to_one_tile() -> None:
    axis = make_axis(12, 4, 0)
    assert axis.starts == (0, 4, 8)
    assert all(np.array_equal(weight, np.ones(4)) for weight in axis.weights)


@given(axis=axes(), band_width=st.integers(1, 200))
def test_bands_make_each_pixel_final_once_with_all_its_tiles(axis: Axis, band_width: int) -> None:
    bands = column_bands(axis, band_width)
    assert bands[0].left == 0
    assert bands[-1].right == axis.length
    assert all(one.right == other.left for one, other in pairwise(bands))
    for band in bands:
        reaching = [
            index for index, start in enumerate(axis.starts) if start < band.right and start + axis.size > band.left
        ]
        assert list(band.tiles) == reaching


@given(axis=axes(), band_width=st.integers(1, 200))
def test_bands_are_not_much_wider_than_asked_for(axis: Axis, band_width: int) -> None:
    for band in column_bands(axis, band_width):
        width = axis.starts[band.tiles[-1]] + axis.size - axis.starts[band.tiles[0]]
        # A band needs at least one tile of its own, and those before it that reach into it.
        assert width <= max(band_width, 2 * axis.size)


def test_a_scene_narrower_than_the_limit_is_one_band() -> None:
    axis = make_axis(1000, 256, 32)
    assert [list(band.tiles) for band in column_bands(axis)] == [list(range(len(axis.starts)))]
