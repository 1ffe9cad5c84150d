"""What was found in overlapping tiles is put together: each object once, and whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.prediction.joining import Found, join
from groundwork.prediction.tiles import make_axis

Box = tuple[float, float, float, float]
#: Tiles of 64 pixels, of which neighbours share 16: they begin at 0, 48, 96 and 136.
ROWS, COLUMNS = make_axis(200, 64, 16), make_axis(200, 64, 16)


def shown(objects: list[tuple[Box, int]], shake: Callable[[], float] = lambda: 0.0, least: float = 1.0) -> Found:
    """What a detector would find of objects in each tile: what is to be seen of them there."""
    rows, tiles = [], []
    for down, top in enumerate(ROWS.starts):
        for across, left in enumerate(COLUMNS.starts):
            for (west, north, east, south), label in objects:
                low, high = (max(west, left), max(north, top)), (min(east, left + 64), min(south, top + 64))
                if high[0] - low[0] >= least and high[1] - low[1] >= least:
                    rows.append([low[0] + shake(), low[1] + shake(), high[0] + shake(), high[1] + shake(), 0.9, label])
                    tiles.append([down, across])
    return Found(np.array(rows, np.float64).reshape(-1, 6), np.array(tiles, np.int64).reshape(-1, 2))


def drawn(objects: list[shapely.Polygon]) -> Found:
    """What a detector would find with outlines: of each object the parts that a tile shows of it."""
    rows, tiles, outlines = [], [], []
    for down, top in enumerate(ROWS.starts):
        for across, left in enumerate(COLUMNS.starts):
            for shape in objects:
                for part in shapely.get_parts(shapely.intersection(shape, shapely.box(left, top, left + 64, top + 64))):
                    if part.area > 0:
                        rows.append([*part.bounds, 0.9, 0])
                        tiles.append([down, across])
                        outlines.append(part)
    return Found(np.array(rows, np.float64), np.array(tiles, np.int64), np.array(outlines, object))


def angle(leg: Box, foot: Box) -> shapely.Polygon:
    """A shape of two boxes that meet."""
    return shapely.union(shapely.box(*leg), shapely.box(*foot))


def boxes_of(found: np.ndarray) -> list[Box]:
    return [tuple(row[:4].tolist()) for row in found]


@pytest.mark.parametrize(
    "box",
    [
        (10, 10, 20, 20),  # in one tile
        (50, 10, 60, 20),  # whole in two
        (42, 10, 56, 20),  # whole in one, cut by the next
        (56, 56, 70, 70),  # cut by three of four, whole in the last
        (45, 45, 68, 68),  # cut by all of four
        (30, 10, 90, 20),  # longer than the overlap, and cut by both
        (5, 100, 195, 110),  # through all tiles of a row
        (100, 5, 110, 195),  # through all tiles of a column
        (20, 20, 180, 180),  # larger than a tile
        (0, 0, 8, 200),  # along the edge of the scene
    ],
    ids=str,
)
def test_an_object_is_found_once_and_whole(box: Box) -> None:
    found = join(shown([(box, 0)]), ROWS, COLUMNS).rows
    assert boxes_of(found) == [box]
    assert found[0, 4:].tolist() == [0.9, 0]


@pytest.mark.parametrize(
    "shapes",
    [
        [angle((10, 48, 16, 90), (10, 84, 50, 90))],  # the leg alone is seen above, and less of it than of the foot
        [angle((20, 10, 26, 130), (20, 124, 130, 130))],  # larger than a tile
        [angle((20, 10, 26, 60), (20, 10, 80, 16)), angle((90, 24, 96, 60), (34, 54, 96, 60))],  # around each other
    ],
    ids=["leg", "large", "two"],
)
def test_outlines_that_bend_are_found_once_and_apart(shapes: list[shapely.Polygon]) -> None:
    found = join(drawn(shapes), ROWS, COLUMNS)
    assert found.outlines is not None
    assert len(found.outlines) == len(shapes)
    for shape in shapes:
        assert any(shapely.equals(outline, shape) for outline in found.outlines)
    assert {row[:4] for row in map(tuple, found.rows.tolist())} == {shape.bounds for shape in shapes}


def test_nothing_found_is_nothing() -> None:
    assert join(shown([]), ROWS, COLUMNS).rows.shape == (0, 6)


def test_objects_beside_one_another_stay_apart() -> None:
    # Both are cut by the border of a tile at column 64, one below the other; so are two classes in the same place.
    objects = [((30.0, 10.0, 90.0, 20.0), 0), ((30.0, 24.0, 90.0, 34.0), 0), ((32.0, 12.0, 88.0, 22.0), 1)]
    found = join(shown(objects), ROWS, COLUMNS).rows
    assert sorted(boxes_of(found)) == sorted(box for box, _ in objects)


def test_boxes_of_one_tile_are_left_as_the_detector_gave_them() -> None:
    rows = np.array([[10, 10, 30, 30, 0.9, 0], [10, 10, 29, 30, 0.8, 0]], np.float64)
    assert len(join(Found(rows, np.zeros((2, 2), np.int64)), ROWS, COLUMNS).rows) == 2
    other = np.array([[0, 0], [0, 1]])
    within = rows + np.array([40, 0, 25, 0, 0, 0])
    assert join(Found(within, other), ROWS, COLUMNS).rows.tolist() == within[:1].tolist()


def test_an_object_is_taken_from_the_tile_to_whose_middle_it_lies_nearest() -> None:
    # Tiles from 0 and from 48: the first, at whose end the object lies, shows half of it to be sure of.
    rows = np.array([[52, 10, 57, 20, 0.9, 0], [52, 10, 62, 20, 0.6, 0]], np.float64)
    beside = Found(rows + np.array([5, 0, 5, 0, 0, 0]), np.array([[0, 0], [0, 1]]))
    assert join(beside, ROWS, COLUMNS).rows.tolist() == [[57, 10, 67, 20, 0.6, 0]]


def test_parts_that_are_unsure_are_left_apart() -> None:
    # Both reach over the overlap of tiles from 0 and from 48.
    parts = np.array([[30, 10, 64, 20, 0.9, 0], [48, 10, 90, 20, 0.6, 0]], np.float64)
    tiles = np.array([[0, 0], [0, 1]])
    assert join(Found(parts, tiles), ROWS, COLUMNS).rows.tolist() == [[30, 10, 90, 20, 0.6, 0]]
    parts[1, 4] = 0.3
    assert boxes_of(join(Found(parts, tiles), ROWS, COLUMNS).rows) == [(30, 10, 64, 20), (48, 10, 90, 20)]


def test_they_come_from_above_to_below() -> None:
    objects = [((90.0, 120.0, 95.0, 125.0), 0), ((150.0, 5.0, 155.0, 10.0), 0), ((5.0, 5.0, 10.0, 10.0), 1)]
    found = join(shown(objects), ROWS, COLUMNS).rows
    assert [row[:2] for row in boxes_of(found)] == [(5, 5), (150, 5), (90, 120)]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_objects_apart_are_found_once_where_boxes_are_a_little_off(seed: int) -> None:
    random = np.random.default_rng(seed)
    objects = []
    for row in range(5, 190, 40):
        for column in range(5, 190, 40):
            side = random.uniform(6, 15, 2)
            left, top = column + random.uniform(0, 12), row + random.uniform(0, 12)
            box = (left, top, min(left + side[0], 200.0), min(top + side[1], 200.0))
            objects.append((tuple(float(edge) for edge in box), int(random.integers(0, 2))))
    # Objects are smaller than the overlap, so that each lies whole in a tile; detectors find nothing of slivers.
    found = join(shown(objects, lambda: float(random.uniform(-0.4, 0.4)), least=4.0), ROWS, COLUMNS).rows
    expected = np.array([box for box, _ in objects])
    nearest = [np.abs(expected - row[:4]).max(axis=1).min() for row in found]
    assert len(found) == len(objects)
    assert max(nearest) <= 0.41
