"""From places to what a training reads: scan, split and statistics in one go, kept in a folder and read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from groundwork.atomic import whole_file
from groundwork.config.data import DataConfig
from groundwork.config.indexing import IndexingConfig
from groundwork.data.chips import labelled
from groundwork.data.label_offset import measure_offset
from groundwork.data.label_sources import Labels, require_labels
from groundwork.data.packed import ChipStore, open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.places import PlacesConfig
from groundwork.data.sample_table import SCENE, read_samples, write_samples
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import check_method, divide, report_splits
from groundwork.data.statistics import Statistics, compute_statistics
from groundwork.data.value_report import report_values
from groundwork.errors import DataError
from groundwork.rasters.folder import RasterFolder

#: What a folder of prepared data holds.
SAMPLES, STATISTICS, PACKED, SCENES, SPLITS, VALUES = (
    "samples.csv", "statistics.json", "packed", "scene_report.csv", "splits.json", "values.json"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PreparedData:
    """Samples with their splits, and what they are read from."""

    samples: pd.DataFrame
    statistics: Statistics
    scenes: RasterFolder | Mapping[str, RasterFolder]
    labels: Labels
    #: Where chips were packed. None: they are read from the rasters.
    store: ChipStore | None


def prepare_data(
    places: PlacesConfig, data: DataConfig, indexing: IndexingConfig, seed: int, folder: Path
) -> PreparedData:
    """Look through all scenes, split their chips and compute statistics; a folder keeps what comes of it.

    Args:
        places: Where all that is read lies.
        data: What it holds, and how it is cut and split.
        indexing: Who does the work.
        seed: Of the draw of splits.
        folder: Where the table of samples, statistics, reports and packed chips are written.

    Raises:
        PairingError: Where nothing is found, or an image or a label has no partner.
        DataError: As of :func:`groundwork.data.scan.scan_scenes` and :func:`groundwork.data.splits.divide`.
    """
    # Before a pixel is read: what is missing, and what does not go together.
    lists, regions = places.open_lists(), None if places.split_regions is None else places.split_regions.open()
    check_method(data.split, lists, regions)
    scenes, labels = places.scenes.open(), None if places.labels is None else places.labels.open()
    require_labels(labels, data.target)
    scan = scan_scenes(scenes, labels, data, indexing)
    division = divide(scan.chips, data.split, lists, seed, regions, scan.report[SCENE])
    write_samples(scan.report, folder / SCENES)
    write_samples(division.samples, folder / SAMPLES)
    # All that follows is made from what a later command reads.
    samples = read_samples(folder / SAMPLES)
    _write_json(folder / SPLITS, report_splits(samples, data, division.left_out))
    _write_json(folder / STATISTICS, compute_statistics(samples, scan.cells, data).model_dump(mode="json"))
    chips = labelled(samples, scenes, labels, (data.sources, data.target))
    values = report_values(samples, scan.cells, data, measure_offset(chips))
    _write_json(folder / VALUES, values.model_dump(mode="json"))
    store_chips(ChipsToStore(chips, data.store), folder / PACKED)
    return PreparedData(samples, _read_statistics(folder / STATISTICS), scenes, labels, open_store(folder / PACKED))


def read_prepared(places: PlacesConfig, folder: Path) -> PreparedData:
    """Read what :func:`prepare_data` wrote.

    Raises:
        DataError: Where there is nothing.
    """
    statistics = _read_statistics(folder / STATISTICS)
    labels = None if places.labels is None else places.labels.open()
    samples = read_samples(folder / SAMPLES)
    return PreparedData(samples, statistics, places.scenes.open(), labels, open_store(folder / PACKED))


def _read_statistics(file: Path) -> Statistics:
    if not file.is_file():
        raise DataError(f"{file}: found no such file; data is prepared by a training, or by itself before one.")
    try:
        return Statistics.model_validate_json(file.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise DataError(f"{file} cannot be read as statistics ({error}). Prepare the data anew.") from None


def _write_json(file: Path, values: object) -> None:
    with whole_file(file) as partial:
        partial.write_text(json.dumps(values, indent=2, sort_keys=True), encoding="utf-8")
