"""Objects from files to files: learnt, judged, kept, and found over scenes of any size."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rasterio.crs import CRS
from scipy import ndimage
from shapely import Polygon

from groundwork.batch import Images, collate
from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data.scan import scan_scenes
from groundwork.data.scene_stack import SceneStack
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import ComponentError, SpecError
from groundwork.evaluation.figures import draw_history, draw_panel, draw_quicklook
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.evaluation.scores import headline
from groundwork.models.assembly.detector_networks import LOSSES
from groundwork.models.interface import Model, ModelOutput
from groundwork.prediction.names import Names
from groundwork.prediction.objects import find_objects
from groundwork.prediction.provenance import was_predicted
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.scene_writing import write_prediction
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.area import Area
from groundwork.rasters.feature_writing import tags_of
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.scene import Scene
from groundwork.rasters.shared import SharedFiles
from groundwork.registry import build
from groundwork.targets.labels import IGNORE
from groundwork.targets.object_matching import overlaps
from groundwork.tasks import TASKS
from groundwork.tasks.base import Task
from groundwork.training.callbacks import SeedEachEpoch
from groundwork.training.checks import check_together, check_training
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial
from marked import MARKS, marked_data, write_marked
from stac_schemas import validate

SCENES = {f"s{number}": 6 for number in range(24)}
MODEL = {
    "factory": {"name": "object_detection", "framework": "fcos"},
    "encoder": {"name": "timm", "model": "resnet18", "out_indices": [1, 2]},
    "necks": [{"name": "fpn", "channels": 32}],
}


def model_for(**factory: Any) -> ModelConfig:
    return ModelConfig.model_validate(MODEL | {"factory": MODEL["factory"] | factory})


def training_for(**changes: Any) -> TrainingConfig:
    words = {
        "task": "object_detection",
        "max_epochs": 12,
        "loader": {"batch_size": 4},
        "loss": [{"name": "detector"}],
        "optimizer": {"name": "adamw", "learning_rate": 0.004},
        "schedule": {"name": "cosine"},
        "monitor": "val/map",
        "threads": 1,
        "trainer": {"accelerator": "cpu", "gradient_clip_val": 1.0},
    }
    return TrainingConfig.model_validate(words | changes)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Scenes of 64 pixels with squares and discs, labelled by one vector file."""
    root = tmp_path_factory.mktemp("marked")
    marked = write_marked(root / "scenes", SCENES)
    marked.write_vectors(root / "marks.gpkg")
    split = {"method": "scenes", "fractions": {"train": 0.7, "val": 0.15, "test": 0.15}}
    words = marked_data(vectors={"attribute": "kind"}) | {"chips": {"size": 64, "stride": 64}, "split": split}
    data = DataConfig.model_validate(words)
    scenes, labels = find_rasters(root / "scenes", ["{key}.tif"]), SharedFiles(root, ("marks.gpkg",))
    scan = scan_scenes(scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    statistics = compute_statistics(samples, scan.cells, data)
    return SimpleNamespace(root=root, data=data, scenes=scenes, labels=labels, samples=samples, statistics=statistics)


@pytest.fixture(scope="module")
def initial(world: SimpleNamespace) -> Bundle:
    return build_initial(world.data, model_for(), seed=0)


@pytest.fixture(scope="module")
def result(world: SimpleNamespace, initial: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = initial.labelled(world.samples, world.scenes, world.labels)
    return fit(initial, data, world.statistics, training_for(), 0, tmp_path_factory.mktemp("runs"))


def task_for(world: SimpleNamespace, bundle: Bundle, training: TrainingConfig) -> Task:
    model = bundle.config.model
    wired = (bundle.factory(), model, world.data.sources, world.data.target, training, world.statistics)
    return build(Task, TASKS, training.task, *wired)


# --- learnt, judged and kept ----------------------------------------------------------------------------------------


def test_objects_are_learnt_kept_and_judged(world: SimpleNamespace, result: Any, tmp_path: Path) -> None:
    history = result.history
    assert history["val/map_50"].max() > 0.8
    assert "val/loss" not in history, "a detector has losses in training alone"
    assert history["train/loss"].iloc[-1] < 0.6 * history["train/loss"].iloc[0]
    assert "val/map" in [line.get_label() for line in draw_history(history).axes[1].lines]
    save_bundle(result.bundle, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    data = held_out(bundle, world.samples, world.scenes, world.labels, EvaluationConfig())
    found = evaluate_model(bundle, data, world.statistics, EvaluationConfig(), seed=0)
    scores, by_scene, figure = found.scores, found.by_scene, found.figure
    assert scores["test"]["map_50"] > 0.7
    assert list(scores["baselines"]) == ["boxes_on_a_grid"], "a pixel alone is no baseline for objects"
    assert scores["test"]["map"] > 10 * scores["baselines"]["boxes_on_a_grid"]["map"]
    assert scores["test"]["objects"] == {"square": 12, "disc": 12}
    assert set(headline(scores, world.data.target)["test"]) == {"map", "map_50", "f1", "ap"}
    assert by_scene["objects"].tolist() == [6, 6, 6, 6]
    assert {"map_boxes_on_a_grid", "ap_square", "ap_disc"} <= set(by_scene.columns)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [text.rpartition(", ")[2] for text in texts] == ["12 objects", "12 objects"]
    panel = draw_panel(ModelPredictor(bundle), data, ("A", "B", "C"), 2)
    assert [axes.get_title() for axes in panel.axes[:4]] == ["image", "truth", "prediction", "error"]
    assert [text.get_text() for text in panel.legends[0].get_texts()] == [*MARKS, "right", "wrong", "missed"]


def test_scores_are_those_of_what_is_written(world: SimpleNamespace, result: Any, tmp_path: Path) -> None:
    # Each scene is one chip, and one tile.
    data = held_out(result.bundle, world.samples, world.scenes, world.labels, EvaluationConfig())
    scores = evaluate_model(result.bundle, data, world.statistics, EvaluationConfig(), seed=0).scores["test"]
    config = InferenceConfig(tile_size=64, overlap=0)
    write_predictions(Names(tmp_path), predict_scenes(result.bundle, world.scenes, config))
    truth, images, there, found = geopandas.read_file(world.root / "marks.gpkg"), [], [], []
    for number, key in enumerate(data.of_split("test")["scene"].unique(), start=1):
        with rasterio.open(world.root / "scenes" / f"{key}.tif") as raster:
            edges, inverse = shapely.box(*raster.bounds), ~raster.transform
        images.append({"id": number})
        for frame, names, kept in (
            (truth[truth.within(edges)], "kind", there),
            (geopandas.read_file(tmp_path / f"{key}_objects.gpkg"), "class", found),
        ):
            for row in frame.to_dict("records"):
                west, south, east, north = row["geometry"].bounds
                (left, top), (right, bottom) = inverse * (west, north), inverse * (east, south)
                box = [left, top, right - left, bottom - top]
                kept.append({"image_id": number, "category_id": MARKS.index(row[names]), "bbox": box,
                             "area": box[2] * box[3], "score": row.get("score", 1.0), "iscrowd": 0,
                             "id": len(kept) + 1})  # fmt: skip
    coco = COCO()
    coco.dataset = {"images": images, "annotations": there, "categories": [{"id": index} for index in range(2)]}
    coco.createIndex()
    judged = COCOeval(coco, coco.loadRes(found), "bbox")
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    assert len(there) == sum(scores["objects"].values()) == 24
    expected = [scores["map"], scores["map_50"], scores["map_75"], scores["map_small"]]
    assert judged.stats[:4].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_bundle_that_was_kept_finds_the_same(world: SimpleNamespace, result: Any, tmp_path: Path) -> None:
    save_bundle(result.bundle, tmp_path / "bundle")
    data = result.bundle.labelled(world.samples, world.scenes, world.labels)
    batch = collate([data.chips("test")[0]])
    given = [ModelPredictor(bundle).predict(batch) for bundle in (result.bundle, load_bundle(tmp_path / "bundle"))]
    assert (given[0][0, :, 4] > 0.5).any()
    assert torch.equal(*given)


def test_a_training_that_was_broken_off_goes_on_and_ends_like_an_unbroken_one(
    world: SimpleNamespace, initial: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = initial.labelled(world.samples, world.scenes, world.labels)

    def run(folder: str) -> Any:
        return fit(initial, data, world.statistics, training_for(max_epochs=2), 0, tmp_path / folder)

    unbroken, begin = run("unbroken"), SeedEachEpoch.on_train_epoch_start

    def break_off(callback: SeedEachEpoch, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise KeyError("broken off")
        begin(callback, trainer, module)

    with monkeypatch.context() as patch:
        patch.setattr(SeedEachEpoch, "on_train_epoch_start", break_off)
        with pytest.raises(KeyError):
            run("broken")
    resumed = run("broken")
    assert all(torch.equal(value, unbroken.bundle.weights[name]) for name, value in resumed.bundle.weights.items())
    pd.testing.assert_frame_equal(resumed.history, unbroken.history, check_exact=True)


# --- found in scenes ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A scene of 150 pixels, so that tiles of 64 do not end where it does."""
    root = tmp_path_factory.mktemp("large")
    marked = write_marked(root, {"wide": 24}, size=150, seed=9)
    return SimpleNamespace(scenes=find_rasters(root, ["{key}.tif"]), marked=marked, path=root / "wide.tif")


def predict(bundle: Bundle, scenes: RasterFolder, folder: Path, **config: Any) -> Path:
    words = {"tile_size": 64, "overlap": 24, "batch_size": 3} | config
    for key, stream in predict_scenes(bundle, scenes, InferenceConfig.model_validate(words)).streams:
        write_prediction(Names(folder), key, stream)
    return folder / "wide_objects.gpkg"


def in_pixels(path: Path, scenes: SimpleNamespace) -> pd.DataFrame:
    """What was written, with edges in pixels of the scene."""
    frame = geopandas.read_file(path)
    east, north = scenes.marked.origin("wide")
    bounds = frame.bounds.to_numpy()
    edges = np.stack([bounds[:, 0] - east, north - bounds[:, 3], bounds[:, 2] - east, north - bounds[:, 1]], axis=1)
    return frame.drop(columns="geometry").assign(edges=list(edges / 10))


def test_objects_are_found_over_tiles_as_in_one_pass_and_once(
    large: SimpleNamespace, result: Any, tmp_path: Path
) -> None:
    tiles = in_pixels(predict(result.bundle, large.scenes, tmp_path / "tiles"), large)
    whole = in_pixels(predict(result.bundle, large.scenes, tmp_path / "whole", tile_size=150), large)
    for name in MARKS:
        edges = np.stack(tiles[tiles["class"] == name]["edges"].to_list())
        shares = overlaps(edges, edges) - np.eye(len(edges))
        assert shares.max() < 0.51, "two boxes of a class that are one object would be one too many"
    truth = np.array([mark.box for mark in large.marked.marks["wide"]], np.float64)
    assert (tiles["score"] >= 0.5).sum() < 1.15 * len(truth), "hardly more is found than there is"
    hits = []
    for frame in (tiles, whole):
        shares = overlaps(truth, np.stack(frame[frame["score"] >= 0.5]["edges"].to_list()))
        # So small a network also learns where in a chip it looks, and draws boxes wider there.
        hits.append((shares.max(axis=1) > 0.3).sum())
    assert hits[0] >= hits[1] - 2, "tiles miss hardly anything that one pass finds"


class BrightPlaces(Model):
    """Finds what is bright in A or B: the box around what is to be seen of it in the image."""

    def set_statistics(self, mean: Any, std: Any, source: str | None = None) -> None:
        raise NotImplementedError

    def parts(self) -> dict[str, dict[str, torch.nn.Parameter]]:
        return {}

    def forward(self, images: Images) -> ModelOutput:
        found = []
        for image in images.values["optical"].numpy():
            rows = [
                [columns.start, lines.start, columns.stop, lines.stop, 0.9, label]
                for label in (0, 1)
                for lines, columns in ndimage.find_objects(ndimage.label(image[label] > 2000)[0])
            ]
            found.append(torch.tensor(rows, dtype=torch.float32).reshape(-1, 6))
        return ModelOutput(torch.nn.utils.rnn.pad_sequence(found, batch_first=True))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("tile_size", "overlap"), [(150, 0), (64, 24), (64, 16), (40, 12), (32, 4)])
def test_boxes_are_the_same_for_any_tiles_and_whatever_is_read_meanwhile(
    large: SimpleNamespace,
    initial: Bundle,
    tile_size: int,
    overlap: int,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    config = InferenceConfig(tile_size=tile_size, overlap=overlap, batch_size=5)
    with SceneStack({"optical": (large.path,)}, initial.config.inputs) as stack:
        layer = find_objects(BrightPlaces(), stack, initial, config)
    marks = large.marked.marks["wide"]
    expected = sorted((mark.name, *map(float, mark.box)) for mark in marks)
    found = zip(layer.columns["class"], layer.shapes, strict=True)
    # Rows of a raster count downwards, as boxes do.
    assert sorted((name, *shape.bounds) for name, shape in found) == expected


def test_a_prediction_is_a_layer_of_boxes_that_says_where_it_comes_from(
    large: SimpleNamespace, result: Any, tmp_path: Path
) -> None:
    path = predict(result.bundle, large.scenes, tmp_path)
    frame = geopandas.read_file(path)
    assert frame.crs.to_epsg() == 32632
    assert list(frame.columns) == ["class", "value", "score", "geometry"]
    assert set(zip(frame["class"], frame["value"], strict=True)) == {("square", 1), ("disc", 2)}
    assert frame["score"].between(0.05, 1).all()
    tags = tags_of(path)
    assert tags["GROUNDWORK_INPUT"] == "wide"
    assert tags["GROUNDWORK_MODEL"] == "object_detection + timm resnet18"
    assert tags["GROUNDWORK_TILES"] == "size 64, overlap 24"
    assert was_predicted(path)
    before = path.read_bytes()
    predict(result.bundle, large.scenes, tmp_path)
    assert path.read_bytes() == before, "the same prediction is the same bytes"


def test_a_prediction_replaces_what_another_model_said_of_the_scene(
    large: SimpleNamespace, result: Any, tmp_path: Path
) -> None:
    with rasterio.open(large.path) as scene:
        profile = scene.profile | {"count": 1, "dtype": "uint8", "nodata": 255}
    for name, tags in (("wide_classes.tif", {"GROUNDWORK_MODEL": "x"}), ("wide_numbers.tif", {})):
        with rasterio.open(tmp_path / name, "w", **profile) as raster:
            raster.update_tags(**tags)
    predict(result.bundle, large.scenes, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"wide_objects.gpkg", "wide_objects.qml", "wide_numbers.tif"}


def test_nothing_is_found_on_ground_without_data(large: SimpleNamespace, result: Any, tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    with rasterio.open(large.path) as scene:
        values, profile, names = scene.read(), scene.profile, scene.descriptions
    values[:, :, 75:] = -9999
    with rasterio.open(tmp_path / "scenes/wide.tif", "w", **profile) as half:
        half.write(values)
        half.descriptions = names
    scenes = find_rasters(tmp_path / "scenes", ["{key}.tif"])
    edges = np.stack(in_pixels(predict(result.bundle, scenes, tmp_path / "found"), large)["edges"].to_list())
    assert (edges[:, [0, 2]].mean(axis=1) < 75).all()
    values[:] = -9999
    with rasterio.open(tmp_path / "scenes/wide.tif", "w", **profile) as empty:
        empty.write(values)
        empty.descriptions = names
    assert geopandas.read_file(predict(result.bundle, scenes, tmp_path / "empty")).empty


def test_a_quicklook_shows_the_boxes_over_the_scene(
    world: SimpleNamespace, large: SimpleNamespace, result: Any, tmp_path: Path
) -> None:
    path = predict(result.bundle, large.scenes, tmp_path)
    with Scene((large.path,), world.data.sources["optical"]) as scene:
        figure = draw_quicklook(scene, path, world.data.target, ("A", "B", "C"))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*MARKS], "nothing is compared with labels"
    image, drawn = (np.asarray(axes.images[0].get_array()) for axes in figure.axes)
    assert drawn.shape == (300, 300, 3), "small scenes are enlarged, so that lines do not hide them"
    colored = (drawn == world.data.target.classes[0].rgb).all(axis=2)
    assert colored.any()
    assert not (image == world.data.target.classes[0].rgb).all(axis=2).any()


# --- losses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", ["faster-rcnn", "retinanet", "fcos"])
def test_the_loss_is_the_weighted_sum_of_the_detector_s_own(world: SimpleNamespace, framework: str) -> None:
    bundle = build_initial(world.data, model_for(framework=framework), seed=0)
    batch = collate([bundle.labelled(world.samples, world.scenes, world.labels).chips("train")[0]])
    first = LOSSES[framework][0]  # type: ignore[index]
    weighted = [{"name": "detector", "weight": 0.5, "weights": {first: 3.0}}]
    task = task_for(world, bundle, training_for(loss=weighted)).train()
    torch.manual_seed(0)
    given = task(batch)
    assert set(given.losses) == set(LOSSES[framework]), (
        "their names are stated, so that weights can be held against them"
    )  # type: ignore[index]
    expected = 0.5 * (sum(given.losses.values()) + 2 * given.losses[first])
    assert task.criterion(given, batch).item() == pytest.approx(expected.item(), rel=1e-6)


def test_ground_that_nobody_knows_is_not_shown_to_the_detector(world: SimpleNamespace, initial: Bundle) -> None:
    task = task_for(world, initial, training_for()).train()
    batch = collate([initial.labelled(world.samples, world.scenes, world.labels).chips("train")[0]])
    seen: list[Any] = []

    def note(images: Any, _: Any) -> ModelOutput:
        seen.append(images)
        return ModelOutput(torch.zeros(1, 0, 6), losses={"classification": torch.zeros(())})

    batch["target"][:, :, :, 40:] = IGNORE
    task.model.forward = note  # type: ignore[method-assign, assignment]
    task(batch)
    valid = seen[0].valid["optical"]
    assert valid[..., :40].all()
    assert not valid[..., 40:].any()


# --- what does not go together --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ({"name": "dice"}, r"training.loss: Unknown component 'dice'.* Known: \['detector'\]"),
        ({"name": "detectr"}, r"Unknown component 'detectr'. Did you mean 'detector'"),
        (
            {"name": "detector", "weights": {"loss_mesk": 1}},
            r"names the loss 'loss_mesk', which the detector does not have. Did you mean 'loss_mask'",
        ),
        ({"name": "detector", "weights": {"loss_mask": -1}}, r"'detector' cannot be built"),
    ],
)
def test_losses_that_a_detector_does_not_have_are_refused(
    world: SimpleNamespace, loss: dict[str, Any], message: str
) -> None:
    with pytest.raises((ComponentError, SpecError), match=message):
        check_training(training_for(loss=[loss]), world.data.target)


def test_a_loss_of_another_detector_is_refused_once_the_model_is_known(world: SimpleNamespace, initial: Bundle) -> None:
    training = training_for(loss=[{"name": "detector", "weights": {"loss_mask": 2}}])
    check_training(training, world.data.target)
    with pytest.raises(SpecError, match=r"Known: \['classification', 'bbox_regression', 'bbox_ctrness'\]"):
        task_for(world, initial, training)


def test_the_loss_of_the_validation_split_is_no_score_here(world: SimpleNamespace) -> None:
    with pytest.raises(ComponentError, match=r"'val/loss', which is not measured.* Known: \['val/map', 'val/map_50'"):
        check_training(training_for(monitor="val/loss"), world.data.target)


def test_tasks_and_targets_that_do_not_fit_are_refused(world: SimpleNamespace) -> None:
    pixels = world.data.target.model_copy(update={"per": "pixel", "objects": None})
    with pytest.raises(SpecError, match="This task finds objects of classes"):
        check_together(training_for(), model_for(), pixels)
    segmentation = training_for(task="semantic_segmentation", loss=[{"name": "cross_entropy"}], monitor="val/miou")
    with pytest.raises(SpecError, match="This task learns classes per pixel"):
        check_together(segmentation, model_for(), world.data.target)
    branch = {"edges": {"decoder": {"name": "fcn"}}}
    with pytest.raises(SpecError, match="auxiliary"):
        check_together(training_for(), ModelConfig.model_validate(MODEL | {"auxiliary": branch}), world.data.target)


def test_models_and_targets_that_do_not_fit_are_refused(world: SimpleNamespace) -> None:
    other = {"encoder": MODEL["encoder"], "decoder": {"name": "fcn"}}
    with pytest.raises(SpecError, match=r"'factory: object_detection'"):
        build_initial(world.data, ModelConfig.model_validate(other), seed=0)
    pixels = world.data.model_copy(update={"target": world.data.target.model_copy(update={"per": "pixel"})})
    with pytest.raises(SpecError, match="finds classes of objects: set the target's 'per: object'"):
        build_initial(pixels, model_for(), seed=0)


def test_outlines_are_asked_for_where_a_detector_learns_from_them(world: SimpleNamespace) -> None:
    bundle = build_initial(world.data, model_for(framework="mask-rcnn"), seed=0)
    with pytest.raises(SpecError, match=r"'data.target.objects.masks: true'"):
        task_for(world, bundle, training_for())


def test_probabilities_of_pixels_are_refused(large: SimpleNamespace, result: Any) -> None:
    with pytest.raises(SpecError, match=r"'inference.probabilities' would say something of each pixel"):
        predict_scenes(result.bundle, large.scenes, InferenceConfig(probabilities=True))


def test_objects_of_an_area_are_those_whose_centre_lies_in_it(
    large: SimpleNamespace, initial: Bundle, result: Any, tmp_path: Path
) -> None:
    east, north = large.marked.origin("wide")
    corners = [(20, 10), (130, 10), (130, 60), (70, 140), (20, 140)]
    outline = shapely.Polygon([(east + 10 * x, north - 10 * y) for x, y in corners])
    config = InferenceConfig(tile_size=40, overlap=12, batch_size=5)
    with SceneStack({"optical": (large.path,)}, initial.config.inputs) as stack:
        part = Area(outline, CRS.from_epsg(32632), "here").on(stack.grid)
        assert part is not None
        stack.limit_to(part, 40)
        layer = find_objects(BrightPlaces(), stack, initial, config)
    # An object that the box around the area cuts is found as what is left of it.
    marks = [mark for mark in large.marked.marks["wide"] if Polygon(corners).intersects(mark.outline)]
    found = layer.frame()
    edges = {(east + 10 * left, north - 10 * bottom) for left, _, _, bottom in (mark.box for mark in marks)}
    inner = [mark for mark in marks if Polygon(corners).buffer(-20).contains(mark.outline)]
    assert 2 < len(inner) <= len(found) <= len(marks)
    whole = {(shape.bounds[0], shape.bounds[1]) for shape in found.geometry}
    assert {(east + 10 * mark.box[0], north - 10 * mark.box[3]) for mark in inner} <= whole & edges
    config = InferenceConfig(tile_size=64, overlap=24, batch_size=3)
    area = Area(outline, CRS.from_epsg(32632), "here")
    write_predictions(Names(tmp_path), predict_scenes(result.bundle, large.scenes, config, area))
    item = json.loads((tmp_path / "wide_item.json").read_text())
    validate(item)
    assert set(item["assets"]) == {"objects", "objects_qml"}
    frame = geopandas.read_file(tmp_path / "wide_objects.gpkg")
    assert len(frame) > 0
    assert frame.centroid.within(outline.buffer(10)).all()
