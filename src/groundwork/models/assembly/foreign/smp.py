"""Networks of segmentation_models_pytorch as they are."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import segmentation_models_pytorch as smp

from groundwork.config.data import only_source
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.extractor import COMPONENTS, refuse_parts
from groundwork.models.assembly.foreign.model import ForeignModel, require_one_step
from groundwork.models.assembly.foreign.sizes import find_sizes
from groundwork.models.encoders.timm.networks import ANY_SIZE
from groundwork.models.interface import ModelFactory
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.strict import did_you_mean

_ARCHITECTURES: dict[str, Any] = {
    name: made
    for name, made in vars(smp).items()
    if inspect.isclass(made) and issubclass(made, smp.base.SegmentationModel)
}
_WIRED = {"self", "encoder_name", "encoder_weights", "in_channels", "classes", "activation", "aux_params", "kwargs"}


class SMPFactory(ModelFactory):
    """Builds a network of segmentation_models_pytorch (https://github.com/qubvel-org/segmentation_models.pytorch).

    Args:
        architecture: Name of the network, such as ``Unet`` or ``DeepLabV3Plus``.
        encoder: Name of its encoder, such as ``resnet34`` or ``tu-convnext_tiny``.
        pretrained: Start from the encoder's ImageNet weights, which are downloaded.
        options: Other arguments of the architecture.

    Raises:
        ComponentError: For an unknown architecture, encoder or option.
    """

    def __init__(
        self,
        *,
        architecture: str,
        encoder: str = "resnet34",
        pretrained: bool = False,
        options: dict[str, Any] | None = None,
    ) -> None:
        if architecture not in _ARCHITECTURES:
            hint = did_you_mean(architecture, list(_ARCHITECTURES))
            raise ComponentError(f"smp has no architecture '{architecture}'.{hint} Known: {sorted(_ARCHITECTURES)}")
        known = [name for name in inspect.signature(_ARCHITECTURES[architecture]).parameters if name not in _WIRED]
        for name in options or {}:
            if name not in known:
                hint = did_you_mean(name, known)
                raise ComponentError(f"smp's '{architecture}' has no option '{name}'.{hint} Options: {known}")
        encoders = smp.encoders.get_encoder_names()
        if encoder not in encoders and not encoder.startswith("tu-"):
            raise ComponentError(f"smp has no encoder '{encoder}'.{did_you_mean(encoder, encoders)}")
        self._architecture = architecture
        self._encoder = encoder
        self._weights = "imagenet" if pretrained else None
        self._options = options or {}

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ForeignModel:
        """Build the model. See :class:`ModelFactory`."""
        refuse_parts(config, "smp", COMPONENTS)
        raster = inputs[only_source(inputs, "The factory 'smp'")]
        require_one_step(raster, "smp")
        if target.per != "pixel":
            raise SpecError("The factory 'smp' gives one answer per pixel: set the target's 'per: pixel'")
        network = self._create(raster.num_channels, target.num_outputs)
        sizes = find_sizes(network, raster.num_channels, network.encoder.output_stride)
        sizes = sizes.left_as_they_are() if config.padding == "none" else sizes
        return ForeignModel(inputs, network, encoder=("encoder",), sizes=sizes, num_numbers=len(target.outputs))

    def _create(self, num_channels: int, num_outputs: int) -> smp.base.SegmentationModel:
        wanted = {"encoder_name": self._encoder, "encoder_weights": self._weights, "in_channels": num_channels}
        # Only timm's encoders are told of sizes.
        for any_size in ANY_SIZE if self._encoder.startswith("tu-") else ({},):
            try:
                return _ARCHITECTURES[self._architecture](**wanted, classes=num_outputs, **any_size, **self._options)
            except (ValueError, TypeError, KeyError, RuntimeError, AssertionError, IndexError) as error:
                if not any(key in str(error) for key in any_size):
                    message = f"smp cannot build '{self._architecture}' on '{self._encoder}': {error}"
                    raise ComponentError(message) from None
        raise ComponentError(f"smp cannot build '{self._architecture}' on '{self._encoder}'")
