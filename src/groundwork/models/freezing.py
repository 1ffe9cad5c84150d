"""Keep parts of a network as they are, and know the weights that nobody has trained yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import nn

#: Where a module keeps the names of its own fresh weights, each with whether that follows from the architecture alone.
#: On the module, as it survives copies and the names that adapters give, which parameters and names do not.
_MARK = "fresh_weights"


def mark_fresh(network: nn.Module, names: Iterable[str], *, by_design: bool) -> None:
    """Remember that weights have no value of pre-training: they are trained also where all others stay as they are.

    Args:
        network: What the weights belong to.
        names: Of its parameters; each may have values of pre-training for some of the bands.
        by_design: Whether that is so for every file of weights, as for prompts, or was found in one.
    """
    for name in names:
        place, _, own = name.rpartition(".")
        module = network.get_submodule(place)
        known: dict[str, bool] = getattr(module, _MARK, {})
        # What a file lacks may be known of every file.
        setattr(module, _MARK, {**known, own: by_design or known.get(own, False)})


def fresh_parameters(network: nn.Module, *, by_design: bool | None = None) -> dict[str, nn.Parameter]:
    """Return the parameters that have no value of pre-training and are trained.

    Args:
        network: What they are looked for in.
        by_design: Only those of which :func:`mark_fresh` was told this. None: all.
    """
    marked = {
        f"{place}.{own}" if place else own: known
        for place, module in network.named_modules()
        for own, known in getattr(module, _MARK, {}).items()
    }
    return {
        name: parameter
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and name in marked and by_design in {None, marked[name]}
    }


def freeze(module: nn.Module) -> None:
    """Stop gradients of all parameters but the fresh ones, and keep frozen batch-norm and dropout in evaluation mode.

    The mode is set again by :func:`keep_frozen_in_eval` after each ``train()`` of the model that holds ``module``.
    """
    fresh = list(fresh_parameters(module).values())
    module.requires_grad_(False)
    for parameter in fresh:
        parameter.requires_grad_(True)
    keep_frozen_in_eval(module)
    if not fresh:
        # Also parts without any parameter, such as dropout.
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


def sum_up(network: nn.Module, names: Iterable[str]) -> Iterator[str]:
    """Yield names of parameters, those of a module whose parameters are all among them as the name of the module."""
    yield from _sum_up(network, frozenset(names), "")


def _sum_up(module: nn.Module, names: frozenset[str], place: str) -> Iterator[str]:
    prefix = f"{place}." if place else ""
    own = [prefix + name for name, _ in module.named_parameters()]
    if place and own and names.issuperset(own):
        yield place
        return
    yield from (prefix + name for name, _ in module.named_parameters(recurse=False) if prefix + name in names)
    for name, part in module.named_children():
        yield from _sum_up(part, names, prefix + name)
