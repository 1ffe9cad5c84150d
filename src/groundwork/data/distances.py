"""How far samples lie from each other on the ground, whatever their CRS, also across the date line.

Pairs that may be near are found among centres on a sphere, or on the plane of samples that have no place on Earth.
Their distance is then measured in the CRS of the first, between the boxes that they cover.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import transform as transform_points
from scipy.spatial import cKDTree

from groundwork.rasters.grid import NO_TRANSFORMATION

Numbers = NDArray[np.float64]

EARTH_RADIUS_M = 6_371_008.8
#: A degree of a meridian where it is shortest, and of the equator: no distance is overstated.
METRES_PER_LATITUDE, METRES_PER_LONGITUDE = 110_574.0, 111_319.0
#: Share of a pixel by which boxes are shrunk before it is asked who is near: boxes that only touch do not overlap.
TOUCHING = 0.01
#: Candidates are looked for this much farther than needed: the Earth is no sphere, and no map is true to scale.
MARGIN = 1.1
#: Points on each edge of a box that are brought to another CRS.
POINTS = np.linspace(0, 1, 9)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of places that may be near, and what lies between them."""

    #: Rows of the table: of the samples at each place, the first that was chosen.
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    #: Distance between the boxes in units of the first one's CRS, or in pixels where it has none.
    distance: Numbers
    #: The same in metres; NaN without a CRS.
    metres: Numbers
    #: Shared area as a share of the smaller box.
    overlap: Numbers


class Places:
    """Samples with the boxes they cover. Those that cover the very same are one place, as several dates of a scene."""

    def __init__(self, samples: pd.DataFrame) -> None:
        """Take a table with ``scene``, ``crs``, ``pixel_size`` and bounds in units of the CRS."""
        self.crs = samples["crs"].astype(str).to_numpy(object)
        self.plane = np.where(self.crs == "none", "pixels of " + samples["scene"].astype(str), self.crs).astype(object)
        bounds = samples[["west", "south", "east", "north"]].to_numpy(np.float64)
        pixel = samples["pixel_size"].to_numpy(np.float64)
        inset = np.where(pixel < bounds[:, 2] - bounds[:, 0], TOUCHING * pixel, 0.0)
        #: What each covers, and the same without its outermost edge, in units of the CRS.
        self.bounds = bounds
        self.boxes = bounds + inset[:, None] * np.array([1, 1, -1, -1])
        covered = pd.DataFrame(bounds).assign(plane=self.plane, pixel=pixel)
        #: For each row, the first row of the table that covers the same.
        rows = pd.Series(np.arange(len(bounds)))
        self.place = rows.groupby([covered[name] for name in covered], dropna=False).transform("first").to_numpy()
        self.centers, self.radii = np.zeros((len(bounds), 3)), np.zeros(len(bounds))
        #: Samples are compared within a group: all with a place on Earth, or those of one plane.
        self.group = self.plane.copy()
        #: Metres on the ground for each unit of the CRS: in the mean, and along the longer of both axes.
        self.ground, self.most_ground = np.full(len(bounds), np.nan), np.full(len(bounds), np.nan)
        for name in dict.fromkeys(self.plane):
            self._place(np.flatnonzero(self.plane == name))

    def _place(self, rows: NDArray[np.int64]) -> None:
        west, south, east, north = self.boxes[rows].T
        middle = np.stack([(west + east) / 2, (south + north) / 2], axis=1)
        flat = np.concatenate([middle, np.zeros((len(rows), 1))], axis=1)
        half = np.hypot(east - west, north - south) / 2
        crs = str(self.crs[rows[0]])
        corners = [(middle[:, 0], middle[:, 1]), (west, south), (west, north), (east, south), (east, north)]
        earth = None if crs == "none" else _on_sphere(crs, corners)
        if earth is None:
            self.centers[rows], self.radii[rows] = flat, half
            return
        self.group[rows], self.centers[rows] = "Earth", earth[0]
        self.radii[rows] = np.linalg.norm(earth[1:] - earth[0], axis=2).max(axis=0)
        self.ground[rows] = self.radii[rows] / half
        # A degree of longitude is nearly nothing near a pole, one of latitude is not.
        _, sw, nw, se, _ = earth
        sides = (np.linalg.norm(se - sw, axis=1) / (east - west), np.linalg.norm(nw - sw, axis=1) / (north - south))
        self.most_ground[rows] = np.maximum(np.maximum(*sides), self.ground[rows])

    def pairs(self, first: NDArray[np.bool_], second: NDArray[np.bool_], reach: Numbers | None) -> Pairs:
        """Measure pairs of a place of ``first`` and another place of ``second``, once for all samples that lie there.

        Args:
            first: Chooses rows.
            second: Chooses rows.
            reach: For each row of the table, up to which distance others are wanted, in units of its CRS; the same for
                all rows at one place. Boxes that only touch are then not near. None: only those pairs among which the
                nearest of all is, and how far that is.
        """
        found = [
            candidates
            for group in dict.fromkeys(self.group[first])
            if (near := self._once(first & (self.group == group))).size
            and (other := self._once(second & (self.group == group))).size
            for candidates in [self._candidates(near, other, reach)]
        ]
        pairs = np.concatenate([*found, np.empty((2, 0), np.int64)], axis=1)
        rows, others = pairs[:, pairs[0] != pairs[1]]
        return self._measure(rows, others, self.bounds if reach is None else self.boxes)

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows of the table lie at the place of one of these."""
        return np.isin(self.place, self.place[rows])

    def counts(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return, for each row of the table, how many of the chosen rows lie at its place."""
        counted: NDArray[np.int64] = np.bincount(self.place[chosen], minlength=len(self.place))[self.place]
        return counted

    def _once(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the first of the chosen rows at each place, in their order."""
        rows = np.flatnonzero(chosen)
        return rows[np.sort(np.unique(self.place[rows], return_index=True)[1])]

    def _candidates(
        self, near: NDArray[np.int64], other: NDArray[np.int64], reach: Numbers | None
    ) -> NDArray[np.int64]:
        tree = cKDTree(self.centers[other])
        largest = float(self.radii[other].max())
        if reach is None:
            to_nearest = tree.query(self.centers[near])[0]
            promising = to_nearest - self.radii[near] - largest <= to_nearest.min() * MARGIN
            near, wanted = near[promising], to_nearest[promising]
        else:
            wanted = reach[near] * np.where(np.isnan(self.most_ground[near]), 1.0, self.most_ground[near])
        found = tree.query_ball_point(self.centers[near], (wanted + self.radii[near] + largest) * MARGIN)
        counts = [len(entries) for entries in found]
        return np.stack([near.repeat(counts), other[np.concatenate([*found, []]).astype(np.int64)]])

    def _measure(self, first: NDArray[np.int64], second: NDArray[np.int64], boxes: Numbers) -> Pairs:
        own, others = boxes[first], boxes[second].copy()
        for chosen, here, there in self._crossings(first, second):
            others[chosen] = _in_crs(boxes[second[chosen]], there, here)
        placed = np.isfinite(others).all(axis=1)
        first, second, own, others = first[placed], second[placed], own[placed], others[placed]
        degrees = np.array([_is_geographic(crs) for crs in self.crs], np.bool_)[first]
        turn = 360 * np.round((own[:, [0, 2]].mean(axis=1) - others[:, [0, 2]].mean(axis=1)) / 360)
        others[:, [0, 2]] += np.where(degrees, turn, 0)[:, None]
        gap = np.maximum(np.maximum(others[:, :2] - own[:, 2:], own[:, :2] - others[:, 2:]), 0)
        shared = np.clip(np.minimum(own[:, 2:], others[:, 2:]) - np.maximum(own[:, :2], others[:, :2]), 0, None)
        areas = np.minimum((own[:, 2:] - own[:, :2]).prod(axis=1), (others[:, 2:] - others[:, :2]).prod(axis=1))
        distance = np.hypot(*gap.T)
        return Pairs(
            first, second, distance, self._metres(first, gap, degrees), shared.prod(axis=1) / np.maximum(areas, 1e-300)
        )

    def _metres(self, rows: NDArray[np.int64], gap: Numbers, degrees: NDArray[np.bool_]) -> Numbers:
        """Return the length of gaps on the ground, never overstated by a map that shows things too large."""
        scale = np.array([_metres_per_unit(crs) for crs in self.crs], np.float64)[rows]
        stretched = scale / self.ground[rows]
        metres = np.hypot(*gap.T) * np.where(stretched > 1.01, self.ground[rows], scale)
        latitude = np.radians(np.clip(self.boxes[rows][:, [1, 3]].mean(axis=1), -90, 90))
        along = np.hypot(gap[:, 0] * np.cos(latitude) * METRES_PER_LONGITUDE, gap[:, 1] * METRES_PER_LATITUDE)
        return np.asarray(np.where(degrees, along, metres), np.float64)

    def _crossings(
        self, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], str, str]]:
        """Yield the pairs whose samples have different CRS, by both CRS."""
        apart = np.flatnonzero(self.plane[first] != self.plane[second])
        both = pd.DataFrame({"here": self.crs[first[apart]], "there": self.crs[second[apart]]})
        for (here, there), rows in both.groupby(["here", "there"]).groups.items():
            yield apart[rows.to_numpy()], str(here), str(there)


def _on_sphere(crs: str, points: list[tuple[Numbers, Numbers]]) -> Numbers | None:
    """Return points (points, samples, 3) in metres on a sphere; None where the CRS has no place on Earth for them."""
    x, y = (np.concatenate(part) for part in zip(*points, strict=True))
    try:
        longitudes, latitudes = (np.radians(part) for part in transform_points(crs, "EPSG:4326", x, y)[:2])
    except NO_TRANSFORMATION:
        return None
    around = np.cos(latitudes)
    placed = np.stack([around * np.cos(longitudes), around * np.sin(longitudes), np.sin(latitudes)], axis=1)
    return EARTH_RADIUS_M * placed.reshape(len(points), -1, 3) if np.isfinite(placed).all() else None


def outlines_in(boxes: Numbers, there: str, here: str) -> Numbers:
    """Bring boxes to another CRS: points around each, (boxes, points, 2); not finite where one has no place there.

    Args:
        boxes: West, south, east and north, (boxes, 4).
        there: Their CRS.
        here: The other one.
    """
    west, south, east, north = boxes.T[..., None]
    across, up = west + (east - west) * POINTS, south + (north - south) * POINTS
    along_south, along_north = np.broadcast_to(south, across.shape), np.broadcast_to(north, across.shape)
    along_west, along_east = np.broadcast_to(west, up.shape), np.broadcast_to(east, up.shape)
    x = np.concatenate([across, along_east, across[:, ::-1], along_west], axis=1)
    y = np.concatenate([along_south, up, along_north, up[:, ::-1]], axis=1)
    try:
        xs, ys = (np.array(part).reshape(x.shape) for part in transform_points(there, here, x.ravel(), y.ravel())[:2])
    except NO_TRANSFORMATION:
        return np.full((*x.shape, 2), np.inf)
    if _is_geographic(here):
        # Edges that cross the date line keep together.
        xs = xs + 360 * np.round(np.nan_to_num(xs[:, :1] - xs) / 360)
    return np.stack([xs, ys], axis=2).astype(np.float64)


def _in_crs(boxes: Numbers, there: str, here: str) -> Numbers:
    """Bring boxes to another CRS: the boxes around their edges; not finite where one has no place there."""
    outlines = outlines_in(boxes, there, here)
    placed: Numbers = np.concatenate([outlines.min(axis=1), outlines.max(axis=1)], axis=1)
    return placed


@cache
def _parsed(crs: str) -> CRS:
    return CRS.from_user_input(crs)


def _is_geographic(crs: str) -> bool:
    return crs != "none" and bool(_parsed(crs).is_geographic)


def _metres_per_unit(crs: str) -> float:
    if crs == "none" or _parsed(crs).is_geographic:
        return float("nan")
    return float(_parsed(crs).linear_units_factor[1])
