"""Ask a model of images alone for what it paints, as raw values of the rasters."""

from __future__ import annotations

import torch
from torch import Tensor

from groundwork.batch import Images
from groundwork.models.assembly.reconstruction_model import ReconstructionModel


class HiddenPainter:
    """Paints what one mask hides of each image, as in training. Its scores: see :meth:`scores`."""

    def __init__(self, model: ReconstructionModel) -> None:
        self._model = model.eval()
        self.coordinates = model.coordinates

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self._model.to(device)

    def scores(self, images: Images) -> Tensor:
        """Return the painted image and its mask, one behind the other (batch, channels * steps + steps, height, width).

        The image is in raw values, steps of a channel behind one another; the mask is 1 where nothing was shown.
        """
        given = self._model(images)
        return torch.cat([self._model.raw(given.output).flatten(1, 2), given.auxiliary["mask"].float()], dim=1)


class UnseenPainter:
    """Paints all of each image, every pixel where it was not shown. Its scores: see :meth:`scores`."""

    def __init__(self, model: ReconstructionModel) -> None:
        self._model = model.eval()
        self.coordinates = model.coordinates

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self._model.to(device)

    def scores(self, images: Images) -> Tensor:
        """Return the painted image (batch, channels * steps, height, width) in raw values, channel by channel."""
        return self._model.unseen(images).flatten(1, 2)


def require_painter(model: object) -> ReconstructionModel:
    """Return a model as one that paints.

    Raises:
        TypeError: For a model that says it does, and lacks what that takes.
    """
    if not isinstance(model, ReconstructionModel):
        raise TypeError(f"{type(model).__name__} produces reconstructions, but is no ReconstructionModel")
    return model
