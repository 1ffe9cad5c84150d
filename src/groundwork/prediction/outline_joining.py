"""Join outlines that blocks cut, as soon as no block that is still to come can reach them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

#: Parts are made one as soon as they have so many more points than when this was done last.
_POINTS = 50_000


@dataclass(eq=False, slots=True)
class _Region:
    """Pixels of one class that share sides, as far as they are known."""

    value: int
    parts: list[shapely.Geometry]
    points: int
    #: Of its parts those that lie at borders whose other side is not known yet.
    waiting: set[int] = field(default_factory=set)
    #: When its parts were made one last.
    points_then: int = 0

    def take(self, other: _Region) -> None:
        self.parts += other.parts
        self.points += other.points
        self.points_then += other.points_then
        self.waiting |= other.waiting
        if self.points > 2 * self.points_then + _POINTS:
            self.parts = [shapely.coverage_union_all(self.parts)]
            self.points = self.points_then = int(shapely.get_num_coordinates(self.parts).sum())

    def outlines(self) -> list[shapely.Polygon]:
        """Return its outline, without the points along borders of blocks."""
        parts = shapely.get_parts(shapely.coverage_union_all(self.parts))
        found: list[shapely.Polygon] = shapely.simplify(parts, 0, preserve_topology=False).tolist()
        return found


@dataclass(frozen=True, slots=True)
class Border:
    """A side of a block inside the raster."""

    #: "row" or "column", its number, and where it begins along it; the same for the blocks on both of its sides.
    place: tuple[str, int, int]
    #: For each of its pixels, the part that lies there; 0 where there is none.
    parts: NDArray[np.int64]


class OpenRegions:
    """Regions that are not finished. Memory holds those alone, and the borders that wait for the block behind them.

    Blocks must form rows and columns: each border has one block on either side.
    """

    def __init__(self) -> None:
        self._regions: dict[int, _Region] = {}
        #: In how many borders that wait a part lies.
        self._sides: dict[int, int] = {}
        self._waiting: dict[tuple[str, int, int], NDArray[np.int64]] = {}

    def add(
        self, parts: Sequence[tuple[int, int, shapely.Polygon]], borders: Sequence[Border]
    ) -> Iterator[tuple[int, list[shapely.Polygon]]]:
        """Add those parts of a block that reach its borders; yield the regions that are finished by it.

        Args:
            parts: Number of each, the value of its class, and its outline, with a point at each pixel along borders.
                No two of all blocks have one number.
            borders: Of the block.

        Yields:
            Value of the class, and the outline.
        """
        touched: dict[int, _Region] = {}
        for number, value, shape in parts:
            self._regions[number] = _Region(value, [shape], int(shapely.get_num_coordinates(shape)), {number})
            self._sides[number] = sum(int((border.parts == number).any()) for border in borders)
        for border in borders:
            before = self._waiting.pop(border.place, None)
            if before is None:
                self._waiting[border.place] = border.parts
                continue
            self._join(before, border.parts)
            for number in np.unique(np.concatenate([before, border.parts])).tolist():
                if number:
                    region = self._passed(number)
                    touched[id(region)] = region
        for region in touched.values():
            # A region that was joined with another left its waiting parts to it.
            if not region.waiting and region.parts:
                yield region.value, region.outlines()

    def require_finished(self) -> None:
        """Refuse to go on where a border waits for a block that did not come.

        Raises:
            ValueError: With the border.
        """
        if self._waiting:
            kind, number, start = next(iter(self._waiting))
            raise ValueError(f"No block came that lies at {kind} {number}, from {start} on")

    def _join(self, before: NDArray[np.int64], after: NDArray[np.int64]) -> None:
        if before.shape != after.shape:
            raise ValueError(f"A border has {len(before)} pixels on one side and {len(after)} on the other")
        pairs = np.unique(np.stack([before, after])[:, (before > 0) & (after > 0)], axis=1)
        for number, other in pairs.T.tolist():
            one, two = self._regions[number], self._regions[other]
            if one is two or one.value != two.value:
                continue
            if len(one.waiting) < len(two.waiting):
                one, two = two, one
            one.take(two)
            self._regions.update(dict.fromkeys(two.waiting, one))
            two.parts, two.waiting = [], set()

    def _passed(self, number: int) -> _Region:
        """Take note that a part has one border less to wait for, and return its region."""
        region = self._regions[number]
        self._sides[number] -= 1
        if not self._sides[number]:
            del self._sides[number], self._regions[number]
            region.waiting.discard(number)
        return region
