"""Cubes that say their dates and places through the whole house: as the same pixels stacked in files with a tag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.crs import CRS

from arrays import Array, write_netcdf, write_zarr
from groundwork.bundle import Bundle
from groundwork.config import DataConfig, InferenceConfig, ModelConfig
from groundwork.data import sample_table
from groundwork.data.chips import LabelledData
from groundwork.data.packed import open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import RasterError
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.training.initial import build_initial
from predicted import probabilities_of

NODATA = -9999
#: Days since 2024 of the steps, as they lie: 20 September, 15 March, 1 June.
DAYS = (263, 74, 152)
#: Those that are read, the earliest first: the first and the last by date.
TAKEN = (1, 0)


def _cube(steps: list[np.ndarray], scene: rasterio.DatasetReader) -> dict[str, Array]:
    """Return a variable for each band, with rows from the south."""
    transform, (_, height, width) = scene.transform, steps[0].shape
    x = transform.c + transform.a * (np.arange(width) + 0.5)
    y = transform.f + transform.e * (np.arange(height)[::-1] + 0.5)
    said = {"grid_mapping": "spatial_ref"}
    pixels = np.stack(steps, axis=1)[:, :, ::-1]
    return {
        **{name: Array(("time", "y", "x"), band, said) for name, band in zip("abc", pixels, strict=True)},
        "time": Array(["time"], np.array(DAYS, np.float64), {"units": "days since 2024-01-01"}),
        "y": Array(["y"], y),
        "x": Array(["x"], x),
        "spatial_ref": Array([], np.array(0, np.int32), {"crs_wkt": CRS.from_user_input(scene.crs).to_wkt()}),
    }


def _config(base: DataConfig, **changes: Any) -> DataConfig:
    words = base.model_dump()
    words["sources"]["optical"] |= {"steps": 2, "layout": "steps_first", "date_tag": None} | changes
    return DataConfig.model_validate(words)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace, write_raster: Callable[..., Path]
) -> SimpleNamespace:
    root = tmp_path_factory.mktemp("cubes")
    for key in tiny_data.scenes.files:
        with rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene:
            pixels, place = scene.read(), {"crs": scene.crs, "transform": scene.transform, "nodata": NODATA}
            steps = [np.where(pixels == NODATA, NODATA, pixels + 100 * day).astype(np.int16) for day in range(3)]
            write_netcdf(root / "nc" / f"{key}.nc", _cube(steps, scene))
            write_zarr(root / "zarr" / f"{key}.zarr", _cube(steps, scene))
        stack = np.concatenate([steps[step] for step in TAKEN])[:, ::-1]
        # As the cubes, with rows from the south.
        place["transform"] = scene.transform * rasterio.Affine(1, 0, 0, 0, -1, pixels.shape[1])
        write_raster(root / "tif" / f"{key}.tif", stack, **place, tags={"DATE": "2024-03-15, 2024-09-20"})
        with rasterio.open(tiny_data.root / "labels" / f"{key}.tif") as label:
            write_raster(root / "labels" / f"{key}.tif", label.read(1)[::-1], **place | {"nodata": None})
    scenes = {
        form: find_rasters(root / form, [f"{{key}}.{form}"], variables=["a", "b", "c"]) for form in ("nc", "zarr")
    }
    scenes["tif"] = find_rasters(root / "tif", ["{key}.tif"])
    cubes = _config(tiny_data.config, date_axis="time", take_dates={"nearest_to": [60, 270]})
    configs = {"nc": cubes, "zarr": cubes, "tif": _config(tiny_data.config, date_tag="DATE")}
    labels = find_rasters(root / "labels", ["{key}.tif"])
    scans = {form: scan_scenes(scenes[form], labels, configs[form]) for form in scenes}
    return SimpleNamespace(root=root, configs=configs, scenes=scenes, labels=labels, scans=scans)


@pytest.fixture(scope="module")
def bundle(world: SimpleNamespace) -> Bundle:
    """A model that is told of time, with fresh weights."""
    model = {
        "encoder": {"name": "prithvi_vit", "coordinates": ["time"], "image_size": 32, "out_indices": [11]},
        "decoder": {"name": "fcn", "channels": 8},
    }
    initial = build_initial(world.configs["nc"], ModelConfig.model_validate(model), seed=0)
    config = initial.config.model_copy(update={"trained": True, "provenance": {"seed": "0", "code": "abc"}})
    return Bundle(config, initial.weights)


@pytest.mark.parametrize("form", ["nc", "zarr"])
def test_chips_and_statistics_are_those_of_stacks(world: SimpleNamespace, form: str, tmp_path: Path) -> None:
    cubes, stacks = world.scans[form], world.scans["tif"]
    assert (cubes.chips[sample_table.DATES] == "2024-03-15,2024-09-20").all()
    different = [name for name in cubes.chips.columns if not cubes.chips[name].equals(stacks.chips[name])]
    assert different == [sample_table.path_column("optical")]
    assert cubes.report.equals(stacks.report)
    samples = {
        name: assign_splits(world.scans[name].chips, world.configs[name].split, {}, seed=0) for name in (form, "tif")
    }
    found, expected = (
        compute_statistics(samples[name], world.scans[name].cells, world.configs[name]) for name in (form, "tif")
    )
    assert found == expected
    own, stacked = (_labelled(world, name, samples[name]) for name in (form, "tif"))
    store_chips(ChipsToStore(own, "packed"), tmp_path / "packed")
    packed = replace(own, store=open_store(tmp_path / "packed"))
    for data in (own, packed):
        for chip, other in zip(data.chips("train"), stacked.chips("train"), strict=True):
            assert np.array_equal(chip.patch.values["optical"], other.patch.values["optical"])
            assert np.array_equal(chip.patch.target, other.patch.target)
            assert np.array_equal(chip.dates["optical"], other.dates["optical"])


def _labelled(world: SimpleNamespace, form: str, samples: pd.DataFrame) -> LabelledData:
    config = world.configs[form]
    return LabelledData(samples, {"optical": world.scenes[form]}, world.labels, config.sources, config.target)


def test_a_stack_in_the_place_of_a_cube_is_told_what_says_its_dates(world: SimpleNamespace, bundle: Bundle) -> None:
    message = (
        "found a file without an axis of time; .* Set 'date_axis: null', and 'date_tag' where a tag says the dates"
    )
    with pytest.raises(RasterError, match=message):
        predict_scenes(bundle, world.scenes["tif"], InferenceConfig(tile_size=32, overlap=8))


@pytest.mark.parametrize("form", ["nc", "zarr"])
def test_predictions_are_those_of_stacks(world: SimpleNamespace, bundle: Bundle, form: str) -> None:
    own = InferenceConfig(tile_size=32, overlap=8, probabilities=True)
    changes = {"source": {"date_axis": None, "date_tag": "DATE", "take_dates": "all"}}
    stacked = InferenceConfig.model_validate({**own.model_dump(), **changes})
    found, expected = (
        probabilities_of(bundle, world.scenes[form], own),
        probabilities_of(bundle, world.scenes["tif"], stacked),
    )
    assert found.keys() == expected.keys() == set(world.labels.files)
    for key, values in found.items():
        assert np.array_equal(values, expected[key], equal_nan=True)
