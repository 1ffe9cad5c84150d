"""Write a program into a file that says all that is needed to use it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from groundwork.errors import ExportError
from groundwork.export.deepness import deepness_keys
from groundwork.export.description import Description
from groundwork.export.programs import INSIDE
from groundwork.export.tracing import Traced

#: Version of the operators of ONNX: OpenVINO, TensorRT and the runtime that QGIS Deepness installs read it.
OPSET = 18


def write_program(traced: Traced, description: Description, path: Path) -> None:
    """Write a program with its description; the same program gives the same bytes.

    Args:
        traced: The program.
        description: What it says of itself, with the format.
        path: The file, in a folder of its own.

    Raises:
        ExportError: Where it does not fit into one file.
    """
    text = as_text(description)
    if description.format == "onnx":
        _write_onnx(traced, description, text, path)
    else:
        torch.export.save(traced.program, path, extra_files={INSIDE: text})


def as_text(description: Description) -> str:
    """Return a description as JSON."""
    return json.dumps(description.as_json(), indent=2, sort_keys=True) + "\n"


def _write_onnx(traced: Traced, description: Description, text: str, path: Path) -> None:
    written = torch.onnx.export(
        traced.program,
        input_names=[entry.name for entry in description.inputs],
        output_names=[description.output.name],
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    if written is None:
        raise TypeError("torch.onnx.export gave no program")
    written.model.metadata_props.update({INSIDE: text, **deepness_keys(description)})
    written.save(path)
    beside = sorted(file.name for file in path.parent.iterdir() if file != path)
    if beside:
        raise ExportError(
            f"A model of more than 2 GB does not fit into one ONNX file; found {beside} beside it. Set "
            "'export.format: pt2'"
        )
