"""``groundwork verify``: are the results still what the commit gives?"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from kedro.utils import find_kedro_project

from fieldwork.verify.locks import VerifyError
from fieldwork.verify.running import BASE, Difference, verify

#: What a run leaves that is never the same twice, and so is no output of a stage.
NOT_COMPARED = (
    "checkpoints: they belong to a training that is under way, and are no results",
    "times and hardware of a run, logs, and what loggers record",
)


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit status is 1 where a result differs, 2 where nothing could be verified."""
    options = _parser().parse_args(arguments)
    project = find_kedro_project(Path.cwd())
    if project is None:
        sys.stderr.write(f"{Path.cwd()} lies in no project: run this where pyproject.toml lies.\n")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="groundwork-verify-", dir=options.folder))
    try:
        count, found = verify(project, options.env, folder / "clone")
    except VerifyError as error:
        shutil.rmtree(folder)
        sys.stderr.write(f"{error}\n")
        return 2
    if options.json:
        sys.stdout.write(f"{json.dumps({'compared': count, 'differ': [asdict(each) for each in found]}, indent=2)}\n")
    else:
        sys.stdout.write(_said(count, found, folder))
    if not found:
        shutil.rmtree(folder)
    return int(bool(found))


def _said(count: int, found: Sequence[Difference], folder: Path) -> str:
    are = f"{len(found)} files are not" if found else "all are"
    lines = [f"{count} results compared: {are} the recorded ones."]
    if found:
        width = max(len(each.path) for each in found)
        lines += [f"  {each.stage:<16} {each.path:<{width}}  {each.what}" for each in found]
        lines.append(f"What was made lies in {folder / 'clone'}; remove it when you have looked.")
    lines += ["Not compared, as they are never the same twice:", *(f"  {what}" for what in NOT_COMPARED)]
    return "\n".join([*lines, ""])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="groundwork verify",
        description="Run all stages again in a clone of the last commit, and compare the results with dvc.lock.",
        epilog="It takes as long as 'dvc repro' from the beginning. Nothing in the project changes.",
    )
    parser.add_argument("--env", default=BASE, metavar="RECIPE", help="the recipe whose stages are run")
    parser.add_argument(
        "--folder", type=Path, help="where the clone is made; the system's place for such, unless given"
    )
    parser.add_argument("--json", action="store_true", help="print it for programs")
    return parser
