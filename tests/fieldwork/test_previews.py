"""What Kedro-Viz shows of entries; it goes by the name of what ``preview`` returns."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from kedro.framework.project import pipelines
from kedro.io import AbstractDataset, DataCatalog, DatasetError
from matplotlib.figure import Figure
from PIL import Image

from fieldwork.io.atomic import AtomicChart, AtomicFigure, AtomicText
from fieldwork.io.bundle import BundleDataset
from fieldwork.io.ensemble import EnsembleDataset
from fieldwork.io.exported import ExportedModelDataset
from fieldwork.io.label_table import LabelTableDataset
from fieldwork.io.lists import SplitListsDataset
from fieldwork.io.project_facts import ProjectFactsDataset
from fieldwork.io.quicklooks import QuicklooksDataset
from groundwork.bundle import Bundle, save_bundle


def _kind(entry: AbstractDataset[Any, Any]) -> str:
    return str(type(entry).preview.__annotations__["return"])


def test_documents_are_shown_as_they_are_meant(tmp_path: Path) -> None:
    entry = AtomicText(filepath=str(tmp_path / "card.md"))
    entry.save("# Card\n\n| a | b |\n| --- | --- |\n| 1 | <script>x</script> |\n")
    shown = entry.preview()
    assert "<h1>Card</h1>" in shown
    assert "<td>1</td>" in shown
    assert "<script>" not in shown
    assert _kind(entry) == "HTMLPreview"
    page = AtomicText(filepath="data/08_reporting/base/report.html")
    assert page.preview() == "<p>Open <code>data/08_reporting/base/report.html</code> in a browser.</p>"


def test_bundles_show_what_they_are_made_of(tmp_path: Path, tiny_bundle: Bundle) -> None:
    save_bundle(tiny_bundle, tmp_path / "trained")
    entry = BundleDataset(path=str(tmp_path / "trained"))
    shown = json.loads(entry.preview())
    assert shown["provenance"] == tiny_bundle.config.provenance
    assert shown["model"]["encoder"]["model"] == "test_resnet"
    assert "inputs" not in shown
    assert _kind(entry) == "JSONPreview"


def test_ensembles_and_exported_models_say_what_they_are(tmp_path: Path, tiny_bundle: Bundle) -> None:
    members = [str(tmp_path / name) for name in ("one", "two")]
    for member in members:
        save_bundle(tiny_bundle, Path(member))
    shown = json.loads(EnsembleDataset(members=members).preview())
    assert shown == {member: {"provenance": tiny_bundle.config.provenance} for member in members}
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported/model.pt2").write_bytes(b"never read")
    assert json.loads(ExportedModelDataset(path=str(tmp_path / "exported")).preview()) == {"model.pt2": 10}


def test_quicklooks_are_drawn_one_by_one_and_the_first_is_shown(tmp_path: Path) -> None:
    config = {
        "type": "fieldwork.io.quicklooks.QuicklooksDataset",
        "path": str(tmp_path / "quicklooks"),
        "filename_suffix": ".png",
        "dataset": {"type": "fieldwork.io.atomic.AtomicFigure", "save_args": {"metadata": {"Software": None}}},
    }
    catalog = DataCatalog.from_config({"quicklooks": config})
    drawn: list[str] = []

    def draw(name: str) -> Figure:
        drawn.append(name)
        figure = Figure(figsize=(2, 1) if name == "a" else (1, 1))
        figure.text(0.5, 0.5, name)
        return figure

    (tmp_path / "quicklooks").mkdir()
    for earlier in ("c", "of_another_part"):
        (tmp_path / f"quicklooks/{earlier}.png").write_bytes(b"of an earlier run")
    catalog.save("quicklooks", {**{name: lambda name=name: draw(name) for name in ("b", "a")}, "c": None, "d": None})
    assert drawn == ["a", "b"]
    assert {file.stem for file in (tmp_path / "quicklooks").iterdir()} == {"a", "b", "of_another_part"}
    entry = catalog.get("quicklooks")
    assert isinstance(entry, QuicklooksDataset)
    assert catalog.to_config()[0]["quicklooks"]["path"] == config["path"], "its place is known to the summary"
    with Image.open(io.BytesIO(base64.b64decode(entry.preview()))) as picture:
        assert picture.width == 2 * picture.height
    assert catalog.load("quicklooks")["a"]() == (tmp_path / "quicklooks/a.png").read_bytes()


def test_that_no_quicklooks_were_asked_for_is_a_result_too(tmp_path: Path) -> None:
    entry = QuicklooksDataset(
        path=str(tmp_path / "quicklooks"), filename_suffix=".png", dataset="fieldwork.io.atomic.AtomicFigure"
    )
    with pytest.raises(DatasetError, match="No partitions"):
        entry.load()
    entry.save({"a": None})
    assert entry.load() == {}
    with pytest.raises(DatasetError, match="No partitions"):
        entry.preview()


def test_figures_are_read_as_pictures_and_charts_as_charts(tmp_path: Path) -> None:
    figure = AtomicFigure(filepath=str(tmp_path / "history.png"), save_args={"metadata": {"Software": None}})
    figure.save(Figure(figsize=(1, 1)))
    assert figure.load() == (tmp_path / "history.png").read_bytes()
    chart = AtomicChart(filepath=str(tmp_path / "chart.json"))
    chart.save(go.Figure(go.Scatter(x=np.arange(3), y=[1.0, None, 2.0])))
    assert list(chart.load().data[0].y) == [1.0, None, 2.0]
    assert chart.preview()["data"][0]["type"] == "scatter"
    assert not list(tmp_path.glob(".partial*"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_of_labels_show_their_first_rows(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"key": ["007", "8", "9"], "class": ["a", "b", "a"]})
    table.to_csv(tmp_path / "t.csv", index=False) if suffix == ".csv" else table.to_parquet(tmp_path / "t.parquet")
    shown = LabelTableDataset(filepath=str(tmp_path / f"t{suffix}")).preview(nrows=2)
    assert shown["data"] == [["007", "a"], ["8", "b"]]
    assert shown["columns"] == ["key", "class"]


def test_lists_are_shown(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a\nb\n")
    shown = SplitListsDataset(files={"train": str(tmp_path / "train.txt")}).preview()
    assert json.loads(shown) == {"train": ["a", "b"]}


def test_facts_of_the_project_are_read_and_not_saved(project: Path) -> None:
    entry = ProjectFactsDataset(path=str(project / "src"), recipe="mine")
    facts = entry.load()
    assert facts["run"] == {"recipe": "mine"}
    assert len(facts["code"]["sha256"]) == len(facts["environment"]["lock_file_sha256"]) == 64
    assert facts["environment"]["torch"]
    with pytest.raises(DatasetError, match="are read, not saved"):
        entry.save({})


@pytest.mark.usefixtures("project")
def test_the_first_view_is_a_box_for_each_pipeline(catalog_config: dict[str, Any]) -> None:
    # What TorchGeo reads stands in the catalog of whoever has it.
    known = {*catalog_config, "torchgeo_data"}
    for name, pipeline in pipelines.items():
        if name != "__default__":
            assert {node.namespace for node in pipeline.nodes} == {name}
            kept = {entry for entry in pipeline.inputs() if not entry.startswith("params:")}
            assert kept <= known, "no entry has the name of a box before its own"


@pytest.mark.usefixtures("project")
def test_all_figures_can_be_drawn_anew_by_their_tag(catalog_config: dict[str, Any]) -> None:
    tagged = pipelines["__default__"].filter(tags=["figures"])
    assert {"history_figure", "panel_figure", "extremes_figure", "quicklooks", "score_chart"} <= tagged.outputs()
    assert {entry for entry in tagged.inputs() if not entry.startswith("params:")} <= set(catalog_config)
