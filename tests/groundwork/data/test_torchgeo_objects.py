"""Sets of objects that TorchGeo reads, in their official layouts: boxes, masks and the corners of turned boxes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from affine import Affine
from pycocotools import mask as coco_mask
from rasterio.windows import Window
from torch.utils.data import Dataset

from groundwork.batch import Objects, Patch
from groundwork.config.torchgeo import TorchGeoConfig
from groundwork.config.training import LoaderConfig
from groundwork.data.torchgeo.importing import SamplesToImport, import_samples
from groundwork.data.torchgeo.module import TorchGeoData
from groundwork.errors import DataError
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.grid import Grid
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource
from torchgeo_sets import AIRPLANE, QUIET, SHIP, SIDE, write_fair1m, write_vhr10

MakeSpec = Callable[..., RasterSpec]
pytestmark = QUIET
SPLITS = ("train", "val", "test")


def _target(*, masks: bool = True, **classes: int) -> TargetSpec:
    named = [{"value": value, "name": name, "color": "#000000"} for name, value in classes.items()]
    return TargetSpec.model_validate({"per": "object", "classes": named, "objects": {"masks": masks}})


def _vhr10(root: Path, **changes: Any) -> TorchGeoConfig:
    module = {"name": "torchgeo.datamodules.VHR10DataModule", "root": str(root), "batch_size": 2, "patch_size": SIDE}
    return TorchGeoConfig.model_validate({"datamodule": module} | changes)


def _inputs(make_spec: MakeSpec) -> dict[str, RasterSpec]:
    return {"aerial": make_spec("RED", "GREEN", "BLUE", dtype="float32", nodata=None)}


def _read(folder: Path, name: str, target: TargetSpec) -> Objects:
    """The objects of an imported sample, as data_prep and training read them."""
    labels = find_rasters(folder / "labels", ["{key}.json"])
    grid, window = Grid(None, Affine.identity(), SIDE, SIDE), Window(0, 0, SIDE, SIDE)
    with kind_of(target).open_label(LabelSource(labels.paths(name), key=name), grid) as label:
        valid = np.ones((SIDE, SIDE), np.bool_)
        found = label.with_objects(window, Patch({}, {"aerial": valid}, label.read(window))).objects
    assert found is not None
    return found


def _decoded(entry: dict[str, Any]) -> np.ndarray:
    return coco_mask.decode(coco_mask.frPyObjects(entry["segmentation"], SIDE, SIDE))[..., 0]


def test_vhr10_is_imported_with_the_masks_that_its_annotations_have(tmp_path: Path, make_spec: MakeSpec) -> None:
    annotations = write_vhr10(tmp_path / "set")
    target = _target(airplane=AIRPLANE, ships=SHIP)
    import_samples(SamplesToImport(_vhr10(tmp_path / "set"), _inputs(make_spec), target, seed=0), tmp_path / "made")
    lists = {split: (tmp_path / f"made/lists/{split}.txt").read_text().split() for split in SPLITS}
    assert {split: len(names) for split, names in lists.items()} == {"train": 6, "val": 2, "test": 2}
    # TorchGeo divides at random: which image a sample is says the place of its airplane.
    seen = []
    for name in (name for names in lists.values() for name in names):
        found = _read(tmp_path / "made", name, target)
        assert sorted(found.labels.tolist()) == [0, 1]
        airplane = found.labels.tolist().index(0)
        number = int(found.boxes[airplane, 0]) - 6
        seen.append(number)
        assert found.masks is not None
        expected = [_decoded(entry) for entry in annotations[number]]
        assert np.array_equal(found.masks[airplane], expected[0])
        assert np.array_equal(found.masks[1 - airplane], expected[1])
    assert sorted(seen) == list(range(10)), "each image once, in one split"


def test_vhr10_gives_the_same_objects_without_an_import(tmp_path: Path, make_spec: MakeSpec) -> None:
    annotations = write_vhr10(tmp_path)
    target = _target(airplane=AIRPLANE, ships=SHIP)
    data = TorchGeoData(_vhr10(tmp_path), _inputs(make_spec), target, LoaderConfig(batch_size=2), seed=0)
    for batch in data.val_dataloader():
        for objects in batch["objects"]:
            airplane = objects["labels"].tolist().index(0)
            number = int(objects["boxes"][airplane, 0]) - 6
            assert np.array_equal(objects["masks"][airplane].numpy(), _decoded(annotations[number][0]))


def test_turned_boxes_of_fair1m_are_what_their_corners_enclose(tmp_path: Path, make_spec: MakeSpec) -> None:
    turned = [(20.0, 10.0), (30.0, 20.0), (20.0, 30.0), (10.0, 20.0), (20.0, 10.0)]
    # Half of it lies beyond the right edge of the image.
    beyond = [(60.0, 40.0), (68.0, 40.0), (68.0, 48.0), (60.0, 48.0), (60.0, 40.0)]
    write_fair1m(tmp_path / "set", {str(number): [("Bus", turned), ("Warship", beyond)] for number in range(3)})
    dataset = {"name": "torchgeo.datasets.FAIR1M", "root": str(tmp_path / "set"), "split": "train"}
    words = {"datasets": dict.fromkeys(SPLITS, dataset), "objects": {"masks": None}}
    config, target = TorchGeoConfig.model_validate(words), _target(warship=8, bus=10)
    import_samples(SamplesToImport(config, _inputs(make_spec), target, seed=0), tmp_path / "made")
    found = _read(tmp_path / "made", "test_00000001", target)
    by_class = dict(zip(found.labels.tolist(), range(2), strict=True))
    assert found.boxes[by_class[1]].tolist() == [10, 10, 30, 30]
    assert found.boxes[by_class[0]].tolist() == [60, 40, 64, 48]
    assert found.masks is not None
    assert found.masks[by_class[1]].sum() == pytest.approx(200, abs=20), "a square that stands on its corner"
    assert found.masks[by_class[0]].sum() == 32
    boxes_alone = _target(masks=False, warship=8, bus=10)
    data = TorchGeoData(config, _inputs(make_spec), boxes_alone, LoaderConfig(batch_size=1), seed=0)
    (objects,) = next(iter(data.test_dataloader()))["objects"]
    assert sorted(objects["boxes"].tolist()) == [[10, 10, 30, 30], [60, 40, 64, 48]]


class Said(Dataset[Any]):
    """One sample, whose objects are told by what a test has put here."""

    objects: dict[str, torch.Tensor] = {}  # noqa: RUF012 - each test puts its own

    def __len__(self) -> int:
        return 1

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {"image": torch.zeros(3, SIDE, SIDE), **self.objects}


def _import_said(folder: Path, make_spec: MakeSpec, *, masks: bool = True) -> None:
    words = {"datasets": {split: {"name": f"{__name__}.Said"} for split in SPLITS}}
    target = _target(masks=masks, ship=1)
    samples = SamplesToImport(TorchGeoConfig.model_validate(words), _inputs(make_spec), target, seed=0)
    import_samples(samples, folder)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (torch.zeros(2, 5), r"'bbox_xyxy' has the shape \(2, 5\); expected \(objects, 4\)"),
        (torch.zeros(2, 3, 2), r"'bbox_xyxy' has the shape \(2, 3, 2\)"),
        (
            torch.tensor([[[70.0, 1.0], [80.0, 1.0], [80.0, 9.0], [70.0, 9.0]]]),
            r"corners \[\[70.0, 1.0\].* of object 0 enclose nothing within the image of 64 x 64",
        ),
        (torch.full((1, 8), 5.0), "enclose nothing"),
    ],
)
def test_boxes_of_other_forms_are_refused(
    tmp_path: Path, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, boxes: torch.Tensor, message: str
) -> None:
    monkeypatch.setattr(Said, "objects", {"bbox_xyxy": boxes, "label": torch.ones(len(boxes), dtype=torch.long)})
    with pytest.raises(DataError, match="Sample train_00000000: " + message if "'" in message else message):
        _import_said(tmp_path / "made", make_spec, masks=False)
    assert not (tmp_path / "made").exists()


def test_a_mask_without_a_pixel_is_not_known(
    tmp_path: Path, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    masks = torch.zeros(2, SIDE, SIDE)
    masks[0, 4:8, 4:10] = 1
    boxes = torch.tensor([[4.0, 4.0, 10.0, 8.0], [20.0, 20.0, 30.0, 30.0]])
    monkeypatch.setattr(Said, "objects", {"bbox_xyxy": boxes, "label": torch.ones(2, dtype=torch.long), "mask": masks})
    with caplog.at_level(logging.WARNING):
        _import_said(tmp_path / "made", make_spec)
    assert "train_00000000: 1 mask(s) without a pixel" in caplog.text
    found = _read(tmp_path / "made", "train_00000000", _target(ship=1))
    assert found.boxes.tolist() == [[4, 4, 10, 8]]
    assert found.masks is not None
    assert found.masks.sum() == 24
    wrong = {"bbox_xyxy": boxes, "label": torch.ones(2, dtype=torch.long), "mask": masks[:, 1:]}
    monkeypatch.setattr(Said, "objects", wrong)
    with pytest.raises(DataError, match=r"'mask' has the shape \(2, 63, 64\); expected \(2, 64, 64\)"):
        _import_said(tmp_path / "again", make_spec)
