"""A recipe for each kind of data, written as a user writes it, and run by Kedro from files to predictions."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from rasterio.transform import from_origin
from safetensors.torch import load_file
from shapely.geometry import box

from groundwork.rasters.stores import VARIABLES
from marked import MARKS, marked_data, write_marked
from reading import PageReader
from serving import served
from storing import KEY, SECRET, stored
from torchgeo_sets import write_vhr10

ROOT = Path(__file__).parents[2]
KEYS = ("1", "11", "2", "3", "4", "5")
#: One place in each of two zones, as scenes lie in both.
ZONES = ("EPSG:32632", "EPSG:32633")
SIDE = 96
#: What makes a run short.
SHORT: dict[str, dict[str, Any]] = {
    "data": {"chips": {"size": 64, "stride": 32, "min_valid_fraction": 0.2}},
    "model": {
        "encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]},
        "decoder": {"name": "fcn", "channels": 8},
    },
    # One thread: those that wait for each other take many times as long beside other tests.
    "training": {"max_epochs": 1, "loader": {"batch_size": 4}, "threads": 1},
    "evaluation": {"baseline_pixels": 500},
    "inference": {"tile_size": 64, "overlap": 8},
}
RASTERS = "fieldwork.io.rasters.RasterFolderDataset"
CLASSES = [{"value": 1, "name": "low", "color": "#0000ff"}, {"value": 2, "name": "high", "color": "#00aa00"}]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What Kedro needs of the project, in a folder of its own."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    (folder / "conf/local").mkdir()
    shutil.copy2(ROOT / "pyproject.toml", folder)
    # Kedro wants the code below the project; what is imported already stays.
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    bootstrap_project(folder)
    yield folder
    bootstrap_project(ROOT)


@pytest.fixture(scope="module")
def raw(clone: Path, write_raster: Callable[..., Path]) -> Path:
    """Six scenes in two zones, low in the left half and high in the right one, and labels of all kinds."""
    root, rows, parts = clone / "data/01_raw/kinds", [], []
    for number, key in enumerate(KEYS):
        random, crs = np.random.default_rng(number), ZONES[number % 2]
        label = np.where(np.arange(SIDE) < SIDE // 2, 1, 2) + np.zeros((SIDE, 1), int)
        place = from_origin(500_000 + 3000 * number, 5_000_000, 10, 10)
        image = (300 + 900 * label + random.normal(0, 60, (3, SIDE, SIDE))).astype(np.int16)
        write_raster(root / "scenes" / f"{key}.tif", image, crs=crs, transform=place, nodata=-9999)
        for month in (2, 4, 6, 8):
            dated = image + np.int16(50 * month)
            write_raster(root / "dated" / f"{key}_2024{month:02d}01.tif", dated, crs=crs, transform=place, nodata=-9999)
        if key != "11":
            radar = random.normal(-12, 2, (2, SIDE // 2, SIDE // 2)).astype(np.float32)
            coarse = from_origin(place.c, place.f, 20, 20)
            write_raster(root / "radar" / f"{key}.tif", radar, crs=crs, transform=coarse, nodata=-99)
        write_raster(root / "labels" / f"{key}.tif", label.astype(np.uint8), crs=crs, transform=place)
        numbers = np.stack([10.0 * label, 20.0 + label]).astype(np.float32) + random.normal(0, 0.1, (2, SIDE, SIDE))
        write_raster(root / "numbers" / f"{key}.tif", numbers.astype(np.float32), crs=crs, transform=place)
        middle, bottom = place.c + 10 * SIDE / 2, place.f - 10 * SIDE
        halves = [box(place.c, bottom, middle, place.f), box(middle, bottom, place.c + 10 * SIDE, place.f)]
        parts.append(geopandas.GeoDataFrame({"use": ["low", "high"]}, geometry=halves, crs=crs).to_crs("EPSG:4326"))
        split = ("train", "train", "train", "val", "test", "test")[number]
        of_scene = CLASSES[number % 2]["name"]
        rows.append({"key": key, "path": f"scenes/{key}.tif", "region": split, "class": of_scene, "classes": of_scene})
        if number % 3 == 0:
            rows[-1]["classes"] = "low|high"
    geopandas.pd.concat(parts, ignore_index=True).to_file(root / "labels.gpkg", engine="pyogrio")
    table = pd.DataFrame(rows)
    table[["key", "path", "region"]].to_csv(root / "scenes.csv", index=False)
    table[["key", "class", "classes"]].to_csv(root / "classes.csv", index=False)
    return root


def _source(*bands: str, **changes: Any) -> dict[str, Any]:
    return {"bands": list(bands), "dtype": "int16", "nodata": -9999} | changes


def _recipes() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Name -> catalog entries, and what parameters differ from those of a short run."""
    folder = "data/01_raw/kinds"
    scenes = {"type": RASTERS, "path": f"{folder}/scenes", "pattern": "{key}.tif"}
    labels = {"type": RASTERS, "path": f"{folder}/labels", "pattern": "{key}.tif"}
    plain = {"hls": None, "mine": _source("A", "B", "C")}
    classes = {"classes": CLASSES, "ignore_value": None}
    dated = _source("A", "B", "C", steps=4, layout="file_per_date")
    per_date = {"name": "per_date", "encoder": SHORT["model"]["encoder"], "pooling": "mean"}
    outputs = [
        {"name": "height", "unit": "m", "minimum": 0, "maximum": 50},
        {"name": "age", "minimum": 0, "maximum": 90},
    ]
    numbers = {"task": "pixel_regression", "loss": [{"name": "huber"}], "monitor": "val/r2"}
    images = {"task": "classification", "loss": [{"name": "cross_entropy"}], "monitor": "val/f1"}
    return {
        "drawn": (
            {
                "scenes": scenes,
                "labels": {"type": "fieldwork.io.vectors.VectorLabelsDataset", "path": f"{folder}/labels.gpkg"},
            },
            {"data": {"sources": plain, "target": classes | {"vectors": {"attribute": "use"}}}},
        ),
        "numbers": (
            {"scenes": scenes, "labels": labels | {"path": f"{folder}/numbers"}},
            {
                "data": {"sources": plain, "target": {"classes": [], "ignore_value": None, "outputs": outputs}},
                "training": numbers,
            },
        ),
        "whole_images": (
            {
                "scenes": {
                    "type": "fieldwork.io.raster_table.RasterTableDataset", "filepath": f"{folder}/scenes.csv",
                    "folder": folder, "key": "key", "paths": "path", "columns": ["region"],
                },
                "labels": {
                    "type": "fieldwork.io.label_table.LabelTableDataset", "filepath": f"{folder}/classes.csv",
                    "key": "key",
                },
            },
            {
                "data": {
                    "sources": plain, "target": classes | {"per": "image"},
                    "split": {
                        "method": "column", "column": "region",
                        "values": {"train": ["train"], "val": ["val"], "test": ["test"]},
                    },
                },
                "model": {"decoder": None},
                "training": images,
            },
        ),
        "several_classes": (
            {
                "scenes": scenes,
                "labels": {
                    "type": "fieldwork.io.label_table.LabelTableDataset", "filepath": f"{folder}/classes.csv",
                    "key": "key",
                },
            },
            {
                "data": {
                    "sources": plain, "store": "packed",
                    "target": classes | {
                        "per": "image", "multi_label": True, "column": "classes", "separator": "|",
                    },
                },
                "model": {"decoder": None},
                "training": {
                    "task": "multi_label", "loss": [{"name": "asymmetric"}], "monitor": "val/loss",
                    "sampling": {"name": "balanced"},
                },
                "inference": {"probabilities": True},
            },
        ),
        "two_sensors": (
            {
                "scenes": {
                    "type": "fieldwork.io.sources.RasterSourcesDataset", "path": folder,
                    "sources": {"mine": {"folder": "scenes"}, "radar": {}},
                },
                "labels": labels,
            },
            {
                "data": {
                    "sources": {
                        "hls": None, "mine": _source("A", "B", "C", reference=True),
                        "radar": _source("VV", "VH", dtype="float32", nodata=-99, resampling="bilinear", optional=True),
                    },
                    "target": classes, "store": "packed",
                },
                "data_prep": {"workers": 1},
                "model": {
                    "encoder": None, "necks": [{"name": "merge_sources"}],
                    "encoders": {name: SHORT["model"]["encoder"] for name in ("mine", "radar")},
                },
                "training": {"augmentation": ["horizontal_flip", {"name": "drop_source", "chance": 0.3}]},
            },
        ),
        "unlabelled": (
            {"scenes": scenes, "labels": {"type": "fieldwork.io.no_labels.NoLabelsDataset"}},
            {
                "data": {"sources": plain, "target": "nothing"},
                "model": {
                    "factory": {
                        "name": "full_model",
                        "model": {"name": "prithvi_mae", "variant": "prithvi_eo_v2_tiny_tl", "mask_ratio": 0.75},
                    },
                    "encoder": None, "decoder": None,
                },
                "training": {
                    "task": "reconstruction", "loss": [{"name": "reconstruction"}], "monitor": "val/loss",
                    "sampling": {"name": "random", "samples_per_epoch": 8},
                },
                "inference": {"overlap": 0},
            },
        ),
        "four_dates": (
            {"scenes": scenes | {"path": f"{folder}/dated", "pattern": "{key}_{date}.tif"}, "labels": labels},
            {
                "data": {"sources": {"hls": None, "mine": dated}, "target": classes},
                "model": {"encoder": per_date},
                "training": {"sampling": {"name": "random", "samples_per_epoch": 8}},
            },
        ),
    }  # fmt: skip


def _merged(base: Any, changes: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(changes, dict) or base.get("name") != changes.get("name"):
        return changes
    return base | {key: _merged(base.get(key), value) for key, value in changes.items()}


def _check_outlines(predictions: Path) -> None:
    """Expect the four tiles of each scene in its GeoPackage and in the table of all scenes."""
    table = pd.read_csv(predictions / "chips.csv", dtype={"scene": str})
    assert table.groupby("scene").size().to_dict() == dict.fromkeys(KEYS, 4)
    for key in KEYS:
        outlines = geopandas.read_file(predictions / f"{key}_chips.gpkg")
        assert outlines["column"].tolist() == table.loc[table["scene"] == key, "column"].tolist()


def _check_report(clone: Path, name: str) -> None:
    """Expect one page that needs nothing else, and a record of each pipeline."""
    reports = clone / "data/08_reporting" / name
    page = PageReader((reports / "report.html").read_text("utf-8"))
    assert {"scores", "history", "errors", "data", "chips", "predictions", "card", "origin"} <= set(page.ids)
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert f"{name}: " in page.text
    assert sum(address.startswith("data:image/webp") for address in page.addresses) == 4 + len(KEYS)
    bundle = json.loads((clone / "data/06_models" / name / "trained/bundle.json").read_text())
    assert bundle["provenance"]["samples"] in page.text
    records = {path.stem: json.loads(path.read_text()) for path in (reports / "run").glob("*.json")}
    assert set(records) == {"data_prep", "model_build", "training", "evaluation", "inference", "report"}
    for record in records.values():
        assert all(entry["files"] for entry in record["outputs"].values())
    made, read = records["training"]["outputs"]["trained_bundle"], records["inference"]["inputs"]["trained_bundle"]
    assert made == read
    assert str(clone) not in "".join(path.read_text() for path in (reports / "run").glob("*.json"))


def _write_recipe(clone: Path, name: str, entries: dict[str, Any], changes: dict[str, Any]) -> None:
    recipe = clone / "conf" / name
    recipe.mkdir()
    (recipe / "catalog.yml").write_text(yaml.safe_dump({"inference_scenes": entries["scenes"]} | entries))
    for key in {*SHORT, *changes}:
        parameters = {key: _merged(SHORT.get(key, {}), changes.get(key, {}))}
        (recipe / f"parameters_{key}.yml").write_text(yaml.safe_dump(parameters))


@pytest.mark.parametrize("name", list(_recipes()))
def test_a_recipe_runs_from_files_to_predictions(
    clone: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert raw.is_dir()
    entries, changes = _recipes()[name]
    _write_recipe(clone, name, entries, changes)
    monkeypatch.chdir(clone)
    with KedroSession.create(clone, env=name, conf_source=str(clone / "conf")) as session:
        session.run()
    reports, written = clone / "data/08_reporting" / name, clone / "data/07_model_output" / name
    _check_report(clone, name)
    chips = pd.read_csv(reports / "chip_scores.csv")
    assert chips.empty == (name == "unlabelled")
    metrics = json.loads((reports / "metrics.json").read_text())
    scores = json.loads((reports / "scores.json").read_text())
    assert len(metrics["baselines"]) == (2 if name == "unlabelled" else 3)
    assert scores["verdict"], "the model beats the baselines, or not"
    assert (reports / "reliability.png").stat().st_size > 1000
    assert (reports / "data_audit.md").read_text().count("|") > 20
    found = sorted(path for path in (written / "predictions").glob("*.tif") if "probabilities" not in path.name)
    assert sorted(path.stem.partition("_")[0] for path in found) == sorted(KEYS)
    assert len(list((written / "quicklooks").glob("*.png"))) == len(KEYS)
    for path in found:
        label = raw / "labels" / f"{path.stem.partition('_')[0]}.tif"
        with rasterio.open(path) as raster, rasterio.open(label) as scene:
            assert (raster.crs, raster.transform, raster.shape) == (scene.crs, scene.transform, scene.shape)
    if name in {"whole_images", "several_classes"}:
        _check_outlines(written / "predictions")
    if name == "unlabelled":
        weights = load_file(clone / "data/06_models/unlabelled/encoder/encoder.safetensors")
        assert any(key.startswith("blocks.") or ".blocks." in key for key in weights)
    if name == "numbers":
        assert metrics["baselines"]["pixel_regression"]["r2"] > 0.9
    if name in {"drawn", "two_sensors", "four_dates"}:
        assert metrics["baselines"]["pixel_regression"]["miou"] > 0.95
    if name == "whole_images":
        samples = pd.read_csv(clone / "data/05_model_input" / name / "samples.csv", dtype=str)
        assert set(zip(samples["column_region"], samples["split"], strict=True)) == {
            (s, s) for s in ("train", "val", "test")
        }
    if name == "two_sensors":
        index = json.loads((clone / "data/05_model_input" / name / "packed/index.json").read_text())
        assert index["store"] == "packed"
        report = pd.read_csv(clone / "data/02_intermediate" / name / "scene_report.csv", dtype={"scene": str})
        assert report.set_index("scene").loc["11", "missing"] == "radar"


def test_items_on_a_server_run_from_addresses_to_predictions(
    clone: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = []
    for number, key in enumerate(KEYS):
        for month in (2, 4, 6, 8):
            band = {"data_type": "int16", "nodata": -9999}
            asset = {"href": f"../dated/{key}_2024{month:02d}01.tif", "raster:bands": [band] * 3}
            place = {"proj:code": ZONES[number % 2], "proj:shape": [SIDE, SIDE]}
            said = {
                "datetime": f"2024-{month:02d}-01T10:00:00Z",
                "grid:code": key,
                "eo:cloud_cover": 10 * month,
                **place,
            }
            head = {"type": "Feature", "stac_version": "1.0.0", "id": f"{key}_{month}", "geometry": None, "links": []}
            items.append({**head, "properties": said, "assets": {"bands": asset}, "collection": "made"})
    (raw / "stac").mkdir()
    (raw / "stac/items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    labels = {"type": RASTERS, "path": "data/01_raw/kinds/labels"}
    dated = _source("A", "B", "C", steps=2, layout="file_per_date", take_dates="newest")
    changes = {
        "data": {"sources": {"hls": None, "mine": dated}, "target": {"classes": CLASSES, "ignore_value": None}},
        "model": {"encoder": {"name": "per_date", "encoder": SHORT["model"]["encoder"], "pooling": "mean"}},
    }
    monkeypatch.chdir(clone)
    with served(raw) as (address, asked):
        scenes = {
            "type": "fieldwork.io.stac.StacItemsDataset", "path": f"{address}/stac/items.json",
            "assets": "bands", "key": "grid:code", "max_cloud_cover": 60,
        }  # fmt: skip
        _write_recipe(clone, "served", {"scenes": scenes, "labels": labels}, changes)
        with KedroSession.create(clone, env="served", conf_source=str(clone / "conf")) as session:
            session.run()
        paths = {path for path, span in asked() if span}
    assert {path.rpartition("_")[2] for path in paths} == {"20240401.tif", "20240601.tif"}, "others are not asked for"
    samples = pd.read_csv(clone / "data/05_model_input/served/samples.csv", dtype=str)
    assert set(samples["dates"]) == {"2024-04-01,2024-06-01"}
    metrics = json.loads((clone / "data/08_reporting/served/metrics.json").read_text())
    assert metrics["baselines"]["pixel_regression"]["miou"] > 0.95
    assert len(list((clone / "data/07_model_output/served/predictions").glob("*.tif"))) == len(KEYS)


def test_annotated_objects_run_from_files_to_predictions(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = clone / "data/01_raw/annotated"
    marked = write_marked(root / "scenes", dict.fromkeys(KEYS, 6))
    marked.write_coco(root / "marks.json")
    entries = {
        "scenes": {"type": RASTERS, "path": "data/01_raw/annotated/scenes"},
        "labels": {"type": "fieldwork.io.coco.CocoLabelsDataset", "path": "data/01_raw/annotated/marks.json"},
    }
    stated = marked_data()
    changes = {
        "data": {
            "sources": {"hls": None} | stated["sources"], "target": stated["target"] | {"ignore_value": None},
            "chips": stated["chips"], "split": stated["split"],
        },
        "model": {
            "factory": {"name": "object_detection", "framework": "fcos"},
            "necks": [{"name": "fpn", "channels": 32}], "decoder": None,
        },
        "training": {"task": "object_detection", "loss": [{"name": "detector"}], "monitor": "val/map"},
        "inference": {"tile_size": 32},
    }  # fmt: skip
    _write_recipe(clone, "annotated", entries, changes)
    monkeypatch.chdir(clone)
    with KedroSession.create(clone, env="annotated", conf_source=str(clone / "conf")) as session:
        session.run()
    _check_report(clone, "annotated")
    report = pd.read_csv(clone / "data/02_intermediate/annotated/scene_report.csv")
    assert list(report[["objects_square", "objects_disc"]].sum()) == [18, 18]
    metrics = json.loads((clone / "data/08_reporting/annotated/metrics.json").read_text())
    assert list(metrics["baselines"]) == ["boxes_on_a_grid"]
    for key in KEYS:
        found = geopandas.read_file(clone / f"data/07_model_output/annotated/predictions/{key}_objects.gpkg")
        assert found.crs == "EPSG:32632"
        assert {"class", "score"} <= set(found.columns)


def test_data_of_torchgeo_is_imported_and_runs_as_any_other(
    clone: Path, write_raster: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    solar = clone / "data/01_raw/solar_plants"
    for number, split in enumerate(("train", "train", "val", "test")):
        random = np.random.default_rng(number)
        label = np.kron(random.integers(0, 2, (4, 4)), np.ones((16, 16)))
        image = random.normal(500, 50, (4, 64, 64)) + 1000 * label
        write_raster(solar / split / "input" / f"img({number}).tif", image.astype(np.float32))
        write_raster(solar / split / "labels" / f"target({number}).tif", label.astype(np.float32))
    module = {"name": "torchgeo.datamodules.SolarPlantsBrazilDataModule", "root": str(solar), "batch_size": 2}
    samples = "data/02_intermediate/${recipe:}/torchgeo"
    catalog = {
        "torchgeo_data": {"type": "fieldwork.io.torchgeo.TorchGeoDataset", "reads": {"datamodule": module}},
        "torchgeo_samples": {"type": "fieldwork.io.torchgeo.TorchGeoSamplesDataset", "path": samples},
        "scenes": {"type": RASTERS, "path": f"{samples}/scenes/aerial"},
        "labels": {"type": RASTERS, "path": f"{samples}/labels"},
        "split_lists": {
            "type": "fieldwork.io.lists.SplitListsDataset",
            "files": {split: f"{samples}/lists/{split}.txt" for split in ("train", "val", "test")},
        },
    }
    source = {
        "bands": ["RED", "GREEN", "BLUE", "NIR"], "dtype": "float32", "nodata": None, "georeference": "absent",
    }  # fmt: skip
    classes = [{"value": 0, "name": "other", "color": "#000000"}, {"value": 1, "name": "solar", "color": "#ffffff"}]
    changes = {
        "sources": {"hls": None, "aerial": source},
        "target": {"classes": classes, "ignore_value": None},
        "split": {"method": "lists"},
    }
    _write_recipe(clone, "solar", catalog, {"data": changes})
    monkeypatch.chdir(clone)
    with KedroSession.create(clone, env="solar", conf_source=str(clone / "conf")) as session:
        session.run(pipeline_names=["torchgeo_import"])
    with KedroSession.create(clone, env="solar", conf_source=str(clone / "conf")) as session:
        session.run()
    table = pd.read_csv(clone / "data/05_model_input/solar/samples.csv", dtype=str)
    assert dict(zip(table["scene"], table["split"], strict=True)) == {
        "train_00000000": "train", "train_00000001": "train", "val_00000000": "val", "test_00000000": "test",
    }  # fmt: skip
    metrics = json.loads((clone / "data/08_reporting/solar/metrics.json").read_text())
    assert metrics["baselines"]["pixel_regression"]["miou"] > 0.99
    assert len(list((clone / "data/07_model_output/solar/predictions").glob("*.tif"))) == 4


def test_masks_of_vhr10_are_imported_learnt_judged_and_found(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_vhr10(clone / "data/01_raw/vhr10")
    module = {
        "name": "torchgeo.datamodules.VHR10DataModule", "root": "data/01_raw/vhr10", "batch_size": 2, "patch_size": 64,
    }  # fmt: skip
    samples = "data/02_intermediate/${recipe:}/torchgeo"
    catalog = {
        "torchgeo_data": {"type": "fieldwork.io.torchgeo.TorchGeoDataset", "reads": {"datamodule": module}},
        "torchgeo_samples": {"type": "fieldwork.io.torchgeo.TorchGeoSamplesDataset", "path": samples},
        "scenes": {"type": RASTERS, "path": f"{samples}/scenes/aerial"},
        "labels": {
            "type": "fieldwork.io.coco.CocoLabelsDataset", "path": f"{samples}/labels", "pattern": "{key}.json",
        },
        "split_lists": {
            "type": "fieldwork.io.lists.SplitListsDataset",
            "files": {split: f"{samples}/lists/{split}.txt" for split in ("train", "val", "test")},
        },
    }  # fmt: skip
    source = {"bands": ["RED", "GREEN", "BLUE"], "dtype": "float32", "nodata": None, "georeference": "absent"}
    classes = [{"value": 1, "name": "airplane", "color": "#000000"}, {"value": 2, "name": "ships", "color": "#ffffff"}]
    target = {"per": "object", "classes": classes, "ignore_value": None, "objects": {"masks": True}}
    changes = {
        "data": {"sources": {"hls": None, "aerial": source}, "target": target, "split": {"method": "lists"}},
        "model": {
            "factory": {"name": "object_detection", "framework": "mask-rcnn", "most": 5, "regions": 16},
            "necks": [{"name": "fpn", "channels": 32}], "decoder": None,
        },
        "training": {"task": "object_detection", "loss": [{"name": "detector"}], "monitor": "val/mask_map"},
    }  # fmt: skip
    _write_recipe(clone, "vhr10", catalog, changes)
    monkeypatch.chdir(clone)
    for names in (["torchgeo_import"], None):
        with KedroSession.create(clone, env="vhr10", conf_source=str(clone / "conf")) as session:
            session.run(pipeline_names=names)
    metrics = json.loads((clone / "data/08_reporting/vhr10/metrics.json").read_text())
    assert set(metrics["test"]["mask_ap"]) == {"airplane", "ships"}
    assert 0 <= metrics["test"]["mask_map"] <= 1
    report = pd.read_csv(clone / "data/02_intermediate/vhr10/scene_report.csv")
    assert list(report[["objects_airplane", "objects_ships"]].sum()) == [10, 10]
    found = list((clone / "data/07_model_output/vhr10/predictions").glob("*_objects.gpkg"))
    assert len(found) == 10


def test_a_bucket_runs_from_addresses_to_predictions(
    clone: Path, write_raster: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*VARIABLES.values(), "AWS_S3_ENDPOINT", "AWS_HTTPS", "AWS_VIRTUAL_HOSTING"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    for number, key in enumerate(("a", "b", "c", "d")):
        random = np.random.default_rng(number)
        label = np.kron(random.integers(1, 3, (4, 4)), np.ones((16, 16)))
        place = {"crs": "EPSG:32632", "transform": from_origin(500_000 + 5000 * number, 5_000_000, 10, 10)}
        for band, low in (("red", 500), ("nir", 900)):
            pixels = (random.normal(low, 40, (64, 64)) + 800 * label).astype(np.int16)
            write_raster(tmp_path / f"bucket/scenes/{key}/{band}.tif", pixels, **place)
        write_raster(tmp_path / f"bucket/labels/{key}.tif", label.astype(np.uint8), **place)
    for split, keys in (("train", "a\nb\n"), ("val", "c\n"), ("test", "d\n")):
        (tmp_path / f"bucket/{split}.txt").write_text(keys)
    (tmp_path / "asked").mkdir()
    with stored(tmp_path / "asked") as store:
        store.fill("rasters", tmp_path / "bucket")
        scenes = {
            "type": RASTERS, "path": "s3://rasters/scenes", "pattern": ["{key}/red.tif", "{key}/nir.tif"],
            "credentials": "our_store",
        }  # fmt: skip
        entries = {
            "scenes": scenes, "labels": {"type": RASTERS, "path": "s3://rasters/labels", "credentials": "our_store"},
        }  # fmt: skip
        target = {"classes": CLASSES, "ignore_value": None}
        sources = {"hls": None, "stored": _source("RED", "NIR", nodata=None)}
        files = {split: f"s3://rasters/{split}.txt" for split in ("train", "val", "test")}
        entries["split_lists"] = {
            "type": "fieldwork.io.lists.SplitListsDataset", "files": files, "credentials": "our_store",
        }  # fmt: skip
        split = {"method": "lists"}
        _write_recipe(clone, "bucket", entries, {"data": {"sources": sources, "target": target, "split": split}})
        access = {"key": KEY, "secret": SECRET, "region": "us-east-1", "endpoint_url": store.url}
        (clone / "conf/local/credentials.yml").write_text(yaml.safe_dump({"our_store": access}), "utf-8")
        monkeypatch.chdir(clone)
        with KedroSession.create(clone, env="bucket", conf_source=str(clone / "conf")) as session:
            session.run()
    assert len(list((clone / "data/07_model_output/bucket/predictions").glob("*_classes.tif"))) == 4
    metrics = json.loads((clone / "data/08_reporting/bucket/metrics.json").read_text())
    assert metrics["baselines"]["pixel_regression"]["miou"] > 0.95
    for path in (clone / "data").rglob("*"):
        if path.is_file() and "/bucket/" in path.as_posix():
            content = path.read_bytes()
            assert SECRET.encode() not in content, path
            assert KEY.encode() not in content, path


@pytest.mark.parametrize("form", ["vectors", "coco", "archive"])
def test_objects_are_prepared_from_both_forms_of_labels(
    clone: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    name, place = f"objects_{form}", "data/01_raw/marked"
    made = write_marked(clone / place / "scenes", {"1": 4, "11": 3, "2": 0, "3": 5})
    made.write_vectors(clone / place / "labels.gpkg")
    made.write_coco(clone / place / "labels.json")
    with zipfile.ZipFile(clone / place / "labels.zip", "w") as archive:
        archive.write(clone / place / "labels.json", "all/labels.json")
    labels = {
        "vectors": {"type": "fieldwork.io.vectors.VectorLabelsDataset", "path": f"{place}/labels.gpkg"},
        "coco": {"type": "fieldwork.io.coco.CocoLabelsDataset", "path": f"{place}/labels.json"},
        "archive": {
            "type": "fieldwork.io.coco.CocoLabelsDataset",
            "path": f"/vsizip/{place}/labels.zip/all/labels.json",
        },
    }
    vectors = {"attribute": "kind"} if form == "vectors" else None
    data = marked_data(vectors=vectors, objects={"masks": True}, ignore_value=None)
    scenes = {"type": RASTERS, "path": f"{place}/scenes", "pattern": "{key}.tif"}
    data |= {"sources": {"hls": None, **data["sources"]}, "store": "packed"}
    _write_recipe(clone, name, {"scenes": scenes, "labels": labels[form]}, {"data": data})
    monkeypatch.chdir(clone)
    with KedroSession.create(clone, env=name, conf_source=str(clone / "conf")) as session:
        session.run(pipeline_names=["data_prep"])
    report = pd.read_csv(clone / "data/02_intermediate" / name / "scene_report.csv", dtype={"scene": str})
    found = report.set_index("scene")[["objects_square", "objects_disc"]]
    assert found.to_dict("index") == {
        key: {f"objects_{mark}": [each.name for each in marks].count(mark) for mark in MARKS}
        for key, marks in made.marks.items()
    }
    index = json.loads((clone / "data/05_model_input" / name / "packed/index.json").read_text())
    assert "objects/masks" in index["splits"]["train"]["arrays"]
    assert "class 'disc'" in (clone / "data/08_reporting" / name / "data_audit.md").read_text()
