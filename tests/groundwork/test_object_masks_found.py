"""Outlines of objects from files to files: learnt, judged, and found over scenes of any size, each once and whole."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import torch
from scipy import ndimage

from groundwork.batch import Images
from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data.scan import scan_scenes
from groundwork.data.scene_stack import SceneStack
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.evaluation.figures import draw_panel, draw_quicklook
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.models.interface import Model, ModelOutput
from groundwork.prediction.names import Names
from groundwork.prediction.objects import find_objects
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.scene_writing import write_prediction
from groundwork.prediction.stac_model import task_of
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.scene import Scene
from groundwork.rasters.shared import SharedFiles
from groundwork.targets.object_masks import join_cells
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial
from marked import marked_data, pixels_of, write_marked

SCENES = {f"s{number}": 5 for number in range(8)}
MODEL = {
    "factory": {"name": "object_detection", "framework": "mask-rcnn", "most": 10},
    "encoder": {"name": "timm", "model": "resnet18", "out_indices": [1, 2]},
    "necks": [{"name": "fpn", "channels": 32}],
}
TRAINING = {
    "task": "object_detection", "max_epochs": 4, "loader": {"batch_size": 2}, "loss": [{"name": "detector"}],
    "optimizer": {"name": "adamw", "learning_rate": 0.001}, "schedule": {"name": "cosine"},
    "monitor": "val/mask_map", "threads": 1, "trainer": {"accelerator": "cpu", "gradient_clip_val": 1.0},
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    root = tmp_path_factory.mktemp("marked")
    write_marked(root / "scenes", SCENES).write_vectors(root / "marks.gpkg")
    split = {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}}
    words = marked_data(vectors={"attribute": "kind"}, objects={"masks": True})
    data = DataConfig.model_validate(words | {"chips": {"size": 64, "stride": 64}, "split": split})
    scenes, labels = find_rasters(root / "scenes", ["{key}.tif"]), SharedFiles(root, ("marks.gpkg",))
    scan = scan_scenes(scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    statistics = compute_statistics(samples, scan.cells, data)
    return SimpleNamespace(data=data, scenes=scenes, labels=labels, samples=samples, statistics=statistics)


@pytest.fixture(scope="module")
def initial(world: SimpleNamespace) -> Bundle:
    return build_initial(world.data, ModelConfig.model_validate(MODEL), seed=0)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A scene of 150 pixels, so that tiles of 64 do not end where it does."""
    root = tmp_path_factory.mktemp("large")
    marked = write_marked(root, {"wide": 24}, size=150, seed=9)
    return SimpleNamespace(scenes=find_rasters(root, ["{key}.tif"]), marked=marked, path=root / "wide.tif")


class BrightPixels(Model):
    """Finds what is bright in A or B: the box around what is to be seen of it, and its very pixels."""

    def set_statistics(self, mean: Any, std: Any, source: str | None = None) -> None:
        raise NotImplementedError

    def parts(self) -> dict[str, dict[str, torch.nn.Parameter]]:
        return {}

    def forward(self, images: Images) -> ModelOutput:
        given = [self._found(image) for image in images.values["optical"].numpy()]
        return ModelOutput(torch.nn.utils.rnn.pad_sequence(given, batch_first=True))

    def _found(self, image: np.ndarray) -> torch.Tensor:
        rows = [torch.zeros(0, 6 + 28 * 28)]
        for label in (0, 1):
            numbers, _ = ndimage.label(image[label] > 2000)
            for number, (lines, columns) in enumerate(ndimage.find_objects(numbers), start=1):
                seen = torch.from_numpy((numbers[lines, columns] == number).astype(np.float32))
                # The cell of a box has the value of the pixel in which its centre lies.
                down, across = (((torch.arange(28) + 0.5) / 28 * length).long() for length in seen.shape)
                box = torch.tensor([[columns.start, lines.start, columns.stop, lines.stop, 0.9, label]]).float()
                rows.append(join_cells(box, seen[down][:, across][None]))
        return torch.cat(rows)


def test_an_item_says_what_the_model_does(world: SimpleNamespace) -> None:
    target = world.data.target
    assert task_of("answers", target) == "instance-segmentation"
    assert task_of("answers", target.model_copy(update={"objects": None})) == "object-detection"


@pytest.mark.parametrize(("tile_size", "overlap"), [(150, 0), (64, 24), (40, 12), (32, 4)])
def test_outlines_are_whole_and_there_once_for_any_tiles(
    large: SimpleNamespace, initial: Bundle, tile_size: int, overlap: int
) -> None:
    config = InferenceConfig(tile_size=tile_size, overlap=overlap, batch_size=5)
    with SceneStack({"optical": (large.path,)}, initial.config.inputs) as stack:
        layer = find_objects(BrightPixels(), stack, initial, config)
    marks = large.marked.marks["wide"]
    assert len(layer.shapes) == len(marks)
    # Cells are no pixels: up to two of a disc's smallest rim are told otherwise.
    for mark in marks:
        pixels = pixels_of(mark, 150)
        found = [shape for shape in layer.shapes if shape.intersects(mark.outline)]
        assert len(found) == 1, mark
        drawn = rasterio.features.rasterize(found, pixels.shape).astype(bool)
        assert (drawn & pixels).sum() / (drawn | pixels).sum() > 0.9, mark
        if mark.name == "square":
            assert found[0].equals(shapely.box(*mark.box)), mark
    # The scene lies in UTM, whose areas are the ground's to a thousandth.
    pixels_each = [shape.area for shape in layer.shapes]
    assert np.allclose(layer.columns["area_m2"], np.array(pixels_each) * layer.grid.pixel_size**2, rtol=1e-6)


def test_outlines_hold_no_ground_without_data(large: SimpleNamespace, initial: Bundle, tmp_path: Path) -> None:
    mark = next(mark for mark in large.marked.marks["wide"] if mark.name == "square" and mark.box[2] - mark.box[0] > 8)
    left, top, right, bottom = mark.box
    with rasterio.open(large.path) as scene:
        values, profile, names = scene.read(), scene.profile, scene.descriptions
    # Bright, but of a pixel that another band says nothing of.
    values[2, top : top + 2, left:right] = -9999
    with rasterio.open(tmp_path / "wide.tif", "w", **profile) as part:
        part.write(values)
        part.descriptions = names
    with SceneStack({"optical": (tmp_path / "wide.tif",)}, initial.config.inputs) as stack:
        layer = find_objects(BrightPixels(), stack, initial, InferenceConfig(tile_size=150, overlap=0))
    (shape,) = [shape for shape in layer.shapes if shape.intersects(mark.outline)]
    assert shape.equals(shapely.box(left, top + 2, right, bottom))


def test_outlines_are_trained_on_judged_and_written(
    world: SimpleNamespace, initial: Bundle, large: SimpleNamespace, tmp_path: Path
) -> None:
    # How well they are learnt says the recipe 'object_masks', as it takes minutes.
    data = initial.labelled(world.samples, world.scenes, world.labels)
    result = fit(initial, data, world.statistics, TrainingConfig.model_validate(TRAINING), 0, tmp_path / "runs")
    assert result.history["train/loss"].iloc[-1] < 0.8 * result.history["train/loss"].iloc[0]
    assert {"val/map", "val/mask_map", "val/mask_ap_disc"} <= set(result.history)
    save_bundle(result.bundle, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    judged = held_out(bundle, world.samples, world.scenes, world.labels, EvaluationConfig())
    found = evaluate_model(bundle, judged, world.statistics, EvaluationConfig(), seed=0)
    assert {"mask_map", "mask_map_50", "mask_ap"} <= set(found.scores["test"])
    assert found.scores["baselines"]["boxes_on_a_grid"]["mask_map"] is not None
    assert {"mask_ap_square", "mask_ap_disc"} <= set(found.by_scene.columns)
    assert draw_panel(ModelPredictor(bundle), judged, ("A", "B", "C"), 2).axes

    asked = InferenceConfig.model_validate({"tile_size": 64, "overlap": 24, "batch_size": 3, "augment": "flips"})
    for key, stream in predict_scenes(bundle, large.scenes, asked).streams:
        write_prediction(Names(tmp_path / "found"), key, stream)
    path = tmp_path / "found/wide_objects.gpkg"
    frame = geopandas.read_file(path)
    assert len(frame)
    assert frame.crs.to_epsg() == 32632
    assert list(frame.columns) == ["class", "value", "score", "area_m2", "geometry"]
    east, north = large.marked.origin("wide")
    assert frame.within(shapely.box(east, north - 1500, east + 1500, north)).all()
    # Along the edges of pixels of 10 m.
    corners = shapely.get_coordinates(frame.geometry) - [east, north]
    assert np.allclose(corners / 10, np.round(corners / 10))
    with Scene((large.path,), bundle.config.inputs["optical"]) as scene:
        figure = draw_quicklook(scene, path, bundle.config.target, ("A", "B", "C"))
    assert len(figure.axes) == 2
