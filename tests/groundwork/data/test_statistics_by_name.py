from __future__ import annotations

import json

import pytest

from groundwork.data.statistics import BandStatistics, Statistics
from groundwork.errors import DataError
from groundwork.specs import RasterSpec
from groundwork.targets.statistics import TargetStatistics


def band(mean: float) -> BandStatistics:
    return BandStatistics(mean=mean, std=1.0, minimum=0.0, maximum=9.0)


def test_bands_go_by_name_whatever_order_a_file_lists_them_in() -> None:
    names = {"BLUE": 1.0, "RED": 3.0, "NIR": 4.0}
    made = Statistics(sources={"s": {n: band(m) for n, m in names.items()}}, target=TargetStatistics(), valid_pixels=1)
    read = Statistics.model_validate(json.loads(json.dumps(made.model_dump(mode="json"), sort_keys=True)))
    spec = RasterSpec(bands=("BLUE", "RED", "NIR"), use=("NIR", "BLUE", "RED"), dtype="int16", nodata=None)
    assert list(read.sources["s"]) != ["NIR", "BLUE", "RED"]
    assert [entry.mean for entry in read.of_bands("s", spec)] == [4.0, 1.0, 3.0]


def test_a_band_without_statistics_is_named() -> None:
    made = Statistics(sources={"s": {"BLUE": band(1)}}, target=TargetStatistics(), valid_pixels=1)
    with pytest.raises(DataError, match=r"no band \['RED'\]; they have \['BLUE'\]"):
        made.of_bands("s", RasterSpec(bands=("BLUE", "RED"), dtype="int16", nodata=None))
