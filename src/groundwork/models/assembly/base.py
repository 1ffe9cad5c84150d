"""What the assemblies of encoder, necks and more have in common: from raw values to the decoder's feature maps."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundwork.models.assembly.standardise import Standardise, StandardiseSources, in_precision_of
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.wrappers.sources import Dates, JointEncoder, dates_of
from groundwork.models.features.one_size import require_size
from groundwork.models.features.padding import pad_symmetric, pad_with_nothing
from groundwork.models.freezing import freeze, keep_frozen_in_eval
from groundwork.models.interface import Images, Model
from groundwork.models.necks.base import Neck
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import FeatureSpec, RasterSpec


@dataclass(frozen=True, slots=True)
class Trunk:
    """What stands before the decoder."""

    #: Source -> what its rasters hold.
    inputs: Mapping[str, RasterSpec]
    encoder: Encoder | JointEncoder
    necks: Sequence[Neck] = ()

    @property
    def features(self) -> FeatureSpec:
        """What the decoder is given."""
        return self.necks[-1].out if self.necks else self.encoder.out


@dataclass(frozen=True, slots=True)
class Features:
    """What the trunk gives for a batch."""

    maps: list[Tensor]
    #: (batch, channels), where the encoder gives a global vector.
    vector: Tensor | None
    #: Height and width of the image, and of the image as it was padded.
    size: tuple[int, int]
    padded: tuple[int, int]
    #: (batch, height, width), true where any source holds data. None: everywhere.
    valid: Tensor | None = None

    def share_valid(self, stride: int) -> Tensor:
        """Return how much of each cell of a level is made of data, (batch, 1, height / stride, width / stride).

        From 0 to 1; what padding added holds none. For all that pools over a level.

        Args:
            stride: Of the level, in pixels of the image.
        """
        first = self.maps[0]
        shape = (first.shape[0], *self.size)
        valid = torch.ones(shape, device=first.device) if self.valid is None else self.valid.to(torch.float32)
        return functional.avg_pool2d(pad_with_nothing(valid.unsqueeze(1), self.padded), stride)


class EncoderModel(Model, ABC):
    """A model that standardises, pads, encodes and passes necks, and goes on from there.

    Takes raw raster values and images of any size from one pixel.

    Args:
        trunk: Encoder and necks.
    """

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        counts = {source: spec.num_channels for source, spec in sorted(trunk.inputs.items())}
        self._counts = counts
        self._steps = {source: trunk.inputs[source].steps for source in counts}
        several = isinstance(trunk.encoder, JointEncoder)
        self.standardise = StandardiseSources(counts) if several else Standardise(next(iter(counts.values())))
        self.encoder = trunk.encoder
        self.coordinates = trunk.encoder.coordinates
        self.single_precision = trunk.encoder.single_precision
        self.necks = nn.ModuleList(trunk.necks)
        specs = [trunk.encoder.out, *(neck.out for neck in trunk.necks)]
        #: Images are padded to a multiple of this, in pixels, so that every level divides them without a remainder.
        self.size_multiple = lcm(trunk.encoder.size_multiple, *(lv.stride for spec in specs for lv in spec.levels))

    def set_statistics(self, mean: Sequence[float], std: Sequence[float], source: str | None = None) -> None:
        """Set what raw values are standardised by. See :class:`Model`."""
        if isinstance(self.standardise, Standardise):
            self.standardise.set_statistics(mean, std)
            return
        parts = self.standardise.sources
        source = next(iter(parts)) if source is None and len(parts) == 1 else source
        if source is None or source not in parts:
            raise ValueError(f"'source' must be one of {list(parts)}, found {source!r}")
        part = parts[source]
        assert isinstance(part, Standardise)  # noqa: S101 - for the type checker
        part.set_statistics(mean, std)

    def pretraining(self) -> list[LoadReport]:
        """Return what became of the encoder's published weights. See :class:`Model`."""
        if isinstance(self.encoder, JointEncoder):
            return list(self.encoder.loads)
        return [] if self.encoder.loaded is None else [self.encoder.loaded]

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is. See :class:`Model`."""
        freeze(self.encoder)

    def freeze_decoder(self) -> None:
        """Keep all that comes behind the encoder as it is, the auxiliary branches too. See :class:`Model`."""
        for part in self._behind_encoder():
            freeze(part)

    def train(self, mode: bool = True) -> EncoderModel:
        """Switch to training or evaluation; frozen parts stay in evaluation."""
        super().train(mode)
        keep_frozen_in_eval(self.encoder, *self._behind_encoder())
        return self

    def extract(
        self, image: Images, valid: Images | None, temporal_coords: Dates | None, location_coords: Tensor | None
    ) -> Features:
        """Give the feature maps that the decoder takes. Arguments as in :class:`Model`.

        Raises:
            ValueError: For an image of another rank, number of channels or number of steps than the model was built
                for, or a source that is missing.
        """
        images = self._check(image)
        masks = valid if isinstance(valid, dict) else dict.fromkeys(images, valid)
        padded = {source: self._prepare(source, part, masks.get(source)) for source, part in images.items()}
        if isinstance(self.standardise, StandardiseSources):
            features = self.encoder(padded, temporal_coords, location_coords)
        else:
            only = next(iter(padded))
            features = self.encoder(padded[only], dates_of(temporal_coords, only), location_coords)
        has_vector = self.encoder.out.vector is not None
        vector = features[-1] if has_vector else None
        maps = features[:-1] if has_vector else features
        for neck in self.necks:
            maps = neck(maps)
        first = next(iter(images.values()))
        size = (first.shape[-2], first.shape[-1])
        known = _any_valid([masks.get(source) for source in images])
        return Features(maps, vector, size, self._padded_size(first), known)

    def _prepare(self, source: str, image: Tensor, valid: Tensor | None) -> Tensor:
        """Standardise and pad the image of one source, in the precision of the weights."""
        part = self.standardise if isinstance(self.standardise, Standardise) else self.standardise.sources[source]
        return self._pad(in_precision_of(self, part(image, valid)))

    def _pad(self, image: Tensor) -> Tensor:
        return pad_symmetric(image, self.size_multiple)

    def _padded_size(self, image: Tensor) -> tuple[int, int]:
        height, width = image.shape[-2:]
        return height + -height % self.size_multiple, width + -width % self.size_multiple

    def _behind_encoder(self) -> list[nn.Module]:
        return [part for part in self.children() if part is not self.encoder and part is not self.standardise]

    def _check(self, image: Images) -> dict[str, Tensor]:
        """Return the images by source, in the order of the model's."""
        images = image if isinstance(image, dict) else dict.fromkeys(self._counts, image)
        missing = [source for source in self._counts if source not in images]
        if missing or (len(self._counts) > 1 and isinstance(image, Tensor)):
            found = sorted(images) if isinstance(image, dict) else "one tensor"
            raise ValueError(f"The model sees the sources {list(self._counts)}, each by name; it was given {found}")
        for source, count in self._counts.items():
            _check_shape(source, images[source], count, self._steps[source])
        # Compared one by one: torch.export keeps sizes open only where none of them is hashed.
        first, *others = (images[source] for source in self._counts)
        if any(other.shape[-2:] != first.shape[-2:] for other in others):
            sizes = {source: tuple(images[source].shape[-2:]) for source in self._counts}
            raise ValueError(f"All sources must come in one height and width, found {sizes}")
        require_size(self.encoder.only_size, (first.shape[-2], first.shape[-1]))
        return {source: images[source] for source in self._counts}


def _any_valid(masks: Sequence[Tensor | None]) -> Tensor | None:
    """Return where any source holds data; a source without a mask holds it everywhere."""
    known = [mask for mask in masks if mask is not None]
    return torch.stack(known).any(dim=0) if known and len(known) == len(masks) else None


def _check_shape(source: str, image: Tensor, channels: int, steps: int) -> None:
    shape = tuple(image.shape)
    expected = f"(batch, {channels}, {steps}, height, width)" if steps > 1 else f"(batch, {channels}, height, width)"
    is_right = len(shape) in {4, 5} and shape[1] == channels and (shape[2] if len(shape) == 5 else 1) == steps
    if not is_right or 0 in shape[-2:]:
        raise ValueError(f"The image of source '{source}' has the shape {shape}; the model was built for {expected}")
