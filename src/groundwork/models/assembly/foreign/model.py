"""A network of another library behind the interface of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from groundwork.config.data import only_source
from groundwork.errors import SpecError
from groundwork.models.assembly.raster_model import Prepared, RasterModel
from groundwork.models.features.output_scale import OutputScale
from groundwork.models.features.sizes import Sizes
from groundwork.models.interface import ENCODER, ModelOutput, Stage
from groundwork.specs import RasterSpec

_ANY = Sizes()


class ForeignModel(RasterModel):
    """Standardises and pads images, sends them through a network, and cuts what comes out back to the images.

    Networks that take images of one size only refuse larger ones; smaller ones are padded.

    Args:
        inputs: The one source.
        network: Takes standardised values, (batch, channels, height, width), or with several time steps
            (batch, steps, channels, height, width); gives scores (batch, outputs, height, width) or (batch, outputs).
        encoder: Names of the network's modules that are its encoder.
        sizes: Which images the network takes.
        num_numbers: How many of the scores are numbers with a unit, which the network gives scaled; 0 for classes.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        network: nn.Module,
        *,
        encoder: Sequence[str] = (),
        sizes: Sizes = _ANY,
        num_numbers: int = 0,
    ) -> None:
        super().__init__(inputs, sizes)
        self.scale = OutputScale(num_numbers) if num_numbers else nn.Identity()
        self._source = only_source(inputs, "A network of another library")
        self.network = network
        self._encoder = tuple(f"network.{name}" for name in encoder)

    def parts(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return the encoder, and the rest of the network as ``decoder``. See :class:`Model`."""
        parts: dict[str, dict[str, nn.Parameter]] = {ENCODER: {}, "decoder": {}}
        for name, parameter in self.named_parameters():
            is_encoder = any(name == part or name.startswith(f"{part}.") for part in self._encoder)
            parts[ENCODER if is_encoder else "decoder"][name] = parameter
        return parts

    def stages(self) -> list[Stage]:
        """Return the stages that images pass. See :class:`Model`."""
        return [*super().stages(), Stage("network", self.network)]

    def run(self, prepared: Prepared) -> ModelOutput:
        """Give scores in the size of the images, or one set of them. See :class:`RasterModel`."""
        values = prepared.images.values[self._source]
        if values.dim() == 5:
            values = values.transpose(1, 2) if self.inputs[self._source].steps > 1 else values.squeeze(2)
        scores: Tensor = self.scale(self.network(values))
        return ModelOutput(scores if scores.dim() == 2 else prepared.crop(scores))


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
