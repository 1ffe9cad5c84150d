"""Sine and cosine codes that tell a transformer where and when each token is."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundwork.models.features.sizes import is_open

#: Longest wavelength of the codes, in radians per unit, as in https://arxiv.org/abs/1706.03762.
_BASE = 10000.0


def sincos_code(positions: Tensor, dim: int) -> Tensor:
    """Encode each position p as ``[sin(p * w_k) | cos(p * w_k)]`` with ``w_k = 10000 ** (-k / (dim / 2))``.

    Args:
        positions: Any shape; its floating type is the type of the arithmetic.
        dim: Length of a code; even.

    Returns:
        The shape of ``positions``, with ``dim`` appended.
    """
    half = dim // 2
    steps = torch.arange(half, dtype=positions.dtype, device=positions.device)
    # Single precision leaves an angle of a year uncertain by 1e-4: the order of the arithmetic is the one that the
    # published weights were trained with. And a plain product, as under autocast a matrix product would round 2021.
    angles = positions.unsqueeze(-1) * (1 / _BASE ** (steps / half))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def position_table(grid: tuple[int, int, int], dim: int) -> Tensor:
    """Return the codes of all tokens of a grid, after a row of zeros for the class token.

    Six sixteenths of a code say the column, six the row, four the time step. Tokens go by time step, then by row,
    then by column. Computed in float64, as the published weights were trained, and on the CPU, because some
    accelerators have no float64.

    Args:
        grid: Time steps, rows and columns.
        dim: Length of a code; a multiple of 16.

    Returns:
        (1, 1 + steps * rows * columns, dim), float32.
    """
    steps, rows, columns = (
        sincos_code(torch.arange(count, dtype=torch.float64, device="cpu"), dim // 16 * share)
        for count, share in zip(grid, (4, 6, 6), strict=True)
    )
    codes = torch.cat(
        [
            columns[None, None].expand(*grid, -1),
            rows[None, :, None].expand(*grid, -1),
            steps[:, None, None].expand(*grid, -1),
        ],
        dim=-1,
    )
    return functional.pad(codes.reshape(1, -1, dim), (0, 0, 1, 0)).to(torch.float32)


def fit_position_table(table: Tensor, trained: tuple[int, int, int], grid: tuple[int, int, int]) -> Tensor:
    """Return the codes for another grid: computed anew along time, interpolated bicubically along rows and columns.

    Args:
        table: The codes of the trained grid, (1, 1 + tokens, dim).
        trained: Time steps, rows and columns of the table.
        grid: Time steps, rows and columns that are needed.
    """
    if not any(is_open(count) for count in grid) and grid == trained:
        return table
    dim = table.shape[-1]
    if grid[0] != trained[0]:
        table = position_table((grid[0], *trained[1:]), dim).to(device=table.device, dtype=table.dtype)
    maps = table[:, 1:].reshape(grid[0], *trained[1:], dim).permute(0, 3, 1, 2)
    maps = functional.interpolate(maps, size=grid[1:], mode="bicubic", align_corners=True)
    return torch.cat([table[:, :1], maps.permute(0, 2, 3, 1).reshape(1, -1, dim)], dim=1)


class CoordinateCode(nn.Module):
    """Encodes pairs of numbers, such as year and day or latitude and longitude, half of the code each.

    Args:
        dim: Length of a code; a multiple of 4.
        learned_scale: Train the factor before the code, from 0.1 on; otherwise it is 1.
    """

    scale: Tensor

    def __init__(self, dim: int, learned_scale: bool) -> None:
        super().__init__()
        self.dim = dim
        if learned_scale:
            self.scale = nn.Parameter(torch.full((1,), 0.1))
        else:
            self.register_buffer("scale", torch.ones(1))

    def forward(self, coordinates: Tensor) -> Tensor:
        """Give codes (..., dim) for pairs (..., 2)."""
        first, second = coordinates.to(torch.float32).unbind(-1)
        half = self.dim // 2
        return self.scale * torch.cat([sincos_code(first, half), sincos_code(second, self.dim - half)], dim=-1)
