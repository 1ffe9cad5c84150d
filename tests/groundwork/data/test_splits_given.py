"""Splits by days, by a column and by polygons: followed to the letter, refused where they do not fit, never near."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import combinations, product
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.config.split import SPLITS, SplitConfig
from groundwork.data.regions import Regions, read_regions
from groundwork.data.splits import assign_splits, divide
from groundwork.errors import DataError, RasterError

UTM = "EPSG:32632"
Table = Callable[..., pd.DataFrame]
DATES = {"val": ["2022-01-01", "2022-06-30"], "test": ["2022-07-01", None]}
VALUES = {"train": ["11"], "val": ["1"], "test": ["111"]}


def _config(method: str, **changes: Any) -> SplitConfig:
    return SplitConfig.model_validate({"method": method} | changes)


def _row_of_scenes(table_of: Table, scenes: Sequence[str], apart: int = 100) -> pd.DataFrame:
    """Return one chip per scene, side by side, `apart` pixels from one to the next."""
    return table_of([(scene, 0, apart * number) for number, scene in enumerate(scenes)])


def _by_scene(samples: pd.DataFrame) -> dict[str, str]:
    return dict(zip(samples["scene"], samples["split"], strict=True))


def _regions(*boxes: tuple[float, float, float, float], crs: str | None = UTM, **columns: Any) -> Regions:
    """Return rectangles given in pixels east and south of the table's corner, brought to a CRS."""
    shapes = [
        shapely.box(500_000 + 10 * left, 5_000_000 - 10 * bottom, 500_000 + 10 * right, 5_000_000 - 10 * top)
        for left, top, right, bottom in boxes
    ]
    frame = geopandas.GeoDataFrame(columns, geometry=shapes, crs=UTM)
    return Regions(Path("regions.gpkg"), frame.to_crs(crs))


# --- days -----------------------------------------------------------------------------------------------------------


def test_days_are_followed_and_both_ends_belong_to_a_split(table_of: Table) -> None:
    days = ["2021-12-31", "2022-01-01", "2022-06-30", "2022-07-01", "2030-01-01"]
    table = _row_of_scenes(table_of, list("abcde")).assign(dates=days)
    split = assign_splits(table, _config("date", dates=DATES), {}, 0)
    assert split["split"].tolist() == ["train", "val", "val", "test", "test"]


def test_a_sample_belongs_where_all_its_dates_do_and_the_rest_is_counted(table_of: Table) -> None:
    days = ["2021-01-01,2021-02-01", "2021-12-01,2022-01-02", "2022-02-02,2022-03-03", "2022-08-08,2022-09-09"]
    table = _row_of_scenes(table_of, list("abcd")).assign(dates=days)
    division = divide(table, _config("date", dates=DATES), {}, 0)
    assert _by_scene(division.samples) == {"a": "train", "c": "val", "d": "test"}
    assert division.left_out == {"none": {"on days of several splits": 1}}
    some = _config("date", dates=DATES | {"train": [None, "2021-01-31"]})
    table["dates"] = ["2021-01-01", "2021-12-01", "2022-02-02", "2022-08-08"]
    assert divide(table, some, {}, 0).left_out == {"none": {"on no day of a split": 1}}


def test_one_place_on_days_of_two_splits_is_seen_by_one_of_them_only(table_of: Table) -> None:
    table = table_of([("a1", 0, 0), ("a2", 0, 10), ("b", 0, 200), ("c", 0, 300)])
    table["dates"] = ["2021-01-01", "2022-08-08", "2021-01-01", "2022-02-02"]
    division = divide(table, _config("date", dates=DATES), {}, 0)
    assert _by_scene(division.samples) == {"a2": "test", "b": "train", "c": "val"}
    assert division.left_out == {"train": {"overlaps test": 1}}


def test_scenes_without_a_date_are_refused(table_of: Table) -> None:
    table = _row_of_scenes(table_of, list("abc")).assign(dates=["2021-01-01", None, ""])
    with pytest.raises(DataError, match=r"2 scene\(s\) have none: 'b', 'c'\. State the 'date_tag' or 'date_axis'"):
        divide(table, _config("date", dates=DATES), {}, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "method 'date' needs 'dates': first and last day of val and test"),
        ({"dates": {"val": [2022, 2023], "test": [2023, None]}}, "a day is written like '2022-01-31'; found 2022"),
        ({"dates": {"val": ["2022-02-01", "2022-01-01"], "test": ["2023-01-01", None]}}, "'val' ends on 2022-01-01, b"),
        ({"dates": {"val": ["2022-01-01", None], "test": ["2023-01-01", None]}}, "'val' lasts up to 9999.* share days"),
        ({"dates": DATES, "folds": 5}, "'folds' divide what is drawn.*the method is 'date'"),
        ({"dates": DATES, "column": "region"}, "'column' is for method column, but the method is 'date'"),
    ],
)
def test_days_that_mean_nothing_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _config("date", **words)


def test_days_are_read_from_text_and_from_dates_alike() -> None:
    plain = {"val": [date(2022, 1, 1), date(2022, 6, 30)], "test": [date(2022, 7, 1), None]}
    assert _config("date", dates=plain) == _config("date", dates=DATES)


# --- columns --------------------------------------------------------------------------------------------------------


def test_values_of_a_column_are_followed_and_parts_of_names_never_match(table_of: Table) -> None:
    table = _row_of_scenes(table_of, ["a", "b", "c", "d"]).assign(column_region=["1", "11", "111", "11"])
    split = assign_splits(table, _config("column", column="region", values=VALUES), {}, 0)
    assert _by_scene(split) == {"a": "val", "b": "train", "c": "test", "d": "train"}


def test_what_no_split_names_is_train_where_train_names_nothing(table_of: Table) -> None:
    table = _row_of_scenes(table_of, list("abcde")).assign(column_region=["n", "s", "w", "e", "x"])
    config = _config("column", column="region", values={"val": ["n"], "test": ["s"], "leave_out": ["x"]})
    division = divide(table, config, {}, 0)
    assert _by_scene(division.samples) == {"a": "val", "b": "test", "c": "train", "d": "train"}
    assert division.left_out == {"none": {"named by 'leave_out'": 1}}


def test_scenes_of_one_value_stay_together_when_they_are_drawn(table_of: Table) -> None:
    scenes = [str(number) for number in range(30)]
    table = _row_of_scenes(table_of, scenes).assign(column_region=[f"r{int(scene) % 10}" for scene in scenes])
    config = _config("column", column="region", fractions={"train": 0.6, "val": 0.2, "test": 0.2})
    split = assign_splits(table, config, {}, 3)
    assert (split.groupby("column_region")["split"].nunique() == 1).all()
    assert split["split"].value_counts().to_dict() == {"train": 18, "val": 6, "test": 6}
    tested = [
        set(
            assign_splits(table, _config("column", column="region", folds=5, fold=fold), {}, 3)
            .query("split == 'test'")
            .scene
        )
        for fold in range(5)
    ]
    assert sum(map(len, tested)) == 30 == len(set.union(*tested))


@pytest.mark.parametrize(
    ("words", "found", "message"),
    [
        ({"column": "regoin"}, list("nsw"), r"no such column\. Did you mean 'region'\? Found: 'region'"),
        ({"column": "region"}, ["n", "", None], r"empty for 2 scene\(s\): 'b', 'c'"),
        ({"column": "region"}, ["train", "val", "test"], r"called 'test', 'train', 'val', as if they named splits"),
        ({"column": "region", "folds": 4}, list("nsw"), r"Found 3 values of 'region' with samples; 4 folds need at"),
        ({"column": "region"}, list("nnw"), r"Found 2 values of 'region' with samples; 3 splits need at least"),
        (
            {"column": "region", "values": {"val": ["n"], "test": ["S"]}},
            list("nsw"),
            r"names 'S', which the column 'region' lacks; it has 'n', 's', 'w'\. Correct the spelling",
        ),
        (
            {"column": "region", "values": {"train": ["w"], "val": ["n"], "test": ["s"]}},
            list("nsx"),
            r"names 'w', which the column",
        ),
        (
            {"column": "region", "values": {"train": ["n"], "val": ["s"], "test": ["w"]}},
            ["n", "s", "w", "x"],
            r"has 'x', which 'split.values' does not name\. Name them under a split or under 'leave_out'",
        ),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    table_of: Table, words: dict[str, Any], found: list[str], message: str
) -> None:
    table = _row_of_scenes(table_of, list("abcd")[: len(found)]).assign(column_region=found)
    with pytest.raises(DataError, match=message):
        divide(table, _config("column", **words), {}, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "method 'column' needs 'column'"),
        ({"column": "r", "values": {"val": ["a"], "test": ["a"]}}, r"each value stands in one list.*\['a'\]"),
        ({"column": "r", "values": {"val": [7], "test": ["8"]}}, "write '7', in quotation marks"),
        ({"column": "r", "values": {"val": ["7"], "test": ["8"]}, "folds": 3}, "but 'values' are given; leave one out"),
        ({"column": "r", "attribute": "r"}, "'attribute' is for method polygons"),
    ],
)
def test_values_that_mean_nothing_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _config("column", **words)


# --- polygons -------------------------------------------------------------------------------------------------------

THIRDS = ((0, 0, 100, 100), (100, 0, 200, 100), (200, 0, 300, 100))


@pytest.mark.parametrize("crs", [UTM, "EPSG:4326", "EPSG:3035"])
def test_samples_belong_to_the_region_that_holds_their_whole_window(table_of: Table, crs: str) -> None:
    # The third lies across a border, the fifth reaches beyond the regions, the sixth lies outside.
    table = table_of([("a", 0, column) for column in (2, 40, 80, 140, 290, 400, 240)])
    regions = _regions(*THIRDS, name=["1", "11", "111"], crs=crs)
    config = _config("polygons", attribute="name", values=VALUES)
    division = divide(table, config, {}, 0, regions)
    assert dict(zip(division.samples["column"], division.samples["split"], strict=True)) == {
        2: "val",
        40: "val",
        140: "train",
        240: "test",
    }
    assert division.left_out == {"none": {"across the border of a region": 2, "in no region": 1}}


@pytest.mark.parametrize("turn", [0, 360])
def test_regions_and_samples_meet_however_their_longitudes_are_counted(
    table_of: Table, tmp_path: Path, turn: float
) -> None:
    west = np.array([179.6, 179.95, 180.3, -179.5, 178.5, 179.8])
    table = table_of([("a", 0, 40 * index) for index in range(6)]).assign(
        crs="EPSG:4326", west=west, east=west + 0.1, south=-17.1, north=-17.0, pixel_size=0.1 / 32
    )
    boxes = [
        shapely.box(179, -18, 180, -16),
        shapely.box(turn - 180, -18, turn - 179, -16),
        shapely.box(178, -18, 179, -16),
    ]
    frame = geopandas.GeoDataFrame({"name": list("abc")}, geometry=boxes, crs=4326)
    frame.to_file(tmp_path / "regions.gpkg")
    config = _config("polygons", attribute="name", values={"train": ["a"], "val": ["b"], "test": ["c"]})
    division = divide(table, config, {}, 0, read_regions(tmp_path / "regions.gpkg"))
    split = dict(zip(division.samples["west"], division.samples["split"], strict=True))
    assert split == {179.6: "train", 180.3: "val", -179.5: "val", 178.5: "test", 179.8: "train"}
    assert division.left_out == {"none": {"across the border of a region": 1}}


def test_a_window_that_fills_its_region_lies_in_it(table_of: Table) -> None:
    table = table_of([("a", 0, 0), ("a", 0, 32), ("a", 0, 64)])
    regions = _regions((0, 0, 32, 32), (32, 0, 64, 32), (64, 0, 96, 32), name=["a", "b", "c"])
    config = _config("polygons", attribute="name", values={"train": ["a"], "val": ["b"], "test": ["c"]})
    division = divide(table, config, {}, 0, regions)
    assert division.samples["split"].tolist() == ["train", "val", "test"]
    assert division.left_out == {}


def test_regions_are_drawn_whole_where_no_values_are_given(table_of: Table) -> None:
    places = [("a", row * 40, column * 40) for row in range(4) for column in range(6)]
    boxes = [(column * 40, 0, column * 40 + 40, 160) for column in range(6)]
    regions = _regions(*boxes, name=range(6))
    split = assign_splits_in(table_of(places), _config("polygons", attribute="name"), regions)
    assert (split.groupby("column")["split"].nunique() == 1).all()
    assert len(split) == 24
    with pytest.raises(DataError, match=r"Found 6 regions with samples; 7 folds need at least as many"):
        assign_splits_in(table_of(places), _config("polygons", attribute="name", folds=7), regions)


def assign_splits_in(table: pd.DataFrame, config: SplitConfig, regions: Regions) -> pd.DataFrame:
    return divide(table, config, {}, 0, regions).samples


@pytest.mark.parametrize(
    ("regions", "values", "message"),
    [
        (
            _regions(*THIRDS, nme=list("abc")),
            None,
            r"found the attributes \['nme'\]; expected an attribute 'name'.*Did",
        ),
        (_regions(*THIRDS, name=["a", None, "c"]), None, r"nothing in 'name' of polygon\(s\) \[1\]"),
        (_regions(*THIRDS, name=[1.5, 2.5, 3.5]), None, "numbers with fractions"),
        (_regions(*THIRDS, name=list("abc")), {"val": ["a"], "test": ["d"]}, "names 'd', which 'name' of regions.gpkg"),
        (
            _regions(*THIRDS, name=list("abc")),
            {"train": ["a"], "val": ["b"], "test": ["d"]},
            "names 'd', which 'name' of regions.gpkg lacks; it has 'a', 'b', 'c'",
        ),
        (
            _regions((0, 0, 110, 100), *THIRDS[1:], name=list("abc")),
            {"val": ["a"], "test": ["b"]},
            "'a' and 'b', which share ground and belong to different splits",
        ),
        (_regions(*THIRDS, (0, 0, 9, 9), name=list("abcd")), None, "share ground and belong to different"),
        (_regions(*THIRDS, (900, 0, 999, 99), name=list("abcd")), None, r"the region\(s\) 'd' reach no sample"),
        (_regions(*THIRDS, name=["train", "val", "test"]), None, "as if they named splits"),
    ],
)
def test_regions_that_do_not_fit_are_refused(
    table_of: Table, regions: Regions, values: Mapping[str, Any] | None, message: str
) -> None:
    table = table_of([("a", 0, column) for column in (2, 140, 240)])
    with pytest.raises((DataError, RasterError), match=message):
        divide(table, _config("polygons", attribute="name", values=values), {}, 0, regions)


def test_regions_that_are_left_out_need_no_sample_and_may_overlap_none_that_is_used(table_of: Table) -> None:
    table = table_of([("a", 0, column) for column in (2, 140, 240)])
    regions = _regions(*THIRDS, (900, 0, 999, 99), name=list("abcd"))
    config = _config("polygons", attribute="name", values={"val": ["a"], "test": ["b"], "leave_out": ["d"]})
    assert assign_splits_in(table, config, regions)["split"].tolist() == ["val", "test", "train"]


def test_samples_without_a_crs_have_no_region(table_of: Table) -> None:
    table = table_of([("a", 0, 0), ("b", 0, 0)], crs="none")
    config = _config("polygons", attribute="name")
    with pytest.raises(DataError, match=r"2 have no CRS: 'a', 'b'\. Split by 'scenes', 'lists' or 'column'"):
        divide(table, config, {}, 0, _regions(*THIRDS, name=list("abc")))


def test_regions_and_method_go_together(table_of: Table) -> None:
    table, regions = table_of([("a", 0, 0)]), _regions(*THIRDS, name=list("abc"))
    with pytest.raises(DataError, match=r"'split\.method' is 'polygons', and no file of regions is given"):
        divide(table, _config("polygons", attribute="name"), {}, 0)
    with pytest.raises(DataError, match=r"'split\.method' is 'scenes', and a file of regions is given"):
        divide(table, _config("scenes"), {}, 0, regions)


def test_a_file_of_polygons_is_read_and_checked(tmp_path: Path) -> None:
    frame = _regions(*THIRDS, name=list("abc")).polygons
    frame.to_file(tmp_path / "good.gpkg", layer="regions")
    frame.iloc[:1].to_file(tmp_path / "good.gpkg", layer="other")
    assert list(read_regions(tmp_path / "good.gpkg", "regions").by_value("name")) == ["a", "b", "c"]
    assert list(read_regions(tmp_path / "good.gpkg", "other").by_value("name")) == ["a"]
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    broken = {
        "no CRS": frame.set_crs(None, allow_override=True),
        r"shapes that are not valid.* in row\(s\) \[1\] \(Self-intersection": frame.set_geometry(
            [shapely.box(0, 0, 1, 1), bow, bow], crs=UTM
        ).iloc[:2],
        r"no shape in row\(s\) \[0\]": frame.set_geometry([None, *frame.geometry[1:]], crs=UTM),
        r"shapes that are no polygons in row\(s\) \[0, 1, 2\]": frame.set_geometry(frame.centroid),
        "no polygon; expected": frame.iloc[:0],
    }
    for number, (message, wrong) in enumerate(broken.items()):
        with warnings.catch_warnings():
            # The writer warns of a missing CRS.
            warnings.simplefilter("ignore", UserWarning)
            wrong.to_file(tmp_path / f"{number}.gpkg")
        with pytest.raises(RasterError, match=message):
            read_regions(tmp_path / f"{number}.gpkg")
    with pytest.raises(RasterError, match="no such file"):
        read_regions(tmp_path / "none.gpkg")
    for layer in ("regoins", None):
        with pytest.raises(RasterError, match=r"found the layers \['regions', 'other'\]; expected the 'layer'"):
            read_regions(tmp_path / "good.gpkg", layer)
    (tmp_path / "text.gpkg").write_text("no file of GDAL's")
    with pytest.raises(RasterError, match=r"what cannot be read .* Use a GeoPackage"):
        read_regions(tmp_path / "text.gpkg")


# --- every method ---------------------------------------------------------------------------------------------------

METHODS: dict[str, dict[str, Any]] = {
    "blocks": {"block_size": 60},
    "scenes": {},
    "lists": {},
    "date": {"dates": {"val": ["2022-01-01", "2022-12-31"], "test": ["2023-01-01", None]}},
    "column": {"column": "region"},
    "polygons": {"attribute": "name"},
}


@settings(max_examples=60)
@given(
    method=st.sampled_from(sorted(METHODS)),
    places=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12), st.integers(0, 12)), min_size=8, max_size=30),
    buffer=st.integers(0, 20),
    seed=st.integers(0, 9),
)
def test_no_method_lets_splits_meet_on_the_ground(
    table_of: Table, method: str, places: list[tuple[int, int, int]], buffer: int, seed: int
) -> None:
    table = table_of([(f"s{scene}", 24 * row, 24 * column) for scene, row, column in dict.fromkeys(places)])
    number = table["scene"].str[1:].astype(int)
    table["dates"] = [f"202{1 + value % 3}-03-03" for value in number]
    table["column_region"] = [f"r{value}" for value in number]
    scenes = sorted(set(table["scene"]))
    assume(len(scenes) >= 3)
    lists = {"train": scenes[2:], "val": scenes[1:2], "test": scenes[:1]} if method == "lists" else {}
    boxes = [(110 * a, 110 * b, 110 * a + 110, 110 * b + 110) for a, b in product(range(3), range(3))]
    regions = _regions(*boxes, name=[f"n{index}" for index in range(9)]) if method == "polygons" else None
    try:
        split = divide(table, _config(method, buffer=buffer, **METHODS[method]), lists, seed, regions).samples
    except DataError as error:
        assume(not any(text in str(error) for text in ("No sample is left", "at least as many", "reach no sample")))
        raise
    assert set(split["split"]) == set(SPLITS)
    boxes_of = {
        name: shapely.box(*part[["west", "south", "east", "north"]].to_numpy().T)
        for name, part in split.groupby("split")
    }
    for one, other in combinations(SPLITS, 2):
        gaps = shapely.distance(boxes_of[one][:, None], boxes_of[other][None])
        shared = shapely.area(shapely.intersection(boxes_of[one][:, None], boxes_of[other][None]))
        # Two hundredths of a pixel tell windows that touch from windows that overlap.
        assert gaps.min() >= buffer * 10 - 0.3
        assert np.max(shared) <= 0.02 * 10 * 320


@pytest.mark.parametrize("method", sorted(METHODS))
def test_scenes_whose_names_are_parts_of_one_another_never_mix(table_of: Table, method: str) -> None:
    scenes = ["1", "11", "111", "1111"]
    table = _row_of_scenes(table_of, scenes, apart=200)
    table["dates"] = ["2021-01-01", "2022-01-01", "2023-01-01", "2021-01-01"]
    table["column_region"] = scenes
    lists = {"train": ["1", "1111"], "val": ["11"], "test": ["111"]} if method == "lists" else {}
    boxes = [(200 * index - 10, -10, 200 * index + 60, 60) for index in range(4)]
    regions = _regions(*boxes, name=scenes) if method == "polygons" else None
    options = METHODS[method]
    if method in {"column", "polygons"}:
        options = options | {"values": {"train": ["1", "1111"], "val": ["11"], "test": ["111"]}}
    found = _by_scene(divide(table, _config(method, **options), lists, 0, regions).samples)
    if method in {"blocks", "scenes"}:
        assert sorted(found) == sorted(scenes)
        assert set(found.values()) == set(SPLITS)
    else:
        assert found == {"1": "train", "11": "val", "111": "test", "1111": "train"}
