"""Whether labels lie where their images do: edges of both are held against one another, shifted by some pixels.

A label that was drawn on another image, or was moved by half a pixel on the way, teaches a model to see edges where
none are. Found by the normalised cross-correlation of gradient magnitudes (Lewis 1995), summed over many windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.signal import fftconvolve

from groundwork.batch import Patch
from groundwork.data import sample_table as table
from groundwork.data.chips import LabelledData
from groundwork.data.picking import evenly
from groundwork.progress import track
from groundwork.strict import Config

#: Largest shift that is looked for, in pixels, and most windows that are looked at.
REACH, MOST_WINDOWS = 8, 200
#: With fewer scenes it is windows that must agree.
FEW_SCENES = 5


class LabelOffset(Config):
    """How far the edges of labels lie from those of images, in pixels, over the training split."""

    #: To the right and downwards; negative to the left and upwards. None: no edges agree, at any shift within reach.
    dx: float | None
    dy: float | None
    #: Correlation of the edges at this shift, and without any, -1 to 1.
    strength: float
    unshifted: float
    #: Share of the scenes (of the windows, where scenes are few) whose edges agree better at this shift than at none.
    agreeing: float
    #: Number of scenes, of windows, and of whichever of both was asked.
    scenes: int
    windows: int
    asked: int


@dataclass(frozen=True, slots=True)
class _Correlation:
    """Sums of products of edges at each shift (2 * REACH + 1, 2 * REACH + 1), and of their squares."""

    products: NDArray[np.float64]
    squares: tuple[float, float]

    def normalised(self) -> NDArray[np.float64]:
        return np.asarray(self.products / max((self.squares[0] * self.squares[1]) ** 0.5, 1e-12))


def measure_offset(data: LabelledData) -> LabelOffset | None:
    """Return the offset of labels; None where answers are not of pixels, or no training chip shows any edge.

    Args:
        data: Whose training chips are looked at, evenly picked where they are many.
    """
    samples = data.of_split("train")
    if data.kind.per != "pixel" or samples.empty:
        return None
    chips = data.chips("train")
    picked = evenly(len(chips), MOST_WINDOWS)
    found: dict[str, list[_Correlation]] = {}
    for index in track(picked, "Holding labels against images", len(picked)):
        patch = chips[index].patch
        one = _correlate(*_edges(patch, data))
        if one is not None:
            found.setdefault(str(samples[table.SCENE].iloc[index]), []).append(one)
    return _summed_up(found) if found else None


def _summed_up(found: dict[str, list[_Correlation]]) -> LabelOffset:
    windows = [window for scene in found.values() for window in scene]
    asked = [_sum(scene) for scene in found.values()] if len(found) >= FEW_SCENES else windows
    pooled = _sum(windows).normalised()
    row, column = np.unravel_index(pooled.argmax(), pooled.shape)
    place = (int(row), int(column))
    better = [part.products[place] > part.products[REACH, REACH] for part in asked]
    counts = {"scenes": len(found), "windows": len(windows), "asked": len(asked)}
    values = {"strength": pooled[place], "unshifted": pooled[REACH, REACH], "agreeing": float(np.mean(better))}
    rounded = {name: round(float(value), 4) for name, value in values.items()}
    shift = _peak(pooled, place)
    # Not -0.
    dy, dx = (None, None) if shift is None else (round(part, 2) + 0.0 for part in shift)
    return LabelOffset(dx=dx, dy=dy, **rounded, **counts)


def _sum(parts: Sequence[_Correlation]) -> _Correlation:
    products = np.sum([part.products for part in parts], axis=0)
    image, label = np.sum([part.squares for part in parts], axis=0).tolist()
    return _Correlation(products, (image, label))


def _peak(values: NDArray[np.float64], place: tuple[int, int]) -> tuple[float, float] | None:
    """Return the shift (rows, columns) of the highest value, between pixels by parabolas; None at the edge of reach."""
    row, column = place
    if not (0 < row < 2 * REACH and 0 < column < 2 * REACH):
        return None
    down, across = values[row - 1 : row + 2, column], values[row, column - 1 : column + 2]
    return row - REACH + _vertex(*down.tolist()), column - REACH + _vertex(*across.tolist())


def _vertex(before: float, at: float, after: float) -> float:
    curve = before - 2 * at + after
    return 0.0 if curve >= 0 else float(np.clip(0.5 * (before - after) / curve, -0.5, 0.5))


def _edges(patch: Patch, data: LabelledData) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return how steep image and label are at each pixel, and where both are known around it (height, width)."""
    values, valid = patch.picture_of(data.reference)
    answers = np.asarray(patch.target)
    known = valid & data.kind.known(answers)
    planes = [_scaled(plane.astype(np.float64), known) for plane in values]
    if data.target.classes:
        labels = [(answers == index).astype(np.float64) for index in np.unique(answers[known])]
    else:
        labels = [_scaled(np.nan_to_num(plane.astype(np.float64)), known) for plane in answers]
    # Steep are also the edges of what is not known.
    inside = binary_erosion(known, np.ones((3, 3)), border_value=0)
    return _steepness(planes), _steepness(labels), inside


def _scaled(plane: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    spread = plane[known].std() if known.any() else 0.0
    return np.where(known, plane, 0.0) / spread if spread > 0 else np.zeros_like(plane)


def _steepness(planes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the root of the summed squares of all gradients; few very steep edges do not outweigh all others."""
    total = np.zeros(planes[0].shape) if planes else np.zeros((1, 1))
    for plane in planes:
        down, across = np.gradient(plane)
        total += down**2 + across**2
    return np.sqrt(np.sqrt(total))


def _correlate(
    image: NDArray[np.float64], label: NDArray[np.float64], inside: NDArray[np.bool_]
) -> _Correlation | None:
    """Return the correlation of two pictures at each shift of the second; None where either has no edge."""
    if inside.sum() < (2 * REACH) ** 2 or min(image.shape) <= 2 * REACH:
        return None
    one, other = (np.where(inside, part - part[inside].mean(), 0.0) for part in (image, label))
    squares = (float((one**2).sum()), float((other**2).sum()))
    if min(squares) <= 1e-9:
        return None
    # Shifted pictures share fewer pixels, which must not count against a shift.
    shared = _at_shifts(inside.astype(np.float64), inside.astype(np.float64))
    return _Correlation(_at_shifts(one, other) * (shared[REACH, REACH] / shared.clip(min=1)), squares)


def _at_shifts(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of ``one[row, column] * other[row + dy, column + dx]`` by shift (dy, dx)."""
    whole = fftconvolve(other, one[::-1, ::-1], mode="full")
    row, column = one.shape[0] - 1, one.shape[1] - 1
    near: NDArray[np.float64] = whole[row - REACH : row + REACH + 1, column - REACH : column + REACH + 1]
    return near
