"""Write a program as one ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from groundwork.errors import ExportError
from groundwork.export.description import Description
from groundwork.export.tracing import Traced

#: Version of the operators of ONNX: OpenVINO, TensorRT and the runtime that QGIS Deepness installs read it.
OPSET = 18


def write_onnx(traced: Traced, description: Description, metadata: Mapping[str, str], path: Path) -> None:
    """Write a program; the same program gives the same bytes.

    Args:
        traced: The program.
        description: Names of its inputs and of its output.
        metadata: What the file says of itself, by key.
        path: The file, in a folder of its own.

    Raises:
        ExportError: Where it does not fit into one file.
    """
    from groundwork.export.onnx_operators import TRANSLATIONS  # noqa: PLC0415 - an extra

    written = torch.onnx.export(
        traced.program,
        input_names=[entry.name for entry in description.inputs],
        output_names=[description.output.name],
        opset_version=OPSET,
        custom_translation_table=TRANSLATIONS,
        dynamo=True,
        verbose=False,
    )
    if written is None:
        raise TypeError("torch.onnx.export gave no program")
    written.model.metadata_props.update(metadata)
    written.save(path)
    beside = sorted(file.name for file in path.parent.iterdir() if file != path)
    if beside:
        raise ExportError(
            f"A model of more than 2 GB does not fit into one ONNX file; found {beside} beside it. Set "
            "'export.format: pt2'"
        )
