"""What a kill leaves of DVC's own files is mended, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.rwlock import rwlock

from fieldwork.dvc_mending import mend

CUT = ("", "schema:", "schema: '2.0'\nstages:\n  training:\n    cmd: true\n    deps:\n    - path")


def _taken(repo: Repo) -> None:
    """Do what every command of DVC does that works on something."""
    with rwlock(repo.tmp_dir, repo.fs, "test", [], ["data"], False):
        pass


@pytest.mark.parametrize("left", ["", '{"read": {"data'])
def test_a_list_that_was_cut_off_is_removed_and_dvc_goes_on(tmp_path: Path, left: str) -> None:
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        _taken(repo)
        assert not mend(tmp_path), "whole lists stay"
        listed = tmp_path / ".dvc/tmp/rwlock"
        assert listed.exists()
        listed.write_text(left, "utf-8")
        with pytest.raises(DvcException, match="corrupted"):
            _taken(repo)
        assert mend(tmp_path) == [listed]
        assert not listed.exists()
        _taken(repo)


@pytest.mark.parametrize("place", [".", "conf/mine"])
def test_a_lock_file_that_was_cut_off_is_removed_and_made_anew(tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dvc.yaml").write_text("stages: {training: {cmd: 'cat a', deps: [a], params: [p.yml: [b]]}}", "utf-8")
    (folder / "a").write_text("a")
    (folder / "p.yml").write_text("b: 1")
    lock, stages = folder / "dvc.lock", str(folder / "dvc.yaml")
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        repo.reproduce(stages)
    written = lock.read_text("utf-8")
    assert not mend(tmp_path), "what DVC wrote stays"
    for left in CUT:
        lock.write_text(left, "utf-8")
        with Repo(str(tmp_path)) as repo, pytest.raises(DvcException):
            repo.reproduce(stages)
        assert mend(tmp_path) == [lock]
        with Repo(str(tmp_path)) as repo:
            repo.reproduce(stages)
        assert lock.read_text("utf-8") == written
    lock.write_text("schema: '3.0'\n", "utf-8")
    assert not mend(tmp_path), "what a later version may write stays"


def test_where_nothing_was_run_there_is_nothing_to_mend(tmp_path: Path) -> None:
    assert not mend(tmp_path)
