"""What a model of images alone paints of a scene, as a raster."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import RasterSpec
from groundwork.targets.kind import Products

RECONSTRUCTION = "reconstruction"


class PaintedScene:
    """The bands of a scene as they were painted, each pixel where the model was not shown it."""

    per = "pixel"

    def __init__(self, spec: RasterSpec) -> None:
        """Take what the source holds that is painted; its steps lie behind one another for each band."""
        self._spec = spec
        steps = [f"_{step + 1}" for step in range(spec.steps)] if spec.steps > 1 else [""]
        self._bands = [(band, f"{band.name}{step}") for band in spec.used for step in steps]

    @property
    def num_outputs(self) -> int:
        """Number of bands of the raster."""
        return len(self._bands)

    def activate(self, scores: Tensor) -> Tensor:
        """Return raw values as they are: tiles are blended in them."""
        return scores

    def profiles(self, grid: Grid, tags: Mapping[str, str], *, details: Collection[str]) -> dict[str, RasterProfile]:  # noqa: ARG002
        """Return a raster of float32, whose scales and offsets lead to the units of the bands."""
        names = tuple(name for _, name in self._bands)
        scalings = tuple((band.scale, band.offset) for band, _ in self._bands)
        units = tuple(band.unit or "" for band, _ in self._bands)
        nan = float("nan")
        profile = RasterProfile(grid, "float32", names, nan, tags=tags, units=units, scalings=scalings)
        return {RECONSTRUCTION: profile}

    def products(
        self, blended: NDArray[np.float32], valid: NDArray[np.bool_], profiles: Mapping[str, RasterProfile]
    ) -> Products:
        """Return the pixels; NaN where the scene holds no data."""
        return {RECONSTRUCTION: np.where(valid, blended, np.float32(np.nan)).astype(profiles[RECONSTRUCTION].dtype)}
