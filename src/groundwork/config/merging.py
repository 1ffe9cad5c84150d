"""How one configuration changes another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Keys that say which component it is. With another value for one of them, the old one's options mean nothing.
IDENTITY = ("name", "model", "variant", "architecture")


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Set the keys of ``change`` in ``base``, at any depth; lists and components picked anew are replaced whole."""
    merged = dict(base)
    for key, value in change.items():
        old = base.get(key)
        if not isinstance(old, dict) or not isinstance(value, dict):
            merged[key] = value
        elif is_another_component(old, value):
            # The zoo may be left unsaid where only another network of it is picked.
            merged[key] = {"name": old["name"], **value}
        else:
            merged[key] = merge(old, value)
    return merged


def is_another_component(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether ``new`` picks a component other than ``old``: by name, or another network of the same zoo."""
    return "name" in old and any(key in new and new[key] != old.get(key) for key in IDENTITY)
