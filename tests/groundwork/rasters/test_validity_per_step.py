"""Dates by the time of the year, rasters that are filled, and validity of each step by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from rasterio.windows import Window

from groundwork.errors import PairingError
from groundwork.rasters.addresses import NO_FILE
from groundwork.rasters.choosing import choose_dates, distance_in_year
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]
WHOLE = Window(0, 0, 5, 4)
VALUES = np.arange(1, 3 * 2 * 4 * 5 + 1, dtype=np.int16).reshape(3, 2, 4, 5)


def _day(number: int, year: int = 2023) -> date:
    return date(year, 1, 1) + timedelta(number - 1)


def _folder(*days: date) -> RasterFolder:
    return RasterFolder(Path("/data"), {"k": tuple(f"{day}.tif" for day in days)}, {"k": days})


def _days(folder: RasterFolder) -> list[int | None]:
    return [date.fromisoformat(name[:-4]).timetuple().tm_yday if name else None for name in folder.files["k"]]


@pytest.mark.parametrize(
    ("days", "wanted", "taken", "dates"),
    [
        ([90, 170, 250, 300], [100, 180, 260], [90, 170, 250], [90, 170, 250]),
        ([90, 170, 250], [260, 100], [250, 90], [250, 90]),
        # Across the end of the year, and of the last day as of the first.
        ([10, 200, 355], [363, 5], [355, 10], [355, 10]),
        # The date that both want goes to the nearer, the other takes the next one.
        ([100, 200], [110, 102], [200, 100], [200, 100]),
        # As near to both: the earlier step has it.
        ([100, 300], [95, 105], [100, 300], [100, 300]),
        # As near to one: the earlier date.
        ([90, 110], [100], [90], [90]),
        # Filled, with the date that is nearest to the day.
        ([170, 250], [100, 180, 260], [None, 170, 250], [170, 170, 250]),
        ([20], [180, 5, 350], [None, 20, None], [20, 20, 20]),
    ],
)
def test_dates_nearest_to_days_of_the_year(
    make_spec: MakeSpec, days: list[int], wanted: list[int], taken: list[int | None], dates: list[int]
) -> None:
    more: dict[str, Any] = {"layout": "file_per_date", "too_few_dates": "fill"} if len(wanted) > 1 else {}
    spec = make_spec("A", steps=len(wanted), take_dates={"nearest_to": wanted}, **more)
    chosen = choose_dates(_folder(*map(_day, days)), spec)
    assert _days(chosen) == taken
    assert [day.timetuple().tm_yday for day in chosen.dates["k"]] == dates


@pytest.mark.parametrize(
    ("days", "within", "taken"),
    [
        ([90, 170, 250], 10, [90, 170, 250]),
        ([90, 170, 250], 9, "day 100, 180, 260"),
        ([98, 149, 262], 20, [98, None, 262]),
        ([98, 149, 262], 31, [98, 149, 262]),
        # Not near enough to any other.
        ([97, 103, 262], 20, [97, None, 262]),
    ],
)
def test_a_date_of_another_season_is_not_taken_where_it_is_said_how_near_one_must_be(
    make_spec: MakeSpec, days: list[int], within: int, taken: list[int | None] | str
) -> None:
    rule = {"nearest_to": [100, 180, 260], "within_days": within}
    spec = make_spec("A", steps=3, layout="file_per_date", take_dates=rule)
    filled = spec.model_copy(update={"too_few_dates": "fill", "validity_per_step": True})
    folder = _folder(*map(_day, days))
    if isinstance(taken, str):
        with pytest.raises(PairingError, match=rf"lack at least one date that is at most 9 days.*'k' \({taken}\)"):
            choose_dates(folder, filled)
        return
    assert _days(choose_dates(folder, filled)) == taken
    if None in taken:
        with pytest.raises(PairingError, match=r"lack a date for each day.*at most 20 days from it: 'k' \(day 180\)"):
            choose_dates(folder, spec)
    else:
        assert _days(choose_dates(folder, spec)) == taken


def test_dates_of_all_years_are_of_one_year(make_spec: MakeSpec) -> None:
    folder = _folder(_day(180, 2021), _day(95, 2022), _day(99, 2024))
    spec = make_spec("A", steps=2, layout="file_per_date", take_dates={"nearest_to": [100, 190]})
    assert choose_dates(folder, spec).dates["k"] == (_day(99, 2024), _day(180, 2021))
    assert distance_in_year(date(2024, 12, 31), 1) == 1
    assert distance_in_year(date(2023, 12, 31), 1) == 1


@pytest.mark.parametrize("take", ["all", "newest", "evenly_spread"])
def test_what_is_missing_is_filled_at_the_end(make_spec: MakeSpec, take: str) -> None:
    spec = make_spec("A", steps=4, layout="file_per_date", take_dates=take, too_few_dates="fill")
    chosen = choose_dates(_folder(_day(3), _day(9)), spec)
    assert _days(chosen) == [3, 9, None, None]
    assert chosen.dates["k"] == (_day(3), _day(9), _day(9), _day(9))
    assert chosen.paths("k") == (Path("/data/2023-01-03.tif"), Path("/data/2023-01-09.tif"), NO_FILE, NO_FILE)


def test_what_cannot_be_is_refused(make_spec: MakeSpec) -> None:
    with pytest.raises(
        PairingError, match=r"than 'steps' says, at least 3, for 1 raster\(s\): 'k' \(2\).*too_few_dates"
    ):
        choose_dates(
            _folder(_day(3), _day(9)),
            make_spec("A", steps=3, layout="file_per_date", take_dates={"nearest_to": [1, 2, 3]}),
        )
    spec = make_spec("A", steps=2, layout="file_per_date", too_few_dates="fill")
    with pytest.raises(PairingError, match=r"than 'steps' says, at most 2, for 1 raster\(s\): 'k' \(3\)"):
        choose_dates(_folder(_day(3), _day(9), _day(11)), spec)
    for words, message in (
        ({"too_few_dates": "fill"}, "'too_few_dates: fill' is for several dates, but 'steps' is 1"),
        ({"validity_per_step": True}, "'validity_per_step' is for several dates, but 'steps' is 1"),
        ({"take_dates": {"nearest_to": [1, 2]}}, r"'nearest_to' names 2 day\(s\), one for each step, but 'steps' is 1"),
        ({"take_dates": {"nearest_to": [400]}}, "less than or equal to 366"),
    ):
        with pytest.raises(ValidationError, match=message):
            make_spec("A", **words)


def test_each_step_holds_data_by_itself(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    values = VALUES.copy()
    values[0, 0, 0, 0] = -9999
    values[2, 1] = 0
    values[2, 1, 3, 4] = 1
    rule = {"band": "QA", "values": [0]}
    values[0, 1] = 0
    words = {"bands": ["A", "QA"], "steps": 3, "valid": rule, "validity_per_step": True}
    paths = [write_raster(tmp_path / f"{step}.tif", values[step]) for step in (0, 2)]
    spec = make_spec(**words | {"layout": "file_per_date"})
    expected = np.ones((3, 4, 5), bool)
    expected[0, 0, 0] = expected[1] = expected[2, 3, 4] = False
    with Scene([paths[0], NO_FILE, paths[1]], spec) as scene:
        read, valid = scene.read(WHOLE)
        beyond, valid_beyond = scene.read(Window(3, 2, 4, 4))
        small, shown = scene.thumbnail(10)
    assert np.array_equal(read[0], np.stack([values[0, 0], np.zeros((4, 5), np.int16), values[2, 0]]))
    assert np.array_equal(valid, expected)
    assert valid_beyond.shape == (3, 4, 4)
    assert np.array_equal(valid_beyond[:, :2, :2], expected[:, 2:, 3:])
    assert valid_beyond.sum() == expected[:, 2:, 3:].sum()
    assert np.array_equal(beyond[:, :, :2, :2], read[:, :, 2:, 3:])
    assert np.array_equal(small, values[0, :1])
    assert np.array_equal(shown, expected[0])
    stacked = write_raster(tmp_path / "stack.tif", values[[0, 2, 2]].reshape(6, 4, 5))
    for each in (True, False):
        with Scene([stacked], make_spec(**words | {"layout": "steps_first", "validity_per_step": each})) as scene:
            valid = scene.read(WHOLE)[1]
        by_step = np.stack([expected[0], expected[2], expected[2]])
        assert np.array_equal(valid, by_step if each else by_step.all(axis=0))
    with Scene([NO_FILE, *paths], spec) as scene:
        assert np.array_equal(scene.thumbnail(10)[0], values[0, :1]), "of the first date that is there"
        assert scene.path == paths[0]


def test_bands_with_several_steps_in_files_of_their_own(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    paths = [write_raster(tmp_path / f"{band}.tif", VALUES[:, band]) for band in range(2)]
    mask = np.zeros((3, 4, 5), np.int16)
    mask[1, 2, 3] = 1
    paths.append(write_raster(tmp_path / "mask.tif", mask))
    rule = {"band": "M", "values": [0]}
    spec = make_spec("A", "B", "M", use=["B", "A"], steps=3, layout="bands_first", valid=rule, validity_per_step=True)
    with Scene(paths, spec) as scene:
        read, valid = scene.read(WHOLE)
        small, _ = scene.thumbnail(10)
        last, shown = scene.thumbnail(10, last=True)
    assert np.array_equal(last, VALUES[2, ::-1])
    assert np.array_equal(shown, mask[2] == 0)
    assert np.array_equal(read, VALUES.swapaxes(0, 1)[::-1])
    assert np.array_equal(valid, mask == 0)
    assert np.array_equal(small, VALUES[0, ::-1])
