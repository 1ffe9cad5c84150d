"""How a recipe (a Kedro environment) changes the base configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import DictConfig, OmegaConf

#: Keys that say which component it is. With another value for one of them, the old one's options mean nothing.
IDENTITY = ("name", "model", "variant", "architecture")


class RecipeConfigLoader(OmegaConfigLoader):
    """Merges softly, except that a component picked anew replaces the old one with all its options."""

    @staticmethod
    def _soft_merge(config: dict[str, Any], env_config: dict[str, Any], env_path: str | None = None) -> Any:  # noqa: ANN401, ARG004
        return merge(config, env_config)

    def _merge_and_resolve(self, key: str, config_per_file: dict[Path, DictConfig]) -> dict[str, Any]:
        """Merge the files of one environment, and ``--params`` over parameters in the same way as a recipe."""
        if key != "parameters" or not config_per_file or not self.runtime_params:
            merged: dict[str, Any] = super()._merge_and_resolve(key, config_per_file)
            return merged
        stated, given = OmegaConf.unsafe_merge(*config_per_file.values()), OmegaConf.create(self.runtime_params)
        return merge(*(OmegaConf.to_container(part, resolve=True) for part in (stated, given)))  # type: ignore[arg-type]


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
