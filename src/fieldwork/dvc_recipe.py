"""What the files of a recipe say, as DVC sees them: without values of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from fieldwork.config_loader import AND, ConfigurationError, RecipeConfigLoader
from fieldwork.settings import CONFIG_LOADER_ARGS, LOCAL_VALUES
from groundwork.rasters.addresses import Address, place_of

#: The recipe whose stages ``dvc repro`` runs by itself.
BASE = "base"

Catalog = Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe as its stages see it."""

    project: Path
    name: str
    catalog: Catalog

    @property
    def folders(self) -> list[str]:
        """Folders of ``conf`` that it consists of, the base's first."""
        return list(dict.fromkeys([BASE, *self.name.split(AND)]))

    @property
    def file(self) -> Path:
        """Where its stages stand."""
        return self.project / ("dvc.yaml" if self.name == BASE else f"conf/{self.name}/dvc.yaml")

    @property
    def way_up(self) -> str:
        """From that file's folder to the project's."""
        return "" if self.name == BASE else "../../"


def read_recipe(project: Path, name: str) -> Recipe:
    """Read a recipe's catalog, without values of this machine.

    Raises:
        ConfigurationError: For a recipe that is not there, or an entry that lies at a place of this machine only.
    """
    arguments: dict[str, Any] = {**CONFIG_LOADER_ARGS, "custom_resolvers": {"local": _default_of}}
    catalog = RecipeConfigLoader(str(project / "conf"), env=name, **arguments)["catalog"]
    # Resolvers hold for the whole process: whoever reads a recipe after this one has values of the machine again.
    OmegaConf.register_new_resolver("local", LOCAL_VALUES, replace=True)
    return Recipe(project, name, catalog)


def files_of(recipe: Recipe, kind: str) -> list[str]:
    """Return the files of a recipe whose names begin so, the base's first."""
    folders = [recipe.project / "conf" / folder for folder in recipe.folders]
    files = [file for folder in folders for file in sorted(folder.glob(f"{kind}*.yml"))]
    return [file.relative_to(recipe.project).as_posix() for file in files]


def read_file(file: Path) -> dict[str, Any]:
    """Read a file of parameters or of the catalog.

    Raises:
        ConfigurationError: For a bare date, which DVC cannot record.
    """
    # A file of comments alone holds nothing.
    read: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    for day in _days(read):
        raise ConfigurationError(f"{file}: DVC cannot record the bare date {day}. Write '{day}', in quotation marks.")
    return read


def _days(value: object) -> Iterator[date]:
    if isinstance(value, date):
        yield value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        yield from _days(part)


def paths_of(entries: Iterable[str], catalog: Catalog) -> list[str]:
    """Return where entries lie that DVC is to know of."""
    known = [catalog[name] for name in entries if name in catalog and not dvc_options(catalog[name]).get("ignore")]
    files = [
        [entry.get("filepath") or entry.get("path"), entry.get("folder"), *(entry.get("files") or {}).values()]
        for entry in known
    ]
    # What lies at an address is no file that DVC could look at.
    return [str(path) for paths in files for path in paths if path and not isinstance(place_of(path), Address)]


def dvc_options(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an entry says under ``metadata.dvc``."""
    options: dict[str, Any] = (entry.get("metadata") or {}).get("dvc") or {}
    return options


def _default_of(key: str, *default: object) -> object:
    if not default:
        raise KeyError(
            f"'{key}' has a value on this machine only; DVC needs a place that all have, such as data/01_raw"
        )
    return default[0]
