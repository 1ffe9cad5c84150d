"""Mean and deviation of each band and the frequency of each class, on the training split, in one pass."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.config.data import DataConfig
from groundwork.data.labels import IGNORE
from groundwork.data.overlap import count_once
from groundwork.data.samples import DataError, only_source, open_labelled
from groundwork.progress import track
from groundwork.rasters.folder import RasterFolder
from groundwork.specs import RasterSpec
from groundwork.strict import Config


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
    #: Class -> number of pixels.
    class_pixels: dict[str, int]
    valid_pixels: int

    def of_bands(self, spec: RasterSpec) -> list[BandStatistics]:
        """Return the statistics of the bands that are read, in the order the model sees them.

        By name, never by position: a file may list the bands in another order.

        Raises:
            DataError: Where a band has none.
        """
        bands = next(iter(self.sources.values()))
        missing = [band.name for band in spec.used if band.name not in bands]
        if missing:
            raise DataError(f"The statistics have no band {missing}; they have {sorted(bands)}. Run data_prep again.")
        return [bands[band.name] for band in spec.used]


class Moments:
    """Mean and variance of a stream of values per channel, merged block by block (Chan et al. 1979)."""

    def __init__(self, num_channels: int) -> None:
        self.count = 0
        self.mean = np.zeros(num_channels)
        self.squares = np.zeros(num_channels)
        self.minimum = np.full(num_channels, np.inf)
        self.maximum = np.full(num_channels, -np.inf)

    def add(self, values: NDArray[np.float64]) -> None:
        """Merge values (channels, pixels)."""
        count = values.shape[1]
        if count == 0:
            return
        mean = values.mean(axis=1)
        squares = ((values - mean[:, None]) ** 2).sum(axis=1)
        delta, total = mean - self.mean, self.count + count
        self.mean = self.mean + delta * count / total
        self.squares = self.squares + squares + delta**2 * self.count * count / total
        self.count = total
        self.minimum = np.minimum(self.minimum, values.min(axis=1))
        self.maximum = np.maximum(self.maximum, values.max(axis=1))

    @property
    def std(self) -> NDArray[np.float64]:
        """Population standard deviation."""
        return np.sqrt(self.squares / max(self.count, 1))


def compute_statistics(
    samples: pd.DataFrame, scenes: RasterFolder, labels: RasterFolder, data: DataConfig
) -> Statistics:
    """Read the training chips once. Only valid pixels count; those that several chips share count once.

    Raises:
        DataError: Where a band holds one and the same value everywhere.
    """
    name, spec = only_source(data)
    train = samples[samples["split"] == "train"]
    moments, counts = Moments(spec.num_channels), np.zeros(data.target.num_outputs, np.int64)
    train = train.assign(covered=count_once(train))
    groups = train.groupby("scene", sort=True)
    for _, chips in track(groups, "Computing statistics", groups.ngroups):
        images, label = scenes.locate(chips[f"path_{name}"].iloc[0]), labels.locate(chips["path_label"].iloc[0])[0]
        with open_labelled(images, label, spec, data.target) as opened:
            for chip in chips.itertuples():
                window, counted = _uncounted(chip.row, chip.column, chip.size, chip.covered)
                if window is None:
                    continue
                values, valid, classes = opened.read(window)
                valid &= counted
                np.putmask(classes, ~counted, IGNORE)
                moments.add(values[..., valid].reshape(spec.num_channels, -1).astype(np.float64))
                counts += np.bincount(classes[classes != IGNORE], minlength=data.target.num_outputs)
    _refuse_constant(moments, spec)
    return Statistics(
        sources={name: _by_band(moments, spec)},
        class_pixels=dict(zip(data.target.names, counts.tolist(), strict=True)),
        valid_pixels=moments.count // spec.steps,
    )


def _uncounted(
    row: int, column: int, size: int, covered: list[tuple[slice, slice]]
) -> tuple[Window | None, NDArray[np.bool_]]:
    """Return the smallest window with all pixels of a chip that earlier ones do not cover, and which of it they are."""
    counted = np.ones((size, size), np.bool_)
    for part in covered:
        counted[part] = False
    rows, columns = (np.flatnonzero(counted.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None, counted
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    window = Window(column + left, row + top, right - left, bottom - top)
    return window, counted[top:bottom, left:right]


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


def _refuse_constant(moments: Moments, spec: RasterSpec) -> None:
    constant = [band.name for band, std in zip(spec.used, moments.std, strict=True) if not std > 0]
    if constant:
        values = [float(moments.mean[[band.name for band in spec.used].index(name)]) for name in constant]
        raise DataError(
            f"Band(s) {constant} hold one and the same value ({values}) in all of the training split; "
            "nothing can be learnt from them. Leave them out by 'use', or correct the files."
        )
