"""Say a program in ONNX, and write it as one file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.export import ExportedProgram

from groundwork.errors import ExportError
from groundwork.export.description import ProgramInput
from groundwork.export.refusals import NotTracedError, first_line

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

#: Version of the operators of ONNX, and of the file around them: OpenVINO, TensorRT and the runtime that QGIS Deepness
#: installs (ONNX Runtime 1.17 at most) read both.
OPSET, FILE_VERSION = 18, 8


def convert(program: ExportedProgram, inputs: Sequence[ProgramInput], output: str) -> ONNXProgram:
    """Say a program in ONNX.

    Args:
        program: Of ``torch.export``.
        inputs: What it is given.
        output: Name of what it gives.

    Raises:
        NotTracedError: Where ONNX has no words for an operator, with the module that it stands in.
    """
    from groundwork.export.onnx_operators import TRANSLATIONS  # noqa: PLC0415 - an extra

    try:
        converted = torch.onnx.export(
            program,
            dynamic_shapes=(_axis_names(inputs),),
            input_names=[entry.name for entry in inputs],
            output_names=[output],
            opset_version=OPSET,
            custom_translation_table=TRANSLATIONS,
            dynamo=True,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        raise NotTracedError(_reason(program, error)) from error
    if converted is None:
        raise TypeError("torch.onnx.export gave no program")
    converted.model.ir_version = FILE_VERSION
    return converted


def _axis_names(inputs: Sequence[ProgramInput]) -> tuple[dict[int, str], ...]:
    """Return the names of open axes by input, each name once: axes of one length share it."""
    axes: list[dict[int, str]] = []
    known: set[str] = set()
    for entry in inputs:
        axes.append(
            {axis: name for axis, name in enumerate(entry.shape) if isinstance(name, str) and name not in known}
        )
        known.update(axes[-1].values())
    return tuple(axes)


def save(converted: ONNXProgram, path: Path) -> None:
    """Write a program into one file, in a folder of its own.

    Raises:
        ExportError: Where it does not fit.
    """
    converted.save(path)
    beside = sorted(file.name for file in path.parent.iterdir() if file != path)
    if beside:
        raise ExportError(
            f"A model of more than 2 GB does not fit into one ONNX file; found {beside} beside it. Set "
            "'export.format: pt2'"
        )


def _reason(program: ExportedProgram, error: BaseException) -> str:
    """Return which operator ONNX cannot say, and in which module it stands."""
    texts, cause = [str(error)], error
    while cause.__cause__ is not None:
        cause = cause.__cause__
        texts.append(str(cause))
    found = next((match for text in texts if (match := re.search(r"call_function\[target=([\w.]+)\]", text))), None)
    if found is None:
        return f"ONNX cannot say it: {first_line(cause)}"
    target = found[1].removeprefix("torch.ops.")
    return f"{_module_of(program, target)}ONNX cannot say the operator '{target}': {first_line(cause)}"


def _module_of(program: ExportedProgram, target: str) -> str:
    # What is decomposed stands in the program under the name of the whole, such as linalg_eigvals for linalg_eig.
    name = target.rpartition(".")[0]
    for node in program.graph.nodes:
        stack = node.meta.get("nn_module_stack")
        if stack and str(node.target).startswith(name):
            path, kind = list(stack.values())[-1]
            return f"in the module '{path.removeprefix('model.')} ({str(kind).rpartition('.')[2]})': "
    return ""
