"""Where the pixels of a raster lie on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import pyproj
from affine import Affine
from pyproj import Geod
from pyproj.exceptions import ProjError
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.transform import array_bounds
from rasterio.warp import transform as transform_points
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from groundwork.errors import SpecError

#: Two grids agree when their corners lie nearer than this, in pixels.
TOLERANCE = 0.01
#: Share by which lengths in a CRS may differ from those on the ground where it keeps lengths. UTM's are off by 0.001.
MOST_OFF = 0.01
#: Raised where a place in one CRS has none in another: on another celestial body, or outside of a projection.
NO_TRANSFORMATION = (CRSError, CPLE_BaseError)
_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))

# The flattening of ETRS89 differs in its last bits, and with it the bytes of files, by whether PROJ meets it first by
# its code or in a text, as a process does that is given a grid. Settled here for all processes.
CRS.from_epsg(4258)


@dataclass(frozen=True, slots=True)
class Grid:
    """CRS, geotransform and size of a raster. A raster without georeference has no CRS and counts in pixels."""

    crs: CRS | None
    transform: Affine
    width: int
    height: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north in units of the CRS."""
        west, south, east, north = array_bounds(self.height, self.width, self.transform)
        return min(west, east), min(south, north), max(west, east), max(south, north)

    @property
    def reached_crs(self) -> CRS | None:
        """The CRS into which a transformation gives places as the grid counts them.

        Transformations into degrees give longitudes from -180 to 180. Where the grid counts beyond, as across the 180th
        meridian or from 0 to 360, this CRS gives the 360 degrees around its middle.
        """
        return self.reached_from(self)

    def reached_from(self, other: Grid) -> CRS | None:
        """Return :attr:`reached_crs` for places of another grid, which may count beyond where this one does not."""
        west, _, east, _ = self.bounds
        if self.crs is None or not self.crs.is_geographic or not (self._counts_beyond or other._counts_beyond):
            return self.crs
        return _around(self.crs, (west + east) / 2)

    @property
    def _counts_beyond(self) -> bool:
        west, _, east, _ = self.bounds
        return self.crs is not None and self.crs.is_geographic and (west < -180 or east > 180)

    @property
    def pixel_size(self) -> float:
        """Side of a pixel in units of the CRS (the geometric mean of both sides)."""
        return float(abs(self.transform.determinant) ** 0.5)

    @property
    def metres_per_unit(self) -> float | None:
        """Length on the ground at the centre of what the CRS counts as 1 (the geometric mean of both directions).

        None without a CRS, or where the centre is not on Earth.
        """
        center = self.transform @ (self.width / 2, self.height / 2)
        return None if self.crs is None else _metres_per_unit(self.crs, center)

    @property
    def ground_size(self) -> float | None:
        """Side of a pixel at the centre in metres on the ground (as `pixel_size`); None as of `metres_per_unit`."""
        metres = self.metres_per_unit
        return None if metres is None else self.pixel_size * metres

    @property
    def size_in_metres(self) -> float | None:
        """Side of a pixel as the CRS counts it, where it keeps lengths; elsewhere as `ground_size`."""
        if self.crs is None or not self.keeps_lengths:
            return self.ground_size
        return self.pixel_size * float(self.crs.linear_units_factor[1])

    @property
    def keeps_lengths(self) -> bool:
        """Whether lengths in the CRS are those on the ground, as in UTM, and not in Web Mercator or in degrees."""
        if self.crs is None or not self.crs.is_projected:
            return False
        column, row = self.transform @ (self.width / 2, self.height / 2)
        # It is asked of each file that is opened: those near each other have one answer.
        metres, unit = _metres_per_unit(self.crs, (round(column, -5), round(row, -5))), self.crs.linear_units_factor[1]
        return metres is None or abs(metres / unit - 1) < MOST_OFF

    def part(self, window: Window) -> Grid:
        """Return the grid of a window."""
        old = self.transform
        x, y = old @ (window.col_off, window.row_off)
        # To the last digit as rasterio has it, whose way to it takes ten times as long.
        moved = Affine(old.a, old.b, (x - old.c) + old.c, old.d, old.e, (y - old.f) + old.f)
        return Grid(self.crs, moved, int(window.width), int(window.height))

    def center_coordinates(self) -> tuple[float, float] | None:
        """Return latitude (-90 to 90) and longitude (-180 to 180) of the centre in degrees.

        None without a CRS, or where it is not on Earth.
        """
        if self.crs is None:
            return None
        x, y = self.transform @ (self.width / 2, self.height / 2)
        try:
            longitudes, latitudes = transform_points(self.crs, CRS.from_epsg(4326), [x], [y])[:2]
        except NO_TRANSFORMATION:
            return None
        # Files that count longitudes from 0 to 360 keep that in their own CRS.
        longitude = float(longitudes[0])
        found = float(latitudes[0]), longitude if abs(longitude) <= 180 else (longitude + 180) % 360 - 180
        return found if all(math.isfinite(degrees) for degrees in found) else None

    def overlaps(self, other: Grid) -> bool:
        """Whether both show some ground in common; for grids with a CRS."""
        # Of the larger one, which may be the whole Earth, much may have no place in the CRS of the other.
        return self._meets(other) or other._meets(self)

    def _meets(self, other: Grid) -> bool:
        try:
            west, south, east, north = transform_bounds(other.crs, self.reached_from(other), *other.bounds)
        except NO_TRANSFORMATION:
            return False
        left, bottom, right, top = self.bounds
        # Of degrees across the 180th meridian, the east is less than the west.
        along = west < right and left < east if west <= east else west < right or left < east
        return bool(along and south < top and bottom < north)

    def differences(self, other: Grid) -> list[str]:
        """List in words what differs between this grid and another; empty where they agree."""
        found = []
        if (self.width, self.height) != (other.width, other.height):
            found.append(f"size {other.width} x {other.height} instead of {self.width} x {self.height} pixels")
        if self.crs != other.crs:
            found.append(f"CRS {name_crs(other.crs)} instead of {name_crs(self.crs)}")
        placed = self.transform != Affine.identity() and other.transform != Affine.identity()
        if (placed or (self.crs is not None and other.crs is not None)) and not self._same_corners(other):
            found.append(f"geotransform {_numbers(other.transform)} instead of {_numbers(self.transform)}")
        return found

    def _same_corners(self, other: Grid) -> bool:
        corners = [(0, 0), (self.width, 0), (0, self.height), (self.width, self.height)]
        limit = TOLERANCE * self.pixel_size
        pairs = [(self.transform @ corner, other.transform @ corner) for corner in corners]
        return all(abs(a[0] - b[0]) <= limit and abs(a[1] - b[1]) <= limit for a, b in pairs)


@lru_cache(maxsize=1024)
def _metres_per_unit(crs: CRS, center: tuple[float, float]) -> float | None:
    # A square of about a kilometre; in degrees, which are no lengths, of a hundredth.
    half = 500 / crs.linear_units_factor[1] if crs.is_projected else 0.005
    xs, ys = zip(*((center[0] + x * half, center[1] + y * half) for x, y in _CORNERS), strict=True)
    try:
        longitudes, latitudes = transform_points(crs, CRS.from_epsg(4326), xs, ys)[:2]
    except NO_TRANSFORMATION:
        return None
    area = abs(Geod(ellps="WGS84").polygon_area_perimeter(longitudes, latitudes)[0])
    return area**0.5 / (2 * half) if math.isfinite(area) and area > 0 else None


@lru_cache(maxsize=64)
def _around(crs: CRS, longitude: float) -> CRS:
    said = crs.to_dict()
    if said.get("proj") != "longlat":
        # A rotated pole has degrees of its own.
        return crs
    return CRS.from_dict({**said, "lon_wrap": longitude})


def crs_of(text: str) -> CRS:
    """Return the CRS that a text means by itself.

    Raises:
        CRSError: Where it means none. GDAL would open a file or an address that it names: whoever sends a text to a
            server, or writes a STAC item, would say what is read there.
    """
    try:
        pyproj.CRS.from_user_input(text)
    except ProjError as error:
        raise CRSError(str(error)) from None
    return CRS.from_user_input(text)


def crs_of_text(text: str, key: str) -> CRS:
    """Return the CRS that a text means.

    Args:
        text: Such as ``EPSG:32632``.
        key: Where it is stated, for messages.

    Raises:
        SpecError: Where it means none.
    """
    try:
        return crs_of(text)
    except (CRSError, ValueError) as error:
        raise SpecError(f"'{key}' is '{text}', which is no CRS ({error}): write one such as EPSG:32632") from None


def name_crs(crs: CRS | None) -> str:
    """Return for example ``EPSG:32632``, or ``none``; the beginning of a CRS without a number. For people."""
    return describe_crs(crs)[:80]


def warp_command(grid: Grid) -> str:
    """Return how GDAL brings a raster of classes to a grid; without numbers, where its options cannot say it."""
    turned = grid.transform.b or grid.transform.d or grid.transform.a < 0 or grid.transform.e > 0
    name = describe_crs(grid.crs)
    if turned or not name.startswith("EPSG:"):
        return "gdalwarp -r near -te ... -ts ..."
    bounds = " ".join(f"{number:.15g}" for number in grid.bounds)
    return f"gdalwarp -r near -t_srs {name} -te {bounds} -ts {grid.width} {grid.height}"


def describe_bounds(grid: Grid) -> str:
    """Return west, south, east and north for people."""
    return "(" + ", ".join(f"{number:.8g}" for number in grid.bounds) + ")"


def describe_crs(crs: CRS | None) -> str:
    """Return a text from which the CRS can be made again, such as ``EPSG:32632`` or its whole WKT; or ``none``."""
    return "none" if crs is None else str(crs.to_string())


def _numbers(transform: Affine) -> str:
    return "(" + ", ".join(f"{value:.10g}" for value in transform[:6]) + ")"
