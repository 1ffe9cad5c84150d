"""Fine-tune few parameters inside an encoder whose own weights stay as they are, with the peft package."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, TypeVar

from torch import nn

from groundwork.config.model import AdapterConfig
from groundwork.errors import ComponentError
from groundwork.models.adaptable import choose_modules
from groundwork.models.encoders.base import Encoder
from groundwork.models.freezing import fresh_parameters
from groundwork.models.split_projections import join_projections, split_projections
from groundwork.specs import RasterSpec
from groundwork.strict import did_you_mean

#: Methods of peft that take modules, but need the loop of another training, weights shared between modules, or text.
_OF_NO_USE = {
    *("adalora", "adaption_prompt", "frod", "poly", "pvera", "shadow", "tinylora", "trainable_tokens", "unilora"),
    *("vblora", "vera"),
}
Network = TypeVar("Network", bound=nn.Module)


def add_adapters(encoder: Encoder, config: AdapterConfig, inputs: Mapping[str, RasterSpec]) -> None:
    """Put adapters into an encoder; from then on they are trained, what is fresh, and what the recipe names besides.

    A fused projection of query, key and value is one linear layer, and is adapted as one, unless it is split.

    Args:
        encoder: Is changed in place.
        config: Method, modules and options.
        inputs: What the encoder's rasters hold.

    Raises:
        ComponentError: For an unknown method or option, modules that the encoder does not have, or such whose adapters
            would have no effect.
    """
    from peft import inject_adapter_in_model  # noqa: PLC0415 - a heavy package that few recipes need

    split_projections(encoder, config.split)
    modules = choose_modules(encoder, inputs, config.modules)
    # Vectors, not modules, are what some methods take as a target; all that adapt modules know this option.
    peft_config = _peft_config(config, modules)
    trained = list(fresh_parameters(encoder).values())
    trained += [parameter for name in config.train_also for parameter in _part(encoder, name).parameters()]
    try:
        inject_adapter_in_model(peft_config, encoder)
    except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
        raise ComponentError(f"peft cannot adapt the encoder by '{config.method}': {error}") from None
    for parameter in trained:
        parameter.requires_grad_(True)


def merge_adapters(model: Network) -> Network:
    """Return a copy of a model, or of a part of one, whose adapters are part of its ordinary weights: what is exported.

    Raises:
        ComponentError: For a method whose change cannot be written into the weights.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer  # noqa: PLC0415

    merged = deepcopy(model)
    for name, module in list(merged.named_modules()):
        if not isinstance(module, BaseTunerLayer):
            continue
        try:
            module.merge(safe_merge=True)
        except (NotImplementedError, AttributeError) as error:
            raise ComponentError(f"The adapter of '{name}' cannot be merged: {error}") from None
        parent, _, child = name.rpartition(".")
        setattr(merged.get_submodule(parent), child, module.get_base_layer())
    join_projections(merged)
    return merged


def _peft_config(config: AdapterConfig, modules: list[str]) -> Any:  # noqa: ANN401 - peft's own classes
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING  # noqa: PLC0415

    known = {kind.value.lower(): made for kind, made in PEFT_TYPE_TO_CONFIG_MAPPING.items() if _takes_modules(made)}
    known = {name: made for name, made in known.items() if name not in _OF_NO_USE}
    if config.method not in known:
        hint = did_you_mean(config.method, list(known))
        raise ComponentError(
            f"adapters.method: peft adapts no modules by '{config.method}'.{hint} Known: {list(known)}"
        )
    made = known[config.method]
    options = [field.name for field in dataclasses.fields(made) if field.init]
    for name in config.options:
        if name not in options or name == "target_modules":
            raise ComponentError(
                f"adapters.options: '{config.method}' has no option '{name}'.{did_you_mean(name, options)} "
                f"Modules are named in adapters.modules. Options: {options}"
            )
    try:
        # As a pattern: peft takes the items of a list for the ends of names, and would find more.
        return made(**{"target_modules": "|".join(map(re.escape, modules)), **config.options})
    except (ValueError, TypeError) as error:
        raise ComponentError(f"adapters: '{config.method}' cannot be set up: {error}") from None


def _takes_modules(made: type) -> bool:
    return any(field.name == "target_modules" for field in dataclasses.fields(made))


def _part(encoder: nn.Module, name: str) -> nn.Module:
    names = [known for known, _ in encoder.named_modules() if known]
    if name not in names:
        raise ComponentError(f"adapters.train_also: the encoder has no module '{name}'.{did_you_mean(name, names)}")
    return encoder.get_submodule(name)
