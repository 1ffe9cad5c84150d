"""Short names for exact contents: what a run was made from."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from torch import Tensor


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


@cache
def of_code() -> str:
    """Return the fingerprint of this library's source files."""
    folder = Path(__file__).parent
    files = sorted(folder.rglob("*.py"))
    return fingerprint(*(f"{file.relative_to(folder).as_posix()}\n{file.read_text('utf-8')}" for file in files))


def of_components(names: Iterable[str]) -> str:
    """Return the fingerprint of the source files of a user's own components: the names with a dot."""
    modules = sorted({name.replace(":", ".").rpartition(".")[0] for name in names})
    return fingerprint(*(inspect.getsource(import_module(module)) for module in modules if module))


def library_versions() -> dict[str, str]:
    """Return the versions of the packages on which numbers depend."""
    return {f"version_{name}": version(name) for name in ("groundwork", "torch", "timm", "rasterio", "numpy")}


def _weight_parts(weights: Mapping[str, Tensor]) -> Iterable[str | bytes]:
    for name in sorted(weights):
        yield name
        yield weights[name].detach().cpu().contiguous().numpy().tobytes()
