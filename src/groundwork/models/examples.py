"""Images without values, to try a network on."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from groundwork.batch import Images, by_name
from groundwork.specs import RasterSpec


def example_images(inputs: Mapping[str, RasterSpec], size: tuple[int, int], device: str = "cpu") -> Images:
    """Return one image of zeros of each source, of the day 0 of the year 0 at latitude and longitude 0.

    Args:
        inputs: Source -> what its rasters hold.
        size: Height and width in pixels.
        device: Where the tensors lie.
    """
    values, dates = {}, {}
    for source, spec in by_name(inputs).items():
        steps = (spec.steps,) if spec.steps > 1 else ()
        values[source] = torch.zeros(1, spec.num_channels, *steps, *size, device=device)
        dates[source] = torch.zeros(1, spec.steps, 2, device=device)
    return Images(values, dates=dates, location=torch.zeros(1, 2, device=device))
