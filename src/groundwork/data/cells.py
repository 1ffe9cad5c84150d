"""What the pixels of a scene add up to, cell by cell: chips that overlap share cells, which count once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Patch
from groundwork.specs import RANGES, RasterSpec
from groundwork.specs.units import plausible_values
from groundwork.targets.kind import TargetKind

Number = TypeVar("Number", bound=np.generic)
#: Cells, by row and by column.
Place: TypeAlias = tuple[slice, slice]
#: Rows and columns at which cells begin.
Edges: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class CellValues:
    """Moments of the values of one source in each cell, and how many of them look wrong."""

    #: Number of pixels that hold data, (rows, columns); of pixels and steps, where validity is by step.
    valid: NDArray[np.int64]
    #: Of the valid values of each band, (bands, rows, columns): mean, sum of squared differences from it, and limits.
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    #: Number of values of each band that are not plausible in its unit, and of those at the limits of the data type.
    implausible: NDArray[np.int64]
    at_limits: NDArray[np.int64]
    #: Number of pixels, counted as ``valid`` is but in each step, in which all bands are 0; of several bands alone.
    zeros: NDArray[np.int64]
    spec: RasterSpec

    def add(self, values: NDArray[np.generic], valid: NDArray[np.bool_], place: Place, edges: Edges) -> None:
        """Take raw values (bands[, steps], height, width) of a window.

        Args:
            values: Raw values.
            valid: Where they hold data (height, width), or (steps, height, width).
            place: Cells that the window covers.
            edges: Rows and columns of the window at which these begin.
        """
        self.valid[place] = _by_cell(np.add, valid.reshape(-1, *valid.shape[-2:]).sum(axis=0, dtype=np.int64), edges)
        for band, plane in enumerate(values):
            self._add_band(band, plane, valid, place, edges)
        lowest = self.minimum[(slice(None), *place)].min(axis=(1, 2))
        if len(values) > 1 and (lowest <= 0).all():
            empty = (values == 0).all(axis=0) & valid
            self.zeros[place] = _by_cell(np.add, empty.reshape(-1, *valid.shape[-2:]).sum(axis=0), edges)

    def _add_band(
        self, band: int, plane: NDArray[np.generic], valid: NDArray[np.bool_], place: Place, edges: Edges
    ) -> None:
        """Take one band; the values of all steps belong to it."""
        steps = plane.astype(np.float64).reshape(-1, *valid.shape[-2:])
        total = _by_cell(np.add, np.where(valid, steps, 0.0).sum(axis=0), edges)
        mean = total / np.maximum(self.valid[place] * (len(steps) if valid.ndim == 2 else 1), 1)
        heights, widths = (np.diff(edge, append=size) for edge, size in zip(edges, valid.shape[-2:], strict=True))
        means = np.repeat(np.repeat(mean, heights, axis=0), widths, axis=1)
        squares = np.where(valid, (steps - means) ** 2, 0.0).sum(axis=0)
        self.mean[(band, *place)] = mean
        self.squares[(band, *place)] = _by_cell(np.add, squares, edges)
        self.minimum[(band, *place)] = _by_cell(np.minimum, np.where(valid, steps, np.inf).min(axis=0), edges)
        self.maximum[(band, *place)] = _by_cell(np.maximum, np.where(valid, steps, -np.inf).max(axis=0), edges)
        self._count_odd(band, steps, valid, place, edges)

    def _count_odd(
        self, band: int, steps: NDArray[np.float64], valid: NDArray[np.bool_], place: Place, edges: Edges
    ) -> None:
        """Count values that look wrong, where there can be any."""
        lowest, highest = self.minimum[(band, *place)].min(), self.maximum[(band, *place)].max()
        plausible = plausible_values(self.spec.used[band])
        if plausible is not None and (lowest < plausible[0] or highest > plausible[1]):
            odd = ((steps < plausible[0]) | (steps > plausible[1])) & valid
            self.implausible[(band, *place)] = _by_cell(np.add, odd.sum(axis=0), edges)
        limits = RANGES[self.spec.dtype]
        if not self.spec.dtype.startswith("float") and (lowest == limits[0] or highest == limits[1]):
            odd = ((steps == limits[0]) | (steps == limits[1])) & valid
            self.at_limits[(band, *place)] = _by_cell(np.add, odd.sum(axis=0), edges)


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts and moments of each cell of a scene; the edges of all chips are edges of cells."""

    #: Row and column at which each cell begins, and the scene's height and width behind them.
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    #: Number of pixels in which any source holds data, (rows, columns).
    known: NDArray[np.int64]
    #: Sums of the answers, (terms, rows, columns); see :meth:`groundwork.targets.kind.TargetKind.terms`.
    answers: NDArray[np.generic]
    #: Source -> its values.
    sources: Mapping[str, CellValues]
    kind: TargetKind

    def add(self, window: Window, patch: Patch) -> None:
        """Take the pixels of a window whose edges are edges of cells; each pixel once.

        Args:
            window: Inside the scene.
            patch: With answers.
        """
        (top, bottom), (left, right) = window.toranges()
        starts = self.rows.searchsorted(top), self.columns.searchsorted(left)
        stops = self.rows.searchsorted(bottom), self.columns.searchsorted(right)
        place = slice(starts[0], stops[0]), slice(starts[1], stops[1])
        edges = self.rows[place[0]] - top, self.columns[place[1]] - left
        self.known[place] = _by_cell(np.add, patch.known.astype(np.int64), edges)
        for index, term in enumerate(self.kind.terms(np.asarray(patch.target))):
            self.answers[(index, *place)] = _by_cell(np.add, term, edges)
        for source, values in self.sources.items():
            values.add(patch.values[source], patch.valid[source], place, edges)

    def inside(self, windows: Iterable[Window]) -> NDArray[np.bool_]:
        """Return which cells lie in any of the windows, (rows, columns)."""
        found = np.zeros(self.known.shape, np.bool_)
        for window in windows:
            found[self.place(window)] = True
        return found

    def place(self, window: Window) -> Place:
        """Return the cells of a window."""
        (top, bottom), (left, right) = window.toranges()
        rows, columns = self.rows.searchsorted([top, bottom]), self.columns.searchsorted([left, right])
        return slice(*rows), slice(*columns)

    def answers_in(self, windows: Sequence[Window], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what the answers in windows add up to, (terms,), as of :func:`counted`.

        Of pixels, those that windows share count once; of whole images each counts.

        Args:
            windows: Of the scene.
            inside: Which cells lie in them, as of :meth:`inside`.
        """
        if self.kind.per != "image":
            return counted(self.kind, self.answers[:, inside].sum(axis=1))
        parts = (self.answers[:, *self.place(window)].sum(axis=(1, 2)) for window in windows)
        return np.asarray(np.stack([counted(self.kind, part) for part in parts]).sum(axis=0))


def counted(kind: TargetKind, sums: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return what the answers of a window count for in statistics, (terms,).

    A whole image counts as one, however much of it holds data, as it is learnt and judged: all its pixels say the same.

    Args:
        kind: Of the answers.
        sums: As of :meth:`TargetKind.terms`.
    """
    share = max(kind.num_known(sums), 1) if kind.per == "image" else 1
    return np.asarray(sums, np.float64) / share


def make_cells(edges: tuple[Iterable[int], Iterable[int]], inputs: Mapping[str, RasterSpec], kind: TargetKind) -> Cells:
    """Make cells without pixels.

    Args:
        edges: Rows and columns at which chips begin and end, with the scene's height and width.
        inputs: Source -> what its rasters hold.
        kind: Of the answers.
    """
    rows, columns = (np.unique([0, *lines]).astype(np.int64) for lines in edges)
    shape = (len(rows) - 1, len(columns) - 1)
    sources = {source: _make_values(spec, shape) for source, spec in inputs.items()}
    return Cells(
        rows, columns, np.zeros(shape, np.int64), np.zeros((kind.num_terms, *shape), kind.term_type), sources, kind
    )


def _make_values(spec: RasterSpec, cells: tuple[int, int]) -> CellValues:
    shape = (spec.num_channels, *cells)
    return CellValues(
        valid=np.zeros(cells, np.int64),
        mean=np.zeros(shape),
        squares=np.zeros(shape),
        minimum=np.full(shape, np.inf),
        maximum=np.full(shape, -np.inf),
        implausible=np.zeros(shape, np.int64),
        at_limits=np.zeros(shape, np.int64),
        zeros=np.zeros(cells, np.int64),
        spec=spec,
    )


def _by_cell(reduce: np.ufunc, plane: NDArray[Number], edges: Edges) -> NDArray[Number]:
    reduced: NDArray[Number] = reduce.reduceat(reduce.reduceat(plane, edges[0], axis=0), edges[1], axis=1)
    return reduced
