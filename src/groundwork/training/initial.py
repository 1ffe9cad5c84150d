"""Build a model from its configuration: the first bundle, and a card that describes it. Reads no pixel."""

from __future__ import annotations

import torch

from groundwork import fingerprint
from groundwork.bundle import Bundle, BundleConfig, build_factory
from groundwork.config.data import DataConfig
from groundwork.config.model import ModelConfig


def build_initial(data: DataConfig, model: ModelConfig, seed: int) -> Bundle:
    """Build the model with fresh (or pre-trained) weights that depend on the seed alone.

    Raises:
        SpecError: Where two components do not fit together.
        ComponentError: For an unknown name or option.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_factory(model).build_model(model, data.sources, data.target)
    provenance = {**fingerprint.library_versions(), "seed": str(seed)}
    config = BundleConfig(model=model, inputs=data.sources, target=data.target, trained=False, provenance=provenance)
    return Bundle(config, {name: value.detach() for name, value in network.state_dict().items()})
