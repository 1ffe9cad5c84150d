"""What all models over rasters have in common: from raw values to what their networks take, and back to the image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from groundwork.batch import Images, by_name
from groundwork.models.assembly.standardise import Standardise, in_precision_of
from groundwork.models.features.padding import crop_center, pad_image, pad_to, pad_with_nothing
from groundwork.models.features.pooling import share_of_cells
from groundwork.models.features.resizing import resize_to
from groundwork.models.features.sizes import Padding, Sizes
from groundwork.models.interface import Model, ModelOutput, Stage
from groundwork.models.naming import check_part_name
from groundwork.specs import RasterSpec


@dataclass(frozen=True, slots=True)
class Prepared:
    """Images as a network takes them: standardised, padded, in the precision of the weights."""

    #: In the size of the padded images. Of the validity that of single steps alone, for what joins them.
    images: Images
    #: Source -> where its images hold data (batch[, steps], height, width), in the size of the images. Absent:
    #: everywhere.
    valid: Mapping[str, Tensor]
    #: Height and width of the images, and of the padded images.
    size: tuple[int, int]
    padded: tuple[int, int]
    #: How they were padded.
    padding: Padding = "symmetric"

    def crop(self, maps: Tensor) -> Tensor:
        """Bring maps of the padded images (batch, channels, height / stride, width / stride) to the images."""
        return self.cut(resize_to(maps, self.padded))

    def cut(self, maps: Tensor) -> Tensor:
        """Cut maps of the size of the padded images to the images."""
        return crop_center(maps, self.size)

    def any_valid(self) -> Tensor | None:
        """Return where any source, in any step, holds data (batch, height, width). None: everywhere."""
        if len(self.valid) < len(self.images.values):
            return None
        masks = [mask.any(dim=1) if mask.dim() == 4 else mask for mask in self.valid.values()]
        return torch.stack(masks).any(dim=0)

    def share_valid(self, stride: float) -> Tensor:
        """Return how much of each cell of a level is made of data, (batch, 1, height / stride, width / stride).

        From 0 to 1. What padding added holds none, but for ``reflect``. For all that pools over a level.

        Args:
            stride: Of the level, in pixels of the images.
        """
        first = next(iter(self.images.values.values()))
        known = self.any_valid()
        valid = torch.ones(len(first), *self.size, device=first.device) if known is None else known.to(torch.float32)
        valid = valid.unsqueeze(1)
        if self.padding == "symmetric":
            return share_of_cells(pad_with_nothing(valid, self.padded), stride)
        # What was added by reflection counts as what it mirrors, as it did where such networks are trained.
        return share_of_cells(pad_to(valid, self.padded, "reflect"), stride)


class RasterModel(Model, ABC):
    """A model that takes raw raster values and images of any size from one pixel.

    Args:
        inputs: Source -> what its rasters hold.
        sizes: Which images its network takes.
    """

    def __init__(self, inputs: Mapping[str, RasterSpec], sizes: Sizes) -> None:
        super().__init__()
        self.inputs = by_name(inputs)
        #: Images are padded to a multiple of ``sizes.multiple``.
        self.sizes = sizes
        self.padding: Padding = sizes.padding
        counts = {check_part_name(source, "A source"): raster.num_channels for source, raster in self.inputs.items()}
        self.standardise = nn.ModuleDict({source: Standardise(count) for source, count in counts.items()})

    def set_statistics(self, mean: Sequence[float], std: Sequence[float], source: str | None = None) -> None:
        """Set what raw values are standardised by. See :class:`Model`."""
        known = list(self.inputs)
        source = known[0] if source is None and len(known) == 1 else source
        if source not in self.inputs:
            raise ValueError(f"'source' must be one of {known}, found {source!r}")
        self._standardise_of(str(source)).set_statistics(mean, std)

    def stages(self) -> list[Stage]:
        """Return the stages that images pass. See :class:`Model`."""
        is_alone = len(self.inputs) == 1
        return [
            Stage("standardise" if is_alone else f"standardise.{source}", part, f"{raster.num_channels}ch/1px")
            for (source, raster), part in zip(self.inputs.items(), self.standardise.children(), strict=True)
        ]

    def forward(self, images: Images) -> ModelOutput:
        """Give scores. See :class:`Model`.

        Raises:
            ValueError: For an image of another rank, number of channels or number of steps than the model was built
                for, one larger than the only size that its network takes, or a source that is missing.
        """
        return self.run(self.prepare(images))

    @abstractmethod
    def run(self, prepared: Prepared) -> ModelOutput:
        """Give scores for prepared images, in the size of the images."""

    def undecided(self, images: Images) -> Tensor:
        """Give what follows from images without a step: scores, or of what decides by itself, its feature maps."""
        return self.forward(images).output

    def prepare(self, images: Images) -> Prepared:
        """Check, standardise and pad images. Raises as :meth:`forward`."""
        self._check(images)
        values, valid = {}, {}
        for source in self.inputs:
            image = images.of(source)
            values[source] = self.pad(in_precision_of(self, self._standardise_of(source)(image.values, image.valid)))
            if image.valid is not None:
                valid[source] = image.valid
        sizes = (next(iter(entry.values())).shape[-2:] for entry in (images.values, values))
        first, padded = ((size[0], size[1]) for size in sizes)
        by_step = {source: pad_to(mask, padded, self.padding) for source, mask in valid.items() if mask.dim() == 4}
        ready = Images(values, by_step, images.dates, images.location, images.seeds)
        return Prepared(ready, valid, first, padded, self.padding)

    def pad(self, image: Tensor) -> Tensor:
        """Grow a standardised image to a size that the network takes."""
        grown = pad_image(image, self.sizes.multiple_for((image.shape[-2], image.shape[-1])), self.padding)
        self.sizes.require_cells((grown.shape[-2], grown.shape[-1]))
        return grown

    def _standardise_of(self, source: str) -> Standardise:
        return cast("Standardise", self.standardise[source])

    def _check(self, images: Images) -> None:
        missing = [source for source in self.inputs if source not in images.values]
        if missing:
            found = sorted(images.values)
            raise ValueError(f"The model sees the sources {list(self.inputs)}, each by name; it was given {found}")
        for source, raster in self.inputs.items():
            _check_shape(source, images.values[source], raster)
        # Compared one by one: torch.export keeps sizes open only where none of them is hashed.
        first, *others = (images.values[source] for source in self.inputs)
        if any(other.shape[-2:] != first.shape[-2:] for other in others):
            sizes = {source: tuple(images.values[source].shape[-2:]) for source in self.inputs}
            raise ValueError(f"All sources must come in one height and width, found {sizes}")
        self.sizes.require((first.shape[-2], first.shape[-1]))


def _check_shape(source: str, image: Tensor, raster: RasterSpec) -> None:
    shape, channels, steps = tuple(image.shape), raster.num_channels, raster.steps
    expected = f"(batch, {channels}, {steps}, height, width)" if steps > 1 else f"(batch, {channels}, height, width)"
    is_right = len(shape) in {4, 5} and shape[1] == channels and (shape[2] if len(shape) == 5 else 1) == steps
    if not is_right or 0 in shape[-2:]:
        raise ValueError(f"The image of source '{source}' has the shape {shape}; the model was built for {expected}")
