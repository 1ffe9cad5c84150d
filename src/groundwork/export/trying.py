"""Try a program with other lengths than those that it was traced with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from groundwork.errors import ExportError
from groundwork.export.description import ProgramInput, ProgramSizes
from groundwork.export.refusals import REFUSALS, NotTracedError, first_line

#: Where a program and the network that it was traced from may differ.
TOLERANCE = 1e-4


def require_same(
    module: nn.Module,
    run: Callable[..., Tensor],
    inputs: Sequence[ProgramInput],
    sizes: ProgramSizes,
    sides: tuple[int, int],
) -> int:
    """Return the least side of images of which a program gives what the network gives: of one pixel, or of two cells.

    Args:
        module: The network.
        run: Runs the program.
        inputs: What both are given.
        sizes: Which images the program shall take.
        sides: Of a cell and of a tile.

    Raises:
        NotTracedError: Where it gives something else, or nothing.
    """
    cell, tile = sides
    if sizes.height is not None and sizes.width is not None:
        _compare(module, run, inputs, [lengths_of(sizes, batch, (tile, tile)) for batch in (1, 3)])
        return 1
    _compare(module, run, inputs, list(_lengths(sizes, cell, tile, 2 * cell)))
    try:
        _compare(module, run, inputs, list(_lengths(sizes, cell, tile, 1)))
    except NotTracedError:
        return 2 * cell
    return 1


def _lengths(sizes: ProgramSizes, cell: int, tile: int, least: int) -> Iterator[dict[str, int]]:
    """Yield small sizes, odd ones, and those of tiles."""
    odd = 2 * cell + 1
    if least == 1:
        others = [(3, (1, 1)), (1, (1, odd)), (1, (3 * cell - 1, cell)), (3, (cell, cell)), (1, (cell + 1, 1))]
    else:
        side = max(tile, least)
        others = [(1, (least, least)), (3, (least, odd)), (3, (3 * cell - 1, least)), (1, (side, side))]
    yield from (lengths_of(sizes, batch, size) for batch, size in others)


def _compare(
    module: nn.Module, run: Callable[..., Tensor], inputs: Sequence[ProgramInput], tried: Sequence[dict[str, int]]
) -> None:
    for seed, lengths in enumerate(tried):
        given = example(inputs, lengths, seed + 1)
        try:
            with torch.no_grad():
                found, expected = run(*given), module(*given)
        except (*REFUSALS, ExportError) as error:
            raise NotTracedError(f"it does not take {lengths}: {first_line(error)}") from error
        scale = max(1.0, float(expected.abs().max()))
        if found.shape != expected.shape or not bool(((found - expected).abs() <= TOLERANCE * scale).all()):
            raise NotTracedError(f"it gives other values than the network for {lengths}.")


def lengths_of(sizes: ProgramSizes, batch: int, size: tuple[int, int]) -> dict[str, int]:
    """Return the length of each axis: the settled one, or that which is given."""
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
