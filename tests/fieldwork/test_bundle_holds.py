"""What judges and predicts says where it goes by its bundle and samples, and not by what the parameters state."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kedro.io import DataCatalog, MemoryDataset

from fieldwork.bundle_holds import BundleHolds
from fieldwork.pipeline_registry import register_pipelines
from fieldwork.settings import HOOKS
from groundwork.config import DataConfig
from groundwork.config.merging import merge

PIPELINES = register_pipelines()
DATA: dict[str, Any] = {
    "sources": {"s2": {"bands": ["A", {"name": "B", "scale": 0.1}], "dtype": "int16", "nodata": 0}},
    "target": {
        "classes": [{"value": value, "name": name, "color": "#00ff00"} for value, name in enumerate(("a", "b"))],
        "ignore_value": 255,
    },
    "chips": {"size": 64},
    "split": {"method": "scenes"},
}


def _told(
    caplog: pytest.LogCaptureFixture, pipeline: str, *, stated: Any, trained: Any = DATA, recorded: Any = DATA
) -> str:
    """Return what is said of a run that finds a bundle, and samples, made with some parameters."""
    [hook] = [BundleHolds() for hook in HOOKS if isinstance(hook, BundleHolds)]
    hook.after_context_created(SimpleNamespace(config_loader={"parameters": {"data": stated}}))
    record = {} if recorded is None else {"run_record_data_prep": MemoryDataset({"parameters": {"data": recorded}})}
    hook.before_pipeline_run(PIPELINES[pipeline], DataCatalog(record))
    made = DataConfig.model_validate(trained)
    target = made.target.model_copy(update={"temperature": 1.5})
    caplog.clear()
    for _ in range(2):
        hook.after_dataset_loaded(
            "trained_bundle", SimpleNamespace(config=SimpleNamespace(inputs=made.sources, target=target))
        )
    assert len(caplog.records) <= 1, "once, however many nodes load the bundle"
    return caplog.text


@pytest.mark.parametrize(
    ("change", "key", "by_labels"),
    [
        ({"sources": {"s2": {"nodata": -1}}}, r"'data.sources.s2.nodata' was 0.0 and is -1.0", False),
        ({"sources": {"s2": {"bands": ["A", "B"]}}}, "'data.sources.s2.bands.B.scale' was 0.1 and is 1.0", False),
        ({"sources": {"s2": {"bands": ["B", "A"]}}}, "'data.sources.s2.bands.order' was [\"A\", \"B\"] and is", False),
        ({"target": {"classes": [*DATA["target"]["classes"][:1], {"value": 1, "name": "b", "color": "#000000"}]}},
         "'data.target.classes.b.color' was \"#00ff00\" and is \"#000000\"", False),
        ({"target": {"temperature": 2.0}}, "'data.target.temperature' was 1.5 and is 2.0", False),
        ({"target": {"ignore_value": 9}}, "'data.target.ignore_value' was 255 and is 9", True),
        ({"chips": {"size": 32}}, "'data.chips.size' was 64 and is 32", True),
    ],
)  # fmt: skip
def test_a_key_that_has_no_effect_is_told_once(
    caplog: pytest.LogCaptureFixture, change: dict[str, Any], key: str, by_labels: bool
) -> None:
    stated = merge(DATA, change)
    assert key in _told(caplog, "evaluation", stated=stated)
    assert (key in _told(caplog, "inference", stated=stated)) != by_labels, "who predicts reads no labels"
    assert _told(caplog, "__default__", stated=stated) == "", "who trains makes the bundle of what is stated"
    assert _told(caplog, "inference", stated=stated, recorded=None) == "", "the bundle is somebody else's"


def test_what_a_training_has_found_and_what_agrees_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    for pipeline in ("evaluation", "inference", "report", "export"):
        assert _told(caplog, pipeline, stated=DATA) == ""
    # The samples were made anew, the bundle was not.
    changed = merge(DATA, {"sources": {"s2": {"nodata": 5}}})
    assert "'data.sources.s2.nodata' was 0.0 and is 5.0" in _told(caplog, "inference", stated=changed, recorded=changed)
    assert _told(caplog, "evaluation", stated=DATA, recorded={"of": "another version"}) == ""
