"""What a ViT-Adapter puts beside a plain vision transformer (https://arxiv.org/abs/2205.08534)."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Rows and columns of a level.
Shape = tuple[int, int]


class DeformableAttention(nn.Module):
    """Attention that looks at a few learned places of each level (https://arxiv.org/abs/2010.04159).

    Args:
        dim: Length of a token.
        num_heads: Must divide ``value_dim``.
        num_levels: Levels of the values.
        num_points: Places that each head looks at, per level.
        value_dim: Length of the values.
    """

    def __init__(self, dim: int, num_heads: int, num_levels: int, num_points: int, value_dim: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.num_levels = num_levels
        self.num_points = num_points
        self.sampling_offsets = nn.Linear(dim, num_heads * num_levels * num_points * 2)
        self.attention_weights = nn.Linear(dim, num_heads * num_levels * num_points)
        self.value_proj = nn.Linear(dim, value_dim)
        self.output_proj = nn.Linear(value_dim, dim)

    def forward(self, queries: Tensor, centers: Tensor, tokens: Tensor, shapes: list[Shape]) -> Tensor:
        """Give what each query finds, (batch, queries, dim).

        Args:
            queries: (batch, queries, dim).
            centers: Where each query stands: column and row from 0 to 1, (queries, 2).
            tokens: What is looked at, level by level and row by row, (batch, tokens, dim).
            shapes: Of the levels.
        """
        batch, num_queries, _ = queries.shape
        places = (batch, num_queries, self.num_heads, self.num_levels, self.num_points)
        offsets = self.sampling_offsets(queries).reshape(*places, 2)
        shares = self.attention_weights(queries).reshape(*places[:3], -1).softmax(dim=-1).reshape(places)
        values = self.value_proj(tokens).reshape(batch, tokens.shape[1], self.num_heads, -1)
        found = []
        by_level = torch.split(values, [rows * columns for rows, columns in shapes], dim=1)
        for level, ((rows, columns), value) in enumerate(zip(shapes, by_level, strict=True)):
            # Offsets count cells of the level; grid_sample wants -1 to 1.
            step = torch.stack([offsets[..., level, :, 0] / columns, offsets[..., level, :, 1] / rows], dim=-1)
            spots = (2 * (centers[:, None, None] + step) - 1).transpose(1, 2).flatten(0, 1)
            maps = value.permute(0, 2, 3, 1).reshape(batch * self.num_heads, -1, rows, columns).to(spots.dtype)
            sampled = functional.grid_sample(maps, spots, mode="bilinear", padding_mode="zeros", align_corners=False)
            share = shares[..., level, :].transpose(1, 2).flatten(0, 1).unsqueeze(1)
            found.append((sampled * share).sum(dim=-1))
        mixed = torch.stack(found).sum(dim=0).reshape(batch, -1, num_queries).transpose(1, 2)
        given: Tensor = self.output_proj(mixed.to(values.dtype))
        return given

    def initialise(self) -> None:
        """Let each head look in a direction of its own, the farther the later the point, with even shares."""
        device = self.sampling_offsets.bias.device
        angles = torch.arange(self.num_heads, dtype=torch.float32, device=device) * (2 * pi / self.num_heads)
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        directions = directions / directions.abs().amax(dim=-1, keepdim=True)
        distances = torch.arange(1, self.num_points + 1, dtype=torch.float32, device=device)
        spots = (directions[:, None, None] * distances[:, None]).expand(-1, self.num_levels, -1, -1)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(spots.reshape(-1))
        for zeroed in (self.sampling_offsets.weight, self.attention_weights.weight, self.attention_weights.bias):
            nn.init.zeros_(zeroed)
        for layer in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


class Injector(nn.Module):
    """Tells the tokens of the transformer what the convolutions see; says nothing before it is trained."""

    def __init__(self, dim: int, attention: DeformableAttention) -> None:
        super().__init__()
        self.query_norm = nn.LayerNorm(dim)
        self.feat_norm = nn.LayerNorm(dim)
        self.attn = attention
        self.gamma = nn.Parameter(torch.zeros(dim))

    def forward(self, queries: Tensor, centers: Tensor, tokens: Tensor, shapes: list[Shape]) -> Tensor:
        """Give the changed queries. See :class:`DeformableAttention`."""
        found: Tensor = self.attn(self.query_norm(queries), centers, self.feat_norm(tokens), shapes)
        return queries + self.gamma * found


class Extractor(nn.Module):
    """Tells the levels of the convolutions what the transformer sees."""

    def __init__(self, dim: int, attention: DeformableAttention) -> None:
        super().__init__()
        self.query_norm = nn.LayerNorm(dim)
        self.feat_norm = nn.LayerNorm(dim)
        self.attn = attention

    def forward(self, queries: Tensor, centers: Tensor, tokens: Tensor, shapes: list[Shape]) -> Tensor:
        """Give the changed queries. See :class:`DeformableAttention`."""
        found: Tensor = self.attn(self.query_norm(queries), centers, self.feat_norm(tokens), shapes)
        return queries + found


class SpatialPrior(nn.Module):
    """Convolutions that see what is finer than a patch.

    Args:
        num_channels: Channels of the image.
        width: Channels of the finest level within.
        dim: Channels of the levels that are given.
    """

    def __init__(self, num_channels: int, width: int, dim: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *_convolve(num_channels, width, stride=2),
            *_convolve(width, width, stride=1),
            *_convolve(width, width, stride=1),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        self.conv2 = nn.Sequential(*_convolve(width, 2 * width, stride=2))
        self.conv3 = nn.Sequential(*_convolve(2 * width, 4 * width, stride=2))
        self.conv4 = nn.Sequential(*_convolve(4 * width, 4 * width, stride=2))
        self.fc1 = nn.Conv2d(width, dim, kernel_size=1)
        self.fc2 = nn.Conv2d(2 * width, dim, kernel_size=1)
        self.fc3 = nn.Conv2d(4 * width, dim, kernel_size=1)
        self.fc4 = nn.Conv2d(4 * width, dim, kernel_size=1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Give maps (batch, dim, height / stride, width / stride) of strides 4, 8, 16 and 32."""
        finest = self.stem(image)
        second = self.conv2(finest)
        third = self.conv3(second)
        return [self.fc1(finest), self.fc2(second), self.fc3(third), self.fc4(self.conv4(third))]


def cell_centers(shapes: list[Shape], like: Tensor) -> Tensor:
    """Return the centre of each cell of some levels, column and row from 0 to 1: (cells, 2), row by row.

    Args:
        shapes: Of the levels.
        like: A tensor on the device that is wanted.
    """
    levels = []
    for rows, columns in shapes:
        row = (torch.arange(rows, dtype=torch.float32, device=like.device) + 0.5) / rows
        column = (torch.arange(columns, dtype=torch.float32, device=like.device) + 0.5) / columns
        levels.append(
            torch.stack([column.expand(rows, -1), row.unsqueeze(1).expand(-1, columns)], dim=-1).flatten(0, 1)
        )
    return torch.cat(levels)


def initialise_adapter(module: nn.Module) -> None:
    """Set one module's fresh weights: linear layers normal with 0.02, convolutions by the values that they give."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        num_outputs = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, std=(2 / num_outputs) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _convolve(num_inputs: int, num_outputs: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(num_inputs, num_outputs, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(num_outputs),
        nn.ReLU(inplace=True),
    ]
