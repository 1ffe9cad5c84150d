"""When and where an image was taken, for encoders that must know it."""

from __future__ import annotations

from torch import Tensor

from groundwork.batch import Image


def require_location(encoder: str, image: Image) -> Tensor:
    """Return latitude and longitude in degrees, (batch, 2).

    Args:
        encoder: The encoder that asks, for the message.
        image: What it was given.

    Raises:
        ValueError: Where they are missing; it says how to mend that.
    """
    if image.location is None:
        raise ValueError(_explain(encoder, "location", "latitude and longitude"))
    return image.location


def require_dates(encoder: str, image: Image, steps: int) -> Tensor:
    """Return year and day of the year of each time step, (batch, steps, 2).

    Raises:
        ValueError: Where they are missing, or of another number of steps.
    """
    dates = image.dates
    if dates is None:
        raise ValueError(_explain(encoder, "dates", "year and day of the year of each time step"))
    if dates.dim() != 3 or tuple(dates.shape[1:]) != (steps, 2):
        raise ValueError(
            f"'{encoder}' was built for {steps} time step(s) and needs 'dates' of the shape (batch, {steps}, 2), the "
            f"year and day of the year of each; it was given {tuple(dates.shape)}"
        )
    return dates


def _explain(encoder: str, name: str, meaning: str) -> str:
    return (
        f"'{encoder}' was built to use coordinates and needs '{name}' ({meaning}) with every batch. Provide them with "
        "the samples, or build the encoder with fewer 'coordinates'"
    )
