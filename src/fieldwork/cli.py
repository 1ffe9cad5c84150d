"""What this project changes of Kedro's commands: they say what is wrong, and ``kedro jupyter`` what to install."""

from __future__ import annotations

from importlib.util import find_spec
from typing import IO, Any

import click
from kedro.framework.cli.jupyter import jupyter
from kedro.framework.cli.project import run
from kedro.framework.cli.utils import KedroCliError

#: Kedro finds the commands by the one name, and the script of the project's name what it stands for by the other.
__all__ = ("cli", "run")

#: Command -> the package that it starts.
STARTED = {"lab": "jupyterlab", "notebook": "notebook"}


@click.group()
def cli() -> None:
    """Hold the commands of this project; ``run`` and all others are Kedro's."""


def _show(self: KedroCliError, file: IO[Any] | None = None) -> None:
    """Show the message: Kedro looks for the exception that is handled, and click's later versions have left it."""
    click.secho(f"Error: {self.format_message()}", fg="yellow", err=True, file=file)


KedroCliError.show = _show  # type: ignore[method-assign]


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
