"""Trace a model into a program of ``torch.export``, with as many open axes as its network allows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from groundwork.bundle import Bundle
from groundwork.config.data import read_by_model
from groundwork.config.export import ExportConfig
from groundwork.config.inference import InferenceConfig
from groundwork.errors import ExportError
from groundwork.export.description import ProgramInput, ProgramSizes, program_inputs
from groundwork.export.program_module import ProgramModule
from groundwork.models.asking import tiles_at_once
from groundwork.models.assembly.raster_model import RasterModel
from groundwork.models.interface import Model
from groundwork.targets.kinds import kind_of

logger = logging.getLogger(__name__)

#: Where a program and the network that it was traced from may differ.
TOLERANCE = 1e-4
#: What torch.export and networks raise where something cannot be traced, or was settled by a trace.
_REFUSALS = (
    RuntimeError, AssertionError, ValueError, TypeError, IndexError, KeyError, AttributeError, NotImplementedError
)  # fmt: skip


#: Layers of timm by name of their class, whose windows make a trace with open sizes grow without end.
_WINDOWED = {"WindowAttention"}


@dataclass(frozen=True, slots=True)
class Traced:
    """A program, and which images it takes."""

    program: ExportedProgram
    sizes: ProgramSizes


def trace(bundle: Bundle, model: Model, config: ExportConfig, inference: InferenceConfig) -> Traced:
    """Trace a model, with all axes open that can be.

    An axis is called open only where the program was tried with other lengths, and gave what the network gives.

    Args:
        bundle: What is exported.
        model: That of the bundle.
        config: How it is exported.
        inference: How large tiles are, and batches, where they are settled.

    Raises:
        ExportError: Where the model cannot be traced, with the module where it ended.
    """
    why = _settled(model) if config.sizes == "auto" else "as 'export.sizes: fixed' asks"
    for wanted in _wanted(model, config, inference):
        logger.info("Tracing with open axes %s; 'export.sizes: fixed' is the quickest", _open(wanted))
        inputs = program_inputs(bundle, model, config.validity, wanted)
        module = ProgramModule(
            model, kind_of(bundle.config.target), inputs, read_by_model(bundle.config.inputs), config.validity
        ).eval()
        try:
            program = _trace(module, inputs, wanted)
            _try_others(module, program, inputs, wanted, inference.tile_size)
            return Traced(program, wanted.model_copy(update={"why": why}))
        except _TraceError as error:
            logger.info("That did not work out: %s", error)
            why, last = f"with open {', '.join(_open(wanted)) or 'nothing'}: {error}", error
    raise ExportError(
        f"The model {bundle.config.model.title()} cannot be exported: {last} Predict with the bundle itself, or train "
        "with another component in the place of this one."
    ) from last


class _TraceError(Exception):
    """A trace did not work out."""


def _wanted(model: Model, config: ExportConfig, inference: InferenceConfig) -> Iterator[ProgramSizes]:
    """Yield what is tried, with fewer and fewer open axes."""
    side = inference.tile_size
    if isinstance(model, RasterModel) and model.sizes.only is not None:
        side = min(side, model.sizes.only)
    if config.sizes == "auto":
        if _settled(model) is None:
            yield ProgramSizes(least=_least(model))
        yield ProgramSizes(height=side, width=side)
    yield ProgramSizes(batch=tiles_at_once(inference), height=side, width=side)


def _settled(model: Model) -> str | None:
    """Return why height and width cannot be open, where that is known beforehand."""
    if isinstance(model, RasterModel) and model.sizes.only is not None:
        return f"the network takes images of {model.sizes.only} pixels a side"
    windowed = any(type(part).__name__ in _WINDOWED for part in model.modules())
    return "a trace of attention in windows does not end with open sizes" if windowed else None


def _least(model: Model) -> int:
    """Return a side from which on a network sees two cells or more: one alone is a case of its own to a trace."""
    return 2 * max(model.sizes.multiple, model.sizes.least) if isinstance(model, RasterModel) else 64


def _open(sizes: ProgramSizes) -> list[str]:
    return [name for name in ("batch", "height", "width") if getattr(sizes, name) is None]


def _trace(module: ProgramModule, inputs: Sequence[ProgramInput], sizes: ProgramSizes) -> ExportedProgram:
    open_axes = _open(sizes)
    first = _lengths(sizes, 2, (2 * sizes.least, 3 * sizes.least))
    shapes = tuple(
        {axis: Dim.AUTO for axis, length in enumerate(entry.shape) if length in open_axes} for entry in inputs
    )
    path = _Path()
    try:
        with torch.no_grad(), path.watch(module.model):
            program = torch.export.export(module, example(inputs, first), dynamic_shapes=(shapes,), strict=False)
    except _REFUSALS as error:
        raise _TraceError(f"{path.where()}{_first_line(error)}") from error
    for node in program.graph.nodes:
        # It names files of this machine.
        node.meta.pop("stack_trace", None)
    _require_open(program, inputs, open_axes)
    return program


def _lengths(sizes: ProgramSizes, batch: int, size: tuple[int, int]) -> dict[str, int]:
    return {
        "batch": sizes.batch or batch,
        "height": sizes.height or size[0],
        "width": sizes.width or size[1],
    }


def example(inputs: Sequence[ProgramInput], lengths: dict[str, int], seed: int = 0) -> tuple[Tensor, ...]:
    """Return values for each input of a program, with these lengths of the open axes."""
    generator = torch.Generator().manual_seed(seed)
    given = []
    for entry in inputs:
        shape = [lengths[length] if isinstance(length, str) else length for length in entry.shape]
        if entry.holds == "validity":
            given.append(torch.rand(shape, generator=generator) > 0.1)
        elif entry.holds == "dates":
            given.append(torch.tensor([2021.0, 150.0]).expand(shape).contiguous())
        elif entry.holds == "location":
            given.append(torch.tensor([47.0, 8.0]).expand(shape).contiguous())
        else:
            given.append(torch.rand(shape, generator=generator) * 1000)
    return tuple(given)


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
                    raise _TraceError(f"the network settles {length} to {seen}.")
    if len(set.union(set(), *found.values())) < len(open_axes):
        raise _TraceError("the network takes square images alone.")


def _try_others(
    module: ProgramModule, program: ExportedProgram, inputs: Sequence[ProgramInput], sizes: ProgramSizes, tile: int
) -> None:
    """Run a program with other lengths than those that it was traced with: small ones, odd ones, those of tiles."""
    least, side = sizes.least, max(tile, sizes.least)
    others = [*product((1, 3), ((least, 2 * least + 1), (3 * least - 1, 2 * least))), (1, (side, side))]
    runnable = program.module()
    for seed, lengths in enumerate({tuple(_lengths(sizes, *other).items()): None for other in others}):
        given = example(inputs, dict(lengths), seed + 1)
        try:
            with torch.no_grad():
                found, expected = runnable(*given), module(*given)
        except _REFUSALS as error:
            raise _TraceError(f"it does not take {dict(lengths)}: {_first_line(error)}") from error
        scale = max(1.0, float(expected.abs().max()))
        if found.shape != expected.shape or not bool(((found - expected).abs() <= TOLERANCE * scale).all()):
            raise _TraceError(f"it gives other values than the network for {dict(lengths)}.")


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return f"{text.splitlines()[0].rstrip('.')}."


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
