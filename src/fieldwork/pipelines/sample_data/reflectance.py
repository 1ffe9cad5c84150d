"""What the landscapes of the embedded sample look like from above.

This is sample data and no part of the product: it lets the template run end to end without a download.

Every sub-pixel, half a pixel wide, is a linear mixture of a few materials, lit by the sun over the terrain; the sensor
averages, blurs and rounds, and the air adds haze, clouds and their shadows.

The reflectance of the materials follows published models and tables, averaged over the bands of Landsat 8/9 OLI that
HLS keeps, and rounded:

* canopies: PROSAIL (Jacquemoud et al. 2009, doi:10.1016/j.rse.2008.01.026), seen from the nadir with the sun 35
  degrees from the zenith; the forests are darkened for the shade between crowns, which PROSAIL leaves out;
* soils: the wet and the dry soil that come with PROSAIL, mixed three to one, and the sand of 6S;
* water: the lake and the clear water of 6S (Vermote et al. 1997, doi:10.1109/36.581987);
* roofs, streets and clouds: estimates of ours, from no single record.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
#: What part of each sub-pixel a material takes, by its name.
Shares = dict[str, NDArray[np.floating] | float]

WATER, FOREST, CROPLAND, GRASSLAND, BUILT_UP, BARE_SOIL = range(1, 7)

NODATA: Final = -9999
PIXEL_SIZE_M: Final = 30.0

#: Reflectance in BLUE, GREEN, RED, NIR_NARROW, SWIR_1, SWIR_2.
_SPECTRA: Final = {
    "clear_water": (0.041, 0.056, 0.041, 0.003, 0.001, 0.001),
    "lake_water": (0.073, 0.082, 0.067, 0.020, 0.003, 0.001),
    "needleleaf": (0.012, 0.024, 0.012, 0.230, 0.105, 0.040),
    "broadleaf": (0.016, 0.036, 0.016, 0.355, 0.165, 0.063),
    "green_crop": (0.017, 0.039, 0.016, 0.480, 0.218, 0.088),
    "green_grass": (0.023, 0.046, 0.028, 0.300, 0.195, 0.100),
    "dry_grass": (0.059, 0.106, 0.115, 0.346, 0.364, 0.230),
    "moist_soil": (0.075, 0.088, 0.106, 0.158, 0.245, 0.208),
    "bright_soil": (0.102, 0.130, 0.177, 0.291, 0.380, 0.374),
    "roof_tile": (0.080, 0.108, 0.172, 0.250, 0.340, 0.325),
    "concrete": (0.135, 0.160, 0.188, 0.240, 0.310, 0.295),
    "asphalt": (0.075, 0.085, 0.098, 0.135, 0.185, 0.170),
}
_CLOUD: Final = np.array([0.68, 0.67, 0.66, 0.65, 0.48, 0.36], np.float32)[:, None, None]
#: What haze adds to a black surface; molecules and fine particles scatter short waves most.
_HAZE: Final = np.array([0.055, 0.036, 0.024, 0.012, 0.004, 0.002], np.float32)[:, None, None]
#: Standard deviation of the sensor's noise, in reflectance.
_NOISE: Final = np.array([0.0020, 0.0020, 0.0020, 0.0035, 0.0030, 0.0025], np.float32)[:, None, None]
#: Sunlight left where a cloud hides the sun: the blue sky still shines.
_SHADOW: Final = np.array([0.50, 0.44, 0.38, 0.32, 0.28, 0.26], np.float32)[:, None, None]

_SUN_AZIMUTH: Final = np.deg2rad(152.0)


@dataclass(frozen=True)
class Ground:
    """A landscape in sub-pixels, two by two to a pixel: every array is (2 height, 2 width)."""

    #: One of the six classes everywhere.
    classes: NDArray[np.uint8]
    elevation_m: Floats
    #: A number for every field and every plot of a town: what one owner treats alike.
    parcels: NDArray[np.int32]
    #: Phase in radians of the strips in which each field is sown.
    strips: Floats
    #: Whether a street of a town runs here.
    streets: NDArray[np.bool_]


@dataclass(frozen=True)
class Sky:
    """When and through what air a scene is seen."""

    day_of_year: int
    #: From 0 (clear) to about 1 (milky).
    haze: float = 0.2
    #: Part of the scene under clouds.
    cloud_share: float = 0.0
    #: Whether the edge of the swath cuts a corner off.
    has_swath_edge: bool = False

    @property
    def sun_elevation(self) -> float:
        """Height of the sun in radians at the overpass, about 10:30 at 50 degrees north."""
        return float(np.deg2rad(34.0 + 23.4 * np.sin(2 * np.pi * (self.day_of_year - 81) / 365)))

    @property
    def greenness(self) -> float:
        """How far the season has come, from 0 (winter) to 1 (late June)."""
        return float(np.clip(0.5 + 0.55 * np.sin(2 * np.pi * (self.day_of_year - 84) / 365), 0, 1))


def make_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float, roughness: float = 4.0) -> Floats:
    """Draw a random surface of mean 0 and deviation 1.

    Args:
        rng: Where the randomness comes from.
        shape: Height and width.
        scale: Size in cells of the largest features.
        roughness: Steepness of the spectrum below that size: 2 is rough, 4 is smooth.
    """
    waves = np.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    waves *= (1 + (frequency * scale) ** 2) ** (-roughness / 2)
    surface = np.fft.irfft2(waves, shape)
    return np.asarray((surface - surface.mean()) / surface.std(), np.float32)


def photograph(ground: Ground, sky: Sky, rng: np.random.Generator) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Picture a landscape as an HLS scene.

    Returns:
        The reflectance times 10 000 (6, height, width), and where thick cloud or missing data hide the ground
        (height, width).
    """
    surface = _paint(ground, sky, rng) * _shade(ground.elevation_m, sky)
    scene = np.stack([ndimage.gaussian_filter(band, 0.45) for band in _average(surface)])
    cloud, shadow = _make_clouds(sky, scene.shape[1:], rng)
    scene = scene * (1 - shadow * (1 - _SHADOW))
    scene = _add_haze(scene, sky, rng)
    scene = scene * (1 - cloud) + _CLOUD * cloud
    scene += _NOISE * rng.standard_normal(scene.shape, dtype=np.float32)
    image = np.clip(np.rint(scene * 10_000), 0, 10_000).astype(np.int16)
    is_missing = _cut_corner(sky, scene.shape[1:], rng)
    image[:, is_missing] = NODATA
    return image, is_missing | (cloud > 0.35)


def _paint(ground: Ground, sky: Sky, rng: np.random.Generator) -> Floats:
    """Return the reflectance (6, 2 height, 2 width) of the ground, evenly lit."""
    painters = {
        WATER: _mix_water,
        FOREST: _mix_forest,
        CROPLAND: _mix_cropland,
        GRASSLAND: _mix_grassland,
        BUILT_UP: _mix_built_up,
        BARE_SOIL: _mix_bare_soil,
    }
    shape = ground.classes.shape
    surface = np.zeros((6, *shape), np.float32)
    for code, mix in painters.items():
        here = ground.classes == code
        shares, brightness = mix(ground, sky, rng)
        mixture = np.zeros((6, np.count_nonzero(here)), np.float32)
        for material, share in shares.items():
            mixture += np.array(_SPECTRA[material], np.float32)[:, None] * np.broadcast_to(share, shape)[here]
        surface[:, here] = mixture * brightness[here]
    return surface


def _mix_water(ground: Ground, sky: Sky, rng: np.random.Generator) -> tuple[Shares, Floats]:
    """Mix clear and turbid water: the whole scene shares its clarity, currents vary it a little."""
    shape = ground.classes.shape
    turbid = np.clip(rng.uniform(0.1, 0.7) + 0.15 * make_noise(rng, shape, 60), 0, 1)
    depth = 0.6 + 0.08 * make_noise(rng, shape, 30)
    weeds = np.clip(0.03 + 0.08 * make_noise(rng, shape, 40), 0, 0.5) * sky.greenness
    return {"lake_water": turbid, "clear_water": 1 - turbid, "green_grass": weeds}, depth


def _mix_forest(ground: Ground, sky: Sky, rng: np.random.Generator) -> tuple[Shares, Floats]:
    """Mix stands of needle and broad leaves, rough with lit and shaded crowns."""
    shape = ground.classes.shape
    needle = np.clip(0.35 + 0.45 * make_noise(rng, shape, 90, 3.0), 0, 1)
    floor = np.clip(0.32 + 0.18 * make_noise(rng, shape, 50), 0, 0.8)
    leaf = (1 - needle) * (1 - floor) * (0.4 + 0.6 * sky.greenness)
    twigs = (1 - needle) * (1 - floor) - leaf
    age = np.exp(0.32 * np.clip(make_noise(rng, shape, 70, 3.0), -1.8, 0.7))
    crowns = 0.20 * make_noise(rng, shape, 5.0, 3.0) + 0.16 * make_noise(rng, shape, 2.0, 2.0)
    shares: Shares = {
        "needleleaf": needle * (1 - floor),
        "broadleaf": leaf,
        "dry_grass": 0.5 * twigs + 0.45 * floor,
        "green_grass": 0.55 * floor,
    }
    return shares, np.clip(1.15 + crowns, 0.35, 1.7) * age


def _mix_cropland(ground: Ground, sky: Sky, rng: np.random.Generator) -> tuple[Shares, Floats]:
    """Mix green and ripe crops with the soil between the strips in which they are sown."""
    parcels = ground.parcels
    cover = np.clip(_per_parcel(rng, parcels, 0.45, 1.35) + 0.3 * (sky.greenness - 0.6), 0.4, 1)
    gaps = _per_parcel(rng, parcels, 0.40, 0.70) * (0.5 + 0.5 * np.sin(ground.strips))
    cover *= 1 - gaps
    ripe = np.clip(_per_parcel(rng, parcels, -0.6, 1.0 if 150 < sky.day_of_year < 270 else 0.6), 0, 1)
    shares: Shares = {"green_crop": cover * (1 - ripe), "dry_grass": cover * ripe, **_mix_soil(ground, 1 - cover, rng)}
    return shares, _vary(ground, rng, 0.16)


def _mix_grassland(ground: Ground, sky: Sky, rng: np.random.Generator) -> tuple[Shares, Floats]:
    """Mix green, lush and dry grass, in blotches of wet and dry."""
    parcels = ground.parcels
    blotches = make_noise(rng, ground.classes.shape, 12)
    green = np.clip(_per_parcel(rng, parcels, 0.1, 1.1) + 0.4 * (sky.greenness - 0.6) + 0.16 * blotches, 0, 1)
    lush = _per_parcel(rng, parcels, 0.0, 0.7)
    worn = np.clip(_per_parcel(rng, parcels, -0.2, 0.55), 0, 1)
    shares: Shares = {
        "green_crop": green * lush * (1 - worn),
        "green_grass": green * (1 - lush) * (1 - worn),
        "dry_grass": (1 - green) * (1 - worn),
        **_mix_soil(ground, worn, rng),
    }
    return shares, _vary(ground, rng, 0.16) * (1 - 0.08 * blotches)


def _mix_built_up(ground: Ground, sky: Sky, rng: np.random.Generator) -> tuple[Shares, Floats]:
    """Mix roofs, yards and gardens plot by plot, with asphalt on the streets."""
    parcels = ground.parcels
    kind = _per_parcel(rng, parcels, 0, 1)
    paved = 0.75 * ground.streets.astype(np.float32)
    garden = (1 - paved) * _per_parcel(rng, parcels, 0.0, 0.95) * (0.5 + 0.5 * sky.greenness)
    roof = 1 - paved - garden
    shares: Shares = {
        "roof_tile": roof * (kind < 0.5),
        "concrete": roof * ((kind >= 0.5) & (kind < 0.65)),
        "bright_soil": roof * ((kind >= 0.65) & (kind < 0.88)),
        "asphalt": paved + roof * (kind >= 0.88),
        "broadleaf": 0.5 * garden,
        "green_grass": 0.5 * garden,
    }
    return shares, 0.9 * _vary(ground, rng, 0.25)


def _mix_bare_soil(ground: Ground, sky: Sky, rng: np.random.Generator) -> tuple[Shares, Floats]:
    """Mix moist and bright soil with what the harvest or the first shoots leave on it."""
    straw = _per_parcel(rng, ground.parcels, 0.0, 0.55)
    shoots = sky.greenness * _per_parcel(rng, ground.parcels, 0.0, 0.35)
    shares: Shares = {"dry_grass": straw, "green_crop": shoots, **_mix_soil(ground, 1 - straw - shoots, rng)}
    return shares, _vary(ground, rng, 0.14)


def _mix_soil(ground: Ground, share: NDArray[np.floating], rng: np.random.Generator) -> Shares:
    """Divide a share of soil between moist and bright, by field and by the lie of the land."""
    land = 0.18 * make_noise(rng, ground.classes.shape, 120)
    bright = np.clip(land + _per_parcel(rng, ground.parcels, 0.1, 0.7), 0, 1)
    return {"moist_soil": share * (1 - bright), "bright_soil": share * bright}


def _vary(ground: Ground, rng: np.random.Generator, deviation: float) -> Floats:
    """Return a brightness around 1 that differs from parcel to parcel and a little from sub-pixel to sub-pixel."""
    grain = rng.standard_normal(ground.parcels.shape, dtype=np.float32)
    spread = deviation * 3**0.5
    return _per_parcel(rng, ground.parcels, 1 - spread, 1 + spread) * (1 + 0.04 * grain)


def _per_parcel(rng: np.random.Generator, parcels: NDArray[np.int32], low: float, high: float) -> Floats:
    """Draw one number for each parcel and give it to all its sub-pixels."""
    return rng.uniform(low, high, int(parcels.max()) + 1).astype(np.float32)[parcels]


def _shade(elevation_m: Floats, sky: Sky) -> Floats:
    """Return the light on the terrain, 1 on flat ground: part from the sun, by its angle, part from the sky."""
    south, east = np.gradient(elevation_m, PIXEL_SIZE_M / 2)
    toward_sun = east * np.sin(_SUN_AZIMUTH) - south * np.cos(_SUN_AZIMUTH)
    zenith = np.pi / 2 - sky.sun_elevation
    cosine = (np.cos(zenith) - np.sin(zenith) * toward_sun) / np.sqrt(1 + south**2 + east**2)
    return np.asarray(0.18 + 0.82 * np.clip(cosine, 0, None) / np.cos(zenith), np.float32)


def _average(surface: Floats) -> Floats:
    """Average sub-pixels two by two into pixels."""
    bands, height, width = surface.shape
    return np.asarray(surface.reshape(bands, height // 2, 2, width // 2, 2).mean(axis=(2, 4)), np.float32)


def _add_haze(scene: Floats, sky: Sky, rng: np.random.Generator) -> Floats:
    """Veil the scene with haze that thickens in one direction."""
    haze = np.clip(sky.haze * (1 + 0.8 * _make_ramp(scene.shape[1:], rng.uniform(0, 2 * np.pi))), 0, None)
    return np.asarray(scene * (1 - 2 * _HAZE * haze) + _HAZE * haze, np.float32)


def _make_clouds(sky: Sky, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the opacity of clouds and the depth of their shadows, from 0 to 1, both (height, width)."""
    billows = make_noise(rng, (shape[0], shape[1]), 70, 3.0)
    if sky.cloud_share == 0:
        return np.zeros_like(billows), np.zeros_like(billows)
    opacity = np.clip(1.6 * (billows - np.quantile(billows, 1 - sky.cloud_share)), 0, 1)
    # A cloud 900 m up throws its shadow away from the sun by this many pixels.
    reach = 900 / np.tan(sky.sun_elevation) / PIXEL_SIZE_M
    offset = reach * np.cos(_SUN_AZIMUTH), -reach * np.sin(_SUN_AZIMUTH)
    return opacity, np.clip(ndimage.shift(opacity, offset, order=1), 0, 1)


def _cut_corner(sky: Sky, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return where the scene lies beyond the slanted edge of the swath (height, width)."""
    # Satellites on their polar orbits cross these latitudes some 14 degrees off the north.
    ramp = _make_ramp(shape, rng.choice([0.0, np.pi]) + 0.25)
    return ramp > 0.72 if sky.has_swath_edge else np.zeros(shape, np.bool_)


def _make_ramp(shape: tuple[int, ...], turn: float) -> Floats:
    """Return a plane from about -1 to about 1 that rises in a direction in radians, 0 being east (height, width)."""
    rows, columns = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    return rows[:, None] * math.sin(turn) + columns * math.cos(turn)
