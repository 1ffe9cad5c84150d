"""Around a run: refuse at once what would fail late or be ignored silently, and end with what came of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from fieldwork.parameters import check_names
from fieldwork.summary import show_summary


class OutputNotWritableError(OSError):
    """An output cannot be written where the catalog puts it."""


class AroundRun:
    """Checks before a run, and a summary after it."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse parameters that nothing reads."""
        check_names(context.config_loader["parameters"])

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Refuse outputs that cannot be written.

        Raises:
            OutputNotWritableError: With the entry and its path.
        """
        paths = {**output_paths(pipeline, catalog), **work_folders(pipeline, catalog)}
        for name, path in paths.items():
            _check_writable(name, path)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Show scores, where they were made, and where each result lies."""
        results = output_paths(pipeline, catalog)
        metrics: dict[str, Any] | None = catalog.load("metrics") if "metrics" in results else None
        show_summary(metrics, results)


def output_paths(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, Path]:
    """Return where each output of a pipeline lies; what stays in memory is left out."""
    config: dict[str, dict[str, Any]] = catalog.to_config()[0]
    produced = [name for node in pipeline.nodes for name in node.outputs]
    paths = {name: config.get(name, {}).get("filepath") or config.get(name, {}).get("path") for name in produced}
    return {name: Path(str(path)) for name, path in paths.items() if path}


def work_folders(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, Path]:
    """Return the folders that nodes work in."""
    config: dict[str, dict[str, Any]] = catalog.to_config()[0]
    entries = {name: config.get(name, {}) for name in pipeline.inputs()}
    return {
        name: Path(entry["path"])
        for name, entry in entries.items()
        if str(entry.get("type")).endswith(".FolderDataset")
    }


def _check_writable(name: str, path: Path) -> None:
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise OutputNotWritableError(
            f"Catalog entry '{name}': {path} cannot be made, as {folder} is a file, no folder."
        )
    target = path if path.is_dir() else folder
    if not os.access(target, os.W_OK):
        raise OutputNotWritableError(f"Catalog entry '{name}': {path} cannot be written: no permission in {target}.")
