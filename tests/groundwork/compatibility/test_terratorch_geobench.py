"""GEO-Bench's sets for segmentation, of TerraTorch's files: HDF5 with an array for each band, read as it lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.windows import Window

from arrays import write_hdf5_arrays
from groundwork.compatibility.terratorch.door import as_file
from groundwork.compatibility.terratorch.translate import Translation, translate
from groundwork.config import DataConfig, ModelConfig
from groundwork.data.places import PlacesConfig
from groundwork.data.scan import scan_scenes
from groundwork.data.scene_stack import folders_by_source
from groundwork.data.splits import assign_splits
from groundwork.errors import TranslationError
from groundwork.rasters.scene import Scene
from groundwork.targets.labels import ClassLabels
from terratorch_words import MODEL, TASK, changed

RGB = ["RED", "GREEN", "BLUE"]
HLS = ["BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2"]
#: Folder -> class of its datamodule, number of classes, arrays as GEO-Bench calls them, bands that are read, names of
#: samples, and whether the arrays of bands and labels have dates.
COLOURS = {"RED": "Red", "GREEN": "Green", "BLUE": "Blue"}
SENTINEL = {
    **{"BLUE": "02 - Blue", "GREEN": "03 - Green", "RED": "04 - Red", "NIR_BROAD": "08 - NIR"},
    **{"NIR_NARROW": "08A - Vegetation Red Edge", "SWIR_1": "11 - SWIR", "SWIR_2": "12 - SWIR"},
}
SETS: dict[str, tuple[str, int, dict[str, str], list[str], str, tuple[bool, bool]]] = {
    "m-chesapeake": (
        *("MChesapeakeLandcover", 7, COLOURS | {"NIR": "NearInfrared"}, ["NIR", *RGB], "id_{}"),
        (False, False),
    ),
    "m-NeonTree": ("MNeonTree", 2, COLOURS, RGB, "2018_SJER_3_{}", (False, False)),
    "m-nz-cattle": ("MNzCattle", 2, COLOURS, RGB, "{}_Kapiti_Coast_[2016-2017]_175.1,-40.8", (True, True)),
    "m-pv4ger-seg": ("MPv4gerSeg", 2, COLOURS, ["BLUE", "RED"], "50.7{},7.1", (False, False)),
    "m-SA-crop-type": ("MSACropType", 10, SENTINEL, HLS, "ref_south_africa_crops_{}_0", (False, False)),
    "m-cashew-plant": ("MBeninSmallHolderCashews", 7, SENTINEL, HLS, "sample_{}", (True, False)),
}
SIZE = 8


def _of_set(root: Path | str, folder: str, **more: object) -> Translation:
    name, count, _, bands, _, _ = SETS[folder]
    arguments = {"data_root": str(root), "bands": bands} | more
    data = {"class_path": f"terratorch.datamodules.{name}NonGeoDataModule", "init_args": arguments}
    changes: list[tuple[str, Any]] = [(f"{MODEL}.backbone_bands", arguments["bands"])]
    changes += [(f"{TASK}.ignore_index", None), (f"{MODEL}.num_classes", count)]
    return translate(changed(("data", data), *changes), "theirs.yaml")


def _write(root: Path, folder: str) -> dict[str, list[str]]:
    """Write 12 samples, of which each band holds its number and the label, and return who belongs where."""
    _, count, arrays, _, name, (dated, dated_label) = SETS[folder]
    random = np.random.default_rng(0)
    for sample in range(12):
        label = random.integers(0, count, (SIZE, SIZE))
        date = f"_{2017 + sample % 3}-11-0{1 + sample % 9}"
        bands = {
            f"{array}{date if dated else ''}": (20 * place + label).astype(np.float32)
            for place, array in enumerate(arrays.values())
        }
        found = bands | {f"label{date if dated_label else ''}": label}
        write_hdf5_arrays(root / folder / f"{name.format(sample)}.hdf5", found)
    names = [name.format(sample) for sample in range(12)]
    # One is a part of another's name, and the last belongs nowhere.
    splits = {"train": [*names[:5], names[10]], "valid": names[5:7], "test": names[7:10]}
    (root / folder / "default_partition.json").write_text(json.dumps(splits), encoding="utf-8")
    return splits


@pytest.mark.parametrize("folder", SETS)
def test_samples_are_read_as_they_lie(tmp_path: Path, folder: str) -> None:
    splits = _write(tmp_path, folder)
    found = _of_set(tmp_path, folder)
    data = DataConfig.model_validate(found.parameters["data"])
    spec = data.sources["images"]
    assert (spec.dtype, spec.nodata, spec.georeference, data.chips.size) == ("float32", None, "absent", SIZE)
    places = PlacesConfig.model_validate(as_file(found, "theirs")["data"]["init_args"]["places"])
    scenes, labels = folders_by_source(places.scenes.open(), data.sources), places.labels and places.labels.open()
    assert labels is not None
    chips = assign_splits(scan_scenes(scenes, labels, data).chips, data.split, places.open_lists(), 0)
    assert {name: set(rows["scene"]) for name, rows in chips.groupby("split")} == {
        "train": set(splits["train"]), "val": set(splits["valid"]), "test": set(splits["test"])
    }  # fmt: skip
    key = splits["test"][1]
    _, _, arrays, bands, _, _ = SETS[folder]
    with Scene(scenes["images"].paths(key), spec) as scene, ClassLabels(labels.paths(key)[0], data.target) as known:
        values, label = scene.read(Window(1, 2, 5, 4))[0], known.read(Window(1, 2, 5, 4))
    assert label.min() == 0
    for band, plane in zip(bands, values, strict=True):
        assert np.array_equal(plane, 20 * list(arrays).index(band) + label), band


def test_statistics_are_those_of_the_datamodule_in_the_order_of_the_bands() -> None:
    found = _of_set("geo", "m-chesapeake", bands=["RED", "NIR"])
    model: Any = found.parameters["model"]
    ModelConfig.model_validate(model)
    assert model["standardise"] == "given"
    assert model["statistics"]["images"] == {
        "RED": {"mean": 0.45703876, "std": 0.211917356}, "NIR": {"mean": 0.569856584, "std": 0.283178896}
    }  # fmt: skip
    assert found.places["scenes"] == {
        "path": "geo/m-chesapeake", "pattern": "{key}.hdf5", "variable": ["Red", "NearInfrared"]
    }  # fmt: skip
    data: Any = found.parameters["data"]
    # Nobody knows which of two orders the labels have, so that classes are numbers.
    assert [entry["name"] for entry in data["target"]["classes"]] == [f"class_{value}" for value in range(7)]
    cashews: Any = _of_set("geo", "m-cashew-plant", bands=["COASTAL_AEROSOL"]).parameters
    assert cashews["model"]["statistics"]["images"] == {"COASTAL": {"mean": 520.11853, "std": 204.202347}}


def test_without_bands_all_are_read_in_the_order_of_the_datamodule() -> None:
    scenes: Any = _of_set("geo", "m-cashew-plant", bands=None).places["scenes"]
    assert scenes["variable"][::4] == [
        "01_-_Coastal_aerosol_*", "05_-_Vegetation_Red_Edge_*", "08A_-_Vegetation_Red_Edge_*", "Cloud_Probability_*"
    ]  # fmt: skip


def test_another_partition_is_another_file() -> None:
    lists: Any = _of_set("geo", "m-pv4ger-seg", partition="0.10x_train").places["split_lists"]
    assert set(lists["files"].values()) == {"geo/m-pv4ger-seg/0.10x_train_partition.json"}
    assert list(lists["files"]) == ["train", "val", "test"]


@pytest.mark.parametrize(
    ("folder", "more", "key", "text"),
    [
        ("m-NeonTree", {"bands": None}, "bands", "'NEON' lies in larger cells than the labels"),
        ("m-NeonTree", {"bands": ["CANOPY_HEIGHT_MODEL"]}, "bands", "Name some of ['BLUE', 'GREEN', 'RED']"),
        ("m-SA-crop-type", {"bands": ["BLUE", "CLOUD_PROBABILITY"]}, "bands", "divides by its deviation of 0"),
        ("m-chesapeake", {"bands": ["NIR", "REDD"]}, "bands", "Did you mean 'RED'?"),
        ("m-nz-cattle", {"use_metadata": True}, "use_metadata", "the arrays know of none"),
        ("m-chesapeake", {"use_metadata": True}, "use_metadata", "has no such key"),
        ("m-chesapeake", {"partitions": "default"}, "partitions", "Did you mean 'partition'?"),
        ("m-chesapeake", {"predict_data_root": "x"}, "predict_data_root", "has no such key"),
        ("m-chesapeake", {"aug": {"class_path": "Normalize"}}, "aug", "'train_transform'"),
    ],
)
def test_what_has_no_meaning_is_refused_by_its_key(folder: str, more: dict[str, Any], key: str, text: str) -> None:
    with pytest.raises(TranslationError) as caught:
        _of_set("geo", folder, **more)
    lines = [line.strip().partition(": ") for line in str(caught.value).splitlines()[1:]]
    assert text in {name.rpartition(".")[2]: said for name, _, said in lines}.get(key, ""), str(caught.value)


def test_bands_that_terratorch_reads_in_another_order_are_told() -> None:
    (note,) = _of_set("geo", "m-nz-cattle").findings.altering()
    assert note.key == "data.init_args.bands"
    assert not _of_set("geo", "m-nz-cattle", bands=["BLUE", "GREEN", "RED"]).findings.altering()


@pytest.mark.parametrize(
    ("partition", "text"),
    [
        ({"train": ["id_0"], "test": ["id_1"]}, "expected one list of split 'val', as 'val' or 'valid' or"),
        ({"train": ["id_0"], "valid": ["id_77"], "test": ["id_1"]}, "1 line(s) of the lists are no key of a file"),
    ],
)
def test_a_partition_that_does_not_fit_is_refused(tmp_path: Path, partition: dict[str, Any], text: str) -> None:
    _write(tmp_path, "m-chesapeake")
    (tmp_path / "m-chesapeake/default_partition.json").write_text(json.dumps(partition), encoding="utf-8")
    with pytest.raises(TranslationError) as caught:
        _of_set(tmp_path, "m-chesapeake")
    assert text in str(caught.value)
