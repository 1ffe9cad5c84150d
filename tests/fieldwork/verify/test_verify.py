"""What was made again is compared with what was recorded, and said in the words of what it holds."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import save_file

from fieldwork.verify.command import main
from fieldwork.verify.contents import difference
from fieldwork.verify.locks import Cache, Output, VerifyError, read_lock
from fieldwork.verify.running import verify

Write = Callable[..., Path]

#: Copies its one input, in two stages, by commands that every machine has.
STAGES = """
stages:
  copy:
    cmd: mkdir -p data/a && cp data/raw.csv data/a/table.csv && echo 1 > data/a/score.json
    deps: [data/raw.csv]
    outs: [data/a]
  again:
    cmd: cp data/a/table.csv data/b.csv
    deps: [data/a]
    outs: [data/b.csv]
"""


def run(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"] if words[0] == "git" else []
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [words[0], *identity, *words[1:]],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two stages that were run and committed, with data that was added to DVC."""
    folder = tmp_path_factory.mktemp("finished") / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "data/raw.csv").write_text("name,value\na,1\nb,2\n")
    (folder / "pyproject.toml").write_text('[tool.kedro]\npackage_name = "x"\nproject_name = "X"\n')
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    run(folder, "dvc", "add", "-q", "data/raw.csv")
    (folder / "dvc.yaml").write_text(STAGES)
    run(folder, "dvc", "repro", "-q")
    commit(folder)
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "project"))


def commit(folder: Path) -> None:
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "state")


def change_lock(folder: Path, stage: str, index: int, path: Path) -> None:
    """Let the lock say that a stage once gave other bytes, which lie in the cache."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text())
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    entry = folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    entry.parent.mkdir(exist_ok=True)
    entry.write_bytes(path.read_bytes())
    lock["stages"][stage]["outs"][index]["md5"] = md5
    (folder / "dvc.lock").write_text(yaml.safe_dump(lock))
    commit(folder)


# --- running again --------------------------------------------------------------------------------------------------


def test_what_is_the_same_is_said_to_be_and_nothing_changes(project: Path, tmp_path: Path) -> None:
    assert verify(project, "base", tmp_path / "clone") == (2, [])
    assert (tmp_path / "clone/data/b.csv").read_text() == "name,value\na,1\nb,2\n"
    assert run(project, "git", "status", "--porcelain") == ""


def test_what_differs_is_named_with_stage_and_by_what(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("name,value\na,1\nb,4\n")
    change_lock(project, "again", 0, other)
    count, [found] = verify(project, "base", tmp_path / "clone")
    assert count == 2
    assert (found.stage, found.path) == ("again", "data/b.csv")
    assert found.what == "column 'value' in 1 rows, by 2 at most"


def test_the_command_prints_it_and_its_status_says_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert main(["--folder", str(scratch)]) == 0
    assert "2 results compared: all are the recorded ones." in capfd.readouterr().out
    assert not list(scratch.iterdir()), "nothing is left behind"
    other = tmp_path / "other.csv"
    other.write_text("name,value\na,1\n")
    change_lock(project, "again", 0, other)
    assert main(["--folder", str(scratch), "--json"]) == 1
    printed = capfd.readouterr().out
    [found] = json.loads(printed[printed.index('{\n  "compared"') :])["differ"]
    assert found["what"] == "2 rows, recorded 1"
    assert [path.name for path in scratch.glob("*/clone/dvc.yaml")] == ["dvc.yaml"], "it is left to look at"


def test_what_is_not_committed_is_refused_by_name(project: Path, tmp_path: Path) -> None:
    (project / "dvc.yaml").write_text(STAGES.replace("score", "mark"))
    with pytest.raises(VerifyError, match=r"not all is committed[^\n]*\n +M dvc.yaml"):
        verify(project, "base", tmp_path / "clone")


def test_what_was_never_recorded_is_refused(project: Path, tmp_path: Path) -> None:
    with pytest.raises(VerifyError, match=r"conf/mine/dvc.lock is missing.*Run 'dvc repro' first"):
        verify(project, "mine", tmp_path / "clone")


def test_a_cache_that_is_gone_is_named(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("x\n")
    change_lock(project, "again", 0, other)
    for entry in (project / ".dvc/cache/files/md5").rglob("*"):
        if entry.is_file() and entry.read_bytes() == b"x\n":
            entry.unlink()
    _, [found] = verify(project, "base", tmp_path / "clone")
    assert "the recorded one is no longer in DVC's cache ('dvc pull' brings it)" in found.what
    for entry in (project / ".dvc/cache/files/md5").rglob("*"):
        if entry.is_file():
            entry.unlink()
    with pytest.raises(VerifyError, match=r"Data that the stages read is no longer in DVC's cache.*dvc pull"):
        verify(project, "base", tmp_path / "second")


def test_a_folder_is_compared_file_by_file(tmp_path: Path) -> None:
    def keep(content: bytes) -> str:
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        (tmp_path / "files/md5" / md5[:2]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "files/md5" / md5[:2] / md5[2:]).write_bytes(content)
        return md5

    entries = [{"md5": keep(b"1"), "relpath": "a/b.txt"}]
    folder = keep(json.dumps(entries).encode())
    place = tmp_path / "files/md5" / folder[:2] / folder[2:]
    place.rename(place.with_name(f"{place.name}.dir"))
    files = Cache(tmp_path).files_of(Output("s", "data/a", f"{folder}.dir"))
    assert files is not None
    assert {name: file.read_bytes() for name, file in files.items()} == {"a/b.txt": b"1"}
    files["a/b.txt"].unlink()
    assert Cache(tmp_path).files_of(Output("s", "data/a", f"{folder}.dir")) is None


def test_a_lock_that_dvc_did_not_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text("[]")
    with pytest.raises(VerifyError, match=r"found no 'stages'"):
        read_lock(tmp_path / "dvc.lock")


# --- by what --------------------------------------------------------------------------------------------------------


def test_rasters_differ_in_pixels_grids_or_tags(tmp_path: Path, write_raster: Write) -> None:
    values = np.arange(600, dtype=np.float32).reshape(1, 20, 30)
    values[0, 0, 0] = np.nan
    ours = write_raster(tmp_path / "a.tif", values, nodata=float("nan"))
    assert difference(ours, write_raster(tmp_path / "b.tif", values, nodata=float("nan")), ".tif") == "the same bytes"
    changed = values.copy()
    changed[0, 5, 5:7] += 0.5
    theirs = write_raster(tmp_path / "c.tif", changed, nodata=float("nan"))
    assert difference(ours, theirs, ".tif") == "2 of 600 pixels, by 0.5 at most"
    smaller = write_raster(tmp_path / "d.tif", values[:, :10], nodata=float("nan"))
    assert difference(ours, smaller, ".tif") == "shape (10, 30), recorded (20, 30)"


def test_weights_differ_by_name_and_size(tmp_path: Path) -> None:
    first = {"a": np.ones(3, np.float32), "b": np.zeros((2, 2), np.float32)}
    for name, value in (("ours", first), ("theirs", {**first, "a": np.array([1, 1.25, 1], np.float32)})):
        save_file(value, tmp_path / name)
    assert difference(tmp_path / "ours", tmp_path / "theirs", ".safetensors") == "1 of 2 weights, by 0.25 at most (a)"
    save_file({"a": first["a"]}, tmp_path / "less")
    assert difference(tmp_path / "ours", tmp_path / "less", ".safetensors") == "other names of weights: b"


def test_values_differ_by_their_paths(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text(json.dumps({"test": {"iou": {"water": 0.5}, "n": [1, 2]}}))
    theirs.write_text(json.dumps({"test": {"iou": {"water": 0.25}, "n": [1, 2, 3]}}))
    assert difference(ours, theirs, ".json") == "test.iou.water 0.25, recorded 0.5; test.n[2] 3, recorded None"


def test_tables_differ_in_columns_rows_and_cells(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["a", "b"], "value": [1.0, None]})
    table.to_csv(tmp_path / "ours", index=False)
    table.assign(name=["a", "c"]).to_csv(tmp_path / "theirs", index=False)
    assert difference(tmp_path / "ours", tmp_path / "theirs", ".csv") == "column 'name' in 1 rows"
    table.rename(columns={"value": "number"}).to_csv(tmp_path / "other", index=False)
    assert difference(tmp_path / "ours", tmp_path / "other", ".csv").startswith("columns ['name', 'number'], recorded")


def test_anything_else_differs_in_bytes(tmp_path: Path) -> None:
    (tmp_path / "ours").write_bytes(b"abcd")
    (tmp_path / "theirs").write_bytes(b"abxd")
    (tmp_path / "longer").write_bytes(b"abcde")
    assert difference(tmp_path / "ours", tmp_path / "theirs", ".md") == "as many bytes (4), the first other one at 2"
    assert difference(tmp_path / "ours", tmp_path / "longer", ".md") == "5 bytes, 4 recorded"
    assert "one of them cannot be read" in difference(tmp_path / "ours", tmp_path / "longer", ".json")
