"""Put together what was found in overlapping tiles: each object once, and whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from groundwork.prediction.tiles import Axis
from groundwork.targets.object_matching import overlaps
from groundwork.targets.object_scores import SHOWN

#: A box that ends nearer than this to a border of its tile is taken for cut by it, in pixels: detectors place edges
#: about as well as that.
NEAR = 2.0
#: Boxes of one class from different tiles that overlap by more than this are one object.
SAME = 0.5
#: Two parts of an object share at least this of their extent along the border that cuts them.
ALONG = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """Objects of a scene, each with the tile that it was found in."""

    #: Left, top, right and bottom in pixels of the scene, score, and class index (objects, 6).
    rows: NDArray[np.float64]
    #: Number of the tile along both axes (objects, 2): row of tiles, column of tiles.
    tiles: NDArray[np.int64]
    #: The outline of each in pixels of the scene (objects,). None: boxes alone are known.
    outlines: NDArray[np.object_] | None = None

    def __getitem__(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> Found:
        return Found(self.rows[kept], self.tiles[kept], None if self.outlines is None else self.outlines[kept])


def together(parts: Sequence[Found]) -> Found:
    """Return the objects of several. Those of all have outlines, or of none; who has no objects, has none of either."""
    outlines = [part.outlines for part in parts if part.outlines is not None]
    columns = np.concatenate([part.rows for part in parts]), np.concatenate([part.tiles for part in parts])
    return Found(*columns, np.concatenate(outlines) if outlines else None)


def join(found: Found, rows: Axis, columns: Axis) -> Found:
    """Return each object once, from above to below.

    What a border cuts is taken from the tile that holds all of it, and what several hold from that to whose middle it
    lies nearest. Where no tile holds all, as the object is larger than the overlap, its parts are joined. Of boxes from
    different tiles that are one object still, the one of the highest score is kept; those of one tile are left as the
    detector gave them. Outlines follow their boxes, and those of parts are united.

    Args:
        found: In all tiles.
        rows: Tiles along the vertical axis.
        columns: Along the horizontal axis.
    """
    sides = _cut_sides(found, rows, columns)
    is_cut = np.asarray(sides.any(axis=1))
    kept = ~_is_better_elsewhere(found, sides, rows, columns)
    found, sides, is_cut = found[kept], sides[kept], is_cut[kept]
    whole, joined = found[~is_cut], _join_parts(found[is_cut], sides[is_cut], rows, columns)
    single = _once(together([whole, joined]))
    left, top, _, _, score, label = single.rows.T
    # Rounded, as places of boxes differ in their last digits between machines.
    return single[np.lexsort((-score, label, left.round(1), top.round(1)))]


def _cut_sides(found: Found, rows: Axis, columns: Axis) -> NDArray[np.bool_]:
    """Return which sides of each box lie at a border of its tile inside the scene: left, top, right, bottom."""
    sides = np.zeros((len(found.rows), 4), np.bool_)
    for axis, number, low in ((columns, 1, 0), (rows, 0, 1)):
        starts = np.array(axis.starts)[found.tiles[:, number]]
        ends = starts + axis.size
        sides[:, low] = (starts > 0) & (found.rows[:, low] < starts + NEAR)
        sides[:, low + 2] = (ends < axis.length) & (found.rows[:, low + 2] > ends - NEAR)
    return sides


def _is_better_elsewhere(found: Found, sides: NDArray[np.bool_], rows: Axis, columns: Axis) -> NDArray[np.bool_]:
    """Return which boxes another tile of their row, or column, shows better along an axis.

    It holds all of what a border cuts, or the box lies nearer to its middle.
    """
    better = np.zeros(len(sides), np.bool_)
    for axis, number, ends in ((columns, 1, [0, 2]), (rows, 0, [1, 3])):
        edges = found.rows[:, ends]
        better |= sides[:, ends].any(axis=1) & _is_held(edges, axis)
        better |= _is_nearer_elsewhere(edges, found.tiles[:, number], axis)
    return better


def _is_held(edges: NDArray[np.float64], axis: Axis) -> NDArray[np.bool_]:
    """Return whether some tile reaches beyond both edges (boxes, 2), by more than is uncertain."""
    last = np.searchsorted(axis.starts, edges[:, 0], side="right") - 1
    # The last tile is moved back to the edge, so that up to three hold the same pixel.
    held = [_holds(edges, (last - before).clip(min=0), axis) for before in range(3)]
    return np.asarray(np.logical_or.reduce(held))


def _is_nearer_elsewhere(edges: NDArray[np.float64], tiles: NDArray[np.int64], axis: Axis) -> NDArray[np.bool_]:
    """Return whether the middle of a box lies nearer to that of another tile, which holds all of it."""
    starts = np.array(axis.starts, np.float64)
    between = (starts[1:] + starts[:-1] + axis.size) / 2
    middle = edges.mean(axis=1)
    before, after = (np.concatenate(part) for part in (([-np.inf], between), (between, [np.inf])))
    beyond = (middle < before[tiles] - NEAR) | (middle > after[tiles] + NEAR)
    return np.asarray(beyond & _holds(edges, np.searchsorted(between, middle), axis))


def _holds(edges: NDArray[np.float64], tiles: NDArray[np.int64], axis: Axis) -> NDArray[np.bool_]:
    start = np.array(axis.starts)[tiles]
    end = start + axis.size
    after_start = (start == 0) | (edges[:, 0] >= start + NEAR)
    return np.asarray(after_start & ((end == axis.length) | (edges[:, 1] <= end - NEAR)))


def _join_parts(parts: Found, sides: NDArray[np.bool_], rows: Axis, columns: Axis) -> Found:
    """Return objects of which each tile shows a part, as the box around the parts: as sure as the least sure one."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - it takes memory that maps do not need
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - as above

    boxes = parts.rows
    one, other = _pairs(boxes, NEAR)
    # Of what is unsure a chain of parts would lead from any place to any other.
    may = (boxes[one, 5] == boxes[other, 5]) & (np.minimum(boxes[one, 4], boxes[other, 4]) >= SHOWN)
    one, other = one[may], other[may]
    across = _continue(boxes, sides, (one, other), 0) & (_shared(boxes, one, other, 1) >= ALONG)
    down = _continue(boxes, sides, (one, other), 1) & (_shared(boxes, one, other, 0) >= ALONG)
    linked = across | down
    if parts.outlines is not None:
        linked &= shapely.distance(parts.outlines[one], parts.outlines[other]) <= NEAR
        linked |= _cover_the_same(parts, parts.outlines, (one, other), rows, columns)
    count = len(boxes)
    links = coo_array((np.ones(int(linked.sum())), (one[linked], other[linked])), shape=(count, count))
    number, labels = connected_components(links, directed=False) if count else (0, np.zeros(0, int))
    joined = np.zeros((number, 6))
    outlines = None if parts.outlines is None else np.zeros(number, object)
    for index in range(number):
        group = boxes[labels == index]
        joined[index] = [*group[:, :2].min(axis=0), *group[:, 2:4].max(axis=0), group[:, 4].min(), group[0, 5]]
        if parts.outlines is not None and outlines is not None:
            outlines[index] = shapely.union_all(parts.outlines[labels == index])
    # Each is of a tile of its own, as it is in none.
    return Found(joined, -1 - np.repeat(np.arange(number), 2).reshape(-1, 2), outlines)


def _continue(
    boxes: NDArray[np.float64], sides: NDArray[np.bool_], pair: tuple[NDArray[np.int64], NDArray[np.int64]], axis: int
) -> NDArray[np.bool_]:
    """Return of which pairs one is cut at its end along an axis, and the other, further on, at its beginning."""
    one, other = pair
    start = boxes[:, axis]
    forth = sides[one, axis + 2] & sides[other, axis] & (start[one] <= start[other] + NEAR)
    back = sides[other, axis + 2] & sides[one, axis] & (start[other] <= start[one] + NEAR)
    return np.asarray(forth | back)


def _cover_the_same(
    parts: Found,
    outlines: NDArray[np.object_],
    pair: tuple[NDArray[np.int64], NDArray[np.int64]],
    rows: Axis,
    columns: Axis,
) -> NDArray[np.bool_]:
    """Return of which pairs most of the one lies in the other, where the tiles of both show the same ground.

    What bends may show a border ever so little of itself, however much of it lies beyond.
    """
    one, other = pair
    left, top = (np.array(axis.starts)[parts.tiles[:, at]] for axis, at in ((columns, 1), (rows, 0)))
    tiles = shapely.box(left, top, left + columns.size, top + rows.size)
    ground = shapely.intersection(tiles[one], tiles[other])
    # Where outlines only touch that ground, lines remain, which no area lies in.
    first, second = (shapely.buffer(shapely.intersection(outlines[index], ground), 0) for index in pair)
    least = np.minimum(shapely.area(first), shapely.area(second))
    is_shown = (least > 0) & (parts.tiles[one] != parts.tiles[other]).any(axis=1)
    return np.asarray(is_shown & (shapely.area(shapely.intersection(first, second)) > SAME * least))


def _shared(
    boxes: NDArray[np.float64], one: NDArray[np.int64], other: NDArray[np.int64], axis: int
) -> NDArray[np.float64]:
    """Return what pairs share of their extents along an axis, as a share of what both cover."""
    low, high = boxes[:, axis], boxes[:, axis + 2]
    shared = np.minimum(high[one], high[other]) - np.maximum(low[one], low[other])
    covered = np.maximum(high[one], high[other]) - np.minimum(low[one], low[other])
    return np.asarray(shared.clip(min=0) / covered)


def _once(found: Found) -> Found:
    """Return objects without those that another tile shows as well, with a higher score."""
    boxes, tiles = found.rows, found.tiles
    one, other = _pairs(boxes, 0.0)
    candidates = (boxes[one, 5] == boxes[other, 5]) & (tiles[one] != tiles[other]).any(axis=1)
    one, other = one[candidates], other[candidates]
    shares = np.array([overlaps(boxes[[a], :4], boxes[[b], :4])[0, 0] for a, b in zip(one, other, strict=True)])
    doubles: dict[int, list[int]] = {}
    for a, b in zip(one[shares > SAME].tolist(), other[shares > SAME].tolist(), strict=True):
        doubles.setdefault(a, []).append(b)
        doubles.setdefault(b, []).append(a)
    dropped: set[int] = set()
    for index in np.argsort(-boxes[:, 4], kind="stable").tolist():
        if index not in dropped:
            dropped.update(doubles.get(index, []))
    kept = np.array([index for index in range(len(boxes)) if index not in dropped], np.int64)
    return found[kept]


def _pairs(boxes: NDArray[np.float64], reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which boxes meet, each pair once; those that end nearer to one another than ``reach`` do as well."""
    grown = boxes[:, :4] + np.array([-reach, -reach, reach, reach])
    shapes = shapely.box(*grown.T)
    one, other = shapely.STRtree(shapes).query(shapes)
    first = one < other
    return one[first], other[first]
