"""Which weights learn faster or slower than others, and which do not decay."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch.nn import Parameter

from groundwork.config.training import ParameterGroupsConfig
from groundwork.errors import SpecError
from groundwork.models.interface import ENCODER, Model
from groundwork.strict import did_you_mean

_DIGITS = re.compile(r"\d+")
#: A number in the name of a parameter, as lists of layers have it: what stands before, the number, and the rest.
_NUMBERED = re.compile(r"(?P<list>.+?)\.(?P<number>\d+)\.(?P<rest>.+)")
#: A list of layers holds at least this share of the weights of its encoder; others are parts of something else.
_LEAST_SHARE = 0.75
#: What weights of encoders of several sources begin with: the name of their source follows.
_BY_SOURCE = re.compile(r"encoder\.encoders\.[^.]+\.")


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Weights that are moved alike."""

    parameters: Sequence[Parameter]
    #: On the learning rate.
    rate: float = 1.0
    #: Whether they decay as is stated, or not at all.
    decays: bool = True


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of an encoder that follow one another."""

    #: Name of a weight -> the number of its layer, from 1; 0 before the first, one more than the last behind it.
    depth: Mapping[str, int]
    count: int


def group_parameters(model: Model, config: ParameterGroupsConfig) -> list[ParameterGroup]:
    """Return the weights that are trained, in groups; one of all, in their order, where nothing is stated.

    Raises:
        SpecError: For a part or pattern that fits no weight that is trained, and where an encoder has no layers.
    """
    parts = {part: _trained(weights) for part, weights in model.parts().items()}
    names = _trained(dict(model.named_parameters()))
    rates = dict.fromkeys(names, 1.0)
    if config.layer_decay is not None:
        for layers in layers_by_encoder(model, "training.parameter_groups.layer_decay"):
            # 1 behind the last layer, less from layer to layer before it.
            rates |= {name: config.layer_decay ** (layers.count + 1 - at) for name, at in layers.depth.items()}
    for pattern, factor in config.rates.items():
        for name in _fitting(pattern, parts, names):
            rates[name] *= factor
    groups: dict[tuple[float, bool], list[Parameter]] = {}
    for name, parameter in names.items():
        decays = config.decay_norms_and_biases or parameter.ndim > 1
        groups.setdefault((rates[name], decays), []).append(parameter)
    return [ParameterGroup(members, rate, decays) for (rate, decays), members in groups.items()]


def _trained(weights: Mapping[str, Parameter]) -> dict[str, Parameter]:
    return {name: parameter for name, parameter in weights.items() if parameter.requires_grad}


def _fitting(pattern: str, parts: Mapping[str, Mapping[str, Parameter]], names: Mapping[str, Parameter]) -> list[str]:
    """Return the weights of a part, or those whose names fit a pattern."""
    fitting = list(parts[pattern]) if pattern in parts else [name for name in names if fnmatchcase(name, pattern)]
    if not fitting:
        trained = [part for part, weights in parts.items() if weights]
        shown = ", ".join(list(names)[:3])
        raise SpecError(
            f"training.parameter_groups.rates: '{pattern}' fits no weight that is trained."
            f"{did_you_mean(pattern, trained)} Parts: {trained}; or a pattern over names such as {shown}"
        )
    return fitting


def _by_encoder(weights: Mapping[str, Parameter]) -> list[dict[str, Parameter]]:
    """Return the weights of each encoder, which each have layers of their own."""
    encoders: dict[str, dict[str, Parameter]] = {}
    for name, parameter in weights.items():
        found = _BY_SOURCE.match(name)
        encoders.setdefault(found[0] if found else "", {})[name] = parameter
    return list(encoders.values()) or [{}]


def layers_by_encoder(model: Model, option: str) -> list[Layers]:
    """Return the layers of each encoder of a model.

    Args:
        model: Whose trained weights are looked at.
        option: That asks for them, for messages.

    Raises:
        SpecError: Where an encoder has none.
    """
    encoder = _trained(model.parts().get(ENCODER, {}))
    return [_layers(weights, option) for weights in _by_encoder(encoder)]


def _layers(weights: Mapping[str, Parameter], option: str) -> Layers:
    lists: dict[str, dict[int, list[str]]] = {}
    for name in weights:
        found = _NUMBERED.fullmatch(name)
        if found is not None:
            lists.setdefault(found["list"], {}).setdefault(int(found["number"]), []).append(name)
    total = sum(parameter.numel() for parameter in weights.values())
    # Of stages such as layer1 to layer4 each is a list of its own, and the largest is not all that follows.
    kinds = Counter(_DIGITS.sub("", name) for name, layers in lists.items() if len(layers) > 1)
    chosen = [
        layers
        for name, layers in lists.items()
        if len(layers) > 1
        and kinds[_DIGITS.sub("", name)] == 1
        and sum(weights[name].numel() for names in layers.values() for name in names) >= _LEAST_SHARE * total
    ]
    if not chosen:
        raise SpecError(
            f"{option} is for encoders whose layers follow one another in one list, such "
            "as the blocks of a transformer, and are trained; this encoder has none that holds most of its weights, or "
            "stages with a list in each. Leave it out; rates may be given by pattern, in 'parameter_groups.rates'"
        )
    layers = chosen[0]
    depth = {name: position for position, number in enumerate(sorted(layers), start=1) for name in layers[number]}
    ordered = list(weights)
    first = min(ordered.index(name) for name in depth)
    behind = len(layers) + 1
    # What stands before the layers, as embeddings do, is one more below them; what stands behind learns as all else.
    return Layers(
        {name: depth.get(name, 0 if ordered.index(name) < first else behind) for name in ordered}, len(layers)
    )
