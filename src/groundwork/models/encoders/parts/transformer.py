"""The block that vision transformers are made of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Multi-head self-attention (https://arxiv.org/abs/1706.03762) with one joint projection for q, k and v."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix tokens (batch, tokens, embed_dim); the shape stays."""
        batch, num_tokens, embed_dim = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, num_tokens, 3, self.num_heads, embed_dim // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, num_tokens, embed_dim))
        return projected


class Mlp(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, embed_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, embed_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Change each token by itself; the shape (batch, tokens, embed_dim) stays."""
        changed: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return changed


class TransformerBlock(nn.Module):
    """Attention and MLP, each after a layer norm and beside a shortcut (https://arxiv.org/abs/2010.11929).

    Args:
        embed_dim: Length of a token.
        num_heads: Must divide ``embed_dim``.
        mlp_ratio: Hidden size of the MLP as a multiple of ``embed_dim``.
        drop_path: Chance, 0 to 1, that a sample takes only the shortcut while training.
    """

    def __init__(self, embed_dim: int, num_heads: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(embed_dim)
        self.attn = Attention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim)
        self.mlp = Mlp(embed_dim, int(embed_dim * mlp_ratio))

    def forward(self, tokens: Tensor) -> Tensor:
        """Change tokens (batch, tokens, embed_dim); the shape stays."""
        tokens = tokens + self._drop_path(self.attn(self.norm1(tokens)))
        return tokens + self._drop_path(self.mlp(self.norm2(tokens)))

    def _drop_path(self, change: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return change
        kept = change.new_empty(change.shape[0], 1, 1).bernoulli_(1 - self.drop_path)
        # What is kept grows, so that the expected change is the same as in evaluation.
        return change * kept / (1 - self.drop_path)


def initialise_linear(module: nn.Module) -> None:
    """Set one module's fresh weights as Prithvi does: linear layers Xavier-uniform and 0, layer norms 1 and 0."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.LayerNorm):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
