from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from end_to_end.commands import command, copy_project


@pytest.fixture(scope="session")
def new_copy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a fresh copy of the project under a name."""

    def make(name: str) -> Path:
        return copy_project(tmp_path_factory.mktemp(name) / "project")

    return make


@pytest.fixture(scope="session")
def finished_run(new_copy: Callable[[str], Path]) -> Path:
    """A project in which everything was run at once, as by ``make run``, and DVC was told, which runs stages."""
    folder = new_copy("first")
    command(folder, "kedro", "run", "--pipelines", "sample_data")
    command(folder, "kedro", "run")
    command(folder, "dvc", "commit", "-f")
    command(folder, "git", "add", "-A")
    command(folder, "git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm", "results")
    return folder
