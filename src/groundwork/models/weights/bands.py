"""Find out which bands the first layer of a file of weights takes: nothing in its shape says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from groundwork.errors import WeightsError
from groundwork.models.weights.hub import WeightsSource
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.own_statistics import (
    described_in,
    has_statistics,
    is_in_bundle,
    own_statistics,
    source_of_bundle,
)
from groundwork.models.weights.reading import LoadReport

#: Under this, the description of a safetensors file may name the bands, as a JSON list.
_KEY = "bands"


def find_bands(
    source: WeightsSource, count: int, published: Sequence[str], *, is_published: bool = False
) -> tuple[str, ...]:
    """Return the bands that the first layer of a file takes, in order.

    They are stated in the recipe, described by the file (``bands`` in the metadata of a safetensors file) or by the
    bundle that it is part of, or those of the published file.

    Args:
        source: The file.
        count: Bands that its first layer takes.
        published: The bands of the published file.
        is_published: Whether all that the file holds looks like the published one; its name must be right as well.

    Raises:
        WeightsError: Where nothing says so, or what does contradicts the file.
    """
    described = _described(source.path)
    stated = source.bands or None
    if stated and described and stated != described:
        raise WeightsError(
            f"{source.name} says that it was trained on the bands {list(described)}, 'weights' states {list(stated)}. "
            "Leave 'bands' out of it"
        )
    known = stated or described
    if known is None and (source.is_hub or (is_published and source.has_published_name)):
        known = tuple(published)
    if known is None or len(known) != count:
        raise WeightsError(_explain(source, count, known, published))
    return known


def describe_file(info: EncoderInfo | None, report: LoadReport) -> EncoderInfo | None:
    """Return what the weights of a file expect, which may have been trained on other rasters than the published ones.

    Args:
        info: Of the published file.
        report: Of the file that was loaded.
    """
    if info is None:
        return None
    own = own_statistics(Path(report.source))
    if own is not None:
        return own.told_of(info)
    if has_statistics(Path(report.source)):
        # Of several sources, or without its bundle: by the published ones it was not standardised.
        return replace(info, bands=report.trained or info.bands, mean=(), std=())
    if report.trained in {(), info.bands}:
        return info
    if set(report.trained) - set(info.bands) or not info.mean:
        return replace(info, bands=report.trained, mean=(), std=())
    order = [info.bands.index(band) for band in report.trained]
    mean, std = (tuple(values[index] for index in order) for values in (info.mean, info.std))
    return replace(info, bands=report.trained, mean=mean, std=std)


def _explain(source: WeightsSource, count: int, known: Sequence[str] | None, published: Sequence[str]) -> str:
    takes = f"{source.name}: its first layer takes {count} {'band' if count == 1 else 'bands'}"
    if known is not None:
        return f"{takes}, but {len(known)} are named: {list(known)}. Name all of them in 'weights', in its order"
    other = f" By name or content it is not {source.published}, whose bands are known." if source.published else ""
    example = ", ".join(published) if count == len(published) else ", ".join(f"BAND_{n + 1}" for n in range(count))
    return (
        f"{takes}, and nothing says which, nor in which order.{other} Write weights: {{file: {source.path}, bands: "
        f"[{example}]}}, with the bands that it was trained on, in its order"
    )


def _described(file: Path) -> tuple[str, ...] | None:
    try:
        if is_in_bundle(file):
            found = source_of_bundle(file)
            return None if found is None else tuple(band.name for band in found[1].used)
        words = described_in(file, _KEY)
        if words is not None:
            return TypeAdapter(tuple[str, ...]).validate_json(words)
    except (ValidationError, ValueError) as error:
        raise WeightsError(f"What describes the bands of {file} cannot be read: {error}") from None
    own = own_statistics(file)
    return None if own is None else own.bands
