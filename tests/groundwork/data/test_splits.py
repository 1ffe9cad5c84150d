"""Splits: none of them may peek at another, they depend on the seed alone, and an empty one is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from rasterio.crs import CRS
from rasterio.warp import transform, transform_bounds
from rasterio.windows import Window

from groundwork.config.data import DataConfig
from groundwork.config.split import SplitConfig
from groundwork.data.distances import Places
from groundwork.data.splits import SPLITS, assign_splits, divide, report_splits
from groundwork.errors import DataError
from groundwork.specs import OutputSpec, TargetSpec

UTM = "EPSG:32632"
Table = Callable[..., pd.DataFrame]


def _config(method: str = "blocks", **changes: Any) -> SplitConfig:
    return SplitConfig.model_validate({"method": method} | changes)


def _grid_of_chips(scenes: Sequence[str], rows: int, columns: int, step: int = 32) -> list[tuple[str, int, int]]:
    return [(scene, row * step, column * step) for scene, row, column in product(scenes, range(rows), range(columns))]


def _gap(one: Sequence[float], other: Sequence[float]) -> float:
    """Distance between two rectangles (west, south, east, north); below 0 by how much they overlap."""
    across = max(one[0] - other[2], other[0] - one[2])
    along = max(one[1] - other[3], other[1] - one[3])
    return max(across, along) if min(across, along) < 0 else float(np.hypot(across, along))


def _gaps(table: pd.DataFrame) -> list[tuple[str, str, float]]:
    """Return both splits and the distance in metres for each pair of samples of different splits."""
    boxes = []
    for row in table.itertuples():
        box = (row.west, row.south, row.east, row.north)
        boxes.append((row.split, box if row.crs == UTM else transform_bounds(row.crs, UTM, *box)))
    return [(a, b, _gap(one, other)) for a, one in boxes for b, other in boxes if a < b]


@given(
    rows=st.integers(3, 6),
    columns=st.integers(3, 6),
    step=st.sampled_from([8, 16, 24, 32, 40]),
    block_size=st.integers(20, 90),
    buffer=st.integers(0, 40),
    seed=st.integers(0, 99),
)
def test_no_split_lies_within_the_buffer_of_another(
    table_of: Table, rows: int, columns: int, step: int, block_size: int, buffer: int, seed: int
) -> None:
    table = table_of(_grid_of_chips("a", rows, columns, step))
    try:
        split = assign_splits(table, _config(block_size=block_size, buffer=buffer), {}, seed)
    except DataError as error:
        assume("No sample is left" not in str(error) and "blocks with samples" not in str(error))
        raise
    # Two hundredths of a pixel are allowed, by which chips that touch are told from chips that overlap.
    assert all(gap >= buffer * 10 - 0.2 for _, _, gap in _gaps(split))
    assert set(split["split"]) == set(SPLITS)
    assert set(split["sample_id"]) <= set(table["sample_id"])


@settings(max_examples=15)
@given(shift=st.integers(-40, 40), buffer=st.integers(0, 30), seed=st.integers(0, 99))
def test_nor_where_scenes_of_two_zones_overlap(table_of: Table, shift: int, buffer: int, seed: int) -> None:
    west, east = table_of(_grid_of_chips("w", 3, 5)), table_of(_grid_of_chips("e", 3, 5))
    # The second scene lies on nearly the same ground, on a grid of zone 33.
    corner = transform_bounds("EPSG:32632", "EPSG:32633", west["west"].min(), 5_000_000, west["east"].max(), 5_000_000)
    east[["west", "east"]] += corner[0] - 500_000 + shift * 10
    east[["south", "north"]] += corner[1] - 5_000_000
    table = pd.concat([west, east.assign(crs="EPSG:32633")], ignore_index=True)
    try:
        split = assign_splits(table, _config(block_size=50, buffer=buffer), {}, seed)
    except DataError as error:
        assume("No sample is left" not in str(error))
        raise
    outlines = [(row.split, _outline(row)) for row in split.itertuples()]
    for (a, one), (b, other) in combinations(outlines, 2):
        if a != b:
            # Lengths differ by up to half a per cent between the zones.
            assert one.distance(other) >= buffer * 10 * 0.99 - 0.5
            assert one.intersection(other).area <= 0.01 * one.area


def _outline(row: Any) -> shapely.Polygon:
    """Return the true outline of a sample in zone 32, where a rectangle of zone 33 is slightly turned."""
    corners = shapely.box(row.west, row.south, row.east, row.north).exterior.coords
    xs, ys = transform(row.crs, "EPSG:32632", *zip(*corners, strict=True))
    return shapely.Polygon(list(zip(xs, ys, strict=True)))


@given(
    rows=st.integers(4, 9),
    columns=st.integers(4, 9),
    block_size=st.sampled_from([32, 64, 100]),
    folds=st.integers(3, 5),
    seed=st.integers(0, 99),
)
def test_each_sample_is_tested_in_one_fold(
    table_of: Table, rows: int, columns: int, block_size: int, folds: int, seed: int
) -> None:
    table = table_of(_grid_of_chips("a", rows, columns))
    tested, validated = [], []
    for fold in range(folds):
        try:
            config = _config(block_size=block_size, folds=folds, fold=fold)
            split = assign_splits(table, config, {}, seed).set_index("sample_id")["split"]
        except DataError as error:
            assume(f"{folds} folds need at least as many" not in str(error))
            raise
        tested.append(set(split.index[split == "test"]))
        validated.append(set(split.index[split == "val"]))
        # Chips only touch here, so that none is left out.
        assert set(split.index) == set(table["sample_id"])
    assert sum(map(len, tested)) == len(table) == len(set.union(*tested))
    assert validated == [*tested[1:], tested[0]]
    largest = (-(-block_size // 32)) ** 2
    assert max(map(len, tested)) - min(map(len, tested)) <= largest


def test_folds_of_scenes_keep_places_together_and_differ_by_seed(table_of: Table) -> None:
    table = table_of([(f"s{number}", 0, 1000 * number) for number in range(12)] + [("again", 0, 0)])
    found = []
    for seed in (0, 0, 1):
        split = assign_splits(table, _config("scenes", folds=4, fold=2), {}, seed)
        assert split["split"].value_counts().to_dict().keys() == set(SPLITS)
        by_scene = split.set_index("scene")["split"]
        assert by_scene["s0"] == by_scene["again"]
        found.append(by_scene.to_dict())
    assert found[0] == found[1] != found[2]


def test_more_folds_than_places_are_refused(table_of: Table) -> None:
    table = table_of([(scene, 0, 1000 * number) for number, scene in enumerate("abcd")])
    with pytest.raises(
        DataError, match=r"Found 4 scenes with samples; 5 folds need at least as many\. Use fewer folds"
    ):
        assign_splits(table, _config("scenes", folds=5), {}, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            {"method": "lists", "folds": 5},
            "'folds' divide what is drawn, such as blocks or scenes, but the method is 'li",
        ),
        ({"method": "scenes", "fold": 2}, "'fold' is 2, but 'folds' does not say of how many"),
        ({"method": "scenes", "folds": 5, "fold": 5}, "counted from 0: the last of 5 is 4"),
        ({"method": "scenes", "folds": 2}, "greater than or equal to 3"),
        ({"method": "lists", "seed": 3}, "'seed' is 3, but nothing is drawn"),
    ],
)
def test_folds_that_cannot_be_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SplitConfig.model_validate(words)


def test_chips_that_only_touch_are_no_overlap(table_of: Table) -> None:
    table = table_of(_grid_of_chips("a", 4, 4))
    assert len(assign_splits(table, _config(block_size=32), {}, 0)) == len(table)


def test_chips_that_overlap_across_a_border_are_left_out_of_training(table_of: Table) -> None:
    places = [("a", 0, 0), ("a", 0, 40), ("a", 0, 60), ("a", 0, 300)]
    table = table_of(places)
    lists = {"train": ["a"], "val": ["b"], "test": ["c"]}
    table["scene"] = ["a", "a", "b", "c"]
    split = assign_splits(table, _config("lists"), lists, 0)
    assert split["sample_id"].tolist() == [table["sample_id"][index] for index in (0, 2, 3)]
    assert split["split"].tolist() == ["train", "val", "test"]


def test_val_gives_way_to_test(table_of: Table) -> None:
    table = table_of([("a", 0, 0), ("b", 0, 100), ("c", 0, 150), ("b", 0, 400)])
    split = assign_splits(table, _config("lists", buffer=20), {"train": ["a"], "val": ["b"], "test": ["c"]}, 0)
    assert split.groupby("split")["column"].first().to_dict() == {"train": 0, "val": 400, "test": 150}


def test_scenes_without_a_crs_are_never_near_each_other(table_of: Table) -> None:
    table = table_of([(scene, 0, 0) for scene in "abcd"], crs="none")
    assert len(assign_splits(table, _config("scenes", buffer=1000), {}, 0)) == 4


def test_places_that_no_transformation_joins_are_never_near_each_other(table_of: Table) -> None:
    mars = (
        'PROJCS["Mars",GEOGCS["Mars",DATUM["D_MARS",SPHEROID["MARS",3396190,169.8]],PRIMEM["Reference",0],'
        'UNIT["degree",0.0174532925199433]],PROJECTION["Equirectangular"],PARAMETER["standard_parallel_1",0],'
        'PARAMETER["central_meridian",0],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1]]'
    )
    table = table_of([("a", 0, 0), ("b", 0, 90), ("c", 0, 180)])
    table.loc[2, "crs"] = mars
    lists = {"train": ["a"], "val": ["b"], "test": ["c"]}
    assert len(assign_splits(table, _config("lists", buffer=10), lists, 0)) == 3


# --- methods --------------------------------------------------------------------------------------------------------


def test_blocks_are_squares_on_the_ground(table_of: Table) -> None:
    # Blocks of 64 px; easting 500,000 m is 781.25 blocks, so the first border lies 48 px east of the scene's.
    split = assign_splits(table_of(_grid_of_chips("a", 8, 8)), _config(block_size=64), {}, 3)
    middle_x = (split["west"] + split["east"]) / 2 // 640
    middle_y = (split["south"] + split["north"]) / 2 // 640
    assert (split.groupby([middle_x, middle_y])["split"].nunique() == 1).all()
    assert len(split) == 64


def test_two_scenes_over_one_place_share_its_blocks(table_of: Table) -> None:
    table = table_of(_grid_of_chips("ab", 6, 6))
    split = assign_splits(table, _config(block_size=64), {}, 0)
    assert (split.groupby(["row", "column"])["split"].nunique() == 1).all()


def test_scenes_stay_whole(tiny_data: SimpleNamespace) -> None:
    assert (tiny_data.samples.groupby("scene")["split"].nunique() == 1).all()
    assert set(tiny_data.samples["split"]) == set(SPLITS)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_fractions_are_met_as_far_as_blocks_allow(table_of: Table, seed: int) -> None:
    table = table_of(_grid_of_chips([str(index) for index in range(50)], 1, 4), crs="none")
    split = assign_splits(table, _config("scenes", fractions={"train": 0.5, "val": 0.3, "test": 0.2}), {}, seed)
    shares = split["split"].value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx({"train": 0.5, "val": 0.3, "test": 0.2}, abs=0.03)


def test_the_draw_depends_on_the_seed_alone(table_of: Table) -> None:
    table, config = table_of(_grid_of_chips("abcdefgh", 2, 2), crs="none"), _config("scenes")
    one = assign_splits(table, config, {}, 5)
    np.random.seed(1)  # noqa: NPY002
    pd.testing.assert_frame_equal(assign_splits(table, config, {}, 5), one)
    turned = assign_splits(table.iloc[::-1].reset_index(drop=True), config, {}, 5)
    by_scene = [part.groupby("scene")["split"].first() for part in (one, turned)]
    pd.testing.assert_series_equal(*by_scene)
    others = {tuple(assign_splits(table, config, {}, seed)["split"]) for seed in range(8)}
    assert len(others) > 1


@pytest.mark.parametrize("method", ["scenes", "blocks"])
def test_trainings_of_other_seeds_may_share_their_splits(table_of: Table, method: str) -> None:
    table = table_of(_grid_of_chips("abcdefgh", 4, 4), crs="none")
    unstated = _config(method, **({"block_size": 64} if method == "blocks" else {}))
    stated = unstated.model_copy(update={"seed": 5})
    for seed in (0, 5):
        pd.testing.assert_frame_equal(assign_splits(table, stated, {}, seed), assign_splits(table, unstated, {}, 5))
    assert list(assign_splits(table, unstated, {}, 0)["split"]) != list(assign_splits(table, stated, {}, 0)["split"])


def test_lists_are_followed(table_of: Table) -> None:
    table = table_of(_grid_of_chips(["1", "11", "2", "x"], 1, 2), crs="none")
    split = assign_splits(table, _config("lists"), {"train": ["11"], "val": ["1"], "test": ["2"]}, 0)
    assert split.groupby("scene")["split"].first().to_dict() == {"11": "train", "1": "val", "2": "test"}
    assert "x" not in set(split["scene"]), "a scene on no list is left out"


def test_val_is_drawn_from_train_where_no_list_is_given(table_of: Table) -> None:
    scenes = [str(index) for index in range(12)]
    table = table_of(_grid_of_chips(scenes, 1, 1), crs="none")
    lists, config = {"train": scenes[:10], "test": scenes[10:]}, _config("lists", val_from_train=0.2)
    split = assign_splits(table, config, lists, 0)
    assert split["split"].value_counts().to_dict() == {"train": 8, "val": 2, "test": 2}
    assert set(split.loc[split["split"] == "test", "scene"]) == {"10", "11"}
    pd.testing.assert_frame_equal(assign_splits(table, config, lists, 0), split)
    drawn = {tuple(assign_splits(table, config, lists, seed).query("split == 'val'")["scene"]) for seed in range(9)}
    assert len(drawn) > 1


def test_val_is_drawn_from_train_by_place(table_of: Table) -> None:
    scenes = [f"{tile}_{date}" for tile in range(6) for date in range(3)]
    table = table_of([(scene, 0, 1000 * int(scene[0])) for scene in scenes])
    lists = {"train": [name for name in scenes if name[0] != "5"], "test": [name for name in scenes if name[0] == "5"]}
    divided = divide(table, _config("lists", val_from_train=0.2), lists, 0)
    assert divided.left_out == {}
    assert divided.samples["split"].value_counts().to_dict() == {"train": 12, "val": 3, "test": 3}


def test_lists_may_name_scenes_that_gave_no_sample_and_no_others(
    table_of: Table, caplog: pytest.LogCaptureFixture
) -> None:
    table = table_of([(scene, 0, 100 * number) for number, scene in enumerate("abc")])
    lists = {"train": ["a", "cloudy"], "val": ["b"], "test": ["c"]}
    divided = divide(table, _config("lists"), lists, 0, None, ["a", "b", "c", "cloudy"])
    assert divided.samples["split"].tolist() == ["train", "val", "test"]
    assert "'train' names 1 scene(s) that give no sample" in caplog.text
    assert "'cloudy'" in caplog.text
    with pytest.raises(DataError, match=r"'train' names 1 scene\(s\) without samples: 'cloudy'"):
        divide(table, _config("lists"), lists, 0, None, ["a", "b", "c", "cloud"])


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"train": ["a"], "tset": ["b"]},
            r"Found lists for \['train', 'tset'\]; method 'lists' needs 'train' and 'test'",
        ),
        ({"train": ["a"]}, r"Found lists for \['train'\]"),
        (
            {"train": ["a", "d.tif"], "test": ["b"]},
            r"split 'train' names 1 scene\(s\) without samples: 'd.tif'. .*key, such",
        ),
        ({"train": ["a", "b"], "test": ["b"]}, r"1 scene\(s\) stand in the lists of 'test' and 'train': 'b'"),
        ({"train": ["a"], "test": ["b"]}, r"No sample is left for \['val'\] .*'val_from_train' where lists are given"),
    ],
)
def test_lists_that_do_not_fit_are_refused(table_of: Table, lists: dict[str, list[str]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        assign_splits(table_of([(scene, 0, 0) for scene in "abc"], crs="none"), _config("lists"), lists, 0)


@pytest.mark.parametrize(
    ("method", "found"), [("blocks", "Found 1 blocks with samples"), ("scenes", "Found 2 scenes with samples")]
)
def test_fewer_groups_than_splits_are_refused(table_of: Table, method: str, found: str) -> None:
    table = table_of([("a", 0, 0), ("b", 0, 40)])
    message = f"{found}; 3 splits need at least as many. Use a smaller 'block_size', method 'scenes' or 'lists'"
    with pytest.raises(DataError, match=message):
        assign_splits(table, _config(method, block_size=100), {}, 0)


def test_a_split_that_the_buffer_empties_is_refused(table_of: Table) -> None:
    with pytest.raises(
        DataError, match=r"No sample is left for \[.*'train'.*\] \(samples left: .*Use a smaller 'buffer'"
    ):
        assign_splits(table_of(_grid_of_chips("a", 4, 4)), _config(block_size=64, buffer=500), {}, 0)


def test_the_given_table_stays_as_it_is(table_of: Table) -> None:
    table = table_of(_grid_of_chips("a", 12, 12))
    before = table.copy()
    assert len(assign_splits(table, _config(block_size=128, buffer=5), {}, 0)) < len(table)
    pd.testing.assert_frame_equal(table, before)


# --- report ---------------------------------------------------------------------------------------------------------


def _labels_of(root: Path, sample: dict[str, Any]) -> np.ndarray:
    """Return the known label values of a chip, read with plain rasterio."""
    window = Window(sample["column"], sample["row"], sample["size"], sample["size"])
    with rasterio.open(root / "scenes" / f"{sample['scene']}.tif") as scene:
        valid = (scene.read(window=window) != scene.nodata).all(axis=0)
    with rasterio.open(root / "labels" / f"{sample['scene']}.tif") as label:
        values = label.read(1, window=window)
    return np.asarray(values[valid & (values > 0)])


def test_the_report_tells_samples_scenes_classes_and_distances(tiny_data: SimpleNamespace) -> None:
    report = report_splits(tiny_data.samples, tiny_data.config)
    for name in SPLITS:
        part = tiny_data.samples[tiny_data.samples["split"] == name]
        told = report["splits"][name]
        assert (told["samples"], told["scenes"]) == (len(part), part["scene"].nunique())
        shown = np.concatenate([_labels_of(tiny_data.root, row) for row in part.to_dict("records")])
        assert told["class_fractions"]["water"] == pytest.approx((shown == 1).mean(), abs=1e-6)
        assert told["absent_classes"] == []
    gaps = [sorted(pair) for pair in report["least_distance_m"]]
    assert len(gaps) == 3
    for pair, least in report["least_distance_m"].items():
        one, other = pair.split("-")
        measured = [gap for a, b, gap in _gaps(tiny_data.samples) if {a, b} == {one, other}]
        # Scale in the overlap of two zones is off by up to a few per cent.
        assert least == pytest.approx(min(measured), rel=0.05, abs=0.5)


def test_chips_count_by_what_is_known_of_them(table_of: Table, tiny_data: SimpleNamespace) -> None:
    places = [("a", 0, 0), ("a", 0, 100), ("b", 0, 200), ("c", 0, 300)]
    # Of the first chip a tenth is labelled, all of it as water: a tenth of what is known of both.
    table = table_of(places, split=["train", "train", "val", "test"], valid_fraction=[0.1, 0.9, 1.0, 1.0])
    shares = {"fraction_water": [1.0, 0.0, 0.0, 2e-7], "fraction_forest": [0.0, 1.0, 1.0, 1.0], "fraction_field": 0.0}
    told = report_splits(table.assign(**shares), tiny_data.config)["splits"]
    assert told["train"]["class_fractions"] == {"water": 0.1, "forest": 0.9, "field": 0.0}
    assert [told[split]["absent_classes"] for split in SPLITS] == [["field"], ["water", "field"], ["field"]]
    numbers = {"mean_height": [10.0, 20.0, 5.0, np.nan], "known_height": [0.5, 1.0, 1.0, 0.0]}
    target = TargetSpec(outputs=(OutputSpec(name="height", minimum=0, maximum=60),))
    config = tiny_data.config.model_copy(update={"target": target})
    told = report_splits(table.assign(**numbers), config)["splits"]
    expected = (10 * 0.05 + 20 * 0.9) / 0.95
    assert [told[split]["mean"]["height"] for split in SPLITS] == [pytest.approx(expected, rel=1e-5), 5.0, None]


def test_absent_classes_are_named(table_of: Table, tiny_data: SimpleNamespace) -> None:
    fractions = {"fraction_water": 0.0, "fraction_forest": 0.5, "fraction_field": 0.5}
    table = table_of([("a", 0, 0), ("b", 0, 100), ("c", 0, 200)], split=list(SPLITS), **fractions)
    report = report_splits(table, tiny_data.config)
    assert report["splits"]["val"]["absent_classes"] == ["water"]
    assert report["least_distance_m"] == {"train-val": 680.0, "train-test": 1680.0, "val-test": 680.0}


def test_chips_that_touch_are_no_way_apart(table_of: Table, tiny_data: SimpleNamespace) -> None:
    columns = {"fraction_water": 0.1, "fraction_forest": 0.5, "fraction_field": 0.4, "split": list(SPLITS)}
    report = report_splits(table_of([("a", 0, 0), ("b", 0, 32), ("c", 0, 64)], **columns), tiny_data.config)
    assert report["least_distance_m"] == {"train-val": 0.0, "train-test": 320.0, "val-test": 0.0}


def test_distances_of_geographic_and_missing_crs(table_of: Table, tiny_data: SimpleNamespace) -> None:
    columns = {"fraction_water": 0.1, "fraction_forest": 0.5, "fraction_field": 0.4, "split": list(SPLITS)}
    table = table_of([("a", 0, 0), ("b", 0, 100), ("c", 0, 200)], **columns)
    none = report_splits(table.assign(crs="none"), tiny_data.config)["least_distance_m"]
    assert set(none.values()) == {None}
    degrees = table.assign(crs="EPSG:4326", pixel_size=1e-4, south=0.0, north=0.01)
    degrees["west"], degrees["east"] = [0.0, 0.02, 0.05], [0.01, 0.03, 0.06]
    gap = report_splits(degrees, tiny_data.config)["least_distance_m"]["train-val"]
    assert gap == pytest.approx(0.01 * 111_320, rel=0.001)


def test_a_crs_without_a_number_has_distances_too(table_of: Table, tiny_data: SimpleNamespace) -> None:
    feet = CRS.from_proj4(
        "+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=23 +lon_0=-96.5 +datum=WGS84 +units=us-ft"
    ).to_string()
    columns = {"fraction_water": 0.1, "fraction_forest": 0.5, "fraction_field": 0.4, "split": list(SPLITS)}
    table = table_of([("a", 0, 0), ("b", 0, 100), ("c", 0, 200)], crs=feet, **columns)
    gap = report_splits(table, tiny_data.config)["least_distance_m"]["train-val"]
    assert gap == pytest.approx(680 * 0.3048006, abs=0.05)


def test_a_class_that_train_lacks_is_warned_of(data_config: DataConfig, caplog: pytest.LogCaptureFixture) -> None:
    data = data_config
    names = data.target.names
    rows = [
        {"scene": split, "split": split, "crs": "none", "pixel_size": 1.0, "west": 0, "south": 0, "east": 1, "north": 1}
        | {f"fraction_{name}": float(name == names[0] or (split == "test" and name == names[1])) for name in names}
        for split in ("train", "val", "test")
    ]
    report_splits(pd.DataFrame(rows), data)
    assert f"Split 'test' holds the class(es) ['{names[1]}'], which 'train' lacks" in caplog.text
    assert "Split 'val' holds" not in caplog.text
    assert f"Split 'val' lacks the class(es) ['{names[1]}']: its scores say nothing about them" in caplog.text
    assert "Split 'test' lacks" not in caplog.text
    # Another draw would not help where no label holds a class.
    assert f"No sample of any split holds the class(es) ['{names[2]}']: nothing can learn them" in caplog.text


# --- repeated acquisitions, the date line, degrees ------------------------------------------------------------------


@pytest.mark.parametrize("dates", [2, 10])
def test_acquisitions_of_one_place_stay_together_and_no_sample_is_lost(table_of: Table, dates: int) -> None:
    scenes = [(f"t{tile:02d}_{day}", tile) for tile in range(12) for day in range(dates)]
    places = [
        (name, row * 32, tile * 1000 + column * 32) for name, tile in scenes for row in (0, 1) for column in (0, 1)
    ]
    table = table_of(places)
    division = divide(table, _config("scenes"), {}, seed=3)
    assert len(division.samples) == len(table)
    assert division.left_out == {}
    split_of = division.samples.groupby(division.samples["scene"].str[:3])["split"].nunique()
    assert (split_of == 1).all()
    assert set(division.samples["split"]) == set(SPLITS)


def test_scenes_that_share_an_edge_are_drawn_alone_and_what_overlaps_is_reported(
    table_of: Table, tiny_data: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    # Five tiles in a row, each of 4 x 4 chips, that share one column of chips with the next.
    table = table_of(
        [(f"t{t}", row * 32, t * 96 + column * 32) for t in range(5) for row in range(4) for column in range(4)]
    )
    table = table.assign(fraction_water=0.1, fraction_forest=0.5, fraction_field=0.4)
    division = divide(table, _config("scenes"), {}, seed=0)
    lost = len(table) - len(division.samples)
    assert lost > 0
    assert sum(count for reasons in division.left_out.values() for count in reasons.values()) == lost
    report = report_splits(division.samples, tiny_data.config, division.left_out)
    assert report["left_out"] == division.left_out
    assert "left out: overlaps " in caplog.text


def test_all_dates_of_a_place_are_left_out_together(table_of: Table) -> None:
    dates = [f"train{day}" for day in range(5)]
    places = [(scene, 0, column) for scene in dates for column in (0, 32)]
    table = table_of([*places, ("val", 0, 320), ("test0", 0, 48), ("test1", 0, 48)])
    lists = {"train": dates, "val": ["val"], "test": ["test0", "test1"]}
    division = divide(table, _config("lists"), lists, seed=0)
    assert division.left_out == {"train": {"overlaps test": 5}}
    kept = division.samples[["scene", "column"]].itertuples(index=False, name=None)
    assert list(kept) == [*((scene, 0) for scene in dates), ("val", 320), ("test0", 48), ("test1", 48)]


def test_what_is_measured_does_not_grow_with_the_dates_of_a_place(table_of: Table) -> None:
    table = table_of([(f"{name}{day}", 0, column) for day in range(4) for name, column in (("a", 0), ("b", 16))])
    first = table["scene"].str.startswith("a").to_numpy()
    places = Places(table)
    pairs = places.pairs(first, ~first, np.full(len(table), 1e-9))
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0], [1])
    assert places.at(pairs.first).tolist() == first.tolist()
    chosen = np.arange(len(table)) < 5
    assert places.counts(chosen).tolist() == [3, 2] * 4


def test_scenes_without_a_crs_are_places_of_their_own(table_of: Table) -> None:
    places = Places(table_of([("a", 0, 0), ("b", 0, 0), ("a", 0, 0)], crs="none"))
    assert places.place.tolist() == [0, 1, 0]


def test_scenes_of_one_place_cannot_be_split_by_scenes(table_of: Table) -> None:
    table = table_of([(f"date{day}", 0, 32 * column) for day in range(5) for column in range(3)])
    message = (
        r"Found 1 scenes with samples \(5 scenes show 1 place\(s\), and those of one place stay together\); 3 splits"
    )
    with pytest.raises(DataError, match=message):
        divide(table, _config("scenes"), {}, 0)


def _boxes(crs: Sequence[str], west: Sequence[float], south: Sequence[float], side: Sequence[float]) -> pd.DataFrame:
    table = pd.DataFrame({"crs": list(crs), "west": west, "south": south})
    table["east"], table["north"] = table["west"] + list(side), table["south"] + list(side)
    table["pixel_size"] = np.array(side) / 32
    return table.assign(scene=[f"s{number}" for number in range(len(table))])


def _nearest(table: pd.DataFrame, reach: float = 1e-9) -> tuple[list[float], list[float]]:
    """Return distances in units and metres between the first row and those of the rest that are in reach."""
    first = np.arange(len(table)) == 0
    pairs = Places(table).pairs(first, ~first, np.full(len(table), reach))
    return pairs.distance.tolist(), pairs.metres.tolist()


def test_a_chip_at_the_date_line_is_near_none_on_other_continents() -> None:
    # UTM zone 60S at 179.999 E, -15.6; the same latitude in Peru and in Africa.
    x, y = (part[0] for part in transform("EPSG:4326", "EPSG:32760", [179.999], [-15.6])[:2])
    table = _boxes(
        ["EPSG:32760", "EPSG:4326", "EPSG:4326"], [x - 160, -72.0, 20.0], [y - 160, -15.6, -15.6], [320, 0.01, 0.01]
    )
    assert _nearest(table, reach=1000.0) == ([], [])


@pytest.mark.parametrize(("west", "other"), [(180.005, -179.995), (179.995, -180.005), (359.0, -1.0), (-170.0, 190.0)])
def test_longitudes_that_differ_by_a_whole_turn_are_one_place(west: float, other: float) -> None:
    distance, metres = _nearest(_boxes(["EPSG:4326"] * 2, [west, other], [-16.0, -16.0], [0.01, 0.01]))
    assert distance == metres == [0.0]


def test_a_chip_across_the_date_line_overlaps_what_lies_there_in_another_crs() -> None:
    x, y = (part[0] for part in transform("EPSG:4326", "EPSG:32760", [179.9999], [-15.6])[:2])
    table = _boxes(
        ["EPSG:32760", "EPSG:4326", "EPSG:32701"], [x - 160, -180.002, 0], [y - 160, -15.602, 0], [320, 0.004, 320]
    )
    there = (part[0] for part in transform("EPSG:4326", "EPSG:32701", [-179.9999], [-15.6])[:2])
    table.loc[2, ["west", "south"]] = [number - 160 for number in there]
    table["east"], table["north"] = table["west"] + [320, 0.004, 320], table["south"] + [320, 0.004, 320]
    assert _nearest(table)[0] == [0.0, 0.0]


@pytest.mark.parametrize(("crs", "unit"), [("EPSG:4326", 1.0), ("EPSG:3857", 111_319.49)])
def test_distances_far_from_the_equator_are_not_overstated(crs: str, unit: float) -> None:
    # A gap of 0.01 degrees of longitude at 60 N is 557 m on the ground.
    south = 60.0 if unit == 1 else transform("EPSG:4326", crs, [0], [60.0])[1][0]
    table = _boxes([crs] * 2, [0.0, 0.02 * unit], [south] * 2, [0.01 * unit] * 2)
    assert _nearest(table, reach=unit)[1] == [pytest.approx(557, rel=0.01)]


def test_many_samples_in_many_zones_are_measured_as_by_brute_force() -> None:
    random = np.random.default_rng(0)
    count = 120
    zones = random.integers(31, 34, count)
    easting, northing = random.uniform(300_000, 700_000, count), random.uniform(5_000_000, 5_060_000, count)
    table = _boxes([f"EPSG:326{zone}" for zone in zones], easting, northing, [5120.0] * count)
    reach = np.full(count, 20_000.0)
    pairs = Places(table).pairs(np.arange(count) < 60, np.arange(count) >= 60, reach)
    near = pairs.distance < 20_000
    found = {
        (int(a), int(b)): distance
        for a, b, distance in zip(pairs.first[near], pairs.second[near], pairs.distance[near], strict=True)
    }
    expected = {}
    inset = 0.01 * 160
    for a in range(60):
        own = table.iloc[a]
        box = shapely.box(own.west + inset, own.south + inset, own.east - inset, own.north - inset)
        for b in range(60, count):
            other = table.iloc[b]
            bounds = (other.west + inset, other.south + inset, other.east - inset, other.north - inset)
            moved = bounds if own.crs == other.crs else transform_bounds(other.crs, own.crs, *bounds)
            distance = shapely.distance(box, shapely.box(*moved))
            if distance < 20_000:
                expected[a, b] = distance
    assert len(expected) > 20
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key], abs=0.5) for key in expected)


@pytest.mark.parametrize("latitude", [0.0, 48.0, 75.0])
def test_degrees_of_latitude_are_not_overstated(latitude: float, data_config: DataConfig) -> None:
    table = pd.DataFrame({"split": list(SPLITS), "scene": list("abc"), "crs": "EPSG:4326", "pixel_size": 0.001})
    table = table.assign(west=9.0, east=9.01, south=latitude + np.array([0, 0.02, 0.04]))
    table = table.assign(north=table["south"] + 0.01, fraction_water=0.1, fraction_forest=0.5, fraction_field=0.4)
    told = report_splits(table, data_config)["least_distance_m"]["train-val"]
    # Length of a hundredth of a degree along the meridian of WGS84.
    radius = 6_378_137 * (1 - 0.00669438) / (1 - 0.00669438 * np.sin(np.radians(latitude)) ** 2) ** 1.5
    assert told <= np.radians(0.01) * radius + 0.1
    assert told == pytest.approx(np.radians(0.01) * radius, rel=0.012)


@pytest.mark.parametrize("latitude", [0.0, 45.0, 60.0, 80.0])
@pytest.mark.parametrize("share", [0.9, 0.95])
def test_the_buffer_holds_along_the_meridian_too(latitude: float, share: float) -> None:
    # 64 pixels of 0.0001 degrees; the buffer is 256 of them.
    size, buffer = 0.0064, 0.0256
    table = _boxes(["EPSG:4326"] * 2, [10.0, 10.0], [latitude, latitude + size + share * buffer], [size] * 2)
    assert _nearest(table, reach=buffer)[0] == [pytest.approx(share * buffer, rel=0.01)]
