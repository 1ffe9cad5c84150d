"""Bands as TerraTorch lists them: names, numbers, intervals, and names that occur several times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from groundwork.compatibility.terratorch.stated import Stated

#: Names that are others here.
RENAMED = dict.fromkeys(("COASTAL_AEROSOL", "COASTAL AEROSOL"), "COASTAL")
#: What stands for a band that nobody reads.
UNNAMED = ("-1", "UNKNOWN", "NONE", "UNUSED")


def band_names(entries: Sequence[object]) -> list[str]:
    """Return one name for each band of a list: ``[0, 5]`` counts from 0 to 5, both included.

    Bands that stand for nothing are told apart by their place.
    """
    names: list[str] = []
    for entry in entries:
        if isinstance(entry, Sequence) and not isinstance(entry, str) and len(entry) == 2:
            first, last = (int(str(end)) for end in entry)
            names += [f"band_{number}" for number in range(first, last + 1)]
        else:
            names.append(_name(str(entry).rpartition(".")[2]))
    return [f"unused_{index}" if name in UNNAMED else name for index, name in enumerate(names)]


def _name(text: str) -> str:
    if text.isdigit():
        return f"band_{text}"
    return RENAMED.get(text, text)


def steps_of(names: Sequence[str]) -> int:
    """Return how often a whole list repeats itself: once for each time step."""
    for count in range(len(names), 1, -1):
        if len(names) % count == 0 and list(names[: len(names) // count]) * count == list(names):
            return count
    return 1


def unique(names: Sequence[str]) -> list[str]:
    """Return the same names, with a number behind those that occur before."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


def read_bands(stated: Stated, key: str, source: str | None = None) -> list[str]:
    """Return the names of a list of bands; of one source where there are several.

    Args:
        stated: The keys.
        key: Such as ``dataset_bands``.
        source: Whose list.
    """
    value = stated.take(key)
    if isinstance(value, Mapping):
        value = value.get(source)
    entries = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    try:
        return band_names(entries)
    except ValueError:
        stated.refuse(key, f"found {value!r}; bands are names, numbers, or intervals [first, last] of numbers")
        return []
