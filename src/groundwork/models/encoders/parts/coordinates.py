"""What encoders must be told of an image beside its values."""

from __future__ import annotations

from torch import Tensor

_MEANINGS = {"temporal_coords": "year and day of the year", "location_coords": "latitude and longitude"}


def require_told(encoder: str, coordinates: Tensor | None, name: str) -> Tensor:
    """Return the coordinates of a batch.

    Args:
        encoder: The encoder that asks, for the message.
        coordinates: What came with the batch.
        name: Of the argument.

    Raises:
        ValueError: Where they are missing; it says how to mend that.
    """
    if coordinates is None:
        raise ValueError(
            f"'{encoder}' was built to use coordinates and needs '{name}' ({_MEANINGS[name]}) with every batch. "
            "Provide them with the samples, or build the encoder with fewer 'coordinates'"
        )
    return coordinates


def require_dates(encoder: str, coordinates: Tensor | None, steps: int) -> Tensor:
    """Return year and day of the year of each time step, (batch, steps, 2).

    Raises:
        ValueError: Where they are missing, or of another number of steps.
    """
    dates = require_told(encoder, coordinates, "temporal_coords")
    if dates.dim() != 3 or tuple(dates.shape[1:]) != (steps, 2):
        raise ValueError(
            f"'{encoder}' was built for {steps} time step(s) and needs 'temporal_coords' of the shape (batch, {steps}, "
            f"2), the year and day of the year of each; it was given {tuple(dates.shape)}"
        )
    return dates
