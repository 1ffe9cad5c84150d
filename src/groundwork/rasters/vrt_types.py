"""Names of the types of pixels in a VRT."""

from __future__ import annotations

#: GDAL's names of the types of pixels.
TYPES = {
    "uint8": "Byte",
    **{f"{kind}int{bits}": f"{'UInt' if kind else 'Int'}{bits}" for kind in ("u", "") for bits in (16, 32, 64)},
    **{"int8": "Int8", "float32": "Float32", "float64": "Float64"},
}
