"""What STAC items call the bands of a file and say that they see, compared with the declared ones."""

from __future__ import annotations

from collections.abc import Sequence

from groundwork.errors import RasterError
from groundwork.rasters.designations import designation_of, spectrum_of
from groundwork.rasters.stated_file import StatedFile, StatedName
from groundwork.specs import BandSpec, RasterSpec


def check_stated_names(file: StatedFile, expected: Sequence[BandSpec], spec: RasterSpec) -> None:
    """Refuse a file whose item names another band in the place of one that is read.

    Names that say nothing of what a band sees are compared where they are the declared ones in another order.

    Args:
        file: With the names of its bands; nothing is compared where there are fewer or more than expected.
        expected: The bands in the order in which they are declared.
        spec: Says which of them are read, and whether names count.

    Raises:
        RasterError: With the first band that differs.
    """
    if spec.descriptions != "check" or len(file.names) != len(expected):
        return
    called = {_called(band) for band in spec.bands}
    read = {band.name for band in spec.used} | {rule.band for rule in spec.own_rules}
    for index, (band, stated) in enumerate(zip(expected, file.names, strict=True), start=1):
        name = (stated.name or "").lower()
        is_same = name in {_called(band), band.name.lower()}
        if band.name not in read or is_same or not (name in called or _sees_other(band, stated)):
            continue
        raise RasterError(
            file.name,
            f"the stated band {_shown(stated)} in the place of band {index}",
            f"'{band.name}'"
            + (f", {band.wavelength_nm:g} nm" if band.wavelength_nm else "")
            + ", as 'sources' declares",
            "Bring 'bands' and 'assets' into one order, that of the bands in the files. 'descriptions: ignore' asks no "
            "names.",
        )


def _called(band: BandSpec) -> str:
    return (band.description or band.name).lower()


def _sees_other(band: BandSpec, stated: StatedName) -> bool:
    """Whether what is stated and what is declared exclude each other."""
    numbers = designation_of(stated.name or ""), designation_of(band.name)
    if None not in numbers:
        return numbers[0] != numbers[1]
    declared = spectrum_of(band.name, band.wavelength_nm)
    found = spectrum_of(stated.common_name or stated.name or "", stated.wavelength_nm)
    # Of a name alone, sensors may mean another band each.
    if not declared or not found or (stated.common_name is None and stated.wavelength_nm is None and numbers[0]):
        return False
    return not any(low <= highest and lowest <= high for low, high in declared for lowest, highest in found)


def _shown(stated: StatedName) -> str:
    words = [f"'{text}'" for text in dict.fromkeys([stated.name, stated.common_name]) if text]
    return ", ".join(words + ([f"{stated.wavelength_nm:g} nm"] if stated.wavelength_nm else []))
