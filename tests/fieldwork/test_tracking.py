"""What is handed to MLflow and DVCLive is what the run made. The two themselves are stood in for: they are extras."""

from __future__ import annotations

import importlib.machinery
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from pydantic import ValidationError

from fieldwork.tracking import Tracking, TrackingError, flat
from fieldwork.tracking_config import TrackingConfig

PARAMETERS = {"seed": 3, "model": {"encoder": {"name": "timm"}, "necks": [{"name": "select"}]}, "unused": 1}
Tell = Callable[[str], list[tuple[Any, ...]]]


def _anything(**values: Any) -> None:
    """Make what the catalog holds already."""


class Notes:
    """Keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def note(*given: Any, **named: Any) -> Any:
            self.calls.append((name, given, named))
            return {
                "get_experiment_by_name": None,
                "create_experiment": "7",
                "create_run": SimpleNamespace(info=SimpleNamespace(run_id="r")),
            }.get(name)

        return note

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [(*given, *named.values()) for called, given, named in self.calls if called == name]

    def __enter__(self) -> Notes:
        return self

    def __exit__(self, *error: object) -> None:
        self.calls.append(("end", (), {}))


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Notes:
    """Stand-ins that are found as installed packages."""
    made = Notes()
    for package, name in (("mlflow", "MlflowClient"), ("dvclive", "Live")):
        module = ModuleType(package)
        module.__spec__ = importlib.machinery.ModuleSpec(package, None)
        setattr(module, name, lambda **named: (made.calls.append(("begin", (), named)), made)[1])
        monkeypatch.setitem(sys.modules, package, module)
    return made


def _run(folder: Path, tracking: Any) -> Tracking:
    files = {
        "metrics": "metrics.json",
        "confusion_figure": "confusion.png",
        "report": "report.html",
        "trained_bundle": "trained",
    }
    catalog = DataCatalog.from_config(
        {
            "history": {"type": "pandas.CSVDataset", "filepath": str(folder / "history.csv")},
            "tracking_folder": {"type": "fieldwork.io.folder.FolderDataset", "path": str(folder / "tracking")},
            **{name: {"type": "json.JSONDataset", "filepath": str(folder / path)} for name, path in files.items()},
        }
    )
    (folder / "metrics.json").write_text(json.dumps({"test": {"miou": 0.5, "iou": {"a b": 0.25, "ä": None}}}))
    (folder / "history.csv").write_text("epoch,train/loss,val/miou,note\n0,2.5,,x\n1,1.5,0.5,y\n")
    (folder / "confusion.png").write_bytes(b"png")
    (folder / "report.html").write_text("page")
    (folder / "trained").mkdir()
    inputs = {name: f"params:{name}" for name in ("seed", "model")}
    pipeline = Pipeline([node(_anything, inputs, [*files, "history", "not_made"], name="all")])
    hook = Tracking()
    loader = {"parameters": PARAMETERS | {"tracking": tracking}}
    hook.after_context_created(SimpleNamespace(config_loader=loader))
    hook.before_pipeline_run()
    hook.after_pipeline_run(pipeline, catalog)
    return hook


def test_mlflow_gets_parameters_scores_history_figures_and_the_bundle(tmp_path: Path, notes: Notes) -> None:
    _run(tmp_path, {"name": "mlflow", "experiment": "land"})
    folder = tmp_path / "tracking"
    assert notes.of("begin") == [(f"sqlite:///{folder}/mlflow.db",)]
    assert notes.of("create_experiment") == [("land", (folder / "mlflow").as_uri())]
    assert notes.of("create_run") == [("7", "base")]
    assert set(notes.of("log_param")) == {
        ("r", "seed", "3"),
        ("r", "model.encoder.name", "timm"),
        ("r", "model.necks.0.name", "select"),
    }
    assert notes.of("log_metric") == [
        ("r", "test.miou", 0.5), ("r", "test.iou.a b", 0.25),
        ("r", "train/loss", 2.5, 0), ("r", "train/loss", 1.5, 1), ("r", "val/miou", 0.5, 1),
    ]  # fmt: skip
    assert set(notes.of("log_artifact")) == {
        ("r", str(tmp_path / "confusion.png"), "figures"),
        ("r", str(tmp_path / "report.html"), "report"),
    }
    assert notes.of("log_artifacts") == [("r", str(tmp_path / "trained"), "trained_bundle")]
    assert notes.calls[-1][0] == "set_terminated"


def test_dvclive_gets_the_same_and_leaves_dvcs_files_alone(tmp_path: Path, notes: Notes) -> None:
    _run(tmp_path, "dvclive")
    begun = next(named for name, _, named in notes.calls if name == "begin")
    assert begun["dir"] == str(tmp_path / "tracking/dvclive/groundwork/base")
    assert (begun["save_dvc_exp"], begun["dvcyaml"]) == (False, None)
    assert notes.of("log_params") == [({"seed": 3, "model.encoder.name": "timm", "model.necks.0.name": "select"},)]
    assert [call[:2] for call in notes.of("log_metric")] == [
        ("train/loss", 2.5), ("train/loss", 1.5), ("val/miou", 0.5), ("test.miou", 0.5), ("test.iou.a b", 0.25),
    ]  # fmt: skip
    assert len(notes.of("next_step")) == 2
    assert notes.of("log_image") == [("confusion_figure.png", str(tmp_path / "confusion.png"))]
    assert {call[0] for call in notes.of("log_artifact")} == {str(tmp_path / "report.html"), str(tmp_path / "trained")}
    assert all(named["cache"] is False for name, _, named in notes.calls if name == "log_artifact")
    assert notes.calls[-1][0] == "end"


def test_nothing_is_recorded_unless_asked_for(tmp_path: Path, notes: Notes) -> None:
    _run(tmp_path, None)
    assert not notes.calls
    assert not (tmp_path / "tracking").exists()


@pytest.mark.parametrize("name", ["mlflow", "dvclive"])
def test_what_is_not_installed_is_refused_before_the_run(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("fieldwork.tracking.find_spec", lambda package: None)
    hook = Tracking()
    hook.after_context_created(SimpleNamespace(config_loader={"parameters": {"tracking": name}}))
    with pytest.raises(
        TrackingError, match=rf"needs the package {name}.*`uv pip install -e '\.\[{name}\]'` in the project"
    ):
        hook.before_pipeline_run()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mlfow", "Input should be 'mlflow' or 'dvclive'"),
        ({"name": "dvclive", "server": "https://host"}, "'server' is for mlflow, and 'name' is dvclive"),
        ({"name": "mlflow", "server": "data/x.db"}, "should match pattern"),
        ({"name": "mlflow", "experimnt": "a"}, "experimnt"),
    ],
)
def test_wrong_options_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrackingConfig.model_validate(given)


def test_nested_values_get_names_with_dots() -> None:
    assert dict(flat({"a": {"b": [1, {"c": None}]}, "d": "e"})) == {"a.b.0": 1, "a.b.1.c": None, "d": "e"}
