"""Networks of TorchGeo as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torchgeo.models
from torch import nn
from torchvision.models import SwinTransformer

from groundwork.config.data import only_source
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.extractor import COMPONENTS, refuse_parts
from groundwork.models.assembly.foreign.model import ForeignModel, require_one_step
from groundwork.models.assembly.foreign.sizes import find_sizes
from groundwork.models.assembly.foreign.timm import all_but
from groundwork.models.features.sizes import Sizes
from groundwork.models.interface import ModelFactory
from groundwork.specs import RasterSpec, TargetSpec
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
#: TorchGeo's builders of networks that classify images: of timm, and Swin of torchvision.
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

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ForeignModel:
        """Build the model. See :class:`ModelFactory`."""
        refuse_parts(config, "torchgeo", COMPONENTS)
        raster = inputs[only_source(inputs, "The factory 'torchgeo'")]
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
            sizes = Sizes(made.size_multiple, made.size_multiple)
            return ForeignModel(inputs, network, encoder=made.encoder, sizes=sizes, num_numbers=len(target.outputs))
        require_one_step(raster, f"TorchGeo's '{self._model}'")
        network, classifier = _build_classifier(self._model, raster.num_channels, target.num_outputs)
        # What torchvision's patches of 4 pixels do not cover, they leave out.
        sizes = find_sizes(network, raster.num_channels, 4 if self._model.startswith("swin") else 1)
        return ForeignModel(
            inputs, network, encoder=all_but(network, classifier), sizes=sizes, num_numbers=len(target.outputs)
        )


def _build_classifier(model: str, num_channels: int, num_outputs: int) -> tuple[nn.Module, nn.Module]:
    """Return a network, and the last layer of it."""
    if model.startswith("swin"):
        swin: SwinTransformer = torchgeo.models.get_model(model, num_classes=num_outputs)
        # torchvision's constructor knows photographs only.
        patches = cast("nn.Conv2d", cast("nn.Sequential", swin.features[0])[0])
        if num_channels != patches.in_channels:
            first = nn.Conv2d(num_channels, patches.out_channels, kernel_size=4, stride=4)
            cast("nn.Sequential", swin.features[0])[0] = first
        return swin, swin.head
    any_size = {"dynamic_img_size": True} if model.startswith("vit") else {}
    network: nn.Module = torchgeo.models.get_model(model, in_chans=num_channels, num_classes=num_outputs, **any_size)
    return network, cast("Callable[[], nn.Module]", network.get_classifier)()
