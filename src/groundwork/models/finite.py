"""Refuse scores that are no numbers, before they silently become a class."""

from __future__ import annotations

import torch
from torch import Tensor


class ScoreError(ValueError):
    """A model gives scores that are no numbers."""


def require_finite(scores: Tensor, image: Tensor, valid: Tensor | None, where: str) -> None:
    """Refuse scores that are not finite: the highest of them would be the first class, everywhere.

    Args:
        scores: Raw scores (batch, outputs, ...).
        image: The raw values they were made from (batch, channels[, steps], height, width).
        valid: Where the image holds data (batch, height, width); None: everywhere.
        where: What is looked at: scene and window, or samples.

    Raises:
        ScoreError: It says whether raster or weights are to blame.
    """
    if bool(torch.isfinite(scores).all()):
        return
    finite = torch.isfinite(image).flatten(1, -3).all(dim=1)
    if bool((finite if valid is None else finite | ~valid.to(finite.device)).all()):
        raise ScoreError(
            f"{where}: the model gives scores that are no finite numbers, for raw values that are. Its weights are "
            "damaged, or the values lie far outside of those it was trained on. Check the raster's unit and scale, "
            "and train again if other scenes fail too."
        )
    raise ScoreError(
        f"{where}: found raw values that are no finite numbers, or too large for float32, where the raster says that "
        "it holds data. Declare the value that means 'no data' as 'nodata', or correct the raster."
    )
