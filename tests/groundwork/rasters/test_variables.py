"""Files that hold several rasters by name: NetCDF and Zarr, with several steps on an axis of time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import yaml
from kedro.io import DataCatalog
from rasterio.transform import from_origin
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]
WHOLE = Window(0, 0, 5, 4)
#: Pixels of variable, step.
VALUES = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5)


def _write_netcdf(path: Path, write_raster: Write, values: np.ndarray, names: Sequence[str], steps: int) -> Path:
    """Write variables (variable * step, height, width), one with an axis of time where there are several steps.

    GDAL numbers the names of several.
    """
    place = {"transform": from_origin(500_000, 5_000_000, 10, 10), "nodata": -9999}
    raster = write_raster(path.with_suffix(".tif"), values, **place)
    with rasterio.open(raster, "r+") as dataset:
        if steps > 1:
            days = ",".join(str(10 * step) for step in range(steps))
            axis = {"NETCDF_DIM_time_DEF": f"{{{steps},6}}", "NETCDF_DIM_time_VALUES": f"{{{days}}}"}
            dataset.update_tags(**axis, NETCDF_DIM_EXTRA="{time}", **{"time#units": "days since 2024-06-01"})
        for index in range(len(values)):
            step = {"NETCDF_DIM_time": str(10 * (index % steps))} if steps > 1 else {}
            dataset.update_tags(index + 1, NETCDF_VARNAME=names[index // steps], **step)
    rasterio.shutil.copy(raster, path, driver="netCDF")
    raster.unlink()
    return path


def test_a_variable_of_netcdf_is_a_raster(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    _write_netcdf(tmp_path / "a.nc", write_raster, VALUES[:, 0], ("red", "nir"), 1)
    folder = find_rasters(tmp_path, ["{key}.nc"], variables=["nir2"])
    assert folder.files == {"a": ('NETCDF:"a.nc":nir2',)}
    with Scene(folder.paths("a"), make_spec("NIR")) as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES[1:, 0])
        assert scene.grid.pixel_size == 10
    both = find_rasters(tmp_path, ["{key}.nc"], variables=["nir2", "red1"])
    with Scene(both.paths("a"), make_spec("NIR", "RED")) as scene:
        assert np.array_equal(scene.read(WHOLE)[0], VALUES[::-1, 0])
    with pytest.raises(RasterError, match=r'NETCDF:".*/a\.nc":blue: found nothing that opens .*; expected a raster at'):
        Scene(find_rasters(tmp_path, ["{key}.nc"], variables=["blue"]).paths("a"), make_spec("NIR"))
    with pytest.raises(RasterError, match=r"a\.nc: found no band \(subdatasets: .*red.*State which .* as 'variable'"):
        Scene(find_rasters(tmp_path, ["{key}.nc"]).paths("a"), make_spec("NIR"))


def test_the_steps_of_a_variable_lie_on_its_axis_of_time(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    values = VALUES.copy()
    values[0, 1, 2, 3] = -9999
    _write_netcdf(tmp_path / "a.nc", write_raster, values[0], ("red",), 3)
    entry = {
        "type": "fieldwork.io.rasters.RasterFolderDataset",
        "path": str(tmp_path),
        "pattern": "{key}.nc",
        "variable": "red",
    }
    folder = DataCatalog.from_config(yaml.safe_load(yaml.safe_dump({"scenes": entry}))).load("scenes")
    assert isinstance(folder, RasterFolder)
    with Scene(folder.paths("a"), make_spec("RED", steps=3, layout="steps_first")) as scene:
        read, valid = scene.read(WHOLE)
    assert np.array_equal(read, values[:1])
    assert valid.sum() == 19


def test_zarr_is_a_folder_that_is_one_raster(tmp_path: Path, make_spec: MakeSpec) -> None:
    profile = {"driver": "Zarr", "dtype": "int16", "count": 3, "height": 4, "width": 5, "crs": "EPSG:32632"}
    with rasterio.open(tmp_path / "a.zarr", "w", **profile, transform=from_origin(500_000, 5_000_000, 10, 10)) as store:
        store.write(VALUES[0])
    spec = make_spec("X", steps=3, layout="steps_first", nodata=None)
    for folder in (
        find_rasters(tmp_path, ["{key}.zarr"]),
        find_rasters(tmp_path, ["{key}.zarr"], variables=["a"]),
        find_rasters(tmp_path / "a.zarr", ["{key}.zarr"], variables=["/a"]),
    ):
        assert list(folder.files) == ["a"]
        with Scene(folder.paths("a"), spec.model_copy(update={"georeference": "absent"})) as scene:
            assert np.array_equal(scene.read(WHOLE)[0], VALUES[:1])


def test_what_gdal_does_not_read_of_zarrs_third_format_is_said(tmp_path: Path, make_spec: MakeSpec) -> None:
    (tmp_path / "a.zarr").mkdir()
    content = {"zarr_format": 3, "node_type": "array", "shape": [4, 5], "data_type": "int16", "fill_value": 0}
    grid = {"name": "regular", "configuration": {"chunk_shape": [4, 5]}}
    keys = {"name": "default", "configuration": {"separator": "/"}}
    codecs = [{"name": "not-known-to-anyone"}]
    content |= {"chunk_grid": grid, "chunk_key_encoding": keys, "codecs": codecs}
    (tmp_path / "a.zarr/zarr.json").write_text(json.dumps(content))
    for variables in ((), "a"):
        paths = find_rasters(tmp_path, ["{key}.zarr"], variables=variables).paths("a")
        with pytest.raises(RasterError, match=r"GDAL 3.* reads Zarr's third format in part: .*zarr_format=2"):
            Scene(paths, make_spec("X"))
