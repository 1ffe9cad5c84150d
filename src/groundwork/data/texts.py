"""Many texts in two arrays: worker processes share arrays with their parent, and copy objects that they look at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class Texts:
    """Texts by number, such as the names of a million samples."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Keep the texts."""
        encoded = [text.encode() for text in texts]
        self._bytes = np.frombuffer(b"".join(encoded), np.uint8)
        self._ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        """Return one text."""
        start = self._ends[index - 1] if index else 0
        return self._bytes[start : self._ends[index]].tobytes().decode()
