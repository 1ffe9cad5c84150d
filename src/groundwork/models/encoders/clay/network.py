"""The parts of Clay: a first layer made from wavelengths, codes of place and date, and a transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Length of the code of a wavelength, and number of learned tokens that the first layer is made with.
_WAVE_DIM, _NUM_TOKENS = 128, 128
#: Longest wavelength of the codes, in radians per unit, as in https://arxiv.org/abs/1706.03762.
_BASE = 10000.0
#: What the weights of the first layer are shrunk by.
_SHRINK = 0.02


class Residual(nn.Module):
    """Two linear layers with GELU behind each, beside a shortcut."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.l1 = nn.Linear(dim, dim)
        self.l2 = nn.Linear(dim, dim)

    def forward(self, values: Tensor) -> Tensor:
        """Change values (..., dim); the shape stays."""
        changed: Tensor = functional.gelu(self.l2(functional.gelu(self.l1(values))))
        return values + changed


class WeightGenerator(nn.Module):
    """Makes the weights of a convolution from the codes of the bands that it will see.

    Args:
        num_weights: Per band.
        embed_dim: Outputs of the convolution.
    """

    def __init__(self, num_weights: int, embed_dim: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(_WAVE_DIM, nhead=4, activation="gelu", dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)
        self.fc_weight = nn.Linear(_WAVE_DIM, num_weights)
        self.fc_bias = nn.Linear(_WAVE_DIM, embed_dim)
        self.weight_tokens = nn.Parameter(torch.zeros(_NUM_TOKENS, _WAVE_DIM))
        self.bias_token = nn.Parameter(torch.zeros(1, _WAVE_DIM))
        nn.init.normal_(self.weight_tokens, std=0.02)
        nn.init.normal_(self.bias_token, std=0.02)

    def forward(self, bands: Tensor) -> tuple[Tensor, Tensor]:
        """Give weights (bands, num_weights) and what is added (embed_dim) for codes of bands (bands, 128)."""
        tokens = torch.cat([self.weight_tokens, bands, self.bias_token])
        mixed = self.encoder(tokens.unsqueeze(0))[0]
        return self.fc_weight(mixed[_NUM_TOKENS:-1] + bands), self.fc_bias(mixed[-1])


class DynamicEmbedding(nn.Module):
    """Turns each patch of an image into a token by a convolution that is made for the image's bands.

    The way of DOFA (https://arxiv.org/abs/2403.15356).

    Args:
        patch_size: Side of a patch, in pixels.
        embed_dim: Length of a token.
    """

    def __init__(self, patch_size: int, embed_dim: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.embed_dim = embed_dim
        self.weight_generator = WeightGenerator(patch_size**2 * embed_dim, embed_dim)
        self.fclayer = Residual(_WAVE_DIM)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, image: Tensor, wavelengths: Tensor) -> Tensor:
        """Give tokens (batch, rows * columns, embed_dim).

        Args:
            image: (batch, bands, height, width).
            wavelengths: Of each band, in micrometres.
        """
        weights, bias = self.weight_generator(self.fclayer(wavelength_codes(wavelengths)))
        side = self.patch_size
        kernel = weights.reshape(-1, self.embed_dim, side, side).transpose(0, 1)
        return functional.conv2d(image, kernel * _SHRINK, bias=bias, stride=side).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention (https://arxiv.org/abs/1706.03762) after a layer norm; no layer adds a constant."""

    def __init__(self, embed_dim: int, num_heads: int, head_dim: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(embed_dim)
        self.to_qkv = nn.Linear(embed_dim, 3 * num_heads * head_dim, bias=False)
        self.to_out = nn.Linear(num_heads * head_dim, embed_dim, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix tokens (batch, tokens, embed_dim); the shape stays."""
        batch, num_tokens, _ = tokens.shape
        qkv = self.to_qkv(self.norm(tokens)).reshape(batch, num_tokens, 3, self.num_heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.to_out(mixed.transpose(1, 2).flatten(2))
        return projected


class FeedForward(nn.Module):
    """Two linear layers with GELU between them, after a layer norm."""

    def __init__(self, embed_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(embed_dim), nn.Linear(embed_dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, embed_dim)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Change each token (batch, tokens, embed_dim) by itself; the shape stays."""
        changed: Tensor = self.net(tokens)
        return changed


class Layer(nn.ModuleList):
    """One layer of the transformer: attention and feed-forward network, each beside a shortcut."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Change tokens (batch, tokens, embed_dim); the shape stays."""
        for part in self:
            tokens = part(tokens) + tokens
        return tokens


class Transformer(nn.Module):
    """Layers, and a norm behind the last.

    Args:
        layers: Each takes and gives tokens.
        embed_dim: Length of a token, for the norm. None: no norm.
    """

    def __init__(self, layers: list[Layer], embed_dim: int | None) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim) if embed_dim is not None else None
        self.layers = nn.ModuleList(layers)

    def forward(self, tokens: Tensor) -> list[Tensor]:
        """Give the tokens (batch, tokens, embed_dim) behind each layer, those of the last normalised."""
        states = []
        for layer in self.layers:
            tokens = layer(tokens)
            states.append(tokens)
        return states if self.norm is None else [*states[:-1], self.norm(states[-1])]


def wavelength_codes(wavelengths: Tensor) -> Tensor:
    """Return the codes (bands, 128) of wavelengths in micrometres."""
    half = _WAVE_DIM // 2
    steps = torch.arange(half, dtype=torch.float32, device=wavelengths.device) / (half - 1)
    angles = wavelengths.unsqueeze(-1) * (1 / _BASE**steps)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def place_codes(grid: tuple[int, int], dim: int, pixel_size_m: float, device: torch.device) -> Tensor:
    """Return the codes (rows * columns, dim) of a grid's cells: half of each says the column, half the row.

    Cells of large pixels lie farther apart. The frequencies differ little from one another: so were the published
    weights trained.
    """
    steps = torch.arange(dim // 4, dtype=torch.float32, device=device) / (dim // 4 - 1)
    frequencies = 1 / _BASE ** (2 * steps / dim) * pixel_size_m
    rows, columns = (torch.arange(size, dtype=torch.float32, device=device).unsqueeze(1) * frequencies for size in grid)
    by_row = torch.cat([rows.sin(), rows.cos()], dim=1).unsqueeze(1).expand(-1, grid[1], -1)
    by_column = torch.cat([columns.sin(), columns.cos()], dim=1).unsqueeze(0).expand(grid[0], -1, -1)
    return torch.cat([by_column, by_row], dim=-1).reshape(grid[0] * grid[1], dim)
