"""The error that names a file."""

from __future__ import annotations

from pathlib import Path


class RasterError(ValueError):
    """A raster is not what its spec says, or cannot be read."""

    def __init__(self, path: Path | str, found: str = "", expected: str = "", remedy: str = "") -> None:
        """Say which file, what was found there, what was expected, what to change.

        A text alone is a message, as torch hands on that of a worker process: its report of where is cut off.
        """
        # All four are kept as arguments: an error that is pickled, by a worker process, is made anew from them.
        super().__init__(str(path), found, expected, remedy)
        self.path = Path(path)

    def __str__(self) -> str:
        """Compose the message."""
        path, found, expected, remedy = self.args
        if not found:
            return str(path).rpartition(f"{type(self).__name__}: ")[2].strip()
        return f"{path}: found {found}; expected {expected}." + (f" {remedy}" if remedy else "")
