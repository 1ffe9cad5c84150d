"""``groundwork config export --env RECIPE`` and ``groundwork config import FILE --env NAME``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from kedro.utils import find_kedro_project
from pydantic import BaseModel, TypeAdapter, ValidationError

from fieldwork.config_loader import ConfigurationError, RecipeConfigLoader
from fieldwork.parameters import PARAMETERS, ParameterError, UnknownParameterError, read_parameters
from fieldwork.recipe_file import PLACES, RecipeFileError, as_file, as_recipe, changes
from groundwork.errors import GroundworkError
from groundwork.strict import explain

#: What runs where no recipe is named.
BASE = "base"
#: Parameter -> the file of a recipe that it stands in.
FILES = {"seed": "parameters", "data_prep": "parameters_data"}


def main(arguments: Sequence[str]) -> int:
    """Run the command; print its answer, or one error."""
    options = _parser().parse_args(arguments)
    try:
        project = _project()
        if options.verb == "export":
            sys.stdout.write(export_recipe(project, options.env))
        else:
            sys.stdout.write(_bring(project, _files(options), options.env))
    except (GroundworkError, RecipeFileError, ConfigurationError, ParameterError, UnknownParameterError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _bring(project: Path, files: Sequence[Path], recipe: str) -> str:
    """Write files of ours, or of TerraTorch, as a recipe, and return what there is to say of it."""
    with _quiet():
        from kedro.framework.startup import bootstrap_project  # noqa: PLC0415 - it says where logging is configured

        bootstrap_project(project)
    from fieldwork.terratorch_recipe import import_terratorch, is_of_terratorch  # noqa: PLC0415 - only here

    if is_of_terratorch(files):
        return f"{import_terratorch(files, recipe, project / 'conf')}\nRun it: kedro run --env {recipe}\n"
    return "".join(f"{written.relative_to(project)}\n" for written in import_recipe(project, files, recipe))


def _files(options: argparse.Namespace) -> list[Path]:
    """Return the files in the order in which they change one another."""
    if bool(options.files) == bool(options.config):
        found = "both" if options.files else "none"
        raise RecipeFileError(
            f"Found {found} of FILE and --config; expected the files of a recipe one way. Name them one after the "
            "other: later ones change earlier ones."
        )
    files: list[Path] = options.files or options.config
    return files


def _project() -> Path:
    project: Path | None = find_kedro_project(Path.cwd())
    if project is None:
        raise RecipeFileError(f"{Path.cwd()} lies in no project: run this where pyproject.toml lies.")
    return project


def export_recipe(project: Path, recipe: str) -> str:
    """Return a recipe as the text of one file for ``groundwork fit``.

    Raises:
        ConfigurationError, ParameterError: For a recipe that is not there, or wrong.
        RecipeFileError: For what such a file cannot say.
    """
    loader = _loader(project, recipe)
    parameters = loader["parameters"]
    read_parameters(parameters, loader.files_with)
    stated = as_file(parameters, loader["catalog"], loader.recipe)
    return f"# The recipe '{loader.recipe}'. Paths start from the project.\n{_as_yaml(stated)}"


def import_recipe(project: Path, sources: Sequence[Path], recipe: str) -> list[Path]:
    """Write files for ``groundwork fit`` as a recipe that states what they change, and return the files of that.

    Raises:
        RecipeFileError: For a file that is no recipe, or a recipe that is there already.
        ParameterError: For values that are wrong.
    """
    folder = project / "conf" / recipe
    if folder.exists():
        raise RecipeFileError(f"There is a recipe '{recipe}' already ({folder}): choose another name, or remove it.")
    from groundwork.cli.checking import read_file  # noqa: PLC0415 - it loads slowly
    from groundwork.cli.files import merged  # noqa: PLC0415 - only here

    parameters, catalog = as_recipe(merged([read_file(file) for file in sources]))
    named = " + ".join(file.name for file in sources)
    loader = _loader(project, BASE)
    base, base_catalog = loader["parameters"], loader["catalog"]
    files: dict[str, dict[str, Any]] = {"catalog": {}}
    for name, value in parameters.items():
        changed = changes(base[name], value, _with_defaults(name, value, named), name)
        if changed != {} and changed != base[name]:
            files.setdefault(FILES.get(name, f"parameters_{name}"), {})[name] = changed
    files["catalog"] = {name: entry for name, entry in catalog.items() if not _is_same(base_catalog.get(name), entry)}
    folder.mkdir(parents=True)
    return [_write(folder / f"{name}.yml", values, named) for name, values in files.items() if values]


def _with_defaults(name: str, value: object, file: str) -> Any:  # noqa: ANN401 - whatever the parameter is
    try:
        read = TypeAdapter(PARAMETERS[name]).validate_python(value)
    except ValidationError as error:
        raise ParameterError(f"{file}, '{PLACES[name]}':\n{explain(name, error)}") from error
    if not isinstance(read, BaseModel):
        return read
    from fieldwork.component_defaults import with_options  # noqa: PLC0415 - components load torch

    return with_options(name, read.model_dump(mode="json"))


def _is_same(base: Mapping[str, Any] | None, entry: Mapping[str, Any]) -> bool:
    return base is not None and {**base, "metadata": None} == {**entry, "metadata": None}


def _write(file: Path, values: Mapping[str, Any], source: str) -> Path:
    file.write_text(f"# From {source}.\n{_as_yaml(values)}", encoding="utf-8")
    return file


def _as_yaml(values: Mapping[str, Any]) -> str:
    text: str = yaml.dump(dict(values), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
    return text


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - pyyaml's
        return True


def _loader(project: Path, recipe: str) -> RecipeConfigLoader:
    with _quiet():
        from kedro.framework.startup import bootstrap_project  # noqa: PLC0415 - it says where logging is configured

        bootstrap_project(project)
        from fieldwork.settings import CONFIG_LOADER_ARGS  # noqa: PLC0415 - after the project is set up

    arguments: dict[str, Any] = {**CONFIG_LOADER_ARGS}
    loader = RecipeConfigLoader(str(project / "conf"), env=None if recipe == BASE else recipe, **arguments)
    loader.check_files()
    return loader


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Kedro has to say of itself out of a file that is printed."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="groundwork config", description="Recipes as files for `groundwork fit`.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="export|import")
    export = verbs.add_parser("export", help="print a recipe as one file")
    export.add_argument("--env", default=BASE, metavar="RECIPE", help="several: joined by '+'; without: the base")
    bring = verbs.add_parser("import", help="write a file as a recipe: conf/NAME/*.yml, which states what it changes")
    bring.add_argument("files", type=Path, nargs="*", metavar="FILE", help="several: later ones change earlier ones")
    bring.add_argument("-c", "--config", type=Path, action="append", default=[], help="the same, as `fit` takes them")
    bring.add_argument("--env", required=True, metavar="NAME", help="of the new recipe")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
