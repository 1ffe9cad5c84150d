"""Several classes of each image: from a table through training, thresholds and evaluation to a map."""

from __future__ import annotations

import json
from collections.abc import Callable
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
from rasterio.transform import from_origin
from rasterio.windows import Window
from sklearn.metrics import f1_score

from groundwork.batch import collate
from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data.label_table import read_label_table
from groundwork.data.packed import specs_of
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import ComponentError, SpecError
from groundwork.evaluation.figures import draw_panel, draw_quicklook
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.prediction.names import Names
from groundwork.prediction.scene import Predictions, predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.area import Area
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.grid import Grid
from groundwork.rasters.scene import Scene
from groundwork.rasters.stream import RasterStream
from groundwork.rasters.writing import write_rasters
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource
from groundwork.targets.labels import IGNORE
from groundwork.training.checks import check_together, check_training
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial
from groundwork.training.thresholds import choose_threshold, with_thresholds
from stac_schemas import validate

NAMES = ("water", "forest", "field", "town")
COLORS = ("#0000ff", "#00aa00", "#ffcc00", "#c51b1b")
CLASSES = [
    {"value": index + 1, "name": name, "color": color}
    for index, (name, color) in enumerate(zip(NAMES, COLORS, strict=True))
]
MEANS = np.array([[300, 500, 3000], [800, 3500, 400], [3600, 900, 1200], [3000, 3000, 3000]])
MODEL = ModelConfig.model_validate(
    {
        "encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]},
        "auxiliary": {"side": {"decoder": {"name": "identity"}}},
    }
)
LISTED = {"per": "image", "multi_label": True, "classes": CLASSES, "column": "covers", "separator": ";"}
COLUMNS = {"per": "image", "multi_label": True, "classes": CLASSES}


def classes_of(number: int) -> list[int]:
    """Return which classes a scene is of: those of the bits of its number, and most of them show a town."""
    return [index for index in range(3) if number >> index & 1] + ([3] if number not in {1, 3, 7, 9, 11} else [])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> SimpleNamespace:
    """Sixteen scenes that show some of the classes, in stripes; of scene 5 nobody knows whether it has a field."""
    root = tmp_path_factory.mktemp("sets")
    rows = []
    for number in range(16):
        random, present = np.random.default_rng(number), classes_of(number)
        image = np.full((3, 40, 48), 1500.0)
        for index in present:
            image[:, :, index::6] = MEANS[index][:, None, None]
        image += random.normal(0, 100, image.shape)
        image[:, :4, :4] = -9999
        place = from_origin(500_000 + 1000 * number, 5_000_000, 10, 10)
        write_raster(root / "scenes" / f"{number:03d}.tif", image.astype(np.int16), transform=place, nodata=-9999)
        told = {name: int(index in present) for index, name in enumerate(NAMES)}
        told |= {"field": None} if number == 5 else {}
        rows.append({"scene": f"{number:03d}", "covers": ";".join(NAMES[index] for index in present)} | told)
    pd.DataFrame(rows).to_csv(root / "labels.csv", index=False)
    words: dict[str, Any] = {
        "sources": {"optical": {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999}},
        "target": COLUMNS,
        "chips": {"size": 32, "stride": 16},
        "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
    }
    data = DataConfig.model_validate(words)
    scenes, table = find_rasters(root / "scenes", ["{key}.tif"]), read_label_table(root / "labels.csv", "scene")
    scan = scan_scenes(scenes, table, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=2)
    return SimpleNamespace(
        root=root, data=data, scenes=scenes, table=table, samples=samples,
        statistics=compute_statistics(samples, scan.cells, data),
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(
    world: SimpleNamespace, make_training: Callable[..., TrainingConfig], tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("run")
    training = make_training(
        task="multi_label", monitor="val/map", max_epochs=6, auxiliary_loss={"side": 0.3},
        loss=[{"name": "binary_cross_entropy", "positive_weights": "inverse_sqrt"}],
    )  # fmt: skip
    initial = build_initial(world.data, MODEL, seed=0)
    chips = initial.labelled(world.samples, world.scenes, world.table)
    result = fit(initial, chips, world.statistics, training, 0, folder / "runs")
    save_bundle(result.bundle, folder / "bundle")
    bundle = load_bundle(folder / "bundle")
    judged = held_out(bundle, world.samples, world.scenes, world.table, EvaluationConfig())
    found = evaluate_model(bundle, judged, world.statistics, EvaluationConfig(), seed=0)
    scores, by_scene, figure = found.scores, found.by_scene, found.figure
    return SimpleNamespace(
        folder=folder, bundle=bundle, judged=judged, scores=scores, by_scene=by_scene, figure=figure,
        history=result.history,
    )  # fmt: skip


def test_several_classes_are_learnt_and_judged_beside_baselines(run: SimpleNamespace, world: SimpleNamespace) -> None:
    model, baselines = run.scores["test"], run.scores["baselines"]
    assert model["map"] > 0.95
    share = world.samples[world.samples["split"] == "test"].filter(like="fraction_").mean()
    # Who says the same of all images has the share of each class as its average precision.
    assert list(baselines["class_share"]["ap"].values()) == pytest.approx(share.tolist(), abs=1e-6)
    assert baselines["pixel_regression"]["map"] > baselines["class_share"]["map"]
    # Thresholds were chosen for the scores of the model.
    assert set(baselines["class_share"]["threshold"].values()) == {0.5}
    # Chips are counted, also those that overlap, and never their pixels.
    assert run.by_scene["images"].sum() == (world.samples["split"] == "test").sum()
    assert {"map", "map_class_share", "map_pixel_regression", "f1_micro"} <= set(run.by_scene.columns)
    assert {"val/map", "val/ap_water", "val/auroc_town", "train/loss_side"} <= set(run.history.columns)


def test_what_nobody_knows_is_left_out_of_tables_and_statistics(world: SimpleNamespace) -> None:
    unknown = world.samples.set_index("scene").loc["005"]
    assert unknown["fraction_field"].isna().all()
    assert unknown["fraction_town"].eq(1).all()
    known = world.statistics.target.known_pixels
    assert known["field"] < known["water"] or "005" not in set(world.samples.query("split == 'train'")["scene"])


def test_thresholds_are_chosen_on_val_and_kept_in_the_bundle(run: SimpleNamespace, world: SimpleNamespace) -> None:
    stated = json.loads((run.folder / "bundle/bundle.json").read_text())["target"]["classes"]
    thresholds = {entry["name"]: entry["threshold"] for entry in stated}
    assert run.scores["test"]["threshold"] == pytest.approx(thresholds, abs=1e-6)
    chips, predictor = run.judged.chips("val"), ModelPredictor(run.bundle)
    scores = torch.cat([predictor.predict(collate([chips[index]])) for index in range(len(chips))]).sigmoid().numpy()
    truth = np.array([np.asarray(chips[index].patch.target).max(axis=(1, 2)) for index in range(len(chips))])
    for index, name in enumerate(NAMES):
        known = truth[:, index] != IGNORE
        is_so, given = truth[known, index], scores[known, index]
        if len(set(is_so)) == 1:
            assert thresholds[name] == 0.5
            continue
        best = max(f1_score(is_so, given >= cut) for cut in given)
        assert f1_score(is_so, given >= thresholds[name]) == pytest.approx(best)
    # What the bundle adds to the target is no other reading of labels: chips that were packed before stay good.
    plain = world.data.target
    assert specs_of(world.data.sources, run.bundle.config.target) == specs_of(world.data.sources, plain)


@pytest.mark.parametrize(
    ("truth", "given", "expected"),
    [
        ([1, 1, 0, 0], [0.9, 0.8, 0.4, 0.1], 0.6),
        ([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], 0.4),
        # Both 0.85 and 0.25 part as well: the one nearer to 0.5.
        ([1, 0, 1, 0, 0, 0], [0.9, 0.8, 0.6, 0.3, 0.2, 0.1], 0.45),
        ([0, 1], [0.9, 0.2], 0.1),
        ([1, 1], [0.9, 0.8], None),
        ([0, 0], [0.9, 0.8], None),
    ],
)
def test_a_threshold_lies_where_f1_is_best(truth: list[int], given: list[float], expected: float | None) -> None:
    found = choose_threshold(torch.tensor(truth), torch.tensor(given, dtype=torch.float64))
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_class_that_val_lacks_gets_an_even_threshold_and_a_stated_one_stays(
    run: SimpleNamespace, world: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    samples = world.samples.copy()
    samples.loc[samples["split"] == "val", "split"] = "none"
    # Scenes without water, of which two show a town.
    samples.loc[samples["scene"].isin(["000", "002", "004"]), "split"] = "val"
    target = world.data.target.with_thresholds({"forest": 0.123})
    bundle = Bundle(run.bundle.config.model_copy(update={"target": target}), run.bundle.weights)
    data = bundle.labelled(samples, world.scenes, world.table)
    with caplog.at_level("WARNING"):
        found = with_thresholds(bundle, data, 4)
    thresholds = {entry.name: entry.threshold for entry in found.config.target.classes}
    assert (thresholds["water"], thresholds["forest"], thresholds["town"]) == (0.5, 0.123, 0.5)
    assert thresholds["field"] not in {None, 0.5}
    assert "threshold of ['water', 'town'] is 0.5: the validation split has no image of it" in caplog.text
    assert with_thresholds(found, data, 4) is found


def test_a_scene_is_mapped_by_class_and_drawn(run: SimpleNamespace, world: SimpleNamespace, tmp_path: Path) -> None:
    config = InferenceConfig(tile_size=32, overlap=8, probabilities=True)
    streams = dict(predict_scenes(run.bundle, world.scenes, config).streams)
    write_rasters(streams["006"], {name: tmp_path / f"006_{name}.tif" for name in ("classes", "probabilities")})
    with rasterio.open(tmp_path / "006_classes.tif") as raster:
        found, tags = raster.read(), raster.tags()
        assert raster.descriptions == NAMES
        assert (tmp_path / "006_classes.tif.aux.xml").read_text("utf-8").count("not of this class") == 4
        assert raster.nodatavals == (255,) * 4
        # Four bands of bytes are no picture with an alpha band.
        assert {interpretation.name for interpretation in raster.colorinterp[1:]} == {"undefined"}
    assert float(tags["THRESHOLD_forest"]) == pytest.approx(run.scores["test"]["threshold"]["forest"], rel=1e-5)
    with rasterio.open(tmp_path / "006_probabilities.tif") as raster:
        probabilities = raster.read()
    assert (found[:, :4, :4] == 255).all()
    assert np.isnan(probabilities[:, :4, :4]).all()
    limits = np.array(list(run.scores["test"]["threshold"].values()), np.float32)[:, None, None]
    valid = found[0] != 255
    assert np.array_equal(found[:, valid] == 1, (probabilities >= limits)[:, valid])
    assert [int(np.median(band[valid])) for band in found] == [0, 1, 1, 1]
    with Scene(world.scenes.paths("006"), world.data.sources["optical"]) as scene:
        figure = draw_quicklook(scene, tmp_path / "006_classes.tif", run.bundle.config.target, ("A", "B", "C"))
    shown = np.asarray(figure.axes[1].images[0].get_array())
    colors = {tuple(bytes.fromhex(COLORS[index][1:])) for index in classes_of(6)}
    assert colors <= {tuple(color) for color in shown[20]}
    panel = draw_panel(ModelPredictor(run.bundle), run.judged, ("A", "B", "C"), 2)
    assert len(panel.axes) == 8


def test_tiles_are_written_as_outlines_and_as_one_table(
    run: SimpleNamespace, world: SimpleNamespace, tmp_path: Path
) -> None:
    config, folder = InferenceConfig(tile_size=20, overlap=0), tmp_path / "made"
    write_predictions(Names(folder), predict_scenes(run.bundle, world.scenes, config))
    outlines = geopandas.read_file(folder / "006_chips.gpkg")
    with rasterio.open(folder / "006_classes.tif") as raster:
        bands, transform, crs = raster.read(), raster.transform, raster.crs
    # 48 columns are three tiles, the last of which is moved to the edge.
    assert outlines[["row", "column"]].to_numpy().tolist() == [[r, c] for r in (0, 20) for c in (0, 20, 28)]
    assert crs == outlines.crs
    for tile in outlines.itertuples():
        west, north = transform @ (tile.column, tile.row)
        assert tile.geometry.bounds == pytest.approx((west, north - 200, west + 200, north))
        names = [name for name, band in zip(NAMES, bands[:, tile.row + 15, tile.column + 15], strict=True) if band == 1]
        if tile.column != 20:
            assert tile.classes == ";".join(names)
    chips, predictor = outlines.iloc[-1], ModelPredictor(run.bundle)
    with Scene(world.scenes.paths("006"), world.data.sources["optical"]) as scene:
        values, valid = scene.read(Window(int(chips["column"]), int(chips["row"]), 20, 20))
    batch: Any = {
        "images": {"optical": torch.from_numpy(values)[None]}, "valid": {"optical": torch.from_numpy(valid)[None]},
        "sample_id": ["tile"],
    }  # fmt: skip
    expected = predictor.predict(batch)[0].sigmoid().tolist()
    assert [chips[f"probability_{name}"] for name in NAMES] == pytest.approx(expected, abs=1e-5)
    table = pd.read_csv(folder / "chips.csv", dtype={"scene": str})
    assert sorted(set(table["scene"])) == sorted(world.scenes.files)
    of_scene = table[table["scene"] == "006"].reset_index(drop=True)
    assert of_scene["classes"].tolist() == outlines["classes"].tolist()
    assert of_scene[["west", "south", "east", "north"]].to_numpy() == pytest.approx(outlines.bounds.to_numpy())
    assert set(table["crs"]) == {"EPSG:32632"}
    # The same again is the same bytes; and what no longer is predicted is removed.
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_predictions(Names(folder), predict_scenes(run.bundle, world.scenes, config))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    nothing = Predictions({}, lambda _: iter(()), config)
    (folder / "chips.csv").write_text("name,of,another\n")
    write_predictions(Names(folder), nothing)
    assert (folder / "chips.csv").is_file()
    (folder / "chips.csv").write_bytes(before["chips.csv"])
    write_predictions(Names(folder), nothing)
    assert not (folder / "chips.csv").exists()


def test_outlines_are_there_once_all_blocks_were_taken(run: SimpleNamespace, world: SimpleNamespace) -> None:
    config = InferenceConfig(tile_size=48, overlap=0)
    key, stream = next(predict_scenes(run.bundle, world.scenes, config).streams)
    assert key == "000"
    assert isinstance(stream, RasterStream)
    assert stream.features is not None
    with pytest.raises(ValueError, match="when all of its blocks were taken"):
        stream.features.find()
    for _ in stream.blocks:
        pass
    assert len(stream.features.find()["chips"].shapes) == 1


def test_tasks_and_targets_fit_together(world: SimpleNamespace, make_training: Callable[..., TrainingConfig]) -> None:
    loss = [{"name": "asymmetric"}]
    training = make_training(task="multi_label", monitor="val/map", loss=loss)
    check_training(training, world.data.target)
    plain = TargetSpec.model_validate({"per": "image", "classes": CLASSES})
    with pytest.raises(SpecError, match="set 'multi_label: true' and 'per: image'"):
        check_together(training, MODEL.model_copy(update={"auxiliary": {}}), plain)
    other = make_training(task="classification", monitor="val/f1")
    with pytest.raises(SpecError, match="Several classes at once are learnt by the task 'multi_label'"):
        check_together(other, MODEL.model_copy(update={"auxiliary": {}}), world.data.target)
    with pytest.raises(ComponentError, match=r"'val/mapp', which is not measured\. Did you mean 'val/map'"):
        check_training(make_training(task="multi_label", monitor="val/mapp", loss=loss), world.data.target)


def test_both_ways_to_write_a_table_say_the_same(world: SimpleNamespace) -> None:
    kinds = [kind_of(TargetSpec.model_validate(words)) for words in (COLUMNS, LISTED)]
    grid, window = Grid(None, from_origin(0, 0, 1, 1), 4, 4), Window(0, 0, 1, 1)
    for key, row in world.table.rows.items():
        answers = [
            np.asarray(kind.open_label(LabelSource((world.root / "labels.csv",), row, key), grid).read(window))
            for kind in kinds
        ]
        if row["covers"] is not None and key != "005":
            assert np.array_equal(*answers), key


def test_tiles_outside_an_area_have_no_outline_and_tables_go_on(
    run: SimpleNamespace, world: SimpleNamespace, tmp_path: Path
) -> None:
    _, stream = next(predict_scenes(run.bundle, world.scenes, InferenceConfig(tile_size=16, overlap=0)).streams)
    grid = next(iter(stream.profiles.values())).grid
    west, _, _, north = grid.bounds
    outline = shapely.Polygon([(west, north), (west + 10 * grid.width, north), (west, north - 10 * grid.height)])
    area = Area(outline, grid.crs, "here")
    config = InferenceConfig(tile_size=16, overlap=0, overwrite=False)
    predictions = predict_scenes(run.bundle, world.scenes, config, area)
    write_predictions(Names(tmp_path), predictions)
    [key] = predictions.origins
    outlines = geopandas.read_file(tmp_path / f"{key}_chips.gpkg")
    # The last tile of each axis is moved back to its edge.
    starts = [sorted({*range(0, length - 15, 16), length - 16}) for length in (grid.height, grid.width)]
    assert 0 < len(outlines) < len(starts[0]) * len(starts[1])
    assert outlines.intersection(outline).area.gt(0).all()
    validate(json.loads((tmp_path / f"{key}_item.json").read_text()))
    before = (tmp_path / "chips.csv").read_bytes()
    write_predictions(Names(tmp_path), predict_scenes(run.bundle, world.scenes, config, area))
    assert (tmp_path / "chips.csv").read_bytes() == before, "read from what was written"
