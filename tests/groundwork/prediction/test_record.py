"""Each prediction says by hash what it came from; a run that broke off goes on; files have names of their own."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
import rasterio.shutil
import torch
from pydantic import ValidationError
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.errors import PairingError, RasterError, SpecError
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.scene_writing import write_prediction
from groundwork.prediction.stac import item_of
from groundwork.prediction.stac_model import classes_of
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.stream import RasterStream
from groundwork.specs import TargetSpec
from stac_schemas import validate

Write = Callable[..., Path]


def _predict(bundle: Bundle, scenes: RasterFolder, folder: Path, names: str | None = None, **changes: Any) -> None:
    config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8, "batch_size": 4} | changes)
    made = Names(folder) if names is None else Names(folder, names)
    write_predictions(made, predict_scenes(bundle, scenes, config))


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*_classes.tif")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> Path:
    folder = tmp_path_factory.mktemp("made")
    _predict(tiny_bundle, tiny_data.scenes, folder, probabilities=True)
    return folder


# --- items ----------------------------------------------------------------------------------------------------------


def test_items_are_valid_and_name_files_by_hash(made: Path, tiny_data: SimpleNamespace) -> None:
    for key in tiny_data.scenes.files:
        item = json.loads((made / f"{key}_item.json").read_text())
        assert len(validate(item)) == 6
        assert item["id"] == key
        products = {"classes", "probabilities", "classes_qml", "classes_sld", "classes_aux_xml"}
        assert set(item["assets"]) == products
        for asset in item["assets"].values():
            content = (made / asset["href"]).read_bytes()
            assert asset["file:size"] == len(content)
            assert asset["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
        scene = (tiny_data.root / "scenes" / f"{key}.tif").read_bytes()
        checksum = "1220" + hashlib.sha256(scene).hexdigest()
        expected = {"source": "optical", "name": f"{key}.tif", "file:size": len(scene), "file:checksum": checksum}
        assert item["properties"]["groundwork:inputs"] == [expected]


def test_an_item_says_where_and_when_and_what(made: Path, tiny_bundle: Bundle) -> None:
    item = json.loads((made / "east_item.json").read_text())
    with rasterio.open(made / "east_probabilities.tif") as raster:
        assert item["properties"]["proj:code"] == "EPSG:32633"
        asset = item["assets"]["probabilities"]
        assert asset["proj:shape"] == list(raster.shape)
        assert asset["proj:transform"] == list(raster.transform)[:6]
        assert [band["name"] for band in asset["bands"]] == list(raster.descriptions)
        assert {(band["data_type"], band["nodata"]) for band in asset["bands"]} == {("float32", "nan")}
        assert asset["raster:spatial_resolution"] == 10
        bounds = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
    assert item["bbox"] == pytest.approx(bounds, abs=2e-6)
    assert item["properties"]["datetime"] == "2024-06-03T00:00:00Z"
    classes = item["assets"]["classes"]["classification:classes"]
    assert [(entry["value"], entry["title"], entry["color_hint"]) for entry in classes] == [
        (1, "water", "0000FF"),
        (2, "forest", "00AA00"),
        (3, "field", "FFCC00"),
    ]
    said = item["properties"]
    assert said["groundwork:bundle"]["code"] == "abc"
    settings = said["processing:expression"]["expression"]
    assert (settings["tile_size"], settings["overlap"], settings["probabilities"]) == (32, 8, True)
    assert set(said["processing:software"]) == {"groundwork", "torch", "timm", "rasterio", "numpy"}
    [model] = [link["href"] for link in item["links"] if link["rel"] == "derived_from"]
    described = json.loads((made / model).read_text())
    assert len(validate(described)) == 4
    assert described["properties"]["mlm:name"] == "timm test_resnet - fcn"
    assert described["properties"]["mlm:total_parameters"] == sum(
        value.numel() for value in tiny_bundle.weights.values()
    )
    assert said["groundwork:bundle"]["fingerprint"] in model


def test_the_collection_leads_to_all_items(made: Path, tiny_data: SimpleNamespace) -> None:
    validate(json.loads((made / "collection.json").read_text()))
    collection = pystac.Collection.from_file((made / "collection.json").as_posix())
    items = {item.id: item for item in collection.get_items()}
    assert set(items) == set(tiny_data.scenes.files)
    edges = np.array([item.bbox for item in items.values()])
    assert collection.extent.spatial.bboxes == [[*edges[:, :2].min(axis=0), *edges[:, 2:].max(axis=0)]]
    begin, end = collection.extent.temporal.intervals[0]
    assert begin is not None
    assert end is not None
    assert (begin.date(), end.date()) == (date(2024, 6, 1), date(2024, 6, 6))
    one = items["p4"]
    assert one.get_collection() is not None
    href = one.assets["classes"].get_absolute_href()
    assert href == (made / "p4_classes.tif").as_posix()


def test_a_scene_without_crs_has_no_place_in_its_item(tiny_bundle: Bundle, tmp_path: Path, write_raster: Write) -> None:
    write_raster(tmp_path / "in/x.tif", np.ones((3, 40, 40), np.int16), crs=None, nodata=-9999)
    source = {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999, "georeference": "absent"}
    _predict(tiny_bundle, find_rasters(tmp_path / "in", ["{key}.tif"]), tmp_path / "out", source=source)
    item = json.loads((tmp_path / "out/x_item.json").read_text())
    validate(item)
    validate(json.loads((tmp_path / "out/collection.json").read_text()))
    assert item["geometry"] is None
    assert item["properties"]["datetime"] is None


def test_a_scene_across_180_degrees_has_two_parts(tiny_bundle: Bundle, tmp_path: Path, write_raster: Write) -> None:
    place = {"crs": "EPSG:32601", "transform": from_origin(200_000, 5_000_000, 5000, 5000)}
    write_raster(
        tmp_path / "in/x.tif", np.ones((3, 40, 40), np.int16), nodata=-9999, tags={"DATE": "2024-06-01"}, **place
    )
    _predict(tiny_bundle, find_rasters(tmp_path / "in", ["{key}.tif"]), tmp_path / "out")
    item = json.loads((tmp_path / "out/x_item.json").read_text())
    validate(item)
    assert item["geometry"]["type"] == "MultiPolygon"
    west, _, east, _ = item["bbox"]
    assert 178 < west < 180
    assert -180 < east < -177


def test_several_dates_are_an_interval(tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path) -> None:
    predictions = predict_scenes(tiny_bundle, tiny_data.scenes, InferenceConfig(tile_size=64))
    inputs = predictions.origins["p4"].inputs
    days = {"p4": {"optical": [date(2024, 8, 1), date(2024, 6, 1), date(2024, 7, 1)]}}
    origin = replace(predictions.origins["p4"], inputs=replace(inputs, dates=days))
    key, stream = next(predictions.predict(["p4"]))
    written = write_prediction(Names(tmp_path), key, stream, origin.day)
    item = item_of(origin, origin.files(), written, tmp_path / "p4_item.json", tmp_path / "model.json")
    validate({**item, "links": [*item["links"], {"rel": "collection", "href": "./collection.json"}]})
    said = item["properties"]
    assert (said["start_datetime"], said["end_datetime"]) == ("2024-06-01T00:00:00Z", "2024-08-01T00:00:00Z")
    assert said["datetime"] is None
    other = replace(origin, inputs=replace(inputs, dates={"p4": {"optical": [date(2024, 8, 1)]}}))
    assert origin.hash_of([]) != other.hash_of([]), "a model that is told the dates says something else"


def test_files_are_named_alike_on_any_machine(
    tiny_bundle: Bundle, scenes: RasterFolder, tmp_path: Path, write_raster: Write
) -> None:
    origin = predict_scenes(tiny_bundle, scenes, InferenceConfig()).origins["a"]
    beside = tmp_path / "in/a.tif.msk"
    write_raster(tmp_path / "mask.tif", np.full((8, 8), 255, np.uint8)).replace(beside)
    (tmp_path / "in/v.nc").write_bytes(b"several")
    elsewhere = write_raster(tmp_path / "elsewhere.tif", np.ones((3, 8, 8), np.int16))
    names = ("a.tif", 'NETCDF:"v.nc":x', 'NETCDF:"v.nc":y', "", str(elsewhere), "https://host/c.tif")
    inputs = replace(origin.inputs, folders={"optical": RasterFolder(tmp_path / "in", {"a": names})})
    found = {file.name: file.sha256 for file in replace(origin, inputs=inputs).files()}
    contents = {"a.tif": (tmp_path / "in/a.tif").read_bytes(), "a.tif.msk": beside.read_bytes(), "v.nc": b"several"}
    hashes = {name: hashlib.sha256(text).hexdigest() for name, text in contents.items()}
    hashes["elsewhere.tif"] = hashlib.sha256(elsewhere.read_bytes()).hexdigest()
    assert found == {**hashes, "/vsicurl/https://host/c.tif": None}


def test_a_scene_that_is_exchanged_while_it_is_predicted_is_not_finished(
    tiny_bundle: Bundle, scenes: RasterFolder, tmp_path: Path
) -> None:
    config = InferenceConfig(tile_size=32, overlap=8)
    predictions = predict_scenes(tiny_bundle, scenes, config)

    def then_exchanged(key: str, blocks: Iterator[Any]) -> Iterator[Any]:
        yield from blocks
        (tmp_path / "in" / f"{key}.tif").write_bytes((tmp_path / "in/c.tif").read_bytes())

    def exchanged(keys: Sequence[str]) -> Iterator[Any]:
        for key, stream in predictions.predict(keys):
            assert isinstance(stream, RasterStream)
            yield key, replace(stream, blocks=then_exchanged(key, stream.blocks))

    write_predictions(Names(tmp_path / "out"), replace(predictions, predict=exchanged))
    before = _times(tmp_path / "out")
    _predict(tiny_bundle, scenes, tmp_path / "out", batch_size=8, overwrite=False)
    after = _times(tmp_path / "out")
    assert {name[0] for name in after if before[name] != after[name]} == {"a", "b"}


def test_items_may_be_left_out(tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path) -> None:
    _predict(tiny_bundle, tiny_data.scenes, tmp_path)
    _predict(tiny_bundle, tiny_data.scenes, tmp_path, items=False)
    assert not list(tmp_path.rglob("*.json")), "those of the earlier run say what is no longer true"


def test_a_folder_says_of_no_bundle_that_predicted_nothing_in_it_any_more(
    tiny_bundle: Bundle, scenes: RasterFolder, tmp_path: Path
) -> None:
    out, weights = tmp_path / "out", {name: value.clone() for name, value in tiny_bundle.weights.items()}
    next(value for name, value in weights.items() if name.endswith("classify.bias")).add_(torch.tensor([1e-6, 0, 0]))
    _predict(tiny_bundle, scenes, out)
    of_first = {path.name for path in out.glob("model-*")}
    (out / "model-of-mine.json").write_text("{}")
    first = RasterFolder(scenes.root, {key: scenes.files[key] for key in "a"})
    _predict(Bundle(tiny_bundle.config, weights), first, out)
    of_both = {path.name for path in out.glob("model-*")}
    assert of_first < of_both, "the first bundle predicted two of the scenes"
    _predict(Bundle(tiny_bundle.config, weights), scenes, out)
    assert {path.name for path in out.glob("model-*")} == of_both - of_first
    derived = {link["href"] for path in out.glob("*_item.json") for link in json.loads(path.read_text())["links"]}
    assert {href for href in derived if "model-" in href} == {
        f"./{name}" for name in of_both - of_first if "bundle" not in name and "mine" not in name
    }


# --- going on -------------------------------------------------------------------------------------------------------


@pytest.fixture
def scenes(tmp_path: Path, write_raster: Write) -> RasterFolder:
    random = np.random.default_rng(0)
    for number, key in enumerate("abc"):
        image = random.integers(1, 3000, (3, 64, 64)).astype(np.int16)
        place = from_origin(500_000 + 5000 * number, 5_000_000, 10, 10)
        tags = {"DATE": f"2024-06-{number + 1:02d}"}
        write_raster(
            tmp_path / "in" / f"{key}.tif", image, transform=place, nodata=-9999, tags=tags, compress="deflate"
        )
    return find_rasters(tmp_path / "in", ["{key}.tif"])


def test_a_run_that_broke_off_goes_on_and_ends_as_an_unbroken_one(
    tiny_bundle: Bundle, scenes: RasterFolder, tmp_path: Path
) -> None:
    _predict(tiny_bundle, scenes, tmp_path / "unbroken")
    whole = (tmp_path / "in/b.tif").read_bytes()
    (tmp_path / "in/b.tif").write_bytes(whole[:5000] + bytes(5000) + whole[10_000:])
    with pytest.raises(RasterError, match=r"b.tif: found pixels that cannot be decoded"):
        _predict(tiny_bundle, scenes, tmp_path / "out", overwrite=False)
    before = _times(tmp_path / "out")
    assert set(before) == {"a_classes.tif"}
    (tmp_path / "in/b.tif").write_bytes(whole)
    _predict(tiny_bundle, scenes, tmp_path / "out", overwrite=False)
    assert _times(tmp_path / "out")["a_classes.tif"] == before["a_classes.tif"], "it was finished"
    assert _contents(tmp_path / "out") == _contents(tmp_path / "unbroken")


def test_the_folder_is_no_part_of_the_result(tiny_bundle: Bundle, scenes: RasterFolder, tmp_path: Path) -> None:
    _predict(tiny_bundle, scenes, tmp_path / "out", polygons=True)
    shutil.copytree(tmp_path / "in", tmp_path / "of/another/machine")
    _predict(tiny_bundle, find_rasters(tmp_path / "of/another/machine", ["{key}.tif"]), tmp_path / "x/y", polygons=True)
    assert _contents(tmp_path / "x/y") == _contents(tmp_path / "out")
    assert not [name for name, content in _contents(tmp_path / "out").items() if str(tmp_path).encode() in content]


def test_what_is_not_the_same_any_more_is_predicted_anew(
    tiny_bundle: Bundle, scenes: RasterFolder, tmp_path: Path, write_raster: Write
) -> None:
    out = tmp_path / "out"

    def again(bundle: Bundle = tiny_bundle, **changes: Any) -> set[str]:
        before = _times(out)
        _predict(bundle, scenes, out, overwrite=False, **changes)
        return {name[0] for name, time in _times(out).items() if before.get(name) != time}

    assert again() == {"a", "b", "c"}
    assert again() == set()
    assert again(probabilities=True) == {"a", "b", "c"}, "another product is wanted"
    assert again() == {"a", "b", "c"}, "and no longer"
    assert not list(out.glob("*_probabilities.tif"))
    (out / "b_classes.sld").write_text("changed by a person")
    (out / "c_classes.tif").unlink()
    assert again() == {"b", "c"}
    image = np.full((3, 64, 64), 7, np.int16)
    write_raster(tmp_path / "in/a.tif", image, nodata=-9999, tags={"DATE": "2024-06-01"})
    assert again() == {"a"}
    weights = {name: value.clone() for name, value in tiny_bundle.weights.items()}
    next(value for name, value in weights.items() if name.endswith("classify.bias")).add_(torch.tensor([1e-6, 0, 0]))
    assert again(Bundle(tiny_bundle.config, weights)) == {"a", "b", "c"}, "edited by hand"
    again()
    assert again(area={"bounds": (0, 0, 90, 80)}) == {"a", "b", "c"}


def _deepened(path: Path) -> None:
    """Write a virtual raster of a virtual raster of a file, each in a folder of its own."""
    (path / "in/deep").mkdir(parents=True)
    with rasterio.open(path / "tiles/a.tif") as raster:
        rasterio.shutil.copy(raster, path / "in/deep/inner.vrt", driver="VRT")
    of_file = (path / "in/deep/inner.vrt").read_text()
    (path / "in/a.vrt").write_text(of_file.replace(f"{path}/tiles/a.tif", f"{path}/in/deep/inner.vrt"))


def test_a_virtual_raster_is_another_one_where_a_file_that_it_is_made_of_is(
    tiny_bundle: Bundle, tmp_path: Path, write_raster: Write
) -> None:
    out, tags = tmp_path / "out", {"DATE": "2024-06-01"}
    images = np.random.default_rng(0).integers(1, 3000, (2, 3, 64, 64)).astype(np.int16)
    write_raster(tmp_path / "tiles/a.tif", images[0], nodata=-9999, tags=tags)
    _deepened(tmp_path)
    scenes = find_rasters(tmp_path / "in", ["{key}.vrt"])
    found = []
    for change in (
        lambda: None,
        lambda: None,
        lambda: write_raster(tmp_path / "tiles/a.tif", images[1], nodata=-9999, tags=tags),
        lambda: (tmp_path / "tiles/a.tif.aux.xml").write_text("<PAMDataset><Metadata/></PAMDataset>"),
    ):
        change()
        _predict(tiny_bundle, scenes, out, overwrite=False)
        found.append((_times(out), _contents(out)["a_classes.tif"]))
    assert found[1] == found[0], "finished"
    assert found[2][0] != found[1][0]
    assert found[2][1] != found[1][1]
    assert found[3][0] != found[2][0], "what lies beside it counts as well"
    inputs = json.loads((out / "a_item.json").read_text())["properties"]["groundwork:inputs"]
    assert {Path(entry["name"]).name for entry in inputs} == {"a.vrt", "inner.vrt", "a.tif", "a.tif.aux.xml"}


def test_a_file_that_says_where_a_raster_lies_is_a_part_of_it(tiny_bundle: Bundle, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(1, 3000, (3, 40, 40)).astype(np.int16)
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_000_000, 10, 10), "nodata": -9999}
    (tmp_path / "in").mkdir()
    with rasterio.open(
        tmp_path / "in/a.img", "w", driver="ENVI", count=3, width=40, height=40, dtype="int16", **place
    ) as raster:
        raster.write(image)
        raster.update_tags(DATE="2024-06-01")
    scenes = find_rasters(tmp_path / "in", ["{key}.img"])
    header = tmp_path / "in/a.hdr"
    for west in (500_000, 600_000):
        header.write_text(header.read_text().replace("500000", str(west)))
        _predict(tiny_bundle, scenes, tmp_path / "out", overwrite=False)
        with rasterio.open(tmp_path / "out/a_classes.tif") as raster:
            assert raster.transform.c == west


def test_overviews_that_are_built_later_change_nothing(
    tiny_bundle: Bundle, scenes: RasterFolder, tmp_path: Path, write_raster: Write
) -> None:
    _predict(tiny_bundle, scenes, tmp_path / "out")
    before = _times(tmp_path / "out")
    with rasterio.open(tmp_path / "in/a.tif") as raster:
        half = raster.read(out_shape=(3, 32, 32))
    write_raster(tmp_path / "half.tif", half, crs=None).rename(tmp_path / "in/a.tif.ovr")
    with rasterio.open(tmp_path / "in/a.tif") as raster:
        assert raster.overviews(1) == [2]
    _predict(tiny_bundle, scenes, tmp_path / "out", overwrite=False)
    assert _times(tmp_path / "out") == before


def test_nothing_is_built_where_all_is_finished(
    tiny_bundle: Bundle, scenes: RasterFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _predict(tiny_bundle, scenes, tmp_path / "out")
    before = _contents(tmp_path / "out")
    monkeypatch.delattr(Bundle, "build_model")
    _predict(tiny_bundle, scenes, tmp_path / "out", overwrite=False)
    assert _contents(tmp_path / "out") == before
    with pytest.raises(AttributeError):
        _predict(tiny_bundle, scenes, tmp_path / "out")


def test_what_is_finished_is_known_by_its_item() -> None:
    with pytest.raises(ValidationError, match="'overwrite: false' knows by its item what is finished"):
        InferenceConfig.model_validate({"overwrite": False, "items": False})


# --- names ----------------------------------------------------------------------------------------------------------


def test_names_come_from_a_pattern(tiny_bundle: Bundle, scenes: RasterFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _predict(tiny_bundle, scenes, out, "{date}/{product}/map_{key}")
    assert (out / "20240602/classes/map_b.tif").is_file()
    assert (out / "20240602/classes/map_b.qml").is_file()
    item = json.loads((out / "20240602/item/map_b.json").read_text())
    validate(item)
    assert item["assets"]["classes"]["href"] == "../classes/map_b.tif"
    collection = pystac.Collection.from_file((out / "collection.json").as_posix())
    found = list(collection.get_items())
    assert [item.id for item in found] == ["a", "b", "c"]
    assert all(Path(str(item.assets["classes"].get_absolute_href())).is_file() for item in found)
    before = _contents(out)
    _predict(tiny_bundle, scenes, out, "{date}/{product}/map_{key}", overwrite=False)
    assert _contents(out) == before


def test_names_that_are_the_same_are_found_before_anything_is_predicted(
    tiny_bundle: Bundle, tmp_path: Path, write_raster: Write
) -> None:
    for key in ("a", "A"):
        write_raster(
            tmp_path / "in" / f"{key}.tif", np.ones((3, 40, 40), np.int16), nodata=-9999, tags={"DATE": "2024-06-01"}
        )
    scenes = find_rasters(tmp_path / "in", ["{key}.tif"])
    message = r"by which a_classes.tif would be the classes of scene 'a' and of scene 'A' \(classes\)"
    with pytest.raises(PairingError, match=message):
        _predict(tiny_bundle, scenes, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{key}", "lacks {product}: each scene and product has a file of its own"),
        ("{kye}_{product}", r"has '{kye}'; known are .* Did you mean 'key'\?"),
        ("../{key}_{product}", "is no name below a folder"),
        ("/tmp/{key}_{product}", "is no name below a folder"),
        (".{key}_{product}", "is no name below a folder"),
        ("{key}_{product}*", "is no name below a folder"),
    ],
)
def test_patterns_that_name_no_files_are_refused(pattern: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        Names(tmp_path, pattern)


def test_a_name_that_no_file_system_takes_is_refused_before_anything_is_predicted(tmp_path: Path) -> None:
    Names(tmp_path).require_apart({"k" * 210: None})
    for key in ("k" * 240, "ü" * 120):
        with pytest.raises(PairingError, match=rf"of scene '{key}' would have a name of 2\d\d bytes.*Shorten the name"):
            Names(tmp_path).require_apart({key: None})


def test_a_name_with_a_date_needs_one(tmp_path: Path) -> None:
    with pytest.raises(PairingError, match=r"1 scene\(s\) have no date: 'b'. Leave '{date}' out"):
        Names(tmp_path, "{key}_{date}_{product}").require_apart({"a": date(2024, 6, 1), "b": None})


def test_classes_have_names_of_their_own() -> None:
    names = ["Öd", "Äd", "crème brûlée", "森林", "川", "d", "water-body"]
    classes = [{"value": value, "name": name, "color": "#00aa00"} for value, name in enumerate(names)]
    found = classes_of(TargetSpec.model_validate({"classes": classes}))
    assert [entry.name for entry in found] == ["Od", "Ad", "creme_brulee", "class_3", "class_4", "d", "water-body"]
    assert [entry.properties["title"] for entry in found] == names
    alike = [{**entry, "name": name} for entry, name in zip(classes, ("a b", "a/b"), strict=False)]
    assert [entry.name for entry in classes_of(TargetSpec.model_validate({"classes": alike}))] == ["a_b_0", "a_b_1"]
