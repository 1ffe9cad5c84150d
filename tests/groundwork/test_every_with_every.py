"""Sources x dates x labels x store x windows: each goes through the house, or is refused by name with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import torch
from rasterio.transform import from_origin
from shapely.geometry import box

from groundwork.batch import collate
from groundwork.bundle import load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.config.indexing import IndexingConfig
from groundwork.data.annotated_images import find_annotated
from groundwork.data.label_table import read_label_table
from groundwork.data.packed import open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import SpecError
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.shared import SharedFiles
from groundwork.specs import ObjectSpec, TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

SOURCES = ("one", "two", "optional second")
DATES = ("one date", "stack", "files per date")
LABELS = ("class raster", "number raster", "drawn classes", "table of classes")
CELLS = [pytest.param(*cell, id=", ".join(cell)) for cell in product(SOURCES, DATES, LABELS)]
OF_OBJECTS = [pytest.param(*cell, False, id=", ".join(cell)) for cell in product(SOURCES, DATES)]
#: Outlines are asked of the same, with every source and every kind of dates once.
OF_OBJECTS += [
    pytest.param(*cell, True, id=f"{', '.join(cell)}, outlines") for cell in zip(SOURCES, DATES, strict=True)
]
KEYS = ("1", "11", "2", "3", "4", "5")
#: The scene that lacks the second source, where that is optional.
LACKING = "11"
DAYS = ("20240301", "20240701")
SIDE, HEIGHT, WIDTH = 16, 24, 40
CLASSES = [{"value": 1, "name": "low", "color": "#0000ff"}, {"value": 2, "name": "high", "color": "#00aa00"}]
OUTPUT = {"name": "height", "unit": "m", "minimum": 0, "maximum": 50}
#: In which views the model is asked.
VIEWS = {"one date": "none", "stack": "d4", "files per date": "scales"}
TASKS = {
    ("pixel", True): ("semantic_segmentation", "cross_entropy", "val/miou"),
    ("pixel", False): ("pixel_regression", "mse", "val/r2"),
    ("image", True): ("classification", "cross_entropy", "val/f1"),
    ("image", False): ("scalar_regression", "huber", "val/r2"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> SimpleNamespace:
    """Six scenes with every kind of source and label; the left half of each is low, the right one high."""
    root, rows, parts = tmp_path_factory.mktemp("every"), [], []
    outlines, images, annotations = [], [], []
    for number, key in enumerate(KEYS):
        random = np.random.default_rng(number)
        label = np.where(np.arange(WIDTH) < WIDTH // 2, 1, 2) + np.zeros((HEIGHT, 1), int)
        place = from_origin(500_000 + 2000 * number, 5_000_000, 10, 10)
        dated = []
        for step in range(2):
            image = 300 + 900 * label + 100 * step + random.normal(0, 60, (2, HEIGHT, WIDTH))
            image[:, :3, :3] = -9999
            dated.append(image.astype(np.int16))
            write_raster(root / "dated" / f"{key}_{DAYS[step]}.tif", dated[-1], transform=place, nodata=-9999)
        write_raster(root / "single" / f"{key}.tif", dated[0], transform=place, nodata=-9999)
        write_raster(root / "stack" / f"{key}.tif", np.concatenate(dated), transform=place, nodata=-9999)
        # Of twice the pixel size, and a little larger than the scene.
        radar = random.normal(-12, 2, (1, HEIGHT // 2 + 2, WIDTH // 2 + 2)).astype(np.float32)
        coarse = from_origin(500_000 + 2000 * number - 20, 5_000_020, 20, 20)
        write_raster(root / "radar" / f"{key}.tif", radar, transform=coarse, nodata=-99)
        if key != LACKING:
            write_raster(root / "some_radar" / f"{key}.tif", radar, transform=coarse, nodata=-99)
        write_raster(root / "classes" / f"{key}.tif", label.astype(np.uint8), transform=place)
        heights = (10 * label + random.uniform(0, 2, label.shape)).astype(np.float32)
        write_raster(root / "numbers" / f"{key}.tif", heights, transform=place)
        west, south, east, north = place.c, place.f - 10 * HEIGHT, place.c + 10 * WIDTH, place.f
        middle = (west + east) / 2
        halves = [box(west, south, middle, north), box(middle, south, east, north)]
        parts.append(
            geopandas.GeoDataFrame({"use": ["low", "high"], "height": [10.0, 21.5]}, geometry=halves, crs="EPSG:32632")
        )
        rows.append({"key": key, "class": CLASSES[number % 2]["name"], "height": 3.0 + 4 * number})
        # Two of them in each scene, left, top, right and bottom in pixels.
        boxes = {"low": (4, 5, 10, 11), "high": (24, 8, 33, 16)}
        images.append({"id": number, "file_name": f"{key}.tif", "width": WIDTH, "height": HEIGHT})
        for name, (left, top, right, bottom) in boxes.items():
            outline = box(west + 10 * left, north - 10 * bottom, west + 10 * right, north - 10 * top)
            outlines.append(geopandas.GeoDataFrame({"use": [name]}, geometry=[outline], crs="EPSG:32632"))
            annotations.append(
                {
                    "id": len(annotations), "image_id": number, "category_id": list(boxes).index(name),
                    "bbox": [left, top, right - left, bottom - top], "iscrowd": 0,
                }
            )  # fmt: skip
    geopandas.pd.concat(outlines, ignore_index=True).to_file(root / "objects.gpkg", engine="pyogrio")
    categories = [{"id": 0, "name": "low"}, {"id": 1, "name": "high"}]
    annotated = {"images": images, "annotations": annotations, "categories": categories}
    (root / "objects.json").write_text(json.dumps(annotated), "utf-8")
    together = geopandas.pd.concat(parts, ignore_index=True).to_crs("EPSG:4326")
    together.to_file(root / "labels.gpkg", engine="pyogrio")
    pd.DataFrame(rows).to_csv(root / "labels.csv", index=False)
    return SimpleNamespace(root=root)


def _optical(root: Path, dates: str) -> tuple[dict[str, Any], RasterFolder]:
    spec: dict[str, Any] = {"bands": ["A", "B"], "dtype": "int16", "nodata": -9999, "reference": True}
    if dates == "one date":
        return spec, find_rasters(root / "single", ["{key}.tif"])
    if dates == "stack":
        return spec | {"steps": 2, "layout": "steps_first"}, find_rasters(root / "stack", ["{key}.tif"])
    return spec | {"steps": 2, "layout": "file_per_date"}, find_rasters(root / "dated", ["{key}_{date}.tif"])


def _labels(root: Path, labels: str) -> tuple[dict[str, Any], Any]:
    shared, drawn_objects = SharedFiles(root, ("labels.gpkg",)), SharedFiles(root, ("objects.gpkg",))
    table, objects = read_label_table(root / "labels.csv", "key"), {"per": "object", "classes": CLASSES}
    return {
        "drawn objects": (objects | {"vectors": {"attribute": "use"}}, drawn_objects),
        "annotated objects": (objects, find_annotated(root / "objects.json", "{key}.*")),
        "class raster": ({"classes": CLASSES}, find_rasters(root / "classes", ["{key}.tif"])),
        "number raster": ({"outputs": [OUTPUT]}, find_rasters(root / "numbers", ["{key}.tif"])),
        "drawn classes": ({"classes": CLASSES, "vectors": {"attribute": "use"}}, shared),
        "drawn numbers": ({"outputs": [OUTPUT], "vectors": {}}, shared),
        "table of classes": ({"per": "image", "classes": CLASSES}, table),
        "table of numbers": ({"per": "image", "outputs": [OUTPUT]}, table),
    }[labels]


def _cell(root: Path, sources: str, dates: str, labels: str) -> tuple[DataConfig, dict[str, RasterFolder], Any]:
    spec, folder = _optical(root, dates)
    target, given = _labels(root, labels)
    words, scenes = {"optical": spec}, {"optical": folder}
    if sources != "one":
        radar = {"bands": ["VV"], "dtype": "float32", "nodata": -99, "resampling": "bilinear"}
        words["radar"] = radar | {"optional": sources == "optional second"}
        name = "some_radar" if sources == "optional second" else "radar"
        scenes["radar"] = find_rasters(root / name, ["{key}.tif"])
    data = DataConfig.model_validate(
        {
            "sources": words,
            "target": target,
            "chips": {"size": SIDE, "stride": 12, "min_valid_fraction": 0.2},
            "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
        }
    )
    return data, scenes, given


def _detector(sources: str, dates: str, *, masks: bool = False) -> ModelConfig:
    words = _model(sources, dates, levels=(0, 1)).model_dump(exclude_unset=True)
    necks = [*([] if sources == "one" else [{"name": "merge_sources"}]), {"name": "fpn", "channels": 32}]
    factory: dict[str, Any] = {"name": "object_detection", "framework": "fcos"}
    if masks:
        factory |= {"framework": "mask-rcnn", "regions": 8, "most": 5}
    return ModelConfig.model_validate(words | {"necks": necks, "factory": factory, "decoder": None})


def _model(sources: str, dates: str, levels: tuple[int, ...] = (0,)) -> ModelConfig:
    encoder: dict[str, Any] = {"name": "timm", "model": "test_resnet", "out_indices": list(levels)}
    wrapped = {"name": "per_date", "encoder": encoder, "pooling": "mean"} if dates != "one date" else encoder
    if sources == "one":
        return ModelConfig.model_validate({"encoder": wrapped})
    merge = [{"name": "merge_sources"}]
    return ModelConfig.model_validate(
        {"encoder": None, "encoders": {"optical": wrapped, "radar": encoder}, "necks": merge}
    )


@pytest.mark.parametrize(("sources", "dates", "labels"), CELLS)
def test_every_cell_goes_through_the_house(
    world: SimpleNamespace, tmp_path: Path, sources: str, dates: str, labels: str
) -> None:
    data, scenes, given = _cell(world.root, sources, dates, labels)
    scan = scan_scenes(scenes, given, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=2)
    statistics = compute_statistics(samples, scan.cells, data)
    initial = build_initial(data, _model(sources, dates), seed=0)
    task, loss, monitor = TASKS[data.target.per, bool(data.target.classes)]
    training = TrainingConfig.model_validate(
        {
            "task": task, "loss": [{"name": loss}], "monitor": monitor, "max_epochs": 1, "loader": {"batch_size": 4},
            "optimizer": {"name": "adamw", "learning_rate": 0.01},
            "augmentation": ["horizontal_flip", "quarter_turns", {"name": "gain", "limit": 0.1}],
            "trainer": {"accelerator": "cpu", "limit_train_batches": 1},
        }
    )  # fmt: skip
    labelled = initial.labelled(samples, scenes, given)
    result = fit(initial, labelled, statistics, training, 0, tmp_path / "files")
    assert np.isfinite(result.history[["train/loss", "val/loss"]].to_numpy()).all()

    # Packed chips are those of the files, and so is what is learnt from them.
    store_chips(ChipsToStore(labelled, "packed"), tmp_path / "packed")
    packed = replace(labelled, store=open_store(tmp_path / "packed"))
    for one, other in zip(labelled.chips("train"), packed.chips("train"), strict=True):
        for left, right in ((collate([one]), collate([other])),):
            assert torch.equal(left["target"].nan_to_num(7), right["target"].nan_to_num(7))
            for source in data.sources:
                assert torch.equal(left["images"][source], right["images"][source])
                assert torch.equal(left["valid"][source], right["valid"][source])

    save_bundle(result.bundle, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    judged = held_out(bundle, samples, scenes, given, EvaluationConfig())
    scores = evaluate_model(bundle, judged, statistics, EvaluationConfig(baseline_pixels=500), seed=0).scores
    assert set(scores["baselines"]) == {kind_of(data.target).constant_name, "pixel_regression", "gradient_boosting"}
    asked = InferenceConfig.model_validate({"tile_size": SIDE, "overlap": 4, "augment": VIEWS[dates]})
    predictions = dict(predict_scenes(bundle, scenes, asked).streams)
    assert list(predictions) == sorted(KEYS)
    made = next(iter(predictions[LACKING].profiles))
    found = np.zeros((1, HEIGHT, WIDTH), predictions[LACKING].profiles[made].dtype)
    for window, products in predictions[LACKING].blocks:
        found[:, *window.toslices()] = products[made]
    nodata = predictions[LACKING].profiles[made].nodata
    # The optical source holds nothing there; the radar does, where there is one.
    held = np.ones((HEIGHT, WIDTH), bool)
    held[:3, :3] = sources == "two"
    is_nodata = np.isnan(found[0]) if nodata is not None and np.isnan(nodata) else found[0] == nodata
    assert np.array_equal(~is_nodata, held)


@pytest.mark.parametrize(("sources", "dates", "masks"), OF_OBJECTS)
def test_objects_go_through_the_house_with_every_source_and_date(
    world: SimpleNamespace, tmp_path: Path, sources: str, dates: str, masks: bool
) -> None:
    labels = "annotated objects" if dates == "stack" and not masks else "drawn objects"
    data, scenes, given = _cell(world.root, sources, dates, labels)
    if masks:
        target = data.target.model_copy(update={"objects": ObjectSpec(masks=True)})
        data = data.model_copy(update={"target": target})
    scan = scan_scenes(scenes, given, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=2)
    statistics = compute_statistics(samples, scan.cells, data)
    assert list(scan.report[["objects_low", "objects_high"]].sum()) == [len(KEYS)] * 2
    initial = build_initial(data, _detector(sources, dates, masks=masks), seed=0)
    monitor = "val/mask_map" if masks else "val/map"
    words: dict[str, Any] = {
        "task": "object_detection", "loss": [{"name": "detector"}], "monitor": monitor, "max_epochs": 1,
        "loader": {"batch_size": 4}, "optimizer": {"name": "adamw", "learning_rate": 0.01},
        "augmentation": ["horizontal_flip", "quarter_turns", {"name": "gain", "limit": 0.1}],
        "trainer": {"accelerator": "cpu", "limit_train_batches": 2},
    }  # fmt: skip
    labelled = initial.labelled(samples, scenes, given)
    result = fit(initial, labelled, statistics, TrainingConfig.model_validate(words), 0, tmp_path / "files")
    assert np.isfinite(result.history["train/loss"]).all()

    store_chips(ChipsToStore(labelled, "packed"), tmp_path / "packed")
    packed = replace(labelled, store=open_store(tmp_path / "packed"))
    for one, other in zip(labelled.chips("train"), packed.chips("train"), strict=True):
        left, right = collate([one]), collate([other])
        assert torch.equal(left["target"], right["target"])
        for name, value in left["objects"][0].items():
            assert torch.equal(value, right["objects"][0][name])
    if dates == "files per date":
        words["sampling"] = {"name": "random", "samples_per_epoch": 4}
        drawn = fit(initial, labelled, statistics, TrainingConfig.model_validate(words), 0, tmp_path / "random")
        assert np.isfinite(drawn.history["train/loss"]).all()

    save_bundle(result.bundle, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    judged = held_out(bundle, samples, scenes, given, EvaluationConfig())
    found = evaluate_model(bundle, judged, statistics, EvaluationConfig(), seed=0)
    scores, by_scene = found.scores, found.by_scene
    assert list(scores["baselines"]) == ["boxes_on_a_grid"]
    assert ("mask_map" in scores["test"]) == masks
    assert by_scene["objects"].sum() == 2 * len(by_scene), "each is judged once, whatever chips show it"
    asked = InferenceConfig.model_validate({"tile_size": SIDE, "overlap": 4, "augment": VIEWS[dates]})
    predictions = dict(predict_scenes(bundle, scenes, asked).streams)
    assert list(predictions) == sorted(KEYS)
    layer = predictions[LACKING].find()["objects"]
    assert {"class", "score"} <= set(layer.columns)
    assert all(shape.is_valid and shape.area > 0 for shape in layer.shapes)


@pytest.mark.parametrize("labels", ["class raster", "drawn numbers", "table of classes"])
@pytest.mark.parametrize("sources", ["one", "optional second"])
def test_random_windows_go_with_sources_and_labels_and_not_with_a_store(
    world: SimpleNamespace, tmp_path: Path, sources: str, labels: str
) -> None:
    data, scenes, given = _cell(world.root, sources, "stack", labels)
    scan = scan_scenes(scenes, given, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=2)
    statistics = compute_statistics(samples, scan.cells, data)
    initial = build_initial(data, _model(sources, "stack"), seed=0)
    task, loss, monitor = TASKS[data.target.per, bool(data.target.classes)]
    words: dict[str, Any] = {
        "task": task, "loss": [{"name": loss}], "monitor": monitor, "max_epochs": 1, "loader": {"batch_size": 4},
        "optimizer": {"name": "adamw", "learning_rate": 0.01}, "trainer": {"accelerator": "cpu"},
        "sampling": {"name": "random", "samples_per_epoch": 6},
    }  # fmt: skip
    labelled = initial.labelled(samples, scenes, given)
    history = fit(initial, labelled, statistics, TrainingConfig.model_validate(words), 0, tmp_path / "random").history
    assert np.isfinite(history["train/loss"]).all()
    store_chips(ChipsToStore(labelled, "packed"), tmp_path / "packed")
    packed = replace(labelled, store=open_store(tmp_path / "packed"))
    with pytest.raises(SpecError, match=r"(?i)random.*packed|packed.*random"):
        fit(initial, packed, statistics, TrainingConfig.model_validate(words), 0, tmp_path / "refused")


@pytest.mark.parametrize("labels", [*LABELS, "drawn numbers", "table of numbers"])
def test_every_change_to_chips_goes_with_every_label(world: SimpleNamespace, tmp_path: Path, labels: str) -> None:
    data, scenes, given = _cell(world.root, "optional second", "one date", labels)
    scan = scan_scenes(scenes, given, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=2)
    statistics = compute_statistics(samples, scan.cells, data)
    initial = build_initial(data, _model("optional second", "one date"), seed=0)
    task, loss, monitor = TASKS[data.target.per, bool(data.target.classes)]
    changes: list[Any] = [
        "vertical_flip", {"name": "rotate", "degrees": 30}, {"name": "crop", "smallest": 0.8}, "noise", "band_dropout",
        {"name": "drop_source", "chance": 0.3},
    ]  # fmt: skip
    changes += ["cutmix"] if data.target.per == "pixel" else []
    changes += ["mixup"] if data.target.outputs else []
    training = TrainingConfig.model_validate(
        {
            "task": task, "loss": [{"name": loss}], "monitor": monitor, "max_epochs": 2, "loader": {"batch_size": 4},
            "optimizer": {"name": "adamw", "learning_rate": 0.01}, "augmentation": changes,
            "trainer": {"accelerator": "cpu"},
        }
    )  # fmt: skip
    history = fit(initial, initial.labelled(samples, scenes, given), statistics, training, 0, tmp_path).history
    assert np.isfinite(history["train/loss"]).all()
    assert (history["train/loss"] > 0).all()


def test_drawn_labels_and_lacking_sources_are_looked_through_in_several_processes(world: SimpleNamespace) -> None:
    data, scenes, given = _cell(world.root, "optional second", "files per date", "drawn classes")
    one = scan_scenes(scenes, given, data)
    several = scan_scenes(scenes, given, data, IndexingConfig(workers=2))
    pd.testing.assert_frame_equal(one.chips, several.chips)
    pd.testing.assert_frame_equal(one.report, several.report)
    for key, cells in one.cells.items():
        assert np.array_equal(cells.answers, several.cells[key].answers)


def test_numbers_of_objects_are_refused_by_name() -> None:
    with pytest.raises(SpecError, match="numbers per object, of which no task is there yet"):
        kind_of(TargetSpec.model_validate({"per": "object", "outputs": [{"name": "height"}]}))
