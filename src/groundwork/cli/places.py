"""Rasters that a command names: files, a folder, or one place for each source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from groundwork.errors import PairingError
from groundwork.prediction.files import Rasters
from groundwork.rasters.addresses import Address, is_file, place_of
from groundwork.rasters.folder import find_rasters


def places_of(words: Sequence[str], option: str, variables: Sequence[str] = ()) -> Rasters | Mapping[str, Rasters]:
    """Return rasters of the only source, or those of each by name.

    Args:
        words: Files, a folder, or ``source=place`` for each source. A place may be a pattern with ``{key}``, such as
            ``scenes/{key}_s2.tif``; several patterns mean a file per band, in this order.
        option: Where they stand, for messages.
        variables: Names of the rasters that are read of files that hold several by name, in the order of the bands, or
            ``source=name`` for each source whose files do.

    Raises:
        PairingError: Where some are named and others are not, patterns stand beside files, or nothing is found, and
            for variables of a source that is not among them.
    """
    places, named = _by_source(words), _by_source(variables)
    if unknown := sorted(set(named) - set(places)):
        of_one = "" in places
        expected = "of the only source, names without '='" if of_one else f"'source=name', of {sorted(places)}"
        raise PairingError(f"--variable {named[unknown[0]][0]}: found it of source '{unknown[0]}'; expected {expected}")
    if "" not in places:
        return {source: _found(given, option, named.get(source, [])) for source, given in places.items()}
    first = places[""][0]
    if len(places) > 1:
        raise PairingError(f"{option} {first}: of several sources name each, such as 'optical={first}'")
    return _found(places[""], option, named.get("", []))


def _by_source(words: Sequence[str]) -> dict[str, list[str]]:
    """Return what is said of each source, or under no name."""
    found: dict[str, list[str]] = {}
    for word in words:
        source, said = _divided(word)
        found.setdefault(source, []).append(said)
    return found


def _divided(word: str) -> tuple[str, str]:
    """Divide ``source=place``; a place may have '=' in its name, as ``year=2024/a.tif`` has."""
    source, equals, place = word.partition("=")
    return (source, place) if equals and "/" not in source and not Path(word).exists() else ("", word)


def _found(places: Sequence[str], option: str, variables: Sequence[str]) -> Rasters:
    patterns = [place for place in places if "{key}" in place]
    if not patterns and variables:
        return _file_of_variables(places, option, variables)
    if not patterns:
        return places[0] if len(places) == 1 else places
    if len(patterns) < len(places):
        raise PairingError(f"{option} {' '.join(places)}: found patterns with '{{key}}' beside files; expected either")
    parts = [pattern.split("/") for pattern in patterns]
    fixed = min(next(at for at, part in enumerate(split) if "{" in part or "*" in part) for split in parts)
    while parts and len({tuple(split[:fixed]) for split in parts}) > 1:
        fixed -= 1
    root = "/".join(parts[0][:fixed])
    below = ["/".join(split[fixed:]) for split in parts]
    return find_rasters(place_of(root or ("/" if fixed else ".")), below, variables=variables)


def _file_of_variables(places: Sequence[str], option: str, variables: Sequence[str]) -> Rasters:
    place = place_of(places[0])
    if len(places) > 1 or not (isinstance(place, Address) or is_file(place)):
        raise PairingError(
            f"{option} {' '.join(places)}: with --variable, expected one file, or a pattern such as 'cubes/{{key}}.nc'"
        )
    return find_rasters(place, (), variables=variables)
