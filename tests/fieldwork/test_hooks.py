from __future__ import annotations

from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node

from fieldwork.entries import output_paths
from fieldwork.hooks import AroundRun, OutputNotWritableError


def identity(value: int) -> int:
    """Give back what comes in."""
    return value


def pipeline_and_catalog(path: Path) -> tuple[Pipeline, DataCatalog]:
    number = {"type": "kedro.io.MemoryDataset", "data": 1}
    result = {"type": "json.JSONDataset", "filepath": str(path)}
    catalog = DataCatalog.from_config({"number": number, "result": result})
    return Pipeline([node(identity, "number", "between"), node(identity, "between", "result")]), catalog


def test_outputs_are_found_where_the_catalog_puts_them(tmp_path: Path) -> None:
    pipeline, catalog = pipeline_and_catalog(tmp_path / "deep/result.json")
    assert output_paths(pipeline, catalog) == {"result": tmp_path / "deep/result.json"}


def test_an_output_that_can_be_made_passes(tmp_path: Path) -> None:
    AroundRun().before_pipeline_run({}, *pipeline_and_catalog(tmp_path / "deep/er/result.json"))


def test_a_file_where_a_folder_must_be_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("a file")
    with pytest.raises(OutputNotWritableError, match=r"Catalog entry 'result': .*deep is a file, no folder"):
        AroundRun().before_pipeline_run({}, *pipeline_and_catalog(tmp_path / "deep/result.json"))


def test_a_folder_without_permission_is_refused_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(OutputNotWritableError, match=r"'result': .* cannot be written: no permission in"):
        AroundRun().before_pipeline_run({}, *pipeline_and_catalog(tmp_path / "result.json"))
