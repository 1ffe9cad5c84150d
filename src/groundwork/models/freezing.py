"""Keep parts of a network as they are."""

from __future__ import annotations

from torch import nn


def freeze(module: nn.Module) -> None:
    """Stop gradients of all parameters, and keep batch-norm and dropout in evaluation mode for good.

    The mode is set again by :func:`keep_frozen_in_eval` after each ``train()`` of the model that holds ``module``.
    """
    module.requires_grad_(False)
    module.eval()


def is_frozen(module: nn.Module) -> bool:
    """Whether a module has parameters and none of them is trained."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def keep_frozen_in_eval(*modules: nn.Module) -> None:
    """Put the frozen parts of ``modules``, at any depth, back into evaluation mode."""
    for module in modules:
        if is_frozen(module):
            module.eval()
            continue
        for part in module.children():
            keep_frozen_in_eval(part)
