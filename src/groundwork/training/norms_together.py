"""Batch normalisation over the batches of several processes together, on whatever device: as one process has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from groundwork.tasks.processes import total_of


@contextmanager
def measured_together(norms: Sequence[_BatchNorm]) -> Iterator[Callable[[bool], None]]:
    """Let norms divide by the deviation over the batches of all processes, and leave them with the mean over these.

    PyTorch's ``SyncBatchNorm`` does the first on GPUs alone.

    Args:
        norms: In training mode, and begun anew.

    Yields:
        What is told before each batch whether it counts, or only lets its process take part.
    """
    seen = [_Seen(norm) for norm in norms]

    def tell(is_counted: bool) -> None:
        for each in seen:
            each.is_counted = is_counted

    with ExitStack() as stack:
        # A program that was compiled before would not know of what is looked at.
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        for each in seen:
            stack.enter_context(each)
        yield tell


class _Seen:
    """What a norm sees, while it divides by what is handed to it as if that were measured before."""

    def __init__(self, norm: _BatchNorm) -> None:
        self._norm, self.is_counted = norm, True
        self._sums = torch.zeros(2, norm.num_features, dtype=torch.float64)
        self._count = 0

    def __enter__(self) -> None:
        self._norm.eval()
        self._hook = self._norm.register_forward_pre_hook(self._look)

    def __exit__(self, *_: object) -> None:
        self._hook.remove()
        self._norm.train()
        self._norm.reset_running_stats()
        if self._count:
            self._hand_over(*self._sums / self._count)
            _buffer(self._norm.num_batches_tracked).fill_(self._count)

    def _look(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:  # noqa: ARG002 - as PyTorch calls it
        values = inputs[0].detach().transpose(0, 1).flatten(1).float()
        values = values if self.is_counted else values[:, :0]
        size = total_of(torch.tensor(values.shape[1], dtype=torch.float64))
        mean = total_of(values.sum(1, dtype=torch.float64)).cpu() / size
        distances = values - mean.to(values)[:, None]
        squares = total_of(distances.square().sum(1, dtype=torch.float64)).cpu()
        self._hand_over(mean, squares / size)
        # What is kept is the deviation of all that the batch was drawn from, as PyTorch has it.
        self._sums += torch.stack([mean, squares / (size - 1).clamp(min=1)])
        self._count += 1

    def _hand_over(self, mean: Tensor, variance: Tensor) -> None:
        _buffer(self._norm.running_mean).copy_(mean)
        _buffer(self._norm.running_var).copy_(variance)


def _buffer(buffer: Tensor | None) -> Tensor:
    if buffer is None:
        raise TypeError("a norm that keeps nothing has nothing to measure")
    return buffer
