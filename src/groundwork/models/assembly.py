"""What the assemblies of encoder, necks and more have in common: from raw values to the decoder's feature maps."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm

from torch import Tensor, nn

from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.joint import JointEncoder
from groundwork.models.encoders.loading import LoadReport
from groundwork.models.freezing import freeze, keep_frozen_in_eval
from groundwork.models.interface import Images, Model
from groundwork.models.necks.base import Neck
from groundwork.models.padding import pad_symmetric
from groundwork.models.standardise import Standardise, StandardiseSources
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


class EncoderModel(Model, ABC):
    """A model that standardises, pads, encodes and passes necks, and goes on from there.

    Takes raw raster values and images of any size from one pixel.

    Args:
        trunk: Encoder and necks.
    """

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        counts = {source: spec.num_channels for source, spec in trunk.inputs.items()}
        self._counts = counts
        self._steps = {source: spec.steps for source, spec in trunk.inputs.items()}
        several = isinstance(trunk.encoder, JointEncoder)
        self.standardise = StandardiseSources(counts) if several else Standardise(next(iter(counts.values())))
        self.encoder = trunk.encoder
        self.coordinates = trunk.encoder.coordinates
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
        self, image: Images, valid: Images | None, temporal_coords: Tensor | None, location_coords: Tensor | None
    ) -> Features:
        """Give the feature maps that the decoder takes. Arguments as in :class:`Model`.

        Raises:
            ValueError: For an image of another rank, number of channels or number of steps than the model was built
                for, or a source that is missing.
        """
        self._check(image)
        first = image if isinstance(image, Tensor) else next(iter(image.values()))
        if isinstance(self.standardise, StandardiseSources) and isinstance(image, Tensor):
            image = dict.fromkeys(self._counts, image)
        standard = self.standardise(image, valid)
        padded = (
            {source: pad_symmetric(part, self.size_multiple) for source, part in standard.items()}
            if isinstance(standard, dict)
            else pad_symmetric(standard, self.size_multiple)
        )
        features = self.encoder(padded, temporal_coords, location_coords)
        has_vector = self.encoder.out.vector is not None
        vector = features[-1] if has_vector else None
        maps = features[:-1] if has_vector else features
        for neck in self.necks:
            maps = neck(maps)
        height, width = first.shape[-2:]
        grown = (height + -height % self.size_multiple, width + -width % self.size_multiple)
        return Features(maps, vector, (height, width), grown)

    def _behind_encoder(self) -> list[nn.Module]:
        return [part for part in self.children() if part is not self.encoder and part is not self.standardise]

    def _check(self, image: Images) -> None:
        images = image if isinstance(image, dict) else dict.fromkeys(self._counts, image)
        missing = [source for source in self._counts if source not in images]
        if missing or (len(self._counts) > 1 and isinstance(image, Tensor)):
            found = sorted(images) if isinstance(image, dict) else "one tensor"
            raise ValueError(f"The model sees the sources {list(self._counts)}, each by name; it was given {found}")
        sizes = {tuple(images[source].shape[-2:]) for source in self._counts}
        if len(sizes) > 1:
            raise ValueError(f"All sources must come in one height and width, found {sorted(sizes)}")
        for source, count in self._counts.items():
            _check_shape(source, images[source], count, self._steps[source])


def _check_shape(source: str, image: Tensor, channels: int, steps: int) -> None:
    shape = tuple(image.shape)
    expected = f"(batch, {channels}, {steps}, height, width)" if steps > 1 else f"(batch, {channels}, height, width)"
    is_right = len(shape) in {4, 5} and shape[1] == channels and (shape[2] if len(shape) == 5 else 1) == steps
    if not is_right or 0 in shape[-2:]:
        raise ValueError(f"The image of source '{source}' has the shape {shape}; the model was built for {expected}")
