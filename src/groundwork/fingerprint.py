"""Short names for exact contents: what a run was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import pandas as pd


def fingerprint(*parts: str | bytes) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of several parts."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:16]


def of_table(table: pd.DataFrame) -> str:
    """Return the fingerprint of a table's contents."""
    return fingerprint(table.to_csv(index=False, lineterminator="\n"))


def of_weights(weights: Mapping[str, Tensor]) -> str:
    """Return the fingerprint of named tensors."""
    return fingerprint(*_weight_parts(weights))


def of_file(path: Path) -> str:
    """Return the SHA-256 of a file, as ``sha256sum`` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_text(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def of_code() -> str:
    """Return the fingerprint of this library's source files."""
    folder = Path(__file__).parent
    files = sorted(folder.rglob("*.py"))
    return fingerprint(*(f"{file.relative_to(folder).as_posix()}\n{file.read_text('utf-8')}" for file in files))


def of_components(names: Iterable[str]) -> str:
    """Return the fingerprint of a user's own components (names with a dot): of the packages that they come from.

    A component may call other modules of its package, so all of them count.
    """
    packages = sorted({name.partition(".")[0] for name in names if "." in name})
    return fingerprint(*(part for package in packages for part in _sources(package)))


def library_versions() -> dict[str, str]:
    """Return the versions of the packages on which numbers depend."""
    return {f"version_{name}": version(name) for name in ("groundwork", "torch", "timm", "rasterio", "numpy")}


def _weight_parts(weights: Mapping[str, Tensor]) -> Iterable[str | bytes]:
    for name in sorted(weights):
        yield name
        # As bytes, since numpy knows no bfloat16.
        yield weights[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _sources(package: str) -> Iterable[str]:
    spec = find_spec(package)
    roots = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    files = [(file.relative_to(root), file) for root in roots for file in root.rglob("*.py")]
    if spec and spec.origin and not roots:
        files = [(Path(package), Path(spec.origin))]
    for name, file in sorted(files):
        yield name.as_posix()
        yield file.read_text("utf-8")
