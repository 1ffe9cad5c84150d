"""The project's pipelines."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from kedro.pipeline import Pipeline

from fieldwork import pipelines as package

#: Pipelines that ``kedro run`` leaves out: they bring data, the embedded sample or that of TorchGeo, try something, or
#: make of a trained bundle what not everyone needs.
ON_REQUEST = ("sample_data", "torchgeo_import", "learning_rate_search", "export")


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name, found by folder.

    All of them, whatever runs: only who knows all can say that a name is wrong, or that nothing reads a catalog entry.
    They are light, as nodes import what they need when they run. The nodes of each stand in a namespace of its name:
    Kedro-Viz shows one box for each, and ``kedro run --namespaces training`` runs it; entries keep their names.
    """
    folders = sorted(file.parent.name for file in Path(package.__path__[0]).glob("*/__init__.py"))
    found = {
        name: _in_namespace(import_module(f"{package.__name__}.{name}").create_pipeline(), name) for name in folders
    }
    chosen = [pipeline for name, pipeline in found.items() if name not in ON_REQUEST]
    return {**found, "__default__": sum(chosen, Pipeline([]))}


def _in_namespace(made: Pipeline, name: str) -> Pipeline:
    return Pipeline(made, namespace=name, prefix_datasets_with_namespace=False)
