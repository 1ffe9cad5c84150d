"""Exported files as what can be run: programs of ``torch.export``, and ONNX by its runtime."""

from __future__ import annotations

import json
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import final

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.export.passes import move_to_device_pass

from groundwork.config.export import ExportFormat
from groundwork.errors import ExportError
from groundwork.export.description import FORMAT_VERSION, Description

#: Under which name the description stands in a file.
INSIDE = "groundwork.json"
#: What ONNX Runtime computes with, the first that is there; TF32 keeps three digits, and answers shall be the same.
_PROVIDERS: dict[str, dict[str, str]] = {"CUDAExecutionProvider": {"use_tf32": "0"}, "CPUExecutionProvider": {}}
#: Packages that write and run ONNX.
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class Program(ABC):
    """A program that can be run."""

    @abstractmethod
    def run(self, given: Sequence[Tensor]) -> Tensor:
        """Return activated scores for one tensor of each input, on the device that these are on."""


@final
class TorchProgram(Program):
    """A program of ``torch.export``."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Reading runs what the file says, as it may hold pickles: see :func:`groundwork.export.loading.load_exported`.

        Args:
            path: The file.

        Raises:
            ExportError: Where torch cannot read it.
        """
        try:
            self._program = torch.export.load(path)
        except (RuntimeError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ExportError(
                f"{path}: torch {torch.__version__} cannot read it as a program of torch.export: {error}. Export the "
                "bundle again with this version."
            ) from error
        # Guards keep what a trace met once, such as more than one cell; other sizes were tried when it was exported.
        self._run, self._device = self._program.module(check_guards=False), torch.device("cpu")

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """See :class:`Program`."""
        device = given[0].device
        if device != self._device:
            self._run = move_to_device_pass(self._program, str(device)).module(check_guards=False)
            self._device = device
        try:
            scores: Tensor = self._run(*given)
        except AssertionError as error:
            sizes = [tuple(tensor.shape) for tensor in given]
            raise ExportError(
                f"The exported program does not take tensors of the sizes {sizes}: {error}. Take tiles of another "
                "size, or export again with the 'inference.tile_size' that you need"
            ) from error
        return scores


@final
class OnnxProgram(Program):
    """An ONNX file in a session of ONNX Runtime, on the GPU where its package can."""

    def __init__(self, path: Path) -> None:
        """Open a session.

        Args:
            path: The file.

        Raises:
            ExportError: Where ONNX Runtime is missing, or cannot read it.
        """
        require_format("onnx")
        import onnxruntime  # noqa: PLC0415 - an extra

        options = onnxruntime.SessionOptions()
        # As many as torch may take: of several processes, each keeps to its share of the cores.
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        # Threads that wait busily would take the cores of whatever reads and writes meanwhile.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        here = onnxruntime.get_available_providers()
        providers = [name for name in _PROVIDERS if name in here]
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=providers, provider_options=[_PROVIDERS[name] for name in providers]
            )
        except _onnx_errors() as error:
            raise ExportError(f"{path}: ONNX Runtime {onnxruntime.__version__} cannot read it: {error}") from error
        self._names = [entry.name for entry in self.session.get_inputs()]

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """See :class:`Program`.

        Raises:
            ExportError: Where the runtime does not take the tensors.
        """
        arrays = (tensor.detach().cpu().contiguous().numpy() for tensor in given)
        feed = dict(zip(self._names, arrays, strict=True))
        try:
            found = self.session.run(None, feed)[0]
        except _onnx_errors() as error:
            sizes = [tuple(tensor.shape) for tensor in given]
            raise ExportError(f"ONNX Runtime ended at tensors of the sizes {sizes}: {error}") from error
        return torch.from_numpy(found).to(given[0].device)


def _onnx_errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises, but for memory that does not suffice, which is told by its message."""
    from onnxruntime.capi import onnxruntime_pybind11_state as states  # noqa: PLC0415 - an extra

    return (states.Fail, states.InvalidArgument, states.InvalidGraph, states.InvalidProtobuf, states.NotImplemented)


def require_format(form: ExportFormat) -> None:
    """Refuse a format whose packages are missing.

    Raises:
        ExportError: With the extra that installs them.
    """
    missing = [name for name in ONNX_PACKAGES if form == "onnx" and find_spec(name) is None]
    if missing:
        raise ExportError(
            f"'export.format: onnx' needs {', '.join(ONNX_PACKAGES)}, and there is no {', '.join(missing)}: install "
            "the extra, by `uv pip install -e '.[onnx]'` in the project, or set 'format: pt2'"
        )


def open_program(path: Path) -> Program:
    """Return a file as what can be run, by its suffix."""
    return OnnxProgram(path) if path.suffix == ".onnx" else TorchProgram(path)


def read_description(path: Path) -> Description:
    """Return what an exported file says of itself. Nothing of a ``pt2`` file is run.

    Raises:
        ExportError: Where it says nothing, or is of another version.
    """
    text = _inside_onnx(path) if path.suffix == ".onnx" else _inside_archive(path)
    version = json.loads(text).get("format_version")
    if version != FORMAT_VERSION:
        raise ExportError(
            f"{path}: found format version {version!r}; this version of groundwork reads {FORMAT_VERSION}. Export the "
            "bundle again."
        )
    try:
        return Description.model_validate_json(text)
    except ValidationError as error:
        raise ExportError(f"{path}: what it says of itself is not as it should be: {error}") from error


def _inside_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in archive.namelist() if name.endswith(f"/{INSIDE}")), None)
            if name is not None:
                return archive.read(name).decode()
    except (OSError, zipfile.BadZipFile) as error:
        raise ExportError(f"{path} cannot be read as an exported file: {error}") from error
    raise _says_nothing(path)


def _inside_onnx(path: Path) -> str:
    require_format("onnx")
    import onnx  # noqa: PLC0415 - an extra

    properties = {entry.key: entry.value for entry in onnx.load(str(path), load_external_data=False).metadata_props}
    if INSIDE not in properties:
        raise _says_nothing(path)
    return str(properties[INSIDE])


def _says_nothing(path: Path) -> ExportError:
    return ExportError(f"{path}: found no '{INSIDE}' in it; expected a file that groundwork exported.")
