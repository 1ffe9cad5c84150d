"""Public sets that TerraTorch has a datamodule of its own for: as they lie, by the generic description."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arrays import write_hdf5
from groundwork.compatibility.terratorch.door import as_file
from groundwork.compatibility.terratorch.translate import Translation, translate
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.data.places import PlacesConfig
from groundwork.data.scan import scan_scenes
from groundwork.data.scene_stack import folders_by_source
from groundwork.errors import TranslationError
from terratorch_words import DATA, HLS, MODEL, TASK, changed

RGB = ["BLUE", "GREEN", "RED"]
S1 = ["VV_Asc", "VH_Asc", "VV_Desc", "VH_Desc"]
SUBSET: list[tuple[str, Any]] = [(f"{MODEL}.backbone_bands", RGB)]


def _of_set(name: str, arguments: dict[str, Any], *changes: tuple[str, Any]) -> Translation:
    data = {"class_path": f"terratorch.datamodules.{name}", "init_args": arguments}
    return translate(changed(("data", data), *changes), "theirs.yaml")


def _landslides(root: str = "l4s", *changes: tuple[str, Any]) -> Translation:
    return _of_set("Landslide4SenseNonGeoDataModule", {"data_root": root, "bands": RGB}, *SUBSET, *changes)


def _biomass(arguments: dict[str, Any], *changes: tuple[str, Any]) -> Translation:
    words = {"data_root": "bm", "sensors": ["S2"], "as_time_series": True, "bands": {"S2": HLS}} | arguments
    of_numbers = [("model.class_path", "PixelwiseRegressionTask"), (f"{TASK}.loss", "rmse")]
    of_numbers += [(f"{TASK}.ignore_index", None), (f"{MODEL}.num_classes", None)]
    return _of_set("BioMasstersNonGeoDataModule", words, *of_numbers, (f"{MODEL}.backbone_num_frames", 12), *changes)


def _checked(found: Translation) -> DataConfig:
    ModelConfig.model_validate(found.parameters["model"])
    TrainingConfig.model_validate(found.parameters["training"])
    PlacesConfig.model_validate(as_file(found, "theirs")["data"]["init_args"]["places"])
    return DataConfig.model_validate(found.parameters["data"])


def _keys_refused(found: pytest.ExceptionInfo[TranslationError]) -> dict[str, str]:
    lines = [line.strip().partition(": ") for line in str(found.value).splitlines()[1:]]
    return {key.rpartition(".")[2]: text for key, _, text in lines}


def test_landslides_are_arrays_with_bands_last() -> None:
    found = _landslides()
    spec = _checked(found).sources["images"]
    assert (spec.axes, spec.georeference) == (("y", "x", "band"), "absent")
    assert len(spec.bands) == 14
    assert spec.use == tuple(RGB)
    scenes = {"path": "l4s/images", "pattern": "{folder}/image_{key}.h5"}
    assert found.places["scenes"] == scenes | {"variable": "img"}
    assert found.places["labels"] == {
        "path": "l4s/annotations", "pattern": "{folder}/mask_{key}.h5", "variable": "mask"
    }  # fmt: skip
    folders = {"train": "train", "val": "validation", "test": "test"}
    assert found.places["split_lists"] == {"folders": {key: scenes | {"folder": name} for key, name in folders.items()}}
    # The numbers that TerraTorch 1.2.13 standardises these bands by.
    model: Any = found.parameters["model"]
    assert model["standardise"] == "given"
    assert model["statistics"]["images"] == {
        "BLUE": {"mean": -0.3074, "std": 0.8775},
        "GREEN": {"mean": -0.1277, "std": 0.886},
        "RED": {"mean": -0.0625, "std": 0.8869},
    }


def test_landslides_are_read_as_they_lie(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        for number in (1, 2):
            mask = (random.uniform(size=(16, 16)) < 0.5).astype(np.uint8)
            image = random.normal(size=(16, 16, 14)) + mask[..., None] * np.arange(14)
            write_hdf5(tmp_path / "images" / split / f"image_{number}.h5", "img", image)
            write_hdf5(tmp_path / "annotations" / split / f"mask_{number}.h5", "mask", mask, nodata=255)
    found = _landslides(str(tmp_path))
    data = _checked(found)
    assert (data.sources["images"].dtype, data.sources["images"].nodata) == ("float64", -9999)
    assert data.chips.size == 16
    places = PlacesConfig.model_validate(as_file(found, "theirs")["data"]["init_args"]["places"])
    scenes = folders_by_source(places.scenes.open(), data.sources)
    chips = scan_scenes(scenes, places.labels.open() if places.labels else None, data).chips
    assert sorted(chips["scene"]) == [
        f"{split}_{number}" for split in ("test", "train", "validation") for number in (1, 2)
    ]
    assert chips["fraction_landslide"].between(0.3, 0.7).all()
    assert places.open_lists() == {
        split: [f"{name}_1", f"{name}_2"]
        for split, name in (("train", "train"), ("val", "validation"), ("test", "test"))
    }


def test_names_that_repeat_themselves_in_folders_of_splits_are_told_apart(
    tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    for split in ("train", "val", "test"):
        for number in range(2):
            write_raster(tmp_path / f"{split}_images" / f"{number}.tif", np.ones((6, 8, 8), np.int16))
            write_raster(tmp_path / f"{split}_labels" / f"{number}.tif", np.ones((8, 8), np.uint8))
    roots = [(f"{DATA}.{split}_data_root", f"{tmp_path}/{split}_images") for split in ("train", "val", "test")]
    roots += [(f"{DATA}.{split}_label_data_root", f"{tmp_path}/{split}_labels") for split in ("train", "val", "test")]
    found = translate(changed(*roots, (f"{DATA}.img_grep", "*.tif"), (f"{DATA}.label_grep", "*.tif")), "theirs.yaml")
    assert found.places["labels"] == {"path": str(tmp_path), "pattern": "{folder}_labels/{key}.tif"}
    places = PlacesConfig.model_validate(as_file(found, "theirs")["data"]["init_args"]["places"])
    assert list(places.scenes.open().files) == [
        f"{split}_{number}" for split in ("test", "train", "val") for number in (0, 1)
    ]
    assert places.open_lists()["val"] == ["val_0", "val_1"]


def test_months_of_biomass_are_numbered_steps() -> None:
    found = _biomass({})
    spec = _checked(found).sources["images"]
    assert (spec.steps, spec.layout, spec.too_few_dates) == (12, "file_per_date", "fill")
    assert spec.step_numbers == tuple(range(12))
    assert found.places["scenes"] == {"path": "bm", "pattern": "*_features/{key}_S2_{step}.tif"}
    assert found.places["labels"] == {"path": "bm", "pattern": "*_agbm/{key}_agbm.tif"}
    model: Any = found.parameters["model"]
    assert model["statistics"]["images"]["SWIR_2"] == {"mean": 696.48755, "std": 759.8444}


def test_two_sensors_of_biomass_are_two_sources() -> None:
    changes: list[tuple[str, Any]] = [(f"{MODEL}.backbone", "terramind_v1_tiny"), (f"{MODEL}.backbone_bands", None)]
    changes += [(f"{MODEL}.backbone_num_frames", None), (f"{MODEL}.backbone_modalities", ["S2", "S1"])]
    changes += [(f"{MODEL}.backbone_use_temporal", True), (f"{MODEL}.backbone_temporal_n_timestamps", 12)]
    found = _biomass({"sensors": ["S1", "S2"], "bands": {"S1": S1[:2], "S2": RGB}}, *changes)
    sources = _checked(found).sources
    assert {name: spec.step_numbers for name, spec in sources.items()} == dict.fromkeys(("S1", "S2"), tuple(range(12)))
    assert sources["S2"].use == tuple(RGB)
    places: Any = found.places
    assert places["scenes"]["sources"]["S1"] == {"path": "bm", "pattern": "*_features/{key}_S1_{step}.tif"}
    assert places["split_lists"]["folders"]["test"] == {"path": "bm/test_features", "pattern": "{key}_S1_{step}.tif"}
    model: Any = found.parameters["model"]
    assert model["encoder"]["modalities"] == {"S1": "S1GRD", "S2": "S2L2A"}


@pytest.mark.parametrize(
    ("arguments", "key", "text"),
    [
        ({"as_time_series": None}, "as_time_series", "set it to true"),
        ({"use_four_frames": True}, "use_four_frames", "'step_numbers'"),
        ({"max_cloud_percentage": 20}, "max_cloud_percentage", "other months of each chip"),
        ({"max_red_mean": 2000.0}, "max_red_mean", "other months of each chip"),
        ({"include_corrupt": False}, "include_corrupt", "fails in TerraTorch"),
        ({"subset": 0.5}, "subset", "a list for each split"),
        ({"sensors": ["S3"]}, "sensors", "none of ['S1', 'S2']"),
        ({"sensors": ["S1"], "bands": {"S1": [*S1, "RVI_Asc"]}}, "bands", "['RVI_Asc'] are computed of others"),
        ({"sensors": ["S1"], "bands": None}, "bands", "name some of"),
        ({"sensor": "S1"}, "sensor", "not known here"),
        ({"aug": {"class_path": "AugmentationSequential"}}, "aug", "'train_transform'"),
    ],
)
def test_what_has_no_meaning_for_biomass_is_refused_by_its_key(arguments: dict[str, Any], key: str, text: str) -> None:
    with pytest.raises(TranslationError) as caught:
        _biomass(arguments)
    assert text in _keys_refused(caught).get(key, ""), str(caught.value)


def test_statistics_that_terratorch_mixes_up_are_measured_and_told() -> None:
    found = _biomass({"sensors": ["S1"], "bands": S1}, (f"{MODEL}.backbone_bands", S1))
    model: Any = found.parameters["model"]
    assert model["standardise"] == "from_data"
    assert [note.key for note in found.findings.altering()] == ["data.init_args.means"]


def test_dates_that_nothing_states_are_asked_for_by_the_key_to_add() -> None:
    arguments = {"data_root": "burns", "use_metadata": True}
    found = _of_set("FireScarsNonGeoDataModule", arguments, (f"{MODEL}.backbone", "prithvi_eo_v2_tiny_tl"))
    (note,) = found.findings.lacking
    assert str(found.findings).endswith(f"To add before it runs:\n  {note}\n")
    assert note.key == "data.sources.images.date_tag"
    data: Any = found.parameters["data"]
    data["sources"]["images"]["date_tag"] = "DATE"
    _checked(found)
    places_alone = (f"{MODEL}.backbone_coords_encoding", ["location"])
    others = _of_set(
        "FireScarsNonGeoDataModule", arguments, (f"{MODEL}.backbone", "prithvi_eo_v2_tiny_tl"), places_alone
    )
    assert others.findings.lacking == []
