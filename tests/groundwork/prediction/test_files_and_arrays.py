"""What programs call: rasters in files or in memory are predicted as the pipeline predicts them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio

import groundwork
from arrays import Array, cube_of, write_netcdf
from exportable import FCN, TWO, bundle_of
from groundwork.bundle import Bundle, save_bundle
from groundwork.cli.main import main
from groundwork.cli.places import places_of
from groundwork.config import InferenceConfig, ModelConfig
from groundwork.errors import BundleError, PairingError, RasterError, SpecError
from groundwork.prediction.arrays import predict_array
from groundwork.prediction.files import predict_files
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.specs import RasterSpec

CONFIG = InferenceConfig(tile_size=32, overlap=8, probabilities=True)
RESNET = {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def two() -> Bundle:
    return bundle_of(
        TWO, {"encoders": {"optical": RESNET, "radar": RESNET}, "necks": ["merge_sources"], "decoder": FCN}
    )[0]


@pytest.mark.parametrize("given", ["folder", "files", "found"])
def test_files_are_those_of_the_pipeline(
    given: str, tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    folder = tiny_data.root / "scenes"
    scenes = {"folder": str(folder), "files": sorted(folder.glob("*.tif")), "found": None}[given] or (
        groundwork.find_rasters(str(folder), "{key}.tif")
    )
    made = predict_files(tiny_bundle, scenes, tmp_path / "called", CONFIG)
    write_predictions(Names(tmp_path / "piped"), predict_scenes(tiny_bundle, tiny_data.scenes, CONFIG))
    assert contents(tmp_path / "called") == contents(tmp_path / "piped")
    assert set(made) == set(tiny_data.scenes.files)
    names = {product: path.name for product, path in made["east"].items()}
    assert names == {"classes": "east_classes.tif", "probabilities": "east_probabilities.tif"}


def test_an_array_is_predicted_as_the_file_that_holds_it(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    file = tiny_data.root / "scenes/1.tif"
    made = groundwork.predict_files(tiny_bundle, file, tmp_path, CONFIG)["1"]
    with rasterio.open(file) as raster:
        found = groundwork.predict_array(tiny_bundle, raster.read(), CONFIG)
    assert set(found) == set(made)
    for product, path in made.items():
        with rasterio.open(path) as written:
            assert np.array_equal(found[product], written.read(), equal_nan=True)
            nothing = np.array(written.nodata, written.dtypes[0])
            assert np.array_equal(found[product][0, :10, :10], np.full((10, 10), nothing), equal_nan=True)
    assert found["classes"].shape == (1, 64, 64)


@pytest.mark.parametrize("layout", ["steps_first", "bands_first", "file_per_date"])
def test_dates_of_an_array_lie_where_the_files_have_them(
    layout: str, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    spec = RasterSpec.model_validate(
        {"bands": ["RED", "BLUE"], "dtype": "int16", "nodata": -1, "steps": 3, "layout": layout}
    )
    model = {"encoder": {"name": "per_date", "encoder": RESNET}, "decoder": FCN}
    bundle, _ = bundle_of({"optical": spec}, model)
    pixels = np.random.default_rng(0).integers(0, 900, (2, 3, 64, 64)).astype(np.int16)
    days = [date(2024, month, 1) for month in (4, 5, 6)]
    if layout == "file_per_date":
        for step, day in enumerate(days):
            write_raster(tmp_path / f"in/a_{day:%Y%m%d}.tif", pixels[:, step], nodata=-1)
        scenes: Any = groundwork.find_rasters(tmp_path / "in", ["{key}_{date}.tif"])
    else:
        ordered = pixels if layout == "bands_first" else pixels.swapaxes(0, 1)
        scenes = write_raster(tmp_path / "in/a.tif", ordered.reshape(6, 64, 64), nodata=-1)
    made = predict_files(bundle, scenes, tmp_path / "out", CONFIG)["a"]
    found = predict_array(bundle, pixels, CONFIG, days)
    with rasterio.open(made["probabilities"]) as written:
        assert np.array_equal(found["probabilities"], written.read())
        assert np.ptp(found["probabilities"]) > 0.001, "else any order of dates would give the same"


def test_newer_products_are_predicted_as_the_older_ones_of_the_training(
    tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    spec = RasterSpec.model_validate({"bands": ["BLUE", "RED"], "dtype": "uint16", "nodata": 0})
    bundle, _ = bundle_of({"optical": spec}, {"encoder": RESNET, "decoder": FCN})
    pixels = np.random.default_rng(0).integers(1, 4000, (2, 64, 64)).astype(np.uint16)
    patterns = [f"*.SAFE/GRANULE/R10m/{{key}}_{band}_10m.jp2" for band in ("B02", "B04")]
    made = {}
    for baseline, offset, stated in (("0301", 0, {}), ("0511", 1000, {"source": {"other_offsets": "convert"}})):
        root = tmp_path / baseline
        for band, values in zip(("B02", "B04"), pixels + np.uint16(offset), strict=True):
            product = root / f"S2A_MSIL2A_20210601T101031_N{baseline}_R022_T32UQD_20210601T161511.SAFE"
            write_raster(product / f"GRANULE/R10m/a_{band}_10m.jp2", values)
        scenes = groundwork.find_rasters(root, patterns)
        made[baseline] = predict_files(
            bundle, scenes, tmp_path / f"out_{baseline}", CONFIG.model_copy(update=_source(stated))
        )
    with pytest.raises(RasterError, match=r"offset -1000 in band 'BLUE', of processing baseline 05\.11"):
        predict_files(bundle, scenes, tmp_path / "refused", CONFIG)
    for product in ("classes", "probabilities"):
        with rasterio.open(made["0301"]["a"][product]) as one, rasterio.open(made["0511"]["a"][product]) as other:
            assert np.array_equal(one.read(), other.read())


def _source(stated: dict[str, Any]) -> dict[str, Any]:
    return {"source": InferenceConfig.model_validate(stated).source}


@pytest.mark.parametrize("grid", [None, {"pixel_size_m": 20, "resampling": "nearest"}])
def test_files_of_dates_are_stated_by_their_layout_alone(
    grid: dict[str, Any] | None, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    words = {"bands": ["RED", "BLUE"], "dtype": "int16", "nodata": -1, "steps": 3, "layout": "steps_first"}
    bundle, _ = bundle_of(
        {"optical": RasterSpec.model_validate(words)},
        {"encoder": {"name": "per_date", "encoder": RESNET}, "decoder": FCN},
    )
    pixels = np.random.default_rng(0).integers(1, 900, (3, 2, 64, 64)).astype(np.int16)
    pixels[1, :, :8] = -1
    whole = write_raster(tmp_path / "whole/a.tif", pixels.reshape(6, 64, 64), nodata=-1)
    # In files of its own, each date holds no data where it is 0; an older one is not taken.
    apart = {"nodata": 0, "layout": "file_per_date", "take_dates": "newest"}
    old = np.full((2, 64, 64), 5, np.int16)
    for day, values in zip(("20230101", "20240401", "20240501", "20240601"), (old, *pixels), strict=True):
        write_raster(tmp_path / f"in/a_{day}.tif", np.where(values == -1, 0, values))
    config = {**CONFIG.model_dump(), "grid": grid}
    made = predict_files(bundle, whole, tmp_path / "stacked", InferenceConfig.model_validate(config))["a"]
    scenes = groundwork.find_rasters(tmp_path / "in", ["{key}_{date}.tif"])
    stated = InferenceConfig.model_validate({**config, "source": apart})
    found = predict_files(bundle, scenes, tmp_path / "dates", stated)
    with rasterio.open(made["probabilities"]) as expected, rasterio.open(found["a"]["probabilities"]) as written:
        assert written.transform == expected.transform
        assert np.array_equal(written.read(), expected.read(), equal_nan=True)
        assert np.isnan(written.read()).any()


def test_one_file_of_each_source_is_one_scene(two: Bundle, tmp_path: Path, write_raster: Callable[..., Path]) -> None:
    random = np.random.default_rng(1)
    pixels = {name: random.integers(1, 900, (len(spec.bands), 64, 64)).astype(spec.dtype) for name, spec in TWO.items()}
    files = {
        name: write_raster(tmp_path / f"in/{name}_7.tif", values, nodata=TWO[name].nodata)
        for name, values in pixels.items()
    }
    made = predict_files(two, files, tmp_path / "out", CONFIG)
    assert list(made) == ["optical_7"], "it is called as the reference is"
    with rasterio.open(made["optical_7"]["probabilities"]) as written:
        assert np.array_equal(predict_array(two, pixels, CONFIG)["probabilities"], written.read())
    with pytest.raises(SpecError, match=r"found those of \['optical'\]; .*missing \['radar'\]"):
        predict_array(two, {"optical": pixels["optical"]})
    with pytest.raises(SpecError, match=r"'radar': found \(.*, 64, 32\)"):
        predict_array(two, {**pixels, "radar": pixels["radar"][..., :32]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pixels: pixels[:2], r"'optical': found \(2, 64, 64\) of int16; expected \(3, 64, 64\) of int16.*'C'"),
        (lambda pixels: pixels.astype(np.float64), "of float64; expected"),
        (lambda pixels: pixels[None], r"found \(1, 3, 64, 64\)"),
        (lambda pixels: pixels.tolist(), "found list; expected an array of numpy"),
    ],
)
def test_arrays_of_another_kind_are_refused(
    change: Callable[[np.ndarray], np.ndarray], message: str, tiny_bundle: Bundle
) -> None:
    with pytest.raises(SpecError, match=message):
        predict_array(tiny_bundle, change(np.zeros((3, 64, 64), np.int16)))


def test_what_a_masked_array_leaves_out_holds_no_data(tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> None:
    with rasterio.open(tiny_data.root / "scenes/1.tif") as raster:
        masked = raster.read(masked=True)
    masked[:, 30:40] = np.ma.masked
    filled = masked.filled(-9999)
    found = predict_array(tiny_bundle, masked, CONFIG)["classes"]
    assert np.array_equal(found, predict_array(tiny_bundle, filled, CONFIG)["classes"])
    assert not np.array_equal(found, predict_array(tiny_bundle, masked.data, CONFIG)["classes"])


def test_each_step_of_an_array_has_a_date(tiny_bundle: Bundle) -> None:
    with pytest.raises(SpecError, match="found 2; expected 1, one for each step"):
        predict_array(tiny_bundle, np.zeros((3, 64, 64), np.int16), CONFIG, [date(2024, 1, 1), date(2024, 2, 1)])


def test_what_cannot_be_predicted_is_refused(tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> None:
    file = tiny_data.root / "scenes/1.tif"
    with pytest.raises(PairingError, match="several files called '1'"):
        predict_files(tiny_bundle, [file, str(file)], tmp_path)
    with pytest.raises(PairingError, match=r"nowhere\.tif: found neither a file nor a folder"):
        predict_files(tiny_bundle, tmp_path / "nowhere.tif", tmp_path)
    with pytest.raises(SpecError, match="Objects and outlines are no arrays"):
        predict_array(tiny_bundle, np.zeros((3, 64, 64), np.int16), InferenceConfig.model_validate({"polygons": {}}))
    (tmp_path / "taken").touch()
    for place in ("taken", "taken/out"):
        with pytest.raises(RasterError, match=r"taken: found a file; expected a folder for predictions"):
            predict_files(tiny_bundle, file, tmp_path / place)
    fresh = replace(tiny_bundle, config=tiny_bundle.config.model_copy(update={"trained": False}))
    with pytest.raises(BundleError, match="never trained"):
        predict_array(fresh, np.zeros((3, 64, 64), np.int16))


@pytest.mark.parametrize("name", ["year=2024/a.tif", "day=7.tif"])
def test_names_of_files_may_have_an_equals_sign(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).touch()
    assert places_of([name], "SCENE") == name
    assert places_of([f"optical={name}"], "SCENE") == {"optical": name}
    with pytest.raises(PairingError, match=f"SCENE {name}: of several sources name each"):
        places_of([name, "radar=b.tif"], "SCENE")


def test_places_are_patterns_files_per_band_and_several_files_of_a_source(tmp_path: Path) -> None:
    for name in ("a/a_B2.tif", "a/a_B3.tif", "b/b_B2.tif", "b/b_B3.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    bands = [f"{tmp_path}/{{key}}/{{key}}_{band}.tif" for band in ("B3", "B2")]
    found = places_of(bands, "SCENE")
    assert isinstance(found, RasterFolder)
    assert found.files == {"a": ("a/a_B3.tif", "a/a_B2.tif"), "b": ("b/b_B3.tif", "b/b_B2.tif")}
    assert places_of([f"s2={word}" for word in bands], "SCENE") == {"s2": found}
    assert places_of(["s2=a.tif", "s2=b.tif", "s1=c.tif"], "SCENE") == {"s2": ["a.tif", "b.tif"], "s1": "c.tif"}
    with pytest.raises(PairingError, match=r"found patterns with '{key}' beside files"):
        places_of([bands[0], "c.tif"], "SCENE")
    (tmp_path / "cube.nc").touch()
    of_two = places_of([f"cube={tmp_path}/cube.nc", "s1=c.tif"], "SCENE", ["cube=red", "cube=nir"])
    assert isinstance(of_two, dict)
    assert of_two["s1"] == "c.tif"
    assert of_two["cube"].files == find_rasters(tmp_path / "cube.nc", (), variables=["red", "nir"]).files


def test_a_bundle_says_what_it_is_instead_of_its_weights(tiny_bundle: Bundle) -> None:
    assert repr(tiny_bundle).splitlines() == [
        "Bundle, trained: timm test_resnet + fcn",
        "Reads 'optical': bands A B C, raw values as int16, nodata -9999",
        "Gives 3 classes per pixel: water, forest, field",
    ]


def test_a_bundle_says_which_bands_its_files_hold_and_which_of_them_tell_validity(tiny_bundle: Bundle) -> None:
    words = {"bands": ["A", "B", "SCL"], "use": ["B", "A"], "dtype": "uint16", "nodata": 0}
    spec = RasterSpec.model_validate(words | {"valid": {"band": "SCL", "values": [4]}})
    bundle = replace(tiny_bundle, config=tiny_bundle.config.model_copy(update={"inputs": {"s2": spec}}))
    assert repr(bundle).splitlines()[1] == (
        "Reads 's2': bands B A, of files with A B SCL, validity by SCL, raw values as uint16, nodata 0"
    )


def test_a_bundle_says_what_raw_values_stand_for(tiny_bundle: Bundle) -> None:
    reflectance = {"scale": 0.0001, "offset": -0.1, "unit": "reflectance"}
    bands = [{"name": "RED", **reflectance}, {"name": "NIR", **reflectance}]
    parts = []
    for more in ([], [{"name": "B10", "scale": 0.1, "unit": "K"}, {"name": "ANGLE"}]):
        spec = RasterSpec.model_validate({"bands": bands + more, "dtype": "uint16", "nodata": 0})
        bundle = replace(tiny_bundle, config=tiny_bundle.config.model_copy(update={"inputs": {"s2": spec}}))
        parts.append(repr(bundle).splitlines()[1].partition("nodata 0, ")[2])
    assert parts == [
        "reflectance = raw * 0.0001 - 0.1",
        "reflectance = raw * 0.0001 - 0.1 (RED NIR), K = raw * 0.1 (B10)",
    ]


@pytest.mark.parametrize("name", ["mosaic", "polygons", "probabilities", "entropy"])
def test_a_bundle_without_answers_says_so_and_refuses_what_is_made_of_them(
    name: str, tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    model = ModelConfig.model_validate({"factory": "embedding", "encoder": {"name": "timm", "model": "test_resnet"}})
    bundle = replace(tiny_bundle, config=tiny_bundle.config.model_copy(update={"model": model}))
    assert repr(bundle).endswith("Gives embeddings of patches or images")
    settings = InferenceConfig.model_validate({name: {} if name == "mosaic" else True})
    with pytest.raises(SpecError, match=f"'inference.{name}' would be made of answers, and the model gives embedding"):
        predict_files(bundle, tiny_data.root / "scenes/1.tif", tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_ctrl_c_ends_a_prediction_in_a_line_and_leaves_what_is_finished(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    place, out = tmp_path / "bundle", tmp_path / "out"
    save_bundle(tiny_bundle, place)
    words = ["bundle", "predict", str(place), str(tiny_data.root / "scenes/{key}.tif"), "--output", str(out), "--set"]

    def interrupt() -> None:
        while not list(out.glob("[!.]*_item.json")):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    Thread(target=interrupt, daemon=True).start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main([*words, "tile_size=16", "overlap=8"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    said = capsys.readouterr().err
    assert said.endswith("\nInterrupted: what was finished stays.\n")
    assert "Traceback" not in said
    finished = {file.name: file.stat().st_mtime_ns for file in out.glob("*_item.json")}
    assert 0 < len(finished) < 6
    assert main([*words, "tile_size=16", "overlap=8", "overwrite=false"]) == 0
    assert {name: (out / name).stat().st_mtime_ns for name in finished} == finished
    assert len(list(out.glob("*_item.json"))) == 6


def test_commands_show_a_bundle_and_predict_with_it(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    place, out = tmp_path / "bundle", tmp_path / "out"
    save_bundle(tiny_bundle, place)
    assert main(["bundle", "show", str(tmp_path)]) == 1
    assert f"expected the folder of a bundle; there: {place}." in capsys.readouterr().err
    assert main(["bundle", "show", str(place)]) == 0
    shown = capsys.readouterr().out
    assert repr(tiny_bundle) in shown
    assert "seed: 0" in shown
    stated = tmp_path / "inference.yml"
    stated.write_text("inference: {tile_size: 64, overlap: 8, items: false}\n")
    words = ["bundle", "predict", str(place), str(tiny_data.root / "scenes/{key}.tif"), "--output", str(out)]
    words += ["--config", str(stated), "--set"]
    assert main([*words, "tile_size=32", "probabilities=true"]) == 0
    assert f"Written: {out / '1_probabilities.tif'}" in capsys.readouterr().out
    expected = predict_files(tiny_bundle, tiny_data.scenes, tmp_path / "called", CONFIG)["1"]
    assert (out / "1_probabilities.tif").read_bytes() == expected["probabilities"].read_bytes()
    assert not list(out.glob("*.json"))
    for wrong, message in (
        ("tile_siz=32", "Did you mean 'tile_size'"),
        ("tile_size", "found no '='"),
        ("tile_size: [", "found no '='"),
        ("tile_size=[", "no valid YAML"),
    ):
        assert main([*words, wrong]) == 1
        assert message in capsys.readouterr().err
    # What a file says of a source is all that is said of it: here, that there are no dates.
    whole = tmp_path / "whole.yml"
    whole.write_text("inference: {tile_size: 64, source: {bands: [A, B, C], dtype: int16, nodata: -1}}\n")
    places = [str(place), str(tiny_data.root / "scenes/1.tif"), "--output", str(tmp_path / "whole")]
    assert main(["bundle", "predict", *places, "--config", str(whole), "--set", "source.nodata=-9999"]) == 0
    assert json.loads((tmp_path / "whole/1_item.json").read_text())["properties"]["datetime"] is None
    assert "no tag" not in capsys.readouterr().err
    # Of what the rasters hold, only what differs is said.
    for wrong, message in (
        ("source.nodata=-1", "found nodata -9999; expected nodata -1.0, as 'sources' declares"),
        ("source.dat_tag=null", "Did you mean 'date_tag'"),
        ("sources.optcal.nodata=0", "Did you mean 'optical'"),
        ("sources.optical.nodata=-1", "found nodata -9999; expected nodata -1.0"),
    ):
        assert main([*words, wrong]) == 1
        assert message in capsys.readouterr().err
    stated.write_text("tile_size: 64\n")
    assert main([*words, "overlap=8"]) == 1
    assert "found no key 'inference' at the top" in capsys.readouterr().err


def test_the_command_reads_variables_of_files_that_hold_rasters_by_name(
    tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, file = tmp_path / "trained", tiny_data.root / "scenes/1.tif"
    save_bundle(tiny_bundle, place)
    with rasterio.open(file) as scene:
        found, (left, top) = scene.read(), (scene.bounds.left, scene.bounds.top)
    arrays = cube_of({name: Array(("y", "x"), band) for name, band in zip("cab", found[[2, 0, 1]], strict=True)})
    # Where the cube's first pixel is, that of the scene is.
    arrays["x"].values[:] += left - 500_000
    arrays["y"].values[:] += top - 5_000_000
    write_netcdf(tmp_path / "cubes/1.nc", arrays)
    expected = predict_files(tiny_bundle, file, tmp_path / "expected")["1"]["classes"]
    for scene, variables in (
        (str(tmp_path / "cubes/{key}.nc"), ["a", "b", "c"]),
        (f"optical={tmp_path}/cubes/1.nc", ["optical=a", "optical=b", "optical=c"]),
    ):
        words = ["bundle", "predict", str(place), scene, "--variable", *variables, "--output", str(tmp_path / "out")]
        assert main([*words, "--set", "source.date_tag=null"]) == 0
        with rasterio.open(expected) as one, rasterio.open(tmp_path / "out/1_classes.tif") as other:
            assert np.array_equal(one.read(), other.read())
            assert (one.transform, one.crs) == (other.transform, other.crs)
        (tmp_path / "out/1_classes.tif").unlink()
    for scene, variable, message in (
        (str(tmp_path / "cubes"), "a", "expected one file, or a pattern such as"),
        (str(tmp_path / "cubes/1.nc"), "radar=a", "found it of source 'radar'; expected of the only source"),
        (f"optical={tmp_path}/cubes/1.nc", "a", "expected 'source=name', of ['optical']"),
    ):
        words = ["bundle", "predict", str(place), scene, "--variable", variable, "--output", str(tmp_path / "out")]
        assert main(words) == 1
        assert message in capsys.readouterr().err
    # Exports are compared over the same.
    spec = tiny_bundle.config.inputs["optical"].model_copy(update={"date_tag": None})
    undated = replace(tiny_bundle, config=tiny_bundle.config.model_copy(update={"inputs": {"optical": spec}}))
    save_bundle(undated, tmp_path / "undated")
    words = ["export", str(tmp_path / "undated"), "--scenes", str(tmp_path / "cubes/{key}.nc"), "--sizes", "fixed"]
    words += ["--tile-size", "32", "--output", str(tmp_path / "land.pt2")]
    assert main([*words, "--variable", "a", "b", "c"]) == 0
    compared = json.loads((tmp_path / "land.report.json").read_text())
    assert [case["scene"] for case in compared["cases"]] == ["1"]
