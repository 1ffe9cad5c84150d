"""Joint projections of queries, keys and values as three layers, so that each can be adapted by itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.strict import did_you_mean

PARTS = ("query", "key", "value")


class SplitProjection(nn.Module):
    """Gives what a joint projection does: queries, keys and values behind one another.

    Args:
        joint: Its outputs are three times as many as its inputs; query, key and value take over its weights.
    """

    def __init__(self, joint: nn.Linear) -> None:
        super().__init__()
        width = joint.in_features
        parts = []
        for index in range(len(PARTS)):
            part = nn.Linear(width, width, bias=joint.bias is not None, device=joint.weight.device)
            rows = slice(index * width, (index + 1) * width)
            part.weight = nn.Parameter(joint.weight.detach()[rows].clone())
            if joint.bias is not None:
                part.bias = nn.Parameter(joint.bias.detach()[rows].clone())
            parts.append(part)
        self.query, self.key, self.value = parts

    def forward(self, tokens: Tensor) -> Tensor:
        """Give (batch, tokens, 3 * dim) for (batch, tokens, dim)."""
        return torch.cat([self.query(tokens), self.key(tokens), self.value(tokens)], dim=-1)

    def joined(self) -> nn.Linear:
        """Return the joint projection again."""
        parts = [self.query, self.key, self.value]
        biases = [part.bias for part in parts if part.bias is not None]
        width = self.query.in_features
        joint = nn.Linear(width, 3 * width, bias=bool(biases), device=self.query.weight.device)
        joint.weight = nn.Parameter(torch.cat([part.weight.detach() for part in parts]))
        if biases:
            joint.bias = nn.Parameter(torch.cat([bias.detach() for bias in biases]))
        return joint


def split_projections(network: nn.Module, wanted: Sequence[str]) -> None:
    """Take joint projections apart, in place.

    Args:
        network: With all of them inside.
        wanted: Ends of their names.

    Raises:
        ComponentError: For names that the network does not have, or that are no joint projections.
    """
    modules = dict(network.named_modules())
    for end in wanted:
        found = [name for name in modules if name == end or name.endswith(f".{end}")]
        if not found:
            ends = sorted(
                {name.rpartition(".")[2] for name, module in modules.items() if isinstance(module, nn.Linear)}
            )
            raise ComponentError(f"adapters.split: the encoder has no module '{end}'.{did_you_mean(end, ends)} {ends}")
        for name in found:
            joint = modules[name]
            if not isinstance(joint, nn.Linear) or joint.out_features != 3 * joint.in_features:
                raise ComponentError(
                    f"adapters.split: '{name}' is no joint projection of queries, keys and values: a linear layer with "
                    "three times as many outputs as inputs"
                )
            _put(network, name, SplitProjection(joint))


def join_projections(network: nn.Module) -> None:
    """Undo :func:`split_projections`, in place."""
    for name, module in list(network.named_modules()):
        if isinstance(module, SplitProjection):
            _put(network, name, module.joined())


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)
