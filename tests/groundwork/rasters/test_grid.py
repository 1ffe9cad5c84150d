"""Grids: bounds, parts, coordinates and the comparison with another grid."""

from __future__ import annotations

import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from groundwork.rasters.grid import Grid, describe_crs, name_crs, warp_command

UTM = CRS.from_epsg(32632)
NORTH_UP = Grid(UTM, from_origin(500_000, 5_000_000, 10, 10), width=30, height=20)
#: A sphere of Mars' size; PROJ knows no way from there to Earth.
MARS = CRS.from_wkt(
    'PROJCS["Mars",GEOGCS["Mars",DATUM["D_MARS",SPHEROID["MARS",3396190,169.8]],PRIMEM["Reference",0],'
    'UNIT["degree",0.0174532925199433]],PROJECTION["Equirectangular"],PARAMETER["standard_parallel_1",0],'
    'PARAMETER["central_meridian",0],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1]]'
)
ALBERS = CRS.from_proj4("+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=23 +lon_0=-96.5 +datum=WGS84 +units=m +no_defs")


def test_bounds_and_pixel_size() -> None:
    assert NORTH_UP.bounds == (500_000, 4_999_800, 500_300, 5_000_000)
    assert NORTH_UP.pixel_size == 10


@pytest.mark.parametrize(
    ("code", "place", "metres", "keeps"),
    [
        (32632, (500_000, 5_427_000), 0.9996, True),
        (2154, (700_000, 6_600_000), 1.0, True),
        (3857, (1_000_000, 0), 1.0, True),
        # The secant of 49 degrees is 1.524.
        (3857, (1_000_000, 6_274_861), 1 / 1.524, False),
        (3995, (0, -2_000_000), 1.0, True),
        # Sides of a degree are 111.2 km and 73.2 km there.
        (4326, (9, 49), (111_210 * 73_170) ** 0.5, False),
        (2263, (1_000_000, 200_000), 0.3048, True),
    ],
)
def test_lengths_on_the_ground_are_those_of_the_ellipsoid(
    code: int, place: tuple[float, float], metres: float, keeps: bool
) -> None:
    grid = Grid(CRS.from_epsg(code), from_origin(place[0] - 10, place[1] + 10, 2, 2), width=10, height=10)
    assert grid.metres_per_unit == pytest.approx(metres, rel=5e-3)
    assert grid.ground_size == pytest.approx(2 * metres, rel=5e-3)
    assert grid.keeps_lengths == keeps
    counted = 2 * grid.crs.linear_units_factor[1] if keeps and grid.crs else grid.ground_size
    assert grid.size_in_metres == counted


def test_lengths_on_the_ground_are_not_known_of_what_is_elsewhere() -> None:
    assert Grid(None, Affine.identity(), 3, 3).ground_size is None
    assert Grid(MARS, from_origin(0, 0, 10, 10), 3, 3).ground_size is None
    assert Grid(MARS, from_origin(0, 0, 10, 10), 3, 3).keeps_lengths


def test_bounds_of_a_south_up_grid_are_the_same() -> None:
    south_up = Grid(UTM, Affine(10, 0, 500_000, 0, 10, 4_999_800), width=30, height=20)
    assert south_up.bounds == NORTH_UP.bounds
    assert south_up.pixel_size == 10


def test_bounds_of_a_rotated_grid_hold_its_corners() -> None:
    rotated = Grid(UTM, Affine.translation(100, 200) @ Affine.rotation(30) @ Affine.scale(2, -2), width=7, height=5)
    corners = [rotated.transform @ corner for corner in ((0, 0), (7, 0), (0, 5), (7, 5))]
    xs, ys = zip(*corners, strict=True)
    assert rotated.bounds == pytest.approx((min(xs), min(ys), max(xs), max(ys)))
    assert rotated.pixel_size == pytest.approx(2)


@given(row=st.integers(0, 19), column=st.integers(0, 29), height=st.integers(1, 40), width=st.integers(1, 40))
def test_a_part_lies_where_its_pixels_lie(row: int, column: int, height: int, width: int) -> None:
    part = NORTH_UP.part(Window(column, row, width, height))
    assert (part.width, part.height, part.crs) == (width, height, UTM)
    assert part.transform @ (0, 0) == NORTH_UP.transform @ (column, row)
    assert part.transform @ (width, height) == NORTH_UP.transform @ (column + width, row + height)


def test_center_in_degrees() -> None:
    # Easting 500 km of zone 32 is its central meridian, 9 degrees east; northing 0 is the equator.
    grid = Grid(UTM, from_origin(499_900, 100, 10, 10), width=20, height=20)
    latitude, longitude = grid.center_coordinates() or (0.0, 0.0)
    assert latitude == pytest.approx(0, abs=1e-9)
    assert longitude == pytest.approx(9, abs=1e-9)


@pytest.mark.parametrize(
    "grid",
    [
        Grid(None, Affine.identity(), 4, 4),
        Grid(MARS, from_origin(0, 0, 10, 10), 4, 4),
        Grid(
            CRS.from_proj4("+proj=geos +h=35786000 +lon_0=-75 +sweep=x"),
            from_origin(5_400_000, 5_400_000, 10, 10),
            4,
            4,
        ),
    ],
    ids=["no CRS", "another planet", "beside the Earth's disc"],
)
def test_no_center_where_there_is_no_place_on_earth(grid: Grid) -> None:
    assert grid.center_coordinates() is None


def test_a_grid_agrees_with_itself_shifted_by_less_than_the_tolerance() -> None:
    near = Grid(UTM, from_origin(500_000.05, 5_000_000, 10, 10), 30, 20)
    assert NORTH_UP.differences(near) == []


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Grid(UTM, NORTH_UP.transform, 31, 20), "size 31 x 20 instead of 30 x 20 pixels"),
        (Grid(CRS.from_epsg(32633), NORTH_UP.transform, 30, 20), "CRS EPSG:32633 instead of EPSG:32632"),
        (Grid(None, NORTH_UP.transform, 30, 20), "CRS none instead of EPSG:32632"),
        (Grid(UTM, from_origin(500_005, 5_000_000, 10, 10), 30, 20), r"geotransform (10, 0, 500005, 0, -10, 5000000)"),
        (Grid(UTM, from_origin(500_000, 5_000_000, 10, 10.01), 30, 20), "geotransform (10, 0, 500000, 0, -10.01"),
    ],
)
def test_differences_are_named(other: Grid, expected: str) -> None:
    assert any(expected in text for text in NORTH_UP.differences(other))


def test_a_crs_can_be_made_again_from_its_description() -> None:
    assert describe_crs(UTM) == name_crs(UTM) == "EPSG:32632"
    assert describe_crs(None) == name_crs(None) == "none"
    assert len(name_crs(MARS)) <= 80 < len(describe_crs(MARS))
    assert CRS.from_user_input(describe_crs(MARS)) == MARS
    assert CRS.from_user_input(describe_crs(ALBERS)) == ALBERS


@pytest.mark.parametrize(
    ("west", "longitude"), [(190.0, -169.5), (-190.0, 170.5), (359.0, -0.5), (10.0, 10.5), (179.5, 180.0)]
)
def test_longitudes_are_brought_to_one_turn(west: float, longitude: float) -> None:
    grid = Grid(CRS.from_epsg(4326), from_origin(west, 51.0, 0.1, 0.1), 10, 10)
    assert grid.center_coordinates() == pytest.approx((50.5, longitude))


@given(
    corner=st.tuples(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7)),
    pixel=st.tuples(st.floats(1e-5, 1e3), st.floats(-1e3, -1e-5), st.floats(-1, 1)),
    place=st.tuples(st.integers(-500, 50_000), st.integers(-500, 50_000)),
)
def test_a_part_lies_where_rasterio_says_to_the_last_digit(
    corner: tuple[float, float], pixel: tuple[float, float, float], place: tuple[int, int]
) -> None:
    across, down, askew = pixel
    whole = Grid(None, Affine(across, askew, corner[0], askew, down, corner[1]), 60_000, 60_000)
    window = Window(*place, 16, 8)
    part = whole.part(window)
    assert tuple(part.transform) == tuple(window_transform(window, whole.transform))
    assert (part.width, part.height) == (16, 8)


@pytest.mark.parametrize(
    ("grid", "command"),
    [
        (
            Grid(UTM, Affine(10, 0, 500_000.5, 0, -10, 5_000_000), 30, 20),
            "gdalwarp -r near -t_srs EPSG:32632 -te 500000.5 4999800 500300.5 5000000 -ts 30 20",
        ),
        (
            Grid(CRS.from_epsg(4326), Affine(1 / 3600, 0, 11, 0, -1 / 3600, 48), 36, 18),
            "gdalwarp -r near -t_srs EPSG:4326 -te 11 47.995 11.01 48 -ts 36 18",
        ),
        (Grid(UTM, Affine(10, 3, 0, 3, -10, 0), 30, 20), "gdalwarp -r near -te ... -ts ..."),
        (Grid(UTM, Affine(10, 0, 0, 0, 10, 0), 30, 20), "gdalwarp -r near -te ... -ts ..."),
        (Grid(None, Affine.identity(), 30, 20), "gdalwarp -r near -te ... -ts ..."),
    ],
)
def test_the_command_that_brings_classes_to_a_grid_is_said_where_options_say_it(grid: Grid, command: str) -> None:
    assert warp_command(grid) == command
