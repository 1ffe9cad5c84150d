"""Record a run once it is done, where the recipe says so: parameters, scores, history, figures, bundle and report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.entries import output_paths
from fieldwork.trackers import TRACKERS, Recorded
from fieldwork.tracking_config import TrackingConfig

#: Catalog entries: the scores, the values by epoch, what is kept beside figures, and the folder of all records.
SCORES, HISTORY, ARTIFACTS, FOLDER = "metrics", "history", ("trained_bundle", "report", "model_card"), "tracking_folder"


class TrackingError(ValueError):
    """Runs cannot be recorded as the recipe says."""


class Tracking:
    """Records each run that leaves something, behind its last node."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the parameters, and the name of the recipe."""
        loader = context.config_loader
        self._parameters: Mapping[str, Any] = loader["parameters"]
        self._recipe = loader.recipe if isinstance(loader, RecipeConfigLoader) else "base"

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Refuse a package that is not installed, before anything is computed.

        Raises:
            TrackingError: With what to install.
        """
        name = self._config().name
        if name is not None and find_spec(name) is None:
            raise TrackingError(
                f"tracking: '{name}' needs the package {name}, which is not installed. Install it (`uv pip install "
                f"-e '.[{name}]'` in the project), or leave 'tracking' out: every run leaves its files and "
                "records anyway."
            )

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Record what the run made."""
        config = self._config()
        if config.name is None:
            return
        made = {name: path for name, path in output_paths(pipeline, catalog).items() if path.exists()}
        stated = {name.removeprefix("params:") for name in pipeline.inputs() if name.startswith("params:")}
        run = Recorded(
            recipe=self._recipe,
            parameters=dict(flat({name: self._parameters[name] for name in sorted(stated)})),
            scores={name: value for name, value in flat(catalog.load(SCORES)) if _is_number(value)}
            if SCORES in made
            else {},
            history=_by_epoch(catalog.load(HISTORY)) if HISTORY in made else {},
            pictures={name: path for name, path in made.items() if path.suffix == ".png"},
            artifacts={name: made[name] for name in ARTIFACTS if name in made},
        )
        folder: Path = catalog.load(FOLDER)
        TRACKERS[config.name]().record(run, folder, config)

    def _config(self) -> TrackingConfig:
        return TrackingConfig.model_validate(self._parameters.get("tracking"))


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - whatever YAML and JSON hold
    """Yield the values of nested mappings and lists, by names with dots."""
    parts = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else None
    )
    if parts is None:
        yield name, value
        return
    for key, part in parts:
        yield from flat(part, f"{name}.{key}" if name else str(key))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _by_epoch(history: Any) -> dict[str, list[tuple[int, float]]]:  # noqa: ANN401 - a table, imported nowhere here
    numbers = history.select_dtypes("number")
    tables = {name: numbers[["epoch", name]].dropna() for name in numbers.columns if name != "epoch"}
    return {
        name: [(int(epoch), float(value)) for epoch, value in table.itertuples(index=False)]
        for name, table in tables.items()
    }
