"""Scenes are reported and indexed: what each row says is what the pixels are; what does not fit is named."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.config import DataConfig
from groundwork.config.data import ChipsConfig
from groundwork.data import pieces as pieces_module
from groundwork.data.labelled import open_labelled
from groundwork.data.pieces import read_pieces
from groundwork.data.scan import scan_scenes
from groundwork.errors import DataError, PairingError
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.scene import Scene
from groundwork.rasters.windows import window_starts
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource

Write = Callable[..., Path]


@pytest.fixture
def pair_of(tmp_path: Path, write_raster: Write) -> Callable[..., tuple[RasterFolder, RasterFolder]]:
    """Write one scene and its label, and return both folders."""

    def make(image: np.ndarray, label: np.ndarray, key: str = "x", **place: Any) -> tuple[RasterFolder, RasterFolder]:
        write_raster(tmp_path / "s" / f"{key}.tif", image, tags={"DATE": "2024-06-01"}, **place)
        write_raster(tmp_path / "l" / f"{key}.tif", label, **place)
        return find_rasters(tmp_path / "s", ["{key}.tif"]), find_rasters(tmp_path / "l", ["{key}.tif"])

    return make


def _chips(config: DataConfig, **changes: Any) -> DataConfig:
    return config.model_copy(update={"chips": config.chips.model_copy(update=changes)})


def _image(height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 3000, (3, height, width)).astype(np.int16)


def _label(height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.default_rng(1).integers(1, 4, (height, width)).astype(np.uint8)


# --- report ---------------------------------------------------------------------------------------------------------


def test_the_report_says_of_each_scene_what_its_pixels_are(tiny_data: SimpleNamespace) -> None:
    table = scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config).report.set_index("scene")
    assert list(table.index) == ["1", "11", "east", "p4", "p5", "p6"]
    for key, row in table.iterrows():
        with rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene:
            valid = (scene.read() != -9999).all(axis=0)
            assert (row["height"], row["width"], row["crs"]) == (*scene.shape, scene.crs.to_string())
        with rasterio.open(tiny_data.root / "labels" / f"{key}.tif") as raster:
            known = raster.read(1)[valid]
        known = known[known > 0]
        assert row["pixel_size"] == 10
        assert row["valid_fraction"] == pytest.approx(valid.mean(), abs=1e-6)
        assert row["labelled_fraction"] == pytest.approx(known.size / valid.size, abs=1e-6)
        for value, name in enumerate(("water", "forest", "field"), start=1):
            assert row[f"fraction_{name}"] == pytest.approx((known == value).mean(), abs=1e-6)
    assert table.loc["1", "valid_fraction"] == pytest.approx(1 - 100 / 64**2, abs=1e-6)
    assert table.loc["11", "dates"] == "2024-06-02"


def test_partners_that_are_missing_are_listed(tmp_path: Path, write_raster: Write, data_config: DataConfig) -> None:
    for folder, keys in (("s", ("1", "2", "3")), ("l", ("11", "2"))):
        for key in keys:
            write_raster(tmp_path / folder / f"{key}.tif", _image() if folder == "s" else _label())
    folders = [find_rasters(tmp_path / name, ["{key}.tif"]) for name in ("s", "l")]
    with pytest.raises(PairingError, match=r"2 image\(s\) in .* without a label: '1', '3'; 1 label\(s\) .*: '11'"):
        scan_scenes(*folders, data_config)


def test_a_scene_wholly_nodata_is_refused(pair_of: Callable[..., Any], data_config: DataConfig) -> None:
    folders = pair_of(np.full((3, 64, 64), -9999, np.int16), _label(), nodata=None)
    with pytest.raises(DataError, match=r"x.tif: found nodata in every pixel; expected pixels that hold data. Remove"):
        scan_scenes(*folders, data_config)


def test_a_label_without_a_known_class_is_refused(pair_of: Callable[..., Any], data_config: DataConfig) -> None:
    label = np.zeros((64, 64), np.uint8)
    label[0, 0] = 1
    image = _image()
    image[:, 0, 0] = -9999
    with pytest.raises(DataError, match=r"x.tif: found no known answer in any valid pixel"):
        scan_scenes(*pair_of(image, label), data_config)


def test_nan_without_declared_nodata_is_refused(pair_of: Callable[..., Any], data_config: DataConfig) -> None:
    image = _image().astype(np.float32)
    image[1, 63, 63] = np.nan
    spec = data_config.sources["optical"].model_copy(update={"dtype": "float32", "nodata": None})
    config = data_config.model_copy(update={"sources": {"optical": spec}})
    with pytest.raises(DataError, match=r"x.tif: found NaN or infinite values .*Set 'nodata: nan' if they mean that"):
        scan_scenes(*pair_of(image, _label()), config)


def test_all_bad_scenes_are_listed_together(tmp_path: Path, write_raster: Write, data_config: DataConfig) -> None:
    tags = {"DATE": "2024-06-01"}
    for key in "abcdefg":
        write_raster(tmp_path / "s" / f"{key}.tif", _image(), tags=tags)
        write_raster(tmp_path / "l" / f"{key}.tif", _label())
    for key in "afg":
        write_raster(tmp_path / "s" / f"{key}.tif", _image()[:2], tags=tags)
    write_raster(tmp_path / "l" / "b.tif", _label() + 4)
    write_raster(tmp_path / "l" / "c.tif", _label(), crs="EPSG:32633")
    (tmp_path / "s" / "d.tif").write_bytes(b"")
    folders = [find_rasters(tmp_path / name, ["{key}.tif"]) for name in ("s", "l")]
    with pytest.raises(DataError) as caught:
        scan_scenes(*folders, data_config)
    lines = str(caught.value).splitlines()
    assert lines[0] == "6 of 7 scenes are not as declared:"
    assert "s/a.tif: found 2 band(s); expected 3" in lines[1]
    assert lines[2] == "    The same is wrong in 2 other scene(s): 'f', 'g'"
    assert "l/b.tif: found class value(s) [5, 6, 7]" in lines[3]
    assert "l/c.tif: found CRS EPSG:32633 instead of EPSG:32632" in lines[4]
    assert "s/d.tif: found an empty file" in lines[5]


# --- index ----------------------------------------------------------------------------------------------------------


def test_each_sample_says_what_its_pixels_are(tiny_data: SimpleNamespace) -> None:
    table = scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config).chips
    assert table["sample_id"].is_monotonic_increasing
    assert table["sample_id"].is_unique
    assert len(table) == 4 + 6 + 6 + 6 + 4 + 4
    for row in table.itertuples():
        rows, columns = slice(row.row, row.row + 32), slice(row.column, row.column + 32)
        with rasterio.open(tiny_data.root / "scenes" / row.path_optical) as scene:
            valid = (scene.read()[:, rows, columns] != -9999).all(axis=0)
            west, north = scene.transform @ (row.column, row.row)
            assert (row.west, row.north) == (west, north)
            assert (row.east, row.south) == (west + 320, north - 320)
            assert row.crs == scene.crs.to_string()
        with rasterio.open(tiny_data.root / "labels" / row.path_label) as raster:
            known = raster.read(1)[rows, columns][valid]
        known = known[known > 0]
        assert row.valid_fraction == pytest.approx(known.size / 32**2, abs=1e-6)
        assert row.fraction_forest == pytest.approx((known == 2).mean(), abs=1e-6)


def test_positions_are_those_of_the_ground(tiny_data: SimpleNamespace) -> None:
    first = tiny_data.samples.set_index("sample_id").loc["1_00000_00000"]
    # 5,000 km of northing in UTM zone 32, 160 m east of its central meridian (9 degrees).
    assert first["latitude"] == pytest.approx(45.15, abs=0.01)
    assert first["longitude"] == pytest.approx(9.00204, abs=1e-4)


@pytest.mark.parametrize(
    ("size", "stride", "expected"),
    [
        (32, None, [0, 32, 38]),
        (32, 16, [0, 16, 32, 38]),
        (70, None, [0]),
        (100, None, [0]),
    ],
)
def test_chips_cover_the_scene(tiny_data: SimpleNamespace, size: int, stride: int | None, expected: list[int]) -> None:
    config = _chips(tiny_data.config, size=size, stride=stride, min_valid_fraction=0.1)
    table = scan_scenes(tiny_data.scenes, tiny_data.labels, config).chips
    assert sorted(set(table.loc[table["scene"] == "east", "row"])) == expected
    beyond = table[table["scene"] == "east"].iloc[0]
    if size == 100:
        assert beyond["valid_fraction"] == pytest.approx(70 * 64 / 100**2, abs=1e-6)


def test_chips_with_too_few_known_pixels_are_left_out(pair_of: Callable[..., Any], data_config: DataConfig) -> None:
    image, label = _image(), _label()
    image[:, :32, :16] = -9999  # half of the first chip
    label[32:, :20] = 0  # 20/32 of the third
    folders = pair_of(image, label)
    kept = scan_scenes(*folders, data_config).chips
    assert kept["sample_id"].tolist() == ["x_00000_00000", "x_00000_00032", "x_00032_00032"]
    kept = scan_scenes(*folders, _chips(data_config, min_valid_fraction=0.51)).chips
    assert kept["sample_id"].tolist() == ["x_00000_00032", "x_00032_00032"]
    label[::16, ::16] = 0
    with pytest.raises(DataError, match="None of 1 scenes has a chip of 32 x 32 pixels with 100% valid, labelled ones"):
        scan_scenes(*pair_of(image, label), _chips(data_config, min_valid_fraction=1.0))


def test_a_chip_without_any_known_pixel_is_never_a_sample(pair_of: Callable[..., Any], data_config: DataConfig) -> None:
    label = _label()
    label[:32, :32] = 0
    kept = scan_scenes(*pair_of(_image(), label), _chips(data_config, min_valid_fraction=0.0)).chips
    assert "x_00000_00000" not in set(kept["sample_id"])


def test_a_crs_without_a_number_stays_whole(pair_of: Callable[..., Any], data_config: DataConfig) -> None:
    crs = rasterio.CRS.from_proj4("+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=23 +lon_0=-96.5 +datum=WGS84 +units=m")
    folders = pair_of(_image(), _label(), crs=crs, transform=from_origin(0, 0, 30, 30))
    table = scan_scenes(*folders, data_config).chips
    assert rasterio.CRS.from_user_input(table["crs"].iloc[0]) == crs


@settings(max_examples=40, deadline=None)
@given(size=st.integers(5, 110), stride=st.integers(3, 110), most=st.sampled_from([2000, 2**22]))
def test_each_pixel_is_read_once_and_chips_are_what_their_windows_hold(
    tiny_data: SimpleNamespace, size: int, stride: int, most: int
) -> None:
    chips = ChipsConfig(size=size, stride=stride)
    config, files = tiny_data.config, {"optical": tiny_data.scenes.paths("11")}
    with (
        pytest.MonkeyPatch.context() as patch,
        open_labelled(
            files, LabelSource(tiny_data.labels.paths("11")), config.sources, kind_of(config.target)
        ) as opened,
    ):
        patch.setattr(pieces_module, "MOST_HELD", most)
        read, counted, taken = Scene.read, np.zeros((400, 400), int), np.zeros((64, 96), int)

        def note(scene: Scene, window: Window) -> Any:
            counted[window.toslices()] += 1
            return read(scene, window)

        patch.setattr(Scene, "read", note)
        pieces = list(read_pieces(opened, chips))
        patch.setattr(Scene, "read", read)
        assert counted[:64, :96].min() == 1
        assert most == 2000 or counted.max() == 1
        found = [chip for piece in pieces for chip in piece.chips]
        corners = sorted((window.row_off, window.col_off) for window, _ in found)
        assert corners == list(product(window_starts(64, size, stride), window_starts(96, size, stride)))
        for piece in pieces:
            taken[piece.window.toslices()] += 1
            found.append((piece.window, piece.patch))
        assert (taken == 1).all(), "what pieces hold that were not read before is the whole scene"
        for window, given in found:
            again = opened.read(window)
            assert np.array_equal(given.values["optical"], again.values["optical"])
            assert np.array_equal(given.valid["optical"], again.valid["optical"])
            assert np.array_equal(np.asarray(given.target), np.asarray(again.target))


@settings(max_examples=25, deadline=None)
@given(size=st.integers(5, 110), stride=st.integers(3, 110), seed=st.integers(0, 99))
def test_cells_add_up_to_the_pixels_of_any_chips(tiny_data: SimpleNamespace, size: int, stride: int, seed: int) -> None:
    chips = ChipsConfig(size=size, stride=stride, min_valid_fraction=0)
    scan = scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config.model_copy(update={"chips": chips}))
    some = scan.chips[scan.chips["scene"] == "11"].sample(frac=0.5, random_state=seed)
    cells = scan.cells["11"]
    inside = cells.inside(Window(row.column, row.row, size, size) for row in some.itertuples())
    covered = np.zeros((64, 96), bool)
    for row in some.itertuples():
        covered[row.row : row.row + size, row.column : row.column + size] = True
    with (
        rasterio.open(tiny_data.root / "scenes/11.tif") as scene,
        rasterio.open(tiny_data.root / "labels/11.tif") as label,
    ):
        values, classes = scene.read().astype(float), label.read(1)
    known = covered & (values != -9999).all(axis=0)
    optical = cells.sources["optical"]
    assert cells.known[inside].sum() == optical.valid[inside].sum() == known.sum()
    assert cells.answers[:, inside].sum(axis=1).tolist() == [
        int((classes[known] == value).sum()) for value in (1, 2, 3)
    ]
    for band, plane in enumerate(values):
        weights = optical.valid[inside]
        assert (optical.mean[band, inside] * weights).sum() == pytest.approx(plane[known].sum(), rel=1e-12)
        assert optical.minimum[band, inside].min(initial=np.inf) == plane[known].min(initial=np.inf)
        assert optical.maximum[band, inside].max(initial=-np.inf) == plane[known].max(initial=-np.inf)


def test_dates_that_share_no_pixel_with_data_are_told_of_validity_per_step(tmp_path: Path, write_raster: Any) -> None:
    for folder in ("scenes", "labels"):
        (tmp_path / folder).mkdir()
    for day, rows in (("20240601", slice(0, 4)), ("20240703", slice(4, 8))):
        pixels = np.ones((1, 8, 8), np.uint16)
        pixels[:, rows] = 0
        write_raster(tmp_path / f"scenes/a_{day}.tif", pixels, nodata=0)
    write_raster(tmp_path / "labels/a.tif", np.ones((1, 8, 8), np.uint8))
    config = {
        "sources": {"s": {"bands": ["A"], "dtype": "uint16", "nodata": 0, "steps": 2, "layout": "file_per_date"}},
        "target": {"outputs": [{"name": "y", "minimum": 0, "maximum": 9}]},
        "chips": {"size": 8},
        "split": {"method": "scenes"},
    }
    scenes = {"s": find_rasters(tmp_path / "scenes", ["{key}_{date}.tif"])}
    labels = find_rasters(tmp_path / "labels", ["{key}.tif"])
    with pytest.raises(
        DataError, match=r"found nodata in every pixel at one of the dates of 's' .* 'validity_per_step"
    ):
        scan_scenes(scenes, labels, DataConfig.model_validate(config))


@pytest.mark.parametrize(("stride", "told"), [(None, ""), (32, ""), (64, "begin every 64: about 75 % of the ground")])
def test_ground_between_chips_is_told_of(
    tiny_data: SimpleNamespace, caplog: pytest.LogCaptureFixture, stride: int | None, told: str
) -> None:
    chips = tiny_data.config.chips.model_copy(update={"size": 32, "stride": stride})
    scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config.model_copy(update={"chips": chips}))
    assert told in caplog.text
    assert ("begin every" in caplog.text) == bool(told)
