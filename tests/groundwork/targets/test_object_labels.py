"""Labels of objects: what vector files and COCO's JSON say of any window, by cases worked by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window
from shapely.geometry import MultiPolygon, Point, Polygon, box

from groundwork.batch import Patch
from groundwork.config import DataConfig
from groundwork.data.scan import scan_scenes
from groundwork.errors import DataError, RasterError, SpecError
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.grid import Grid
from groundwork.rasters.shared import SharedFiles
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource
from groundwork.targets.labels import IGNORE
from marked import MARK_CLASSES, marked_data, write_marked

GRID = Grid(CRS.from_epsg(32632), from_origin(500_000, 5_000_000, 10, 10), width=20, height=12)
WHOLE = Window(0, 0, 20, 12)
SQUARE, DISC = 1, 2
Edges = tuple[float, float, float, float]


def _target(**changes: Any) -> TargetSpec:
    return TargetSpec.model_validate({"classes": MARK_CLASSES, "per": "object"} | changes)


DRAWN = _target(vectors={"attribute": "kind"})


def _on_ground(outline: Polygon) -> Polygon:
    """An outline in pixels of the grid, in its CRS."""
    return Polygon([(500_000 + 10 * x, 5_000_000 - 10 * y) for x, y in outline.exterior.coords])


def _drawn(path: Path, marks: list[tuple[str, Polygon]], crs: str = "EPSG:32632") -> LabelSource:
    kinds, outlines = [name for name, _ in marks], [_on_ground(outline) for _, outline in marks]
    frame = geopandas.GeoDataFrame({"kind": kinds}, geometry=outlines, crs="EPSG:32632")
    frame.to_crs(crs).to_file(path, engine="pyogrio", layer="objects")
    return LabelSource((path,))


def _annotated(path: Path, marks: list[dict[str, Any]], **changes: Any) -> LabelSource:
    """One image of the size of the grid with annotations; those of no category are squares."""
    annotations = [{"id": 7 + number, "image_id": 3, "category_id": 1} | mark for number, mark in enumerate(marks)]
    content = {
        "images": [{"id": 3, "file_name": "a.png", "width": 20, "height": 12}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "square"}, {"id": 5, "name": "disc"}],
    }
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return LabelSource((path,))


def _read(source: LabelSource, target: TargetSpec, window: Window = WHOLE, known: np.ndarray | None = None) -> Patch:
    """A window as a scene gives it."""
    kind = kind_of(target)
    valid = np.ones((int(window.height), int(window.width)), np.bool_) if known is None else known
    with kind.open_label(source, GRID) as label:
        answers = label.read(window)
        kind.hide(answers, valid)
        return label.with_objects(window, Patch({}, {"optical": valid}, answers))


def _boxes(patch: Patch) -> dict[Edges, int]:
    assert patch.objects is not None
    edges = [tuple(box) for box in patch.objects.boxes.tolist()]
    return dict(zip(edges, patch.objects.labels.tolist(), strict=True))


def _plane(*parts: tuple[int, int, int, int, int], fill: int = 0) -> list[list[int]]:
    found = np.full((12, 20), fill)
    for value, left, top, right, bottom in parts:
        found[top:bottom, left:right] = value
    return found.tolist()


# --- both forms -----------------------------------------------------------------------------------------------------

TWO = [("square", (2, 3, 6, 5)), ("disc", (10, 4, 17, 11))]


@pytest.fixture(params=["vectors", "vectors in degrees", "coco"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[LabelSource, TargetSpec]:
    """Two boxes, 4 x 2 and 7 x 7 pixels."""
    if request.param == "coco":
        boxes = [(left, top, right - left, bottom - top) for _, (left, top, right, bottom) in TWO]
        marks = [{"bbox": boxes[0]}, {"bbox": boxes[1], "category_id": 5}]
        return _annotated(tmp_path / "a.json", marks), _target()
    crs = "EPSG:4326" if "degrees" in request.param else "EPSG:32632"
    return _drawn(tmp_path / "l.gpkg", [(name, box(*edges)) for name, edges in TWO], crs), DRAWN


def test_boxes_and_pixels_are_those_that_were_drawn(two: tuple[LabelSource, TargetSpec]) -> None:
    patch = _read(*two)
    assert _boxes(patch) == {(2, 3, 6, 5): 0, (10, 4, 17, 11): 1}
    assert patch.objects is not None
    assert patch.objects.masks is None
    assert np.asarray(patch.target)[0].tolist() == _plane((SQUARE, 2, 3, 6, 5), (DISC, 10, 4, 17, 11))
    assert np.argwhere(np.asarray(patch.target)[1]).tolist() == [[4, 4], [7, 13]]
    assert np.asarray(patch.target).dtype == np.int16
    assert patch.objects.boxes.dtype == np.float32
    assert patch.objects.labels.dtype == np.int64


def test_a_window_has_what_lies_in_it_in_its_own_pixels(two: tuple[LabelSource, TargetSpec]) -> None:
    patch = _read(*two, Window(4, 2, 8, 8))
    # Of the first half is seen; of the second 2 x 6 of 49 pixels, less than a quarter.
    assert _boxes(patch) == {(0, 1, 2, 3): 0}
    expected = np.zeros((8, 8))
    expected[1:3, :2] = SQUARE
    expected[2:8, 6:] = IGNORE
    assert np.asarray(patch.target)[0].tolist() == expected.tolist()


def test_the_share_that_must_be_seen_is_stated(two: tuple[LabelSource, TargetSpec]) -> None:
    source, target = two
    easy = target.model_validate(target.model_dump() | {"objects": {"min_visible": 0.2}})
    assert _boxes(_read(source, easy, Window(4, 2, 8, 8))) == {(0, 1, 2, 3): 0, (6, 2, 8, 8): 1}
    strict = target.model_validate(target.model_dump() | {"objects": {"min_visible": 0.6}})
    patch = _read(source, strict, Window(4, 2, 8, 8))
    assert _boxes(patch) == {}
    assert not (np.asarray(patch.target)[0] > 0).any()


def test_an_object_under_nodata_is_not_asked_for(two: tuple[LabelSource, TargetSpec]) -> None:
    known = np.ones((12, 20), np.bool_)
    known[:, :5] = False
    # A quarter of the first is left: 2 of its 8 pixels.
    assert (2, 3, 6, 5) in _boxes(_read(*two, known=known))
    known[3] = False
    patch = _read(*two, known=known)
    assert _boxes(patch) == {(10, 4, 17, 11): 1}
    assert np.asarray(patch.target)[0, 4, 5] == IGNORE, "what is left of it is not known"
    assert np.asarray(patch.target)[1, 4, 4] == IGNORE, "and its centre lies under nodata"


def test_beyond_the_edge_nothing_is_known(two: tuple[LabelSource, TargetSpec]) -> None:
    source, target = two
    with kind_of(target).open_label(source, GRID) as label:
        answers = label.read(Window(12, 8, 12, 8))
    assert (answers[:, 4:] == IGNORE).all()
    assert (answers[:, :, 8:] == IGNORE).all()
    assert (answers[0, :3, :5] == DISC).all()


@given(
    edges=st.lists(
        st.tuples(*(st.integers(0, 8 * side - 8) for side in (20, 12)), *(st.integers(4, 60) for _ in range(2))),
        max_size=6,
    ),
    cut=st.tuples(st.integers(1, 19), st.integers(1, 11)),
)
def test_each_object_is_counted_once_however_a_scene_is_cut(
    tmp_path_factory: pytest.TempPathFactory, edges: list[tuple[int, int, int, int]], cut: tuple[int, int]
) -> None:
    boxes = [
        (left / 8, top / 8, min(width / 8, 20 - left / 8), min(height / 8, 12 - top / 8))
        for left, top, width, height in edges
    ]
    source, kind = (
        _annotated(tmp_path_factory.mktemp("c") / "a.json", [{"bbox": edge} for edge in boxes]),
        kind_of(_target(objects={"min_visible": 0})),
    )
    column, row = cut
    windows = [
        Window(left, top, right - left, bottom - top)
        for left, right in ((0, column), (column, 20))
        for top, bottom in ((0, row), (row, 12))
    ]
    with kind.open_label(source, GRID) as label:
        parts, whole = [label.read(window) for window in windows], label.read(WHOLE)
    assert np.block([[parts[0], parts[2]], [parts[1], parts[3]]]).tolist() == whole.tolist()
    sums = np.array([sum(term.sum() for term in terms) for terms in zip(*map(kind.terms, parts), strict=True)])
    assert kind.columns(sums)["objects_square"] == len(boxes)
    assert kind.num_known(sums) == 240


def test_an_empty_scene_has_no_objects(tmp_path: Path) -> None:
    drawn = _drawn(tmp_path / "l.gpkg", [])
    for source, target in ((drawn, DRAWN), (_annotated(tmp_path / "a.json", []), _target(objects={"masks": True}))):
        patch = _read(source, target)
        assert _boxes(patch) == {}
        assert np.asarray(patch.target)[0].tolist() == _plane()
    assert patch.objects is not None
    assert patch.objects.masks is not None
    assert patch.objects.masks.shape == (0, 12, 20)


def test_small_objects_lie_on_large_ones(tmp_path: Path) -> None:
    marks = [{"bbox": [4, 4, 2, 2]}, {"bbox": [2, 2, 8, 8], "category_id": 5}]
    for order in (marks, marks[::-1]):
        patch = _read(_annotated(tmp_path / "a.json", order), _target())
        assert np.asarray(patch.target)[0].tolist() == _plane((DISC, 2, 2, 10, 10), (SQUARE, 4, 4, 6, 6))


# --- drawn ----------------------------------------------------------------------------------------------------------


def test_turned_polygons_become_what_encloses_what_is_seen_of_them(tmp_path: Path) -> None:
    diamond = Polygon([(8, 2), (12, 6), (8, 10), (4, 6)])
    source = _drawn(tmp_path / "l.gpkg", [("disc", diamond)])
    assert _boxes(_read(source, DRAWN)) == {(4, 2, 12, 10): 1}
    # Cut off at column 6: of the left corner, which is 2 wide, rows 4 to 8 are left; an eighth of the whole.
    low = DRAWN.model_validate(DRAWN.model_dump() | {"objects": {"min_visible": 0.125}})
    assert _boxes(_read(source, low, Window(0, 0, 6, 12))) == {(4, 4, 6, 8): 1}
    assert _boxes(_read(source, DRAWN, Window(0, 0, 6, 12))) == {}


def test_masks_are_the_pixels_of_outlines(tmp_path: Path) -> None:
    diamond = Polygon([(8, 2), (12, 6), (8, 10), (4, 6)])
    masked = _target(vectors={"attribute": "kind"}, objects={"masks": True})
    source = _drawn(tmp_path / "l.gpkg", [("disc", diamond), ("square", box(7, 5, 9, 7))])
    patch = _read(source, masked)
    rows, columns = np.mgrid[:12, :20] + 0.5
    distance = abs(columns - 8) + abs(rows - 6)
    assert patch.objects is not None
    assert patch.objects.masks is not None
    assert patch.objects.masks[0][distance < 4].all()
    assert not patch.objects.masks[0][distance > 4].any()
    assert patch.objects.masks[1].sum() == 4, "what lies beneath another object keeps all of its mask"
    assert patch.objects.masks.dtype == np.uint8


@given(
    edges=st.lists(st.tuples(*(st.integers(0, side - 1) for side in (20, 12, 20, 12))), max_size=8),
    hidden=st.booleans(),
)
def test_each_mask_is_what_was_drawn_whatever_lies_upon_it(
    tmp_path_factory: pytest.TempPathFactory, edges: list[Edges], hidden: bool
) -> None:
    boxes = [(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for a, b, c, d in edges]
    rings = [[[left, top, right, top, right, bottom, left, bottom]] for left, top, right, bottom in boxes]
    marks = [
        {"bbox": [left, top, right - left, bottom - top], "segmentation": ring}
        for (left, top, right, bottom), ring in zip(boxes, rings, strict=True)
    ]
    known = np.ones((12, 20), np.bool_)
    known[:, 10:] = not hidden
    source = _annotated(tmp_path_factory.mktemp("m") / "a.json", marks)
    patch = _read(source, _target(objects={"masks": True}), known=known)
    assert patch.objects is not None
    assert patch.objects.masks is not None
    found = patch.objects.boxes.astype(int).tolist()
    for (left, top, right, bottom), mask in zip(found, patch.objects.masks, strict=True):
        assert mask.tolist() == _plane((1, left, top, right, bottom))
    area = [(min(right, 10) - min(left, 10)) / (right - left) for left, _, right, _ in boxes]
    kept = [box for box, share in zip(boxes, area, strict=True) if not hidden or share >= 0.25]
    assert sorted(map(tuple, found)) == sorted(kept)


def test_an_object_between_the_centres_of_pixels_has_one(tmp_path: Path) -> None:
    masked = _target(vectors={"attribute": "kind"}, objects={"masks": True})
    patch = _read(_drawn(tmp_path / "l.gpkg", [("disc", box(5.6, 3.1, 5.9, 3.4))]), masked)
    assert patch.objects is not None
    assert patch.objects.masks is not None
    assert np.argwhere(patch.objects.masks[0]).tolist() == [[3, 5]]
    assert np.asarray(patch.target)[0].tolist() == _plane((DISC, 5, 3, 6, 4))


def test_points_become_boxes_of_what_they_cover(tmp_path: Path) -> None:
    place = Point(500_000 + 10 * 8, 5_000_000 - 10 * 6)
    frame = geopandas.GeoDataFrame({"kind": ["disc"]}, geometry=[place], crs="EPSG:32632")
    frame.to_file(tmp_path / "l.gpkg", engine="pyogrio")
    target = _target(vectors={"attribute": "kind", "point_radius_m": 20})
    assert _boxes(_read(LabelSource((tmp_path / "l.gpkg",)), target)) == {(6, 4, 10, 8): 1}


def test_objects_in_one_pixel_are_all_counted(tmp_path: Path) -> None:
    source = _drawn(
        tmp_path / "l.gpkg", [("disc", box(4, 4, 7, 7)), ("disc", box(3, 3, 8, 8)), ("square", box(5, 5, 6, 6))]
    )
    target = np.asarray(_read(source, DRAWN).target)
    assert sorted(target[1][target[1] > 0].tolist()) == [SQUARE, DISC, DISC]
    assert abs(np.argwhere(target[1] > 0) - 5).max() == 1


def test_too_many_objects_in_one_place_are_refused(tmp_path: Path) -> None:
    source = _annotated(tmp_path / "a.json", [{"bbox": [9, 5, 1, 1]}] * 250)
    with pytest.raises(
        RasterError, match="more than 289 objects around row 5, column 9; expected objects of different"
    ):
        _read(source, _target())


def test_features_across_the_edge_of_a_scene_are_cut_there(tmp_path: Path) -> None:
    inside, outside = box(16, 2, 24, 4), box(-9, 6, 1, 8)
    patch = _read(_drawn(tmp_path / "l.gpkg", [("square", inside), ("disc", outside)]), DRAWN)
    # Of the second a tenth lies in the scene: nobody is asked for it.
    assert _boxes(patch) == {(16, 2, 20, 4): 0}
    assert np.asarray(patch.target)[0].tolist() == _plane((SQUARE, 16, 2, 20, 4), (IGNORE, 0, 6, 1, 8))
    assert np.argwhere(np.asarray(patch.target)[1]).tolist() == [[3, 18]]


def test_what_nobody_knows_and_what_is_passed_over(tmp_path: Path) -> None:
    marks = [("Quadrat", box(2, 2, 4, 4)), ("unklar", box(3, 3, 8, 8)), ("Schatten", box(10, 2, 14, 6))]
    target = _target(
        vectors={"attribute": "kind", "mapping": {"Quadrat": "square", "unklar": None}},
        objects={"background": ["Schatten"]},
    )
    patch = _read(_drawn(tmp_path / "l.gpkg", marks), target)
    assert _boxes(patch) == {(2, 2, 4, 4): 0}
    assert np.asarray(patch.target)[0].tolist() == _plane((IGNORE, 3, 3, 8, 8), (SQUARE, 2, 2, 4, 4))


def test_outside_of_complete_labelling_only_what_is_drawn_is_known(tmp_path: Path) -> None:
    source = _drawn(tmp_path / "l.gpkg", [("square", box(2, 2, 4, 4)), ("disc", box(14, 2, 18, 4))])
    frame = geopandas.GeoDataFrame(geometry=[_on_ground(box(0, 0, 10, 12))], crs="EPSG:32632")
    frame.to_file(tmp_path / "l.gpkg", engine="pyogrio", layer="mapped")
    target = _target(vectors={"attribute": "kind", "layer": "objects", "complete_layer": "mapped"})
    patch = _read(source, target)
    assert _boxes(patch) == {(2, 2, 4, 4): 0, (14, 2, 18, 4): 1}
    expected = _plane((IGNORE, 10, 0, 20, 12), (SQUARE, 2, 2, 4, 4), (DISC, 14, 2, 18, 4))
    assert np.asarray(patch.target)[0].tolist() == expected


def test_all_features_of_one_class(tmp_path: Path) -> None:
    source = _drawn(tmp_path / "l.gpkg", [("a", box(2, 2, 4, 4)), ("b", box(6, 2, 8, 4))])
    assert set(_boxes(_read(source, _target(vectors={"every": "disc"}))).values()) == {1}


BAD_DRAWN: dict[str, tuple[Callable[[Path], LabelSource], str]] = {
    "an unknown value": (
        lambda path: _drawn(path, [("sqare", box(2, 2, 4, 4))]),
        r"1 feature\(s\) whose attribute 'kind' is 'sqare'; expected one of \['square', 'disc', 1, 2\]",
    ),
    "a bow tie": (
        lambda path: _drawn(path, [("disc", Polygon([(2, 2), (6, 6), (6, 2), (2, 6)]))]),
        "1 geometries that are not valid near a scene",
    ),
    "elsewhere": (lambda path: _drawn(path, [("disc", box(9000, 2, 9010, 4))]), "some near the scene"),
}


@pytest.mark.parametrize("case", BAD_DRAWN)
def test_what_is_drawn_wrongly_is_named(tmp_path: Path, case: str) -> None:
    write, message = BAD_DRAWN[case]
    with pytest.raises(RasterError, match=message):
        _read(write(tmp_path / "l.gpkg"), DRAWN)


def test_options_that_mean_nothing_for_objects_are_refused() -> None:
    with pytest.raises(SpecError, match=r"'vectors.elsewhere' names a class for ground without features"):
        kind_of(_target(vectors={"attribute": "kind", "elsewhere": "disc"}))
    with pytest.raises(SpecError, match=r"'vectors.overlap' is about pixels"):
        kind_of(_target(vectors={"attribute": "kind", "overlap": "last"}))
    with pytest.raises(
        ValidationError, match="'objects' says how objects are labelled, and the target is one per pixel"
    ):
        _target(per="pixel", objects={"masks": True})
    with pytest.raises(ValidationError, match=r"'objects.mapping' names the class 'sqare', which 'classes' lacks. Did"):
        _target(objects={"mapping": {"Quadrat": "sqare"}})
    with pytest.raises(ValidationError, match=r"move 'objects.mapping' there"):
        _target(objects={"mapping": {"Quadrat": "square"}}, vectors={"attribute": "kind"})
    with pytest.raises(ValidationError, match="'ship' stands under 'mapping' and under 'background'"):
        _target(objects={"mapping": {"ship": "square"}, "background": ["ship"]})


# --- annotated ------------------------------------------------------------------------------------------------------


def test_polygons_and_runs_give_masks(tmp_path: Path) -> None:
    pixels = np.zeros((12, 20), np.uint8)
    pixels[3:6, 7:9] = 1
    pixels[5, 9] = 1
    runs = _runs(pixels)
    marks = [
        {"bbox": [7, 3, 3, 3], "segmentation": {"size": [12, 20], "counts": runs}},
        {"bbox": [7, 3, 3, 3], "segmentation": {"size": [12, 20], "counts": _letters(runs)}},
        {"bbox": [1, 1, 4, 9], "segmentation": [[1, 1, 3, 1, 3, 3, 1, 3], [3, 8, 5, 8, 5, 10, 3, 10]]},
    ]
    patch = _read(_annotated(tmp_path / "a.json", marks), _target(objects={"masks": True}))
    assert patch.objects is not None
    assert patch.objects.masks is not None
    found = {tuple(edges): mask for edges, mask in zip(patch.objects.boxes.tolist(), patch.objects.masks, strict=True)}
    assert found[7, 3, 10, 6].tolist() == pixels.tolist()
    assert found[1, 1, 5, 10].tolist() == _plane((1, 1, 1, 3, 3), (1, 3, 8, 5, 10))
    assert len(patch.objects.labels) == 3


def _runs(pixels: np.ndarray) -> list[int]:
    """Lengths of runs down the columns, beginning with one of zeros."""
    flat = pixels.T.reshape(-1)
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *edges, flat.size]).tolist()
    return lengths if flat[0] == 0 else [0, *lengths]


def _letters(runs: list[int]) -> str:
    """Five bits in a letter from "0" on; the sixth says that more follow, the fifth of the last one is a sign."""
    text = ""
    for number, run in enumerate(runs):
        value = run - runs[number - 2] if number > 2 else run
        while True:
            bits, value = value & 31, value >> 5
            done = value == (-1 if bits & 16 else 0)
            text += chr(48 + bits + (0 if done else 32))
            if done:
                break
    return text


def test_a_crowd_is_not_known(tmp_path: Path) -> None:
    runs = {"size": [12, 20], "counts": [0, 12, 228]}
    marks = [{"bbox": [0, 0, 1, 12], "segmentation": runs, "iscrowd": 1}, {"bbox": [0, 2, 3, 2]}]
    patch = _read(_annotated(tmp_path / "a.json", marks), _target())
    assert _boxes(patch) == {(0, 2, 3, 4): 0}
    assert np.asarray(patch.target)[0].tolist() == _plane((IGNORE, 0, 0, 1, 12), (SQUARE, 0, 2, 3, 4))


def test_categories_are_mapped_by_name(tmp_path: Path) -> None:
    categories = [
        {"id": 1, "name": "Quadrat"},
        {"id": 2, "name": "disc"},
        {"id": 3, "name": "?"},
        {"id": 4, "name": "x"},
    ]
    marks = [{"bbox": [5 * number, 2, 2, 2], "category_id": 1 + number} for number in range(4)]
    source = _annotated(tmp_path / "a.json", marks, categories=categories)
    target = _target(objects={"mapping": {"Quadrat": "square", "?": None}, "background": ["x"]})
    patch = _read(source, target)
    assert _boxes(patch) == {(0, 2, 2, 4): 0, (5, 2, 7, 4): 1}
    expected = _plane((SQUARE, 0, 2, 2, 4), (DISC, 5, 2, 7, 4), (IGNORE, 10, 2, 12, 4))
    assert np.asarray(patch.target)[0].tolist() == expected


MASKED = {"masks": True}
BAD_ANNOTATED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "beyond the image": (
        {"bbox": [15, 2, 7, 4]}, {},
        r"the bbox \[15.0, 2.0, 7.0, 4.0\] of annotation 7 in 'a.png', which reaches from left, top to right, bottom "
        r"\(15, 2, 22, 6\); expected objects within 20 x 12 pixels",
    ),
    "left of the image": ({"bbox": [-3, 2, 7, 4]}, {}, r"\(-3, 2, 4, 6\); expected objects within 20 x 12 pixels"),
    "no area": (
        {"bbox": [5, 2, 0, 4]}, {}, r"the bbox \[5.0, 2.0, 0.0, 4.0\] of annotation 7 in .* which has no area",
    ),
    "no outline": ({"bbox": [5, 2, 2, 4]}, MASKED, "no segmentation in annotation 7 of 'a.png'.*Leave 'target.objects"),
    "a line": (
        {"bbox": [5, 2, 2, 4], "segmentation": [[1, 1, 4, 4]]}, MASKED,
        "the segmentation of annotation 7 in 'a.png', which has no area; expected polygons of three corners",
    ),
    "an odd ring": (
        {"bbox": [5, 2, 2, 4], "segmentation": [[1, 1, 4, 4, 5]]}, MASKED, "expected lists of x and y in turn",
    ),
    "an outline beyond": (
        {"bbox": [5, 2, 2, 4], "segmentation": [[1, 1, 30, 1, 30, 5]]}, MASKED, "reaches from .*; expected objects",
    ),
    "runs of another size": (
        {"bbox": [5, 2, 2, 4], "segmentation": {"size": [20, 12], "counts": [240]}}, MASKED,
        r"with 'size': \[20, 12\]; expected 'size': \[12, 20\] \(height, width\)",
    ),
    "runs that are too short": (
        {"bbox": [5, 2, 2, 4], "segmentation": {"size": [12, 20], "counts": [5, 5]}}, MASKED,
        "with runs of 10 pixels; expected as many as the image has, 240",
    ),
    "runs of nothing": (
        {"bbox": [5, 2, 2, 4], "segmentation": {"size": [12, 20], "counts": [240]}}, MASKED, "which has no pixel",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ANNOTATED)
def test_annotations_that_are_no_objects_are_named(tmp_path: Path, case: str) -> None:
    mark, objects, message = BAD_ANNOTATED[case]
    with pytest.raises(RasterError, match=message):
        _read(_annotated(tmp_path / "a.json", [mark]), _target(objects=objects))


def test_what_a_program_rounds_is_cut_at_the_edge(tmp_path: Path) -> None:
    patch = _read(_annotated(tmp_path / "a.json", [{"bbox": [-0.5, 2, 4, 3]}, {"bbox": [16, 8.5, 4.75, 4]}]), _target())
    assert _boxes(patch) == {(0, 2, 3.5, 5): 0, (16, 8.5, 20, 12): 0}


def _listed(path: Path, boxes: list[Any], labels: list[Any]) -> LabelSource:
    path.write_text(json.dumps({"boxes": boxes, "labels": labels}), encoding="utf-8")
    return LabelSource((path,))


def test_lists_of_boxes_say_label_values(tmp_path: Path) -> None:
    boxes = [[1, 2, 5, 6], [7.5, 2, 12, 6], [14, 2, 18, 6], [1, 8, 5, 11]]
    target = _target(ignore_value=9, objects={"background": ["4"]})
    found = _read(_listed(tmp_path / "a.json", boxes, [1, 2, 9, 4]), target)
    # Of 9 nobody knows what is there, and 4 is passed over.
    values = [entry["value"] for entry in MARK_CLASSES]
    assert _boxes(found) == {(1, 2, 5, 6): values.index(1), (7.5, 2, 12, 6): values.index(2)}
    assert found.target is not None
    assert (found.target[0, 3, 15], found.target[0, 9, 2]) == (IGNORE, 0)
    assert _boxes(_read(_listed(tmp_path / "b.json", [], []), target)) == {}


@pytest.mark.parametrize(
    ("boxes", "labels", "message"),
    [
        ([[1, 2, 5, 6]], [], "1 entries under 'boxes' and 0 entries under 'labels'; expected two lists"),
        ([[1, 2, 5]], [1], r"\[1, 2, 5\] as box 1; expected four numbers: left, top, right, bottom"),
        ([[1, 2, 5, 6]], [1.5], "1.5 as the label of box 1; expected a whole number"),
        ([[5, 2, 1, 6]], [1], r"\[5.0, 2.0, -4.0, 4.0\] of box 1 in 'a'"),
        ([[1, 2, 5, 16]], [1], "box 1 in 'a'"),
        ([[1, 2, 5, 6]], [7], "category '7' or others, such as box 1"),
    ],
)
def test_lists_that_are_none_are_refused(tmp_path: Path, boxes: list[Any], labels: list[Any], message: str) -> None:
    with pytest.raises(RasterError, match=message):
        _read(_listed(tmp_path / "a.json", boxes, labels), _target())


def test_a_category_without_a_class_is_named(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "discs"}]
    with pytest.raises(
        RasterError, match=r"1 object\(s\) of the category 'discs'.* such as annotation 7.*Did you mean"
    ):
        _read(_annotated(tmp_path / "a.json", [{"bbox": [1, 1, 2, 2]}], categories=categories), _target())


def test_an_image_of_another_size_than_its_scene_is_refused(tmp_path: Path) -> None:
    images = [{"id": 3, "file_name": "a.png", "width": 12, "height": 20}]
    with pytest.raises(RasterError, match=r"12 x 20 pixels for 'a.png'; expected 20 x 12, as its raster has"):
        _read(_annotated(tmp_path / "a.json", [], images=images), _target())


def test_a_file_of_one_scene_holds_one_image(tmp_path: Path) -> None:
    images = [{"id": number, "file_name": f"{number}.png", "width": 20, "height": 12} for number in (3, 4)]
    source = _annotated(tmp_path / "a.json", [{"bbox": [1, 1, 2, 2]}], images=images)
    with pytest.raises(RasterError, match=r"2 images: '3.png', '4.png'; expected one, in a file for one scene"):
        _read(source, _target())
    named = LabelSource(source.paths, {"image": "3.png"}, "3")
    assert _boxes(_read(named, _target())) == {(1, 1, 3, 3): 0}
    with pytest.raises(RasterError, match=r"no image '5.png'; expected what was there when samples were indexed"):
        _read(LabelSource(source.paths, {"image": "5.png"}, "5"), _target())


# --- scenes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [0, 100_000])
def test_labels_of_which_no_scene_has_an_object_are_refused(tmp_path: Path, moved: float) -> None:
    marked = write_marked(tmp_path / "scenes", {"a": 3, "b": 0})
    marks = geopandas.read_file(marked.write_vectors(tmp_path / "marks.gpkg"))
    marks.geometry = marks.translate(moved)
    marks.to_file(tmp_path / "marks.gpkg", layer="marks")
    # Somebody looked through all of both scenes: that nothing lies near them is no mistake by itself.
    seen = geopandas.GeoDataFrame(geometry=[box(0, 0, 1e6, 1e7)], crs="EPSG:32632")
    seen.to_file(tmp_path / "marks.gpkg", layer="seen")
    words = marked_data(vectors={"attribute": "kind", "layer": "marks", "complete_layer": "seen"})
    scenes, labels = find_rasters(tmp_path / "scenes", ["{key}.tif"]), SharedFiles(tmp_path, ("marks.gpkg",))
    if moved:
        with pytest.raises(DataError, match=r"None of 8 chip\(s\) of 2 scene\(s\) has an object.*marks.gpkg"):
            scan_scenes(scenes, labels, DataConfig.model_validate(words))
    else:
        found = scan_scenes(scenes, labels, DataConfig.model_validate(words)).chips
        assert found[["objects_square", "objects_disc"]].to_numpy().sum() == 3
        assert set(found.scene) == {"a", "b"}


@pytest.mark.parametrize("case", ["plain", "doubled", "dissolved"])
def test_objects_that_stand_twice_or_in_scattered_parts_are_told_of(
    tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    marked = write_marked(tmp_path / "scenes", {"a": 4, "b": 5}, size=150)
    marks = geopandas.read_file(marked.write_vectors(tmp_path / "marks.gpkg"))
    # Two halves of one object are no matter.
    marks.geometry = [_halved(shape) for shape in marks.geometry]
    if case == "doubled":
        marks = geopandas.GeoDataFrame(pd.concat([marks, marks[:3]]), crs=marks.crs)
    if case == "dissolved":
        marks = marks.dissolve("kind").reset_index()
    marks.to_file(tmp_path / "marks.gpkg")
    scenes, labels = find_rasters(tmp_path / "scenes", ["{key}.tif"]), SharedFiles(tmp_path, ("marks.gpkg",))
    scan_scenes(scenes, labels, DataConfig.model_validate(marked_data(vectors={"attribute": "kind"})))
    assert ("3 object(s) of the labels have class and box of another one" in caplog.text) == (case == "doubled")
    assert ("object(s) of the labels are parts far from each other" in caplog.text) == (case == "dissolved")


def _halved(shape: Polygon) -> MultiPolygon:
    left, bottom, right, top = shape.bounds
    third = (right - left) / 3
    return MultiPolygon([box(left, bottom, left + third, top), box(right - third, bottom, right, top)])


# --- sums and pictures ----------------------------------------------------------------------------------------------


def test_tables_and_statistics_hold_numbers_of_objects(tmp_path: Path) -> None:
    source = _drawn(tmp_path / "l.gpkg", [("square", box(0, 0, 4, 3)), ("square", box(8, 0, 10, 6))])
    kind = kind_of(DRAWN)
    sums = np.array([term.sum() for term in kind.terms(np.asarray(_read(source, DRAWN).target))])
    columns = {"objects_square": 2, "objects_disc": 0, "fraction_square": 0.1, "fraction_disc": 0.0}
    assert kind.columns(sums) == columns
    statistics = kind.summarise(sums)
    assert statistics.class_objects == {"square": 2, "disc": 0}
    assert statistics.class_pixels == {"square": 24, "disc": 0}
