"""Numbers that half precision would round, kept as they are beside weights of it."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import Self

from torch import Tensor, nn


class ExactBuffers(nn.Module, ABC):
    """Its buffers stay in single precision where a model is moved to half, in which 2734 becomes 2736."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        exact = {name: buffer for name, buffer in self._buffers.items() if buffer is not None}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, before in exact.items():
            now = self._buffers[name]
            if now is not None and now.dtype != before.dtype:
                self._buffers[name] = before.to(now.device)
        return self
