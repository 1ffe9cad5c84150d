"""Operators that onnxscript does not translate where one of their numbers is a length that is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnxscript
import torch
from onnxscript import opset18


def remainder(values: onnxscript.INT64, divisor: onnxscript.INT64) -> onnxscript.INT64:
    """Give what is left of values, with the sign of the divisor, as torch does; ``Mod`` knows whole numbers alone."""
    if values.dtype is not None and values.dtype.is_integer():
        return opset18.Mod(values, divisor)
    return opset18.Sub(values, opset18.Mul(opset18.Floor(opset18.Div(values, divisor)), divisor))


#: Operator of torch -> what stands for it.
TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.aten.remainder.Scalar: remainder}
