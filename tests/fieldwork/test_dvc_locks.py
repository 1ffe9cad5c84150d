"""What a kill leaves of DVC's list of locks is mended, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.rwlock import rwlock

from fieldwork.dvc_locks import mend_locks


def _taken(repo: Repo) -> None:
    """Do what every command of DVC does that works on something."""
    with rwlock(repo.tmp_dir, repo.fs, "test", [], ["data"], False):
        pass


@pytest.mark.parametrize("left", ["", '{"read": {"data'])
def test_a_list_that_was_cut_off_is_removed_and_dvc_goes_on(tmp_path: Path, left: str) -> None:
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        _taken(repo)
        assert not mend_locks(tmp_path), "whole lists stay"
        listed = tmp_path / ".dvc/tmp/rwlock"
        assert listed.exists()
        listed.write_text(left, "utf-8")
        with pytest.raises(DvcException, match="corrupted"):
            _taken(repo)
        assert mend_locks(tmp_path)
        assert not listed.exists()
        _taken(repo)


def test_without_a_list_there_is_nothing_to_mend(tmp_path: Path) -> None:
    assert not mend_locks(tmp_path)
