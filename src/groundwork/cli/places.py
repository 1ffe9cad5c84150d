"""Rasters that a command names: files, a folder, or one place for each source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from groundwork.errors import PairingError
from groundwork.prediction.files import Rasters
from groundwork.rasters.folder import find_rasters


def places_of(words: Sequence[str], option: str) -> Rasters | Mapping[str, Rasters]:
    """Return rasters of the only source, or those of each by name.

    Args:
        words: Files, a folder, or ``source=place`` for each source. The last part of a folder may be a pattern with
            ``{key}``, such as ``scenes/{key}_s2.tif``.
        option: Where they stand, for messages.

    Raises:
        PairingError: Where some are named and others are not, or nothing is found.
    """
    pairs = [_divided(word) for word in words]
    nameless = [word for word, equals, _ in pairs if not equals]
    if not nameless:
        return {source: _found(place) for source, _, place in pairs}
    if len(nameless) < len(pairs):
        raise PairingError(f"{option} {nameless[0]}: of several sources name each, such as 'optical={nameless[0]}'")
    return _found(words[0]) if len(words) == 1 else list(words)


def _divided(word: str) -> tuple[str, str, str]:
    """Divide ``source=place``; a place may have '=' in its name, as ``year=2024/a.tif`` has."""
    source, equals, place = word.partition("=")
    return (word, "", "") if Path(word).exists() or "/" in source else (source, equals, place)


def _found(place: str) -> Rasters:
    path = Path(place)
    return find_rasters(path.parent, [path.name]) if "{key}" in path.name else place
