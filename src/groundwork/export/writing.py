"""Write a program into a file that says all that is needed to use it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from groundwork.export.deepness import deepness_keys
from groundwork.export.description import Description
from groundwork.export.onnx_file import save
from groundwork.export.programs import INSIDE
from groundwork.export.tracing import Traced


def write_program(traced: Traced, description: Description, path: Path) -> None:
    """Write a program with its description; the same program gives the same bytes.

    Args:
        traced: The program.
        description: What it says of itself.
        path: The file, in a folder of its own.

    Raises:
        ExportError: Where it does not fit into one file.
    """
    text = as_text(description)
    if traced.onnx is not None:
        traced.onnx.model.metadata_props.update({INSIDE: text, **deepness_keys(description)})
        save(traced.onnx, path)
    else:
        torch.export.save(traced.program, path, extra_files={INSIDE: text})


def as_text(description: Description) -> str:
    """Return a description as JSON."""
    return json.dumps(description.as_json(), indent=2, sort_keys=True) + "\n"
