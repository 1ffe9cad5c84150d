"""Train only the model that the parameters state: they may have changed since it was built."""

from __future__ import annotations

from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from pydantic import TypeAdapter

from fieldwork.parameters import PARAMETERS

#: What an initial bundle is built from.
STATED: dict[str, Any] = {name: PARAMETERS[name] for name in ("data", "model", "seed")}


class SameRecipe:
    """Refuses an initial bundle that was built with another recipe than the one that runs."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the parameters of this run."""
        self._parameters = context.config_loader["parameters"]

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
