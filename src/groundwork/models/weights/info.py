"""What the published weights of an encoder expect, and whose they are. Imports no torch, so that listing is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: What an encoder can be told of an image beside its values: when it was taken, and where.
Coordinate: TypeAlias = Literal["time", "location"]
#: Unit of the numbers of photographs, 0 to 255 in 8 bits, which measure nothing.
DIGITAL_NUMBER = "digital_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderInfo:
    """What an encoder's published weights were made for.

    Values of pre-training are in the numbers that the network saw before they were standardised; times ``scale`` they
    are physical values, so that any raster whose bands state ``scale``, ``offset`` and ``unit`` can be brought to them.
    """

    #: Names of the bands, in the order of the first layer. Empty: any bands.
    bands: tuple[str, ...] = ()
    #: Unit of the physical values, such as "reflectance" or "dB"; "digital_number" for photographs.
    unit: str | None = None
    #: Physical value = value of pre-training * scale.
    scale: float = 1.0
    #: Statistics of the pre-training data, one value for each of ``bands``. Empty: not published.
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    #: Side of the images of pre-training, in pixels.
    image_size: int | None = None
    #: Side of a patch, in pixels. None: no vision transformer.
    patch_size: int | None = None
    #: Ground sampling distance of the pre-training data, in metres.
    pixel_size_m: float | None = None
    #: Time steps of the pre-training data.
    steps: int = 1
    #: Where the weights are published: a hub's repository and file, or an address.
    weights: str | None = None
    #: Licence of the weights, as its SPDX identifier where there is one.
    licence: str | None = None
    #: Paper or page to cite.
    citation: str | None = None
