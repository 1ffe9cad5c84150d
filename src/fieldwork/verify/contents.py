"""Say in words by what two files differ, as what they hold: rasters, weights, tables, values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

#: Says by what a file that was made again differs from the recorded one.
_Differ: TypeAlias = Callable[[Path, Path], str]
#: How many things are named.
_MOST = 3


def difference(recorded: Path, made: Path, suffix: str) -> str:
    """Return by what a file differs from the recorded one, in words.

    Args:
        recorded: In a cache, whose names have no suffix.
        made: The same, made again.
        suffix: Says what both hold.
    """
    say = _BY_SUFFIX.get(suffix, _bytes)
    try:
        return say(recorded, made) or _bytes(recorded, made)
    except (ValueError, OSError, KeyError) as error:
        return f"{_bytes(recorded, made)}; one of them cannot be read: {error}"


def _bytes(recorded: Path, made: Path) -> str:
    ours, theirs = recorded.read_bytes(), made.read_bytes()
    if len(ours) != len(theirs):
        return f"{len(theirs)} bytes, {len(ours)} recorded"
    first = next((place for place, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other), None)
    return "the same bytes" if first is None else f"as many bytes ({len(ours)}), the first other one at {first}"


def _raster(recorded: Path, made: Path) -> str:
    import rasterio  # noqa: PLC0415 - heavy

    with rasterio.open(recorded) as ours, rasterio.open(made) as theirs:
        for word in ("crs", "transform", "shape", "count", "dtypes", "nodata"):
            before, now = getattr(ours, word), getattr(theirs, word)
            if before != now and not (word == "nodata" and before != before and now != now):  # noqa: PLR0124 - NaN
                return f"{word} {now}, recorded {before}"
        changed, largest = 0, 0.0
        for _, window in ours.block_windows(1):
            one, other = (np.asarray(raster.read(window=window)) for raster in (ours, theirs))
            differs = (one != other) & ~((one != one) & (other != other))  # noqa: PLR0124 - NaN
            changed += int(differs.any(axis=0).sum())
            apart = np.abs(one.astype(np.float64) - other)[differs]
            largest = max(largest, float(np.nanmax(apart, initial=0.0)))
        tags = [name for name, value in sorted(theirs.tags().items()) if ours.tags().get(name) != value]
        if changed:
            return f"{changed} of {ours.width * ours.height} pixels, by {largest:g} at most"
        return f"the same pixels, other tags: {', '.join(tags[:_MOST])}" if tags else ""


def _weights(recorded: Path, made: Path) -> str:
    from safetensors.numpy import load_file  # noqa: PLC0415 - only here

    ours, theirs = load_file(recorded), load_file(made)
    if ours.keys() != theirs.keys():
        return f"other names of weights: {', '.join(sorted(ours.keys() ^ theirs.keys())[:_MOST])}"
    apart = {
        name: float("inf")
        if value.shape != theirs[name].shape
        else float(np.abs(value.astype(np.float64) - theirs[name]).max(initial=0.0))
        for name, value in ours.items()
    }
    changed = {name: by for name, by in apart.items() if by > 0}
    if not changed:
        return ""
    worst = max(changed, key=changed.__getitem__)
    return f"{len(changed)} of {len(ours)} weights, by {changed[worst]:.3g} at most ({worst})"


def _values(recorded: Path, made: Path) -> str:
    ours, theirs = (dict(_flat(json.loads(file.read_text("utf-8")))) for file in (recorded, made))
    named = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    said = [f"{key} {theirs.get(key)}, recorded {ours.get(key)}" for key in named[:_MOST]]
    more = f"; and {len(named) - _MOST} more" if len(named) > _MOST else ""
    return "; ".join(said) + more


def _flat(value: object, where: str = "") -> Iterator[tuple[str, object]]:
    """Yield the leaves of nested values by their paths."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flat(part, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _flat(part, f"{where}[{index}]")
    else:
        yield where, value


def _table(recorded: Path, made: Path) -> str:
    import pandas as pd  # noqa: PLC0415 - heavy

    ours, theirs = (pd.read_csv(file) for file in (recorded, made))
    if list(ours.columns) != list(theirs.columns):
        return f"columns {list(theirs.columns)}, recorded {list(ours.columns)}"
    if len(ours) != len(theirs):
        return f"{len(theirs)} rows, recorded {len(ours)}"
    said = []
    for name in ours.columns:
        before, now = ours[name], theirs[name]
        differs = (before != now) & ~(before.isna() & now.isna())
        if differs.any():
            numbers = pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(now)
            by = f", by {float((before - now).abs().max()):g} at most" if numbers else ""
            said.append(f"column '{name}' in {int(differs.sum())} rows{by}")
    return "; ".join(said[:_MOST])


_BY_SUFFIX: dict[str, _Differ] = {
    ".tif": _raster,
    ".safetensors": _weights,
    ".json": _values,
    ".geojson": _values,
    ".csv": _table,
}
