"""What vision transformers have in common: which blocks pass their tokens on, and how these become maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.specs import FeatureLevel, FeatureSpec


def block_indices(indices: tuple[int, ...] | None, depth: int) -> tuple[int, ...]:
    """Return the blocks that pass their tokens on, counted from 0. None: all.

    Raises:
        ComponentError: For blocks that do not exist, or not from first to last, each once.
    """
    if indices is None:
        return tuple(range(depth))
    counted = tuple(index + depth if index < 0 else index for index in indices)
    if not counted or list(counted) != sorted(set(counted)) or counted[0] < 0 or counted[-1] >= depth:
        raise ComponentError(
            f"'out_indices' must name blocks from first to last, each once, from 0 to {depth - 1} "
            f"(-1 is the last); got {list(indices)}"
        )
    return counted


def grid_levels(indices: Sequence[int], channels: int, patch_size: int) -> FeatureSpec:
    """Return one level per block that passes its tokens on."""
    return FeatureSpec((FeatureLevel(channels, patch_size),) * len(indices))


def add_class_token(tokens: Tensor, class_token: Tensor, positions: Tensor) -> Tensor:
    """Return (batch, 1 + cells, channels) with positions added.

    Args:
        tokens: (batch, cells, channels).
        class_token: (1, 1, channels).
        positions: Codes of the class token and of the cells, (1 or batch, 1 + cells, channels).
    """
    first = class_token.expand(tokens.shape[0], -1, -1)
    return torch.cat([first, tokens], dim=1) + positions.to(tokens.dtype)


def run_blocks(
    tokens: Tensor, blocks: nn.ModuleList, indices: Sequence[int], grid: tuple[int, int], norm: nn.Module | None = None
) -> list[Tensor]:
    """Send tokens through blocks and lay out those that are passed on.

    Args:
        tokens: (batch, prefix + rows * columns, channels); whatever stands before the cells is left out of the maps.
        blocks: Each takes and gives tokens.
        indices: Blocks that pass their tokens on, from first to last.
        grid: Rows and columns.
        norm: Applied to what the last index gives. None: nothing is.

    Returns:
        One map (batch, channels, rows, columns) per index.
    """
    maps = []
    for index, block in enumerate(blocks):
        tokens = block(tokens)
        if index in indices:
            last = norm if index == indices[-1] else None
            maps.append(to_map(tokens if last is None else last(tokens), grid))
    return maps


def to_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Lay the last rows * columns tokens out as (batch, channels, rows, columns)."""
    rows, columns = grid
    cells = tokens[:, -rows * columns :].transpose(1, 2)
    return cells.reshape(cells.shape[0], cells.shape[1], rows, columns)


def to_stacked_map(tokens: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Lay the last tokens, time step by time step, out as a map (batch, steps * channels, rows, columns).

    Args:
        tokens: (batch, prefix + steps * rows * columns, channels).
        grid: Time steps, rows and columns.
    """
    steps, rows, columns = grid
    laid_out = tokens[:, -steps * rows * columns :].reshape(-1, steps, rows, columns, tokens.shape[-1])
    return laid_out.permute(0, 1, 4, 2, 3).reshape(-1, steps * tokens.shape[-1], rows, columns)


def keep_blocks(blocks: nn.ModuleList, indices: Sequence[int]) -> nn.ModuleList:
    """Return the blocks up to the last that passes its tokens on; what stands behind it would compute for nobody."""
    kept = list(blocks)[: indices[-1] + 1]
    return nn.ModuleList(kept)


def dropped_blocks(indices: Sequence[int], depth: int, name: str = "blocks") -> tuple[str, ...]:
    """Return how the names of the weights begin that :func:`keep_blocks` left out."""
    return tuple(f"{name}.{index}." for index in range(indices[-1] + 1, depth))


def as_buffer(module: nn.Module, name: str) -> None:
    """Turn a parameter that is never trained into a buffer of the same name, so that weights keep their layout."""
    value = module.get_parameter(name).detach()
    delattr(module, name)
    module.register_buffer(name, value)
