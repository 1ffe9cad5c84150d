"""What encoders must be told of an image beside its values."""

from __future__ import annotations

from torch import Tensor


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
            f"'{encoder}' was built to use coordinates and needs '{name}' with every batch. Provide them with the "
            "samples, or build the encoder with fewer 'coordinates'"
        )
    return coordinates
