"""Scenes are read by window as their spec says: bands by name, validity, steps, dates, several files."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters.environment import configure_gdal
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

MakeSpec = Callable[..., RasterSpec]
Write = Callable[..., Path]
#: 3 bands of 6 x 8 pixels; each value tells its band, row and column.
PIXELS = np.array([[[100 * b + 10 * r + c for c in range(8)] for r in range(6)] for b in range(1, 4)], np.int16)
WHOLE = Window(0, 0, 8, 6)


def _read(paths: list[Path], spec: RasterSpec, window: Window = WHOLE) -> tuple[np.ndarray, np.ndarray]:
    with Scene(paths, spec) as scene:
        return scene.read(window)


@pytest.fixture(scope="module")
def scene_file(tmp_path_factory: pytest.TempPathFactory, write_raster: Write) -> Path:
    pixels = PIXELS.copy()
    pixels[1, 0, 0] = -9999
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    return write_raster(path, pixels, nodata=-9999, descriptions=["A", "B", "C"])


def test_raw_values_come_in_the_type_of_the_file(scene_file: Path, make_spec: MakeSpec) -> None:
    values, valid = _read([scene_file], make_spec("A", "B", "C"))
    assert values.dtype == np.int16
    assert np.array_equal(values[:, 1:], PIXELS[:, 1:])
    # Nodata in one band makes the pixel invalid.
    assert not valid[0, 0]
    assert valid.sum() == 6 * 8 - 1


def test_bands_are_chosen_by_name_in_the_order_of_use(scene_file: Path, make_spec: MakeSpec) -> None:
    values, valid = _read([scene_file], make_spec("A", "B", "C", use=["C", "A"]))
    assert np.array_equal(values, PIXELS[[2, 0]])
    assert valid.all(), "a band that is not read does not make pixels invalid"


def test_files_with_another_order_of_bands_are_read_by_name(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    path = write_raster(tmp_path / "x.tif", PIXELS[::-1], nodata=-9999, descriptions=["C", " b ", "a"])
    values, _ = _read([path], make_spec("A", "B", "C"))
    assert np.array_equal(values, PIXELS)


def test_descriptions_may_differ_from_names_where_declared(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    path = write_raster(tmp_path / "x.tif", PIXELS[:2][::-1], nodata=-9999, descriptions=["B08", "B04"])
    spec = make_spec({"name": "RED", "description": "B04"}, {"name": "NIR", "description": "B08"})
    assert np.array_equal(_read([path], spec)[0], PIXELS[:2])


@given(row=st.integers(-7, 7), column=st.integers(-9, 9), height=st.integers(1, 12), width=st.integers(1, 12))
def test_windows_may_reach_over_every_edge(
    scene_file: Path, make_spec: MakeSpec, row: int, column: int, height: int, width: int
) -> None:
    if row >= 6 or column >= 8 or row + height <= 0 or column + width <= 0:
        return
    values, valid = _read([scene_file], make_spec("A", "B", "C"), Window(column, row, width, height))
    padded = np.pad(PIXELS, ((0, 0), (20, 20), (20, 20)))
    padded[1, 20, 20] = -9999
    known = np.pad(np.ones((6, 8), bool), 20)
    known[20, 20] = False
    part = (slice(20 + row, 20 + row + height), slice(20 + column, 20 + column + width))
    assert np.array_equal(values, padded[:, *part])
    assert np.array_equal(valid, known[part])


@pytest.mark.parametrize("layout", ["steps_first", "bands_first"])
def test_steps_of_both_layouts(tmp_path: Path, write_raster: Write, make_spec: MakeSpec, layout: str) -> None:
    # values[band, step] tells both; the file stacks them in one of two orders.
    values = np.arange(3 * 2 * 4 * 5, dtype=np.int16).reshape(3, 2, 4, 5)
    stacked = values.swapaxes(0, 1) if layout == "steps_first" else values
    path = write_raster(tmp_path / "t.tif", stacked.reshape(6, 4, 5))
    spec = make_spec("A", "B", "C", steps=2, layout=layout, nodata=None)
    window = Window(1, 2, 3, 2)
    assert np.array_equal(_read([path], spec, window)[0], values[:, :, 2:4, 1:4])
    chosen = make_spec("A", "B", "C", use=["C", "A"], steps=2, layout=layout, nodata=None)
    assert np.array_equal(_read([path], chosen, window)[0], values[[2, 0]][:, :, 2:4, 1:4])
    with Scene([path], chosen) as scene:
        assert np.array_equal(scene.thumbnail(10)[0], values[[2, 0], 0])
        assert np.array_equal(scene.thumbnail(10, last=True)[0], values[[2, 0], 1])


def test_nodata_in_one_step_makes_the_pixel_invalid(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    pixels = np.ones((4, 3, 3), np.int16)
    pixels[3, 1, 1] = -9999
    path = write_raster(tmp_path / "t.tif", pixels)
    _, valid = _read([path], make_spec(steps=2, layout="steps_first"), Window(0, 0, 3, 3))
    assert (~valid).nonzero() == (1, 1)


def test_nan_and_infinite_values_are_not_valid_where_nodata_is_declared(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    pixels = np.ones((2, 3, 4), np.float32)
    pixels[0, 0, 0], pixels[1, 2, 3], pixels[0, 1, 1] = np.nan, np.inf, -1
    path = write_raster(tmp_path / "f.tif", pixels)
    window = Window(0, 0, 4, 3)
    _, valid = _read([path], make_spec(dtype="float32", nodata="nan"), window)
    assert sorted(np.argwhere(~valid).tolist()) == [[0, 0], [2, 3]]
    _, valid = _read([path], make_spec(dtype="float32", nodata=-1), window)
    assert sorted(np.argwhere(~valid).tolist()) == [[0, 0], [1, 1], [2, 3]]


def test_masks_and_alpha_bands_make_pixels_invalid(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    mask = np.full((6, 8), 255, np.uint8)
    mask[:2, :3] = 0
    masked = write_raster(tmp_path / "m.tif", PIXELS, mask=mask)
    spec = make_spec("A", "B", "C", nodata=None)
    values, valid = _read([masked], spec)
    assert np.array_equal(values, PIXELS)
    assert np.array_equal(valid, mask > 0)
    pixels = np.concatenate([PIXELS.astype(np.uint8), mask[None]])
    alpha = write_raster(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")
    values, valid = _read([alpha], spec.model_copy(update={"dtype": "uint8"}))
    assert np.array_equal(values, PIXELS.astype(np.uint8))
    assert np.array_equal(valid, mask > 0)


def test_a_fourth_band_that_is_no_alpha_is_refused(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    path = write_raster(tmp_path / "x.tif", np.ones((4, 3, 3), np.int16), photometric="MINISBLACK")
    with pytest.raises(
        RasterError, match=r"x.tif: found 4 band\(s\); expected 3, as 'sources' declares. List in 'bands'"
    ):
        Scene([path], make_spec("A", "B", "C"))


def test_dates_are_read_from_the_tag(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    pixels = np.ones((4, 3, 3), np.int16)
    path = write_raster(tmp_path / "d.tif", pixels, tags={"WHEN": "2024-02-29, 2024-06-30T10:50:31Z"})
    spec = make_spec(steps=2, layout="steps_first", date_tag="WHEN")
    with Scene([path], spec) as scene:
        assert scene.dates == [date(2024, 2, 29), date(2024, 6, 30)]
    with Scene([path], spec.model_copy(update={"date_tag": None})) as scene:
        assert scene.dates is None


def test_dates_in_the_form_of_tiff_are_read(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    path = write_raster(tmp_path / "d.tif", PIXELS[:2], tags={"TIFFTAG_DATETIME": "2024:06:30 10:20:30"})
    with Scene([path], make_spec(date_tag="TIFFTAG_DATETIME")) as scene:
        assert scene.dates == [date(2024, 6, 30)]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({}, "None"),
        ({"WHEN": "30.6.2024"}, "'30.6.2024'"),
        ({"WHEN": "2024-06-30,2024-07-01"}, "'2024-06-30,2024-07-01'"),
        ({"WHEN": "2024-06-301"}, "'2024-06-301'"),
        ({"WHEN": "2024-06-30garbage"}, "'2024-06-30garbage'"),
    ],
)
def test_wrong_dates_are_named(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, tags: dict[str, str], found: str
) -> None:
    path = write_raster(tmp_path / "d.tif", PIXELS[:2], tags=tags)
    message = rf"d.tif: found {found} in tag 'WHEN'; expected 1 date\(s\) such as 2024-06-30. Correct 'date_tag'"
    with Scene([path], make_spec(date_tag="WHEN")) as scene, pytest.raises(RasterError, match=message):
        _ = scene.dates


# --- georeference ---------------------------------------------------------------------------------------------------


def test_the_grid_is_that_of_the_file(scene_file: Path, make_spec: MakeSpec) -> None:
    with Scene([scene_file], make_spec("A", "B", "C")) as scene:
        assert scene.grid.crs.to_epsg() == 32632
        assert scene.grid.bounds == (500_000, 4_999_940, 500_080, 5_000_000)


def test_files_without_georeference_are_read_where_declared_and_without_a_warning(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    path = write_raster(tmp_path / "x.tif", PIXELS[:2], crs=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # As importing the package does.
        configure_gdal()
        with Scene([path], make_spec(georeference="absent")) as scene:
            assert scene.grid.crs is None
            assert np.array_equal(scene.read(WHOLE)[0], PIXELS[:2])
        message = (
            "x.tif: found CRS none and no geotransform; expected a CRS and a geotransform. Set 'georeference: absent'"
        )
        with Scene([path], make_spec()) as scene, pytest.raises(RasterError, match=message):
            _ = scene.grid


def test_a_crs_where_none_was_declared_is_refused(scene_file: Path, make_spec: MakeSpec) -> None:
    message = "found CRS EPSG:32632; expected no CRS, as 'sources' declares. Set 'georeference: required'"
    spec = make_spec("A", "B", "C", georeference="absent")
    with Scene([scene_file], spec) as scene, pytest.raises(RasterError, match=message):
        _ = scene.grid


# --- several files --------------------------------------------------------------------------------------------------


def _coarse(write: Write, path: Path, pixels: np.ndarray, factor: int, nodata: float | None = None) -> Path:
    size = 10 * factor
    return write(path, pixels, transform=from_origin(500_000, 5_000_000, size, size), nodata=nodata)


def test_one_file_per_band_on_one_grid(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    paths = [write_raster(tmp_path / f"{index}.tif", PIXELS[index]) for index in range(3)]
    assert np.array_equal(_read(paths, make_spec("A", "B", "C"))[0], PIXELS)
    assert np.array_equal(_read(paths, make_spec("A", "B", "C", use=["C", "A"]))[0], PIXELS[[2, 0]])


def test_nearest_resampling_repeats_coarse_pixels(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    coarse, coarser = PIXELS[1, :3, :4], PIXELS[2, :1, :2]
    paths = [
        write_raster(tmp_path / "0.tif", PIXELS[0, :4]),
        _coarse(write_raster, tmp_path / "1.tif", coarse[:2], 2),
        _coarse(write_raster, tmp_path / "2.tif", coarser, 4),
    ]
    spec = make_spec("A", "B", "C", resampling="nearest")
    expected = np.stack([PIXELS[0, :4], coarse[:2].repeat(2, 0).repeat(2, 1), coarser.repeat(4, 0).repeat(4, 1)])
    values, valid = _read(paths, spec, Window(0, 0, 8, 4))
    assert np.array_equal(values, expected)
    assert valid.all()
    window = Window(3, 1, 4, 3)
    assert np.array_equal(_read(paths, spec, window)[0], expected[:, 1:4, 3:7])


def test_average_resampling_thins_out_fine_pixels(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    fine = np.arange(24, dtype=np.float32).reshape(4, 6)
    paths = [
        _coarse(write_raster, tmp_path / "0.tif", np.zeros((2, 3), np.float32), 2),
        write_raster(tmp_path / "1.tif", fine),
    ]
    spec = make_spec(dtype="float32", nodata=None, resampling="average")
    values, _ = _read(paths, spec, Window(0, 0, 3, 2))
    assert np.allclose(values[1], fine.reshape(2, 2, 3, 2).mean(axis=(1, 3)))


@pytest.mark.parametrize("in_file", [-9999, None], ids=["nodata in the file", "nodata only declared"])
def test_nodata_is_left_out_of_the_resampling(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, in_file: float | None
) -> None:
    coarse = np.array([[100, 100, -9999, 100]], np.int16)
    paths = [
        write_raster(tmp_path / "0.tif", np.zeros((2, 8), np.int16)),
        _coarse(write_raster, tmp_path / "1.tif", coarse, 2, nodata=in_file),
    ]
    values, valid = _read(paths, make_spec(resampling="bilinear"), Window(0, 0, 8, 2))
    assert set(np.unique(values[1])) <= {100, -9999}, "fill values were mixed with measurements"
    assert np.array_equal(valid, values[1] != -9999)
    assert not valid.all()


def test_files_of_another_pixel_size_need_a_resampling(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    paths = [
        write_raster(tmp_path / "a.tif", PIXELS[0]),
        _coarse(write_raster, tmp_path / "b.tif", PIXELS[1, :3, :4], 2),
    ]
    message = r"b.tif: found size 4 x 3 instead of 8 x 6 pixels; .*expected the pixel size of a.tif. Set 'resampling'"
    with pytest.raises(RasterError, match=message):
        Scene(paths, make_spec())


@pytest.mark.parametrize(
    "place",
    [
        {"transform": from_origin(500_000, 5_000_100, 10, 10)},
        {"transform": Affine(10, 0, 500_000, 0, -10, 5_000_000), "crs": "EPSG:32633"},
    ],
)
def test_files_of_other_ground_are_refused(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, place: dict[str, object]
) -> None:
    paths = [write_raster(tmp_path / "a.tif", PIXELS[0]), write_raster(tmp_path / "b.tif", PIXELS[1], **place)]
    with pytest.raises(RasterError, match=r"b.tif: found .* instead of .*; expected the ground that a.tif covers"):
        Scene(paths, make_spec(resampling="nearest"))


def test_another_number_of_files_than_bands_is_refused(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    paths = [write_raster(tmp_path / f"{index}.tif", PIXELS[index]) for index in range(3)]
    with pytest.raises(RasterError, match=r"found 3 files; expected one file for each of the bands \['A', 'B'\]"):
        Scene(paths, make_spec())


# --- pictures -------------------------------------------------------------------------------------------------------


def test_a_thumbnail_is_no_larger_than_asked_for(scene_file: Path, make_spec: MakeSpec) -> None:
    with Scene([scene_file], make_spec("A", "B", "C")) as scene:
        values, valid = scene.thumbnail(4)
        assert values.shape == (3, 3, 4)
        assert valid.shape == (3, 4)
        whole, known = scene.thumbnail(100)
        assert np.array_equal(whole[[0, 2]], PIXELS[[0, 2]])
        assert known.sum() == 47


def test_a_thumbnail_leaves_out_what_is_masked(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    mask = np.full((6, 8), 255, np.uint8)
    mask[:2] = 0
    path = write_raster(tmp_path / "m.tif", PIXELS[:2], mask=mask)
    with Scene([path], make_spec(nodata=None)) as scene:
        assert np.array_equal(scene.thumbnail(100)[1], mask > 0)


@pytest.mark.parametrize(
    ("top", "declared", "told"),
    [
        # The secant of 49 degrees is 1.524; of 51.8 it is 1.617.
        (6_274_861, 30, "19.7"),
        (6_274_861, 20, None),
        (6_750_000, 20, None),
        (6_274_861, 16, "19.7"),
        (0, 30, None),
        (0, 29, "30"),
    ],
)
def test_pixels_of_web_mercator_are_those_on_the_ground(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, top: float, declared: float, told: str | None
) -> None:
    place = {"crs": "EPSG:3857", "transform": from_origin(1_000_000, top, 30, 30)}
    path = write_raster(tmp_path / "m.tif", PIXELS[:2], **place, nodata=-9999)
    with Scene([path], make_spec("A", "B", pixel_size_m=declared)) as scene:
        if told is None:
            assert scene.grid.pixel_size == 30
        else:
            with pytest.raises(RasterError, match=rf"m.tif: found pixels of {told} m.*Set 'pixel_size_m: {told}'"):
                _ = scene.grid


@pytest.mark.parametrize(("declared", "fits"), [(10, True), (10.05, True), (30, False)])
def test_a_declared_pixel_size_is_held_against_the_file(
    scene_file: Path, make_spec: MakeSpec, declared: float, fits: bool
) -> None:
    spec = make_spec("A", "B", "C").model_copy(update={"pixel_size_m": declared})
    with Scene([scene_file], spec) as scene:
        if fits:
            assert scene.grid.pixel_size == 10
        else:
            with pytest.raises(RasterError, match=r"pixels of 10 m.*30 m, as 'sources' declares.*pixel_size_m: 10"):
                _ = scene.grid
