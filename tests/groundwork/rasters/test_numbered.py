"""Steps that have numbers and no dates: found by name, chosen by number, filled where they are missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from rasterio.windows import Window

from groundwork.data.split_lists import keys_below
from groundwork.errors import PairingError
from groundwork.rasters.choosing import choose_dates
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

Write = Callable[..., Path]


def _touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def _spec(numbers: list[int] | None, **changes: Any) -> RasterSpec:
    words: dict[str, Any] = {"bands": ["A"], "dtype": "int16", "nodata": None, "step_numbers": numbers}
    if numbers and len(numbers) > 1:
        words |= {"steps": len(numbers), "layout": "file_per_date"}
    return RasterSpec.model_validate(words | changes)


def _chosen(root: Path, spec: RasterSpec, *patterns: str) -> RasterFolder:
    return choose_dates(find_rasters(root, patterns or ["{key}_{step}.tif"]), spec)


def test_numbers_are_counted_and_not_read_as_text(tmp_path: Path) -> None:
    folder = find_rasters(_touch(tmp_path, "a_10.tif", "a_9.tif", "a_00.tif"), ["{key}_{step}.tif"])
    assert folder.files == {"a": ("a_00.tif", "a_9.tif", "a_10.tif")}
    assert folder.numbers == {"a": (0, 9, 10)}
    assert folder.dates == {}


def test_steps_are_read_in_the_order_of_their_numbers_as_stated(tmp_path: Path) -> None:
    names = [f"a_S1_{number:02d}_{band}.tif" for number in range(4) for band in "xy"]
    patterns = ("{key}_S1_{step}_x.tif", "{key}_S1_{step}_y.tif")
    spec = _spec([3, 0], bands=["A", "B"])
    chosen = _chosen(_touch(tmp_path, *names), spec, *patterns)
    assert chosen.files["a"] == ("a_S1_03_x.tif", "a_S1_03_y.tif", "a_S1_00_x.tif", "a_S1_00_y.tif")
    assert choose_dates(chosen, spec) == chosen
    assert _chosen(tmp_path, _spec([2], bands=["A", "B"]), *patterns).files["a"] == (names[4], names[5])


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["B/1_x.png", "A/1_x.png", "label/1_x.png"], "{step:A,B}/{key}.png"),
        (["1_x_before.png", "1_x_after.png"], "{key}_{step:before, after}.png"),
        (["1_x_t2.png", "1_x_t.png", "1_x_t3.png"], "{key}_{step:t,t2}.png"),
        (["1_x.t2/t2.png", "1_x.t1/t1.png"], "{key}.{step:t1,t2}/{step:t1,t2}.png"),
    ],
)
def test_steps_may_have_names_whose_order_the_pattern_states(tmp_path: Path, names: list[str], pattern: str) -> None:
    chosen = _chosen(_touch(tmp_path, *names), _spec([0, 1]), pattern)
    first, second = (name for name in names if "label" not in name and "t3" not in name)
    in_order = (second, first) if names[0] != "1_x_before.png" else (first, second)
    assert chosen.files == {"1_x": in_order}
    assert chosen.numbers == {"1_x": (0, 1)}
    assert _chosen(tmp_path, _spec([1, 0]), pattern).files == {"1_x": in_order[::-1]}


def test_a_step_that_is_missing_keeps_its_place(tmp_path: Path, write_raster: Write) -> None:
    for key, numbers in (("a", (0, 2)), ("b", (0, 1, 2))):
        for number in numbers:
            write_raster(tmp_path / f"{key}_{number}.tif", np.full((1, 2, 3), 10 * number, np.int16))
    spec = _spec([0, 1, 2], too_few_dates="fill")
    folder = _chosen(tmp_path, spec)
    with Scene(folder.paths("a"), spec) as scene:
        values, valid = scene.read(Window(0, 0, 3, 2))
    assert values[0, :, 0, 0].tolist() == [0, 0, 20]
    assert valid[:, 0, 0].tolist() == [True, False, True]
    assert folder.only("a").numbers == {"a": (0, 1, 2)}


@pytest.mark.parametrize(
    ("names", "spec", "pattern", "message"),
    [
        (
            ["a_0.tif", "a_7.tif"],
            _spec(None),
            "{key}_{step}.tif",
            r"with the numbers \[0, 7\]; expected 'step_numbers'",
        ),
        (["a.tif"], _spec([0, 1]), "{key}.tif", r"'step_numbers: \[0, 1\]' cannot choose; it needs '{step}'"),
        (["a_20240101.tif"], _spec([0, 1]), "{key}_{date}.tif", "it needs '{step}' in the pattern"),
        (
            ["a_0.tif", "a_1.tif", "b_0.tif"],
            _spec([0, 1]),
            "{key}_{step}.tif",
            r"found 1 raster\(s\) that lack .*: 'b without \[1\]'; expected one for each.*'too_few_dates: fill' lets",
        ),
        (
            ["a_5.tif"],
            _spec([0, 1], too_few_dates="fill"),
            "{key}_{step}.tif",
            r"'a without \[0, 1\]'; expected at least one",
        ),
        (["a_1.tif", "a_01.tif"], _spec([1]), "{key}_{step}.tif", "for one key 'a' and one step 1; expected one file"),
        (["a_1.tif"], _spec([1]), "{key}_{step}_{date}.tif", "a step has a date, or a number where it has none"),
        (
            ["A/a.tif", "A/b.tif", "B/a.tif"],
            _spec([0, 1]),
            "{step:A,B}/{key}.tif",
            r"'b without \[1\]'; expected one for",
        ),
        (["A/a.tif"], _spec([0, 1]), "{step:A,a}/{key}.tif", "names of steps that stand twice"),
        (["A/a.tif"], _spec([0, 1]), "{step:A,}/{key}.tif", "names of steps .* or are empty; expected each once"),
        (["A/a_A.tif"], _spec([0, 1]), "{step:A,B}/{key}_{step:B,A}.tif", "names of steps that stand twice, differ"),
    ],
)
def test_numbers_that_do_not_suit_are_refused(
    tmp_path: Path, names: list[str], spec: RasterSpec, pattern: str, message: str
) -> None:
    with pytest.raises(PairingError, match=message):
        _chosen(_touch(tmp_path, *names), spec, pattern)


@pytest.mark.parametrize(
    ("numbers", "changes", "message"),
    [
        ([0, 0], {}, "names each step that is read once, and 'steps' is 2"),
        ([0, 1], {"steps": 3}, "and 'steps' is 3"),
        ([0, 1], {"layout": "steps_first"}, "'layout: steps_first' stacks the steps in one"),
        ([0, 1], {"take_dates": "newest"}, "leave one of them out"),
    ],
)
def test_numbers_that_cannot_be_are_refused(numbers: list[int], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _spec(numbers, **changes)


def test_names_that_repeat_themselves_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    _touch(tmp_path, "images/train/image_1.tif", "images/train/image_2.tif", "images/train_more/image_1.tif")
    folder = find_rasters(tmp_path / "images", ["{folder}/image_{key}.tif"])
    assert folder.files == {
        "train_1": ("train/image_1.tif",),
        "train_2": ("train/image_2.tif",),
        "train_more_1": ("train_more/image_1.tif",),
    }
    assert keys_below(tmp_path / "images", "{folder}/image_{key}.tif", "train") == ["train_1", "train_2"]
    assert keys_below(tmp_path / "images" / "train", "image_{key}.tif") == ["1", "2"]
    for pattern, name in (("{folder}/image_{key}.tif", None), ("image_{key}.tif", "train")):
        with pytest.raises(PairingError, match=r"expected '{folder}' in the pattern, and under 'folder' what it"):
            keys_below(tmp_path / "images", pattern, name)
