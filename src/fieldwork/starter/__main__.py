"""``groundwork new FOLDER`` and ``groundwork update FOLDER``; or, without an environment, by Python alone.

``python src/fieldwork/starter new FOLDER`` does the same.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    # A folder that is run has only itself on the path.
    sys.path[0] = str(SOURCES)

from fieldwork.starter.making import make_project  # noqa: E402 - after the path
from fieldwork.starter.names import NewProjectError, names_of  # noqa: E402
from fieldwork.starter.updating import Update, update_project  # noqa: E402

TEMPLATE = SOURCES.parent


def new(arguments: Sequence[str]) -> int:
    """Run ``groundwork new``."""
    parser = argparse.ArgumentParser(
        prog="groundwork new",
        description="Make a project of your own: your names, a clean history, and nothing that is the template's.",
    )
    parser.add_argument("folder", type=Path, help="where it is made; its last part is the project's name")
    parser.add_argument("--package", help="the name of its package; the project's, with _ for -, unless given")
    parser.add_argument(
        "--recipe", action="append", default=[], metavar="NAME", help="start with this recipe too; may be repeated"
    )
    options = parser.parse_args(arguments)
    try:
        names = names_of(options.folder.absolute(), options.package)
        commit = make_project(TEMPLATE, options.folder, names, options.recipe)
    except NewProjectError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"{options.folder}: the project '{names.project}' with the package '{names.package}', of Groundwork "
        f"{commit[:12]}.\n\n  cd {shlex.quote(str(options.folder))}\n  make run\n  make test\n"
    )
    return 0


def update(arguments: Sequence[str]) -> int:
    """Run ``groundwork update``; the exit status is 1 where something is left to be decided."""
    parser = argparse.ArgumentParser(
        prog="groundwork update",
        description="Merge what the template changed into a project that was made by 'groundwork new'.",
    )
    parser.add_argument("folder", type=Path, help="the project")
    options = parser.parse_args(arguments)
    try:
        done = update_project(TEMPLATE, options.folder)
    except NewProjectError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(_said(done))
    return int(bool(done.conflicts))


def _said(done: Update) -> str:
    if done.before == done.after:
        return f"Nothing to do: the project is made of {done.after[:12]}, which is this template.\n"
    lines = [f"From {done.before[:12]} to {done.after[:12]}: {len(done.changed)} changed, {len(done.removed)} removed."]
    if done.conflicts:
        lines += ["Changed on both sides; look at each (git diff), and decide:", *(f"  {p}" for p in done.conflicts)]
    lines.append("Then: make install, make dvc, make test, and commit.")
    return "\n".join([*lines, ""])


def main() -> int:
    """Run either by its first word."""
    commands = {"new": new, "update": update}
    if sys.argv[1:2] and sys.argv[1] in commands:
        return commands[sys.argv[1]](sys.argv[2:])
    sys.stderr.write("usage: python src/fieldwork/starter new|update FOLDER\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
