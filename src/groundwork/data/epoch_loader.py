"""A loader that knows the epoch before it asks for anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader


class EpochLoader(DataLoader[Any]):
    """Asks for keys no sooner than a first batch is asked for, when it knows the epoch.

    Lightning opens the loader before it reads which epoch a broken run had come to, and worker processes would be given
    the keys of the first one at once.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the batches of the epoch."""
        yield from super().__iter__()
