"""Operators that onnxscript translates for some numbers alone, where they are lengths that are open."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import onnxscript
import torch
from onnxscript import opset18


def remainder(values: onnxscript.FLOAT, divisor: onnxscript.FLOAT) -> onnxscript.FLOAT:
    """Give what is left of values, with the sign of the divisor, as torch does; ``Mod`` knows whole numbers alone."""
    if values.dtype is not None and values.dtype.is_integer():
        return opset18.Mod(values, divisor)
    return opset18.Sub(values, opset18.Mul(opset18.Floor(opset18.Div(values, divisor)), divisor))


def floor_divide(length: onnxscript.INT64, divisor: onnxscript.INT64) -> onnxscript.INT64:
    """Divide lengths downwards, below zero as well, where ``Div`` cuts off."""
    return opset18.Div(opset18.Sub(length, opset18.Mod(length, divisor)), divisor)


#: Operator of torch, or of Python on lengths -> what stands for it.
TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.remainder.Scalar: remainder,
    operator.floordiv: floor_divide,
}
