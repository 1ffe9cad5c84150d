"""Scenes are predicted on their own grid, with what the classes are and where the weights came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from pydantic import ValidationError
from rasterio.crs import CRS
from rasterio.transform import from_origin

from groundwork.batch import Image, Images
from groundwork.bundle import Bundle, BundleConfig
from groundwork.config import InferenceConfig
from groundwork.data.scene_stack import SceneStack
from groundwork.errors import BundleError, ComponentError, RasterError, ScoreError, SpecError
from groundwork.models.interface import Model, ModelOutput
from groundwork.prediction.record import settings_of
from groundwork.prediction.scene import predict_scene, predict_scenes
from groundwork.prediction.source import scene_specs, warn_of_steps
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.grid import Grid
from groundwork.rasters.scene import Scene
from groundwork.rasters.stream import single
from groundwork.rasters.writing import write_rasters
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kind import RasterKind
from groundwork.targets.kinds import kind_of
from groundwork.targets.legends import class_nodata

Write = Callable[..., Path]


class Brightest(Model):
    """The class of a pixel is its brightest band; the scores are the raw values. Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Image] = []

    def set_statistics(self, mean: Any, std: Any, source: str | None = None) -> None:
        raise NotImplementedError

    def parts(self) -> dict[str, dict[str, torch.nn.Parameter]]:
        return {}

    def forward(self, images: Images) -> ModelOutput:
        assert set(images.values) == {"optical"}
        self.seen.append(images.of("optical"))
        return ModelOutput(images.values["optical"])


def _opened(path: Path, bundle: Bundle) -> SceneStack:
    return SceneStack({bundle.reference: (path,)}, bundle.config.inputs)


def _config(**changes: Any) -> InferenceConfig:
    return InferenceConfig.model_validate({"tile_size": 32, "overlap": 8} | changes)


def _write_all(bundle: Bundle, scenes: RasterFolder, folder: Path, **config: Any) -> None:
    for key, stream in predict_scenes(bundle, scenes, _config(**config)).streams:
        paths = {product: folder / f"{key}_{product}.tif" for product in stream.profiles}
        write_rasters(stream, paths)


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> Path:
    folder = tmp_path_factory.mktemp("predicted")
    _write_all(tiny_bundle, tiny_data.scenes, folder, probabilities=True)
    return folder


def test_each_scene_has_its_prediction_on_its_own_grid(predicted: Path, tiny_data: SimpleNamespace) -> None:
    for key in tiny_data.scenes.files:
        with rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene:
            valid = (scene.read() != -9999).all(axis=0)
            for product in ("classes", "probabilities"):
                with rasterio.open(predicted / f"{key}_{product}.tif") as raster:
                    assert (raster.crs, raster.transform, raster.shape) == (scene.crs, scene.transform, scene.shape)
        with rasterio.open(predicted / f"{key}_classes.tif") as raster:
            classes = raster.read(1)
            assert (raster.nodata, raster.dtypes) == (255, ("uint8",))
            assert np.array_equal(classes != 255, valid), "no class where the scene holds no data, and only there"
            assert set(np.unique(classes[valid])) <= {1, 2, 3}


def test_probabilities_add_up_to_one_and_the_class_is_the_likeliest(
    predicted: Path, tiny_data: SimpleNamespace
) -> None:
    for key in tiny_data.scenes.files:
        with rasterio.open(predicted / f"{key}_probabilities.tif") as raster:
            shares = raster.read()
            assert raster.descriptions == ("water", "forest", "field")
            assert np.isnan(raster.nodata)
        with rasterio.open(predicted / f"{key}_classes.tif") as raster:
            classes = raster.read(1)
        valid = classes != 255
        assert np.isnan(shares[:, ~valid]).all()
        assert np.abs(shares[:, valid].sum(axis=0) - 1).max() <= 1e-5
        assert np.array_equal(shares[:, valid].argmax(axis=0) + 1, classes[valid])


def test_the_tags_tell_classes_and_provenance(predicted: Path) -> None:
    with rasterio.open(predicted / "11_classes.tif") as raster:
        tags = raster.tags()
        assert {value: raster.colormap(1)[value][:3] for value in (1, 2, 3)} == {
            1: (0, 0, 255),
            2: (0, 170, 0),
            3: (255, 204, 0),
        }
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert json.loads(tags["GROUNDWORK_CLASSES"]) == {"water": 1, "forest": 2, "field": 3}
    assert tags["CLASS_2"] == "forest"
    assert tags["GROUNDWORK_INPUT"] == "11"
    assert tags["GROUNDWORK_MODEL"] == "timm test_resnet + fcn"
    assert tags["GROUNDWORK_TILES"] == "size 32, overlap 8"
    assert (tags["GROUNDWORK_SEED"], tags["GROUNDWORK_CODE"]) == ("0", "abc")


def test_the_same_scene_gives_the_same_bytes(
    predicted: Path, tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    _write_all(tiny_bundle, tiny_data.scenes, tmp_path, probabilities=True)
    for path in predicted.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("threads", [2, 3])
def test_whatever_works_beside_the_model_the_bytes_are_the_same(
    tmp_path: Path,
    tiny_bundle: Bundle,
    tiny_data: SimpleNamespace,
    predicted: Path,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Told alone: with other threads, sums of the network would differ in their last digits.
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    _write_all(tiny_bundle, tiny_data.scenes, tmp_path, probabilities=True)
    names = sorted(file.name for file in predicted.glob("*.tif"))
    assert sorted(file.name for file in tmp_path.glob("*.tif")) == names
    assert all((tmp_path / name).read_bytes() == (predicted / name).read_bytes() for name in names)
    assert "GDAL_NUM_THREADS" not in rasterio.env.getenv()


def test_one_tile_is_the_bare_model(tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> None:
    _write_all(tiny_bundle, tiny_data.scenes, tmp_path, tile_size=128, probabilities=True)
    with rasterio.open(tiny_data.root / "scenes" / "11.tif") as raster:
        image = torch.from_numpy(raster.read().astype(np.float32))[None]
    with torch.inference_mode():
        expected = tiny_bundle.build_model()(Images({"optical": image})).output.softmax(dim=1)[0].numpy()
    with rasterio.open(tmp_path / "11_probabilities.tif") as raster:
        assert np.abs(raster.read() - expected).max() <= 1e-5


@pytest.mark.parametrize(("tile", "overlap"), [(32, 8), (17, 5), (200, 0), (1, 0)])
def test_a_pixel_wise_model_is_the_same_in_any_tiles(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace, tile: int, overlap: int
) -> None:
    path = tiny_data.root / "scenes" / "east.tif"
    with _opened(path, tiny_bundle) as scene:
        stream = predict_scene(Brightest(), scene, tiny_bundle, _config(tile_size=tile, overlap=overlap, batch_size=5))
        write_rasters(stream, {"classes": tmp_path / "c.tif"})
    with rasterio.open(path) as scene, rasterio.open(tmp_path / "c.tif") as prediction:
        # All classes lie hundreds of units apart, where softmax gives 0 and 1; ties do not occur within one unit.
        image, classes = scene.read(), prediction.read(1)
    first, second = np.sort(image, axis=0)[[2, 1]]
    clear = first > second
    assert np.array_equal(classes[clear], image.argmax(axis=0)[clear] + 1)


def test_the_model_is_told_place_date_and_validity(tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> None:
    model = Brightest()
    model.coordinates = frozenset({"time", "location"})
    with _opened(tiny_data.root / "scenes" / "1.tif", tiny_bundle) as scene:
        config = _config(tile_size=32, overlap=0, batch_size=2)
        list(predict_scene(model, scene, tiny_bundle, config).blocks)
        centers = [
            scene.grid.part(rasterio.windows.Window(c, r, 32, 32)).center_coordinates()
            for r in (0, 32)
            for c in (0, 32)
        ]
    assert [len(batch.values) for batch in model.seen] == [2, 2]
    places = torch.cat([batch.location for batch in model.seen])  # type: ignore[misc]
    assert places.numpy() == pytest.approx(np.array(centers), rel=1e-6)
    assert torch.cat([batch.dates for batch in model.seen]).tolist() == [[[2024, 152]]] * 4  # type: ignore[misc]
    first = model.seen[0].valid
    assert first is not None
    assert not first[0, :10, :10].any()
    assert first[0, 10:].all()


def test_a_scene_without_crs_keeps_what_it_has(tmp_path: Path, tiny_bundle: Bundle, write_raster: Write) -> None:
    image = np.random.default_rng(0).integers(0, 3000, (3, 20, 30)).astype(np.int16)
    source = {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": None, "georeference": "absent"}
    for name, transform in (("plain", None), ("placed", from_origin(100, 200, 0.5, 0.5))):
        write_raster(tmp_path / "in" / f"{name}.tif", image, crs=None, transform=transform)
    _write_all(tiny_bundle, find_rasters(tmp_path / "in", ["{key}.tif"]), tmp_path / "out", source=source)
    with rasterio.open(tmp_path / "out" / "placed_classes.tif") as raster:
        assert raster.crs is None
        assert raster.transform == from_origin(100, 200, 0.5, 0.5)
        placed = raster.read()
    with Scene([tmp_path / "out" / "plain_classes.tif"], _class_spec()) as scene:
        assert np.array_equal(scene.read(rasterio.windows.Window(0, 0, 30, 20))[0], placed)


def _class_spec() -> RasterSpec:
    words = {"bands": ["class"], "dtype": "uint8", "nodata": 255, "georeference": "absent"}
    return RasterSpec.model_validate(words)


# --- what the model computes on, and how ----------------------------------------------------------------------------


def test_half_precision_gives_nearly_the_same_probabilities_and_says_so(
    predicted: Path, tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    _write_all(tiny_bundle, tiny_data.scenes, tmp_path, probabilities=True, precision="bf16")
    with (
        rasterio.open(tmp_path / "11_probabilities.tif") as half,
        rasterio.open(predicted / "11_probabilities.tif") as exact,
    ):
        found, expected = half.read(), exact.read()
        assert half.dtypes[0] == "float32"
        assert half.tags()["GROUNDWORK_PRECISION"] == "bf16"
        assert "GROUNDWORK_PRECISION" not in exact.tags()
    assert not np.array_equal(found, expected)
    assert np.nanmax(np.abs(found - expected)) < 0.05


def test_a_compiled_model_gives_the_same_map(
    predicted: Path, tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    # All tiles have one size, and so one program.
    one = find_rasters(tiny_data.root / "scenes" / "11.tif", ["{key}.tif"])
    _write_all(tiny_bundle, one, tmp_path, probabilities=True, compile=True, batch_size="auto")
    found, expected = (rasterio.open(folder / "11_probabilities.tif") for folder in (tmp_path, predicted))
    with found, expected:
        assert np.nanmax(np.abs(found.read() - expected.read())) < 1e-4


def test_a_device_that_is_not_here_is_refused_with_those_that_are(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    with pytest.raises(ComponentError, match=r"'inference.device' is cuda:7, which is not here: found \['cpu'"):
        _write_all(tiny_bundle, tiny_data.scenes, tmp_path, device="cuda:7")
    assert not list(tmp_path.iterdir()), "it is refused before anything is written"


def test_dropout_that_the_model_does_not_have_is_refused_before_anything_is_written(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    with pytest.raises(SpecError, match=r"'inference.dropout_samples' asks the model several times with dropout"):
        _write_all(tiny_bundle, tiny_data.scenes, tmp_path, dropout_samples=2)
    assert not list(tmp_path.iterdir())


def test_a_compiler_that_is_missing_is_named(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "/nowhere/g++")
    with pytest.raises(ComponentError, match=r"^inference.compile needs a C\+\+ compiler"):
        _write_all(tiny_bundle, tiny_data.scenes, tmp_path, compile=True)


def test_batches_that_may_shrink_and_dropout_do_not_go_together() -> None:
    with pytest.raises(ValidationError, match=r"the same scene would get other bytes. Set a number"):
        _config(batch_size="auto", dropout_samples=3)


# --- other rasters than those of the training -----------------------------------------------------------------------


def test_scenes_of_another_layout_and_unit_are_brought_to_the_models_own(
    tmp_path: Path, tiny_bundle: Bundle, write_raster: Write, tiny_data: SimpleNamespace
) -> None:
    with rasterio.open(tiny_data.root / "scenes" / "p5.tif") as raster:
        image = raster.read()
    # Bands C, X, A, B; physical value = raw * 0.5 + 100, where the model reads raw values of scale 1.
    raw = (image[[2, 0, 0, 1]].astype(np.float32) - 100) / 0.5
    write_raster(tmp_path / "x.tif", raw, descriptions=["C", "X", "A", "B"])
    bands = [{"name": name, "scale": 0.5, "offset": 100} for name in ("C", "X", "A", "B")]
    config = _config(source={"bands": bands, "dtype": "float32", "nodata": None})
    specs = scene_specs(tiny_bundle.config.inputs, config)
    assert [band.name for band in specs[tiny_bundle.reference].used] == ["A", "B", "C"]
    model = Brightest()
    with SceneStack({tiny_bundle.reference: (tmp_path / "x.tif",)}, specs) as scene:
        list(predict_scene(model, scene, tiny_bundle, config).blocks)
    assert np.allclose(model.seen[0].values[0].numpy(), image[:, :32, :32], atol=1e-2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"bands": ["A", "B"]}, r"the model reads \['A', 'B', 'C'\] and 1 step\(s\). Missing: \['C'\]"),
        ({"bands": ["A", "B", "C"], "steps": 2, "layout": "steps_first"}, r"and 2 step\(s\); the model reads"),
    ],
)
def test_scenes_that_lack_what_the_model_reads_are_refused(
    tiny_bundle: Bundle, tiny_data: SimpleNamespace, source: dict[str, Any], message: str
) -> None:
    config = _config(source={"dtype": "int16", "nodata": None} | source)
    with pytest.raises(SpecError, match=message):
        predict_scenes(tiny_bundle, tiny_data.scenes, config)


def _trained_in(unit: str | None, **changes: Any) -> RasterSpec:
    words = {"name": "A", "scale": 0.0001, "unit": unit}
    return RasterSpec.model_validate({"bands": [words], "dtype": "int16", "nodata": None} | changes)


@pytest.mark.parametrize(
    ("trained", "found", "message"),
    [
        (
            "linear",
            {"scale": 0.0001, "unit": "dB"},
            r"band 'A' in dB; the model was trained on linear. .* from dB to li",
        ),
        ("reflectance", {"scale": 0.0001, "unit": "reflectance"}, None),
        ("reflectance", {"scale": 0.01, "unit": "Reflectance"}, None),
        ("reflectance", {"scale": 0.0001}, None),
        (
            "reflectance",
            {},
            r"scale 1 and offset 0, but no unit; .* on reflectance \(scale 0.0001, offset 0\). Set 'unit",
        ),
        (None, {"scale": 0.5, "unit": "dB"}, None),
    ],
)
def test_units_of_scene_and_training_are_compared(
    trained: str | None, found: dict[str, Any], message: str | None
) -> None:
    config = _config(source={"bands": [{"name": "A", **found}], "dtype": "int16", "nodata": None})
    if message is None:
        assert scene_specs({"optical": _trained_in(trained)}, config)["optical"].used[0].name == "A"
        return
    with pytest.raises(SpecError, match=message):
        scene_specs({"optical": _trained_in(trained)}, config)


def test_the_pixel_size_of_the_training_holds_for_scenes_of_another_source_too(
    tmp_path: Path, tiny_bundle: Bundle, write_raster: Write, caplog: pytest.LogCaptureFixture
) -> None:
    words = tiny_bundle.config.model_dump(mode="json")
    words["inputs"]["optical"]["pixel_size_m"] = 10
    bundle = Bundle(BundleConfig.model_validate(words), tiny_bundle.weights)
    utm = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_000_000, 30, 30)}
    write_raster(tmp_path / "in" / "x.tif", np.ones((3, 40, 40), np.int16), **utm, nodata=-9999)
    source = {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999}
    scenes = find_rasters(tmp_path / "in", ["{key}.tif"])
    with pytest.raises(RasterError, match=r"x.tif: .*30.*10 m.*'pixel_size_m: 30'"):
        _write_all(bundle, scenes, tmp_path, source=source)
    _write_all(bundle, scenes, tmp_path, source=source | {"pixel_size_m": 30})
    assert "trained on pixels of 10 m; 'inference.source' declares 30 m. Everything looks 0.333 times" in caplog.text
    # Null is any size: what differs is told by scene.
    caplog.clear()
    _write_all(bundle, scenes, tmp_path, source={"pixel_size_m": None})
    assert "reads pixels of 10 m, and those of 1 scene(s) have another size" in caplog.text
    assert "'x' in EPSG:32633 of about 30 m" in caplog.text


@pytest.mark.parametrize("nodata", [0, None])
def test_what_is_stated_alone_of_scenes_holds_and_all_else_is_as_of_the_training(nodata: int | None) -> None:
    trained = RasterSpec.model_validate(
        {
            "bands": [{"name": "A", "scale": 0.1, "unit": "m"}, "B", {"name": "Q", "dtype": "uint8"}],
            **{"dtype": "int16", "nodata": -9999, "pixel_size_m": 10, "valid": {"band": "Q", "values": [1]}},
        }
    )
    spec = scene_specs({"s": trained}, _config(source={"nodata": nodata}))["s"]
    assert spec == trained.model_copy(update={"nodata": nodata, "use": ("A", "B")})
    with pytest.raises(SpecError, match=r"'inference.source' does not fit .*\n.* nodata -9999.0 is no value .* uint8"):
        scene_specs({"s": trained}, _config(source={"dtype": "uint8"}))
    several = scene_specs({"s": trained, "t": trained}, _config(sources={"t": {"nodata": nodata}}))
    assert several == {"s": trained, "t": spec}


@pytest.mark.parametrize(
    ("trained", "stated", "told"),
    [
        ({}, {"too_few_dates": "fill"}, "at all 2 dates; 'inference.source' states 'too_few_dates: fill'"),
        ({}, {"validity_per_step": True}, "at all 2 dates; 'inference.source' states 'validity_per_step: true'"),
        ({}, {"nodata": 0}, None),
        ({"validity_per_step": True}, {"too_few_dates": "fill"}, None),
    ],
)
def test_dates_that_hold_nothing_are_told_of_where_the_training_had_none(
    caplog: pytest.LogCaptureFixture, trained: dict[str, Any], stated: dict[str, Any], told: str | None
) -> None:
    words = {"bands": ["A"], "dtype": "int16", "nodata": -9999, "steps": 2, "layout": "file_per_date"}
    spec = RasterSpec.model_validate(words | trained)
    warn_of_steps(scene_specs({"s": spec}, _config(source=stated))["s"], spec, "inference.source")
    assert caplog.text == "" if told is None else told in caplog.text


def test_scenes_may_lie_in_arrays_though_the_training_had_rasters_and_the_reverse() -> None:
    trained = RasterSpec(bands=["A", "B"], dtype="int16", nodata=-9999)
    array = {"axes": ["y", "x", "band"], "georeference": "absent"}
    spec = scene_specs({"s": trained}, _config(source=array))["s"]
    assert (spec.axes, spec.band_names, spec.nodata) == (("y", "x", "band"), ("A", "B"), -9999)
    back = scene_specs({"s": spec}, _config(source={"axes": None, "georeference": "required"}))["s"]
    assert (back.axes, back.georeference) == (None, "required")


def test_a_run_goes_on_only_where_the_same_is_stated_of_scenes() -> None:
    stated = [None, {}, {"nodata": None}, {"nodata": "nan"}, {"dtype": "float32"}]
    settings = [json.dumps(settings_of(_config(source=words), None)) for words in stated]
    assert len(set(settings)) == len(stated)


# --- scores that are no numbers -------------------------------------------------------------------------------------


def test_weights_that_are_no_numbers_give_no_map(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    weights = {name: value.clone() for name, value in tiny_bundle.weights.items()}
    bias = next(name for name in weights if name.startswith("head") and name.endswith("bias"))
    weights[bias][0] = float("nan")
    with pytest.raises(ScoreError, match=r"scenes/\d+.tif, from row 0, columns 0 to .* Its weights are damaged"):
        _write_all(Bundle(tiny_bundle.config, weights), tiny_data.scenes, tmp_path)
    assert not list(tmp_path.iterdir())


def test_values_too_large_for_a_float32_give_no_map(tmp_path: Path, tiny_bundle: Bundle, write_raster: Write) -> None:
    image = np.random.default_rng(0).normal(1000, 100, (3, 40, 40))
    image[1, 20, 20] = 1e39
    write_raster(tmp_path / "in" / "x.tif", image, nodata=-9999)
    source = {"bands": ["A", "B", "C"], "dtype": "float64", "nodata": -9999}
    scenes = find_rasters(tmp_path / "in", ["{key}.tif"])
    with pytest.raises((ScoreError, RasterError), match=r"x.tif.*"):
        _write_all(tiny_bundle, scenes, tmp_path / "out", source=source)
    assert not list((tmp_path / "out").glob("*.tif"))


# --- refusals -------------------------------------------------------------------------------------------------------


def test_an_untrained_bundle_predicts_nothing(tiny_initial: Bundle, tiny_data: SimpleNamespace) -> None:
    with pytest.raises(BundleError, match=r"never trained: train it first"):
        predict_scenes(tiny_initial, tiny_data.scenes, _config())


def test_all_scenes_are_checked_before_the_first_is_predicted(
    tmp_path: Path, tiny_bundle: Bundle, write_raster: Write
) -> None:
    image = np.ones((3, 16, 16), np.int16)
    for key in "ab":
        write_raster(tmp_path / f"{key}.tif", image, nodata=-9999, tags={"DATE": "2024-06-01"})
    write_raster(tmp_path / "c.tif", image[:2], nodata=-9999)
    with pytest.raises(RasterError, match=r"c.tif: found 2 band\(s\); expected 3"):
        predict_scenes(tiny_bundle, find_rasters(tmp_path, ["{key}.tif"]), _config())


def test_a_scene_that_breaks_half_way_leaves_the_earlier_prediction_whole(
    tmp_path: Path, tiny_bundle: Bundle, write_raster: Write
) -> None:
    random = np.random.default_rng(0)
    image = random.integers(1, 3000, (3, 600, 64)).astype(np.int16)
    tags = {"DATE": "2024-06-01"}
    path = write_raster(tmp_path / "in" / "x.tif", image, nodata=-9999, tags=tags, compress="deflate")
    scenes = find_rasters(tmp_path / "in", ["{key}.tif"])
    _write_all(tiny_bundle, scenes, tmp_path / "out", tile_size=256)
    before = (tmp_path / "out" / "x_classes.tif").read_bytes()
    content = bytearray(path.read_bytes())
    content[120_000:125_000] = bytes(5_000)
    path.write_bytes(content)
    with pytest.raises(RasterError, match=r"x.tif: found pixels that cannot be decoded in rows"):
        _write_all(tiny_bundle, scenes, tmp_path / "out", tile_size=256)
    beside = {"x_classes.tif.aux.xml", "x_classes.qml", "x_classes.sld"}
    assert {entry.name for entry in (tmp_path / "out").iterdir()} == {"x_classes.tif", *beside}
    assert (tmp_path / "out" / "x_classes.tif").read_bytes() == before


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 1), ("uint8", 255)),
        ((1, 255), ("uint8", 0)),
        ((0, 255), ("uint8", 254)),
        ((0, 254, 255), ("uint8", 253)),
        (tuple(range(256)), ("int16", 32767)),
        ((-1, 4), ("int16", 32767)),
        ((0, 300), ("int16", 32767)),
        ((-32768, 4), ("int16", 32767)),
        ((-32768, 32767), ("int16", 32766)),
        ((0, 70_000), ("int32", 2**31 - 1)),
        ((-(2**31), 2**31 - 1), ("int32", 2**31 - 2)),
    ],
)
def test_nodata_is_a_value_that_no_class_has(values: tuple[int, ...], expected: tuple[str, int]) -> None:
    classes = [{"value": value, "name": f"c{value}", "color": "#000000"} for value in values]
    assert class_nodata(TargetSpec.model_validate({"classes": classes})) == expected


@pytest.mark.parametrize("values", [(0, 4), (0, 300), (-7, 0), (0, 70_000)])
def test_overviews_hold_classes_and_nodata_alone(values: tuple[int, int], tmp_path: Path) -> None:
    classes = [{"value": value, "name": f"c{value}", "color": "#000000"} for value in values]
    kind = kind_of(TargetSpec.model_validate({"classes": classes}))
    assert isinstance(kind, RasterKind)
    profile = kind.profiles(Grid(CRS.from_epsg(32632), Affine.scale(10, -10), 600, 600), {}, details=())["classes"]
    pixels = np.full((1, 600, 600), values[1], profile.dtype)
    pixels[:, 100:300] = profile.nodata
    write_rasters(single(profile, pixels), {"": tmp_path / "x.tif"})
    with rasterio.open(tmp_path / "x.tif", overview_level=0) as overview:
        assert set(np.unique(overview.read(1)).tolist()) == {values[1], profile.nodata}
