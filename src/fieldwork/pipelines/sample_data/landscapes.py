"""Ten made-up landscapes, georeferenced and labelled: the embedded sample.

This is sample data and no part of the product: it lets the template run end to end without a download. Here it is
decided where is what; :mod:`.reflectance` decides what that looks like from above.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fieldwork.pipelines.sample_data.reflectance import (
    BARE_SOIL,
    BUILT_UP,
    CROPLAND,
    FOREST,
    GRASSLAND,
    PIXEL_SIZE_M,
    WATER,
    Floats,
    Ground,
    Sky,
    make_noise,
    photograph,
)

#: The names of the labels, by their number; 0 is unknown, and is neither learnt nor judged.
CLASS_NAMES: Final = ("unknown", "water", "forest", "cropland", "grassland", "built_up", "bare_soil")


@dataclass(frozen=True)
class Landscape:
    """A scene with its label and its place on Earth."""

    name: str
    #: Reflectance times 10 000, -9999 where missing (6, height, width); the bands are BLUE, GREEN, RED, NIR_NARROW,
    #: SWIR_1 and SWIR_2.
    image: NDArray[np.int16]
    #: The class of each pixel (height, width), numbered as in CLASS_NAMES.
    label: NDArray[np.uint8]
    epsg: int
    #: Coordinate of the left edge of the leftmost pixels, in metres.
    west: float
    #: Coordinate of the upper edge of the uppermost pixels, in metres.
    north: float
    pixel_size_m: float
    #: Day of acquisition, as in 2021-06-30.
    acquired: str


@dataclass(frozen=True)
class _Site:
    """What is fixed about a scene; the seed decides the rest."""

    name: str
    epsg: int
    west: int
    north: int
    #: In pixels.
    height: int
    width: int
    acquired: str
    relief_m: float
    forest_share: float
    #: Chances of a field to be cropland, grassland, bare soil and a wood.
    fields: tuple[float, float, float, float]
    num_towns: int
    has_river: bool
    lake_share: float
    haze: float = 0.2
    cloud_share: float = 0.0
    has_swath_edge: bool = False


# fmt: off
_SITES: Final = (
    _Site(
        "alder_valley", 32632, 412_980, 5_432_010, 320, 384, "2021-05-18",
        relief_m=150, forest_share=0.30, fields=(0.45, 0.30, 0.20, 0.05), num_towns=3, lake_share=0.01,
        has_river=True,
    ),
    _Site(
        "birch_hollow", 32632, 468_030, 5_391_990, 264, 300, "2021-07-02",
        relief_m=210, forest_share=0.42, fields=(0.35, 0.45, 0.14, 0.06), num_towns=2, lake_share=0.00,
        has_river=True, cloud_share=0.06,
    ),
    _Site(
        "copper_heath", 32632, 529_980, 5_500_020, 288, 256, "2022-09-08",
        relief_m=60, forest_share=0.22, fields=(0.40, 0.28, 0.28, 0.04), num_towns=2, lake_share=0.05,
        has_river=False, has_swath_edge=True,
    ),
    _Site(
        "dunlin_marsh", 32632, 448_020, 5_610_000, 224, 352, "2022-06-11",
        relief_m=25, forest_share=0.12, fields=(0.30, 0.56, 0.08, 0.06), num_towns=1, lake_share=0.08,
        has_river=True, haze=0.6,
    ),
    _Site(
        "elm_crossing", 32632, 600_000, 5_467_980, 400, 336, "2021-04-21",
        relief_m=70, forest_share=0.15, fields=(0.42, 0.25, 0.29, 0.04), num_towns=5, lake_share=0.01,
        has_river=True,
    ),
    _Site(
        "foxglove_ridge", 32632, 642_000, 5_364_000, 272, 208, "2023-08-15",
        relief_m=330, forest_share=0.52, fields=(0.30, 0.55, 0.10, 0.05), num_towns=2, lake_share=0.03,
        has_river=False, cloud_share=0.05,
    ),
    _Site(
        "gorse_plain", 32632, 573_990, 5_589_990, 416, 400, "2023-06-03",
        relief_m=30, forest_share=0.12, fields=(0.52, 0.20, 0.24, 0.04), num_towns=4, lake_share=0.02,
        has_river=True, haze=0.4, has_swath_edge=True,
    ),
    _Site(
        "hazel_lakes", 32633, 381_990, 5_880_000, 336, 296, "2022-05-26",
        relief_m=80, forest_share=0.38, fields=(0.38, 0.38, 0.19, 0.05), num_towns=2, lake_share=0.13,
        has_river=False,
    ),
    _Site(
        "iris_meadows", 32633, 436_020, 5_766_000, 240, 240, "2021-09-24",
        relief_m=50, forest_share=0.20, fields=(0.35, 0.43, 0.17, 0.05), num_towns=2, lake_share=0.02,
        has_river=True, haze=0.5, cloud_share=0.04,
    ),
    _Site(
        "juniper_fields", 32633, 510_000, 5_451_990, 304, 368, "2023-07-19",
        relief_m=110, forest_share=0.25, fields=(0.46, 0.27, 0.22, 0.05), num_towns=3, lake_share=0.02,
        has_river=True, cloud_share=0.04, has_swath_edge=True,
    ),
)
# fmt: on


def generate_landscapes(seed: int, num_scenes: int = 10) -> Iterator[Landscape]:
    """Make the scenes of the sample one by one, the same for the same seed.

    Args:
        seed: Decides all that is random; a scene does not depend on how many are asked for.
        num_scenes: How many, from the first; ten at most.

    Raises:
        ValueError: If more scenes are asked for than there are sites.
    """
    if not 0 <= num_scenes <= len(_SITES):
        raise ValueError(f"num_scenes is {num_scenes}; the sample has sites for 0 to {len(_SITES)} scenes")
    seeds = np.random.SeedSequence(seed).spawn(len(_SITES))
    return (_make_landscape(site, child) for site, child in zip(_SITES[:num_scenes], seeds[:num_scenes], strict=True))


def _make_landscape(site: _Site, seed: np.random.SeedSequence) -> Landscape:
    rng = np.random.default_rng(seed)
    ground = _lay_out(site, rng)
    day_of_year = date.fromisoformat(site.acquired).timetuple().tm_yday
    sky = Sky(day_of_year, site.haze, site.cloud_share, site.has_swath_edge)
    image, is_hidden = photograph(ground, sky, rng)
    label = np.where(is_hidden, 0, _vote(ground.classes)).astype(np.uint8)
    return Landscape(
        name=site.name,
        image=image,
        label=label,
        epsg=site.epsg,
        west=float(site.west),
        north=float(site.north),
        pixel_size_m=PIXEL_SIZE_M,
        acquired=site.acquired,
    )


def _vote(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give each pixel the class of most of its four sub-pixels."""
    height, width = classes.shape
    quarters = classes.reshape(height // 2, 2, width // 2, 2)
    votes = np.stack([(quarters == code).sum(axis=(1, 3)) for code in range(len(CLASS_NAMES))])
    return np.asarray(votes.argmax(axis=0), np.uint8)


def _lay_out(site: _Site, rng: np.random.Generator) -> Ground:
    """Lay fields over the terrain, then what takes their place: woods, towns and, over all, water."""
    shape = 2 * site.height, 2 * site.width
    hills = make_noise(rng, shape, 260, 3.2)
    parcels, strips = _lay_fields(shape, rng)
    kinds = np.array([CROPLAND, GRASSLAND, BARE_SOIL, FOREST], np.uint8)
    classes = rng.choice(kinds, int(parcels.max()) + 1, p=site.fields)[parcels]
    classes[_is_top(hills + make_noise(rng, shape, 110, 2.6), site.forest_share)] = FOREST
    streets = np.zeros(shape, np.bool_)
    for _ in range(site.num_towns):
        town, plots, town_streets = _lay_town(classes, rng)
        classes[town] = BUILT_UP
        parcels = np.where(town, plots + parcels.max() + 1, parcels)
        streets |= town & town_streets
    elevation_m = site.relief_m * hills
    if site.has_river:
        distance = _measure_river(shape, rng)
        meadows = distance < 9 + 7 * make_noise(rng, shape, 50)
        classes[meadows & (classes != BUILT_UP)] = GRASSLAND
        classes[distance < 0] = WATER
        elevation_m = elevation_m * (1 - np.exp(-np.clip(distance, 0, None) / 40))
    classes[_is_top(make_noise(rng, shape, 55) - 0.8 * hills, site.lake_share)] = WATER
    return Ground(classes, elevation_m.astype(np.float32), parcels.astype(np.int32), strips, streets)


def _is_top(surface: Floats, share: float) -> NDArray[np.bool_]:
    """Return where a surface is highest, for a share of it."""
    return surface > np.quantile(surface, 1 - share)


def _rotate(shape: tuple[int, int], angle: Floats | float) -> tuple[Floats, Floats]:
    """Return the coordinates of every sub-pixel along and across a direction given in radians."""
    y, x = np.indices(shape, dtype=np.float32)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    return along.astype(np.float32), across.astype(np.float32)


def _lay_fields(shape: tuple[int, int], rng: np.random.Generator) -> tuple[NDArray[np.int32], Floats]:
    """Divide the land into fields, in estates that each have a direction and a size of field.

    Returns:
        The number of each field, and the phase of the strips in which it is sown.
    """
    num_estates = 4 + shape[0] * shape[1] // 40_000
    corners = rng.uniform(0, shape, (num_estates, 2))
    y, x = np.indices(shape, dtype=np.float32)
    estate = np.argmin([(y - row) ** 2 + (x - column) ** 2 for row, column in corners], axis=0)
    angle = rng.uniform(0, np.pi, num_estates).astype(np.float32)[estate]
    width = rng.uniform(20, 42, num_estates).astype(np.float32)[estate]
    along, across = _rotate(shape, angle)
    row = _number(estate, across // width)
    length = width * rng.uniform(1.2, 2.6, row.max() + 1).astype(np.float32)[row]
    start = rng.uniform(0, 1000, row.max() + 1).astype(np.float32)[row]
    fields = _number(row, (along + start) // length)
    period = rng.uniform(7.0, 11.0, fields.max() + 1).astype(np.float32)[fields]
    return fields, (2 * np.pi * across / period).astype(np.float32)


def _number(groups: NDArray[np.integer], cells: Floats) -> NDArray[np.int32]:
    """Number from 0 all different pairs of a group and a cell."""
    cells = cells - cells.min()
    pairs = groups.astype(np.int64) * (int(cells.max()) + 1) + cells.astype(np.int64)
    numbers = np.unique(pairs, return_inverse=True)[1]
    return numbers.reshape(groups.shape).astype(np.int32)


def _lay_town(
    classes: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.bool_]]:
    """Found a town among the fields.

    Returns:
        Where the town is, the number of each plot, and where the grid of streets would run.
    """
    shape = classes.shape
    height, width = shape
    row, column = divmod(int(rng.choice(np.flatnonzero(classes != FOREST))), width)
    y, x = np.indices((height, width), dtype=np.float32)
    radius = rng.uniform(28, 58)
    extent = np.hypot(y - row, x - column) * (1 + 0.22 * make_noise(rng, (height, width), 60, 4.0))
    along, across = _rotate((height, width), rng.uniform(0, np.pi))
    block_length, block_width = rng.uniform(14, 22), rng.uniform(9, 13)
    streets = (along % block_length < 1.6) | (across % block_width < 1.6)
    plots = _number(_number(np.zeros(shape, np.int32), along // (block_length / 4)), across // (block_width / 2))
    return extent < radius, plots, streets


def _measure_river(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return how far each sub-pixel lies from the nearer bank of a winding river, below 0 in the river.

    The direction of a meandering river swings like a sine along its course (Langbein and Leopold 1966).
    """
    diagonal = float(np.hypot(*shape))
    steps = np.arange(0, 3 * diagonal, 0.5)
    wave = rng.uniform(130, 220)
    drift = 0.45 * np.sin(2 * np.pi * steps / rng.uniform(5, 9) / wave + rng.uniform(0, 2 * np.pi))
    swing = rng.uniform(0.8, 1.3) * np.sin(2 * np.pi * steps / wave + 1.2 * np.sin(steps / (2.3 * wave)))
    heading = rng.uniform(0, 2 * np.pi) + drift + swing
    course = np.cumsum(np.stack([np.sin(heading), np.cos(heading)]) * 0.5, axis=1)
    middle = np.array(shape)[:, None] * rng.uniform(0.35, 0.65, (2, 1))
    rows, columns = np.rint(course - course[:, [course.shape[1] // 2]] + middle).astype(np.int64)
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    is_dry = np.ones(shape, np.bool_)
    is_dry[rows[inside], columns[inside]] = False
    half_width = rng.uniform(3.0, 6.0) * (1 + 0.2 * make_noise(rng, shape, 80))
    return np.asarray(ndimage.distance_transform_edt(is_dry) - half_width, np.float32)
