"""Build networks only to ask them something: without memory, and without drawing weights that nobody sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: What fresh weights are drawn by.
_DRAWING = {Tensor.uniform_, Tensor.normal_, Tensor.bernoulli_, Tensor.erfinv_, Tensor.fill_, Tensor.zero_}
#: What brings them into a range afterwards; elsewhere gradients pass these.
_BRINGING = {Tensor.mul_, Tensor.add_, Tensor.clamp_}


@contextmanager
def without_memory() -> Iterator[None]:
    """Build on the meta device. Tensors there have no values, and torch takes longest to find out what it leaves out.

    Networks that are built so have the shapes, names and types of others; a vision transformer is built in a quarter of
    the time.
    """
    with torch.device("meta"), _NoDrawing():
        yield


class _NoDrawing(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function gives
        is_drawing = func in _DRAWING or (func in _BRINGING and not torch.is_grad_enabled())
        if is_drawing and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))
