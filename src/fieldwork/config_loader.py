"""How a recipe (a Kedro environment) changes the base configuration."""

from __future__ import annotations

from typing import Any

from kedro.config import OmegaConfigLoader


class RecipeConfigLoader(OmegaConfigLoader):
    """Merges softly, except that a component picked anew by ``name`` replaces the old one with all its options."""

    @staticmethod
    def _soft_merge(config: dict[str, Any], env_config: dict[str, Any], env_path: str | None = None) -> Any:  # noqa: ANN401, ARG004
        return merge(config, env_config)


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Set the keys of ``change`` in ``base``, at any depth; lists and renamed components are replaced whole."""
    merged = dict(base)
    for key, value in change.items():
        old = base.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and old.get("name") == value.get("name", old.get("name")):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged
