"""Give weights of TerraTorch the names that they have here, by the tables of names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groundwork.compatibility.terratorch.weight_names import (
    DECODERS,
    DETECTOR,
    ENCODERS,
    HEADS,
    LEFT_OUT,
    NECKS,
    OF_DETECTORS,
    WHOLE,
    WRAPPINGS,
    Rule,
)
from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.errors import TranslationError
from groundwork.models.encoders.prithvi.adapter_weights import adapter_name
from groundwork.models.encoders.prithvi.swin_weights import convert_swin

#: What batch norms add to a variance.
EPS = 1e-5


@dataclass(slots=True)
class Renamed:
    """Weights by our names, and what became of the others."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    #: Name there -> why it is left out.
    left_out: dict[str, str] = field(default_factory=dict)
    #: Names that no table knows.
    unknown: list[str] = field(default_factory=list)
    #: Mean of a batch norm here -> what is subtracted from it.
    less: dict[str, Tensor] = field(default_factory=dict)


def rename(weights: Mapping[str, Tensor], model: ModelConfig) -> Renamed:
    """Return the weights by the names of a model.

    Args:
        weights: By the names there, behind ``model.``.
        model: With its necks written out.

    Raises:
        TranslationError: For an encoder, a decoder or a head whose names are not known.
    """
    found = Renamed()
    if model.factory.name in WHOLE:
        _apply(weights, (*LEFT_OUT, *WHOLE[model.factory.name]), model, found)
        return found
    is_detector = model.factory.name == "object_detection"
    if is_detector:
        weights = {_in_order(name): part for name, part in weights.items()}
    encoder = {name.removeprefix("encoder."): part for name, part in weights.items() if name.startswith("encoder.")}
    rest = {name: part for name, part in weights.items() if not name.startswith("encoder.")}
    necks = [rule for name in _necks_of(model) for rule in NECKS.get(name, ())]
    decoder = DETECTOR if is_detector else _rules(DECODERS, _decoder_of(model), "decoder")
    head = _rules(HEADS, model.head, "head") if model.head is not None else ()
    _apply(rest, (*LEFT_OUT, *dict.fromkeys(necks), *decoder, *head), model, found)
    _rename_encoder(encoder, model, found)
    _fold(found)
    return found


#: Encoders that ask another one: about each date by itself, or about all sources as one image.
WRAPPERS = ("per_date", "stack_sources")


def require_known(model: ModelConfig) -> None:
    """Refuse an encoder or a decoder whose names are not known.

    Raises:
        TranslationError: With its name, and those that are known.
    """
    if model.factory.name in WHOLE or model.encoder is None:
        return
    _rules(ENCODERS, bare_encoder(model.encoder)[0], "encoder")
    _rules(DECODERS, _decoder_of(model), "decoder")


def _decoder_of(model: ModelConfig) -> ComponentConfig:
    return model.decoder or ComponentConfig(name="identity")


def _in_order(name: str) -> str:
    """Return the name of a detector's weight as it would be in any other network."""
    beginning = next((start for start in OF_DETECTORS if name.startswith(start)), "")
    return OF_DETECTORS[beginning] + name.removeprefix(beginning) if beginning else name


def bare_encoder(encoder: ComponentConfig) -> tuple[ComponentConfig, str]:
    """Return an encoder, or that which it asks itself, and how names of its weights begin here."""
    beginning = "encoder."
    while encoder.name in WRAPPERS:
        encoder, beginning = ComponentConfig.model_validate(encoder.options["encoder"]), f"{beginning}encoder."
    return encoder, beginning


def _rules(table: Mapping[str, tuple[Rule, ...]], part: ComponentConfig, what: str) -> tuple[Rule, ...]:
    if part.name not in table:
        raise TranslationError(
            f"The names of weights of the {what} '{part.name}' are not known here; known: {sorted(table)}"
        )
    return table[part.name]


def _necks_of(model: ModelConfig) -> list[str]:
    return [neck.name for neck in model.necks] if isinstance(model.necks, tuple) else []


def _apply(weights: Mapping[str, Tensor], rules: Sequence[Rule], model: ModelConfig, found: Renamed) -> None:
    for name, value in weights.items():
        matched = next(((rule, hit) for rule in rules if (hit := re.fullmatch(rule.theirs, name))), None)
        if matched is None:
            found.unknown.append(name)
            continue
        rule, hit = matched
        if rule.how == "skip":
            found.left_out[name] = rule.why
            continue
        _put(found, _numbered(hit, rule, weights, model), value, rule.how)


def _put(found: Renamed, name: str, value: Tensor, how: str) -> None:
    if how == "less":
        found.less[name] = value
    elif how == "shift":
        found.weights |= {
            f"{name}.weight": torch.ones_like(value),
            f"{name}.bias": value,
            f"{name}.running_mean": torch.zeros_like(value),
            # With what is added to it, the variance is 1, and the norm adds the bias alone.
            f"{name}.running_var": torch.full_like(value, 1 - EPS),
        }
    else:
        found.weights[name] = value[..., None, None] if how == "cells" else value


def _numbered(hit: re.Match[str], rule: Rule, weights: Mapping[str, Tensor], model: ModelConfig) -> str:
    """Return the name here, with numbers that differ."""
    numbers = dict(hit.groupdict())
    if "neck" in numbers:
        kind = next(kind for kind, rules in NECKS.items() if rule in rules)
        numbers["neck"] = _neck_number(numbers["neck"] or "", kind, weights, model)
    if "double" in numbers:
        numbers["double"] = str(2 * int(numbers["double"] or 0))
    if not numbers:
        return hit.expand(rule.ours)
    name = re.sub(r"\\g<(\w+)>", lambda group: str(numbers[group[1]]), rule.ours)
    channels = model.head.options.get("channels", ()) if model.head is not None else ()
    return name.replace(".last.", f".{2 * len(channels) + 1}.")


def _neck_number(number: str, kind: str, weights: Mapping[str, Tensor], model: ModelConfig) -> str:
    """Return which of our necks one of theirs is: the first of a kind is the first of that kind here."""
    ours = [index for index, name in enumerate(_necks_of(model)) if name == kind]
    hits = (re.fullmatch(rule.theirs, name) for name in weights for rule in NECKS[kind])
    theirs = sorted({int(hit["neck"]) for hit in hits if hit and hit["neck"]})
    at = theirs.index(int(number)) if number else len(theirs)
    return str(ours[at]) if at < len(ours) else "missing"


def _rename_encoder(weights: Mapping[str, Tensor], model: ModelConfig, found: Renamed) -> None:
    """Name the weights of the encoder, whatever is wrapped around it."""
    if model.encoder is None:
        raise TranslationError("Encoders of several sources have no counterpart in TerraTorch")
    inner, start = bare_encoder(model.encoder)
    is_wrapped = inner is not model.encoder
    bare = {_unwrap(name): name for name in weights}
    is_wrapped |= any(name.startswith(("encoder.encoder.", "encoder.encoder_embeddings.")) for name in bare)
    if is_wrapped:
        bare = {name.removeprefix("encoder."): theirs for name, theirs in bare.items()}
        bare = {_unwrap(name): theirs for name, theirs in bare.items()}
    part = Renamed()
    _apply({name: weights[theirs] for name, theirs in bare.items()}, _rules(ENCODERS, inner, "encoder"), model, part)
    named = part.weights
    if inner.name == "prithvi_swin":
        named = {name: value for name, (_, value) in convert_swin(named, len({*_stages(named)})).items()}
    if inner.name == "prithvi_vit_adapter":
        named = {adapter_name(name): value for name, value in named.items()}
    found.weights |= {start + name: value for name, value in named.items()}
    found.left_out |= {f"encoder.{bare[name]}": why for name, why in part.left_out.items()}
    found.unknown += [f"encoder.{bare[name]}" for name in part.unknown]


def _stages(names: Mapping[str, Tensor]) -> Iterator[str]:
    for name in names:
        hit = re.match(r"(?:stages|layers)[._](\d)", name)
        if hit:
            yield hit[1]


def _unwrap(name: str) -> str:
    for theirs, ours in WRAPPINGS:
        name = re.sub(theirs, ours, name)
    return name


def _fold(found: Renamed) -> None:
    """Bring biases before batch norms, and batch norms that there are not here, into what there is."""
    for name, value in found.less.items():
        if name in found.weights:
            found.weights[name] = found.weights[name] - value
    places = {hit[1] for name in found.weights if (hit := re.match(r"(head\.upscale\.\d+)\.norm\.", name))}
    for place in sorted(places):
        norm = {
            key: found.weights.pop(f"{place}.norm.{key}") for key in ("weight", "bias", "running_mean", "running_var")
        }
        found.weights.pop(f"{place}.norm.num_batches_tracked", None)
        # Four outputs of the convolution are the four pixels of one channel.
        scale = norm["weight"] / (norm["running_var"] + EPS).sqrt()
        shift = norm["bias"] - norm["running_mean"] * scale
        scale, shift = scale.repeat_interleave(4), shift.repeat_interleave(4)
        weight, bias = f"{place}.0.weight", f"{place}.0.bias"
        found.weights[weight] = found.weights[weight] * scale[:, None, None, None]
        found.weights[bias] = found.weights[bias] * scale + shift
