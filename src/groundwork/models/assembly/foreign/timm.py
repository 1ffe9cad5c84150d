"""Networks of timm as they are, for whole images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import timm
from torch import nn

from groundwork.config.data import only_source
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.extractor import COMPONENTS, refuse_parts
from groundwork.models.assembly.foreign.model import ForeignModel, require_one_step
from groundwork.models.assembly.foreign.sizes import find_sizes
from groundwork.models.encoders.timm.networks import ANY_SIZE, read_cfg
from groundwork.models.interface import ModelFactory
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.strict import did_you_mean


class TimmFactory(ModelFactory):
    """Builds a network of timm (https://github.com/huggingface/pytorch-image-models) with its own classifier.

    Images are padded to a size that it takes; those that take one only (BEiT, MLP-Mixer and others) refuse larger ones.

    Args:
        model: Name of the network, as in ``timm.list_models()``.
        pretrained: Start from timm's weights, which are downloaded; the classifier starts afresh.
        options: Other arguments of ``timm.create_model``, such as ``img_size`` for networks of one size.

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

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ForeignModel:
        """Build the model. See :class:`ModelFactory`."""
        refuse_parts(config, "timm", COMPONENTS)
        raster = inputs[only_source(inputs, "The factory 'timm'")]
        require_one_step(raster, "timm")
        if target.per != "image":
            raise SpecError("The factory 'timm' gives one answer per image: set the target's 'per: image'")
        network = self._create(raster.num_channels, target.num_outputs)
        native = (self._options.get("img_size"), read_cfg(network)["input_size"][-1])
        sizes = find_sizes(network, raster.num_channels, native=native)
        sizes = sizes.left_as_they_are() if config.padding == "none" else sizes
        classifier = cast("Callable[[], nn.Module]", network.get_classifier)()
        return ForeignModel(
            inputs, network, encoder=all_but(network, classifier), sizes=sizes, num_numbers=len(target.outputs)
        )

    def _create(self, num_channels: int, num_outputs: int) -> nn.Module:
        wanted = {"pretrained": self._pretrained, "in_chans": num_channels, "num_classes": num_outputs}
        for any_size in ANY_SIZE:
            try:
                network: nn.Module = timm.create_model(self._model, **wanted, **(any_size | self._options))
            except (TypeError, ValueError, RuntimeError, AssertionError) as error:
                # Which of the options for any size a network has shows only where it is told one.
                if not any(key in str(error) for key in any_size.keys() - self._options.keys()):
                    raise ComponentError(f"timm cannot build '{self._model}': {error}") from None
            else:
                return network
        raise ComponentError(f"timm cannot build '{self._model}'")


def all_but(network: nn.Module, classifier: nn.Module) -> list[str]:
    """Return the names of all parameters of a network outside its classifier."""
    own = {id(parameter) for parameter in classifier.parameters()}
    return [name for name, parameter in network.named_parameters() if id(parameter) not in own]
