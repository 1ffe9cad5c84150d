"""Derive ``dvc.yaml`` from pipelines and catalog: ``python -m fieldwork.dvc_stages write`` or ``check``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
from rich.console import Console

from fieldwork.source_files import files_behind

STAGES = ("sample_data", "data_prep", "model_build", "training", "evaluation", "inference")
HEADER = "# Derived from pipelines and catalog by `make dvc`. Do not edit: change those, and run it again.\n"

Catalog = Mapping[str, dict[str, Any]]


def derive(project: Path) -> str:
    """Return what ``dvc.yaml`` must hold.

    Args:
        project: The project's folder.
    """
    bootstrap_project(project)
    catalog: Catalog = yaml.safe_load((project / "conf/base/catalog.yml").read_text(encoding="utf-8"))
    stages = {name: _stage(project, name, pipelines[name], catalog) for name in STAGES}
    plots = [
        {name: {"x": plot["x"], "y": {_path(catalog, name): plot["y"]}}}
        for name, entry in catalog.items()
        if (plot := _dvc(entry).get("plot"))
    ]
    return HEADER + yaml.safe_dump({"stages": stages, "plots": plots}, sort_keys=False, width=120)


def _stage(project: Path, name: str, pipeline: Pipeline, catalog: Catalog) -> dict[str, Any]:
    inputs = sorted(pipeline.inputs())
    outputs = [output for node in pipeline.nodes for output in node.outputs]
    modules = [*_modules(name, [*inputs, *outputs], catalog), *_own_components(project, inputs)]
    code = files_behind(project / "src", modules)
    data = [_path(catalog, entry) for entry in inputs if not entry.startswith("params:")]
    # DVC records the base's values, so conf/local must not change them.
    stage: dict[str, Any] = {"cmd": f"kedro run --env base --pipelines {name}"}
    stage["deps"] = sorted({*(path for path in data if path), *code, "requirements.lock"})
    stage["params"] = [*_parameters(project, inputs), *_catalog_keys([*inputs, *outputs], catalog)]
    for kind in ("outs", "metrics", "plots"):
        entries = [entry for entry in outputs if _path(catalog, entry) and _kind(catalog, entry) == kind]
        if entries or kind == "outs":
            stage[kind] = [_out(catalog, entry) for entry in entries]
    return stage


def _modules(name: str, entries: Iterable[str], catalog: Catalog) -> list[str]:
    types = (str(catalog[entry]["type"]) for entry in entries if entry in catalog)
    own = (text.rpartition(".")[0] for text in types if text.startswith("fieldwork."))
    return [f"fieldwork.pipelines.{name}.pipeline", *own]


def _own_components(project: Path, inputs: Sequence[str]) -> Iterator[str]:
    """Yield the modules of components that the parameters of a stage name by import path."""
    for entry in _parameters(project, inputs):
        for file, keys in entry.items():
            values = yaml.safe_load((project / file).read_text(encoding="utf-8"))
            yield from _modules_named([values[key] for key in keys])


def _modules_named(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        name = value.get("name")
        if isinstance(name, str) and "." in name:
            yield name.replace(":", ".").rpartition(".")[0]
        yield from _modules_named(list(value.values()))
    elif isinstance(value, list):
        for part in value:
            yield from _modules_named(part)


def _parameters(project: Path, inputs: Sequence[str]) -> list[dict[str, list[str]]]:
    wanted = sorted(entry.removeprefix("params:").split(".")[0] for entry in inputs if entry.startswith("params:"))
    found: dict[str, list[str]] = {}
    for file in sorted((project / "conf/base").glob("parameters*.yml")):
        keys = yaml.safe_load(file.read_text(encoding="utf-8"))
        found[file.relative_to(project).as_posix()] = [key for key in wanted if key in keys]
    return [{file: keys} for file, keys in found.items() if keys]


def _catalog_keys(entries: Iterable[str], catalog: Catalog) -> list[dict[str, list[str]]]:
    """Watch what the catalog says of a stage's entries, but not how Kedro-Viz shows them."""
    known = sorted(name for name in set(entries) & set(catalog) if not _dvc(catalog[name]).get("ignore"))
    return [
        {"conf/base/catalog.yml": [f"{name}.{key}" for name in known for key in catalog[name] if key != "metadata"]}
    ]


def _kind(catalog: Catalog, name: str) -> str:
    """Return what DVC calls an output. It takes a stage from its cache of runs only where all of git's are not outs."""
    options = _dvc(catalog[name])
    return "metrics" if options.get("metric") else "plots" if "plot" in options else "outs"


def _out(catalog: Catalog, name: str) -> str | dict[str, Any] | None:
    path, options = _path(catalog, name), _dvc(catalog[name])
    if path is None or not options.keys() & {"metric", "plot", "keep_in_git"}:
        return path
    # Beside the plot of all columns, DVC draws the last one by itself: over the same axis.
    axes = {"x": options["plot"]["x"], "y": options["plot"]["y"][-1]} if "plot" in options else {}
    return {path: {"cache": False, **axes}}


def _path(catalog: Catalog, name: str) -> str | None:
    entry = catalog.get(name, {})
    if _dvc(entry).get("ignore"):
        return None
    path: str | None = entry.get("filepath") or entry.get("path")
    return path


def _dvc(entry: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = (entry.get("metadata") or {}).get("dvc") or {}
    return options


def main(command: str) -> int:
    """Write ``dvc.yaml``, or say whether it is in step; return the exit status."""
    project = Path.cwd()
    file, console = project / "dvc.yaml", Console(stderr=True)
    derived = derive(project)
    if command == "write":
        file.write_text(derived, encoding="utf-8")
        return 0
    if file.exists() and file.read_text(encoding="utf-8") == derived:
        return 0
    console.print("dvc.yaml is out of step with pipelines and catalog. Run `make dvc`, and commit it.")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
