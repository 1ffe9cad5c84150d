"""Train only what the parameters state: they may have changed since the model was built or the samples were indexed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from pydantic import TypeAdapter, ValidationError

from fieldwork.parameters import PARAMETERS
from fieldwork.run_record import RECORD

#: What an initial bundle is built from.
STATED: dict[str, Any] = {name: PARAMETERS[name] for name in ("data", "model", "seed")}
#: What a training reads of the two pipelines before it.
READ_TOGETHER = {"initial_bundle", "samples"}
#: Values that are longer than this are left out of a message.
LONGEST = 40


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

    kind = PARAMETERS["data"]
    try:
        before = kind.model_validate(recorded.get("data")).model_dump(mode="json", exclude=PRESENTATION_OF_DATA)
    except ValidationError:
        # Another version of the library wrote it, with keys that mean nothing here.
        return
    now = kind.model_validate(stated).model_dump(mode="json", exclude=PRESENTATION_OF_DATA)
    differences = list(_differences("data", before, now))
    if differences:
        raise DataError(
            f"The samples and statistics were made with other parameters than are stated now: "
            f"{'; '.join(differences[:5])}. `kedro run --pipelines data_prep` makes them anew."
        )


def _differences(key: str, before: Any, now: Any) -> Iterator[str]:  # noqa: ANN401 - whatever YAML holds
    """Yield each key that two states of a parameter do not agree on, with both values where they are short."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted(before.keys() | now.keys()):
            yield from _differences(f"{key}.{name}", before.get(name), now.get(name))
    elif before != now:
        is_short = len(str(before)) <= LONGEST and len(str(now)) <= LONGEST
        yield f"'{key}' was {json.dumps(before)} and is {json.dumps(now)}" if is_short else f"'{key}' is another"
