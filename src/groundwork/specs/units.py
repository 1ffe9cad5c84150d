"""Between which values physical quantities of each unit lie, wherever on Earth they are measured."""

from __future__ import annotations

from groundwork.specs.band import BandSpec

#: Unit, in small letters -> lowest and highest plausible value. Wide on purpose: beyond it, scale, offset, unit or
#: nodata is mostly stated wrongly.
PLAUSIBLE: dict[str, tuple[float, float]] = {
    # Corrections leave dark pixels a little below 0; glint, snow and clouds reach beyond 1.
    "reflectance": (-0.2, 2.0),
    "db": (-60.0, 40.0),
    # Heights of land: from the shore of the Dead Sea to beyond Mount Everest.
    "m": (-450.0, 9000.0),
    "degree": (-360.0, 360.0),
    "degrees": (-360.0, 360.0),
    # Temperatures of surfaces and clouds.
    "k": (150.0, 400.0),
    "degc": (-120.0, 130.0),
    "%": (-1.0, 101.0),
    "digital_number": (0.0, 255.0),
}


def plausible_values(band: BandSpec) -> tuple[float, float] | None:
    """Return the lowest and highest plausible raw value of a band; None where nothing is known of its unit."""
    limits = PLAUSIBLE.get((band.unit or "").lower())
    if limits is None:
        return None
    low, high = sorted((limit - band.offset) / band.scale for limit in limits)
    return low, high
