"""Types of pixels in a VRT, and their nodata."""

from __future__ import annotations

import numpy as np

#: GDAL's names of the types of pixels.
TYPES = {
    "uint8": "Byte",
    **{f"{kind}int{bits}": f"{'UInt' if kind else 'Int'}{bits}" for kind in ("u", "") for bits in (16, 32, 64)},
    **{"int8": "Int8", "float32": "Float32", "float64": "Float64"},
}


def nodata_text(nodata: float, dtype: str) -> str:
    """Return nodata as a VRT has it: of whole numbers of 64 bits GDAL reads no exponent, as Python would write one.

    Args:
        nodata: As rasterio says it, so that the highest number of 64 bits is one too high.
        dtype: Of the band.
    """
    if np.dtype(dtype).kind == "f" or not float(nodata).is_integer():
        return repr(float(nodata))
    highest = 2**64 - 1 if dtype == "uint64" else 2**63 - 1
    return str(highest if int(nodata) == highest + 1 else int(nodata))
