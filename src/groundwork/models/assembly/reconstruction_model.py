"""What every model is that learns from images alone, by painting what it was not shown of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from groundwork.batch import Images
from groundwork.config.data import only_source
from groundwork.models.assembly.raster_model import Prepared, RasterModel
from groundwork.models.features.sizes import Sizes
from groundwork.specs import RasterSpec


class ReconstructionModel(RasterModel, ABC):
    """Hides parts of an image and paints them; needs no labels.

    Its forward gives as ``output`` the painted image (batch, channels, steps, height, width) in standardised values, as
    ``auxiliary["mask"]`` (batch, steps, height, width) 1 where the network saw nothing and 0 elsewhere, and in
    ``losses`` what it is charged for. What it hides follows from :attr:`groundwork.batch.Images.seeds` alone, where
    these are given.

    Args:
        inputs: The one source.
        sizes: Which images its network takes.
        name: Of the model, for messages.
    """

    produces = "reconstruction"

    def __init__(self, inputs: Mapping[str, RasterSpec], sizes: Sizes, name: str) -> None:
        #: Which source it paints.
        self.source = only_source(inputs, f"'{name}'")
        super().__init__(inputs, sizes)

    @abstractmethod
    def paint_unseen(self, prepared: Prepared) -> Tensor:
        """Paint each pixel where the network was not shown it: the image in several rounds that hide all of it.

        Returns:
            (batch, channels, steps, height, width) in standardised values, in the size of the images.
        """

    @abstractmethod
    def encoder_weights(self) -> dict[str, Tensor]:
        """Return the weights of the encoder, by names that its own option ``weights`` understands."""

    def unseen(self, images: Images) -> Tensor:
        """Return what :meth:`paint_unseen` paints of raw images in raw values, (batch, channels, steps, ...)."""
        return self.raw(self.paint_unseen(self.prepare(images)))

    def raw(self, painted: Tensor) -> Tensor:
        """Turn standardised values (batch, channels, steps, height, width) into raw ones."""
        standardise = self._standardise_of(self.source)
        shape = (-1, 1, 1, 1)
        return painted.to(torch.float32) * standardise.std.reshape(shape) + standardise.mean.reshape(shape)

    def means(self) -> Tensor:
        """Return what standardised values are counted from: the mean of each channel in raw values (channels,)."""
        return self._standardise_of(self.source).mean

    def deviations(self) -> Tensor:
        """Return what standardised values are counted in: a deviation for each channel, in raw values (channels,)."""
        return self._standardise_of(self.source).std
