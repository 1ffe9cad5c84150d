"""What the bands of each split hold: what an audit of the data reads in place of pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.config.data import DataConfig, read_by_model
from groundwork.config.split import SPLITS
from groundwork.data import sample_table as table
from groundwork.data.cells import Cells, CellValues
from groundwork.data.label_offset import LabelOffset
from groundwork.data.statistics import Moments, moments_of
from groundwork.specs import RasterSpec
from groundwork.specs.units import plausible_values
from groundwork.strict import Config


class BandValues(Config):
    """Raw values of one band over the valid pixels of a split."""

    #: None, and so are the others, where no pixel holds data.
    mean: float | None
    std: float | None
    minimum: float | None
    maximum: float | None
    #: Share of the values beyond what is plausible in the band's unit. None: nothing is known of the unit.
    implausible: float | None
    #: Share of the values that are the lowest or the highest whole number of the data type.
    at_limits: float
    #: Scenes in which the band holds one and the same value.
    constant_scenes: tuple[str, ...]


class SourceValues(Config):
    """What one source holds in the chips of a split. Pixels that several chips share count once."""

    scenes: int
    #: Share of the pixels in which the source holds no data.
    without_data: float
    #: Share of the pixels with data in which all bands are 0. None: there is one band, or it was not measured.
    zeros: float | None = None
    bands: dict[str, BandValues]


class ValueReport(Config):
    """What each source holds in each split."""

    #: Split -> source -> its values.
    splits: dict[str, dict[str, SourceValues]]
    #: How far labels lie from their images. None: not measured, as answers are not of pixels.
    label_offset: LabelOffset | None = None


class _Sums:
    """What the chips of a split add up to, for one source."""

    def __init__(self, spec: RasterSpec) -> None:
        self.steps = spec.steps // spec.times_counted
        self.moments = Moments(spec.num_channels)
        self.implausible = np.zeros(spec.num_channels, np.int64)
        self.at_limits = np.zeros(spec.num_channels, np.int64)
        #: Each pixel counts so many times among those that hold data.
        self.times = spec.times_counted
        self.pixels = self.valid = self.scenes = self.zeros = 0
        self.constant: dict[str, list[str]] = {band.name: [] for band in spec.used}

    def add(self, scene: str, cells: CellValues, pixels: NDArray[np.int64], inside: NDArray[np.bool_]) -> None:
        """Take the cells of a scene that lie in chips of the split."""
        moments = moments_of(cells, inside, self.steps)
        self.moments.add(moments)
        self.implausible += cells.implausible[:, inside].sum(axis=1)
        self.at_limits += cells.at_limits[:, inside].sum(axis=1)
        self.zeros += int(cells.zeros[inside].sum())
        self.pixels += self.times * int(pixels[inside].sum())
        self.valid += int(cells.valid[inside].sum())
        self.scenes += int(moments.count > 0)
        for index, name in enumerate(self.constant):
            if moments.count and moments.minimum[index] == moments.maximum[index]:
                self.constant[name].append(scene)

    def values(self, spec: RasterSpec) -> SourceValues:
        """Return what was added up."""
        count, moments = self.moments.count, self.moments
        bands = {}
        for index, band in enumerate(spec.used):
            found = (moments.mean, moments.std, moments.minimum, moments.maximum)
            mean, std, minimum, maximum = (float(f"{part[index]:.9g}") if count else None for part in found)
            known = plausible_values(band) is not None
            bands[band.name] = BandValues(
                mean=mean,
                std=std,
                minimum=minimum,
                maximum=maximum,
                implausible=_share(int(self.implausible[index]), count) if known else None,
                at_limits=_share(int(self.at_limits[index]), count),
                constant_scenes=tuple(self.constant[band.name]),
            )
        return SourceValues(
            scenes=self.scenes,
            without_data=_share(self.pixels - self.valid, self.pixels),
            zeros=_share(self.zeros, count) if spec.num_channels > 1 else None,
            bands=bands,
        )


def report_values(
    samples: pd.DataFrame, cells: Mapping[str, Cells], data: DataConfig, offset: LabelOffset | None = None
) -> ValueReport:
    """Add up what each source holds in the chips of each split. Reads no pixel.

    Args:
        samples: With splits.
        cells: What the pixels of each scene add up to; see :func:`groundwork.data.scan.scan_scenes`.
        data: The sources.
        offset: Of labels, where it was measured.
    """
    splits = {}
    for split in SPLITS:
        sums = {source: _Sums(spec) for source, spec in read_by_model(data.sources).items()}
        for scene, chips in table.of_split(samples, split).groupby(table.SCENE, sort=True):
            found = cells[str(scene)]
            inside = found.inside(table.window_of(*place) for place in table.windows(chips).tolist())
            pixels = np.outer(np.diff(found.rows), np.diff(found.columns))
            for source, part in sums.items():
                part.add(str(scene), found.sources[source], pixels, inside)
        splits[split] = {source: sums[source].values(spec) for source, spec in read_by_model(data.sources).items()}
    return ValueReport(splits=splits, label_offset=offset)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
