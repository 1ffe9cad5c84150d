"""Train weights of half precision on rasters that are not."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, get_args

from lightning.pytorch.plugins.precision import HalfPrecision
from torch import nn

from groundwork.errors import ComponentError
from groundwork.models.interface import Model
from groundwork.tasks.base import Task

#: Lightning's names for it.
Half: TypeAlias = Literal["bf16-true", "16-true"]
HALF: tuple[Half, ...] = get_args(Half)


class HalfPrecisionOfWeights(HalfPrecision):
    """Brings the weights of a task's model to half precision, and leaves all else as it is.

    In bfloat16 a raw value of 2734 is 2736 and the year 2021 is 2016. The model standardises first, and rounds then.
    Losses weigh classes, and scores are added up, by numbers that would be rounded too.
    """

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Convert the model alone."""
        if isinstance(module, Task):
            module.model.to(dtype=self._desired_input_dtype)
        return module

    def convert_input(self, data: object) -> object:
        """Return the batch as it is."""
        return data

    @contextmanager
    def forward_context(self) -> Generator[None, None, None]:
        """Leave the type of new tensors alone: codes of places and dates are computed in single precision."""
        yield


def take_half(options: dict[str, Any]) -> dict[str, Any]:
    """Return options of Lightning's Trainer with half precision replaced by ours."""
    precision = options.get("precision")
    if precision not in HALF:
        return options
    rest = {name: value for name, value in options.items() if name != "precision"}
    return {**rest, "plugins": [*options.get("plugins", []), HalfPrecisionOfWeights(precision)]}


def check_half(model: Model, options: dict[str, Any]) -> None:
    """Refuse half precision for models that compute with numbers it cannot tell apart.

    Raises:
        ComponentError: It names the precision that such a model can be trained in.
    """
    precision = options.get("precision")
    if precision in HALF and model.single_precision:
        mixed = str(precision).replace("true", "mixed")
        raise ComponentError(
            f"training.trainer.precision: {precision} would round wavelengths and places that this encoder computes "
            f"with in single precision. Take 'precision: {mixed}'"
        )
