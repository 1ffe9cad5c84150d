"""Names of files as patterns have them: which part is the key of a raster, and which its date or number of a step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TypeAlias

from groundwork.errors import PairingError
from groundwork.rasters.dates import read_day

#: Date, or number of a step, that the file of a raster has; None where its pattern has neither.
When: TypeAlias = date | int | None
#: Key of a raster, and which of its files one is.
Place: TypeAlias = tuple[str, When]
#: Word of a pattern -> what it stands for.
WORDS = {"key": "[^/]+", "folder": "[^/]+", "date": r"\d[\dT:-]*\d", "step": r"\d+"}


#: A step that has a name in the pattern in place of a number, such as ``{step:A,B}``.
_NAMED = re.compile(r"\{step:([^{}]*)\}")


def match_names(names: Sequence[str], pattern: str, root: Path) -> dict[str, str]:
    """Return names by key, where they are as a pattern with ``{key}`` says.

    Args:
        names: Such as those of files, or of images in a file.
        pattern: As of :func:`groundwork.rasters.folder.find_rasters`. Of several dates or steps the last one stays.
        root: Where they stand, for messages.

    Raises:
        PairingError: For two names of one key.
    """
    return {key: name for (key, _), name in match_places(names, pattern, root).items()}


def match_places(names: Sequence[str], pattern: str, root: Path) -> dict[Place, str]:
    """Return names by key and date or step. See :func:`match_names`.

    Raises:
        PairingError: For two names of one place, a pattern without a key, with both a date and a step, or with names
            of steps that are not told apart, and a date that cannot be read.
    """
    if pattern.count("{key}") < 1:
        raise PairingError(f"Pattern '{pattern}' for {root} lacks '{{key}}', such as in '{{key}}.tif'.")
    steps = _named_steps(pattern, root)
    pattern = _NAMED.sub("{step}", pattern)
    if "{date}" in pattern and "{step}" in pattern:
        raise PairingError(
            f"Pattern '{pattern}' for {root} has '{{date}}' and '{{step}}': a step has a date, or a number where it "
            "has none. Write '*' for one of them."
        )
    expression = _expression(pattern, steps)
    found: dict[Place, str] = {}
    for name in names:
        matched = expression.fullmatch(name)
        if matched is None:
            continue
        _require_plain(root, name)
        place = (_key(matched), _when(matched, steps, root / name))
        if place in found:
            hint = " Make the pattern say which of them is meant." if "*" in pattern or place[1] is not None else ""
            both = f"'{found[place]}' and '{name}'"
            raise PairingError(f"{root}: found {both} for {_in_words(place)}; expected one file.{hint}")
        found[place] = name
    return found


def key_in_folder(folder: str, key: str) -> str:
    """Return the key of a raster of which ``{folder}`` tells the first part."""
    return f"{folder}_{key}"


def when_in_words(when: When) -> str:
    """Return what tells the files of one raster apart."""
    return f"step {when}" if isinstance(when, int) else f"{when}"


def _in_words(place: Place) -> str:
    key, when = place
    what = "" if when is None else " and one " + ("date " if isinstance(when, date) else "") + when_in_words(when)
    return f"one key '{key}'{what}"


def _key(matched: re.Match[str]) -> str:
    words = matched.groupdict()
    return key_in_folder(words["folder"], words["key"]) if "folder" in words else words["key"]


def _when(matched: re.Match[str], steps: Sequence[str], path: Path) -> When:
    words = matched.groupdict()
    if "date" in words:
        return read_day(words["date"], path)
    if "step" not in words:
        return None
    return [step.casefold() for step in steps].index(words["step"].casefold()) if steps else int(words["step"])


def _named_steps(pattern: str, root: Path) -> tuple[str, ...]:
    """Return the names of steps that a pattern states, in their order; none where it states none."""
    stated = {tuple(name.strip() for name in text.split(",")) for text in _NAMED.findall(pattern)}
    steps = stated.pop() if stated else ()
    repeats = len({step.casefold() for step in steps}) < len(steps)
    if stated or repeats or not all(step and "/" not in step for step in steps):
        raise PairingError(
            f"Pattern '{pattern}' for {root} has names of steps that stand twice, differ, or are empty; expected each "
            "once and in the order of the steps, such as '{step:before,after}/{key}.tif'."
        )
    return steps


def _expression(pattern: str, steps: Sequence[str]) -> re.Pattern[str]:
    """Return what names look like. What varies beside the words, such as the time of processing, is passed over."""
    text = re.escape(pattern).replace(r"\*", "[^/]*")
    # The longest first, as one may begin as another does.
    named = "|".join(re.escape(step) for step in sorted(steps, key=len, reverse=True))
    for word, looks in (WORDS | {"step": named or WORDS["step"]}).items():
        text = text.replace(rf"\{{{word}\}}", f"(?P<{word}>{looks})", 1).replace(rf"\{{{word}\}}", f"(?P={word})")
    return re.compile(text, re.IGNORECASE)


def _require_plain(root: Path, name: str) -> None:
    """Refuse names that cannot be written into a table."""
    readable = name.encode("utf-8", "replace").decode()
    if readable != name:
        raise PairingError(f"{root}: found a file '{readable}' whose name is no UTF-8 text; rename it.")
    if "|" in name:
        raise PairingError(f"{root}: found a file '{name}'; '|' separates files in the sample table. Rename it.")
