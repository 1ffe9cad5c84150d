"""Which sources there are. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.errors import SpecError
from groundwork.specs import RasterSpec


def only_source(inputs: Mapping[str, RasterSpec], what: str) -> str:
    """Return the name of the one source.

    Args:
        inputs: Source -> what its rasters hold.
        what: Takes one only, for the message.

    Raises:
        SpecError: For several sources.
    """
    if len(inputs) != 1:
        raise SpecError(f"{what} takes exactly one source, got {len(inputs)}: {sorted(inputs)}")
    return next(iter(inputs))
