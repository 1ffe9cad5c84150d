"""What a run leaves of itself: the same for the same, whatever was committed beside it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node

from fieldwork import contents, run_record
from fieldwork.code_state import head_of, lock_of, state_of, versions_of
from fieldwork.contents import contents_of
from fieldwork.run_record import RunRecord
from groundwork.rasters.addresses import place_of


def _git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _commit(folder: Path, name: str, text: str) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    _git(folder, "add", "-A")
    _git(folder, "commit", "-qm", name)
    return _git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "-q")
    return folder


def test_the_revision_is_that_of_the_code_and_results_do_not_change_it(repository: Path) -> None:
    first = _commit(repository, "src/a.py", "1")
    found = state_of(repository, ["src"])
    assert (found["revision"], found["dirty"], found["changed"]) == (first, False, [])
    last = _commit(repository, "dvc.lock", "results")
    assert state_of(repository, ["src"]) == found
    assert head_of(repository) == last != first
    second = _commit(repository, "src/b.py", "2")
    assert state_of(repository, ["src"])["revision"] == second
    assert state_of(repository, ["src/a.py"]) == state_of(repository, ["src/a.py"]) | {"revision": first}


def test_what_is_not_committed_is_named(repository: Path) -> None:
    _commit(repository, "src/a.py", "1")
    clean = state_of(repository, ["src"])
    (repository / "src/a.py").write_text("2")
    (repository / "src/new one.py").write_text("3")
    (repository / "outside.py").write_text("4")
    found = state_of(repository, ["src"])
    assert (found["dirty"], found["changed"]) == (True, ["src/a.py", "src/new one.py"])
    assert found["sha256"] != clean["sha256"]
    assert found["revision"] == clean["revision"]
    _git(repository, "mv", "-f", "src/a.py", "src/moved.py")
    assert "src/moved.py" in state_of(repository, ["src"])["changed"]


def test_without_history_the_contents_still_tell_code_apart(repository: Path, tmp_path: Path) -> None:
    _commit(repository, "src/a.py", "1")
    _commit(repository, "src/b.py", "1")
    whole = state_of(repository, ["src"])
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{repository}", str(shallow)], check=True)
    assert state_of(shallow, ["src"]) == whole | {"revision": None}
    plain = tmp_path / "plain"
    (plain / "src").mkdir(parents=True)
    for name in ("a.py", "b.py"):
        (plain / "src" / name).write_text("1")
    assert state_of(plain, ["src"]) == {"revision": None, "dirty": None, "changed": [], "sha256": whole["sha256"]}


def test_lock_file_and_versions_are_those_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("a==1")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["numpy>=2", "Not-There", "kedro[pydantic]>=1"]'
    )
    assert lock_of(tmp_path) == hashlib.sha256(b"a==1").hexdigest()
    assert list(versions_of(tmp_path)) == ["python", "kedro", "numpy"]
    assert lock_of(tmp_path / "nowhere") is None


def test_contents_are_told_by_bytes_and_by_names_where_they_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("abc")
    found = contents_of(tmp_path / "data", tmp_path)
    inner = hashlib.sha256(b"abc").digest()
    expected = hashlib.sha256(b"a.txt\x003\x00" + inner).hexdigest()
    assert found == {"path": "data", "files": 1, "bytes": 3, "sha256": expected, "of": "contents"}
    (tmp_path / "data/.partial-b").write_text("half")
    assert contents_of(tmp_path / "data", tmp_path) == found
    (tmp_path / "data/a.txt").write_text("abd")
    assert contents_of(tmp_path / "data", tmp_path)["sha256"] != expected
    monkeypatch.setattr(contents, "READ_WHOLE", 2)
    found = contents_of(tmp_path / "data", tmp_path)
    assert found["of"] == "names and sizes"
    assert found["sha256"] == hashlib.sha256(b"a.txt\x003\x00").hexdigest()
    assert contents_of(tmp_path / "data", tmp_path / "other")["path"] is None, "a place of this machine is not told"
    assert contents_of(tmp_path / "nothing", tmp_path)["files"] == 0
    assert contents_of(place_of("https://host/a.tif"), tmp_path) == {"path": "/vsicurl/https://host/a.tif"}


def _one(value: dict[str, Any], seed: int) -> dict[str, Any]:
    """Hand on."""
    return value | {"seed": seed}


def _same(value: dict[str, Any]) -> dict[str, Any]:
    """Hand on."""
    return value


@pytest.fixture
def world(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A pipeline of two nodes, its catalog, and what runs some of its nodes as Kedro does."""
    assert project
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "in.json").write_text('{"a": 1}')
    kinds = {"source": "in.json", "result": "out.json", "shown": "shown.json", "run_times": "times.json"}
    kinds["run_record_{pipeline}"] = "run/{pipeline}.json"
    entry = {"type": "json.JSONDataset", "save_args": {"sort_keys": True}}
    places = {name: {**entry, "filepath": str(tmp_path / path)} for name, path in kinds.items()}
    catalog = DataCatalog.from_config(places)
    steps = [node(_one, ["source", "params:seed"], "result", name="make"), node(_same, "result", "shown", name="show")]
    made = Pipeline(steps, namespace="own", prefix_datasets_with_namespace=False)
    monkeypatch.setattr(run_record, "pipelines", {"own": made, "other": Pipeline([]), "__default__": made})
    monkeypatch.setattr(run_record, "folders_behind", lambda source, modules: ["src"])

    def run(seed: int, *names: str, **said: Any) -> None:
        part = made if not names else made.only_nodes(*names)
        hook = RunRecord()
        loader = {"parameters": {"seed": seed, "model": {"name": "a"}}}
        hook.after_context_created(SimpleNamespace(project_path=tmp_path, config_loader=loader))
        hook.before_pipeline_run(part, catalog)
        for step in said.get("ran", part.nodes):
            hook.before_node_run(step, catalog)
            assert not (tmp_path / "run/own.json").exists(), "a record that no longer holds is worse than none"
            result = {"result": _one(catalog.load("source"), seed)} if step.name == "own.make" else {}
            for name, value in (result or {"shown": catalog.load("result")}).items():
                catalog.save(name, value)
            hook.after_node_run(step)
        hook.after_pipeline_run({"runner": None, **said}, made if "ran" in said else part, catalog)

    return SimpleNamespace(root=tmp_path, run=run, made=made, file=tmp_path / "run/own.json")


def test_each_pipeline_that_ran_leaves_a_record(world: SimpleNamespace) -> None:
    world.run(3)
    words = world.file.read_text()
    record = json.loads(words)
    assert (record["pipeline"], record["nodes"]) == ("own", ["own.make", "own.show"])
    assert (record["seed"], record["parameters"]) == (3, {"seed": 3})
    assert record["inputs"] == {"source": contents_of(world.root / "in.json", world.root)}
    assert record["outputs"]["result"] == contents_of(world.root / "out.json", world.root)
    assert not (world.root / "run/other.json").exists()
    assert str(world.root) not in words
    times = json.loads((world.root / "times.json").read_text())["own"]
    assert times["runner"] == "SequentialRunner"
    assert times["nodes"]["own.make"] >= 0
    assert times["machine"]["cores"] >= 1
    world.run(3)
    assert world.file.read_text() == words, "the same run leaves the same bytes"


def test_a_node_that_makes_the_same_again_leaves_the_record_of_the_whole_run(world: SimpleNamespace) -> None:
    world.run(3)
    words = world.file.read_text()
    (world.root / "src/later.py").write_text("1")
    world.run(3, "own.show")
    assert world.file.read_text() == words
    world.run(4, "own.make")
    record = json.loads(world.file.read_text())
    assert (record["nodes"], record["seed"]) == (["own.make"], 4)
    assert list(record["outputs"]) == ["result"]


def test_nodes_that_were_skipped_are_not_said_to_have_run(world: SimpleNamespace) -> None:
    world.run(3)
    words = world.file.read_text()
    world.run(4, only_missing_outputs=True, ran=[])
    assert world.file.read_text() == words
    (world.root / "shown.json").write_text("{}")
    world.run(4, only_missing_outputs=True, ran=[world.made.nodes[1]])
    assert world.file.read_text() == words, "what was missing was made as before"


def test_a_catalog_without_these_entries_keeps_no_records(world: SimpleNamespace) -> None:
    hook, catalog = RunRecord(), DataCatalog.from_config({})
    hook.after_context_created(SimpleNamespace(project_path=world.root, config_loader={"parameters": {}}))
    hook.before_pipeline_run(world.made, catalog)
    hook.before_node_run(world.made.nodes[0], catalog)
    hook.after_pipeline_run({}, world.made, catalog)
    assert sorted(path.name for path in world.root.iterdir()) == ["in.json", "src"]


@pytest.mark.usefixtures("project")
def test_every_pipeline_has_an_entry_for_its_record(catalog_config: dict[str, Any]) -> None:
    assert run_record.RECORD.format("{pipeline}") in catalog_config
    assert run_record.TIMES in catalog_config
