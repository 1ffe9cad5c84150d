"""The error that names a file."""

from __future__ import annotations

from pathlib import Path


class RasterError(ValueError):
    """A raster is not what its spec says, or cannot be read."""

    def __init__(self, path: Path | str, found: str, expected: str, remedy: str = "") -> None:
        """Compose the message: which file, what was found there, what was expected, what to change."""
        self.path = Path(path)
        super().__init__(f"{path}: found {found}; expected {expected}." + (f" {remedy}" if remedy else ""))
