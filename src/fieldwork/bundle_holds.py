"""Say where a run that judges or predicts goes by its bundle and its samples, and not by what ``data`` states."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from fieldwork.differences import differences, in_short, since_recorded
from fieldwork.parameters import PARAMETERS
from fieldwork.run_record import RECORD

logger = logging.getLogger(__name__)

#: Of a target: how labels are read, which predictions need none of.
OF_LABELS = {"ignore_value", "nodata_is_class", "column", "separator", "no_class", "vectors", "objects"}
#: Of a target: what a training finds where nobody states it.
FOUND = ("temperature", "sets")
#: Of ``data``: what a bundle holds as well.
OF_BUNDLES = {"sources", "target"}


class BundleHolds:
    """Warns once where the trained bundle of a run, or samples that are judged, are of other parameters.

    Who has made no samples predicts with a bundle of somebody else, and need not state what it was trained on.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the parameters of this run."""
        self._stated: Mapping[str, Any] = context.config_loader["parameters"]["data"]

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """See what the run takes as it is, and what samples were made with."""
        record, read = RECORD.format("data_prep"), pipeline.inputs()
        self._waits = "trained_bundle" in read and catalog.exists(record)
        self._judges = "samples" in read
        self._recorded = catalog.load(record)["parameters"] if self._waits and self._judges else {}

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:  # noqa: ANN401 - whatever the catalog holds
        """Compare the bundle with the parameters, once."""
        if dataset_name != "trained_bundle" or not self._waits:
            return
        self._waits = False
        found = list(_since_trained(data.config, self._stated, judges=self._judges))
        if self._judges:
            found += since_recorded("data", self._recorded.get("data"), self._stated, OF_BUNDLES)
        if found:
            logger.warning(
                "What 'data' states now is not what the bundle was trained with, or samples were made with, and has no "
                "effect on this run: %s. `kedro run` makes them anew; what scenes to predict hold otherwise is said "
                "by 'inference.source'",
                in_short(found),
            )


def _since_trained(bundle: Any, stated: Mapping[str, Any], *, judges: bool) -> list[str]:  # noqa: ANN401 - it loads torch
    """Return what of sources and target is stated otherwise than a bundle has it."""
    now, left_out = PARAMETERS["data"].model_validate(stated), None if judges else OF_LABELS
    before, after = (
        {name: spec.model_dump(mode="json") for name, spec in sources.items()}
        for sources in (bundle.inputs, now.sources)
    )
    trained, target = (part.model_dump(mode="json", exclude=left_out) for part in (bundle.target, now.target))
    return [
        *differences("data.sources", before, after),
        *differences("data.target", _as_far_as_stated(trained, target), target),
    ]


def _as_far_as_stated(trained: dict[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return a target without what its training has found."""
    kept = {key: value for key, value in trained.items() if key not in FOUND or stated.get(key) is not None}
    unstated = {entry["name"] for entry in stated.get("classes", ()) if entry["threshold"] is None}
    classes = [entry | ({"threshold": None} if entry["name"] in unstated else {}) for entry in trained["classes"]]
    return {**kept, "classes": classes}
