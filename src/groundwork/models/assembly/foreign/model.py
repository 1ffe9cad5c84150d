"""A network of another library behind the interface of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from groundwork.models.assembly.foreign.sizes import Sizes
from groundwork.models.assembly.standardise import Standardise, in_precision_of
from groundwork.models.features.one_size import require_size
from groundwork.models.features.padding import crop_center, pad_symmetric
from groundwork.models.features.resizing import resize_to
from groundwork.models.freezing import keep_frozen_in_eval
from groundwork.models.interface import Dates, Images, Model, ModelOutput
from groundwork.specs import RasterSpec, SpecError

_ANY = Sizes()
_REMEDY = (
    "Cut chips and tiles of at most {} pixels, set the network's own option for its size (img_size in 'options', for "
    "most of timm's), or take a network for any size, such as a resnet"
)


class WholeModel(Model):
    """Standardises and pads an image, sends it through a network, and cuts what comes out back to the image.

    Networks that take images of one size only refuse larger ones; smaller ones are padded.

    Args:
        raster: What the rasters hold.
        network: Takes standardised values, (batch, channels, height, width), or with several time steps
            (batch, steps, channels, height, width); gives scores (batch, outputs, height, width) or (batch, outputs).
        encoder: Names of the network's modules that are its encoder.
        sizes: Which images the network takes.
    """

    def __init__(
        self, raster: RasterSpec, network: nn.Module, *, encoder: Sequence[str] = (), sizes: Sizes = _ANY
    ) -> None:
        super().__init__()
        self.standardise = Standardise(raster.num_channels)
        self.network = network
        self.size_multiple = sizes.multiple
        self.sizes = sizes
        self._encoder = tuple(encoder)
        self._steps = raster.steps

    def set_statistics(self, mean: Sequence[float], std: Sequence[float], source: str | None = None) -> None:  # noqa: ARG002
        """Set what raw values are standardised by. See :class:`Model`."""
        self.standardise.set_statistics(mean, std)

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is. See :class:`Model`."""
        self._freeze(of_encoder=True)

    def freeze_decoder(self) -> None:
        """Keep all but the encoder as it is. See :class:`Model`."""
        self._freeze(of_encoder=False)

    def train(self, mode: bool = True) -> WholeModel:
        """Switch to training or evaluation; frozen parts stay in evaluation."""
        super().train(mode)
        keep_frozen_in_eval(self.network)
        return self

    def forward(
        self,
        image: Images,
        valid: Images | None = None,
        temporal_coords: Dates | None = None,  # noqa: ARG002 - the interface of all models
        location_coords: Tensor | None = None,  # noqa: ARG002
    ) -> ModelOutput:
        """Give scores in the size of the image, or one set of them. See :class:`Model`.

        Raises:
            ValueError: For an image of another rank or number of channels than the model was built for, and for one
                that is larger than the one size that the network takes.
        """
        if not isinstance(image, Tensor) or isinstance(valid, dict):
            raise ValueError("The model sees one source; give its image as one tensor")  # noqa: TRY004
        channels = len(self.standardise.mean)
        expected = f"(batch, {channels}, {f'{self._steps}, ' if self._steps > 1 else ''}height, width)"
        if image.dim() != (5 if self._steps > 1 else 4) or image.shape[1] != channels:
            raise ValueError(f"The image has the shape {tuple(image.shape)}; the model was built for {expected}")
        padded = self._pad(in_precision_of(self.network, self.standardise(image, valid)))
        scores: Tensor = self.network(padded.transpose(1, 2) if self._steps > 1 else padded)
        if scores.dim() == 2:
            return ModelOutput(scores)
        return ModelOutput(crop_center(resize_to(scores, tuple(padded.shape[-2:])), (image.shape[-2], image.shape[-1])))

    def _pad(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        require_size(self.sizes.only, (height, width), _REMEDY)
        # A network that needs more than its multiple cannot be asked while sizes are open, as in an export.
        is_small = self.sizes.least > self.size_multiple and min(height, width) < self.sizes.least
        return pad_symmetric(image, self.sizes.least if is_small else self.size_multiple)

    def _freeze(self, *, of_encoder: bool) -> None:
        for name, parameter in self.network.named_parameters():
            in_encoder = any(name == part or name.startswith(f"{part}.") for part in self._encoder)
            if in_encoder == of_encoder:
                parameter.requires_grad_(False)
        self.train(self.training)


def only_source(inputs: Mapping[str, RasterSpec], factory: str) -> RasterSpec:
    """Return what the one source holds.

    Raises:
        SpecError: For several sources.
    """
    if len(inputs) != 1:
        raise SpecError(f"The factory '{factory}' takes exactly one source, got {len(inputs)}: {sorted(inputs)}")
    return next(iter(inputs.values()))


def require_one_step(raster: RasterSpec, what: str) -> None:
    """Refuse several time steps.

    Raises:
        SpecError: With what to take instead.
    """
    if raster.steps > 1:
        raise SpecError(
            f"{what} sees one time step, the rasters hold {raster.steps}. Take the factory 'encoder_decoder' with an "
            "encoder that sees time, or rasters of one step"
        )
