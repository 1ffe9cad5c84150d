"""Build an encoder where each source has one of its own."""

from __future__ import annotations

from groundwork.config.component import ComponentConfig
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.wrappers.sources import JointEncoder
from groundwork.registry import ComponentError, build, find, located
from groundwork.specs import RasterSpec


def build_for_one_source(config: ComponentConfig, raster: RasterSpec, where: str = "") -> Encoder:
    """Build an encoder that sees one source.

    Args:
        config: Its name and options.
        raster: What the source's rasters hold.
        where: Where it stands in the configuration, for messages.

    Raises:
        ComponentError: For one that sees several sources by itself, and for an unknown name or option.
        SpecError: Where the rasters do not fit it.
    """
    with located(where):
        if issubclass(find(ENCODERS, config.name), JointEncoder):
            raise ComponentError(
                f"'{config.name}' sees several sources, or one, by itself: name it in the model's 'encoder', not for a "
                "single source or inside another encoder"
            )
    encoder: Encoder = build(Encoder, ENCODERS, config, raster, where=where)  # type: ignore[type-abstract]
    return encoder
