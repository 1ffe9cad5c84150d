"""``groundwork config import theirs.yaml --env NAME``: TerraTorch's configuration becomes a recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldwork.config_loader import ConfigurationError, RecipeConfigLoader
from fieldwork.parameters import read_parameters
from fieldwork.recipe_file import FOLDERS, LAYER, LISTS, TYPES
from fieldwork.recipe_text import as_text, differing
from groundwork.cli.files import merged
from groundwork.cli.reading import read_mapping
from groundwork.compatibility.terratorch.parts import with_parts
from groundwork.compatibility.terratorch.translate import Translation, is_terratorch, translate
from groundwork.config.merging import merge

#: Parameter -> the file that it stands in, where that is not called after it.
FILES = {"seed": "parameters"}


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file."""

    #: What was written.
    files: tuple[Path, ...]
    translation: Translation

    def __str__(self) -> str:
        """Compose what a person should read."""
        lines = ["Written:", *(f"  {file.as_posix()}" for file in self.files)]
        return "\n".join(lines) + f"\n{self.translation.findings}"


def import_terratorch(paths: Sequence[Path], name: str, conf_folder: Path) -> Report:
    """Write a recipe that says what files of TerraTorch say.

    Args:
        paths: The files; later ones change keys of earlier ones, as for ``groundwork fit``.
        name: Of the recipe; there must be none of that name.
        conf_folder: The project's folder of recipes, with the base configuration in it.

    Raises:
        ConfigurationError: For a recipe that is there, and a file that cannot be read.
        TranslationError: With every key that cannot be translated.
        ParameterError: Where what was translated is no configuration; it is then a mistake of the translation.
    """
    folder = conf_folder / name
    if not name.replace("_", "").replace("-", "").isalnum() or name in ("base", "local"):
        raise ConfigurationError(
            f"'{name}' is no name for a recipe: take letters, digits and _, not 'base' or 'local'."
        )
    if folder.exists():
        raise ConfigurationError(f"There is a recipe '{name}' already ({folder}): choose another name, or remove it.")
    file = " + ".join(path.name for path in paths)
    translation = translate(_read_whole(paths), file)
    loader = _base(conf_folder)
    base = loader["parameters"]
    stated = _whole(translation, base)
    written = differing(base, stated)
    read_parameters(merge(base, written), lambda _: [file])
    parts = {FILES.get(key, f"parameters_{key}"): {key: value} for key, value in written.items()}
    catalog = _catalog(translation.places)
    folder.mkdir(parents=True)
    comments = list(translation.findings.comments())
    heading = f"# From {file}, which TerraTorch reads.\n"
    made = [_write(folder / "catalog.yml", heading + as_text(catalog, ()))]
    made += [_write(folder / f"{part}.yml", heading + as_text(values, comments)) for part, values in parts.items()]
    return Report(tuple(made), translation)


def is_of_terratorch(paths: Sequence[Path]) -> bool:
    """Whether files, taken together, are one of TerraTorch."""
    return is_terratorch(_read_whole(paths))


def _read_whole(paths: Sequence[Path]) -> Mapping[str, Any]:
    """Read files of TerraTorch as one, with the parts that they name as files of their own."""
    return merged([with_parts(read_mapping(path), path, read_mapping) for path in paths])


def _base(conf_folder: Path) -> RecipeConfigLoader:
    from fieldwork.settings import CONFIG_LOADER_ARGS  # noqa: PLC0415 - it reads values of this machine

    arguments: dict[str, Any] = {**CONFIG_LOADER_ARGS}
    return RecipeConfigLoader(str(conf_folder), env="base", **arguments)


def _whole(translation: Translation, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stated, with sources of the base dropped."""
    stated: dict[str, Any] = dict(translation.parameters)
    dropped = {source: None for source in base["data"]["sources"] if source not in stated["data"]["sources"]}
    stated["data"] = {**stated["data"], "sources": dropped | stated["data"]["sources"]}
    stated["training"] = {**stated["training"], "augmentation": _bare(stated["training"]["augmentation"])}
    stated["model"] = {key: _bare(value) if key == "necks" else value for key, value in stated["model"].items()}
    # What is empty says nothing, unless the base says something in its place.
    stated["model"] = {
        key: value for key, value in stated["model"].items() if value not in (None, [], {}) or base["model"].get(key)
    }
    return stated


def _bare(parts: list[dict[str, Any]]) -> list[Any]:
    """Return components as they are written: by their name alone where they have no options."""
    return [part["name"] if len(part) == 1 else part for part in parts]


def _catalog(places: Mapping[str, Any]) -> dict[str, Any]:
    entries = {name: _entry(place) for name, place in places.items() if name != "split_lists"}
    lists = places.get("split_lists") or {}
    if lists:
        entries["split_lists"] = {"type": FOLDERS if "folders" in lists else LISTS, **lists, "metadata": LAYER}
    return entries


def _entry(place: Mapping[str, Any]) -> dict[str, Any]:
    if "sources" not in place:
        options = {key: value for key, value in place.items() if key != "kind"}
        return {"type": TYPES[place.get("kind", "rasters")], **options, "metadata": LAYER}
    sources: dict[str, dict[str, Any]] = place["sources"]
    root = os.path.commonpath([one["path"] for one in sources.values()])
    inner = {
        name: {"folder": Path(os.path.relpath(one["path"], root)).as_posix(), "pattern": one["pattern"]}
        for name, one in sources.items()
    }
    return {"type": TYPES["sources"], "path": root, "sources": inner, "metadata": LAYER}


def _write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file
