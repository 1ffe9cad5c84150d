"""Ask models and encoders about plain tensors: the one source's, or those of several by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from groundwork.batch import Images
from groundwork.models.assembly.raster_model import RasterModel
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.interface import ModelOutput
from groundwork.specs import RasterSpec

#: A tensor of the one source (of all sources, where there are several), or one of each by name.
Parts = Tensor | Mapping[str, Tensor] | None
#: What the one source is called in tests.
SOURCE = "optical"


def one(raster: RasterSpec) -> dict[str, RasterSpec]:
    """Return the inputs of a model that sees one source."""
    return {SOURCE: raster}


def images_of(
    sources: list[str], image: Parts, valid: Parts = None, dates: Parts = None, location: Tensor | None = None
) -> Images:
    """Return what a model is given."""
    return Images(_by_source(sources, image), _by_source(sources, valid), _by_source(sources, dates), location)


def ask(
    model: RasterModel,
    image: Parts,
    valid: Parts = None,
    dates: Parts = None,
    location: Tensor | None = None,
    **more: Any,
) -> ModelOutput:
    """Return what a model gives."""
    return model(images_of(list(model.inputs), image, valid, dates, location), **more)


def encode(encoder: Encoder, image: Parts, dates: Parts = None, location: Tensor | None = None) -> list[Tensor]:
    """Return what an encoder gives."""
    sources = (
        [encoder.source] if isinstance(encoder, OneSourceEncoder) else list(image) if isinstance(image, Mapping) else []
    )
    return encoder(images_of(sources, image, None, dates, location))


def _by_source(sources: list[str], part: Parts) -> dict[str, Tensor]:
    if part is None:
        return {}
    return dict(part) if isinstance(part, Mapping) else dict.fromkeys(sources, part)
