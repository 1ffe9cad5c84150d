"""Rasters that each encoder of the library can be built for."""

from __future__ import annotations

from groundwork.specs import BandSpec, RasterSpec

#: Bands whose wavelengths, polarisations and pixel size are known.
DESCRIBED = RasterSpec(
    bands=(BandSpec(name="RED", wavelength_nm=665), BandSpec(name="BLUE", wavelength_nm=490), BandSpec(name="VV")),
    dtype="int16",
    nodata=-1,
    pixel_size_m=10,
)
#: What encoders are given that must know more of the rasters than how many bands there are.
RASTERS = dict.fromkeys(["clay", "copernicus_fm", "croma", "dofa", "panopticon", "scale_mae"], DESCRIBED)
RASTERS["satmae"] = RasterSpec(bands=["RED", "NIR_NARROW"], dtype="int16", nodata=-1)
RASTERS["per_date"] = RasterSpec(bands=["RED", "BLUE"], dtype="int16", nodata=-1, steps=2, layout="steps_first")
#: What encoders are given that see several sources.
SOURCES = {
    "optical": RasterSpec(bands=["RED", "BLUE"], dtype="int16", nodata=-1),
    "radar": RasterSpec(bands=["VV", "VH"], dtype="float32", nodata=None),
}
