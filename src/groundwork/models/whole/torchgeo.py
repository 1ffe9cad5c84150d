"""Networks of TorchGeo as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torchgeo.models
from torch import nn

from groundwork.config.model import ModelConfig
from groundwork.models.interface import ModelFactory
from groundwork.models.trunk import COMPONENTS, refuse_parts
from groundwork.models.whole.model import WholeModel, only_source, require_one_step
from groundwork.models.whole.timm import all_but
from groundwork.registry import ComponentError
from groundwork.specs import RasterSpec, SpecError, TargetSpec
from groundwork.strict import did_you_mean


@dataclass(frozen=True, slots=True)
class _Segmenter:
    #: From numbers of channels and of outputs to the network.
    build: Callable[[int, int], nn.Module]
    encoder: tuple[str, ...] = ()
    size_multiple: int = 1
    #: Number of time steps that the network compares.
    steps: int = 1


def _siamese(channels: int, outputs: int, *, difference: bool) -> nn.Module:
    made = torchgeo.models.FCSiamDiff if difference else torchgeo.models.FCSiamConc
    network: nn.Module = made(encoder_weights=None, in_channels=channels, classes=outputs)
    return network


_SEGMENTERS: dict[str, _Segmenter] = {
    "fcn": _Segmenter(torchgeo.models.FCN),
    "unet": _Segmenter(
        lambda channels, outputs: torchgeo.models.unet(classes=outputs, in_channels=channels, encoder_weights=None),
        ("encoder",),
        32,
    ),
    "fc_siam_conc": _Segmenter(
        lambda channels, outputs: _siamese(channels, outputs, difference=False), ("encoder",), 32, 2
    ),
    "fc_siam_diff": _Segmenter(
        lambda channels, outputs: _siamese(channels, outputs, difference=True), ("encoder",), 32, 2
    ),
}
#: TorchGeo's builders of timm networks, which classify images.
_CLASSIFIERS = ("resnet", "swin", "vit")


class TorchGeoFactory(ModelFactory):
    """Builds a network of TorchGeo (https://torchgeo.readthedocs.io) from fresh weights.

    TorchGeo's pre-trained weights are encoders: take the encoder ``torchgeo`` for them.

    Args:
        model: ``fcn``, ``unet``, ``fc_siam_conc`` and ``fc_siam_diff`` (two time steps) give an answer per pixel; the
            names of ``torchgeo.models.list_models()`` that begin with resnet, swin or vit give one per image.

    Raises:
        ComponentError: For another name.
    """

    def __init__(self, *, model: str) -> None:
        classifiers = [name for name in torchgeo.models.list_models() if name.startswith(_CLASSIFIERS)]
        known = [*_SEGMENTERS, *classifiers]
        if model not in known:
            raise ComponentError(
                f"The factory 'torchgeo' has no model '{model}'.{did_you_mean(model, known)} Known: {known}"
            )
        self._model = model

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> WholeModel:
        """Build the model. See :class:`ModelFactory`."""
        refuse_parts(config, "torchgeo", COMPONENTS)
        raster = only_source(inputs, "torchgeo")
        gives = "pixel" if self._model in _SEGMENTERS else "image"
        if target.per != gives:
            raise SpecError(f"TorchGeo's '{self._model}' gives one answer per {gives}: set the target's 'per: {gives}'")
        if gives == "pixel":
            made = _SEGMENTERS[self._model]
            if raster.steps != made.steps:
                raise SpecError(
                    f"TorchGeo's '{self._model}' sees {made.steps} time step(s), the rasters hold {raster.steps}"
                )
            network = made.build(raster.num_channels, target.num_outputs)
            return WholeModel(raster, network, encoder=made.encoder, size_multiple=made.size_multiple)
        require_one_step(raster, f"TorchGeo's '{self._model}'")
        network = torchgeo.models.get_model(self._model, in_chans=raster.num_channels, num_classes=target.num_outputs)
        return WholeModel(raster, network, encoder=all_but(network, network.get_classifier()))
