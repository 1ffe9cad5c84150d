"""Each date in a file: found by name, chosen by rule, read as a stack is, through data, training and prediction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.errors import PairingError, RasterError
from groundwork.rasters.choosing import choose_dates
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]
WHOLE = Window(0, 0, 5, 4)
#: Pixels of band, step.
VALUES = np.arange(3 * 2 * 4 * 5, dtype=np.int16).reshape(3, 2, 4, 5)


def _touch(root: Path, *names: str) -> Path:
    root.mkdir(exist_ok=True)
    for name in names:
        (root / name).touch()
    return root


def _chosen(root: Path, pattern: str | list[str], **changes: Any) -> RasterFolder:
    patterns = [pattern] if isinstance(pattern, str) else pattern
    words = {"bands": ["A"], "dtype": "int16", "nodata": None} | changes
    return choose_dates(find_rasters(root, patterns), RasterSpec.model_validate(words))


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("a_20241005.tif", "a_20240630.tif"), "{key}_{date}.tif"),
        (("2024-10-05_a.tif", "2024-06-30_a.tif"), "{date}_{key}.tif"),
        (("S2_20241005T101559_a_v1.tif", "S2_20240630T101559_a_v2.tif"), "S2_{date}_{key}_v*.tif"),
        (("a.20241005101559.tif", "a.20240630101559.tif"), "{key}.{date}.tif"),
        (("HLS.a.2024279T101559.v2.tif", "HLS.a.2024182T101559.v2.tif"), "HLS.{key}.{date}.v2.tif"),
    ],
)
def test_dates_are_read_from_names_and_come_in_their_order(
    tmp_path: Path, names: tuple[str, str], pattern: str
) -> None:
    # The later date stands first here; as text, October comes before June.
    folder = find_rasters(_touch(tmp_path, *names), [pattern])
    assert folder.files == {"a": names[::-1]}
    assert folder.dates == {"a": (date(2024, 6, 30), date(2024, 10, 5))}


def test_a_file_for_each_band_and_date(tmp_path: Path) -> None:
    for day, band in product(("20240101", "20240202"), ("B", "A")):
        _touch(tmp_path, f"k_{day}_{band}.tif")
    folder = find_rasters(tmp_path, ["{key}_{date}_B.tif", "{key}_{date}_A.tif"])
    assert folder.files["k"] == tuple(f"k_{day}_{band}.tif" for day in ("20240101", "20240202") for band in "BA")
    (tmp_path / "k_20240202_A.tif").unlink()
    with pytest.raises(PairingError, match=r"found no file '{key}_{date}_A.tif' for 'k of 2024-02-02'"):
        find_rasters(tmp_path, ["{key}_{date}_B.tif", "{key}_{date}_A.tif"])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("a_20241399.tif",),
            "a_20241399.tif: found '20241399' where the pattern has '{date}'; expected a date such as",
        ),
        (("a_2024.tif",), "found '2024' where"),
        (("a_2023366.tif",), "a_2023366.tif: found '2023366' where the pattern has '{date}'; expected a date such as"),
        (
            ("a_20240630T101559.tif", "a_20240630T101601.tif"),
            "for one key 'a' and one date 2024-06-30; expected one file. Make the pattern say which",
        ),
    ],
)
def test_dates_that_cannot_be_are_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(PairingError) as caught:
        find_rasters(_touch(tmp_path, *names), ["{key}_{date}.tif"])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("take", "steps", "days"),
    [
        ("newest", 1, [5]), ("newest", 3, [3, 4, 5]), ("evenly_spread", 1, [3]), ("evenly_spread", 2, [1, 5]),
        ("evenly_spread", 3, [1, 3, 5]), ("evenly_spread", 5, [1, 2, 3, 4, 5]), ("all", 5, [1, 2, 3, 4, 5]),
    ],
)  # fmt: skip
def test_the_dates_that_are_taken(tmp_path: Path, take: str, steps: int, days: list[int]) -> None:
    for band, day in product("AB", range(1, 6)):
        _touch(tmp_path, f"k_2024010{day}_{band}.tif")
    patterns = ["{key}_{date}_A.tif", "{key}_{date}_B.tif"]
    changes = {"layout": "file_per_date"} if steps > 1 else {}
    folder = _chosen(tmp_path, patterns, bands=["A", "B"], steps=steps, take_dates=take, **changes)
    assert folder.dates["k"] == tuple(date(2024, 1, day) for day in days)
    assert folder.files["k"] == tuple(f"k_2024010{day}_{band}.tif" for day in days for band in "AB")


@pytest.mark.parametrize(
    ("pattern", "changes", "message"),
    [
        (
            "{key}_{date}.tif",
            {"steps": 2, "layout": "steps_first"},
            "a file for each date, as the pattern has '{date}', and 'layout: steps_first'",
        ),
        ("{key}.tif", {"steps": 2, "layout": "file_per_date"}, "needs '{date}' in the pattern"),
        ("{key}.tif", {"take_dates": "newest"}, "of which 'take_dates: newest' cannot choose; it needs '{date}' in"),
        ("{key}_{date}.tif", {"steps": 2, "layout": "file_per_date"}, "than 'steps' says, 2, for 1 raster(s): 'b' (3)"),
        ("{key}_{date}.tif", {}, "than 'steps' says, 1, for 2 raster(s): 'a' (2), 'b' (3)"),
        (
            "{key}_{date}.tif",
            {"steps": 3, "layout": "file_per_date", "take_dates": "newest"},
            "than 'steps' says, at least 3, for 1 raster(s): 'a' (2)",
        ),
    ],
)
def test_what_pattern_and_spec_say_must_agree(
    tmp_path: Path, pattern: str, changes: dict[str, Any], message: str
) -> None:
    names = [*(f"a_2024010{day}.tif" for day in (1, 2)), *(f"b_2024010{day}.tif" for day in (1, 2, 3))]
    with pytest.raises(PairingError) as caught:
        _chosen(_touch(tmp_path, *names), pattern, **changes)
    assert message in str(caught.value)


@pytest.mark.parametrize("use", [["A", "B", "C"], ["C", "A"]])
@pytest.mark.parametrize("per_band", [False, True])
def test_files_are_read_as_a_stack_is(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, per_band: bool, use: list[str]
) -> None:
    stacked = write_raster(tmp_path / "stack.tif", VALUES.swapaxes(0, 1).reshape(6, 4, 5))
    paths = []
    for step in range(2):
        if per_band:
            paths += [write_raster(tmp_path / f"{step}_{band}.tif", VALUES[band, step][None]) for band in range(3)]
        else:
            paths.append(write_raster(tmp_path / f"{step}.tif", VALUES[:, step]))
    spec = make_spec("A", "B", "C", use=use, steps=2, layout="file_per_date", nodata=None)
    of_stack = make_spec("A", "B", "C", use=use, steps=2, layout="steps_first", nodata=None)
    for window in (WHOLE, Window(-2, 1, 4, 5)):
        with Scene(paths, spec) as scene, Scene([stacked], of_stack) as expected:
            for found, wanted in zip(scene.read(window), expected.read(window), strict=True):
                assert np.array_equal(found, wanted)
            for last in (False, True):
                shown = zip(scene.thumbnail(10, last=last), expected.thumbnail(10, last=last), strict=True)
                assert all(np.array_equal(found, wanted) for found, wanted in shown)


def test_a_pixel_holds_data_where_each_date_does(tmp_path: Path, write_raster: Write) -> None:
    words = {
        "bands": ["A", {"name": "QA", "dtype": "int16"}], "dtype": "int16", "nodata": -9999,
        "valid": {"band": "QA", "clear_bits": [1]}, "steps": 2, "layout": "file_per_date",
    }  # fmt: skip
    values = np.ones((2, 2, 4, 5), np.int16)
    values[0, 0, 0, 0] = -9999
    values[:, 1] = 0
    values[1, 1, 2, 3] = 2
    paths = [write_raster(tmp_path / f"{step}.tif", values[step]) for step in range(2)]
    with Scene(paths, RasterSpec.model_validate(words)) as scene:
        read, valid = scene.read(WHOLE)
    assert read.shape == (1, 2, 4, 5)
    assert np.argwhere(~valid).tolist() == [[0, 0], [2, 3]]


def test_a_date_of_other_pixels_is_brought_to_the_grid_of_the_first(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    fine, coarse = np.arange(16, dtype=np.int16).reshape(1, 4, 4), np.arange(4, dtype=np.int16).reshape(1, 2, 2)
    first = write_raster(tmp_path / "1.tif", fine, transform=from_origin(600_000, 5_100_000, 10, 10))
    second = write_raster(tmp_path / "2.tif", coarse, transform=from_origin(600_000, 5_100_000, 20, 20))
    words = {"steps": 2, "layout": "file_per_date", "nodata": None}
    with pytest.raises(RasterError, match=r"2\.tif: found .*expected the pixel size of 1\.tif\. Set 'resampling'"):
        Scene([first, second], make_spec("A", **words))
    with Scene([first, second], make_spec("A", **words, resampling="nearest")) as scene:
        values, valid = scene.read(Window(0, 0, 4, 4))
    assert np.array_equal(values[0], np.stack([fine[0], coarse[0].repeat(2, axis=0).repeat(2, axis=1)]))
    assert valid.all()


def test_dates_may_stand_in_the_tags_of_the_files(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    days = ("2024-02-29", "2024-06-30")
    paths = [write_raster(tmp_path / f"{day}.tif", VALUES[:, 0], tags={"WHEN": day}) for day in days]
    spec = make_spec("A", "B", "C", steps=2, layout="file_per_date", date_tag="WHEN", nodata=None)
    with Scene(paths, spec) as scene:
        assert scene.dates == [date(2024, 2, 29), date(2024, 6, 30)]


def test_files_that_do_not_suit_each_other_are_refused(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    first = write_raster(tmp_path / "1.tif", VALUES[:, 0])
    spec = make_spec("A", "B", "C", steps=2, layout="file_per_date", nodata=None)
    moved = write_raster(tmp_path / "moved.tif", VALUES[:, 1], transform=from_origin(600_000, 5_100_000, 10, 10))
    with pytest.raises(RasterError, match=r"moved\.tif: found .*expected the ground that 1\.tif covers"):
        Scene([first, moved], spec)
    lacking = write_raster(tmp_path / "lacking.tif", VALUES[:2, 1])
    with pytest.raises(RasterError, match=r"lacking\.tif: found 2 band\(s\); expected 3"):
        Scene([first, lacking], spec)
    with pytest.raises(RasterError, match=r"found 1 files; expected as many for each of 2 dates"):
        Scene([first], spec)
    with pytest.raises(ValidationError, match="steps_first or bands_first, or file_per_date"):
        make_spec("A", steps=2)
