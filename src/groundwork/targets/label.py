"""What gives the answers of a scene, window by window: a label raster, or features of a vector file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rasterio.windows import Window

from groundwork.batch import Answers, Patch
from groundwork.rasters.grid import Grid
from groundwork.rasters.opened import Opened


@dataclass(frozen=True, slots=True)
class LabelSource:
    """What says the answers of a scene."""

    #: Its files, or the table that has a row for it.
    paths: tuple[Path, ...]
    #: Column -> value of that row. None: there is no table.
    row: Mapping[str, object] | None = None
    #: Key of the scene, for messages about its row.
    key: str = ""


class Label(Opened):
    """The label of a scene, opened and checked. Use it as a context manager."""

    #: The file that stands for it in messages.
    path: Path

    @abstractmethod
    def check_grid(self, grid: Grid) -> None:
        """Refuse a label that is not on the grid of its image.

        Raises:
            RasterError: With what differs.
        """

    @abstractmethod
    def read(self, window: Window) -> Answers:
        """Read answers (..., height, width); not known are those beyond the edge.

        Raises:
            RasterError: For values that are no answers.
        """

    def with_objects(self, window: Window, patch: Patch) -> Patch:  # noqa: ARG002
        """Return a window with the objects in it, where the label holds such; else as it is.

        Args:
            window: Which it is.
            patch: As read, with answers that are not known where no source holds data.
        """
        return patch

    def remarks(self) -> Mapping[str, int]:
        """Return what is odd about the label, though it may be meant -> number of its objects of which that is true."""
        return {}

    def require_asked(self) -> None:
        """Refuse what the label says of chips that there are none of, when all chips were read.

        Raises:
            RasterError: With what that is.
        """
