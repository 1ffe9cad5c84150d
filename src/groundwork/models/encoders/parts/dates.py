"""What encoders of one date do with time."""

from __future__ import annotations

from torch import Tensor

from groundwork.errors import SpecError
from groundwork.specs import RasterSpec


def require_one_date(name: str, inputs: RasterSpec) -> None:
    """Refuse rasters of several time steps.

    Raises:
        SpecError: It names the encoder that sends each date through this one.
    """
    if inputs.steps > 1:
        raise SpecError(
            f"'{name}' sees one date, the rasters hold {inputs.steps}. Wrap it, as in "
            f"{{name: per_date, encoder: {{name: {name}, ...}}}}, or take an encoder that sees time ('prithvi_vit', "
            "'galileo')"
        )


def drop_time(image: Tensor) -> Tensor:
    """Return (batch, channels, height, width), whether or not there is an axis for the one date."""
    return image.squeeze(2) if image.dim() == 5 else image


def stack_dates(image: Tensor) -> Tensor:
    """Return (batch, steps * channels, height, width): all channels of step 1 first."""
    return image.transpose(1, 2).flatten(1, 2) if image.dim() == 5 else image


def fold_dates(image: Tensor) -> Tensor:
    """Return (batch * steps, channels, height, width): the steps of the first image first."""
    return image.transpose(1, 2).flatten(0, 1) if image.dim() == 5 else image
