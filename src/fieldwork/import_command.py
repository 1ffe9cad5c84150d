"""``groundwork config import FILE --env NAME``: a configuration of another library becomes a recipe."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from kedro.framework.startup import bootstrap_project
from kedro.utils import find_kedro_project

from fieldwork.config_loader import ConfigurationError
from fieldwork.parameters import ParameterError, UnknownParameterError
from groundwork.errors import GroundworkError


def main(arguments: Sequence[str]) -> int:
    """Run the command; print what was written and what is other than it was, or one error."""
    options = _parser().parse_args(arguments)
    # Where its logging is configured is no matter of a report that is printed.
    logging.getLogger("kedro").setLevel(logging.WARNING)
    project = find_kedro_project(Path.cwd())
    if project is None:
        sys.stderr.write(f"{Path.cwd()} lies in no project: run this where pyproject.toml lies.\n")
        return 1
    try:
        bootstrap_project(project)
        from fieldwork.terratorch_recipe import import_terratorch  # noqa: PLC0415 - after the project is set up

        report = import_terratorch(options.file, options.env, project / "conf")
    except (GroundworkError, ConfigurationError, ParameterError, UnknownParameterError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{report}\nRun it: kedro run --env {options.env}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="groundwork config", description="Recipes from files of configuration.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="import")
    bring = verbs.add_parser("import", help="write a file of TerraTorch as a recipe: conf/NAME/*.yml")
    bring.add_argument("file", type=Path)
    bring.add_argument("--env", required=True, metavar="NAME", help="of the new recipe")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
