"""Networks of timm as they are, for whole images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
from torch import nn

from groundwork.config.model import ModelConfig
from groundwork.models.interface import ModelFactory
from groundwork.models.trunk import COMPONENTS, refuse_parts
from groundwork.models.whole.model import WholeModel, only_source, require_one_step
from groundwork.registry import ComponentError
from groundwork.specs import RasterSpec, SpecError, TargetSpec
from groundwork.strict import did_you_mean


class TimmFactory(ModelFactory):
    """Builds a network of timm (https://github.com/huggingface/pytorch-image-models) with its own classifier.

    Args:
        model: Name of the network, as in ``timm.list_models()``.
        pretrained: Start from timm's weights, which are downloaded; the classifier starts afresh.
        options: Other arguments of ``timm.create_model``.

    Raises:
        ComponentError: For an unknown network.
    """

    def __init__(self, *, model: str, pretrained: bool = False, options: dict[str, Any] | None = None) -> None:
        if not timm.is_model(model):
            raise ComponentError(
                f"timm has no model '{model}'.{did_you_mean(model.partition('.')[0], timm.list_models())}"
            )
        self._model = model
        self._pretrained = pretrained
        self._options = options or {}

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> WholeModel:
        """Build the model. See :class:`ModelFactory`."""
        refuse_parts(config, "timm", COMPONENTS)
        raster = only_source(inputs, "timm")
        require_one_step(raster, "timm")
        if target.per != "image":
            raise SpecError("The factory 'timm' gives one answer per image: set the target's 'per: image'")
        try:
            network = timm.create_model(
                self._model,
                pretrained=self._pretrained,
                in_chans=raster.num_channels,
                num_classes=target.num_outputs,
                **self._options,
            )
        except (TypeError, ValueError, RuntimeError) as error:
            raise ComponentError(f"timm cannot build '{self._model}': {error}") from None
        return WholeModel(raster, network, encoder=all_but(network, network.get_classifier()))


def all_but(network: nn.Module, classifier: nn.Module) -> list[str]:
    """Return the names of all parameters of a network outside its classifier."""
    own = {id(parameter) for parameter in classifier.parameters()}
    return [name for name, parameter in network.named_parameters() if id(parameter) not in own]
