"""Which steps of a stack are read, where it may hold other numbers of dates than ``steps``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.windows import Window

from arrays import Array, cube_of, write_netcdf
from groundwork.errors import NoDatesError, PairingError, RasterError
from groundwork.rasters.choosing import choose_dates
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]
WHOLE = Window(0, 0, 5, 4)
FILL = {"steps": 3, "layout": "steps_first", "too_few_dates": "fill"}
#: Pixels of step, band, y, x.
VALUES = np.arange(1, 3 * 2 * 4 * 5 + 1, dtype=np.int16).reshape(3, 2, 4, 5)


@pytest.mark.parametrize("layout", ["steps_first", "bands_first"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_dates_as_bands_make_are_there_and_the_last_steps_are_filled(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, layout: str, count: int
) -> None:
    there = VALUES[:count] if layout == "steps_first" else VALUES[:count].swapaxes(0, 1)
    path = write_raster(tmp_path / "a.tif", there.reshape(-1, 4, 5))
    spec = make_spec("A", "B", **FILL | {"layout": layout})
    folder = find_rasters(path, [])
    with Scene(choose_dates(folder, spec).paths("a"), spec) as scene:
        values, valid = scene.read(WHOLE)
        assert np.array_equal(values[:, :count].swapaxes(0, 1), VALUES[:count])
        assert not values[:, count:].any()
        assert valid.shape == (3, 4, 5)
        assert valid.all(axis=(1, 2)).tolist() == [step < count for step in range(3)]
        assert not valid[count:].any()
        assert scene.dates is None
        shown = scene.thumbnail(5, last=True)[0]
        assert np.array_equal(shown, VALUES[count - 1])


def test_what_a_quality_band_says_is_of_its_step(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    stack = np.stack([VALUES[:2, 0], np.ones((2, 4, 5), np.int16)], axis=1)
    stack[1, 1, 2, 3] = 9
    path = write_raster(tmp_path / "a.tif", stack.reshape(-1, 4, 5), tags={"DATE": "2024-09-16, 2024-04-09"})
    rule = {"band": "Q", "not_values": [9]}
    words = {"take_dates": {"nearest_to": [100, 170, 260]}, "date_tag": "DATE", "valid": rule}
    spec = make_spec("A", "Q", **FILL | words)
    with Scene([path], spec) as scene:
        values, valid = scene.read(Window(1, 1, 4, 3))
        expected = np.ones((3, 3, 4), bool)
        expected[1], expected[0, 1, 2] = False, False
        assert np.array_equal(valid, expected)
        assert np.array_equal(values[0, ::2], stack[::-1, 0, 1:, 1:])
        assert scene.dates == [date(2024, 4, 9), date(2024, 4, 9), date(2024, 9, 16)]
        assert np.array_equal(scene.passed(WHOLE, [scene.spec.valid[0]])[1], np.zeros((4, 5), bool))


@pytest.mark.parametrize(
    ("take", "steps", "taken"),
    [
        ("newest", 2, [0, 1]),
        ("evenly_spread", 2, [2, 1]),
        ({"nearest_to": [180]}, 1, [0]),
        ("newest", 1, [1]),
        ("evenly_spread", 1, [0]),
        ("newest", 4, [2, 0, 1]),
    ],
)
def test_dates_of_tags_and_tables_are_chosen_as_those_of_an_axis_are(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, take: Any, steps: int, taken: list[int]
) -> None:
    days = (date(2024, 6, 28), date(2024, 9, 16), date(2024, 4, 9))
    path = write_raster(tmp_path / "a.tif", VALUES[:, 0], tags={"DATE": ", ".join(map(str, days))})
    cube = cube_of({"a": Array(("time", "y", "x"), VALUES[:, 0])}, [(day - date(2024, 1, 1)).days for day in days])
    array = find_rasters(write_netcdf(tmp_path / "a.nc", cube), [], variables=["a"])
    words: dict[str, Any] = {"steps": steps, "take_dates": take, "layout": "steps_first"}
    words["too_few_dates"] = "fill" if steps > 3 else "refuse"
    table = RasterFolder(tmp_path, {"a": ("a.tif",)}, {"a": days}, stacked=True)
    read: list[tuple[RasterFolder, dict[str, Any], Sequence[date] | None]] = [
        (array, {"date_axis": "time"}, None),
        (find_rasters(path, []), {"date_tag": "DATE"}, None),
        (table, {}, days),
    ]
    if steps == 1:
        # The axis of an array says by itself that there may be more.
        read.append((array, {"date_axis": "time", "layout": None}, None))
    for folder, said, told in read:
        spec = make_spec("A", **words | said)
        with Scene(choose_dates(folder, spec).paths("a"), spec, told=told) as scene:
            values = scene.read(WHOLE)[0].reshape(steps, 4, 5)
            assert np.array_equal(values[: len(taken)], VALUES[taken, 0])
            assert not values[len(taken) :].any()
            dates = [days[index] for index in taken]
            assert scene.dates == [*dates, *dates[-1:] * (steps - len(taken))]


@pytest.mark.parametrize("said", [{"date_tag": "DATE"}, {"too_few_dates": "fill"}, {"date_axis": "time"}])
def test_files_of_several_arrays_are_told_which_they_hold(
    tmp_path: Path, make_spec: MakeSpec, said: dict[str, str]
) -> None:
    cube = cube_of({name: Array(("time", "y", "x"), VALUES[:, 0]) for name in ("red", "nir")}, [1, 2, 3])
    path = write_netcdf(tmp_path / "a.nc", cube)
    spec = make_spec("A", steps=3, layout="steps_first", take_dates="newest" if "date_tag" in said else "all", **said)
    with pytest.raises(RasterError, match=r"no band \(subdatasets: .*:red, .*:nir\).*'variable'"):
        Scene([path], spec)


@pytest.mark.parametrize(
    ("words", "count", "tags", "message"),
    [
        ({}, 5, {}, r"found 5 band\(s\); expected 2 for each of at most 3 dates"),
        ({}, 8, {}, r"found 8 band\(s\); expected 2 for each of at most 3 dates"),
        ({"date_tag": "DATE"}, 6, {"DATE": "2024-06-28, 2024-09-16"}, r"4: 2 at each of 2 step\(s\) in tag 'DATE'\."),
        ({"date_tag": "DATE"}, 8, {"DATE": "20240101," * 3 + "20240628"}, r"4 step\(s\) in tag .* expected at most 3"),
        (
            {"date_tag": "DATE", "take_dates": {"nearest_to": [10, 20, 30], "within_days": 5}},
            4,
            {"DATE": "2024-06-28, 2024-09-16"},
            r"no date in tag 'DATE' that is near enough to any day .* 'within_days'",
        ),
        (
            {
                "date_tag": "DATE",
                "take_dates": {"nearest_to": [180, 20, 30], "within_days": 5},
                "too_few_dates": "refuse",
            },
            6,
            {"DATE": "2024-06-28, 2024-09-16, 2024-10-16"},
            "near enough to each day .*'too_few_dates: fill' stands",
        ),
        (
            {"date_tag": "DATE", "take_dates": "newest"},
            4,
            {"DATE": "summer"},
            "'summer' in tag 'DATE'; expected a date",
        ),
    ],
)
def test_stacks_that_do_not_say_what_they_hold_are_refused(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, words: dict[str, Any], count: int,
    tags: dict[str, str], message: str,
) -> None:  # fmt: skip
    path = write_raster(tmp_path / "a.tif", np.ones((count, 4, 5), np.int16), tags=tags)
    with pytest.raises(RasterError, match=message):
        Scene([path], make_spec("A", "B", **FILL | words))


def test_dates_that_nothing_says_are_not_chosen_of(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    path = write_raster(tmp_path / "a.tif", VALUES[:2, 0])
    spec = make_spec("A", **FILL | {"take_dates": "newest"})
    with pytest.raises(PairingError, match="or a table or the 'date_tag' of stacks"):
        choose_dates(find_rasters(path, []), spec)
    with pytest.raises(NoDatesError, match="None in tag 'DATE'"):
        Scene([path], spec.model_copy(update={"date_tag": "DATE"}))
    with pytest.raises(RasterError, match="no dates of its steps, of which 'take_dates: newest' chooses"):
        Scene([path], spec)


def test_a_last_band_that_may_be_a_mask_tells_no_number(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    """GDAL calls the fourth of four 8-bit bands an alpha band."""
    stack = np.full((4, 4, 5), 7, np.uint8)
    path = write_raster(tmp_path / "a.tif", stack)
    spec = make_spec("A", dtype="uint8", nodata=None, **FILL | {"steps": 5})
    with pytest.raises(RasterError, match=r"4 band\(s\), the last of which GDAL calls an alpha band"):
        Scene([path], spec)
    for count in (3, 4):
        with Scene([path], spec, told=[date(2024, 6, day + 1) for day in range(count)]) as scene:
            assert scene.read(WHOLE)[1].all(axis=(1, 2)).tolist() == [step < count for step in range(5)]


def test_files_of_bands_hold_the_same_dates(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    paths = [write_raster(tmp_path / f"{band}.tif", VALUES[: 2 + band, band]) for band in range(2)]
    with pytest.raises(RasterError, match=r"1\.tif: found the dates 3 step\(s\); expected those of .*0\.tif: 2 step"):
        Scene(paths, make_spec("A", "B", **FILL))
    days = "2024-01-01, 2024-02-01"
    tags = [days, f"{days}, 2024-02-01"]
    paths = [write_raster(tmp_path / f"{b}.tif", VALUES[: 2 + b, b], tags={"DATE": tags[b]}) for b in range(2)]
    with pytest.raises(RasterError, match=r"found the dates .*Make the files of one set"):
        Scene(paths, make_spec("A", "B", **FILL | {"date_tag": "DATE"}))


@pytest.mark.parametrize("order", [("time", "y", "x"), ("time", "band", "y", "x"), ("band", "time", "y", "x")])
def test_a_cube_of_one_date_is_one_of_several_steps(
    tmp_path: Path, make_spec: MakeSpec, order: tuple[str, ...]
) -> None:
    whole = dict(zip(("time", "band", "y", "x"), VALUES[:1].shape, strict=True))
    values = VALUES[:1, 0] if len(order) == 3 else VALUES[:1].reshape([whole[axis] for axis in order])
    cube = cube_of({"a": Array(order, values)}, [100])
    if len(order) > 3:
        cube["band"] = Array(["band"], np.array([1, 2], np.int32))
    folder = find_rasters(write_netcdf(tmp_path / "a.nc", cube), [], variables=["a"])
    names = ["A"] if len(order) == 3 else ["A", "B"]
    for layout in ("steps_first", "bands_first"):
        spec = make_spec(*names, **FILL | {"date_axis": "time", "layout": layout})
        with Scene(folder.paths("a"), spec) as scene:
            found, valid = scene.read(WHOLE)
            assert np.array_equal(found[:, 0], VALUES[0, : len(names)])
            assert valid.all(axis=(1, 2)).tolist() == [True, False, False]
            assert scene.dates == [date(2024, 4, 10)] * 3
