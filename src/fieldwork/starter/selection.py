"""Which files of the template a project gets, and what becomes of their text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from fieldwork.starter.names import PACKAGE, Names, NewProjectError

#: Files that come along as they are called, and folders with all that is in them.
_KEPT = (
    ".devcontainer", ".dvc", ".dvcignore", ".dockerignore", ".editorconfig", ".github/workflows", ".gitignore",
    ".pre-commit-config.yaml", ".telemetry", "Dockerfile", "Makefile", "conf/base", "conf/local", "conf/logging.yml",
    "data", "docs/how-to", "docs/images", "docs/reference", "dvc.yaml", "notebooks", "pyproject.toml",
    "requirements.lock", "src/fieldwork", "src/groundwork",
)  # fmt: skip
#: Parts of those that are the template's own.
_LEFT_OUT = ("docs/reference/api.md", "src/fieldwork/starter", ".github/workflows/template.yml")
#: Files that are written for the project, by where they lie in it.
FILES = Path("src/fieldwork/starter/files")
#: Placeholders in those.
_TITLE, _PROJECT = "PROJECT_TITLE", "PROJECT_NAME"
_RECIPES_BESIDE = frozenset({"base", "local"})


def recipes_in(tree: Path) -> list[str]:
    """Return the recipes of the template."""
    folders = (path.name for path in (tree / "conf").iterdir() if path.is_dir())
    return sorted(name for name in folders if name not in _RECIPES_BESIDE)


def check_recipes(tree: Path, recipes: Iterable[str]) -> None:
    """Refuse recipes that the template does not have.

    Raises:
        NewProjectError: With the near miss, and those that there are.
    """
    known = recipes_in(tree)
    for name in recipes:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise NewProjectError(f"There is no recipe '{name}'.{hint} Recipes: {', '.join(known)}.")


def files_for(tree: Path, names: Names, recipes: Iterable[str]) -> dict[str, bytes]:
    """Return the files of a project by their places in it.

    Args:
        tree: The files of the template.
        names: What the project is called.
        recipes: Those of the template that it starts with, beside the base.
    """
    kept = (*_KEPT, *(f"conf/{name}" for name in recipes))
    files = {place: (tree / place).read_bytes() for place in _places(tree) if _is_kept(place, kept)}
    files["src/groundwork/LICENSE"] = (tree / "LICENSE").read_bytes()
    own = tree / FILES
    files |= {place: (own / place).read_bytes() for place in _places(own)}
    renamed = {_rename(place, names): _text(place, content, names) for place, content in files.items()}
    renamed["docs/index.md"] = _index(renamed).encode()
    return dict(sorted(renamed.items()))


def _places(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder).as_posix()


def _is_kept(place: str, kept: Iterable[str]) -> bool:
    within = [str(part) for part in [PurePosixPath(place), *PurePosixPath(place).parents]]
    # Of data, the folders alone: what a clone of the template has in git there are its own scores and notes of DVC.
    if "data" in within and PurePosixPath(place).name != ".gitkeep":
        return False
    return any(part in kept for part in within) and not any(part in _LEFT_OUT for part in within)


def _rename(text: str, names: Names) -> str:
    return re.sub(rf"\b{PACKAGE}\b", names.package, text)


def _text(place: str, content: bytes, names: Names) -> bytes:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return content
    text = _rename(text.replace(_TITLE, names.title).replace(_PROJECT, names.project), names)
    change = _CHANGES.get(place)
    return (text if change is None else change(text, names)).encode()


def _pyproject(text: str, names: Names) -> str:
    """Return ``pyproject.toml`` under the project's name, without what only the template has."""
    for found, given in (
        ('name = "groundwork"', f'name = "{names.project}"'),
        ('project_name = "Groundwork"', f'project_name = "{names.title}"'),
    ):
        text = _replaced(text, found, given)
    # The project's own extras; the site of the documentation is the template's.
    text, count = re.subn(
        r'"groundwork\[([\w,]+)\]"',
        lambda found: f'"{names.project}[{",".join(part for part in found[1].split(",") if part != "docs")}]"',
        text,
    )
    if not count:
        raise NewProjectError("The template names no extras of its own for its development: it is damaged.")
    # Names of packages lengthen lines that the formatter does not break.
    text = _replaced(text, '    "D105", ', '    "E501",\n    "D105", ')
    text = re.sub(r'^description = ".*"$', f'description = "{names.title}"', text, count=1, flags=re.MULTILINE)
    # The licence of the template is that of the library; what the project's is, its owner says.
    ours = (
        "license = ",
        "license-files = ",
        "docs = ",
        "# Make the documentation",
        '"benchmarks/**"',
        '"tests/end_to_end/',
        f'"src/{names.package}/starter/',
        "new = ",
        "update = ",
    )
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(ours))


def _makefile(text: str, names: Names) -> str:
    text = _replaced(text, "# Groundwork. ", f"# {names.title}. ")
    # Targets of the template alone.
    ours = "starter|soak|walk"
    text = re.sub(rf"^({ours}): .*\n(\t.*\n)+\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\.PHONY: .*$", lambda line: re.sub(rf" ({ours})\b", "", line[0]), text, flags=re.MULTILINE)
    text = _replaced(text, " (budgets: tests/house)", "")
    return _replaced(text, "\t$(BIN)/pytest -q tests/house\n", "")


def _stages(text: str, names: Names) -> str:
    """Return ``dvc.yaml`` with paths in order, as it is derived again under other names."""
    del names
    block = re.compile(r"(?<=    deps:\n)(?:    - .*\n)+")
    return block.sub(lambda found: "".join(sorted(found.group().splitlines(keepends=True))), text)


#: File -> how its text changes beside the names.
_CHANGES = {"pyproject.toml": _pyproject, "Makefile": _makefile, "dvc.yaml": _stages}


def _replaced(text: str, found: str, given: str) -> str:
    if text.count(found) != 1:
        raise NewProjectError(f"The template lacks the text {found!r}, which is changed for a project: it is damaged.")
    return text.replace(found, given)


def _index(files: Mapping[str, bytes]) -> str:
    """Return the page that leads to the others."""
    lines = [
        "# Documentation",
        "",
        "Of the library in `src/groundwork`, and of how this project is used.",
        "",
    ]
    for place, content in files.items():
        if place.startswith("docs/") and place.endswith(".md"):
            title = content.decode().partition("\n")[0].removeprefix("# ")
            lines.append(f"- [{title}]({place.removeprefix('docs/')})")
    return "\n".join([*lines, ""])
