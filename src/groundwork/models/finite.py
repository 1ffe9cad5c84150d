"""Refuse scores that are no numbers, before they silently become a class."""

from __future__ import annotations

import torch
from torch import Tensor

from groundwork.batch import Image, Images
from groundwork.errors import ScoreError


def require_finite(scores: Tensor, images: Images, where: str) -> None:
    """Refuse scores that are not finite: the highest of them would be the first class, everywhere.

    Args:
        scores: Raw scores (batch, outputs, ...).
        images: The raw values they were made from.
        where: What is looked at: scene and window, or samples.

    Raises:
        ScoreError: It says whether raster or weights are to blame.
    """
    # The sum is no number where one of them is none, and takes a fortieth of the time; it alone may be too large.
    if bool(torch.isfinite(scores.sum())) or bool(torch.isfinite(scores).all()):
        return
    if all(_is_finite(images.of(source)) for source in images.values):
        raise ScoreError(
            f"{where}: the model gives scores that are no finite numbers, for raw values that are. Its weights are "
            "damaged, or the values lie far outside of those it was trained on. Check the raster's unit and scale, "
            "and train again if other scenes fail too."
        )
    raise ScoreError(
        f"{where}: found raw values that are no finite numbers, or too large for float32, where the raster says that "
        "it holds data. Declare the value that means 'no data' as 'nodata', or correct the raster."
    )


def _is_finite(image: Image) -> bool:
    """Whether all values are finite where the image holds data."""
    finite = torch.isfinite(image.values)
    if image.valid is None:
        return bool(finite.all())
    nowhere = ~image.valid
    while nowhere.dim() < finite.dim():
        nowhere = nowhere.unsqueeze(1)
    return bool((finite | nowhere).all())
