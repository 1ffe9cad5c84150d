"""Keep the parts of a model as they are that a training names."""

from __future__ import annotations

from groundwork.config.model import ModelConfig
from groundwork.config.training import FreezeConfig
from groundwork.errors import SpecError
from groundwork.models.interface import Model


def freeze_parts(model: Model, config: ModelConfig, freeze: FreezeConfig) -> None:
    """Freeze what is named.

    Raises:
        SpecError: Where adapters would be stopped, or nothing is left to train.
    """
    if freeze.encoder:
        if config.adapters is not None:
            raise SpecError("training.freeze.encoder would stop the model's adapters: set it to false")
        model.freeze_encoder()
    if freeze.decoder:
        model.freeze_decoder()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise SpecError("Nothing is left to train: 'training.freeze' keeps all weights of the model as they are")
