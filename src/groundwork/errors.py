"""The errors of the library: each is meant for the person at the terminal, and says what was found and what to change.

Imports nothing, so that it may be imported anywhere.
"""

from __future__ import annotations

from pathlib import Path


class GroundworkError(Exception):
    """What the library refuses."""


class SpecError(GroundworkError, ValueError):
    """Two facts about rasters or features contradict each other."""


class ComponentError(GroundworkError, ValueError):
    """A component's name or one of its options is wrong."""


class RasterError(GroundworkError, ValueError):
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


class NoDatesError(RasterError):
    """A raster has no tag that says its dates."""


class PairingError(GroundworkError, ValueError):
    """Files that belong together cannot be joined by their keys."""


class DataError(GroundworkError, ValueError):
    """The scenes, taken together, cannot be used as configured."""


class WeightsError(GroundworkError, ValueError):
    """Weights cannot be read, or do not belong to the network."""


class ProgressError(GroundworkError, ValueError):
    """Progress cannot be shown as asked for."""


class ScoreError(GroundworkError, ValueError):
    """A model gives scores that are no numbers."""


class BundleError(GroundworkError, ValueError):
    """A bundle cannot be read."""


class ExportError(GroundworkError, ValueError):
    """A model cannot be exported, or an exported file cannot be used."""


class TranslationError(GroundworkError, ValueError):
    """The configuration of another library cannot be translated."""


class TrainingError(GroundworkError, RuntimeError):
    """The training cannot go on."""


class Ended(SystemExit):
    """No mistake: the process was told to end, as by SIGTERM."""
