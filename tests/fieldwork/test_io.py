from __future__ import annotations

import base64
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from kedro.io import DataCatalog, DatasetError
from matplotlib.figure import Figure
from PIL import Image
from rasterio.crs import CRS
from rasterio.windows import Window

from fieldwork.io.atomic import AtomicCSV, AtomicFigure, AtomicJSON
from fieldwork.io.features import FeatureFolderDataset
from fieldwork.io.folder import FolderDataset
from fieldwork.io.label_table import LabelTableDataset
from fieldwork.io.lists import SplitListsDataset
from fieldwork.io.packed import PackedChipsDataset
from fieldwork.io.predictions import PredictionsDataset
from fieldwork.io.rasters import RasterFolderDataset
from fieldwork.io.samples import SampleTableDataset
from fieldwork.io.sources import RasterSourcesDataset
from fieldwork.io.split_folders import SplitFoldersDataset
from groundwork.config import InferenceConfig
from groundwork.config.inference import ShardConfig
from groundwork.data.chips import LabelledData
from groundwork.data.packing import ChipsToStore
from groundwork.prediction.scene import Predictions
from groundwork.rasters.features import FeatureLayer, FeatureStream, boxes
from groundwork.rasters.grid import Grid
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.stream import RasterProfile, RasterStream, single

GRID = Grid(CRS.from_epsg(32632), Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 5_400_000.0), 40, 30)
PROFILE = RasterProfile(GRID, "int16", ("BLUE", "RED"), -9999)


def stream(seed: int = 0) -> tuple[RasterStream, np.ndarray]:
    pixels = np.random.default_rng(seed).integers(0, 3000, (2, 30, 40)).astype(np.int16)
    return single(PROFILE, pixels), pixels


def test_rasters_are_saved_as_cog_and_found_again_by_key(tmp_path: Path) -> None:
    entry = RasterFolderDataset(path=str(tmp_path / "scenes"), pattern="{key}_s2.tif")
    assert not entry.exists()
    made, pixels = stream()
    entry.save({"north": made})
    assert entry.exists()
    folder = entry.load()
    assert list(folder.files) == ["north"]
    with rasterio.open(folder.paths("north")[0]) as dataset:
        assert np.array_equal(dataset.read(), pixels)
        assert dataset.descriptions == ("BLUE", "RED")
        assert (dataset.crs, dataset.transform, dataset.nodata) == (GRID.crs, GRID.transform, -9999)
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_one_file_is_a_folder_of_one_scene(tmp_path: Path) -> None:
    made, _ = stream()
    RasterFolderDataset(path=str(tmp_path)).save({"alone": made})
    folder = RasterFolderDataset(path=str(tmp_path / "alone.tif")).load()
    assert folder.files == {"alone": ("alone.tif",)}


@pytest.mark.parametrize("word", ["*", "{date}"])
def test_a_pattern_of_files_that_are_read_names_no_file_to_write(tmp_path: Path, word: str) -> None:
    made, _ = stream()
    with pytest.raises(DatasetError, match="names no file to write"):
        RasterFolderDataset(path=str(tmp_path), pattern=f"{{key}}_{word}.tif").save({"a": made})
    assert not list(tmp_path.iterdir())


def test_sources_lie_in_folders_of_their_own(tmp_path: Path) -> None:
    made, _ = stream()
    RasterFolderDataset(path=str(tmp_path / "s2"), pattern="{key}.tif").save({"a": made})
    stated = {"s2": {}, "s1": {"folder": "radar", "pattern": "{key}_rtc.tif"}}
    entry = RasterSourcesDataset(path=str(tmp_path), sources=stated)
    assert not entry.exists()
    RasterFolderDataset(path=str(tmp_path / "radar"), pattern="{key}_rtc.tif").save({"a": stream(1)[0]})
    assert entry.exists()
    loaded = entry.load()
    assert list(loaded) == ["s1", "s2"]
    assert loaded["s1"].paths("a") == (tmp_path / "radar" / "a_rtc.tif",)
    assert entry.preview([1])
    with pytest.raises(DatasetError, match=r"Source 's2' has \['folder', 'pattern', .*\]; found \['path'\]"):
        RasterSourcesDataset(path=str(tmp_path), sources={"s2": {"path": "x"}})
    with pytest.raises(DatasetError, match="are read and not written"):
        entry.save(loaded)


def test_a_source_may_be_an_entry_of_its_own(tmp_path: Path) -> None:
    RasterFolderDataset(path=str(tmp_path / "s2")).save({"a": stream()[0]})
    RasterFolderDataset(path=str(tmp_path / "other")).save({"x": stream(1)[0]})
    (tmp_path / "s1.csv").write_text("scene,path\na,other/x.tif\n")
    table = {"type": "fieldwork.io.raster_table.RasterTableDataset", "key": "scene", "paths": "path"}
    written = {
        "type": "fieldwork.io.sources.RasterSourcesDataset",
        "path": str(tmp_path),
        "sources": {"s2": {}, "s1": {**table, "filepath": str(tmp_path / "s1.csv")}},
    }
    alone = {key: value for key, value in written.items() if key != "path"}
    with pytest.raises(DatasetError, match="Source 's2' lies below 'path', which is missing"):
        DataCatalog.from_config({"scenes": alone}).load("scenes")
    alone["sources"] = {"s1": written["sources"]["s1"]}  # type: ignore[index]
    assert list(DataCatalog.from_config({"scenes": alone}).load("scenes")) == ["s1"]
    loaded = DataCatalog.from_config({"scenes": written}).load("scenes")
    assert {name: folder.paths("a") for name, folder in loaded.items()} == {
        "s1": (tmp_path / "other/x.tif",),
        "s2": (tmp_path / "s2/a.tif",),
    }


def test_an_archive_is_an_entry_like_a_folder(tmp_path: Path) -> None:
    RasterFolderDataset(path=str(tmp_path)).save({"a": stream()[0]})
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "a.tif", "in/a.tif")
    config = {"type": "fieldwork.io.rasters.RasterFolderDataset", "path": f"/vsizip/{tmp_path}/all.zip"}
    catalog = DataCatalog.from_config({"scenes": {**config, "pattern": "in/{key}.tif"}})
    assert catalog.exists("scenes")
    folder = catalog.load("scenes")
    assert folder.files == {"a": ("in/a.tif",)}
    with open_dataset(folder.paths("a")[0]) as raster, rasterio.open(tmp_path / "a.tif") as plain:
        assert np.array_equal(raster.read(), plain.read())
    with pytest.raises(DatasetError, match="found an address; expected a folder to write to"):
        catalog.save("scenes", {"b": stream()[0]})
    gone = DataCatalog.from_config({"scenes": {**config, "path": f"/vsizip/{tmp_path}/none.zip"}})
    with pytest.raises(DatasetError, match="found no archive that opens"):
        gone.exists("scenes")


def test_the_preview_is_a_small_picture(tmp_path: Path) -> None:
    made, _ = stream()
    entry = RasterFolderDataset(path=str(tmp_path))
    entry.save({"a": made})
    picture = Image.open(io.BytesIO(base64.b64decode(entry.preview(bands=[1, 2, 1]))))
    assert picture.size == (40, 30)
    assert picture.mode == "RGB"
    assert RasterFolderDataset.preview.__annotations__["return"] == "ImagePreview", "Kedro-Viz goes by this name"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere: found no such folder; expected one with rasters"):
        RasterFolderDataset(path=str(tmp_path / "nowhere")).load()


def predicted(keys: str, streams: Any) -> Predictions:
    """Streams of scenes of which nothing is known but their keys."""
    origins: Any = {key: SimpleNamespace(key=key, day=None) for key in keys}
    return Predictions(origins, lambda _: streams, InferenceConfig(items=False))


def test_predictions_are_written_scene_by_scene_and_loaded_as_classes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classes = RasterProfile(GRID, "uint8", ("class",), 255)
    pixels = np.ones((1, 30, 40), np.uint8)

    def streams() -> object:
        for key in ("a", "b"):
            blocks = iter([(Window(0, 0, 40, 30), {"classes": pixels, "probabilities": pixels})])
            yield key, RasterStream({"classes": classes, "probabilities": classes}, blocks)

    entry = PredictionsDataset(path=str(tmp_path / "predictions"))
    entry.save(predicted("ab", streams()))
    assert sorted(path.name for path in (tmp_path / "predictions").iterdir()) == [
        *("a_classes.tif", "a_probabilities.tif", "b_classes.tif", "b_probabilities.tif")
    ]
    with caplog.at_level("WARNING"):
        assert sorted(entry.load().files) == ["a", "b"]
    assert not caplog.records, "probabilities are no foreign files"


def test_a_part_of_the_scenes_may_have_none(tmp_path: Path) -> None:
    entry = PredictionsDataset(path=str(tmp_path / "predictions"))
    without = predicted("ab", iter(()))
    shard = ShardConfig(index=2, count=3)
    entry.save(replace(without, config=without.config.model_copy(update={"shard": shard})))
    assert entry.load().files == {}
    with pytest.raises(DatasetError, match="no such folder"):
        PredictionsDataset(path=str(tmp_path / "predictions")).load()


def test_predictions_of_objects_are_layers_and_shown_as_outlines(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    columns = {"class": np.array(["pond"], dtype=object)}
    layer = FeatureLayer(GRID, boxes(np.array([[5.0, 5.0, 15.0, 10.0]])), columns, {"GROUNDWORK_MODEL": "x"})
    entry = PredictionsDataset(path=str(tmp_path / "predictions"))
    assert not entry.exists()
    streams = ((key, FeatureStream(("objects",), lambda: {"objects": layer})) for key in "ab")
    entry.save(predicted("ab", streams))
    assert entry.exists()
    with caplog.at_level("WARNING"):
        assert entry.load().files == {"a": ("a_objects.gpkg",), "b": ("b_objects.gpkg",)}
    assert not caplog.records
    shown = Image.open(io.BytesIO(base64.b64decode(entry.preview())))
    assert shown.size == (400, 200), "as wide as the box, and half as high"
    assert {shown.getpixel(place) for place in ((0, 100), (399, 100), (200, 0), (200, 199))} == {(0, 0, 0)}
    assert shown.getpixel((200, 100)) == (255, 255, 255)


def test_layers_of_a_folder_are_written_and_found_by_key(tmp_path: Path) -> None:
    entry = FeatureFolderDataset(path=str(tmp_path / "outlines"), layers=["patches", "seen"])
    assert not entry.exists()
    layers = {
        name: FeatureLayer(GRID, boxes(np.eye(4) + 1)[:count], {}) for count, name in enumerate(("seen", "patches"))
    }
    entry.save({"a": layers})
    assert entry.exists()
    folder = entry.load()
    assert folder.files == {"a": ("a_patches.gpkg", "a_seen.gpkg")}
    assert [len(geopandas.read_file(path)) for path in folder.paths("a")] == [1, 0]


def test_predictions_replace_their_own_scenes_only(tmp_path: Path) -> None:
    classes = RasterProfile(GRID, "uint8", ("class",), 255, tags={"GROUNDWORK_MODEL": "unet"})

    def save(keys: str, value: int, *products: str) -> None:
        pixels = np.full((1, 30, 40), value, np.uint8)
        blocks = [(Window(0, 0, 40, 30), dict.fromkeys(products, pixels))]
        streams = ((key, RasterStream(dict.fromkeys(products, classes), iter(blocks))) for key in keys)
        PredictionsDataset(path=str(tmp_path)).save(predicted(keys, streams))

    (tmp_path / "survey_classes.tif").write_bytes(b"of somebody else")
    save("ab", 1, "classes", "probabilities")
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name[0] != "b"}
    save("b", 2, "classes")
    # Probabilities of the earlier run would contradict the classes beside them.
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "b_classes.tif"}
    assert all((tmp_path / name).read_bytes() == content for name, content in kept.items())
    with rasterio.open(tmp_path / "b_classes.tif") as raster:
        assert (raster.read() == 2).all()
    foreign, _ = stream()
    RasterFolderDataset(path=str(tmp_path)).save({"b_probabilities": foreign})
    save("b", 3, "classes")
    assert (tmp_path / "b_probabilities.tif").is_file(), "nobody predicted it"


def test_keys_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"sample_id": ["007_0"], "scene": ["007"], "path_label": ["007.tif"], "row": [0], "dates": [None]}
    )
    entry = SampleTableDataset(filepath=str(tmp_path / "samples.csv"))
    entry.save(table)
    loaded = entry.load()
    assert loaded["scene"].tolist() == ["007"]
    assert loaded["row"].tolist() == [0]
    assert entry.preview(nrows=1)["data"][0][1] == "007"


def test_lists_are_read_line_by_line_and_absent_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("1\n 11 \n\n")
    entry = SplitListsDataset(files={"train": str(tmp_path / "train.txt"), "val": None})
    assert entry.load() == {"train": ["1", "11"]}
    with pytest.raises(DatasetError, match=r"The list of split 'test' is not there: .*test\.txt"):
        SplitListsDataset(files={"test": str(tmp_path / "test.txt")}).load()


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_a_json_has_the_lists_of_all_splits(tmp_path: Path, name: str) -> None:
    file = tmp_path / "default_partition.json"
    file.write_text(json.dumps({"train": ["a.tif", " b.tif"], name: ["c.tif"], "test": []}), encoding="utf-8")
    files: dict[str, str | None] = dict.fromkeys(("train", "val", "test"), str(file))
    assert SplitListsDataset(files=files, pattern="{key}.tif").load() == {
        "train": ["a", " b"],
        "val": ["c"],
        "test": [],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"train": ["a"], "val": ["b"], "valid": ["c"]}', r"found \['val', 'valid'\], which are one split; expected"),
        ('{"training": ["a"], "dev": ["b"]}', r"the keys \['dev', 'training'\]; expected one list of split 'val', as"),
        ('{"val": [1]}', "'val' is no list of names"),
        ('["a", "b"]', "found no lists by the name of their split"),
        ("a\nb\n", r"is no JSON \(.*\)\. Correct it, or give a text file its ending \.txt"),
    ],
)
def test_a_json_that_has_no_one_list_of_a_split_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "all.json").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        SplitListsDataset(files={"val": str(tmp_path / "all.json")}).load()


def test_lines_may_be_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("north_s2.tif\n\nsouth_s2.tif\n", encoding="utf-8")
    files: dict[str, str | None] = {"train": str(tmp_path / "train.txt")}
    assert SplitListsDataset(files=files, pattern="{key}_s2.tif").load() == {"train": ["north", "south"]}
    with pytest.raises(DatasetError, match=r"'north_s2.tif' is not like '\{key\}.png'"):
        SplitListsDataset(files=files, pattern="{key}.png").load()


def test_folders_are_lists_of_their_rasters(tmp_path: Path) -> None:
    for name in ("train/b_s2.tif", "train/a_s2.tif", "train/a_mask.tif", "val/c.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    stated = {"train": {"path": f"{tmp_path}/train", "pattern": "{key}_s2.tif"}}
    both = {**stated, "test": {"path": f"{tmp_path}/val", "pattern": "{key}.tif"}}
    assert SplitFoldersDataset(folders=both).load() == {"train": ["a", "b"], "test": ["c"]}
    apart = {"val": {"path": str(tmp_path), "pattern": "{folder}/{key}.tif", "folder": "val"}}
    assert SplitFoldersDataset(folders=apart).load() == {"val": ["val_c"]}
    with pytest.raises(DatasetError, match=r"has 'path' and 'pattern', and perhaps 'folder'; found \['path'\]"):
        SplitFoldersDataset(folders={"train": {"path": str(tmp_path)}})
    with pytest.raises(DatasetError, match="found no file that matches"):
        SplitFoldersDataset(folders={"train": {"path": f"{tmp_path}/val", "pattern": "{key}_s2.tif"}}).load()


def test_a_folder_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = FolderDataset(path=str(tmp_path / "a/b")).load()
    assert path.is_dir()


@pytest.mark.parametrize(
    ("kind", "key", "more"),
    [
        ("rasters.RasterFolderDataset", "path", {}),
        ("vectors.VectorLabelsDataset", "path", {}),
        ("stac.StacItemsDataset", "path", {"assets": "data"}),
        ("raster_table.RasterTableDataset", "filepath", {"paths": "path", "key": "key"}),
        ("predictions.PredictionsDataset", "path", {}),
        ("samples.SampleTableDataset", "filepath", {}),
        ("bundle.BundleDataset", "path", {}),
        ("packed.PackedChipsDataset", "path", {}),
        ("exported.ExportedModelDataset", "path", {}),
        ("features.FeatureFolderDataset", "path", {"layers": ["a"]}),
    ],
)
def test_entries_made_in_code_begin_at_home_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, key: str, more: dict[str, Any]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    made = DataCatalog.from_config({"it": {"type": f"fieldwork.io.{kind}", key: "~/a/b", **more}}).get("it")
    assert made is not None
    assert str(tmp_path / "a/b") in str(made)


def test_an_entry_still_says_how_it_was_made(tmp_path: Path) -> None:
    config = {
        "type": "fieldwork.io.atomic.AtomicJSON",
        "filepath": str(tmp_path / "a.json"),
        "save_args": {"indent": 2},
    }
    catalog = DataCatalog.from_config({"a": config})
    catalog.save("a", {"x": 1})
    assert catalog.to_config()[0] == {"a": config}


def test_small_files_are_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    entry = AtomicJSON(filepath=str(tmp_path / "metrics.json"))
    entry.save({"miou": 0.5})
    with pytest.raises(DatasetError):
        entry.save({"miou": object()})
    assert entry.load() == {"miou": 0.5}
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    table = AtomicCSV(filepath=str(tmp_path / "history.csv"), save_args={"index": False})
    table.save(pd.DataFrame({"epoch": [0, 1]}))
    assert (tmp_path / "history.csv").read_text("utf-8").split() == ["epoch", "0", "1"]
    figure = Figure()
    figure.subplots().plot([1, 2])
    AtomicFigure(filepath=str(tmp_path / "history.png")).save(figure)
    with Image.open(tmp_path / "history.png") as picture:
        assert picture.format == "PNG"


def test_packed_chips_load_as_a_store_and_as_none_where_they_are_read_from_files(
    tmp_path: Path, tiny_labelled: LabelledData
) -> None:
    entry = PackedChipsDataset(path=str(tmp_path / "packed"))
    assert not entry.exists()
    with pytest.raises(DatasetError, match="cannot be read as the index of packed chips"):
        entry.load()
    entry.save(ChipsToStore(tiny_labelled, "files"))
    assert entry.exists()
    assert entry.load() is None
    entry.save(ChipsToStore(tiny_labelled, "packed"))
    store = entry.load()
    assert store is not None
    chips = replace(tiny_labelled, store=store).chips("val")
    assert chips[0].sample_id == tiny_labelled.of_split("val")["sample_id"].iloc[0]


def test_a_table_of_labels_may_have_a_row_for_each_window(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("scene,row,column,class\na,0,0,low\na,0,32,high\nb,0,0,low\n")
    windows = {"row": "row", "column": "column", "size": 32}
    path = str(tmp_path / "labels.csv")
    found = LabelTableDataset(filepath=path, key="scene", windows=windows).load()
    assert list(found.rows) == ["a", "b"]
    with pytest.raises(DatasetError, match="'row', 'column' and 'size' in pixels, or 'bounds'"):
        LabelTableDataset(filepath=path, key="scene", windows={"row": "row"}).load()
