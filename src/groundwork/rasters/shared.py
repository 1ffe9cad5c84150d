"""Files that belong to all scenes, such as one vector file with the labels of a whole region."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import PairingError
from groundwork.rasters.folder import RasterFolder


@dataclass(frozen=True, slots=True)
class SharedFiles:
    """The same files for each scene. Nothing is opened until it is asked for."""

    root: Path
    #: Relative to ``root``.
    names: tuple[str, ...]

    def for_keys(self, keys: Iterable[str]) -> RasterFolder:
        """Return them as the files of each scene.

        Raises:
            PairingError: Where one is not there.
        """
        for name in self.names:
            if not (self.root / name).is_file():
                raise PairingError(f"{self.root / name}: found no such file. Correct its path.")
        return RasterFolder(self.root, dict.fromkeys(keys, self.names))
