"""What this project changes of Kedro's commands: ``kedro jupyter`` says what to install where it is not there."""

from __future__ import annotations

from importlib.util import find_spec

import click
from kedro.framework.cli.jupyter import jupyter

#: Command -> the package that it starts.
STARTED = {"lab": "jupyterlab", "notebook": "notebook"}


@click.group()
def cli() -> None:
    """Hold the commands of this project; ``run`` and all others are Kedro's."""


class _InstalledFirst(click.Group):
    """Refuses to start what is not installed; Kedro's own says ``NoneType: None``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        package = STARTED.get(args[0])
        if package is not None and find_spec(package) is None:
            raise click.ClickException(
                f"`kedro jupyter {args[0]}` starts the package {package}, which is not installed. Install it (`uv "
                "pip install -e '.[jupyter]'` in the project), or open the notebooks with an editor that has its "
                "own: `kedro jupyter setup` makes a kernel for it that knows the catalog. `kedro ipython` needs "
                "neither."
            )
        return super().resolve_command(ctx, args)


cli.add_command(_InstalledFirst("jupyter", jupyter.commands, help=jupyter.help))
