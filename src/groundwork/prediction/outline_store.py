"""Outlines that are finished, kept outside of memory until all are there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from groundwork.errors import DataError

#: Outlines that are handed on at a time.
BATCH = 20_000
_TABLE = "CREATE TABLE outlines (top REAL, edge REAL, value INTEGER, shape BLOB)"
#: What is kept here is written anew where it is lost: nothing has to survive a crash.
_FAST = "PRAGMA journal_mode = OFF"


class OutlineStore:
    """Polygons with the value of their class, in a database without a name that is removed with it.

    SQLite keeps a few megabytes of it in memory and the rest in the folder for temporary files, which the environment
    variable ``SQLITE_TMPDIR`` or ``TMPDIR`` names.
    """

    def __init__(self) -> None:
        # Blocks may be taken by another thread than the one that asks for the outlines.
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.execute(_FAST)
        self._database.execute(_TABLE)

    def add(self, value: int, polygons: Sequence[shapely.Polygon]) -> None:
        """Keep polygons of a class, in columns and rows.

        Raises:
            DataError: Where there is no room for temporary files.
        """
        # However a polygon was put together, its rings begin at the same corner.
        shapes = shapely.normalize(np.array(polygons, dtype=object))
        edges = shapely.bounds(shapes).reshape(-1, 4)
        rows = zip(edges[:, 1].tolist(), edges[:, 0].tolist(), shapely.to_wkb(shapes).tolist(), strict=True)
        try:
            self._database.executemany(
                "INSERT INTO outlines VALUES (?, ?, ?, ?)", ((top, left, value, shape) for top, left, shape in rows)
            )
        except sqlite3.Error as error:
            raise _no_room(error) from error

    def batches(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.object_]]]:
        """Yield values and polygons from the top to the bottom, at most :data:`BATCH` at a time; of none, none.

        Raises:
            DataError: Where there is no room for temporary files.
        """
        try:
            found = self._database.execute("SELECT value, shape FROM outlines ORDER BY top, edge, value, shape")
            is_first = True
            while (rows := found.fetchmany(BATCH)) or is_first:
                values, shapes = np.array([row[0] for row in rows], np.int64), [row[1] for row in rows]
                yield values, np.asarray(shapely.from_wkb(np.array(shapes, dtype=object)))
                is_first = False
        except sqlite3.Error as error:
            raise _no_room(error) from error


def _no_room(error: sqlite3.Error) -> DataError:
    return DataError(
        f"Outlines of classes find no room among the temporary files ({error}): make room there, or name a folder on a "
        "larger disk in the environment variable SQLITE_TMPDIR, and run again"
    )
