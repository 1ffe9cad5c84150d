"""The parts of Galileo: its transformer, and the codes of places, steps, months and days."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundwork.models.encoders.parts.transformer import Mlp

_BASE = 10000.0


class GroupEmbedding(nn.Module):
    """Turns each patch of a group of bands into a token.

    Args:
        num_channels: Bands of the group that there are.
        embed_dim: Length of a token.
        patch_size: Side of a patch, in pixels.
    """

    def __init__(self, num_channels: int, embed_dim: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(num_channels, embed_dim, patch_size, patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """Give (batch, rows * columns, embed_dim) for (batch, channels, height, width)."""
        tokens: Tensor = self.proj(image)
        return tokens.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention (https://arxiv.org/abs/1706.03762) with a layer each for query, key and value."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(embed_dim, embed_dim)
        self.k = nn.Linear(embed_dim, embed_dim)
        self.v = nn.Linear(embed_dim, embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix tokens (batch, tokens, embed_dim); the shape stays."""
        heads = [
            layer(tokens).reshape(*tokens.shape[:2], self.num_heads, -1).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        ]
        mixed: Tensor = self.proj(functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))
        return mixed


class Block(nn.Module):
    """Attention and MLP, each after a layer norm and beside a shortcut."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim)
        self.attn = Attention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim)
        self.mlp = Mlp(embed_dim, 4 * embed_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Change tokens (batch, tokens, embed_dim); the shape stays."""
        tokens = tokens + self.attn(self.norm1(tokens))
        changed: Tensor = tokens + self.mlp(self.norm2(tokens))
        return changed


def order_codes(positions: Tensor, dim: int) -> Tensor:
    """Return the codes (positions, dim) of positions: half sines, half cosines.

    The frequencies end at 1 / 10, not near 1 / 10000 as is usual: so were the published weights trained.
    """
    steps = torch.arange(dim // 2, dtype=torch.float32, device=positions.device)
    angles = positions.unsqueeze(-1) * (1 / _BASE ** (steps / dim / 2))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def place_codes(grid: tuple[int, int], dim: int, cell_size: float, device: torch.device) -> Tensor:
    """Return the codes (rows * columns, dim) of a grid's cells: half of each says the column, half the row.

    Args:
        grid: Rows and columns.
        dim: Length of a code; a multiple of 4.
        cell_size: Side of a cell, in pixels of pre-training.
        device: Where the result lies.
    """
    rows, columns = (
        order_codes(torch.arange(size, dtype=torch.float32, device=device) * cell_size, dim // 2) for size in grid
    )
    by_column = columns.unsqueeze(0).expand(grid[0], -1, -1)
    by_row = rows.unsqueeze(1).expand(-1, grid[1], -1)
    return torch.cat([by_column, by_row], dim=-1).reshape(grid[0] * grid[1], dim)


def month_table(dim: int) -> Tensor:
    """Return the codes (12, dim) of the months on a circle: its sine, again and again, then its cosine."""
    angles = torch.arange(12, dtype=torch.float32, device="cpu").unsqueeze(1) / (12 / (2 * pi))
    return torch.cat([angles.sin().expand(-1, dim // 2), angles.cos().expand(-1, dim // 2)], dim=1)


def direction(location: Tensor) -> Tensor:
    """Return where places (batch, 2), latitude and longitude in degrees, lie on the unit sphere, (batch, 3)."""
    latitude, longitude = torch.deg2rad(location.float()).unbind(-1)
    return torch.stack([latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()], dim=-1)
