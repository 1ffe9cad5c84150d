"""Take batch norms into the convolutions before them: the same answers, in less time and memory."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from groundwork.batch import Images
from groundwork.models.assembly.raster_model import RasterModel
from groundwork.models.assembly.standardise import Standardise
from groundwork.models.examples import example_images

logger = logging.getLogger(__name__)

#: Least side of the image that is asked about before and after, in pixels, and by how much of the largest score the
#: answers may differ. Rounding makes some 0.00001 of it.
_LEAST, _TOLERANCE = 32, 1e-3


@dataclass(frozen=True, slots=True)
class _Pair:
    """A convolution whose output goes to a batch norm and nowhere else."""

    parent: nn.Module
    conv: str
    norm: str


def fold_batch_norms(model: nn.Module) -> None:
    """Take each batch norm of a model in evaluation mode into the convolution before it, where there is one.

    A norm with fixed statistics is a factor and a shift of each channel, which the convolution's weights can hold
    (Jacob et al. 2018, section 3.2). The answers are the same but for rounding. Which norm follows which convolution is
    read from what the ``forward`` of their common parent does; an image is asked about before and after, and a model
    that calls its convolutions from elsewhere as well stays as it is.

    Args:
        model: Of which scores are asked, and which nobody trains or writes from now on: its weights have other names.
    """
    for part in list(model.modules()):
        if isinstance(part, RasterModel):
            _fold_all(part)


@torch.no_grad()
def _fold_all(model: RasterModel) -> None:
    pairs = list(_pairs_of(model))
    if not pairs:
        return
    example = _example(model)
    before = model.undecided(example)
    parts = [(pair.parent, name, getattr(pair.parent, name)) for pair in pairs for name in (pair.conv, pair.norm)]
    for pair in pairs:
        _fold(pair)
    after = model.undecided(example)
    if not (after - before).abs().max() <= _TOLERANCE * before.abs().max():
        for parent, name, part in parts:
            setattr(parent, name, part)
        logger.info("Batch norms stay as they are: convolutions are called from elsewhere than beside them")


def _pairs_of(model: nn.Module) -> Iterator[_Pair]:
    # A part that stands in two places is called in both.
    places = Counter(id(part) for _, part in model.named_modules(remove_duplicate=False))
    for parent in model.modules():
        own = dict(parent.named_children())
        convs = {name for name, part in own.items() if _can_hold(part) and places[id(part)] == 1}
        norms = {name for name, part in own.items() if _can_be_held(part) and places[id(part)] == 1}
        if convs and norms and places[id(parent)] == 1:
            yield from (_Pair(parent, *names) for names in _followed(parent, convs, norms))


def _followed(parent: nn.Module, convs: set[str], norms: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the names of convolutions and of the norms that they go to, by what the parent's ``forward`` does."""
    try:
        # A copy: what a forward keeps of what it saw is of no use to the model.
        nodes = _Alone().trace(copy(parent)).nodes
    except Exception as error:  # noqa: BLE001 - any code may stand there, and what cannot be followed stays as it is
        logger.debug("%s cannot be followed: %s", type(parent).__name__, error)
        return
    calls = Counter(str(node.target) for node in nodes if node.op == "call_module")
    # Who takes a weight itself may do anything with it.
    taken = {str(node.target).partition(".")[0] for node in nodes if node.op == "get_attr"}
    for node in nodes:
        user = next(iter(node.users), node)
        pair = (str(node.target), str(user.target))
        is_alone = len(node.users) == 1 and user.op == "call_module" and user.args == (node,) and not user.kwargs
        is_called = node.op == "call_module" and all(calls[name] == 1 for name in pair) and not taken.intersection(pair)
        if is_alone and is_called and pair[0] in convs and pair[1] in norms:
            yield pair


class _Alone(fx.Tracer):
    """Follows the forward of one module, and none of its parts."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002 - names of torch.fx
        """No part is looked into."""
        return True


def _can_hold(part: nn.Module) -> bool:
    # Other classes may do something else with their weights: standardise them, or add an adapter's.
    return type(part) in {nn.Conv2d, nn.Conv3d} and not part.training and not _is_watched(part)


def _can_be_held(part: nn.Module) -> bool:
    known = {nn.BatchNorm2d, nn.BatchNorm3d, *_norms_of_timm()}
    is_fixed = type(part) in known and not part.training and part.running_mean is not None
    return is_fixed and not _is_watched(part)


def _is_watched(part: nn.Module) -> bool:
    return bool(part._forward_hooks or part._forward_pre_hooks)  # noqa: SLF001 - there is no other way to ask


def _norms_of_timm() -> tuple[type[nn.Module], ...]:
    # Where timm was not loaded, no part is one of its.
    layers = sys.modules.get("timm.layers")
    return () if layers is None else (layers.BatchNormAct2d,)


def _rest_of(norm: nn.Module) -> nn.Module:
    """Return what a norm does beside: those of timm hold an activation too."""
    if not isinstance(norm, _norms_of_timm()):
        return nn.Identity()
    return nn.Sequential(norm.get_submodule("drop"), norm.get_submodule("act"))


def _fold(pair: _Pair) -> None:
    conv, norm = getattr(pair.parent, pair.conv), getattr(pair.parent, pair.norm)
    # In double precision, so that the weights are rounded once.
    folded = fuse_conv_bn_eval(deepcopy(conv).double(), deepcopy(norm).double()).to(conv.weight.dtype)
    setattr(pair.parent, pair.conv, folded)
    setattr(pair.parent, pair.norm, _rest_of(norm).eval())


def _example(model: RasterModel) -> Images:
    """Return an image of each source as the network usually sees them: around the mean, by some deviations."""
    side = model.sizes.side_from(_LEAST)
    empty = example_images(model.inputs, (side, side))
    random, values = torch.Generator().manual_seed(0), {}
    for source, image in empty.values.items():
        usual = cast("Standardise", model.standardise[source])
        std, mean = (of.reshape(-1, *(1,) * (image.dim() - 2)) for of in (usual.std, usual.mean))
        values[source] = torch.randn(image.shape, generator=random) * std + mean
    return empty.with_values(values)
