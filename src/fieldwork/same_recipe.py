"""Train only what the parameters state: they may have changed since the model was built or the samples were indexed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from pydantic import TypeAdapter

from fieldwork.differences import since_recorded
from fieldwork.parameters import PARAMETERS
from fieldwork.run_record import RECORD

#: What an initial bundle is built from.
STATED: dict[str, Any] = {name: PARAMETERS[name] for name in ("data", "model", "seed")}
#: What a training reads of the two pipelines before it.
READ_TOGETHER = {"initial_bundle", "samples"}


class SameRecipe:
    """Refuses an initial bundle, and samples, that were made with another recipe than the one that runs."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the parameters of this run."""
        self._parameters = context.config_loader["parameters"]

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Compare what samples were made with, as the record says, before a model learns from them.

        Raises:
            DataError: Where 'data' states something else by now.
        """
        learns = any(set(node.inputs) >= READ_TOGETHER for node in pipeline.nodes)
        if learns and "samples" in pipeline.inputs() and catalog.exists(RECORD.format("data_prep")):
            _require_made_with(catalog.load(RECORD.format("data_prep"))["parameters"], self._parameters["data"])

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:  # noqa: ANN401 - whatever the catalog holds
        """Compare the initial bundle with the parameters, before it is trained or described.

        Raises:
            BundleError: Where they differ.
        """
        if dataset_name == "initial_bundle":
            from groundwork.training.initial import require_built_from  # noqa: PLC0415 - it loads torch

            given = {name: TypeAdapter(kind).validate_python(self._parameters[name]) for name, kind in STATED.items()}
            require_built_from(data, **given)


def _require_made_with(recorded: Mapping[str, Any], stated: Mapping[str, Any]) -> None:
    from groundwork.bundle import PRESENTATION_OF_DATA  # noqa: PLC0415 - it loads torch
    from groundwork.errors import DataError  # noqa: PLC0415 - it goes with what loads torch

    found = since_recorded("data", recorded.get("data"), stated, PRESENTATION_OF_DATA)
    if found:
        raise DataError(
            f"The samples and statistics were made with other parameters than are stated now: "
            f"{'; '.join(found[:5])}. `kedro run --pipelines data_prep` makes them anew."
        )
