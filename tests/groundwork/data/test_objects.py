"""Objects from scenes to batches: indexed, split, packed and drawn, in both forms of labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from kedro.io import DatasetError

from fieldwork.io.coco import CocoLabelsDataset
from groundwork.audit.splits import audit_splits
from groundwork.batch import Batch, collate
from groundwork.config import DataConfig
from groundwork.config.component import ComponentConfig
from groundwork.config.training import LoaderConfig
from groundwork.data.chips import LabelledData, RasterChips, known_once, labelled
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.label_sources import Labels
from groundwork.data.packed import open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.sampling.balanced import chances_of
from groundwork.data.scan import Scan, scan_scenes
from groundwork.data.splits import assign_splits, report_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import DataError, PairingError, RasterError
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.shared import SharedFiles
from groundwork.specs import TargetSpec
from groundwork.targets.labels import IGNORE
from marked import MARKS, MarkedScenes, marked_data, pixels_of, write_marked

SCENES = {"1": 5, "11": 4, "bare": 0, "d": 6}
FORMS = ["vectors", "coco"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MarkedScenes:
    folder = tmp_path_factory.mktemp("marked")
    made = write_marked(folder / "scenes", SCENES)
    made.write_vectors(folder / "labels.gpkg", crs="EPSG:4326")
    made.write_coco(folder / "labels.json")
    return made


def _labels(made: MarkedScenes, form: str) -> Labels:
    root = made.folder.parent
    return (
        SharedFiles(root, ("labels.gpkg",))
        if form == "vectors"
        else CocoLabelsDataset(path=f"{root}/labels.json").load()
    )


def _config(form: str, *, masks: bool = False, **changes: Any) -> DataConfig:
    vectors = {"attribute": "kind"} if form == "vectors" else None
    return DataConfig.model_validate(marked_data(vectors=vectors, objects={"masks": masks}) | changes)


def _scan(made: MarkedScenes, form: str, **changes: Any) -> Scan:
    scenes = find_rasters(made.folder, ["{key}.tif"])
    return scan_scenes(scenes, _labels(made, form), _config(form, **changes))


@pytest.fixture(scope="module", params=[(form, masks) for form in FORMS for masks in (False, True)], ids=str)
def world(request: pytest.FixtureRequest, made: MarkedScenes) -> SimpleNamespace:
    """Chips of 32 x 32 pixels, four of each scene, with splits."""
    form, masks = request.param
    config, scan = _config(form, masks=masks), _scan(made, form, masks=masks)
    splits = {"1": "train", "bare": "train", "d": "val", "11": "test"}
    samples = scan.chips.assign(split=scan.chips["scene"].map(splits))
    scenes, labels = find_rasters(made.folder, ["{key}.tif"]), _labels(made, form)
    data = labelled(samples, scenes, labels, (config.sources, config.target))
    return SimpleNamespace(
        made=made, config=config, scan=scan, data=data, masks=masks, has_outlines=masks or form == "vectors"
    )


def test_each_object_is_counted_once_in_tables_and_statistics(world: SimpleNamespace) -> None:
    for rows in (world.scan.report, world.scan.chips.groupby("scene").sum(numeric_only=True).reset_index()):
        for row in rows.to_dict("records"):
            names = [mark.name for mark in world.made.marks[row["scene"]]]
            assert {name: row[f"objects_{name}"] for name in MARKS} == {name: names.count(name) for name in MARKS}
    statistics = compute_statistics(world.data.samples, world.scan.cells, world.config)
    trained = [mark.name for key in ("1", "bare") for mark in world.made.marks[key]]
    assert statistics.target.class_objects == {name: trained.count(name) for name in MARKS}


def test_a_scene_without_objects_is_known_all_over(world: SimpleNamespace) -> None:
    bare = world.scan.report.set_index("scene").loc["bare"]
    assert bare["labelled_fraction"] == 1
    assert len(world.scan.chips[world.scan.chips["scene"] == "bare"]) == 4


def test_boxes_lie_on_what_was_painted(world: SimpleNamespace) -> None:
    found = 0
    for split in ("train", "val", "test"):
        rows, chips = world.data.of_split(split), world.data.chips(split)
        for index, row in enumerate(rows.to_dict("records")):
            chip = chips[index]
            assert chip.patch.objects is not None
            boxes = chip.patch.objects.boxes.tolist()
            assert len(boxes) == len(_expected(world.made, row, world.has_outlines))
            for box in boxes:
                found += 1
                assert tuple(box) in _expected(world.made, row, world.has_outlines)
    assert found >= sum(SCENES.values())


def _expected(made: MarkedScenes, row: dict[str, Any], has_outlines: bool) -> dict[tuple[float, ...], str]:
    """Boxes of marks in a chip by hand: of which a quarter is seen, of the disc where it is known and not its box."""
    found, row_off, column_off = {}, row["row"], row["column"]
    for mark in made.marks[row["scene"]]:
        left, top, right, bottom = mark.box
        cut = (max(left - column_off, 0), max(top - row_off, 0), min(right - column_off, 32), min(bottom - row_off, 32))
        if cut[0] >= cut[2] or cut[1] >= cut[3]:
            continue
        painted = pixels_of(mark, made.size)[row_off : row_off + 32, column_off : column_off + 32]
        share = (cut[2] - cut[0]) * (cut[3] - cut[1]) / ((right - left) * (bottom - top))
        if mark.name == "disc" and has_outlines:
            share = painted.sum() / pixels_of(mark, made.size).sum()
        if share >= 0.25:
            found[tuple(map(float, cut))] = mark.name
    return found


def _batches(data: LabelledData, split: str) -> list[Batch]:
    chips = data.chips(split)
    return [
        collate([chips[index] for index in range(start, min(start + 3, len(chips)))])
        for start in range(0, len(chips), 3)
    ]


def test_packed_batches_are_those_of_the_files(tmp_path: Path, world: SimpleNamespace) -> None:
    store_chips(ChipsToStore(world.data, "packed"), tmp_path / "packed")
    packed = replace(world.data, store=open_store(tmp_path / "packed"))
    for split in ("train", "val", "test"):
        for found, expected in zip(_batches(packed, split), _batches(world.data, split), strict=True):
            assert torch.equal(found["target"], expected["target"])
            assert len(found["objects"]) == len(expected["objects"]) == len(expected["sample_id"])
            for one, other in zip(found["objects"], expected["objects"], strict=True):
                assert list(one) == list(other) == ["boxes", "labels", "centers", *(["masks"] if world.masks else [])]
                for name, part in one.items():
                    assert part.dtype == other[name].dtype
                    assert torch.equal(part, other[name])
    store_chips(ChipsToStore(world.data, "packed"), tmp_path / "again")
    for file in (tmp_path / "packed").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "again" / file.relative_to(tmp_path / "packed")).read_bytes()


def test_splits_without_any_object_are_packed_as_well(tmp_path: Path, world: SimpleNamespace) -> None:
    samples = world.data.samples[world.data.samples["scene"] == "bare"]
    bare = replace(world.data, samples=samples.assign(split="val"))
    store_chips(ChipsToStore(bare, "packed"), tmp_path / "packed")
    for batch in _batches(replace(bare, store=open_store(tmp_path / "packed")), "val"):
        assert all(entry["boxes"].shape == (0, 4) for entry in batch["objects"])
        assert all(("masks" in entry) == world.masks for entry in batch["objects"])


@pytest.fixture
def coco(tmp_path: Path, made: MarkedScenes) -> SimpleNamespace:
    """Objects in a file of this test's own, to be changed."""
    path = made.write_coco(tmp_path / "labels.json")
    labels, scenes, config = (
        CocoLabelsDataset(path=str(path)).load(),
        find_rasters(made.folder, ["{key}.tif"]),
        _config("coco"),
    )
    samples = scan_scenes(scenes, labels, config).chips.assign(split="train")
    return SimpleNamespace(path=path, data=labelled(samples, scenes, labels, (config.sources, config.target)))


def _move_one(path: Path) -> None:
    content = json.loads(path.read_text())
    content["annotations"][0]["bbox"][2] -= 0.5
    path.write_text(json.dumps(content))


def test_a_box_that_changed_since_it_was_indexed_is_noticed(coco: SimpleNamespace) -> None:
    list(map(coco.data.chips("train").__getitem__, range(16)))
    _move_one(coco.path)
    with pytest.raises(RasterError, match=r"other pixels in rows .*label for them.*The label is .*labels\.json"):
        list(map(coco.data.chips("train").__getitem__, range(16)))


def test_packed_objects_that_are_not_those_that_were_written_are_refused(tmp_path: Path, coco: SimpleNamespace) -> None:
    store_chips(ChipsToStore(coco.data, "packed"), tmp_path / "packed")
    packed = replace(coco.data, store=open_store(tmp_path / "packed"))
    _move_one(coco.path)
    list(map(packed.chips("train").__getitem__, range(16)))
    (file,) = (tmp_path / "packed/train").glob("*objects_boxes.npy")
    with file.open("r+b") as opened:
        opened.seek(-1, 2)
        opened.write(b"\x7f")
    with pytest.raises(DataError, match=r"found other bytes for the chip .*Pack the chips again"):
        list(map(packed.chips("train").__getitem__, range(16)))
    index = tmp_path / "packed/index.json"
    stated = index.read_text()
    lacking = json.loads(stated)
    del lacking["splits"]["train"]["arrays"]["objects/centers"]
    index.write_text(json.dumps(lacking))
    with pytest.raises(DataError, match=r"objects without the places of their centres.*Pack the chips again"):
        replace(packed, store=open_store(tmp_path / "packed")).chips("train")
    index.write_text(stated)
    other = replace(packed, target=TargetSpec.model_validate(coco.data.target.model_dump() | {"objects": None}))
    with pytest.raises(DataError, match=r"packed with objects = .* for the target"):
        other.chips("train")


# --- scenes and their images ----------------------------------------------------------------------------------------


def test_scenes_and_images_without_a_partner_are_listed(tmp_path: Path, made: MarkedScenes) -> None:
    content = made.coco()
    content["images"][0]["file_name"] = "0.tif"
    (tmp_path / "c.json").write_text(json.dumps(content))
    labels = CocoLabelsDataset(path=str(tmp_path / "c.json")).load()
    with pytest.raises(PairingError, match=r"1 image\(s\) in .* without a label: '1'; 1 label\(s\) .* an image: '0'"):
        scan_scenes(find_rasters(made.folder, ["{key}.tif"]), labels, _config("coco"))


def test_a_bad_annotation_spoils_its_scene_alone(tmp_path: Path, made: MarkedScenes) -> None:
    content = made.coco()
    content["annotations"][0]["bbox"] = [60, 2, 9, 4]
    (tmp_path / "c.json").write_text(json.dumps(content))
    labels = CocoLabelsDataset(path=str(tmp_path / "c.json")).load()
    with pytest.raises(DataError, match=r"1 of 4 scenes are not as declared:\n.*c\.json.*annotation 1 in '1\.tif'"):
        scan_scenes(find_rasters(made.folder, ["{key}.tif"]), labels, _config("coco"))


def test_a_file_for_each_scene(tmp_path: Path, made: MarkedScenes) -> None:
    whole, folder = made.coco(), tmp_path / "labels"
    folder.mkdir()
    for image in whole["images"]:
        own = [entry for entry in whole["annotations"] if entry["image_id"] == image["id"]]
        key = image["file_name"].removesuffix(".tif")
        (folder / f"{key}.json").write_text(json.dumps(whole | {"images": [image], "annotations": own}))
    labels = CocoLabelsDataset(path=str(folder)).load()
    found = scan_scenes(find_rasters(made.folder, ["{key}.tif"]), labels, _config("coco"))
    columns = [name for name in found.chips if name != "path_label"]
    pd.testing.assert_frame_equal(found.chips[columns], _scan(made, "coco").chips[columns])


def test_an_entry_is_read_and_not_written(tmp_path: Path) -> None:
    entry = CocoLabelsDataset(path=str(tmp_path / "c.json"), image="tiles/{key}.png")
    assert not entry.exists()
    assert entry._describe() == {"path": f"{tmp_path}/c.json", "pattern": "{key}.json", "image": "tiles/{key}.png"}
    with pytest.raises(DatasetError, match=r"c\.json: found no such file"):
        entry.load()
    with pytest.raises(DatasetError, match="holds labels, which are read and not written"):
        entry.save(42)


# --- which chips are drawn, and what is said of them ------------------------------------------------------------------


def _epoch(world: SimpleNamespace, **sampling: Any) -> list[Batch]:
    statistics = compute_statistics(world.data.samples, world.scan.cells, world.config)
    config, loader = ComponentConfig.model_validate(sampling), LoaderConfig(batch_size=4, num_workers=0)
    changes: Sequence[ComponentConfig] = [ComponentConfig(name="quarter_turns")]
    train = ChipDataModule(world.data, statistics, loader, changes, 0, config).train_dataloader()
    return list(train)


def test_windows_are_drawn_around_objects(world: SimpleNamespace) -> None:
    for batch in _epoch(world, name="around_objects", classes=["disc"], share=1.0, samples_per_epoch=12):
        assert (batch["target"][:, 0] == 1 + MARKS.index("disc")).flatten(1).any(dim=1).all()
        assert len(batch["objects"]) == len(batch["sample_id"])


def test_windows_anywhere_have_the_objects_in_them(world: SimpleNamespace) -> None:
    chips = RasterChips(world.data, world.data.of_split("train"))
    rows = world.data.of_split("train").to_dict("records")
    for index, row in enumerate(rows):
        chip = chips.read_at(index, 11, 13)
        assert chip.patch.objects is not None
        expected = _expected(world.made, row | {"row": 11, "column": 13}, world.has_outlines)
        assert set(map(tuple, chip.patch.objects.boxes.tolist())) == set(expected)
    assert _epoch(world, name="random", samples_per_epoch=4)[0]["objects"]


def test_chips_with_rare_objects_and_those_without_any_are_drawn_as_often() -> None:
    rows = [(1, 0), (3, 0), (0, 1), (0, 0), (0, 0)]
    samples = pd.DataFrame(rows, columns=["objects_square", "objects_disc"])
    target = TargetSpec.model_validate(marked_data()["target"])
    # Squares, discs and nothing are each drawn a third of the time.
    assert chances_of(samples, target, 1.0) == pytest.approx([1 / 12, 3 / 12, 4 / 12, 2 / 12, 2 / 12])


def test_balanced_draws_chips_of_objects(world: SimpleNamespace) -> None:
    batches = _epoch(world, name="balanced", samples_per_epoch=12)
    assert sum(len(batch["objects"]) for batch in batches) == 12


def test_what_an_earlier_chip_shows_is_not_asked_again(made: MarkedScenes) -> None:
    config = _config("coco", chips={"size": 32, "stride": 16})
    scan = _scan(made, "coco", chips={"size": 32, "stride": 16})
    scenes, labels = find_rasters(made.folder, ["{key}.tif"]), _labels(made, "coco")
    data = labelled(scan.chips.assign(split="val"), scenes, labels, (config.sources, config.target))
    chips = data.chips("val")
    batch = collate([chips[index] for index in range(len(chips))])
    asked = known_once(batch, data.kind)
    assert (asked[:, 1] > 0).sum() == sum(SCENES.values()), "each centre once, in whichever of the chips that show it"
    assert (asked[:, 0] == IGNORE).sum() > 0


def test_reports_and_the_audit_count_objects(world: SimpleNamespace) -> None:
    report = report_splits(world.data.samples, world.config)
    trained = [mark.name for key in ("1", "bare") for mark in world.made.marks[key]]
    assert report["splits"]["train"]["class_objects"] == {name: trained.count(name) for name in MARKS}
    assert report["splits"]["train"]["absent_classes"] == []
    found = {finding.about: finding for finding in audit_splits(world.data.samples, world.config)}
    assert found["class 'disc'"].found == "train 2 object(s), val 3 object(s), test 2 object(s)"
    assert found["class 'disc'"].level == "look", "of so few nothing is learnt"


def test_splits_are_drawn_for_objects_as_for_all_others(made: MarkedScenes) -> None:
    samples = assign_splits(_scan(made, "vectors").chips, _config("vectors").split, {}, seed=0)
    assert set(samples["split"]) == {"train", "val", "test"}
    assert np.issubdtype(samples["objects_disc"].dtype, np.integer)
