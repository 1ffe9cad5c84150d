"""Parts of TorchGeo's networks that encoders reach into, which TorchGeo promises to nobody."""

from __future__ import annotations

from importlib.metadata import version
from operator import attrgetter

from torch import nn

from groundwork.errors import ComponentError


def require_insides(network: nn.Module, *names: str) -> None:
    """Refuse a network that is built otherwise than the encoders here know it.

    Args:
        network: Of TorchGeo.
        names: Parts that are used, such as ``patch_embed.proj``.

    Raises:
        ComponentError: It names the version that is installed.
    """
    missing = []
    for name in names:
        try:
            attrgetter(name)(network)
        except AttributeError:
            missing.append(name)
    if missing:
        raise ComponentError(
            f"{type(network).__name__} of TorchGeo {version('torchgeo')} has no {missing}, which this encoder uses: it "
            "was written for TorchGeo 0.8. Install torchgeo>=0.8,<0.9"
        )
