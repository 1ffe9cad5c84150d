from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from kedro.framework.cli.utils import KedroCliError, find_run_command

from fieldwork.cli import cli


def test_the_script_of_the_projects_name_stands_for_kedro_run() -> None:
    found = CliRunner().invoke(find_run_command("fieldwork"), ["--help"])
    assert found.exit_code == 0
    assert "--pipelines" in found.output
    assert "run" not in cli.commands, "Kedro's own, which is found beside it"


def test_what_kedro_refuses_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def refuse() -> None:
        raise KedroCliError("'trainng' pipeline not found")

    with pytest.raises(SystemExit):
        refuse.main([])
    assert capsys.readouterr().err == "Error: 'trainng' pipeline not found\n"
