"""What this project changes of Kedro's commands: ``kedro jupyter`` says what to install where it is not there."""

from __future__ import annotations

import copy
from importlib.util import find_spec
from typing import Any

import click
from kedro.framework.cli.jupyter import jupyter

#: Command -> the package that it starts.
STARTED = {"lab": "jupyterlab", "notebook": "notebook"}


@click.group()
def cli() -> None:
    """Hold the commands of this project; ``run`` and all others are Kedro's."""


def _installed_first(command: click.Command, package: str) -> click.Command:
    """Return a command that refuses to start what is not installed; Kedro's own says ``NoneType: None``."""
    checked = copy.copy(command)
    started = command.callback

    def start(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as click calls it
        if find_spec(package) is None:
            raise click.ClickException(
                f"`kedro jupyter {command.name}` starts the package {package}, which is not installed. Install it "
                "(`pip install 'groundwork[jupyter]'`), or open the notebooks with an editor that has its own: "
                "`kedro jupyter setup` makes a kernel for it that knows the catalog. `kedro ipython` needs neither."
            )
        return started(*arguments, **options) if started else None

    checked.callback = start
    return checked


cli.add_command(
    click.Group(
        "jupyter",
        {
            name: _installed_first(part, STARTED[name]) if name in STARTED else part
            for name, part in jupyter.commands.items()
        },
        help=jupyter.help,
    )
)
