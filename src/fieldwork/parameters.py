"""Which parameters there are, and the class of each. A parameter of your own gets its line here."""

from __future__ import annotations

from collections.abc import Iterable

from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.strict import did_you_mean

PARAMETERS: dict[str, type] = {
    "data": DataConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
    "evaluation": EvaluationConfig,
    "inference": InferenceConfig,
    "seed": int,
    "sample_data": dict,
}

#: Values for the catalog that may be given with ``--params``.
RUNTIME_VALUES = ("raw_root", "train_list", "val_list", "test_list")


class UnknownParameterError(ValueError):
    """A parameter that nothing reads."""


def check_names(names: Iterable[str]) -> None:
    """Refuse parameters that nothing reads.

    Raises:
        UnknownParameterError: With the nearest known name.
    """
    known = [*PARAMETERS, *RUNTIME_VALUES]
    for name in names:
        if name not in known:
            raise UnknownParameterError(f"Unknown parameter '{name}'.{did_you_mean(name, known)} Known: {known}")
