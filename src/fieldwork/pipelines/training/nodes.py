"""Nodes of ``training``."""

from __future__ import annotations

from typing import Any

from groundwork.config import TrainingConfig


def open_chips(initial: Any, samples: Any, scenes: Any, labels: Any, packed_chips: Any) -> Any:
    """Join samples with what their chips are read from, as the model expects it."""
    return initial.labelled(samples, scenes, labels, packed_chips)


def train_model(
    initial: Any, chips: Any, statistics: Any, training: TrainingConfig, seed: int, checkpoints: Any
) -> tuple[Any, Any]:
    """Fit the model, and keep the best weights with all that they expect. A killed run goes on where it was."""
    from groundwork.data.statistics import Statistics
    from groundwork.training.fit import fit

    result = fit(initial, chips, Statistics.model_validate(statistics), training, seed, checkpoints)
    return result.bundle, result.history


def keep_encoder(bundle: Any) -> Any:
    """Keep the encoder for other models to start from, where it learnt from rasters alone."""
    from groundwork.training.encoder import encoder_of

    return encoder_of(bundle)


def draw_history(history: Any) -> Any:
    """Draw losses and scores over the epochs."""
    from groundwork.evaluation.figures import draw_history

    return draw_history(history)
