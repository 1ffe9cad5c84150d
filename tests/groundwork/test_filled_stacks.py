"""Stacks and cubes of fewer dates than steps through the whole house: as the same pixels with a file for each date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

from arrays import Array, write_netcdf, write_zarr
from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, InferenceConfig, ModelConfig
from groundwork.data import sample_table
from groundwork.data.chips import LabelledData, RasterChips
from groundwork.data.packed import open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.scan import scan_scenes
from groundwork.data.scene_stack import folders_by_source
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.evaluation.figures import draw_quicklooks
from groundwork.prediction.arrays import predict_array
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.training.initial import build_initial
from predicted import probabilities_of

NODATA = -9999
BANDS = ("a", "b", "c")
#: Days of the year 2024 of the three dates, and which of them the scenes hold, as they lie in stacks: not by date.
DAYS = (75, 153, 264)
THERE = ((2, 0, 1), (1,), (2, 0))
TILES = {"tile_size": 32, "overlap": 8, "probabilities": True}


def _day(step: int) -> date:
    return date(2023, 12, 31) + timedelta(DAYS[step])


def _cube(steps: list[np.ndarray], days: list[int], raster: rasterio.DatasetReader) -> dict[str, Array]:
    """Return a variable for each band."""
    transform, pixels = raster.transform, np.stack(steps, axis=1)
    height, width = pixels.shape[-2:]
    said = {"grid_mapping": "spatial_ref"}
    return {
        **{name: Array(("time", "y", "x"), band, said) for name, band in zip(BANDS, pixels, strict=True)},
        "time": Array(["time"], np.array(days, np.float64), {"units": "days since 2023-12-31"}),
        "y": Array(["y"], transform.f + transform.e * (np.arange(height) + 0.5)),
        "x": Array(["x"], transform.c + transform.a * (np.arange(width) + 0.5)),
        "spatial_ref": Array([], np.array(0, np.int32), {"crs_wkt": CRS.from_user_input(raster.crs).to_wkt()}),
    }


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace, write_raster: Callable[..., Path]
) -> SimpleNamespace:
    root = tmp_path_factory.mktemp("stacks")
    table = {}
    for number, key in enumerate(tiny_data.scenes.files):
        there = THERE[number % 3]
        with rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as raster:
            pixels, place = raster.read(), {"crs": raster.crs, "transform": raster.transform, "nodata": NODATA}
            steps = [np.where(pixels == NODATA, NODATA, pixels + 100 * step).astype(np.int16) for step in there]
            cube = _cube(steps, [DAYS[step] for step in there], raster)
        write_netcdf(root / "nc" / f"{key}.nc", cube)
        write_zarr(root / "zarr" / f"{key}.zarr", cube)
        for step, values in zip(there, steps, strict=True):
            write_raster(root / "dates" / f"{key}_{_day(step):%Y%m%d}.tif", values, **place)
        tags = {"DATE": ", ".join(_day(step).isoformat() for step in there)}
        write_raster(
            root / "tag" / f"{key}.tif", np.stack(steps, axis=1).reshape(-1, *pixels.shape[1:]), **place, tags=tags
        )
        write_raster(root / "table" / f"{key}.tif", np.concatenate(steps), **place)
        table[key] = tuple(_day(step) for step in there)
        for band in range(3):
            stack = np.stack([values[band] for values in steps])
            write_raster(root / "bands" / f"{key}_{BANDS[band]}.tif", stack, **place, tags=tags)
    scenes = {form: find_rasters(root / form, [f"{{key}}.{form}"], variables=BANDS) for form in ("nc", "zarr")}
    scenes |= {form: find_rasters(root / form, ["{key}.tif"]) for form in ("tag", "table")}
    scenes["table"] = replace(scenes["table"], dates=table, stacked=True)
    scenes["dates"] = find_rasters(root / "dates", ["{key}_{date}.tif"])
    scenes["bands"] = find_rasters(root / "bands", [f"{{key}}_{band}.tif" for band in BANDS])
    forms = {
        "dates": {"layout": "file_per_date"},
        "nc": {"date_axis": "time"},
        "zarr": {"date_axis": "time"},
        "tag": {"date_tag": "DATE", "layout": "bands_first"},
        "bands": {"date_tag": "DATE"},
        "table": {},
    }
    return SimpleNamespace(root=root, scenes=scenes, forms=forms, base=tiny_data.config, labels=tiny_data.labels)


def _config(world: SimpleNamespace, form: str, **changes: Any) -> DataConfig:
    words = world.base.model_dump()
    words["sources"]["optical"] |= {
        "steps": 3, "date_tag": None, "layout": "steps_first", "take_dates": {"nearest_to": list(DAYS)},
        "too_few_dates": "fill", **world.forms[form], **changes,
    }  # fmt: skip
    return DataConfig.model_validate(words)


def _found(world: SimpleNamespace, config: DataConfig, scenes: RasterFolder, folder: Path) -> SimpleNamespace:
    """Return the scan, statistics and data of scenes, with a table of samples that was written and read."""
    scan = scan_scenes(scenes, world.labels, config)
    samples = assign_splits(scan.chips, config.split, {}, seed=0)
    statistics = compute_statistics(samples, scan.cells, config)
    sample_table.write_samples(samples, folder / "samples.csv")
    read = sample_table.read_samples(folder / "samples.csv")
    data = LabelledData(read, folders_by_source(scenes, config.sources), world.labels, config.sources, config.target)
    return SimpleNamespace(scan=scan, statistics=statistics, data=data)


WITHIN = {"nearest_to": [260, 70, 160], "within_days": 20}
NEAREST = {"nearest_to": list(DAYS)}
#: One date alone; where it has a file of its own, there is nothing to say of where several lie.
ONE: dict[str, Any] = {"steps": 1, "too_few_dates": "refuse"}


@pytest.mark.parametrize(
    ("form", "rule", "changes"),
    [
        ("nc", NEAREST, {}),
        ("nc", WITHIN, {}),
        ("zarr", "newest", {}),
        ("tag", WITHIN, {}),
        ("bands", NEAREST, {}),
        ("table", WITHIN, {}),
        ("nc", {"nearest_to": [160]}, ONE),
        ("zarr", "newest", ONE | {"layout": None}),
        ("tag", "newest", ONE),
        ("bands", {"nearest_to": [80]}, ONE),
        ("table", "evenly_spread", ONE),
    ],
)
def test_what_is_read_is_what_files_of_dates_give(
    world: SimpleNamespace, form: str, rule: Any, changes: dict[str, Any], tmp_path: Path
) -> None:
    for name in ("own", "plain"):
        (tmp_path / name).mkdir()
    words = {"take_dates": rule, **changes}
    of_files = words | ({"layout": None} if changes else {})
    own = _found(world, _config(world, form, **words), world.scenes[form], tmp_path / "own")
    plain = _found(world, _config(world, "dates", **of_files), world.scenes["dates"], tmp_path / "plain")
    assert own.scan.report.equals(plain.scan.report)
    different = {
        name
        for name in own.scan.chips.columns
        if name not in plain.scan.chips or not own.scan.chips[name].equals(plain.scan.chips[name])
    }
    expected = {sample_table.path_column("optical")}
    assert different == expected | ({sample_table.stack_column("optical")} if form == "table" else set())
    assert own.statistics == plain.statistics
    store_chips(ChipsToStore(own.data, "packed"), tmp_path / "packed")
    packed = replace(own.data, store=open_store(tmp_path / "packed"))
    for data in (own.data, packed):
        for chip, other in zip(data.chips("train"), plain.data.chips("train"), strict=True):
            for found, wanted in zip(chip.patch.values.values(), other.patch.values.values(), strict=True):
                assert np.array_equal(found, wanted)
            assert np.array_equal(chip.patch.valid["optical"], other.patch.valid["optical"])
            assert np.array_equal(chip.patch.target, other.patch.target)
            assert np.array_equal(chip.dates["optical"], other.dates["optical"])
    anywhere, elsewhere = (RasterChips(found.data, found.data.samples) for found in (own, plain))
    for index in range(0, len(anywhere), 5):
        chip, other = (chips.read_at(index, 3, 7) for chips in (anywhere, elsewhere))
        assert np.array_equal(chip.patch.values["optical"], other.patch.values["optical"])
        assert np.array_equal(chip.patch.valid["optical"], other.patch.valid["optical"])


@pytest.mark.parametrize("form", ["nc", "table"])
def test_a_filled_stack_says_which_pixels_of_another_source_are_clear(world: SimpleNamespace, form: str) -> None:
    found = []
    for name in (form, "dates"):
        words = _config(world, name).model_dump()
        other = _config(world, "dates").model_dump()["sources"]["optical"]
        rule = {"source": "optical", "band": "A", "not_values": list(range(200, 600))}
        words["sources"] = {
            "optical": words["sources"]["optical"] | {"use": ["B", "C"]},
            "other": other | {"reference": True, "use": ["A"], "valid": rule},
        }
        data = DataConfig.model_validate(words)
        scenes = {"optical": world.scenes[name], "other": world.scenes["dates"]}
        samples = assign_splits(scan_scenes(scenes, world.labels, data).chips, data.split, {}, seed=0)
        chosen = folders_by_source(scenes, data.sources)
        found.append(LabelledData(samples, chosen, world.labels, data.sources, data.target).chips("train"))
    shares = []
    for chip, other in zip(*found, strict=True):
        shares.append(chip.patch.valid["other"].mean())
        for source in ("optical", "other"):
            assert np.array_equal(chip.patch.values[source], other.patch.values[source])
            assert np.array_equal(chip.patch.valid[source], other.patch.valid[source])
    assert 0 < np.mean(shares) < 0.6, "a part of the dates that are there is not clear"


@pytest.fixture(scope="module")
def bundle(world: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model that is told of time, with fresh weights, saved and loaded."""
    model = {
        "encoder": {"name": "prithvi_vit", "coordinates": ["time"], "image_size": 32, "out_indices": [11]},
        "decoder": {"name": "fcn", "channels": 8},
    }
    initial = build_initial(_config(world, "nc"), ModelConfig.model_validate(model), seed=0)
    config = initial.config.model_copy(update={"trained": True, "provenance": {"seed": "0", "code": "abc"}})
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    save_bundle(Bundle(config, initial.weights), folder)
    return load_bundle(folder)


@pytest.fixture(scope="module")
def by_dates(world: SimpleNamespace, bundle: Bundle) -> dict[str, np.ndarray]:
    """What is predicted of the files of single dates, by the bundle of cubes."""
    changes = {"source": {"date_axis": None, "layout": "file_per_date"}}
    return probabilities_of(bundle, world.scenes["dates"], InferenceConfig.model_validate(TILES | changes))


@pytest.mark.parametrize("form", ["nc", "zarr", "tag", "bands", "table"])
def test_predictions_are_those_of_files_of_dates(
    world: SimpleNamespace, bundle: Bundle, by_dates: dict[str, np.ndarray], form: str
) -> None:
    changes = {"layout": "steps_first", "date_axis": None} | world.forms[form]
    # With what is read where a block cannot be decoded, each step is read by itself.
    config = InferenceConfig.model_validate(TILES | {"source": changes, "on_bad_block": "nodata"})
    found = probabilities_of(bundle, world.scenes[form], config)
    assert found.keys() == by_dates.keys() == set(world.labels.files)
    for key, values in found.items():
        assert np.array_equal(values, by_dates[key], equal_nan=True)


@pytest.mark.parametrize("form", ["nc", "tag", "bands", "table"])
def test_a_model_of_one_date_predicts_the_one_that_is_chosen_of_a_stack(world: SimpleNamespace, form: str) -> None:
    trained = _config(world, "dates", **ONE, take_dates="newest", layout=None)
    model = {"encoder": {"name": "unet"}, "decoder": {"name": "identity"}}
    initial = build_initial(trained, ModelConfig.model_validate(model), seed=0)
    config = initial.config.model_copy(update={"trained": True, "provenance": {"seed": "0", "code": "abc"}})
    bundle = Bundle(config, initial.weights)
    expected = probabilities_of(bundle, world.scenes["dates"], InferenceConfig.model_validate(TILES))
    changes = {"layout": "steps_first"} | world.forms[form]
    found = probabilities_of(bundle, world.scenes[form], InferenceConfig.model_validate(TILES | {"source": changes}))
    assert found.keys() == expected.keys()
    for key, values in found.items():
        assert np.array_equal(values, expected[key], equal_nan=True)


@pytest.mark.parametrize("form", ["nc", "table"])
def test_quicklooks_show_the_dates_that_are_there(world: SimpleNamespace, form: str) -> None:
    pictures = {}
    for name in (form, "dates"):
        data = _config(world, name)
        spec, chosen = data.sources["optical"], folders_by_source(world.scenes[name], data.sources)["optical"]
        figure = draw_quicklooks(spec, data.target, chosen, world.labels, ["A", "B", "C"])["east"]()
        pictures[name] = np.asarray(figure.axes[0].images[0].get_array())
    assert pictures[form].min() < 255
    assert np.array_equal(pictures[form], pictures["dates"])


def test_an_array_is_given_with_all_steps(bundle: Bundle) -> None:
    pixels = np.zeros((3, 3, 64, 64), np.int16)
    pixels[:, 1] = 500
    found = predict_array(bundle, pixels, InferenceConfig.model_validate(TILES), [_day(step) for step in range(3)])
    assert np.isfinite(found["probabilities"]).all()
