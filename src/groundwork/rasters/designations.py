"""What the names of band files say of their bands: the designations of Sentinel-2, HLS and Landsat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from groundwork.errors import RasterError
from groundwork.rasters.folder import RasterFolder
from groundwork.specs import BandSpec, RasterSpec

#: Sensor -> designation of a band of reflectance -> its centre in nanometres. Sentinel-2: ESA's spectral response
#: functions 3.0 of S2A; Landsat: https://www.usgs.gov/faqs/what-are-band-designations-landsat-satellites.
CENTRES = {
    "Sentinel-2": {
        **{"1": 443, "2": 492, "3": 560, "4": 665, "5": 704, "6": 740, "7": 783, "8": 833, "8A": 865, "9": 945},
        **{"10": 1374, "11": 1614, "12": 2202},
    },
    "Landsat 8 and 9": {"1": 443, "2": 482, "3": 561, "4": 655, "5": 865, "6": 1609, "7": 2201, "8": 590, "9": 1373},
    "Landsat 7": {"1": 478, "2": 561, "3": 661, "4": 835, "5": 1650, "7": 2208, "8": 706},
    "Landsat 4 and 5": {"1": 486, "2": 570, "3": 660, "4": 840, "5": 1676, "7": 2223},
}
#: What names of products and folders begin with -> the sensor.
_SENSORS = {
    r"S2[A-D]_|HLS\.S30\.|T\d\d[A-Z]{3}_\d{8}T\d{6}_": "Sentinel-2",
    r"L[CO]0[89]_|HLS\.L30\.": "Landsat 8 and 9",
    r"LE07_": "Landsat 7",
    r"LT0[45]_": "Landsat 4 and 5",
}
_BAND = re.compile(r"(?:^|[_.])B(?P<number>0?8A|\d{1,2})(?:_\d+m)?\.(?:tiff?|jp2)$", re.IGNORECASE)
#: Words of band names -> between which wavelengths they lie. The first that fits counts.
_WORDS = {
    r"COASTAL|AEROSOL": (425, 460),
    r"RED_?EDGE": (690, 880),
    r"BLUE": (440, 515),
    r"GREEN": (510, 600),
    r"NIR": (740, 960),
    r"CIRRUS": (1350, 1400),
    r"SWIR_?(?:1|16)": (1500, 1780),
    r"SWIR_?(?:2|22)": (2000, 2400),
    r"RED": (620, 690),
}
#: Share by which a declared wavelength may differ: bands of two sensors that are alike do by less, other bands by more.
_MOST_OFF = 0.04


def check_designation(path: Path, band: BandSpec, spec: RasterSpec) -> None:
    """Refuse a file of one band whose name says that it is another one than the pattern it was found by.

    Nothing is said by names without a designation, and by such as `B3` where no sensor is named.

    Raises:
        RasterError: Where both are known and contradict one another.
    """
    said = _said(str(path)) if spec.descriptions == "check" else ()
    if not said or any(_agrees(number, centre, band.name, band.wavelength_nm) for _, number, centre in said):
        return
    sensor, number, centre = said[0]
    stated = band.name if band.wavelength_nm is None else f"{band.name}, {band.wavelength_nm:g} nm"
    raise RasterError(
        path,
        f"by its name band B{number} of {sensor} ({centre} nm)",
        f"'{stated}', as the order of 'bands' and of the files' patterns says",
        "Correct the order, or name and 'wavelength_nm' of the band. Bands of one number differ between sensors: those "
        "of Landsat 5 and 8 are named in a table of rasters. 'descriptions: ignore' asks no names.",
    )


def require_one_meaning(folder: RasterFolder, spec: RasterSpec) -> None:
    """Refuse files of one band whose names say that they are of sensors that mean another thing by its number.

    Each by itself may agree with the name of the band, as `B4` of Landsat 5 and of Landsat 8 do with `B4`. A band whose
    wavelength is stated is compared with it where the file is opened.

    Raises:
        RasterError: With the first file that contradicts one before it.
    """
    if spec.descriptions != "check":
        return
    first: dict[str, tuple[Path, tuple[str, str, int]]] = {}
    for key, band, path in _band_files(folder, spec):
        said = () if band.wavelength_nm is not None else _said(str(path))
        if len(said) != 1:
            continue
        sensor, number, centre = said[0]
        earlier, (its_sensor, its_number, its_centre) = first.setdefault(band.name, (path, said[0]))
        if abs(centre - its_centre) > _MOST_OFF * its_centre:
            raise RasterError(
                path,
                f"by its name band B{number} of {sensor} ({centre} nm) as band '{band.name}' of '{key}'",
                f"one meaning in all scenes: {earlier} is B{its_number} of {its_sensor} ({its_centre} nm)",
                "Name the files of each sensor by what they show in a table of rasters, so that near infrared stands "
                "with near infrared, or leave one sensor out. 'descriptions: ignore' asks no names.",
            )


def _band_files(folder: RasterFolder, spec: RasterSpec) -> Iterator[tuple[str, BandSpec, Path]]:
    """Yield the files that hold one band each, with it and the key of their raster."""
    for key, names in folder.files.items():
        if len(names) % len(spec.bands) == 0:
            for index, name in enumerate(names):
                yield key, spec.bands[index % len(spec.bands)], folder.locate(name)


@lru_cache(maxsize=65536)
def _said(path: str) -> tuple[tuple[str, str, int], ...]:
    """Return sensor, designation and centre that a path may mean: nothing, one, or several where no sensor is named."""
    found = _BAND.search(path.rpartition("/")[2])
    if found is None:
        return ()
    number = found["number"].upper().lstrip("0")
    named = [sensor for pattern, sensor in _SENSORS.items() if re.search(rf"(?:^|/)[^/]*?(?:{pattern})", path)]
    if not named and not (found["number"].startswith("0") or number == "8A"):
        return ()
    sensors = named or ["Sentinel-2", "Landsat 8 and 9"]
    return tuple((sensor, number, CENTRES[sensor][number]) for sensor in sensors if number in CENTRES[sensor])


@lru_cache(maxsize=1024)
def _agrees(number: str, centre: int, name: str, wavelength_nm: float | None) -> bool:
    if wavelength_nm is not None:
        return abs(wavelength_nm - centre) <= _MOST_OFF * centre
    designated = designation_of(name)
    if designated is not None:
        return designated == number
    limits = _limits_of(name)
    return limits is None or limits[0] <= centre <= limits[1]


def designation_of(name: str) -> str | None:
    """Return the number of a band whose name is a designation, such as 8A of ``B8A``; None for other names."""
    found = re.fullmatch(r"B(0?8A|\d{1,2})", name.upper())
    return None if found is None else found[1].lstrip("0")


@lru_cache(maxsize=1024)
def spectrum_of(name: str, wavelength_nm: float | None = None) -> tuple[tuple[float, float], ...]:
    """Return between which wavelengths a band may lie, in nanometres; nothing where neither name nor centre says so.

    Several ranges are of sensors that mean another band each by one designation.
    """
    if wavelength_nm is not None:
        return (_around(wavelength_nm),)
    number = designation_of(name)
    if number is not None:
        return tuple(_around(centres[number]) for centres in CENTRES.values() if number in centres)
    limits = _limits_of(name)
    return () if limits is None else (limits,)


def _around(centre: float) -> tuple[float, float]:
    return centre * (1 - _MOST_OFF), centre * (1 + _MOST_OFF)


def _limits_of(name: str) -> tuple[int, int] | None:
    name = name.upper().replace("-", "_").replace(" ", "_")
    whole = (limits for words, limits in _WORDS.items() if re.search(rf"(?:^|_)(?:{words})(?=$|_|\d)", name))
    return next(whole, None)
