"""Data that TorchGeo reads trains our models: files in its own layout, its own classes, our batches."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from lightning import Trainer
from PIL import Image
from pydantic import ValidationError
from rasterio.transform import from_origin

from groundwork.batch import Batch
from groundwork.bundle import build_factory
from groundwork.config import ModelConfig, TrainingConfig
from groundwork.config.torchgeo import ObjectKeys, TorchGeoConfig
from groundwork.config.training import LoaderConfig
from groundwork.data.torchgeo.module import TorchGeoData, classes_of
from groundwork.errors import ComponentError, DataError, SpecError
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.tasks.classification import ClassificationTask
from groundwork.tasks.object_detection import ObjectDetectionTask
from groundwork.tasks.segmentation import SemanticSegmentationTask

Write = Callable[..., Path]
UTM = "EPSG:32618"
SOLAR = "torchgeo.datasets.SolarPlantsBrazil"
TWO = TargetSpec.model_validate(
    {
        "classes": [
            {"value": 0, "name": "other", "color": "#000000"},
            {"value": 1, "name": "solar", "color": "#ffffff"},
        ]
    }
)
LOADER = LoaderConfig(batch_size=2)


@pytest.fixture(scope="module")
def solar(tmp_path_factory: pytest.TempPathFactory, write_raster: Write) -> Path:
    """Files in the layout of the Solar Plants Brazil data set: 5 training images, 2 of each other split."""
    root, random = tmp_path_factory.mktemp("solar"), np.random.default_rng(0)
    for split, count in (("train", 5), ("val", 2), ("test", 2)):
        for number in range(count):
            label = random.integers(0, 2, (64, 64)).astype(np.float32)
            image = random.normal(500, 100, (4, 64, 64)).astype(np.float32) + 1000 * label
            write_raster(root / split / "input" / f"img({number}).tif", image)
            write_raster(root / split / "labels" / f"target({number}).tif", label)
    return root


@pytest.fixture(scope="module")
def four_bands(make_spec: Callable[..., RasterSpec]) -> dict[str, RasterSpec]:
    return {"optical": make_spec("RED", "GREEN", "BLUE", "NIR", dtype="float32", nodata=None)}


def _solar(root: Path, **changes: Any) -> TorchGeoConfig:
    datasets = {split: {"name": SOLAR, "root": str(root), "split": split} for split in ("train", "val", "test")}
    return TorchGeoConfig.model_validate({"datasets": datasets} | changes)


def _step(data: TorchGeoData, model: ModelConfig, training: TrainingConfig) -> dict[str, float]:
    """Train one step with our task, validate and test; return what was logged."""
    statistics = data.compute_statistics()
    task = SemanticSegmentationTask(build_factory(model), model, data.inputs, data.target, training, statistics)
    for source, spec in data.inputs.items():
        bands = statistics.of_bands(source, spec)
        task.model.set_statistics([band.mean for band in bands], [band.std for band in bands], source)
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    trainer = Trainer(
        max_epochs=1,
        limit_train_batches=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(task, datamodule=data)
    after = task.model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    logged = dict(trainer.callback_metrics)
    trainer.test(task, datamodule=data, verbose=False)
    return {name: float(value) for name, value in {**logged, **trainer.callback_metrics}.items()}


#: TorchGeo's datamodules import kornia, which still scripts some functions.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script. is deprecated")
quiet = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*treespec", "ignore:.*in eval mode")


# --- datasets that are chips already --------------------------------------------------------------------------------


def test_a_dataset_gives_our_batches(solar: Path, four_bands: dict[str, RasterSpec]) -> None:
    data = TorchGeoData(_solar(solar), four_bands, TWO, LOADER, seed=0)
    batches: list[Batch] = list(data.val_dataloader())
    assert [batch["sample_id"] for batch in batches] == [["00000000", "00000001"]]

    for number in range(2):
        with rasterio.open(solar / f"val/input/img({number}).tif") as image:
            assert np.array_equal(batches[0]["images"]["optical"][number].numpy(), image.read()), "raw values"
        with rasterio.open(solar / f"val/labels/target({number}).tif") as label:
            assert np.array_equal(batches[0]["target"][number].numpy(), label.read(1))
    assert batches[0]["valid"]["optical"].all()


def test_training_samples_come_in_an_order_of_seed_and_epoch_and_never_alone(
    solar: Path, four_bands: dict[str, RasterSpec]
) -> None:
    def order(seed: int, epoch: int) -> list[list[str]]:
        loader = TorchGeoData(_solar(solar), four_bands, TWO, LOADER, seed).train_dataloader()
        loader.batch_sampler.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        return [batch["sample_id"] for batch in loader]

    assert order(0, 0) == order(0, 0)
    assert [len(batch) for batch in order(0, 0)] == [2, 2], "the fifth would be alone"
    assert len({str(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) > 3


@quiet
def test_a_dataset_trains_a_step_of_our_task(
    solar: Path,
    four_bands: dict[str, RasterSpec],
    model_config: ModelConfig,
    make_training: Callable[..., TrainingConfig],
) -> None:
    data = TorchGeoData(_solar(solar), four_bands, TWO, LOADER, seed=0)
    statistics = data.compute_statistics()
    pixels, labels = [], []
    for number in range(5):
        with rasterio.open(solar / f"train/input/img({number}).tif") as image:
            pixels.append(image.read().reshape(4, -1))
        with rasterio.open(solar / f"train/labels/target({number}).tif") as label:
            labels.append(label.read(1).ravel())
    queried = sorted({query for batch in data._readings["train"].batches for query in batch})
    held = np.concatenate([pixels[index] for index in queried], axis=1).astype(float)
    for index, name in enumerate(("RED", "GREEN", "BLUE", "NIR")):
        assert statistics.sources["optical"][name].mean == pytest.approx(held[index].mean())
        assert statistics.sources["optical"][name].std == pytest.approx(held[index].std())
    ones = int(sum(labels[index].sum() for index in queried))
    assert statistics.target.class_pixels == {"other": held.shape[1] - ones, "solar": ones}
    logged = _step(data, model_config, make_training())
    assert {"train/loss", "val/loss", "val/miou", "test/miou"} <= set(logged)
    assert all(np.isfinite(value) for value in logged.values())


@quiet
def test_a_datamodule_trains_a_step_of_our_task(
    solar: Path,
    four_bands: dict[str, RasterSpec],
    model_config: ModelConfig,
    make_training: Callable[..., TrainingConfig],
) -> None:
    module = {"name": "torchgeo.datamodules.SolarPlantsBrazilDataModule", "root": str(solar), "batch_size": 2}
    data = TorchGeoData(TorchGeoConfig.model_validate({"datamodule": module}), four_bands, TWO, LOADER, seed=0)
    batch: Batch = next(iter(data.test_dataloader()))
    assert batch["images"]["optical"].mean() > 500, "values are not standardised twice"
    logged = _step(data, model_config, make_training())
    assert np.isfinite(logged["val/loss"])


@quiet
def test_a_pair_of_dates_trains_a_step(
    tmp_path: Path,
    make_spec: Callable[..., RasterSpec],
    make_training: Callable[..., TrainingConfig],
) -> None:
    random = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for number in range(2):
            changed = np.kron(random.integers(0, 2, (4, 4), dtype=np.uint8), np.ones((8, 8), np.uint8))
            before = random.integers(0, 100, (32, 32, 3), dtype=np.uint8)
            after = before + np.uint8(150) * changed[..., None]
            for folder, picture in (("A", before), ("B", after), ("label", changed * 255)):
                (tmp_path / folder).mkdir(exist_ok=True)
                Image.fromarray(picture).save(tmp_path / folder / f"{split}_{number}.png")
    datasets = {
        split: {"name": "torchgeo.datasets.LEVIRCD", "root": str(tmp_path), "split": split}
        for split in ("train", "val", "test")
    }
    layout = {"dtype": "float32", "nodata": None, "steps": 2, "layout": "steps_first"}
    inputs = {"aerial": make_spec("RED", "GREEN", "BLUE", **layout)}
    data = TorchGeoData(TorchGeoConfig.model_validate({"datasets": datasets}), inputs, TWO, LOADER, seed=0)
    batch: Batch = next(iter(data.test_dataloader()))
    first, second = batch["images"]["aerial"].unbind(dim=2)
    assert ((second - first) == 150 * batch["target"][:, None]).all(), "the later date is the second step"
    encoder = {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}
    model = ModelConfig.model_validate(
        {
            "encoder": {"name": "per_date", "encoder": encoder, "pooling": "difference"},
            "decoder": {"name": "fcn", "channels": 8},
        }
    )
    assert np.isfinite(_step(data, model, make_training())["val/loss"])


# --- datasets that know where they lie ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, write_raster: Write) -> Path:
    """NAIP images and the Cropland Data Layer in their own layouts; each split has an image of its own ground."""
    root, random = tmp_path_factory.mktemp("ground"), np.random.default_rng(0)
    for number, split in enumerate(("train", "val", "test")):
        east = 400_000 + 5000 * number
        label = np.kron(random.choice([1, 5], (10, 10)), np.ones((12, 12))).astype(np.uint8)
        image = random.normal(100, 5, (4, 120, 120)) + 20.0 * label
        place = {"crs": UTM, "transform": from_origin(east, 4_300_000, 30, 30)}
        write_raster(root / split / "naip" / "m_3807511_ne_18_060_20190605.tif", image.astype(np.uint8), **place)
        write_raster(root / split / "cdl" / "2019_30m_cdls.tif", label, **place)
    return root


#: What the layer calls them; all else is 0.
CORN_AND_SOYBEANS: dict[str, Any] = {"years": [2019], "classes": [0, 1, 5]}


def _ground(root: Path, **changes: Any) -> TorchGeoConfig:
    datasets = {
        split: [
            {"name": "torchgeo.datasets.NAIP", "paths": str(root / split / "naip")},
            {"name": "torchgeo.datasets.CDL", "paths": str(root / split / "cdl")} | CORN_AND_SOYBEANS,
        ]
        for split in ("train", "val", "test")
    }
    return TorchGeoConfig.model_validate({"datasets": datasets, "chip_size": 32, "length": 6} | changes)


CROPS = TargetSpec.model_validate(
    {
        "classes": [
            {"value": 1, "name": "corn", "color": "#ffd300"},
            {"value": 2, "name": "soybeans", "color": "#267000"},
        ],
        "ignore_value": 0,
    }
)


@quiet
def test_images_and_labels_are_joined_on_the_ground_and_train_a_step(
    ground: Path,
    make_spec: Callable[..., RasterSpec],
    model_config: ModelConfig,
    make_training: Callable[..., TrainingConfig],
) -> None:
    inputs = {"naip": make_spec("RED", "GREEN", "BLUE", "NIR", dtype="uint8", nodata=None)}
    data = TorchGeoData(_ground(ground), inputs, CROPS, LOADER, seed=0)
    batches: list[Batch] = list(data.train_dataloader())
    assert [len(batch["sample_id"]) for batch in batches] == [2, 2, 2]
    for batch in batches:
        corn = (batch["target"] == 0)[:, None].expand(-1, 4, -1, -1)
        values = batch["images"]["naip"]
        assert values.shape[-2:] == (32, 32)
        assert values[corn].mean() == pytest.approx(120, abs=2)
        assert values[(batch["target"] == 1)[:, None].expand(-1, 4, -1, -1)].mean() == pytest.approx(200, abs=2)
    # A grid of 4 x 4 windows covers 120 pixels.
    assert sum(len(batch["sample_id"]) for batch in data.val_dataloader()) == 16
    logged = _step(data, model_config, make_training())
    assert np.isfinite(logged["train/loss"])


def test_windows_are_drawn_from_seed_and_epoch(ground: Path, make_spec: Callable[..., RasterSpec]) -> None:
    inputs = {"naip": make_spec("RED", "GREEN", "BLUE", "NIR", dtype="uint8", nodata=None)}

    def names(seed: int, epoch: int) -> list[str]:
        loader = TorchGeoData(_ground(ground), inputs, CROPS, LOADER, seed).train_dataloader()
        loader.batch_sampler.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        torch.rand(3)
        return [name for batch in loader for name in batch["sample_id"]]

    assert names(0, 0) == names(0, 0) != names(0, 1) != names(1, 1)


def test_splits_that_share_ground_are_warned_of(
    ground: Path, make_spec: Callable[..., RasterSpec], caplog: pytest.LogCaptureFixture
) -> None:
    inputs = {"naip": make_spec("RED", "GREEN", "BLUE", "NIR", dtype="uint8", nodata=None)}
    with caplog.at_level(logging.WARNING):
        TorchGeoData(_ground(ground), inputs, CROPS, LOADER, 0)
    assert "share ground" not in caplog.text
    config = _ground(ground).model_dump(mode="json")
    config["datasets"]["test"] = config["datasets"]["train"]
    with caplog.at_level(logging.WARNING):
        TorchGeoData(TorchGeoConfig.model_validate(config), inputs, CROPS, LOADER, 0)
    assert "The datasets of 'train' and 'test' share ground" in caplog.text


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "one of both"),
        ({"datamodule": "a.B", "chip_size": 3}, "are for 'datasets'"),
        ({"datamodule": "a.B", "datasets": {"train": "a.B", "val": "a.B", "test": "a.B"}}, "one of both"),
    ],
)
def test_configurations_that_mean_nothing_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TorchGeoConfig.model_validate(words)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"keys": {"radar": "image"}}, SpecError, r"'keys' must name the image of each source: it names \['radar'\]"),
        ({"keys": {"optical": "img"}}, DataError, r"no tensor 'img'; they have \['image', 'mask'\]"),
        ({"target_key": "label"}, DataError, "no tensor 'label'"),
        ({"datamodule": "torchgeo.datamodules.Nothing", "datasets": None}, ComponentError, "cannot be imported"),
        ({"datamodule": SOLAR, "datasets": None}, ComponentError, "which is no LightningDataModule"),
        (
            {"datamodule": {"name": "torchgeo.datamodules.SolarPlantsBrazilDataModule", "root": "x"}, "datasets": None},
            DataError,
            "datamodule: Dataset not found",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    solar: Path, four_bands: dict[str, RasterSpec], changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        next(iter(TorchGeoData(_solar(solar, **changes), four_bands, TWO, LOADER, 0).val_dataloader()))


def test_bands_and_classes_are_held_against_the_samples(
    solar: Path, four_bands: dict[str, RasterSpec], make_spec: Callable[..., RasterSpec]
) -> None:
    three = {"optical": make_spec("RED", "GREEN", "BLUE", dtype="float32", nodata=None)}
    with pytest.raises(DataError, match=r"has the shape \(4, 64, 64\); expected \(3,\) channels"):
        next(iter(TorchGeoData(_solar(solar), three, TWO, LOADER, 0).val_dataloader()))
    strict = CROPS.model_copy(update={"ignore_value": None})
    with pytest.raises(DataError, match=r"the label holds \[0\], which no class declares"):
        next(iter(TorchGeoData(_solar(solar), four_bands, strict, LOADER, 0).val_dataloader()))


def _debris(root: Path, boxes: list[list[list[float]]]) -> TorchGeoConfig:
    """Write images and boxes in the layout of NASA's Marine Debris, bright in the boxes."""
    for folder in ("source", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number, found in enumerate(boxes):
        pixels = np.random.default_rng(number).integers(0, 60, (3, 64, 64), dtype=np.uint8)
        for left, top, right, bottom in found:
            pixels[:, int(top) : int(bottom), int(left) : int(right)] += 180
        with rasterio.open(
            root / f"source/{number:03d}.tif", "w", driver="GTiff", count=3, height=64, width=64, dtype="uint8",
            crs="EPSG:4326", transform=from_origin(20, 40, 1e-4, 1e-4),
        ) as raster:  # fmt: skip
            raster.write(pixels)
        rows = np.array([[*edges, 1.0] for edges in found]).reshape(-1, 5)
        np.save(root / f"labels/{number:03d}.npy", rows)
    module = {"name": "torchgeo.datamodules.NASAMarineDebrisDataModule", "root": str(root), "batch_size": 2}
    return TorchGeoConfig.model_validate({"datamodule": module, "objects": {"labels": None}})


DEBRIS = TargetSpec.model_validate({"per": "object", "classes": [{"value": 1, "name": "debris", "color": "#e31a1c"}]})


@quiet
def test_boxes_are_learnt_by_their_own_datamodule(
    tmp_path: Path, make_spec: Callable[..., RasterSpec], make_training: Callable[..., TrainingConfig]
) -> None:
    boxes = [[[4.0 + number, 8.0, 20.0 + number, 24.0], [40.0, 30.0, 52.0, 50.0]] for number in range(9)] + [[]]
    inputs = {"planet": make_spec("RED", "GREEN", "BLUE", dtype="float32", nodata=None)}
    data = TorchGeoData(_debris(tmp_path, boxes), inputs, DEBRIS, LOADER, seed=0)
    batch: Batch = next(iter(data.train_dataloader()))
    for image, target, objects in zip(batch["images"]["planet"], batch["target"], batch["objects"], strict=True):
        for left, top, right, bottom in objects["boxes"].int().tolist():
            assert (image[:, top:bottom, left:right] >= 180).all(), "boxes lie on what is bright"
            assert (target[0, top:bottom, left:right] == 1).all()
        assert int((target[1] > 0).sum()) == len(objects["boxes"])
        assert objects["labels"].tolist() == [0] * len(objects["boxes"])
    statistics = data.compute_statistics()
    model = ModelConfig.model_validate(
        {
            "encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]},
            "factory": {"name": "object_detection", "framework": "fcos"},
            "necks": [{"name": "fpn", "channels": 32}],
        }
    )
    training = make_training(task="object_detection", loss=[{"name": "detector"}], monitor="val/map")
    task = ObjectDetectionTask(build_factory(model), model, inputs, DEBRIS, training, statistics)
    bands = statistics.of_bands("planet", inputs["planet"])
    task.model.set_statistics([band.mean for band in bands], [band.std for band in bands], "planet")
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, datamodule=data)
    assert 0 <= trainer.test(task, datamodule=data, verbose=False)[0]["test/map"] <= 1


def test_objects_are_held_against_the_samples(tmp_path: Path, make_spec: Callable[..., RasterSpec]) -> None:
    inputs = {"planet": make_spec("RED", "GREEN", "BLUE", dtype="float32", nodata=None)}
    config = _debris(tmp_path, [[[4.0, 8.0, 20.0, 24.0]]] * 10)
    two = TWO.model_copy(update={"per": "object"})
    with pytest.raises(DataError, match=r"'objects.labels' is null, and the target has 2 classes: name the key"):
        next(iter(TorchGeoData(config, inputs, two, LOADER, 0).val_dataloader()))
    other = config.model_copy(update={"objects": ObjectKeys(boxes="boxes", labels=None)})
    with pytest.raises(DataError, match=r"has no tensor 'boxes'; it has \['bbox_xyxy', 'image'\]. Say in 'objects'"):
        next(iter(TorchGeoData(other, inputs, DEBRIS, LOADER, 0).val_dataloader()))
    without = config.model_copy(update={"objects": ObjectKeys(boxes="boxes", labels=None, without="no_objects")})
    batch: Batch = next(iter(TorchGeoData(without, inputs, DEBRIS, LOADER, 0).val_dataloader()))
    assert [len(objects["boxes"]) for objects in batch["objects"]] == [0, 0]
    beyond = _debris(tmp_path / "beyond", [[[4.0, 8.0, 70.0, 24.0]]] * 10)
    with pytest.raises(DataError, match=r"box 0 is \[4.0, 8.0, 70.0, 24.0\].*expected 0 <= left < right <= 64"):
        next(iter(TorchGeoData(beyond, inputs, DEBRIS, LOADER, 0).val_dataloader()))


@quiet
def test_eurosat_is_learnt_by_its_own_datamodule(
    tmp_path: Path,
    write_raster: Write,
    make_spec: Callable[..., RasterSpec],
    make_training: Callable[..., TrainingConfig],
) -> None:
    random, folder = np.random.default_rng(0), tmp_path / "ds/images/remote_sensing/otherDatasets/sentinel_2/tif"
    for split, numbers in (("train", range(4)), ("val", range(4, 6)), ("test", range(6, 8))):
        names = [f"{name}_{number}.tif" for name in ("Forest", "River") for number in numbers]
        (tmp_path / f"eurosat-{split}.txt").write_text("\n".join(names).replace(".tif", ".jpg"))
        for name in names:
            level = 300 if name.startswith("River") else 2000
            image = random.normal(level, 100, (13, 64, 64)).clip(0).astype(np.uint16)
            write_raster(folder / name.partition("_")[0] / name, image)
    module = {"name": "torchgeo.datamodules.EuroSATDataModule", "root": str(tmp_path), "batch_size": 4}
    inputs = {"optical": make_spec(*(f"B{number:02d}" for number in range(1, 14)), dtype="float32", nodata=None)}
    config = TorchGeoConfig.model_validate({"datamodule": module, "target_key": "label"})
    data = TorchGeoData(config, inputs, None, LOADER, seed=0)
    assert data.target.names == ("Forest", "River")
    assert data.target.per == "image"
    training = make_training(task="classification", loss=[{"name": "cross_entropy"}], monitor="val/f1")
    statistics = data.compute_statistics()
    assert statistics.target.class_pixels == {"Forest": 4, "River": 4}
    model = ModelConfig.model_validate({"encoder": {"name": "timm", "model": "test_resnet"}})
    task = ClassificationTask(build_factory(model), model, inputs, data.target, training, statistics)
    bands = statistics.of_bands("optical", inputs["optical"])
    task.model.set_statistics([band.mean for band in bands], [band.std for band in bands], "optical")
    trainer = Trainer(
        max_epochs=15, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, datamodule=data)
    assert trainer.test(task, datamodule=data, verbose=False)[0]["test/f1"] == 1


def test_classes_are_those_that_the_dataset_names() -> None:
    class Inner:
        classes = ("water", "land")

    class Part:
        dataset = Inner()

    found = classes_of(Part())
    assert found.names == ("water", "land")
    assert found.label_values == {0: 0, 1: 1}
    with pytest.raises(DataError, match="object does not name its classes: declare the target"):
        classes_of(object())
