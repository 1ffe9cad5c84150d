"""Tell errors of memory from others."""

from __future__ import annotations

import re

import torch

#: How torch and its libraries say it, where they have no type for it.
_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|Cannot allocate memory", re.IGNORECASE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of the processor or of a GPU, does not suffice."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or bool(_NO_MEMORY.search(str(error)))
