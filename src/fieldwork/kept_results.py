"""Say where ``--only-missing-outputs`` keeps what was made with other parameters than are stated now."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from fieldwork.differences import in_short, since_recorded
from fieldwork.parameters import PARAMETERS
from fieldwork.run_record import RECORD, deciding, pipelines_of

logger = logging.getLogger(__name__)


class KeptResults:
    """Warns before a run that makes nothing anew but what is missing."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the parameters of this run."""
        self._stated: Mapping[str, Any] = context.config_loader["parameters"]

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Compare the parameters with those that the records of what is there name."""
        if not run_params.get("only_missing_outputs"):
            return
        records = [RECORD.format(name) for name in pipelines_of(pipeline.nodes)]
        recorded = [catalog.load(record)["parameters"] for record in records if catalog.exists(record)]
        found = list(dict.fromkeys(line for one in recorded for line in self._since(one)))
        if found:
            logger.warning(
                "Results that are there are kept, and some were made with other parameters than are stated now: %s. "
                "`kedro run` without --only-missing-outputs makes them anew",
                in_short(found),
            )

    def _since(self, recorded: Mapping[str, Any]) -> Iterator[str]:
        for name, value in recorded.items():
            if name in PARAMETERS:
                yield from since_recorded(name, value, deciding(name, self._stated[name]))
