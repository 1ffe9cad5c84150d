"""Samples of TorchGeo become rasters, labels and lists: the same pixels, on the same ground."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from PIL import Image
from rasterio.transform import from_origin
from rasterio.windows import Window
from torch.utils.data import Dataset

from groundwork.batch import Patch
from groundwork.config.torchgeo import TorchGeoConfig
from groundwork.data.label_table import read_label_table
from groundwork.data.torchgeo.importing import SamplesToImport, import_samples
from groundwork.errors import DataError, SpecError
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.grid import Grid
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource
from torchgeo_sets import QUIET

Write = Callable[..., Path]
pytestmark = QUIET


def _classes(*names: str, **changes: Any) -> TargetSpec:
    classes = [{"value": value, "name": name, "color": "#000000"} for value, name in enumerate(names)]
    return TargetSpec.model_validate({"classes": classes} | changes)


def _lists(folder: Path) -> dict[str, list[str]]:
    return {path.stem: path.read_text().split() for path in sorted((folder / "lists").iterdir())}


def test_windows_of_joined_datasets_lie_where_they_were_cut(
    tmp_path: Path, write_raster: Write, make_spec: Callable[..., RasterSpec]
) -> None:
    random, wholes = np.random.default_rng(0), {}
    for number, split in enumerate(("train", "val", "test")):
        place = {"crs": "EPSG:32618", "transform": from_origin(400_000 + 5000 * number, 4_300_000, 30, 30)}
        wholes[split] = random.integers(1, 200, (4, 64, 64), dtype=np.uint8)
        label = random.choice([1, 5], (64, 64)).astype(np.uint8)
        write_raster(tmp_path / split / "naip" / "m_3807511_ne_18_060_20190605.tif", wholes[split], **place)
        write_raster(tmp_path / split / "cdl" / "2019_30m_cdls.tif", label, **place)
    options: dict[str, Any] = {"years": [2019], "classes": [0, 1, 5]}
    datasets = {
        split: [
            {"name": "torchgeo.datasets.NAIP", "paths": str(tmp_path / split / "naip")},
            {"name": "torchgeo.datasets.CDL", "paths": str(tmp_path / split / "cdl")} | options,
        ]
        for split in wholes
    }
    config = TorchGeoConfig.model_validate({"datasets": datasets, "chip_size": 32, "length": 3})
    inputs = {"naip": make_spec("RED", "GREEN", "BLUE", "NIR", dtype="float32", nodata=None)}
    samples = SamplesToImport(config, inputs, _classes("other", "corn", "soybeans"), seed=4)
    import_samples(samples, tmp_path / "made")
    lists = _lists(tmp_path / "made")
    assert {split: len(names) for split, names in lists.items()} == {"test": 4, "train": 3, "val": 4}
    for split, names in lists.items():
        with rasterio.open(tmp_path / split / "naip" / "m_3807511_ne_18_060_20190605.tif") as whole:
            for name in names:
                with rasterio.open(tmp_path / f"made/scenes/naip/{name}.tif") as part:
                    assert (part.crs, part.res, part.shape) == (whole.crs, (30, 30), (32, 32))
                    assert part.descriptions == ("RED", "GREEN", "BLUE", "NIR")
                    if split != "train":  # windows of a grid lie on whole pixels; random ones are resampled by TorchGeo
                        assert np.array_equal(part.read(), whole.read(window=whole.window(*part.bounds)))
                with rasterio.open(tmp_path / f"made/labels/{name}.tif") as label:
                    assert label.dtypes == ("uint8",)
                    assert set(np.unique(label.read())) <= {0, 1, 2}
                    assert label.bounds == part.bounds
    before = {path.name: path.read_bytes() for path in (tmp_path / "made/scenes/naip").iterdir()}
    import_samples(samples, tmp_path / "made")
    assert {path.name: path.read_bytes() for path in (tmp_path / "made/scenes/naip").iterdir()} == before


def test_a_pair_of_dates_is_a_stack(tmp_path: Path, make_spec: Callable[..., RasterSpec]) -> None:
    random = np.random.default_rng(0)
    pixels: dict[str, list[np.ndarray[Any, Any]]] = {}
    for split in ("train", "val", "test"):
        pixels[split] = [random.integers(0, 255, (16, 16, 3), dtype=np.uint8) for _ in range(2)]
        changed = random.integers(0, 2, (16, 16), dtype=np.uint8) * 255
        for folder, picture in zip(("A", "B", "label"), (*pixels[split], changed), strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(picture).save(tmp_path / folder / f"{split}_1.png")
    datasets = {split: {"name": "torchgeo.datasets.LEVIRCD", "root": str(tmp_path), "split": split} for split in pixels}
    config = TorchGeoConfig.model_validate({"datasets": datasets})
    for layout, bands in (("steps_first", (0, 1, 2, 3, 4, 5)), ("bands_first", (0, 3, 1, 4, 2, 5))):
        aerial = make_spec("RED", "GREEN", "BLUE", dtype="float32", nodata=None, steps=2, layout=layout)
        import_samples(SamplesToImport(config, {"aerial": aerial}, _classes("same", "changed"), 0), tmp_path / layout)
        with rasterio.open(tmp_path / layout / "scenes/aerial/val_00000000.tif") as raster:
            stacked = np.concatenate([part.transpose(2, 0, 1) for part in pixels["val"]]).astype(np.float32)
            assert np.array_equal(raster.read(), stacked[list(bands)])


class Levels(Dataset[dict[str, Any]]):
    """Images of one level, and what is said of each as a whole."""

    def __init__(self, labels: list[float]) -> None:
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {"image": torch.full((1, 8, 8), float(number)), "label": torch.tensor(self._labels[number])}


def _levels(*labels: float) -> TorchGeoConfig:
    dataset = {"name": f"{__name__}.Levels", "labels": list(labels)}
    return TorchGeoConfig.model_validate(
        {"datasets": dict.fromkeys(("train", "val", "test"), dataset), "target_key": "label"}
    )


def test_what_is_said_of_images_stands_in_a_table(tmp_path: Path, make_spec: Callable[..., RasterSpec]) -> None:
    inputs = {"grey": make_spec("GREY", dtype="float32", nodata=None)}
    import_samples(
        SamplesToImport(_levels(1, 0), inputs, _classes("low", "high", per="image"), 0), tmp_path / "classes"
    )
    rows = read_label_table(tmp_path / "classes/labels.csv", "key").rows
    assert {key: row["class"] for key, row in rows.items() if key.startswith("val")} == {
        "val_00000000": "1",
        "val_00000001": "0",
    }
    numbers = TargetSpec.model_validate({"outputs": [{"name": "height", "minimum": 0, "maximum": 9}], "per": "image"})
    import_samples(SamplesToImport(_levels(1.5, 0.25), inputs, numbers, 0), tmp_path / "numbers")
    table = read_label_table(tmp_path / "numbers/labels.csv", "key").rows
    assert [table[f"test_0000000{number}"]["height"] for number in range(2)] == ["1.5", "0.25"]
    with rasterio.open(tmp_path / "numbers/scenes/grey/test_00000001.tif") as raster:
        assert (raster.read() == 1).all()


class Marked(Dataset[dict[str, Any]]):
    """Images with boxes, the second without any."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> dict[str, Any]:
        boxes = torch.tensor([[1.0, 2.0, 5.0, 6.0], [3.0, 3.0, 8.0, 7.0]]) if number == 0 else torch.zeros(0, 4)
        return {"image": torch.zeros(1, 8, 8), "bbox_xyxy": boxes, "label": torch.tensor([7, 9][: len(boxes)])}


def test_boxes_become_annotations(tmp_path: Path, make_spec: Callable[..., RasterSpec]) -> None:
    inputs = {"grey": make_spec("GREY", dtype="float32", nodata=None)}
    datasets = {split: {"name": f"{__name__}.Marked"} for split in ("train", "val", "test")}
    classes = [{"value": value, "name": name, "color": "#000000"} for value, name in ((9, "ship"), (7, "buoy"))]
    target = TargetSpec.model_validate({"per": "object", "classes": classes})
    import_samples(
        SamplesToImport(TorchGeoConfig.model_validate({"datasets": datasets}), inputs, target, 0), tmp_path / "made"
    )
    labels = find_rasters(tmp_path / "made/labels", ["{key}.json"])
    grid = Grid(None, Affine.identity(), 8, 8)
    with kind_of(target).open_label(LabelSource(labels.paths("val_00000000"), key="val_00000000"), grid) as label:
        window = Window(0, 0, 8, 8)
        read = label.with_objects(window, Patch({}, {"grey": np.ones((8, 8), bool)}, label.read(window)))
    assert read.objects is not None
    found = dict(zip(read.objects.labels.tolist(), read.objects.boxes.tolist(), strict=True))
    assert found == {1: [1, 2, 5, 6], 0: [3, 3, 8, 7]}
    assert json.loads((tmp_path / "made/labels/test_00000001.json").read_text())["annotations"] == []


def test_what_cannot_be_written_is_refused(tmp_path: Path, make_spec: Callable[..., RasterSpec]) -> None:
    inputs = {"grey": make_spec("GREY", dtype="float32", nodata=None)}
    with pytest.raises(DataError, match=r"Sample train_00000000: the label has the shape \(\), which does not fit"):
        import_samples(SamplesToImport(_levels(1), inputs, _classes("low", "high"), 0), tmp_path / "made")
    assert not (tmp_path / "made").exists(), "whole, or not at all"
    wrong = _levels(1).model_copy(update={"keys": {"other": "image"}})
    with pytest.raises(SpecError, match=r"'keys' must name the image of each source: it names \['other'\]"):
        import_samples(SamplesToImport(wrong, inputs, _classes("low", "high"), 0), tmp_path / "made")
    two = TargetSpec.model_validate(
        {"outputs": [{"name": name, "minimum": 0, "maximum": 9} for name in ("a", "b")], "per": "image"}
    )
    with pytest.raises(DataError, match=r"Sample train_00000000: the label holds 1 values; expected 2: \['a', 'b'\]"):
        import_samples(SamplesToImport(_levels(1), inputs, two, 0), tmp_path / "made")
