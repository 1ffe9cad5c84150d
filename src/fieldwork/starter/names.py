"""What a new project is called: its folder, its package, and its title."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path

#: What the project of the template is called, and so everything that is renamed.
PACKAGE = "fieldwork"
#: Packages that a project of this name would hide from itself.
_TAKEN = frozenset({
    "groundwork", PACKAGE, "kedro", "kedro_datasets", "dvc", "torch", "torchvision", "lightning", "torchgeo", "timm",
    "rasterio", "numpy", "pandas", "pydantic", "yaml", "tests", "conf", "data", "docs", "src", "notebooks",
})  # fmt: skip


class NewProjectError(Exception):
    """A project that cannot be made or brought up to date as it was asked for."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a project."""

    #: Of the distribution, such as ``crop-map``.
    project: str
    #: Of the package in ``src``, such as ``crop_map``.
    package: str

    @property
    def title(self) -> str:
        """What people read, such as ``Crop map``."""
        words = self.project.replace("_", "-").replace("-", " ").strip()
        return words[:1].upper() + words[1:]


def names_of(folder: Path, package: str | None = None) -> Names:
    """Return the names of a project that is to lie in a folder.

    Args:
        folder: Its last part is the project's name.
        package: The package's name. None: the project's, with ``_`` for ``-``.

    Raises:
        NewProjectError: For a name that is none, with one that would do.
    """
    project = folder.name
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", project):
        raise NewProjectError(
            f"'{project}' is no name of a project: expected letters, digits, '-' and '_', such as '{_mended(project)}'."
        )
    chosen = package or re.sub(r"[-.]+", "_", project).lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", chosen) or keyword.iskeyword(chosen):
        raise NewProjectError(
            f"'{chosen}' is no name of a package: expected small letters, digits and '_', beginning with a letter, and "
            f"no word of Python. Name one: --package {_mended(chosen).replace('-', '_')}"
        )
    if chosen in _TAKEN or chosen in sys.stdlib_module_names:
        raise NewProjectError(
            f"The package '{chosen}' would hide another of this name. Name one: --package {chosen}_project"
        )
    return Names(project, chosen)


def _mended(name: str) -> str:
    kept = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    begins = kept if kept[:1].isalpha() else f"project-{kept}".rstrip("-")
    return f"{begins}-project" if keyword.iskeyword(begins) or not kept else begins
