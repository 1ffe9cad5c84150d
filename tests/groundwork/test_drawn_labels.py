"""Labels drawn as polygons, lines and points: on every grid, in every format, and through the whole house."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.features import rasterize, shapes
from rasterio.transform import from_origin
from rasterio.windows import Window
from shapely.geometry import LineString, Point, Polygon, box, shape

from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import DataError, PairingError, RasterError
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.grid import Grid
from groundwork.rasters.shared import SharedFiles
from groundwork.specs import TargetSpec
from groundwork.targets import drawn
from groundwork.targets.drawn import DrawnClasses
from groundwork.targets.labels import IGNORE, ClassLabels
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

GRID = Grid(CRS.from_epsg(32632), from_origin(500_000, 5_000_000, 10, 10), width=20, height=12)
WHOLE = Window(0, 0, 20, 12)
CLASSES = [
    {"value": 1, "name": "water", "color": "#0000ff"},
    {"value": 2, "name": "forest", "color": "#00aa00"},
    {"value": 3, "name": "field", "color": "#ffcc00"},
]


def _target(**vectors: Any) -> TargetSpec:
    return TargetSpec.model_validate({"classes": CLASSES, "ignore_value": 0, "vectors": {"attribute": "use"} | vectors})


def _square(left: float, top: float, right: float, bottom: float) -> Polygon:
    """A rectangle in columns and rows of the grid."""
    return box(500_000 + 10 * left, 5_000_000 - 10 * bottom, 500_000 + 10 * right, 5_000_000 - 10 * top)


def _write(path: Path, uses: list[Any], geometries: list[Any], crs: str | None = "EPSG:32632", **options: Any) -> Path:
    frame = geopandas.GeoDataFrame({"use": uses}, geometry=geometries, crs=crs)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, engine="pyogrio", **options)
    return path


def _read(path: Path, target: TargetSpec, window: Window = WHOLE, grid: Grid = GRID, *more: Path) -> np.ndarray:
    with DrawnClasses((path, *more), target, grid) as label:
        label.check_grid(grid)
        return label.read(window)


def _expected(*parts: tuple[int, int, int, int, int]) -> np.ndarray:
    found = np.full((12, 20), IGNORE)
    for index, left, top, right, bottom in parts:
        found[top:bottom, left:right] = index
    return found


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp", ".fgb", ".parquet"])
def test_polygons_of_every_format_are_drawn_by_name_of_their_class(tmp_path: Path, suffix: str) -> None:
    # FlatGeobuf orders features by place, GeoJSON is in degrees.
    crs = "EPSG:4326" if suffix == ".geojson" else "EPSG:32632"
    frame = geopandas.GeoSeries([_square(0, 0, 5, 4), _square(7, 2, 20, 12)], crs="EPSG:32632").to_crs(crs)
    path = _write(tmp_path / f"labels{suffix}", ["forest", "water"], list(frame), crs)
    assert np.array_equal(_read(path, _target()), _expected((1, 0, 0, 5, 4), (0, 7, 2, 20, 12)))


def test_values_of_the_attribute_are_names_label_values_or_mapped(tmp_path: Path) -> None:
    places = [_square(0, 0, 5, 4), _square(7, 2, 20, 12), _square(0, 8, 3, 12)]
    numbers = _write(tmp_path / "numbers.gpkg", [2, 3, 0], places)
    expected = _expected((1, 0, 0, 5, 4), (2, 7, 2, 20, 12))
    assert np.array_equal(_read(numbers, _target()), expected)
    words = _write(tmp_path / "words.gpkg", ["Wald", "Acker", "Wolke"], places)
    mapped = _target(mapping={"Wald": "forest", "Acker": "field", "Wolke": None})
    assert np.array_equal(_read(words, mapped), expected)
    # A column of whole numbers with gaps holds fractions; what is empty says nothing, and is refused.
    gaps = _write(tmp_path / "gaps.gpkg", [2, None, 3], places)
    with pytest.raises(
        RasterError, match=r"gaps.gpkg: found 1 feature\(s\) whose attribute 'use' is empty; expected .*'\"\"' there"
    ):
        _read(gaps, _target())
    said = _read(gaps, _target(mapping={2: "forest", 3: "field", "": "water"}))
    assert np.array_equal(said, _expected((1, 0, 0, 5, 4), (0, 7, 2, 20, 12), (2, 0, 8, 3, 12)))
    left_out = _read(gaps, _target(mapping={2: "forest", 3: "field", "": None}))
    assert np.array_equal(left_out, _expected((1, 0, 0, 5, 4), (2, 0, 8, 3, 12)))
    every = TargetSpec.model_validate({"classes": CLASSES, "vectors": {"every": "water", "elsewhere": "field"}})
    found = _read(words, every)
    assert np.array_equal(found == 0, (expected >= 0) | (_expected((0, 0, 8, 3, 12)) == 0))
    assert set(np.unique(found)) == {0, 2}


def test_what_nobody_knows_covers_what_is_elsewhere(tmp_path: Path) -> None:
    path = _write(tmp_path / "l.gpkg", ["forest", "cloud"], [_square(0, 0, 5, 4), _square(10, 2, 20, 12)])
    found = _read(path, _target(mapping={"forest": "forest", "cloud": None}, elsewhere="field"))
    expected = np.full((12, 20), 2)
    expected[:4, :5], expected[2:, 10:] = 1, IGNORE
    assert np.array_equal(found, expected)


def test_elsewhere_holds_where_labelling_is_complete(tmp_path: Path) -> None:
    path = _write(tmp_path / "l.gpkg", ["forest"], [_square(0, 0, 5, 4)])
    expected = np.full((12, 20), IGNORE)
    expected[:, :10], expected[:4, :5] = 2, 1
    beside = _write(tmp_path / "complete.gpkg", ["any"], [_square(0, 0, 10, 12)])
    assert np.array_equal(_read(path, _target(elsewhere="field"), WHOLE, GRID, beside), expected)
    _write(path, ["any"], [_square(0, 0, 10, 12)], layer="complete", mode="a")
    layers = _target(elsewhere="field", complete_layer="complete", layer="l")
    assert np.array_equal(_read(path, layers), expected)
    # A scene that was looked through and shows nothing: no feature needs to be near, but the polygon must be.
    empty = Grid(GRID.crs, from_origin(600_000, 5_000_000, 10, 10), 20, 12)
    with pytest.raises(RasterError, match=r"found features within .* expected some near the scene"):
        _read(path, layers, WHOLE, empty)
    there = _write(tmp_path / "there.gpkg", ["any"], [box(600_000, 4_999_880, 600_200, 5_000_000)])
    assert (_read(path, _target(elsewhere="field", layer="l"), WHOLE, empty, there) == 2).all()


def test_lines_have_a_width_and_points_a_radius(tmp_path: Path) -> None:
    line = LineString([(500_000, 4_999_945), (500_200, 4_999_945)])
    point = Point(500_105, 4_999_985)
    path = _write(tmp_path / "l.gpkg", ["water", "forest"], [line, point])
    found = _read(path, _target(line_width_m=30, point_radius_m=12))
    expected = _expected((0, 0, 4, 20, 7))
    expected[1, 9:12] = expected[0:3, 10] = 1
    assert np.array_equal(found, expected)
    # In degrees a metre is a metre.
    degrees = geopandas.GeoSeries([line, point], crs="EPSG:32632").to_crs("EPSG:4326")
    away = _write(tmp_path / "d.gpkg", ["water", "forest"], list(degrees), "EPSG:4326")
    assert np.array_equal(_read(away, _target(line_width_m=30, point_radius_m=12)), expected)
    with pytest.raises(RasterError, match=r"found 1 feature\(s\) of the kind LineString; .*line_width_m' is not set"):
        _read(path, _target(point_radius_m=12))
    with pytest.raises(RasterError, match=r"of the kind Point; expected .*'target.vectors.point_radius_m' is not set"):
        _read(path, _target(line_width_m=12))


@pytest.mark.parametrize("top", [0.0, 6_274_861.0])
def test_metres_are_those_on_the_ground_where_the_crs_does_not_keep_lengths(tmp_path: Path, top: float) -> None:
    # What Web Mercator counts as 10 m is that at the equator, and 6.57 m at 49 degrees.
    grid = Grid(CRS.from_epsg(3857), from_origin(1_000_000, top, 10, 10), width=20, height=20)
    inside, beyond = Point(1_000_105, top - 105), Point(1_000_000 - 25, top - 105)
    path = _write(tmp_path / "l.gpkg", ["forest", "water"], [inside, beyond], "EPSG:3857")
    found = _read(path, _target(point_radius_m=22), Window(0, 0, 20, 20), grid)
    assert (found == 1).any(axis=0).sum() == (7 if top else 5)
    # One that lies 25 units beyond the edge is 16 m away from it there, and read.
    assert (found == 0).any() == bool(top)


def test_a_line_beside_the_scene_reaches_into_it(tmp_path: Path) -> None:
    line = LineString([(499_990, 4_999_800), (499_990, 5_000_100)])
    path = _write(tmp_path / "l.gpkg", ["water"], [line])
    assert np.array_equal(_read(path, _target(line_width_m=60)), _expected((0, 0, 0, 2, 12)))


def test_features_upon_each_other_are_refused_unless_one_is_meant(tmp_path: Path) -> None:
    path = _write(tmp_path / "l.gpkg", ["forest", "water"], [_square(0, 0, 8, 8), _square(4, 4, 12, 12)])
    with pytest.raises(RasterError, match=r"different answers upon each other in 6.67% of rows 0\+12, columns 0\+20"):
        _read(path, _target())
    assert np.array_equal(_read(path, _target(overlap="last")), _expected((1, 0, 0, 8, 8), (0, 4, 4, 12, 12)))
    assert np.array_equal(_read(path, _target(overlap="first")), _expected((0, 4, 4, 12, 12), (1, 0, 0, 8, 8)))
    same = _write(tmp_path / "s.gpkg", ["water", "water"], [_square(0, 0, 8, 8), _square(4, 4, 12, 12)])
    assert np.array_equal(_read(same, _target()), _expected((0, 0, 0, 8, 8), (0, 4, 4, 12, 12)))
    between = _write(tmp_path / "b.gpkg", ["water", "forest", "water"], [_square(0, 0, 8, 8)] * 3)
    with pytest.raises(RasterError, match="different answers upon each other"):
        _read(between, _target())


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp", ".fgb", ".parquet"])
def test_of_many_features_that_stands_first_which_does_in_the_file(tmp_path: Path, suffix: str) -> None:
    random = np.random.default_rng(0)
    # Most of them lie elsewhere: a file is asked for some.
    corners = np.stack([random.integers(-40, 60, 2000), random.integers(-40, 50, 2000)], 1)
    uses = random.choice(["water", "forest", "field"], 2000).tolist()
    squares = [_square(left, top, left + 2, top + 2) for left, top in corners.tolist()]
    path = _write(tmp_path / f"many{suffix}", uses, squares)
    kept = geopandas.read_parquet(path) if suffix == ".parquet" else geopandas.read_file(path, engine="pyogrio")
    expected = {name: np.full((12, 20), IGNORE) for name in ("first", "last")}
    for use, place in zip(kept["use"], kept.bounds.to_numpy(), strict=True):
        left, top = round((place[0] - 500_000) / 10), round((5_000_000 - place[3]) / 10)
        part = np.s_[max(top, 0) : max(top + 2, 0), max(left, 0) : max(left + 2, 0)]
        index = ["water", "forest", "field"].index(use)
        expected["last"][part] = index
        expected["first"][part] = np.where(expected["first"][part] == IGNORE, index, expected["first"][part])
    for overlap, answers in expected.items():
        assert np.array_equal(_read(path, _target(overlap=overlap)), answers)


def test_all_touched_is_as_rasterio_has_it(tmp_path: Path) -> None:
    triangle = Polygon([(500_003, 4_999_997), (500_164, 4_999_951), (500_041, 4_999_893)])
    path = _write(tmp_path / "l.gpkg", ["forest"], [triangle])
    counts = []
    for all_touched in (False, True):
        found = _read(path, _target(all_touched=all_touched))
        mask = rasterize([triangle], (12, 20), transform=GRID.transform, all_touched=all_touched)
        assert np.array_equal(found == 1, mask == 1)
        counts.append(int((found == 1).sum()))
    assert 0 < counts[0] < counts[1]


@given(data=st.data(), side=st.sampled_from([5, 256]))
def test_any_window_is_drawn_as_all_of_the_scene_would_be(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, side: int
) -> None:
    places = st.tuples(st.integers(-10, 210), st.integers(-10, 130))
    # Corners at multiples of half a pixel: many pixel centres lie upon edges.
    corners = data.draw(st.lists(places, min_size=3, max_size=6, unique=True))
    polygon = Polygon([(500_000 + 5 * (x // 5), 5_000_000 - 5 * (y // 5)) for x, y in corners]).buffer(0)
    if polygon.is_empty or not polygon.intersects(box(*GRID.bounds)):
        return
    path = _write(tmp_path_factory.mktemp("w") / "l.gpkg", ["forest"], [polygon])
    row, column = data.draw(st.integers(0, 11)), data.draw(st.integers(0, 19))
    height, width = data.draw(st.integers(1, 12 - row)), data.draw(st.integers(1, 20 - column))
    target = _target(all_touched=data.draw(st.booleans()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawn, "BLOCK", side)
        whole = _read(path, target)
        part = _read(path, target, Window(column, row, width, height))
    assert np.array_equal(part, whole[row : row + height, column : column + width])


def _no_crs(path: Path) -> Path:
    return _write(path, ["forest"], [_square(0, 0, 5, 4)], None)


BOWTIE = Polygon([(500_000, 5_000_000), (500_100, 4_999_900), (500_100, 5_000_000), (500_000, 4_999_900)])
BAD: dict[str, tuple[Callable[[Path], Path], dict[str, Any], str]] = {
    "no CRS": (_no_crs, {}, r"found features without a CRS; expected a CRS. .*ogr2ogr"),
    "other attribute": (
        lambda path: _write(path, ["forest"], [_square(0, 0, 5, 4)]),
        {"attribute": "used"},
        r"found the attributes \['use'\]; expected one called 'used'. Correct it. Did you mean 'use'\?",
    ),
    "undeclared class": (
        lambda path: _write(path, ["forest", "swamp"], [_square(0, 0, 5, 4), _square(7, 0, 9, 4)]),
        {},
        r"found 1 feature\(s\) whose attribute 'use' is 'swamp'; expected one of \[0, 'water', .*mapping",
    ),
    "not valid": (
        lambda path: _write(path, ["forest"], [BOWTIE]),
        {},
        r"found 1 geometries that are not valid near a scene \(Self-intersection.*Mend the geometries",
    ),
    "no geometry": (
        lambda path: _write(path, ["forest", "water"], [_square(0, 0, 5, 4), None]),
        {},
        r"found 1 feature\(s\) without a geometry, such as number 2; expected a geometry in each",
    ),
    "elsewhere": (
        lambda path: _write(path, ["forest"], [box(10, 50, 11, 51)], "EPSG:32632"),
        {},
        r"found features within \(10, 50, 11, 51\) in EPSG:32632; expected some near the scene, within \(500000",
    ),
    "several layers": (
        lambda path: _write(_write(path, ["forest"], [_square(0, 0, 5, 4)], layer="a"), ["x"], [BOWTIE], layer="b"),
        {},
        r"found the layers \['a', 'b'\]; expected one layer, or one that 'target.vectors.layer' names",
    ),
    "no such layer": (
        lambda path: _write(path, ["forest"], [_square(0, 0, 5, 4)], layer="labels"),
        {"layer": "label"},
        r"found the layers \['labels'\]; expected one called 'label'. Correct it. Did you mean 'labels'\?",
    ),
    "no feature": (lambda path: _write(path, [], []), {}, "found no feature; expected features"),
    "no file": (lambda path: path, {}, "found no such file; expected a vector file"),
    "a picture": (lambda path: (path.write_bytes(b"abc"), path)[1], {}, "found no vector file that can be read"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.filterwarnings("ignore:Layer .* does not have any CRS")
def test_bad_files_are_refused_with_what_to_change(tmp_path: Path, case: str) -> None:
    make, changes, message = BAD[case]
    path = make(tmp_path / "labels.gpkg")
    with pytest.raises(RasterError, match=rf"labels.gpkg: {message}"):
        _read(path, _target(**changes))


def test_scenes_without_crs_have_no_drawn_labels(tmp_path: Path) -> None:
    path = _write(tmp_path / "l.gpkg", ["forest"], [_square(0, 0, 5, 4)])
    with pytest.raises(RasterError, match="found a scene without CRS"):
        _read(path, _target(), WHOLE, Grid(None, GRID.transform, 20, 12))


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ({"every": "water"}, "'every' for one class; not both"),
        ({"attribute": None}, "'vectors' needs 'attribute'"),
        ({"attribute": None, "every": "watr"}, "class 'watr', which 'classes' lacks. Did you mean 'water'"),
        ({"mapping": {"a": "wood"}}, "names the class 'wood'"),
        ({"attribute": None, "mapping": {"a": "water"}}, "name it under 'attribute'"),
    ],
)
def test_contradictions_in_the_configuration_are_refused(vectors: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _target(**vectors)


# --- through the house ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace) -> SimpleNamespace:
    """The labels of the tiny scenes, which lie in two zones, as polygons of one file in degrees."""
    root = tmp_path_factory.mktemp("drawn")
    names = {1: "water", 2: "forest", 3: "field"}
    parts = []
    for key in tiny_data.labels.files:
        with rasterio.open(tiny_data.labels.paths(key)[0]) as label:
            found = [
                (shape(part), int(value)) for part, value in shapes(label.read(1), transform=label.transform) if value
            ]
            uses, places = [names[value] for _, value in found], [part for part, _ in found]
            parts.append(geopandas.GeoDataFrame({"use": uses}, geometry=places, crs=label.crs.to_wkt()))
    together = geopandas.pd.concat([part.to_crs("EPSG:4326") for part in parts], ignore_index=True)
    together.to_file(root / "labels.gpkg", engine="pyogrio")
    config = tiny_data.config.model_dump()
    config["target"]["vectors"] = {"attribute": "use"}
    data = DataConfig.model_validate(config)
    labels = SharedFiles(root, ("labels.gpkg",))
    scan = scan_scenes(tiny_data.scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    return SimpleNamespace(root=root, data=data, labels=labels, scan=scan, samples=samples)


def test_drawn_labels_are_those_that_were_drawn_in_every_zone(
    world: SimpleNamespace, tiny_data: SimpleNamespace
) -> None:
    for key in tiny_data.labels.files:
        with rasterio.open(tiny_data.scenes.paths(key)[0]) as scene:
            grid = Grid(scene.crs, scene.transform, scene.width, scene.height)
        window = Window(0, 0, grid.width, grid.height)
        found = _read(world.root / "labels.gpkg", world.data.target, window, grid)
        with ClassLabels(tiny_data.labels.paths(key)[0], tiny_data.config.target) as label:
            assert np.array_equal(found, label.read(window))
    statistics = compute_statistics(world.samples, world.scan.cells, world.data)
    assert statistics == compute_statistics(tiny_data.samples, tiny_data.cells, tiny_data.config)
    assert set(world.samples["path_label"]) == {"labels.gpkg"}
    assert world.samples["checksum"].tolist() == tiny_data.samples["checksum"].tolist()


def test_drawn_labels_train_are_judged_and_predict(
    world: SimpleNamespace,
    tiny_data: SimpleNamespace,
    model_config: ModelConfig,
    make_training: Callable[..., TrainingConfig],
    tmp_path: Path,
) -> None:
    initial = build_initial(world.data, model_config, seed=0)
    data = initial.labelled(world.samples, tiny_data.scenes, world.labels)
    statistics = compute_statistics(world.samples, world.scan.cells, world.data)
    bundle = fit(initial, data, statistics, make_training(max_epochs=1), 0, tmp_path).bundle
    judged = held_out(bundle, world.samples, tiny_data.scenes, world.labels, EvaluationConfig())
    scores = evaluate_model(bundle, judged, statistics, EvaluationConfig(), seed=0).scores
    assert 0 <= scores["test"]["miou"] <= 1
    assert scores["baselines"]["pixel_regression"]["miou"] > 0.5
    key, stream = next(predict_scenes(bundle, tiny_data.scenes, InferenceConfig(tile_size=64, overlap=16)).streams)
    assert key == "1"
    assert sum(window.width * window.height for window, _ in stream.blocks) == 64 * 64


def test_labels_are_indexed_again_when_a_feature_moves(
    world: SimpleNamespace, tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    frame = geopandas.read_file(world.root / "labels.gpkg")
    frame["geometry"] = frame.geometry.translate(xoff=0.0005)
    frame.to_file(tmp_path / "labels.gpkg", engine="pyogrio")
    initial = build_initial(
        world.data, ModelConfig.model_validate({"encoder": {"name": "timm", "model": "test_resnet"}}), 0
    )
    chips = initial.labelled(world.samples, tiny_data.scenes, SharedFiles(tmp_path, ("labels.gpkg",))).chips("train")
    with pytest.raises(
        RasterError, match=r"another place or label .* Index the samples again. The label is .*labels.gpkg"
    ):
        chips[0]


def test_one_file_for_each_scene_is_joined_by_key(
    tmp_path: Path, tiny_data: SimpleNamespace, world: SimpleNamespace
) -> None:
    frame = geopandas.read_file(world.root / "labels.gpkg")
    for key in tiny_data.labels.files:
        frame.to_file(tmp_path / f"{key}.gpkg", engine="pyogrio")
    labels = find_rasters(tmp_path, ["{key}.gpkg"])
    scan = scan_scenes(tiny_data.scenes, labels, world.data)
    assert scan.chips["checksum"].tolist() == world.scan.chips["checksum"].tolist()
    assert scan.chips["path_label"].tolist() == [f"{key}.gpkg" for key in scan.chips["scene"]]
    (tmp_path / "p6.gpkg").unlink()
    with pytest.raises(PairingError, match=r"1 image\(s\) .* without a label: 'p6'"):
        scan_scenes(tiny_data.scenes, find_rasters(tmp_path, ["{key}.gpkg"]), world.data)
    with pytest.raises(PairingError, match=r"labls.gpkg: found no such file"):
        scan_scenes(tiny_data.scenes, SharedFiles(tmp_path, ("labls.gpkg",)), world.data)


def test_what_is_wrong_with_a_file_of_all_scenes_is_said_once(
    tmp_path: Path, tiny_data: SimpleNamespace, world: SimpleNamespace
) -> None:
    frame = geopandas.read_file(world.root / "labels.gpkg")
    kept = [name for name in frame.columns if name == "geometry"]
    frame[kept].to_file(tmp_path / "labels.gpkg", engine="pyogrio")
    with pytest.raises(DataError) as caught:
        scan_scenes(tiny_data.scenes, SharedFiles(tmp_path, ("labels.gpkg",)), world.data)
    first, *others = str(caught.value).splitlines()
    count = len(tiny_data.scenes.files)
    assert first == f"{count} of {count} scenes are not as declared:"
    assert len(others) == 1
    assert "labels.gpkg" in others[0]


def test_a_scene_without_features_in_a_file_of_all_scenes_is_named(
    world: SimpleNamespace, tiny_data: SimpleNamespace
) -> None:
    with rasterio.open(tiny_data.scenes.paths("1")[0]) as raster:
        near, crs = box(*raster.bounds), raster.crs
    frame = geopandas.GeoDataFrame({"use": ["forest"]}, geometry=[near], crs=crs.to_wkt())
    frame.to_file(world.root / "near.gpkg", engine="pyogrio")
    with pytest.raises(DataError) as caught:
        scan_scenes(tiny_data.scenes, SharedFiles(world.root, ("near.gpkg",)), world.data)
    *others, last = str(caught.value).splitlines()
    assert not any("scene '1'" in line for line in others)
    assert any(line.startswith("  - scene 'east': ") and "near.gpkg: found features within" in line for line in others)
    assert last == "'on_bad_scene: leave_out' goes on without them."
