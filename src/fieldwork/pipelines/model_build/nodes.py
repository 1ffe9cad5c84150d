"""Nodes of ``model_build``."""

from __future__ import annotations

from typing import Any

from groundwork.config import DataConfig, ModelConfig


def build_model(data: DataConfig, model: ModelConfig, seed: int) -> Any:
    """Assemble encoder, necks, decoder and head, and keep the first weights as a bundle."""
    from groundwork.training.initial import build_initial

    return build_initial(data, model, seed)


def describe_model(bundle: Any, data: DataConfig) -> str:
    """Write the model card: the flow of features stage by stage, parameters and multiply-adds."""
    from groundwork.training.card import write_card

    return write_card(bundle, data.chips.size)
