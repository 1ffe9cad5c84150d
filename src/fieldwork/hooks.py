"""Around a run: refuse at once what would fail late or be ignored silently, and end with what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.entries import (
    check_entries,
    check_inputs,
    check_labels,
    check_lists,
    check_overlaps,
    check_regions,
    output_paths,
    work_folders,
)
from fieldwork.entry_keys import check_entry_keys, check_load_versions
from fieldwork.parameters import read_parameters
from fieldwork.recipe_places import check_places
from fieldwork.runners import check_runner
from fieldwork.selection import check_selection
from fieldwork.summary import show_summary
from groundwork.rasters.collector import without_collector

#: Commands of Kedro that name pipelines.
NAMING = ("run", "describe-datasets", "resolve-patterns")
#: The parameters that are held against one another.
STATED = ("data", "model", "training", "inference")
#: Where they are asked for, work of hours begins: what is stated of the training is looked at before it does. Building
#: a model takes seconds, as looking does, and the training itself looks again.
BEFORE_TRAINING = {"params:data_prep", "params:training"}


class OutputNotWritableError(OSError):
    """An output cannot be written where the catalog puts it."""


class AroundRun:
    """Checks before a run, and a summary after it."""

    def __init__(self) -> None:
        self._parameters: Mapping[str, Any] = {}
        self._loader: RecipeConfigLoader | None = None
        self._entries: Mapping[str, Any] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse names in the command and configuration that mean nothing, and parameters that are wrong.

        Raises:
            UnknownNameError: For a pipeline, node, tag or entry that is not there.
            ConfigurationError: For a file that nothing reads.
            ParameterError: For a parameter that is not of its class.
            CatalogError: For an entry that no pipeline reads or makes.
        """
        loader = context.config_loader
        command = click.get_current_context(silent=True)
        if command is not None and command.command.name in NAMING:
            check_selection(command.params, pipelines)
        if isinstance(loader, RecipeConfigLoader):
            self._loader = loader
            loader.check_files()
            loader.warn_of_local()
            self._parameters = read_parameters(loader["parameters"], loader.files_with, loader.asked_for())
            self._entries = loader["catalog"]
            check_entries(self._entries, pipelines.values())
            check_entry_keys(self._entries, loader["credentials"])

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Refuse inputs that are not there, and outputs that cannot be written or would change what is read.

        Raises:
            RunnerError: For a runner with which results would be left to chance.
            CatalogError: With the entry and its path.
            OutputNotWritableError: The same.
            ComponentError, SpecError: For names and options of components that mean nothing, before hours of work.
        """
        check_load_versions(self._entries, run_params.get("load_versions") or ())
        check_runner(run_params, pipeline, self._parameters.get("inference"))
        check_overlaps(pipeline, catalog, pipelines)
        if self._loader is not None:
            check_places(pipeline, catalog, self._loader, pipelines, Path(run_params["project_path"]))
        if "labels" in pipeline.inputs() and "data" in self._parameters:
            check_labels(self._parameters["data"].target, catalog.to_config()[0].get("labels", {}))
        if not run_params.get("only_missing_outputs"):
            check_inputs(pipeline, catalog, pipelines, run_params.get("env"))
        self._check_meaning(pipeline)
        if "split_lists" in pipeline.inputs() and "data" in self._parameters:
            check_lists(self._parameters["data"].split, catalog.load("split_lists"))
        if "split_regions" in pipeline.inputs() and "data" in self._parameters:
            check_regions(self._parameters["data"].split, catalog.to_config()[0].get("split_regions", {}))
        paths = {**output_paths(pipeline, catalog), **work_folders(pipeline, catalog)}
        for name, path in paths.items():
            _check_writable(name, path)

    def _check_meaning(self, pipeline: Pipeline) -> None:
        """Refuse what the classes of the parameters cannot see: names of components, and what does not go together."""
        used = pipeline.inputs()
        if not self._parameters or not used & BEFORE_TRAINING:
            return
        # They load torch and Lightning.
        with without_collector():
            from groundwork.data.augmentation.augmenter import check_augmentation  # noqa: PLC0415
            from groundwork.data.sampling.checks import check_sampling  # noqa: PLC0415
            from groundwork.prediction.source import scene_specs  # noqa: PLC0415
            from groundwork.training.checks import check_together, check_training  # noqa: PLC0415

        data, model, training, inference = (self._parameters[name] for name in STATED)
        check_training(training, data.target)
        check_augmentation(training.augmentation, data.sources, data.target)
        check_sampling(training.sampling, data.store, data.target)
        if "params:training" in used:
            check_together(training, model, data.target)
        # A bundle that is there already may have been trained on other rasters than are stated now.
        if {"params:data", "params:inference"} <= used:
            scene_specs(data.sources, inference)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Show scores, where they were made, and where each result lies."""
        results = output_paths(pipeline, catalog)
        scores: dict[str, Any] | None = catalog.load("scores") if "scores" in results else None
        show_summary(scores, results)


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
