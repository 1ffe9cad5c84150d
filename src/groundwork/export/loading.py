"""Read an exported file as a bundle: predictions are made of it as of any other."""

from __future__ import annotations

import json
from pathlib import Path

from groundwork import fingerprint
from groundwork.bundle import Bundle
from groundwork.errors import ExportError
from groundwork.export.exported_model import ExportedModel
from groundwork.export.programs import open_program, read_description


def load_exported(path: Path, trusted: frozenset[str]) -> Bundle:
    """Read an exported file.

    ``torch.export.load`` unpickles parts of a file, and so runs whatever a stranger wrote into it. Files are therefore
    read only where their SHA-256 is known, from the report of the export or from whoever made it.

    Args:
        path: The file, ``.pt2`` or ``.onnx``, or the folder that it lies in alone.
        trusted: SHA-256 of files that may be read.

    Raises:
        ExportError: Where there is no such file, it is another one, or it cannot be read.
    """
    file = _file_at(path)
    found = fingerprint.of_file(file)
    if found not in trusted:
        raise ExportError(
            f"{file}: found SHA-256 {found}; expected {' or '.join(sorted(trusted)) or 'none at all'}. Such a file can "
            "run code when it is read. Name the report of its export, or export the bundle again."
        )
    description = read_description(file)
    config = description.bundle
    named = config.model_copy(update={"provenance": {**config.provenance, "export": found}})
    return Bundle(named, {}, ExportedModel(open_program(file), description))


def trusted_in(report: Path) -> frozenset[str]:
    """Return the SHA-256 that a report of an export names.

    Raises:
        ExportError: Where it is no such report.
    """
    try:
        found = json.loads(report.read_text(encoding="utf-8"))
        return frozenset([str(found["sha256"])])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{report} cannot be read as the report of an export: {error}") from error


def _file_at(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(file for suffix in (".pt2", ".onnx") for file in path.glob(f"*{suffix}"))
    if len(found) != 1:
        raise ExportError(
            f"{path}: found {[file.name for file in found] or 'no exported file'}; expected one, .pt2 or .onnx. Export "
            "a bundle first."
        )
    return found[0]
