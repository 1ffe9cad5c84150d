"""Cubes as xarray writes them: where their pixels lie, and when their steps were taken, as the files say it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from pydantic import ValidationError
from rasterio.transform import from_origin
from rasterio.windows import Window

from arrays import Array, cube_of, write_hdf5, write_netcdf, write_zarr
from groundwork.errors import PairingError, RasterError
from groundwork.rasters.choosing import choose_dates
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.scene import Scene
from groundwork.rasters.time_axis import moments_of
from groundwork.rasters.vrt_types import nodata_text
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.labels import ClassLabels

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]
WHOLE = Window(0, 0, 5, 4)
#: Pixels of variable, step, y, x.
VALUES = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5)
AXES = ("variable", "time", "y", "x")
#: The steps do not lie by date: 30 June, 2 March, 11 September.
DAYS = (181, 61, 254.43)
DATES = [date(2024, 3, 2), date(2024, 6, 30), date(2024, 9, 11)]
BY_DATE = [1, 0, 2]
STACK = {"steps": 3, "layout": "steps_first", "date_axis": "time"}
WRITERS = {"nc": write_netcdf, "zarr": write_zarr}


def _variables(form: str, folder: Path, *, days: tuple[float, ...] = DAYS, **changes: Any) -> Path:
    """Write a cube with a variable for each band."""
    arrays = {name: Array(AXES[1:], VALUES[index, : len(days)]) for index, name in enumerate(("red", "nir"))}
    cube = cube_of(arrays, days)
    cube["time"].attributes.update(changes)
    return WRITERS[form](folder / f"a.{form}", cube)


def _array(form: str, folder: Path, dimensions: tuple[str, ...]) -> Path:
    """Write a cube as one array, with its axes in some order."""
    order = [("band", *AXES[1:]).index(name) for name in dimensions]
    array = Array(dimensions, np.ascontiguousarray(VALUES.transpose(order)))
    bands = Array(["band"], np.array([1, 2], np.int32))
    return WRITERS[form](folder / f"a.{form}", {**cube_of({"data": array}, DAYS), "band": bands})


def _open(path: Path, spec: RasterSpec, *variables: str) -> Scene:
    return Scene(choose_dates(find_rasters(path, [], variables=variables), spec).paths("a"), spec)


# --- places ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ascending", [False, True])
def test_coordinates_without_attributes_say_where_pixels_lie(
    tmp_path: Path, make_spec: MakeSpec, *, ascending: bool
) -> None:
    rows = slice(None, None, -1 if ascending else 1)
    array = Array(("y", "x"), VALUES[0, 0, rows])
    path = write_netcdf(tmp_path / "a.nc", cube_of({"red": array}, ascending=ascending))
    with _open(path, make_spec("RED", pixel_size_m=10), "red") as scene:
        values, grid = scene.read(Window(1, 1, 3, 2))[0], scene.grid
        assert grid.crs is not None
        assert grid.crs.to_epsg() == 32632
        for row, column in np.ndindex(2, 3):
            x, y = grid.transform @ (1 + column + 0.5, 1 + row + 0.5)
            # By the places of the coordinates, as xarray would select the pixel.
            north = round((5_000_000 - 5 - y) / 10)
            assert values[0, row, column] == VALUES[0, 0, north, round((x - 500_005) / 10)]


def test_rows_of_netcdf_without_coordinates_are_in_the_order_of_the_file(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = write_netcdf(tmp_path / "a.nc", {"red": Array(AXES[1:], VALUES[0]), "nir": Array(AXES[1:], VALUES[1])})
    with _open(path, make_spec("RED", **STACK | {"date_axis": None, "georeference": "absent"}), "nir") as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES[1:])


def test_a_file_of_netcdf_by_another_ending_says_its_place(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = write_netcdf(tmp_path / "a.grd", cube_of({"z": Array(("y", "x"), VALUES[0, 0])}))
    with Scene([path], make_spec("Z")) as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES[0, :1])
        assert scene.grid.transform == from_origin(500_000, 5_000_000, 10, 10)


def test_a_label_of_netcdf_lies_on_the_scene_that_it_was_made_for(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, land_target: TargetSpec
) -> None:
    classes = (VALUES[0, 0] % 3 + 1).astype(np.int16)
    label = write_netcdf(tmp_path / "l.nc", cube_of({"mask": Array(("y", "x"), classes)}))
    scene = write_raster(tmp_path / "s.tif", VALUES[:, 0])
    moved = write_raster(tmp_path / "m.tif", VALUES[:, 0], transform=from_origin(500_010, 5_000_000, 10, 10))
    with ClassLabels(label, land_target) as labels:
        assert np.array_equal(labels.read(WHOLE), classes - 1)
        with Scene([scene], make_spec("A", "B")) as image:
            labels.check_grid(image.grid)
        with (
            Scene([moved], make_spec("A", "B")) as image,
            pytest.raises(RasterError, match="geotransform"),
        ):
            labels.check_grid(image.grid)


@pytest.mark.parametrize(
    ("attributes", "values"),
    [
        ({"scale_factor": 10.0, "add_offset": 500_005.0}, np.arange(5, dtype=np.int32)),
        ({"units": "km"}, 500.005 + 0.01 * np.arange(5)),
        ({"units": "metre"}, 500_005 + 10.0 * np.arange(5)),
    ],
)
@pytest.mark.parametrize("form", WRITERS)
def test_coordinates_are_in_their_units(
    tmp_path: Path, make_spec: MakeSpec, form: str, attributes: dict[str, Any], values: np.ndarray
) -> None:
    cube = cube_of({"red": Array(("x", "y"), VALUES[0, 0].T.copy())})
    path = WRITERS[form](tmp_path / f"a.{form}", cube | {"x": Array(["x"], values, attributes)})
    with _open(path, make_spec("RED", axes=["x", "y"]), "red") as scene:
        assert scene.grid.transform.almost_equals(from_origin(500_000, 5_000_000, 10, 10), precision=1e-4)
        assert np.array_equal(scene.read(WHOLE)[0][0], VALUES[0, 0])


@pytest.mark.parametrize("unit", ["m", "km"])
def test_a_map_that_gdal_places_elsewhere_is_refused(tmp_path: Path, make_spec: MakeSpec, unit: str) -> None:
    cube = cube_of({"red": Array(("y", "x"), VALUES[0, 0])})
    for axis in "xy":
        cube[axis].attributes |= {"standard_name": f"projection_{axis}_coordinate", "units": unit}
        cube[axis].values = cube[axis].values / (1000 if unit == "km" else 1)
    path = write_netcdf(tmp_path / "a.nc", cube)
    if unit == "m":
        with _open(path, make_spec("RED"), "red") as scene:
            assert scene.grid.transform == from_origin(500_000, 5_000_000, 10, 10)
        return
    message = "pixels of 0.01 from x 500, as GDAL .* expected pixels of 10 from x 500000, as 'x' says"
    with pytest.raises(RasterError, match=message):
        _open(path, make_spec("RED"), "red")


def test_coordinates_in_a_unit_that_the_crs_does_not_have_say_no_place(tmp_path: Path, make_spec: MakeSpec) -> None:
    cube = cube_of({"red": Array(("y", "x"), VALUES[0, 0])})
    cube["x"].attributes["units"] = "degrees_east"
    message = "found CRS EPSG:32632 and no geotransform; .* even, and in the unit of the CRS"
    with (
        _open(write_netcdf(tmp_path / "a.nc", cube), make_spec("RED"), "red") as scene,
        pytest.raises(RasterError, match=message),
    ):
        _ = scene.grid


@pytest.mark.parametrize(
    ("nodata", "dtype", "text"),
    [
        (-float(2**63), "int64", "-9223372036854775808"),
        (float(2**63), "int64", "9223372036854775807"),
        (float(2**64), "uint64", "18446744073709551615"),
        (-9999.0, "int16", "-9999"),
        (1e20, "float32", "1e+20"),
        (np.nan, "int16", "nan"),
    ],
)
def test_nodata_of_whole_numbers_has_no_exponent(nodata: float, dtype: str, text: str) -> None:
    # GDAL reads -9.223372036854776e+18 as -9.
    assert nodata_text(nodata, dtype) == text


def test_uneven_coordinates_and_those_without_a_crs_say_no_place(tmp_path: Path, make_spec: MakeSpec) -> None:
    cube = cube_of({"red": Array(("y", "x"), VALUES[0, 0])})
    cube["y"].values[1] += 4
    uneven = write_netcdf(tmp_path / "a.nc", cube)
    message = "found CRS EPSG:32632 and no geotransform"
    with _open(uneven, make_spec("RED"), "red") as scene, pytest.raises(RasterError, match=message):
        _ = scene.grid
    degrees = {"lat": Array(["lat"], 48 - 0.1 * np.arange(4)), "lon": Array(["lon"], 11 + 0.1 * np.arange(5))}
    path = write_zarr(tmp_path / "b/a.zarr", {"red": Array(("lat", "lon"), VALUES[0, 0]), **degrees})
    message = r"CRS none and a geotransform.*rio\.write_crs\('EPSG:4326'\)"
    with _open(path, make_spec("RED"), "red") as scene, pytest.raises(RasterError, match=message):
        _ = scene.grid


def test_what_gdal_would_not_hand_on_is_refused(tmp_path: Path, make_spec: MakeSpec) -> None:
    array = Array(("y", "x"), VALUES[0, 0], {"valid_range": np.array([0, 9], np.int16)})
    path = write_netcdf(tmp_path / "a.nc", cube_of({"red": array}))
    with pytest.raises(RasterError, match=r"a variable of NetCDF with valid_range, .*'rio\.write_coordinate_system"):
        _open(path, make_spec("RED"), "red")


# --- dates ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", WRITERS)
def test_steps_are_read_by_the_dates_of_their_axis(tmp_path: Path, make_spec: MakeSpec, form: str) -> None:
    path = _variables(form, tmp_path)
    with _open(path, make_spec("RED", "NIR", **STACK), "red", "nir") as scene:
        assert scene.dates == DATES
        assert np.array_equal(scene.read(WHOLE)[0], VALUES[:, BY_DATE])
        assert np.array_equal(scene.thumbnail(5, last=True)[0], VALUES[:, 2])
        assert scene.grid.transform == from_origin(500_000, 5_000_000, 10, 10)


@pytest.mark.parametrize(
    ("rule", "taken"),
    [("newest", [0, 2]), ("evenly_spread", [1, 2]), ({"nearest_to": [250, 70]}, [2, 1])],
)
@pytest.mark.parametrize("form", WRITERS)
def test_a_rule_chooses_of_the_dates_of_an_axis(
    tmp_path: Path, make_spec: MakeSpec, form: str, rule: object, taken: list[int]
) -> None:
    spec = make_spec("RED", "NIR", **STACK | {"steps": 2, "take_dates": rule})
    with _open(_variables(form, tmp_path), spec, "red", "nir") as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES[:, taken])
        assert scene.dates == [DATES[BY_DATE.index(step)] for step in taken]
    with pytest.raises(RasterError, match=r"found 1 step\(s\) on its axis 'time'; expected at least 2"):
        _open(_variables(form, tmp_path / "short", days=DAYS[:1]), spec, "red", "nir")


@pytest.mark.parametrize("layout", ["steps_first", "bands_first"])
def test_an_array_says_itself_how_it_is_stacked(tmp_path: Path, make_spec: MakeSpec, layout: str) -> None:
    dimensions = ("time", "band", "y", "x") if layout == "steps_first" else ("band", "time", "y", "x")
    path, bands = _array("zarr", tmp_path, dimensions), ("RED", "NIR")
    other = {"steps_first": "bands_first", "bands_first": "steps_first"}[layout]
    with _open(path, make_spec(*bands, **STACK | {"layout": layout}), "data") as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES[:, BY_DATE])
    newest = STACK | {"steps": 1, "layout": None, "take_dates": "newest"}
    with _open(path, make_spec(*bands, **newest), "data") as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES[:, 2])
    for axis in ("time", None):
        with pytest.raises(RasterError, match=f"stacked as '{layout}'.*Set 'layout: {layout}'"):
            _open(path, make_spec(*bands, **STACK | {"layout": other, "date_axis": axis}), "data")


@pytest.mark.parametrize("layout", ["steps_first", "bands_first"])
def test_bands_are_found_by_the_names_on_their_axis(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, layout: str
) -> None:
    path, made = _named(tmp_path, write_raster, layout)
    stack = {"steps": 3, "layout": layout}
    axes = ["time", "band", "y", "x"] if layout == "steps_first" else ["band", "time", "y", "x"]
    for stated in (stack, stack | {"axes": axes}):
        with _open(path, make_spec("NIR", "RED", **stated), "data") as scene:
            assert np.array_equal(scene.read(WHOLE)[0], VALUES[::-1])
            assert scene.by_date[0].names(scene.spec)
        with pytest.raises(RasterError, match="'red' where 'BLUE' was declared"):
            _open(path, make_spec("BLUE", "NIR", **stated), "data")
        with _open(path, make_spec("BLUE", "GREEN", **stated, descriptions="ignore"), "data") as scene:
            assert np.array_equal(scene.read(WHOLE)[0], VALUES)
    # Bands of another file may lie in another order than what it was made of says of itself.
    with Scene([made], make_spec("NIR", "RED", **stack)) as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES)
        assert not scene.by_date[0].names(scene.spec)


def _named(folder: Path, write_raster: Write, layout: str) -> tuple[Path, Path]:
    """Write a cube of NetCDF-4 whose bands have names, and return it and a GeoTIFF that says the same of itself."""
    tags = {
        "NETCDF_DIM_EXTRA": "{time,band}" if layout == "steps_first" else "{band,time}",
        "NETCDF_DIM_time_DEF": "{3,6}",
        "NETCDF_DIM_time_VALUES": "{0,1,2}",
        "NETCDF_DIM_band_DEF": "{2,12}",
        "NETCDF_DIM_band_VALUES": "{red,nir}",
    }
    bands = VALUES if layout == "bands_first" else VALUES.swapaxes(0, 1)
    raster = write_raster(folder / "made/a.tif", bands.reshape(6, 4, 5), nodata=-9999, tags=tags)
    with rasterio.open(raster, "r+") as dataset:
        for index in dataset.indexes:
            dataset.update_tags(index, NETCDF_VARNAME="data", NETCDF_DIM_time="", NETCDF_DIM_band="")
    rasterio.shutil.copy(raster, folder / "a.nc", driver="netCDF", FORMAT="NC4", WRITE_BOTTOMUP="NO")
    return folder / "a.nc", raster


@pytest.mark.parametrize("has_axes", [False, True])
def test_axes_without_coordinates_have_their_lengths(tmp_path: Path, make_spec: MakeSpec, *, has_axes: bool) -> None:
    path = write_netcdf(tmp_path / "a.nc", {"data": Array(("band", "time", "y", "x"), VALUES)})
    stated = {"axes": ["band", "time", "y", "x"]} if has_axes else {}
    spec = make_spec("RED", "NIR", steps=3, layout="bands_first", georeference="absent", **stated)
    with _open(path, spec, "data") as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES)


@pytest.mark.parametrize("dimensions", [("time", "y", "x", "band"), ("x", "band", "y", "time")])
@pytest.mark.parametrize("layout", ["steps_first", "bands_first"])
def test_axes_have_time_and_a_place(
    tmp_path: Path, make_spec: MakeSpec, dimensions: tuple[str, ...], layout: str
) -> None:
    spec = make_spec("RED", "NIR", **STACK | {"axes": dimensions, "layout": layout})
    with _open(_array("zarr", tmp_path, dimensions), spec, "data") as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES[:, BY_DATE])
        assert scene.dates == DATES
        assert scene.grid.transform == from_origin(500_000, 5_000_000, 10, 10)


def test_axes_that_the_file_calls_otherwise_are_refused(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = _array("zarr", tmp_path, ("time", "y", "x", "band"))
    swapped = make_spec("RED", "NIR", **STACK | {"axes": ["band", "y", "x", "time"]})
    with pytest.raises(RasterError, match="found the axis 'time'; expected 'band'"):
        _open(path, swapped, "data")
    stated = STACK | {"axes": ["time", "y", "x", "band"], "date_axis": None, "steps": 2}
    with pytest.raises(RasterError, match=r"3 along 'time' x 2 along 'band'; expected 2 .* and 3 band"):
        _open(path, make_spec("A", "B", "C", **stated), "data")


def test_an_array_of_hdf5_has_dates_and_no_place(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = write_hdf5(tmp_path / "a.h5", "img", VALUES[0])
    spec = make_spec("RED", **STACK | {"date_axis": "first", "georeference": "absent"})
    with pytest.raises(RasterError, match=r"found the units '' of its axis 'first'"):
        _open(path, spec, "img")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"units": "months since 2024-01-01"}, "the units 'months since 2024-01-01'"),
        ({"units": "days since last year"}, "the units 'days since last year'"),
        ({"units": "days since 2024-02-30"}, "the units 'days since 2024-02-30'"),
        ({"calendar": "noleap"}, "the axis 'time' in the calendar 'noleap'"),
    ],
)
def test_an_axis_that_cannot_be_read_is_refused(
    tmp_path: Path, make_spec: MakeSpec, changes: dict[str, object], found: str
) -> None:
    with pytest.raises(RasterError, match=f"a\\.nc\":red: found {found}.*Correct 'date_axis'"):
        _open(_variables("nc", tmp_path, **changes), make_spec("RED", **STACK), "red")


def test_an_axis_that_is_not_there_or_says_no_date_is_refused(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = _variables("zarr", tmp_path, days=(0, np.nan, 9))
    with pytest.raises(RasterError, match="found the coordinate nan on its axis 'time', days since"):
        _open(path, make_spec("RED", **STACK), "red")
    with pytest.raises(RasterError, match="found no numbers that are the coordinates of its axis 't'"):
        _open(path, make_spec("RED", **STACK | {"date_axis": "t"}), "red")
    apart = cube_of({"red": Array(("step", "y", "x"), VALUES[0])}, DAYS)
    with pytest.raises(RasterError, match=r"bands lie along \['step'\]; expected one with the axis 'time'"):
        _open(write_zarr(tmp_path / "b/a.zarr", apart), make_spec("RED", **STACK), "red")


@pytest.mark.parametrize(
    ("units", "number", "day"),
    [
        ("seconds since 1970-01-01", 1709337599, (2024, 3, 1)),
        ("hours since 2000-1-1 00:00:0.0", 211848, (2024, 3, 2)),
        ("minutes since 2024-03-01T23:00:00Z", 60, (2024, 3, 2)),
        ("days since 2024-03-02 01:00 +02:00", 0, (2024, 3, 1)),
        ("day since 1970-01-01", 19784 - 1e-9, (2024, 3, 2)),
        ("milliseconds since 1970-01-01 00:00:00 UTC", 1709337600000, (2024, 3, 2)),
    ],
)
def test_units_are_those_of_cf(tmp_path: Path, units: str, number: float, day: tuple[int, int, int]) -> None:
    path = _variables("zarr", tmp_path, days=(number,), units=units)
    place = find_rasters(path, [], variables="red").paths("a")[0]
    assert [moment.date() for moment in moments_of(place, "time")] == [date(*day)]


def test_a_scaled_axis_is_counted_by_its_scale(tmp_path: Path, make_spec: MakeSpec) -> None:
    path = _variables("nc", tmp_path, scale_factor=0.5, add_offset=1.0)
    with _open(path, make_spec("RED", **STACK), "red") as scene:
        assert scene.dates == [date(2024, 2, 1), date(2024, 4, 1), date(2024, 5, 8)]


def test_a_date_that_is_no_axis_is_told_how_to_become_one(tmp_path: Path, make_spec: MakeSpec) -> None:
    cube = cube_of({"red": Array(("y", "x"), VALUES[0, 0])}) | {"time": Array([], np.array(9.0), {})}
    message = r"its axis 'time'.*becomes one by xarray's data\.expand_dims\('time'\)"
    with pytest.raises(RasterError, match=message):
        _open(write_netcdf(tmp_path / "a.nc", cube), make_spec("RED", date_axis="time"), "red")


def test_bands_of_other_dates_are_refused(tmp_path: Path, make_spec: MakeSpec) -> None:
    for name, days in (("red", DAYS), ("nir", (181, 62, 254))):
        write_netcdf(tmp_path / f"{name}.nc", cube_of({"data": Array(AXES[1:], VALUES[0])}, days))
    paths = [find_rasters(tmp_path / f"{name}.nc", [], variables="data").paths(name)[0] for name in ("red", "nir")]
    with pytest.raises(RasterError, match=r"found the dates 2024-03-03, .*; expected those of .*red\.nc.*: 2024-03-02"):
        Scene(paths, make_spec("RED", "NIR", **STACK))


# --- what is declared -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"date_axis": "time", "steps": 2, "layout": "file_per_date"}, "'date_axis' is of files that stack dates"),
        ({"date_axis": "time", "date_tag": "DATE"}, "and so does 'date_tag'"),
        ({"axes": ["time", "y", "x"]}, "'axes' has time, which is of arrays that stack dates"),
    ],
)
def test_what_contradicts_an_axis_of_dates_is_refused(
    make_spec: MakeSpec, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make_spec("A", **changes)
    assert "date_axis" not in make_spec("A").model_dump()


def test_labels_have_no_axis_of_time() -> None:
    outputs = [{"name": "a", "minimum": 0, "maximum": 100}]
    with pytest.raises(ValidationError, match="'axes' of labels has no time"):
        TargetSpec.model_validate({"outputs": outputs, "axes": ["time", "y", "x"]})


def test_dates_of_a_table_and_of_an_axis_are_refused_together(make_spec: MakeSpec) -> None:
    folder = RasterFolder(Path("s"), {"a": ("a.nc",)}, {"a": tuple(DATES)}, stacked=True)
    with pytest.raises(PairingError, match="'date_axis: time', by which files say them; expected one of both"):
        choose_dates(folder, make_spec("RED", **STACK))
