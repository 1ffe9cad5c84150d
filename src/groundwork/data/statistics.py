"""Mean and deviation of each band and the frequency of each class, on the training split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from groundwork.config.data import DataConfig, read_by_model
from groundwork.data import sample_table as table
from groundwork.data.cells import Cells, CellValues
from groundwork.errors import DataError
from groundwork.specs import RasterSpec
from groundwork.strict import Config
from groundwork.targets.kind import TargetKind
from groundwork.targets.kinds import kind_of
from groundwork.targets.statistics import TargetStatistics

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import pandas as pd


class BandStatistics(Config):
    """Raw values of one band over the valid pixels of the training split."""

    mean: float
    std: float
    minimum: float
    maximum: float


class Statistics(Config):
    """What the training split holds."""

    #: Source -> band -> its values.
    sources: dict[str, dict[str, BandStatistics]]
    #: What its labels add up to.
    target: TargetStatistics
    valid_pixels: int

    def of_bands(self, source: str, spec: RasterSpec) -> list[BandStatistics]:
        """Return the statistics of the bands of a source that are read, in the order the model sees them.

        By name, never by position: a file may list the bands in another order.

        Args:
            source: Its name.
            spec: What its rasters hold.

        Raises:
            DataError: Where the source, or a band of it, has none.
        """
        if source not in self.sources:
            raise DataError(
                f"The statistics have no source '{source}'; they have {sorted(self.sources)}. Compute them anew."
            )
        bands = self.sources[source]
        missing = [band.name for band in spec.used if band.name not in bands]
        if missing:
            raise DataError(f"The statistics have no band {missing}; they have {sorted(bands)}. Compute them anew.")
        return [bands[band.name] for band in spec.used]


class Moments:
    """Mean and variance of values per channel, merged part by part (Chan et al. 1979)."""

    def __init__(self, num_channels: int) -> None:
        self.count = 0
        self.mean = np.zeros(num_channels)
        self.squares = np.zeros(num_channels)
        self.minimum = np.full(num_channels, np.inf)
        self.maximum = np.full(num_channels, -np.inf)

    def add(self, other: Moments) -> None:
        """Merge those of other values."""
        if other.count == 0:
            return
        delta, total = other.mean - self.mean, self.count + other.count
        self.mean = self.mean + delta * other.count / total
        self.squares = self.squares + other.squares + delta**2 * self.count * other.count / total
        self.count = total
        self.minimum = np.minimum(self.minimum, other.minimum)
        self.maximum = np.maximum(self.maximum, other.maximum)

    @property
    def std(self) -> NDArray[np.float64]:
        """Population standard deviation."""
        return np.sqrt(self.squares / max(self.count, 1))


def compute_statistics(samples: pd.DataFrame, cells: Mapping[str, Cells], data: DataConfig) -> Statistics:
    """Add up the training chips. Only valid pixels count; those that several chips share count once. Reads no pixel.

    Answers of whole images are counted by image.

    Args:
        samples: With splits.
        cells: What the pixels of each scene add up to; see :func:`groundwork.data.scan.scan_scenes`.
        data: The sources, and the target.

    Raises:
        DataError: Where a band holds one and the same value everywhere.
    """
    kind, train = kind_of(data.target), table.of_split(samples, "train")
    sources = read_by_model(data.sources)
    moments = {source: Moments(spec.num_channels) for source, spec in sources.items()}
    sums, num_known = np.zeros(kind.num_terms), 0
    for scene, chips in train.groupby(table.SCENE, sort=True):
        found = cells[str(scene)]
        windows = [table.window_of(*place) for place in table.windows(chips).tolist()]
        inside = found.inside(windows)
        for source, spec in sources.items():
            moments[source].add(moments_of(found.sources[source], inside, spec.steps // spec.times_counted))
        sums += found.answers_in(windows, inside)
        num_known += int(found.known[inside].sum())
    for source, spec in sources.items():
        _refuse_constant(source, moments[source], spec)
    return Statistics(
        sources={source: _by_band(moments[source], spec) for source, spec in sources.items()},
        target=summary_of(kind, sums),
        valid_pixels=num_known,
    )


def summary_of(kind: TargetKind, sums: NDArray[np.float64]) -> TargetStatistics:
    """Return what the labels of the training split hold, by what they count for."""
    return kind.summarise(np.rint(sums).astype(np.int64) if kind.term_type is np.int64 else sums)


def moments_of(cells: CellValues, inside: NDArray[np.bool_], steps: int) -> Moments:
    """Merge the moments of some cells (the parallel algorithm of Chan et al. 1979, for many parts at once).

    Args:
        cells: Of one source and scene.
        inside: Chooses cells, (rows, columns).
        steps: Number of dates, whose values belong together.
    """
    moments = Moments(len(cells.mean))
    counts = cells.valid[inside] * steps
    moments.count = int(counts.sum())
    means = cells.mean[:, inside]
    moments.mean = (means * counts).sum(axis=1) / max(moments.count, 1)
    spread = ((means - moments.mean[:, None]) ** 2 * counts).sum(axis=1)
    moments.squares = cells.squares[:, inside].sum(axis=1) + spread
    moments.minimum = cells.minimum[:, inside].min(axis=1, initial=np.inf)
    moments.maximum = cells.maximum[:, inside].max(axis=1, initial=-np.inf)
    return moments


def _by_band(moments: Moments, spec: RasterSpec) -> dict[str, BandStatistics]:
    return {
        band.name: BandStatistics(
            mean=_rounded(moments.mean[index]),
            std=_rounded(moments.std[index]),
            minimum=float(moments.minimum[index]),
            maximum=float(moments.maximum[index]),
        )
        for index, band in enumerate(spec.used)
    }


def _rounded(value: float) -> float:
    """Keep nine digits, whatever the unit: what follows depends on the order in which blocks were added."""
    return float(f"{value:.9g}")


def _refuse_constant(source: str, moments: Moments, spec: RasterSpec) -> None:
    if moments.count == 0:
        raise DataError(
            f"The source '{source}' holds no data in any scene of the training split: nothing can be learnt from it. "
            "Split the samples anew, or leave the source out."
        )
    constant = [band.name for band, std in zip(spec.used, moments.std, strict=True) if not std > 0]
    if constant:
        values = [float(moments.mean[[band.name for band in spec.used].index(name)]) for name in constant]
        raise DataError(
            f"Band(s) {constant} hold one and the same value ({values}) in all of the training split; "
            "nothing can be learnt from them. Leave them out by 'use', or correct the files."
        )
