"""Make a project of the template as it was committed, under names of its own and with a history of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from fieldwork.starter.names import Names, NewProjectError
from fieldwork.starter.selection import check_recipes, files_for

#: What a project says of where it came from.
RECORD = ".groundwork.json"


def make_project(template: Path, folder: Path, names: Names, recipes: Sequence[str]) -> str:
    """Make a project, and return the commit of the template that it is made of.

    Args:
        template: A clone of the template.
        folder: Is made; it may be there, and empty.
        names: What the project is called.
        recipes: Those of the template that it starts with, beside the base.

    Raises:
        NewProjectError: Where something lies in the folder, the template is no clone, or lacks a recipe.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NewProjectError(f"{folder}: something lies there already. Name a folder that is new or empty.")
    commit = commit_of(template)
    write_files(folder, rendered(template, commit, names, recipes))
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    identity = () if _has_identity(folder) else ("-c", "user.name=groundwork", "-c", "user.email=new@localhost")
    git(folder, *identity, "commit", "--quiet", "--message", f"{names.title}, made of Groundwork {commit[:12]}")
    return commit


def rendered(template: Path, commit: str, names: Names, recipes: Sequence[str]) -> dict[str, bytes]:
    """Return the files of a project by their places, as a commit of the template has them.

    Raises:
        NewProjectError: Where the template does not have the commit, or a recipe.
    """
    with _checked_out(template, commit) as tree:
        check_recipes(tree, recipes)
        files = files_for(tree, names, recipes)
    stated = {"commit": commit, "project": names.project, "package": names.package, "recipes": list(recipes)}
    files[RECORD] = f"{json.dumps(stated, indent=2)}\n".encode()
    return _formatted(files)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their places in a folder."""
    for place, content in files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(content)


def commit_of(template: Path) -> str:
    """Return the commit that is checked out in a clone.

    Raises:
        NewProjectError: For a folder that is no clone of its own.
    """
    if not any((place / ".git").exists() for place in (template, *template.parents)):
        raise NewProjectError(
            f"{template} is no clone of Groundwork, as an archive that was downloaded is none, and a project names the "
            "commit that it was made of. Clone the repository with git, and begin there."
        )
    top = git(template, "rev-parse", "--show-toplevel").decode().strip()
    if Path(top).resolve() != template.resolve():
        raise NewProjectError(f"{template} is no clone of Groundwork: it lies in the repository {top}.")
    return git(template, "rev-parse", "HEAD").decode().strip()


def git(folder: Path, *words: str) -> bytes:
    """Run git in a folder, and return what it prints.

    Raises:
        NewProjectError: Where it fails, with its words.
    """
    try:
        return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise NewProjectError("The program 'git' was not found. Install it.") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise NewProjectError(f"'git {' '.join(words)}' failed in {folder}: {said}") from None


@contextmanager
def _checked_out(template: Path, commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(git(template, "archive", commit))) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _formatted(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with imports and lines in order, which depend on the names, where ruff is there."""
    if find_spec("ruff") is None:
        return files
    with tempfile.TemporaryDirectory() as folder:
        code = {place: content for place, content in files.items() if place.endswith((".py", "pyproject.toml"))}
        write_files(Path(folder), code)
        for words in (("check", "--quiet", "--select", "I", "--fix", "."), ("format", "--quiet", ".")):
            subprocess.run([sys.executable, "-m", "ruff", *words], cwd=folder, check=True)
        return {**files, **{place: (Path(folder) / place).read_bytes() for place in code}}


def _has_identity(folder: Path) -> bool:
    return (
        subprocess.run(["git", "var", "GIT_AUTHOR_IDENT"], cwd=folder, capture_output=True, check=False).returncode == 0
    )
