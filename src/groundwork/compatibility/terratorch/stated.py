"""Read keys of a file, each once: what nobody read at the end is unknown, and refused by name."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import TypeAlias

from groundwork.compatibility.terratorch.findings import Findings
from groundwork.strict import did_you_mean

#: A part of our configuration, as YAML holds it.
Words: TypeAlias = dict[str, object]


class Stated:
    """The keys of one mapping.

    Args:
        values: As YAML was read; null stands for a key that is not there.
        where: The key that they stand under. Empty: the file itself.
        findings: What is wrong is noted there.
    """

    def __init__(self, values: Mapping[str, object], where: str, findings: Findings) -> None:
        self.findings = findings
        self._values = {str(key): value for key, value in values.items()}
        self._where = where
        self._read: set[str] = set()

    def __contains__(self, key: str) -> bool:
        """Whether a key is stated."""
        return self._values.get(key) is not None

    def path(self, key: str) -> str:
        """Return a key as the whole file has it."""
        return f"{self._where}.{key}" if self._where else key

    def take(self, key: str) -> object:
        """Return a value; None where it is not stated."""
        self._read.add(key)
        return self._values.get(key)

    def told(self, key: str, value: object) -> Stated:
        """Return the same with a key that others state; it need not be read."""
        more = Stated({key: value, **self._values}, self._where, self.findings)
        more._read = {*self._read, key}
        return more

    def beside(self, others: Stated) -> Stated:
        """Return the same keys with those of another mapping."""
        return Stated({**others._values, **self._values}, self._where, self.findings) if others.keys() else self

    def unread(self) -> list[str]:
        """Return the keys that are stated, and that nobody read."""
        return [key for key in self.keys() if key not in self._read]

    def look(self, key: str) -> object:
        """Return a value that is read elsewhere."""
        return self._values.get(key)

    def number(self, key: str) -> float | None:
        """Return a number, which YAML may have read as a text: 1e-4 without a point is none to it."""
        return self._as_number(key, self.take(key))

    def value(self, key: str) -> object:
        """Return whatever is stated; a text that is a number as that number."""
        stated = self.take(key)
        number = _number_in(stated)
        return stated if number is None else number

    def whole(self, key: str) -> int | None:
        """Return a whole number."""
        value = self.number(key)
        if value is None or value % 1:
            self._check(key, "a whole number", value, is_right=value is None)
            return None
        return int(value)

    def flag(self, key: str) -> bool | None:
        """Return true or false."""
        value = self.take(key)
        self._check(key, "true or false", value, is_right=value is None or isinstance(value, bool))
        return value if isinstance(value, bool) else None

    def text(self, key: str) -> str | None:
        """Return a text."""
        value = self.take(key)
        self._check(key, "a text", value, is_right=value is None or isinstance(value, str))
        return value if isinstance(value, str) else None

    def entries(self, key: str) -> list[object]:
        """Return a list; a single value is a list of one, none an empty one."""
        value = self.take(key)
        if value is None:
            return []
        return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]

    def numbers(self, key: str) -> list[float]:
        """Return a list of numbers."""
        return [number for entry in self.entries(key) if (number := self._as_number(key, entry)) is not None]

    def wholes(self, key: str) -> list[int]:
        """Return a list of whole numbers."""
        found = self.numbers(key)
        self._check(key, "whole numbers", found, is_right=not any(number % 1 for number in found))
        return [int(number) for number in found]

    def texts(self, key: str) -> list[str]:
        """Return a list of texts."""
        return [str(entry) for entry in self.entries(key)]

    def section(self, key: str) -> Stated:
        """Return the keys below one; none where it is not stated."""
        value = self.take(key)
        self._check(key, "keys with values", value, is_right=value is None or isinstance(value, Mapping))
        return Stated(value if isinstance(value, Mapping) else {}, self.path(key), self.findings)

    def sections(self, key: str) -> list[Stated]:
        """Return the entries of a list of mappings."""
        found = []
        for index, entry in enumerate(self.entries(key)):
            place = f"{self.path(key)}[{index}]"
            if isinstance(entry, Mapping):
                found.append(Stated(entry, place, self.findings))
            elif isinstance(entry, str):
                found.append(Stated({"class_path": entry, "name": entry}, place, self.findings))
            else:
                self.findings.refuse(place, f"found {entry!r} where keys with values are expected")
        return found

    def keys(self) -> list[str]:
        """Return the keys that are stated."""
        return [key for key, value in self._values.items() if value is not None]

    def change(self, key: str, text: str, ours: str = "", *, alters: bool = False) -> None:
        """Note what means something else here, under the key's whole name; see :meth:`Findings.change`."""
        self.findings.change(self.path(key), text, ours, alters=alters)

    def refuse(self, key: str, text: str) -> None:
        """Note what cannot be translated, under the key's whole name."""
        self.take(key)
        self.findings.refuse(self.path(key), text)

    def drop(self, key: str, text: str) -> None:
        """Leave a key out where it is stated, and say so."""
        if key in self:
            self.change(key, text)
        self.take(key)

    def pass_over(self, key: str, text: str = "TerraTorch takes it and does not use it") -> None:
        """Leave a key out that never had a meaning."""
        if key in self:
            self.findings.ignore(self.path(key), text)
        self.take(key)

    def finish(self, known: Sequence[str] = ()) -> None:
        """Refuse what nobody read.

        Args:
            known: Keys that may stand there beside those that were asked for, for near misses.
        """
        for key in self.unread():
            hint = self.near_miss(key, known)
            self.findings.refuse(self.path(key), f"this key is not known here.{hint} Correct it, or leave it out")

    def near_miss(self, key: str, known: Sequence[str] = ()) -> str:
        """Return what else may be meant by a key, as the end of a sentence; nothing where nothing is alike."""
        return did_you_mean(key, sorted({*self._read, *known} - {key}))

    def _as_number(self, key: str, value: object) -> float | None:
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)):
            return value
        number = _number_in(value)
        self._check(key, "a number", value, is_right=number is not None)
        return number

    def _check(self, key: str, wanted: str, value: object, *, is_right: bool) -> None:
        if not is_right:
            self.findings.refuse(self.path(key), f"found {value!r} where {wanted} is expected")


def _number_in(value: object) -> float | None:
    """Return the number that a text is. None: it is none.

    A whole one stays whole: ``precision: "32"`` is no 32.0 to Lightning.
    """
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def of_class(stated: Stated, refused: Container[str] = ()) -> tuple[str, Stated]:
    """Return the bare name of a class and its arguments: of ``class_path`` with ``init_args``.

    Args:
        stated: The two.
        refused: Classes that are refused as a whole, so that no word is lost on their arguments.
    """
    name = (stated.text("class_path") or "").rpartition(".")[2]
    stated.take("name")
    arguments = stated.section("init_args")
    others = stated.section("dict_kwargs")
    for key in others.keys() if name not in refused else ():
        if key in arguments:
            others.refuse(key, "it stands in 'init_args' as well: leave it out in one of both")
    return name, arguments.beside(others)


def without_empty(words: Mapping[str, object]) -> Words:
    """Return what is stated: no null, no empty list or mapping."""
    return {key: value for key, value in words.items() if value is not None and value not in ([], {})}


def as_words(value: object) -> Words:
    """Return the keys of a mapping with their values; none of what is no mapping."""
    return {str(key): part for key, part in value.items()} if isinstance(value, Mapping) else {}
