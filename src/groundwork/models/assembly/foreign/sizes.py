"""Which images a network takes, found by trying: neither timm nor the others state it reliably."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from groundwork.models.features.sizes import Sizes

#: Numbers of pixels that strides, patches and windows of the published networks are made of.
_MULTIPLES = (1, 2, 4, 8, 14, 16, 28, 32, 56, 64, 128, 256)
#: Sides of the images that networks of one size are published for.
_USUAL = (224, 256, 384, 160, 240, 288, 320, 448, 512, 518)
#: Images of this size are large enough for any network that takes several sizes.
_LARGE = 128
#: What helps where a network takes images of one size.
_REMEDY = (
    "Cut chips and tiles of at most {} pixels, set the network's own option for its size (img_size in 'options', for "
    "most of timm's), or take a network for any size, such as a resnet"
)
#: What networks raise for an image that they do not take.
_REFUSALS = (RuntimeError, AssertionError, ValueError, TypeError, IndexError, NotImplementedError)


def find_sizes(network: nn.Module, num_channels: int, multiple: int = 1, native: Sequence[int | None] = ()) -> Sizes:
    """Return which images a network takes. Nothing is computed: it is run on the meta device.

    Args:
        network: It takes (batch, channels, height, width).
        num_channels: Of its images.
        multiple: What height and width are a multiple of at least.
        native: Sides of the images that it was published or built for, where they are known.
    """
    was_training = network.training
    network.eval()
    state = {name: value.to("meta") for name, value in (*network.named_parameters(), *network.named_buffers())}
    try:
        for step in (step for step in _MULTIPLES if step % multiple == 0):
            side = step * (-(-_LARGE // step) + 1)
            if _takes(network, state, (num_channels, side, side + step)):
                return Sizes(step, _find_least(network, state, num_channels, step))
        for side in (*(side for side in native if side is not None), *_USUAL):
            if _takes(network, state, (num_channels, side, side)):
                return Sizes(side, side, only=side, remedy=_REMEDY)
    finally:
        network.train(was_training)
    # Networks that cannot be run without values may still take images.
    return Sizes(multiple, multiple)


def _find_least(network: nn.Module, state: Mapping[str, Tensor], num_channels: int, step: int) -> int:
    side = step
    while side < _LARGE and not _takes(network, state, (num_channels, side, side)):
        side += step
    return side


def _takes(network: nn.Module, state: Mapping[str, Tensor], size: tuple[int, int, int]) -> bool:
    image = torch.empty(1, *size, device="meta")
    try:
        with torch.no_grad(), torch.device("meta"):
            functional_call(network, dict(state), (image,))
    except _REFUSALS:
        return False
    return True
