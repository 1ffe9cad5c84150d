"""What gives the answers of a scene, window by window: a label raster, or features of a vector file."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from rasterio.windows import Window

from groundwork.batch import Answers
from groundwork.rasters.grid import Grid
from groundwork.rasters.opened import Opened


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
