"""Keep the parts of a model as they are that a training names."""

from __future__ import annotations

from groundwork.config.model import ModelConfig
from groundwork.config.training import FreezeConfig
from groundwork.errors import SpecError
from groundwork.models.freezing import fresh_parameters
from groundwork.models.interface import ENCODER, Model
from groundwork.tasks.parameter_groups import layers_by_encoder


def freeze_parts(model: Model, config: ModelConfig, freeze: FreezeConfig) -> None:
    """Freeze what is named; what learns again after some epochs is only checked here, and frozen by the training.

    Raises:
        SpecError: Where adapters would be stopped, or nothing is left to train.
    """
    if freeze.encoder and config.adapters is not None:
        raise SpecError("training.freeze.encoder would stop the model's adapters: set it to false")
    if freeze.until_epoch is not None:
        # The optimiser must know all weights that will learn. A frozen one has no gradient, and is not moved.
        starts = starts_of_learning(model, freeze)
        if not any(part.requires_grad and name not in starts for name, part in model.named_parameters()):
            raise SpecError(
                f"Nothing would learn before epoch {min(starts.values(), default=0)}: 'training.freeze' keeps all "
                "weights of the model as they are until then. Leave 'encoder' or 'decoder' out of it"
            )
        return
    if freeze.encoder:
        model.freeze_encoder()
    if freeze.decoder:
        model.freeze_decoder()
    parameters = list(model.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        raise SpecError("Nothing is left to train: 'training.freeze' keeps all weights of the model as they are")


def starts_of_learning(model: Model, freeze: FreezeConfig) -> dict[str, int]:
    """Return the weights that are frozen at first, by name, and from which epoch on each of them learns.

    Fresh weights, and those that never learn, are not among them.

    Raises:
        SpecError: For an encoder that has no layers to begin with.
    """
    fresh, first = fresh_parameters(model), freeze.until_epoch or 0
    frozen = {part: freeze.encoder if part == ENCODER else freeze.decoder for part in model.parts()}
    starts = {
        name: first
        for part, weights in model.parts().items()
        for name, parameter in weights.items()
        if frozen[part] and parameter.requires_grad and name not in fresh
    }
    if freeze.unfreeze_layers_every is not None:
        for layers in layers_by_encoder(model, "training.freeze.unfreeze_layers_every"):
            for name in layers.depth.keys() & starts.keys():
                # What stands behind the last layer begins together with it.
                behind = max(layers.count - layers.depth[name], 0)
                starts[name] = first + behind * freeze.unfreeze_layers_every
    return starts
