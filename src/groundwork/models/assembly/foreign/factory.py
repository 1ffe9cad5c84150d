"""A whole model by name or import path."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from groundwork.config.component import ComponentConfig
from groundwork.config.data import only_source
from groundwork.config.model import ModelConfig
from groundwork.models.assembly.extractor import COMPONENTS, refuse_parts
from groundwork.models.assembly.foreign import FULL_MODELS
from groundwork.models.assembly.foreign.model import ForeignModel
from groundwork.models.features.sizes import Sizes
from groundwork.models.interface import Model, ModelFactory, Produces
from groundwork.registry import build, find, located
from groundwork.specs import RasterSpec, TargetSpec

WHERE = "model.factory.model"


class FullModelFactory(ModelFactory):
    """Builds a model that needs no encoder, decoder or head.

    A class of your own is named by its import path. A :class:`Model` is built with
    ``(inputs: Mapping[str, RasterSpec], target: TargetSpec, *, options)``. Any other ``nn.Module`` is built with
    ``(num_channels: int, num_outputs: int, *, options)``, takes standardised images and gives scores per pixel or per
    image; it is put behind the model's interface.

    Args:
        model: Name or import path, and its options.
        encoder: Names of the modules that ``training.freeze.encoder`` keeps; for a module that is no ``Model``.
        size_multiple: Images are padded to a multiple of this, in pixels; for a module that is no ``Model``.
    """

    def __init__(self, *, model: ComponentConfig, encoder: tuple[str, ...] = (), size_multiple: int = 1) -> None:
        self._model = model
        self._encoder = encoder
        self._size_multiple = size_multiple

    @property
    def produces(self) -> Produces:
        """What its model says of itself. See :class:`ModelFactory`."""
        found = self._found()
        return found.produces if issubclass(found, Model) else "answers"

    def _found(self) -> type[object]:
        with located(WHERE):
            return find(FULL_MODELS, self._model.name)

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> Model:
        """Build the model. See :class:`ModelFactory`."""
        refuse_parts(config, "full_model", COMPONENTS)
        if issubclass(self._found(), Model):
            return build(Model, FULL_MODELS, self._model, inputs, target, where=WHERE)
        raster = inputs[only_source(inputs, "The factory 'full_model'")]
        sizes = Sizes(self._size_multiple, self._size_multiple)
        network = build(nn.Module, FULL_MODELS, self._model, raster.num_channels, target.num_outputs, where=WHERE)
        return ForeignModel(inputs, network, encoder=self._encoder, sizes=sizes, num_numbers=len(target.outputs))
