"""Whether a recipe writes where another one keeps its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.entries import CatalogError, brought_on_request, output_paths

#: Holds values of this machine.
LOCAL = "local"


def check_places(
    pipeline: Pipeline,
    catalog: DataCatalog,
    loader: RecipeConfigLoader,
    pipelines: Mapping[str, Pipeline],
    project: Path,
) -> None:
    """Refuse outputs in a place where another recipe writes: each would remove what the other made.

    Args:
        pipeline: What is to run.
        catalog: Where its entries lie.
        loader: Of the recipe that runs.
        pipelines: All, by name: data that some of them bring belongs to all recipes.
        project: The project's folder, in which paths of the catalog begin; recipes may lie elsewhere (`--conf-source`).

    Raises:
        CatalogError: With the entry, its path, and the other recipe.
    """
    own, recipes = loader.recipe, Path(loader.conf_source)
    shared = brought_on_request(pipelines)
    paths = {name: path for name, path in output_paths(pipeline, catalog).items() if name not in shared}
    literal = {name: path for name, path in paths.items() if own not in path.parts}
    others = sorted(set(_names(recipes)) - {own})
    for name, path in literal.items():
        owner = _owner(path, project, others) or next(
            _with_the_same(name, project / path, recipes, project, others), None
        )
        if owner is not None:
            raise CatalogError(
                f"Catalog entry '{name}': the recipe '{own}' would write to {path}, where the recipe '{owner}' keeps "
                "its results. Write '${recipe:}' in its path where the name of the recipe belongs, as "
                "conf/base/catalog.yml does, or give it a place of its own. A recipe that only reads what another made "
                "is run by the pipelines that read it, such as `--pipelines inference`."
            )


def _names(recipes: Path) -> list[str]:
    # Of an archive, Kedro reads the recipe that runs, and no other.
    folders = recipes.iterdir() if recipes.is_dir() else ()
    return [folder.name for folder in folders if folder.is_dir() and folder.name != LOCAL]


def _owner(path: Path, project: Path, others: list[str]) -> str | None:
    """Return the recipe whose folder in ``data/<layer>`` a path lies in."""
    data, place = (project / "data").resolve(), (project / path).resolve()
    parts = place.relative_to(data).parts if place.is_relative_to(data) else ()
    return parts[1] if len(parts) > 1 and parts[1] in others else None


def _with_the_same(name: str, place: Path, recipes: Path, project: Path, others: list[str]) -> Iterator[str]:
    """Yield recipes that name the same place for an entry, as it is written."""
    for other in others:
        for file in sorted((recipes / other).glob("catalog*.yml")):
            entry: Any = (yaml.safe_load(file.read_text("utf-8")) or {}).get(name) or {}
            written = entry.get("filepath") or entry.get("path")
            if written and (project / str(written)).resolve() == place.resolve():
                yield other
