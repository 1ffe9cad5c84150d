"""TorchGeo's names of bands, sensor by sensor, in the words of this library. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

RGB = ("RED", "GREEN", "BLUE")
_SENTINEL2 = {
    "1": "COASTAL",
    "2": "BLUE",
    "3": "GREEN",
    "4": "RED",
    "5": "RED_EDGE_1",
    "6": "RED_EDGE_2",
    "7": "RED_EDGE_3",
    "8": "NIR_BROAD",
    "8A": "NIR_NARROW",
    "9": "WATER_VAPOR",
    "10": "CIRRUS",
    "11": "SWIR_1",
    "12": "SWIR_2",
}
#: Landsat 4 to 7. The thermal band of Landsat 7 comes at two gains; the first stands for it.
_TM = {
    "1": "BLUE",
    "2": "GREEN",
    "3": "RED",
    "4": "NIR_BROAD",
    "5": "SWIR_1",
    "6": "THERMAL_1",
    "6_VCID_1": "THERMAL_1",
    "6_VCID_2": "THERMAL_1_HIGH_GAIN",
    "7": "SWIR_2",
    "8": "PAN",
}
#: Landsat 8 and 9.
_OLI = {
    "1": "COASTAL",
    "2": "BLUE",
    "3": "GREEN",
    "4": "RED",
    "5": "NIR_NARROW",
    "6": "SWIR_1",
    "7": "SWIR_2",
    "8": "PAN",
    "9": "CIRRUS",
    "10": "THERMAL_1",
    "11": "THERMAL_2",
}
_BY_SENSOR = {
    "SENTINEL2": _SENTINEL2,
    "LANDSAT_TM": _TM,
    "LANDSAT_ETM": _TM,
    "LANDSAT_OLI": _OLI,
    # Satlas trained on Landsat 8 and 9.
    "LANDSAT": _OLI,
    "SENTINEL1": {},
}
_PIXEL_SIZES = {"SENTINEL": 10.0, "LANDSAT": 30.0}
_LETTERS = {"R": "RED", "G": "GREEN", "B": "BLUE"}


def sensor_of(name: str) -> str | None:
    """Return which of the known sensors an entry such as ``SENTINEL2_ALL_MOCO`` names. None: none of them."""
    return next((sensor for sensor in _BY_SENSOR if name.startswith(sensor)), None)


def pixel_size_of(name: str) -> float | None:
    """Return the ground sampling distance of an entry's sensor, in metres."""
    return next((size for sensor, size in _PIXEL_SIZES.items() if name.startswith(sensor)), None)


def name_bands(names: Sequence[str], sensor: str | None) -> tuple[str, ...]:
    """Return the bands in the words of this library; a name that has no such word stays.

    Args:
        names: TorchGeo's names, such as ``B04``, ``B8a``, ``SR_B3``, ``VV`` or ``R``.
        sensor: As :func:`sensor_of` gives it.
    """
    table = _BY_SENSOR.get(sensor or "", {})
    return tuple(_LETTERS.get(name) or table.get(_number_of(name), name) for name in names)


def _number_of(name: str) -> str:
    return name.upper().removeprefix("SR_").removeprefix("B").lstrip("0")
