"""The functions of kornia that are used here, imported in one place."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # What it says of its own use of torch is nothing that a user can act on.
    warnings.filterwarnings("ignore", category=FutureWarning)
    from kornia.filters import gaussian_blur2d
    from kornia.geometry.transform import hflip, vflip, warp_affine

__all__ = ["gaussian_blur2d", "hflip", "vflip", "warp_affine"]
