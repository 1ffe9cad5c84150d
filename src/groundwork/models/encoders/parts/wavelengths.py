"""The wavelengths of the rasters' bands, for encoders that know bands by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundwork.errors import ComponentError, SpecError
from groundwork.specs import RasterSpec

#: The polarisations of radar, which has no colours.
RADAR_BANDS = ("VV", "VH", "HH", "HV")
#: Bandwidths of Sentinel-2 in nanometres as Copernicus-FM was trained with (https://github.com/zhu-xlab/Copernicus-FM).
_SENTINEL2_WIDTHS_NM = {
    "COASTAL": 20.0,
    "BLUE": 65.0,
    "GREEN": 35.0,
    "RED": 30.0,
    "RED_EDGE_1": 15.0,
    "RED_EDGE_2": 15.0,
    "RED_EDGE_3": 20.0,
    "NIR_BROAD": 115.0,
    "NIR_NARROW": 20.0,
    "WATER_VAPOR": 20.0,
    "CIRRUS": 30.0,
    "SWIR_1": 90.0,
    "SWIR_2": 180.0,
}


def require_wavelengths(
    name: str, inputs: RasterSpec, radar: float | Mapping[str, float] | None = None
) -> tuple[float, ...]:
    """Return the centre wavelength of each band that is read, in nanometres.

    Args:
        name: The encoder that asks, for the message.
        inputs: What the rasters hold.
        radar: What stands for a band of radar (VV, VH, HH, HV), whatever its wavelength; by name, where bands of radar
            differ. None: it needs one, too.

    Raises:
        SpecError: It names the bands that have none.
    """
    known = radar if isinstance(radar, Mapping) else {} if radar is None else dict.fromkeys(RADAR_BANDS, radar)
    found: list[float] = []
    missing = []
    for band in inputs.used:
        if band.name in known:
            found.append(known[band.name])
        elif band.wavelength_nm is None:
            missing.append(band.name)
        else:
            found.append(band.wavelength_nm)
    if missing:
        raise SpecError(
            f"'{name}' knows bands by their wavelengths, and {missing} have none. Write 'wavelength_nm' for each in "
            "data.sources, for example {name: RED, wavelength_nm: 665}"
        )
    return tuple(found)


def require_bandwidths(
    name: str, inputs: RasterSpec, stated: Sequence[float] | None, radar: float
) -> tuple[float, ...]:
    """Return the bandwidth of each band that is read, in nanometres.

    Args:
        name: The encoder that asks, for the message.
        inputs: What the rasters hold.
        stated: One for each band. None: those of Sentinel-2, by name.
        radar: What stands for a band of radar.

    Raises:
        ComponentError: For another number of bandwidths than bands, one that is not positive, or bands of unknown
            bandwidth.
    """
    names = [band.name for band in inputs.used]
    if stated is not None:
        if len(stated) != len(names) or min(stated) <= 0:
            raise ComponentError(f"'{name}' needs one positive bandwidth for each of {names}, got {list(stated)}")
        return tuple(stated)
    known = dict.fromkeys(RADAR_BANDS, radar) | _SENTINEL2_WIDTHS_NM
    missing = [band for band in names if band not in known]
    if missing:
        raise ComponentError(
            f"'{name}' needs the bandwidths of {missing}. Write 'bandwidths_nm' with one for each of {names}"
        )
    return tuple(known[band] for band in names)
