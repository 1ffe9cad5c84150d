"""Trace a model into a program of ``torch.export``, with as many open axes as its network allows."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from groundwork.bundle import Bundle
from groundwork.config.data import read_by_model
from groundwork.config.export import ExportConfig
from groundwork.config.inference import InferenceConfig
from groundwork.errors import ExportError
from groundwork.export.description import ProgramInput, ProgramSizes, output_name, program_inputs
from groundwork.export.onnx_file import convert, save
from groundwork.export.program_module import ProgramModule
from groundwork.export.programs import OnnxProgram
from groundwork.export.refusals import REFUSALS, NotTracedError, first_line
from groundwork.export.trying import example, lengths_of, require_same
from groundwork.models.assembly.raster_model import RasterModel
from groundwork.models.features.sizes import Sizes
from groundwork.models.interface import Model
from groundwork.targets.kinds import kind_of

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

logger = logging.getLogger(__name__)

#: Layers of timm by name of their class, whose windows make a trace with open sizes grow without end.
_WINDOWED = {"WindowAttention"}
#: Side of the cells that a network of a user's own is thought to see, and one that is given images as they are.
_CELL = 32


@dataclass(frozen=True, slots=True)
class Traced:
    """A program, and which images it takes."""

    program: ExportedProgram
    sizes: ProgramSizes
    #: The same for ONNX. None: that was not asked for.
    onnx: ONNXProgram | None = None


def trace(bundle: Bundle, model: Model, config: ExportConfig, inference: InferenceConfig) -> Traced:
    """Trace a model, with all axes open that can be.

    An axis is called open only where the program was tried with other lengths, and gave what the network gives. Of
    ONNX, its runtime is asked.

    Args:
        bundle: What is exported.
        model: That of the bundle.
        config: How it is exported.
        inference: How large tiles are, and batches, where they are settled.

    Raises:
        ExportError: Where the model cannot be traced, or said in ONNX, with the module where it ended.
    """
    why = _settled(model) if config.sizes == "auto" else f"as 'export.sizes: {config.sizes}' asks"
    for wanted in _wanted(model, config, inference):
        logger.info("Tracing with open axes %s; 'export.sizes: fixed' is the quickest", _open(wanted))
        inputs = program_inputs(bundle, model, config.validity, wanted)
        module = ProgramModule(
            model, kind_of(bundle.config.target), inputs, read_by_model(bundle.config.inputs), config.validity
        ).eval()
        try:
            program = _trace(module, inputs, wanted, _cell(model))
            converted = convert(program, inputs, output_name(bundle)) if config.format == "onnx" else None
            with _runnable(program, converted) as run:
                least = require_same(module, run, inputs, wanted, (_cell(model), inference.tile_size))
            return Traced(program, wanted.model_copy(update={"why": why, "least": least}), converted)
        except NotTracedError as error:
            logger.info("That did not work out: %s", error)
            why, last = f"with open {', '.join(_open(wanted)) or 'nothing'}: {error}", error
    another = "Set 'export.format: pt2', predict" if config.format == "onnx" else "Predict"
    raise ExportError(
        f"The model {bundle.config.model.title()} cannot be exported as {config.format}: {last} {another} with the "
        "bundle itself, or train with another component in the place of this one."
    ) from last


@contextmanager
def _runnable(program: ExportedProgram, converted: ONNXProgram | None) -> Iterator[Callable[..., Tensor]]:
    """Give what runs a program."""
    if converted is None:
        # Guards of torch keep all that a trace met once; whether other sizes give the same is tried instead.
        yield program.module(check_guards=False)
        return
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        path = Path(folder) / "tried.onnx"
        save(converted, path)
        runtime = OnnxProgram(path)
        yield lambda *given: runtime.run(given)


def _wanted(model: Model, config: ExportConfig, inference: InferenceConfig) -> Iterator[ProgramSizes]:
    """Yield what is tried, with fewer and fewer open axes."""
    only = [sizes.only for sizes in _sizes(model) if sizes.only is not None]
    side, grown = min([inference.tile_size, *only]), _grown(model)
    if config.sizes == "auto" and _settled(model) is None:
        yield ProgramSizes(grown=grown)
    if config.sizes != "fixed":
        yield ProgramSizes(height=side, width=side, grown=grown)
    yield ProgramSizes(batch=inference.settled_batch, height=side, width=side, grown=grown)


def _settled(model: Model) -> str | None:
    """Return why height and width cannot be open, where that is known beforehand."""
    only = [sizes.only for sizes in _sizes(model) if sizes.only is not None]
    if only:
        return f"the network takes images of {min(only)} pixels a side"
    windowed = any(type(part).__name__ in _WINDOWED for part in model.modules())
    return "a trace of attention in windows does not end with open sizes" if windowed else None


def _sizes(model: Model) -> list[Sizes]:
    """Return which images each of the networks takes that a model is made of."""
    return [part.sizes for part in model.modules() if isinstance(part, RasterModel)]


def _cell(model: Model) -> int:
    """Return the side from which on no network has to grow an image."""
    sides = [max(sizes.multiple, sizes.least) for sizes in _sizes(model) if sizes.padding != "none"]
    return max(sides, default=_CELL)


def _grown(model: Model) -> int | None:
    """Return what all networks grow images to a multiple of, evenly on all sides. None: they do otherwise."""
    ways = {(sizes.multiple, sizes.least <= sizes.multiple, sizes.padding) for sizes in _sizes(model)}
    if len(ways) != 1:
        return None
    multiple, is_always, padding = ways.pop()
    return multiple if is_always and padding == "symmetric" else None


def _open(sizes: ProgramSizes) -> list[str]:
    return [name for name in ("batch", "height", "width") if getattr(sizes, name) is None]


def _trace(module: ProgramModule, inputs: Sequence[ProgramInput], sizes: ProgramSizes, cell: int) -> ExportedProgram:
    open_axes = _open(sizes)
    # To a trace, one cell is a case of its own, and so is a square.
    first = lengths_of(sizes, 2, (4 * cell, 6 * cell))
    shapes = tuple(
        {axis: Dim.AUTO for axis, length in enumerate(entry.shape) if length in open_axes} for entry in inputs
    )
    path = _Path()
    try:
        with torch.no_grad(), path.watch(module.model):
            program = torch.export.export(module, example(inputs, first), dynamic_shapes=(shapes,), strict=False)
    except REFUSALS as error:
        raise NotTracedError(f"{path.where()}{first_line(error)}") from error
    for node in program.graph.nodes:
        # It names files of this machine.
        node.meta.pop("stack_trace", None)
    _require_open(program, inputs, open_axes)
    return program


def _require_open(program: ExportedProgram, inputs: Sequence[ProgramInput], open_axes: Sequence[str]) -> None:
    """Refuse a program of which the trace settled an axis, or made two axes one."""
    names = program.graph_signature.user_inputs
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    found: dict[str, set[str]] = {axis: set() for axis in open_axes}
    for name, entry in zip(names, inputs, strict=True):
        shape = nodes[str(name)].meta["val"].shape
        for length, seen in zip(entry.shape, shape, strict=True):
            if isinstance(length, str):
                found[length].add(str(seen))
                if isinstance(seen, int):
                    raise NotTracedError(f"the network settles {length} to {seen}.")
    if len(set.union(set(), *found.values())) < len(open_axes):
        raise NotTracedError("the network takes square images alone.")


@dataclass(slots=True)
class _Path:
    """Remembers the modules that are being run, so that an error can say where it was raised."""

    names: list[str] = field(default_factory=list)

    def where(self) -> str:
        """Return the innermost module in words; empty where none was running."""
        return f"in the module '{self.names[-1]}': " if self.names else ""

    @contextmanager
    def watch(self, model: nn.Module) -> Iterator[None]:
        """Watch a model's modules while it is run. After an error those stay that did not come to their end."""
        with ExitStack() as stack:
            for name, part in model.named_modules():
                label = f"{name} ({type(part).__name__})" if name else type(part).__name__

                def enter(_: nn.Module, __: object, label: str = label) -> None:
                    self.names.append(label)

                def leave(_: nn.Module, __: object, ___: object) -> None:
                    self.names.pop()

                stack.callback(part.register_forward_pre_hook(enter).remove)
                stack.callback(part.register_forward_hook(leave).remove)
            yield
