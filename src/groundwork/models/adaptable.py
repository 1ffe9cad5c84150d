"""Find the layers of an encoder whose adapters would be felt: those that are called, not only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from groundwork.errors import ComponentError
from groundwork.models.encoders.base import Encoder
from groundwork.models.examples import example_images
from groundwork.models.freezing import fresh_parameters
from groundwork.specs import RasterSpec
from groundwork.strict import did_you_mean

#: Torch reads the weights inside these itself: always, or in evaluation, where it takes a faster path.
_SEALED = (nn.MultiheadAttention, nn.TransformerEncoderLayer)
#: What a user's own encoder may raise where its tensors hold no values.
_NO_VALUES = (RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError, KeyError, IndexError)


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of the layers of an encoder."""

    #: Layer whose weights are read past its own ``forward`` -> what reads them.
    read_past: Mapping[str, str]
    #: Layers that nothing calls, and that are not trained either.
    unused: frozenset[str]


def choose_modules(encoder: Encoder, inputs: Mapping[str, RasterSpec], wanted: tuple[str, ...]) -> list[str]:
    """Return the names of the modules that are adapted.

    By default all linear layers but those whose adapters nobody would feel, and those that are fresh by design, which
    are trained whole.

    Args:
        encoder: What is adapted.
        inputs: What its rasters hold.
        wanted: Ends of names. Empty: the default.

    Raises:
        ComponentError: For names that the encoder does not have, or whose adapters would have no effect.
    """
    linear = [name for name, module in encoder.named_modules() if isinstance(module, nn.Linear)]
    reach = find_reach(encoder, inputs)
    if not wanted:
        fresh = fresh_parameters(encoder, by_design=True)
        left_out = {*reach.read_past, *reach.unused, *(name.rpartition(".")[0] for name in fresh)}
        chosen = [name for name in linear if name not in left_out]
        if not chosen:
            raise ComponentError("The encoder has no linear layer to adapt. Name its convolutions in adapters.modules")
        return chosen
    matched = _match(encoder, linear, wanted)
    past = [name for name in matched if name in reach.read_past]
    if past:
        raise ComponentError(
            f"adapters.modules: an adapter on {past[:3]}{' and more' if len(past) > 3 else ''} would have no effect, "
            f"or one while training alone: {reach.read_past[past[0]]} reads its weights without calling it. Leave "
            "'modules' empty for every linear layer that can be adapted, or name others"
        )
    chosen = [name for name in matched if name not in reach.unused]
    if not chosen:
        raise ComponentError(f"adapters.modules: the encoder has no use for any of its modules {list(wanted)}")
    return chosen


def find_reach(encoder: Encoder, inputs: Mapping[str, RasterSpec]) -> Reach:
    """Find out which layers are called, by a run on the meta device, where nothing is computed."""
    sealed = {
        f"{place}.{name}": f"torch's {type(module).__name__} '{place}'"
        for place, module in encoder.named_modules()
        if isinstance(module, _SEALED)
        for name, _ in module.named_modules()
        if name
    }
    called = _run_without_values(encoder, inputs)
    idle = {
        name: module.weight.requires_grad
        for name, module in encoder.named_modules()
        if called is not None and name not in called and isinstance(getattr(module, "weight", None), nn.Parameter)
    }
    past = {name: f"'{name.rpartition('.')[0]}'" for name, is_trained in idle.items() if is_trained} | sealed
    return Reach(past, frozenset(idle) - past.keys())


def _match(encoder: nn.Module, linear: Sequence[str], wanted: tuple[str, ...]) -> list[str]:
    names = [name for name, _ in encoder.named_modules() if name]
    ends = sorted({name.rpartition(".")[2] for name in names})
    for end in wanted:
        if not any(_ends(name, end) for name in names):
            raise ComponentError(
                f"adapters.modules: the encoder has no module '{end}'.{did_you_mean(end, ends)} Linear layers end in "
                f"{sorted({name.rpartition('.')[2] for name in linear})}"
            )
    return [name for name in names if any(_ends(name, end) for end in wanted)]


def _ends(name: str, end: str) -> bool:
    return name == end or name.endswith(f".{end}")


def _run_without_values(encoder: Encoder, inputs: Mapping[str, RasterSpec]) -> set[str] | None:
    """Return the names of the modules that a run calls. None: it cannot be run without values."""
    called: set[str] = set()
    side = encoder.only_size or 2 * encoder.size_multiple
    images = example_images(inputs, (side, side), "meta")
    tensors = [*encoder.parameters(), *encoder.buffers()]
    try:
        # Copying with these in place of the weights costs no memory, however large the encoder is.
        meta = deepcopy(encoder, {id(tensor): torch.empty_like(tensor, device="meta") for tensor in tensors}).eval()
        for name, module in meta.named_modules():
            module.register_forward_hook(partial(_note, called, name))
        with torch.no_grad():
            meta(images)
    except _NO_VALUES:
        return None
    return called


def _note(called: set[str], name: str, *_: object) -> None:
    called.add(name)
