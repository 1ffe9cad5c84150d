"""Keep what is said of each tile of a scene, where each has one answer: outlines on the ground, and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from groundwork.prediction.blending import Tile
from groundwork.prediction.products import CHIPS
from groundwork.rasters.features import FeatureLayer, FeatureStream, boxes
from groundwork.rasters.grid import Grid, describe_crs
from groundwork.rasters.styles import CLASS
from groundwork.targets.image_answers import ImageAnswers
from groundwork.targets.legends import legend_of

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import geopandas
    import pandas as pd

#: Gives activated scores (outputs, height, width) for each tile, which are the same in all of its pixels.
Predict: TypeAlias = Callable[[Sequence[Tile]], Sequence[NDArray[np.float32]]]
#: Row, column, height and width of a tile -> its scores.
Given: TypeAlias = dict[tuple[int, int, int, int], NDArray[np.float32]]
#: Columns that a table of chips begins with.
FIRST_COLUMNS = ("scene", "row", "column")


class ChipAnswers:
    """What was said of the tiles of one scene. Tiles without any data are not asked about, and have no outline."""

    def __init__(self, kind: ImageAnswers, num_outputs: int, grid: Grid, tags: Mapping[str, str]) -> None:
        """Begin with none.

        Args:
            kind: What scores mean.
            num_outputs: Number of scores of a tile.
            grid: Of the scene.
            tags: What its outlines say of their origin.
        """
        self._kind, self._num_outputs, self._grid, self._tags = kind, num_outputs, grid, dict(tags)
        #: Wide scenes ask about some tiles twice.
        self._given: Given = {}

    def keeping(self, predict: Predict) -> Predict:
        """Return the same function, which keeps what it gives."""

        def predict_and_keep(tiles: Sequence[Tile]) -> Sequence[NDArray[np.float32]]:
            given = predict(tiles)
            for (window, _), scores in zip(tiles, given, strict=True):
                self._given[_place(window)] = scores[:, 0, 0].copy()
            return given

        return predict_and_keep

    @property
    def given(self) -> Given:
        """What was said of the tiles that were asked about."""
        return dict(self._given)

    def add(self, given: Given) -> None:
        """Add what another process was told of other tiles."""
        self._given |= given

    def stream(self) -> FeatureStream:
        """Return the outlines, to be asked for when all tiles were asked about."""
        return FeatureStream((CHIPS,), lambda: {CHIPS: self.layer()})

    def layer(self) -> FeatureLayer:
        """Return the outlines of the tiles with their answers, row by row."""
        places = np.array(sorted(self._given), np.int64).reshape(-1, 4)
        rows, columns, heights, widths = places.T
        scores = np.array([self._given[place] for place in sorted(self._given)], np.float32)
        edges = np.stack([columns, rows, columns + widths, rows + heights], axis=1)
        said = self._kind.table(scores.reshape(-1, self._num_outputs))
        legend = legend_of(self._kind.target) if CLASS in said else ()
        return FeatureLayer(self._grid, boxes(edges), {"row": rows, "column": columns, **said}, self._tags, legend)


def _place(window: Window) -> tuple[int, int, int, int]:
    return int(window.row_off), int(window.col_off), int(window.height), int(window.width)


def table_of(scene: str, layer: FeatureLayer) -> pd.DataFrame:
    """Return outlines as a table: with the scene, and where each lies in its CRS."""
    return _as_table(scene, layer.frame(), describe_crs(layer.grid.crs))


def read_table(scene: str, path: Path) -> pd.DataFrame:
    """Return the same of outlines that were written."""
    import geopandas  # noqa: PLC0415 - it takes memory that maps do not need

    frame = geopandas.read_file(path, engine="pyogrio")
    # A GeoPackage says of what has no CRS that it is not defined.
    is_placed = frame.crs is not None and "ndefined" not in frame.crs.name
    return _as_table(scene, frame, describe_crs(CRS.from_wkt(frame.crs.to_wkt()) if is_placed else None))


def _as_table(scene: str, frame: geopandas.GeoDataFrame, crs: str) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - it takes 60 MB that maps do not need

    bounds = frame.bounds.rename(columns={"minx": "west", "miny": "south", "maxx": "east", "maxy": "north"})
    table = pd.concat([pd.DataFrame(frame.drop(columns="geometry")), bounds], axis=1)
    table.insert(0, "scene", scene)
    return table.assign(crs=crs)
