"""Derive ``dvc.yaml`` of each recipe from pipelines and catalog: ``python -m fieldwork.dvc_stages write [recipe]``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
from rich.console import Console

from fieldwork.dvc_recipe import BASE, Catalog, Recipe, dvc_options, files_of, paths_of, read_file, read_recipe
from fieldwork.parameters import DECIDING_PARTS
from fieldwork.pipeline_registry import ON_REQUEST
from fieldwork.source_files import folders_behind
from groundwork.rasters.addresses import Address, place_of
from groundwork.table import module_of

HEADER = "# Derived from pipelines and catalog by `make dvc{}`. Do not edit: change those, and run it again.\n"
#: What says of an entry where it lies and what reads it: DVC watches files and code themselves.
WATCHED_OTHERWISE = ("type", "path", "filepath", "metadata")

#: The entry of what each pipeline was made from, by a pattern of names.
RECORD = "run_record_{pipeline}"


def derive(project: Path, name: str = BASE) -> str:
    """Return what ``dvc.yaml`` of a recipe must hold: a stage for each pipeline whose results are its own.

    Args:
        project: The project's folder.
        name: The recipe; several may be joined by ``+``.
    """
    bootstrap_project(project)
    recipe = read_recipe(project, name)
    others: set[str] = set()
    if name != BASE:
        base = read_recipe(project, BASE).catalog
        others = {path for pipeline in pipelines.values() for path in paths_of(_outputs(pipeline), base)}
    stages = {
        stage: _stage(recipe, stage, pipelines[stage])
        for stage in _in_order(recipe.catalog)
        if _is_wanted(stage, set(paths_of(_outputs(pipelines[stage]), recipe.catalog)), others)
    }
    plots = list(_plots(recipe, stages))
    header = HEADER.format("" if name == BASE else f" RECIPE={name}")
    return header + yaml.safe_dump({"stages": stages, "plots": plots}, sort_keys=False, width=120)


def _plots(recipe: Recipe, stages: Mapping[str, Mapping[str, Any]]) -> Iterator[str | dict[str, Any]]:
    """Yield what ``dvc plots`` draws: columns of tables, and images as they are, of what the stages make."""
    made = {out for stage in stages.values() for out in stage["outs"] if isinstance(out, str)}
    for entry, values in recipe.catalog.items():
        options = dvc_options(values)
        path = next(iter(paths_of([entry], recipe.catalog)), "")
        if "plot" in options:
            plot = options["plot"]
            yield {entry: {"x": plot["x"], "y": {f"{recipe.way_up}{path}": plot["y"]}}}
        elif options.get("image") and path in made:
            yield f"{recipe.way_up}{path}"


def _is_wanted(stage: str, made: set[str], others: set[str]) -> bool:
    """Whether a pipeline's results are the recipe's own. What brings data is left out where its data has no place."""
    return not others & made and (bool(made) or stage not in ON_REQUEST)


def _in_order(catalog: Catalog) -> list[str]:
    """Return the names of the pipelines, each behind those whose results it reads."""
    names = sorted(name for name in pipelines if name != "__default__")
    made = {name: set(paths_of(_outputs(pipelines[name]), catalog)) for name in names}
    read = {name: set(paths_of(pipelines[name].inputs(), catalog)) for name in names}
    graph = {name: [other for other in names if other != name and made[other] & read[name]] for name in names}
    return list(TopologicalSorter(graph).static_order())


def _stage(recipe: Recipe, name: str, pipeline: Pipeline) -> dict[str, Any]:
    catalog = recipe.catalog
    inputs, outputs = sorted(pipeline.inputs()), _outputs(pipeline)
    entries = [*inputs, *outputs]
    modules = [*_modules(name, entries, catalog), *_own_components(recipe, inputs)]
    code = folders_behind(recipe.project / "src", modules)
    # DVC records what the files of the recipe say, so conf/local must not change it.
    stage: dict[str, Any] = {"cmd": f"kedro run --env {recipe.name} --pipelines {name}"}
    if recipe.way_up:
        stage["wdir"] = recipe.way_up.rstrip("/")
    stage["deps"] = sorted(_outermost({*paths_of(inputs, catalog), *code, "requirements.lock"}))
    watched = [*_watched(recipe, inputs), *_catalog_keys(recipe, entries)]
    if watched:
        stage["params"] = watched
    for kind in ("outs", "metrics", "plots"):
        kept = [entry for entry in outputs if paths_of([entry], catalog) and _kind(catalog, entry) == kind]
        if kept or kind == "outs":
            stage[kind] = [_out(catalog, entry) for entry in kept]
    # It travels with what it describes.
    stage["outs"].append(str(catalog[RECORD]["filepath"]).format(pipeline=name))
    return stage


def _outermost(paths: set[str]) -> set[str]:
    """Leave out what lies in another of the folders."""
    return {path for path in paths if not paths & {parent.as_posix() for parent in Path(path).parents}}


def _outputs(pipeline: Pipeline) -> list[str]:
    return [output for node in pipeline.nodes for output in node.outputs]


def _modules(name: str, entries: Iterable[str], catalog: Catalog) -> list[str]:
    types = (str(catalog[entry]["type"]) for entry in entries if entry in catalog)
    own = (text.rpartition(".")[0] for text in types if text.startswith("fieldwork."))
    return [f"fieldwork.pipelines.{name}.pipeline", *own]


def _own_components(recipe: Recipe, inputs: Iterable[str]) -> Iterator[str]:
    """Yield the modules of components that the parameters of a stage name by import path."""
    for entry in _parameters(recipe, inputs):
        for file, keys in entry.items():
            values = read_file(recipe.project / file)
            yield from _modules_named([values[key] for key in keys])


def _modules_named(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        name = value.get("name")
        if isinstance(name, str) and module_of(name):
            yield module_of(name)
        yield from _modules_named(list(value.values()))
    elif isinstance(value, list):
        for part in value:
            yield from _modules_named(part)


def _parameters(recipe: Recipe, inputs: Iterable[str]) -> list[dict[str, list[str]]]:
    wanted = sorted(entry.removeprefix("params:").split(".")[0] for entry in inputs if entry.startswith("params:"))
    stated = {file: read_file(recipe.project / file) for file in files_of(recipe, "param")}
    found = {file: [key for key in wanted if key in values] for file, values in stated.items()}
    return [{file: keys} for file, keys in found.items() if keys]


def _watched(recipe: Recipe, inputs: Iterable[str]) -> Iterator[dict[str, list[str]]]:
    """Yield the parameters on which results depend."""
    for entry in _parameters(recipe, inputs):
        for file, keys in entry.items():
            stated = read_file(recipe.project / file)
            kept = [part for key in keys for part in _parts(key, stated[key])]
            if kept:
                yield {file: kept}


def _parts(key: str, stated: Mapping[str, Any]) -> list[str]:
    if key not in DECIDING_PARTS:
        return [key]
    return [f"{key}.{part}" for part in DECIDING_PARTS[key] if part in stated]


def _catalog_keys(recipe: Recipe, entries: Iterable[str]) -> list[dict[str, list[str]]]:
    """Watch what the catalog says of a stage's entries beyond where they lie, but not how Kedro-Viz shows them."""
    found: dict[str, list[str]] = {}
    known = {file: read_file(recipe.project / file) for file in reversed(files_of(recipe, "catalog"))}
    for name in sorted(set(entries) & set(recipe.catalog)):
        # A later recipe states an entry anew, as a whole.
        stated = next(file for file, stated_there in known.items() if name in stated_there)
        keys = [f"{name}.{key}" for key, value in recipe.catalog[name].items() if not _watched_itself(key, value)]
        if keys and not dvc_options(recipe.catalog[name]).get("ignore"):
            found.setdefault(stated, []).extend(keys)
    return [{file: keys} for file, keys in sorted(found.items())]


def _watched_itself(key: str, value: object) -> bool:
    """Whether DVC need not know what an entry says under a key. It looks at files, but at no address."""
    return key in WATCHED_OTHERWISE and not (isinstance(value, str) and isinstance(place_of(value), Address))


def _kind(catalog: Catalog, name: str) -> str:
    """Return what DVC calls an output. It takes a stage from its cache of runs only where all of git's are not outs."""
    options = dvc_options(catalog[name])
    return "metrics" if options.get("metric") else "plots" if "plot" in options else "outs"


def _out(catalog: Catalog, name: str) -> str | dict[str, Any]:
    path, options = paths_of([name], catalog)[0], dvc_options(catalog[name])
    if not options.keys() & {"metric", "plot"}:
        return path
    # Beside the plot of all columns, DVC draws the last one by itself: over the same axis.
    axes = {"x": options["plot"]["x"], "y": options["plot"]["y"][-1]} if "plot" in options else {}
    return {path: {"cache": False, **axes}}


def main(command: str, *names: str) -> int:
    """Write the stages of recipes, or say whether they are in step; return the exit status.

    Args:
        command: ``write`` or ``check``.
        names: Recipes. None: the base, and all that have stages already.
    """
    project, console = Path.cwd(), Console(stderr=True)
    bootstrap_project(project)
    known = sorted(file.parent.name for file in (project / "conf").glob("*/dvc.yaml"))
    status = 0
    for name in names or (BASE, *known):
        derived, file = derive(project, name), read_recipe(project, name).file
        if command == "write":
            file.parent.mkdir(exist_ok=True)
            file.write_text(derived, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != derived:
            console.print(f"{file.relative_to(project)} is out of step with pipelines and catalog. Run `make dvc`.")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
