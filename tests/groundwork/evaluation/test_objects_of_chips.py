"""Objects that lie close together and across chips are asked for once each, and judged as pycocotools judges them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rasterio.transform import from_origin

from groundwork.batch import Batch, Truth, collate
from groundwork.config import DataConfig
from groundwork.data.augmentation.symmetries import LEFT_RIGHT, TURNS
from groundwork.data.chips import LabelledData, known_once, labelled
from groundwork.data.scan import scan_scenes
from groundwork.evaluation.orientation import turn
from groundwork.evaluation.predictors import Predictor
from groundwork.evaluation.scores import MODEL, evaluate
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.shared import SharedFiles

NAMES = ("a", "b")
CHIP, HEIGHT, WIDTH = 64, 100, 130
#: Left, top, right and bottom edge in pixels of the scene, and the class.
Box = tuple[int, int, int, int, int]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> SimpleNamespace:
    """Two scenes of sixty boxes each, many upon each other, and many across the edges of chips."""
    root, random = tmp_path_factory.mktemp("dense"), np.random.default_rng(0)
    boxes: dict[str, list[Box]] = {}
    features = []
    for number, key in enumerate("st"):
        sides = random.integers(4, 40, (60, 2))
        corners = (random.random((60, 2)) * (np.array([WIDTH, HEIGHT]) - sides)).astype(int)
        edges = np.concatenate([corners, corners + sides, random.integers(0, 2, (60, 1))], axis=1)
        boxes[key] = sorted({(int(a), int(b), int(c), int(d), int(e)) for a, b, c, d, e in edges.tolist()})
        east = 500_000 + 20_000 * number
        pixels = random.integers(1, 1000, (2, HEIGHT, WIDTH)).astype(np.int16)
        write_raster(root / "scenes" / f"{key}.tif", pixels, transform=from_origin(east, 5_000_000, 10, 10))
        features += [
            {
                "kind": NAMES[kind],
                "geometry": shapely.box(
                    east + 10 * left, 5_000_000 - 10 * bottom, east + 10 * right, 5_000_000 - 10 * top
                ),
            }
            for left, top, right, bottom, kind in boxes[key]
        ]
    geopandas.GeoDataFrame(features, crs="EPSG:32632").to_file(root / "boxes.gpkg", engine="pyogrio")
    return SimpleNamespace(root=root, boxes=boxes)


def _data(world: SimpleNamespace, stride: int) -> LabelledData:
    classes = [{"value": 1 + index, "name": name, "color": "#000000"} for index, name in enumerate(NAMES)]
    config = DataConfig.model_validate(
        {
            "sources": {"optical": {"bands": ["A", "B"], "dtype": "int16", "nodata": None}},
            "target": {
                "per": "object", "classes": classes, "vectors": {"attribute": "kind"}, "objects": {"min_visible": 0},
            },
            "chips": {"size": CHIP, "stride": stride, "min_valid_fraction": 0},
            "split": {"method": "lists"},
        }
    )  # fmt: skip
    scenes, labels = find_rasters(world.root / "scenes", ["{key}.tif"]), SharedFiles(world.root, ("boxes.gpkg",))
    samples = scan_scenes(scenes, labels, config).chips.assign(split="test")
    return labelled(samples, scenes, labels, (config.sources, config.target))


class Guess(Predictor):
    """What lies in a chip, shaken, with some left out, some of the other class and some made up."""

    def __init__(self, data: LabelledData, boxes: Mapping[str, Sequence[Box]], shaken: float) -> None:
        self._samples, self._boxes, self._shaken = data.samples.set_index("sample_id"), boxes, shaken
        self.said: dict[str, np.ndarray] = {}

    def predict(self, batch: Batch) -> torch.Tensor:
        given = [self._of(name, number) for number, name in enumerate(batch["sample_id"], start=len(self.said))]
        most = max(map(len, given))
        return torch.stack([torch.from_numpy(np.pad(rows, ((0, most - len(rows)), (0, 0)))) for rows in given])

    def _of(self, name: str, number: int) -> np.ndarray:
        sample, random = self._samples.loc[name], np.random.default_rng(number)
        rows = []
        for *edges, kind in self._boxes[sample["scene"]]:
            shift = np.array([sample["column"], sample["row"]] * 2)
            box = (np.array(edges) - shift + random.normal(0, self._shaken, 4)).clip(0, CHIP)
            if (box[2:] - box[:2] > 2).all() and random.random() < 0.9:
                rows.append([*box, random.uniform(0.1, 1), kind if random.random() < 0.9 else 1 - kind])
        for left, top in random.random((3, 2)) * 40:
            rows.append([left, top, left + 15, top + 10, random.uniform(0.1, 1), int(random.integers(0, 2))])
        self.said[name] = np.array(rows, np.float32)
        return self.said[name]


class Judged(COCOeval):
    """As pycocotools judges, where finding some objects is neither right nor wrong, and so are boxes on some ground."""

    def _prepare(self) -> None:
        super()._prepare()
        for objects in self._gts.values():
            for entry in objects:
                entry["ignore"] = entry["elsewhere"]

    def average_precisions(self, known: Sequence[bool]) -> list[float]:
        self.params.maxDets = [1, 10, 1000]
        with contextlib.redirect_stdout(io.StringIO()):
            self.evaluate()
            for image in filter(None, self.evalImgs):
                unknown = ~np.array([known[number - 1] for number in image["dtIds"]], np.bool_)
                image["dtIgnore"] = image["dtIgnore"] | ((image["dtMatches"] == 0) & unknown)
            self.accumulate()
        return [float(self.eval["precision"][:, :, index, 0, 2].mean()) for index in range(len(NAMES))]


def _expected(data: LabelledData, world: SimpleNamespace, said: Mapping[str, np.ndarray]) -> list[float]:
    images: list[dict[str, Any]] = []
    there: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    known: list[bool] = []
    seen = {key: np.zeros((HEIGHT, WIDTH), np.bool_) for key in world.boxes}
    for number, sample in enumerate(data.samples.to_dict("records"), start=1):
        window = np.s_[sample["row"] : sample["row"] + CHIP, sample["column"] : sample["column"] + CHIP]
        counted = ~seen[sample["scene"]][window]
        seen[sample["scene"]][window] = True
        images.append({"id": number, "width": CHIP, "height": CHIP})
        for *edges, kind in world.boxes[sample["scene"]]:
            whole = np.array(edges, float) - np.array([sample["column"], sample["row"]] * 2)
            box, (column, row) = whole.clip(0, CHIP), ((whole[:2] + whole[2:]) // 2).astype(int).tolist()
            share = (box[2:] - box[:2]).prod() / (whole[2:] - whole[:2]).prod()
            if share == 0:
                continue
            here = 0 <= column < CHIP and 0 <= row < CHIP and bool(counted[row, column])
            entry = {"id": len(there) + 1, "image_id": number, "category_id": kind + 1, "iscrowd": 0}
            there.append(entry | {**_extent(box), "elsewhere": int(not here)})
        for *box, score, kind in said[sample["sample_id"]].astype(float).tolist():
            column, row = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
            known.append(bool(counted[min(row, CHIP - 1), min(column, CHIP - 1)]))
            found.append({"image_id": number, "category_id": int(kind) + 1, "score": score, **_extent(np.array(box))})
    truth = COCO()
    categories = [{"id": index, "name": name} for index, name in enumerate(NAMES, start=1)]
    truth.dataset = {"info": {}, "images": images, "annotations": there, "categories": categories}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        judged = Judged(truth, truth.loadRes(found), "bbox")
    return judged.average_precisions(known)


def _extent(box: np.ndarray) -> dict[str, Any]:
    sides = box[2:] - box[:2]
    return {"bbox": [*box[:2].tolist(), *sides.tolist()], "area": float(sides.prod())}


@pytest.mark.parametrize("stride", [64, 40])
def test_each_object_is_asked_for_once_and_judged_as_pycocotools_does(world: SimpleNamespace, stride: int) -> None:
    data = _data(world, stride)
    guess = Guess(data, world.boxes, shaken=1.0)
    scores = evaluate({MODEL: guess}, data, 3).metrics()["test"]
    there = [kind for boxes in world.boxes.values() for *_, kind in boxes]
    assert scores["objects"] == {name: there.count(index) for index, name in enumerate(NAMES)}
    expected = _expected(data, world, guess.said)
    assert 0.1 < min(expected) < 0.9
    assert list(scores["ap"].values()) == pytest.approx(expected, abs=1e-6)


def _told(batch: Batch) -> torch.Tensor:
    """Return what lies in the only chip of a batch, as rows that were found."""
    (entry,) = batch["objects"]
    scores = torch.full((len(entry["boxes"]), 1), 0.9)
    return torch.cat([entry["boxes"], scores, entry["labels"][:, None]], dim=1)[None]


def test_turned_chips_ask_for_the_same_objects(world: SimpleNamespace) -> None:
    data = _data(world, 40)
    found = [data.kind.accumulator() for _ in range(3)]
    chips = data.chips("test")
    for index in range(len(chips)):
        batch = collate([chips[index]])
        for accumulator, moved in zip(found, (batch, turn(batch, LEFT_RIGHT), turn(batch, TURNS[1])), strict=True):
            accumulator.update(Truth(known_once(moved, data.kind), moved["objects"]), _told(moved))
    counts = [accumulator.report()["objects"] for accumulator in found]
    assert counts[0] == counts[1] == counts[2]
    assert sum(counts[0].values()) == sum(map(len, world.boxes.values()))
    assert [accumulator.report()["map"] for accumulator in found] == [1, 1, 1]
