"""Answers of whole images: a table with a row for each scene, or a folder for each class, through the whole house."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from rasterio.transform import from_origin
from rasterio.windows import Window
from sklearn.metrics import top_k_accuracy_score

from groundwork.batch import Truth
from groundwork.bundle import load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.config.indexing import IndexingConfig
from groundwork.config.inference import PolygonsConfig
from groundwork.data.label_table import find_class_folders, read_label_table
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import ComponentError, DataError, PairingError, RasterError
from groundwork.evaluation.figures import draw_panel
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.grid import Grid
from groundwork.rasters.writing import write_rasters
from groundwork.specs import TargetSpec
from groundwork.targets.image_classes import ImageClasses
from groundwork.targets.image_numbers import ImageNumbers
from groundwork.targets.label import LabelSource
from groundwork.training.checks import check_training
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

NAMES = ("water", "forest", "field")
CLASSES = [{"value": index + 1, "name": name, "color": "#0000ff"} for index, name in enumerate(NAMES)]
YIELD = {"name": "yield", "unit": "t/ha", "minimum": 0, "maximum": 20}
MEANS = np.array([[300, 500, 3000], [800, 2500, 400], [2600, 900, 1200]])
MODEL = ModelConfig.model_validate({"encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> SimpleNamespace:
    """Twelve scenes in folders of their classes, `007` among them, with a table that says class and yield of each."""
    root = tmp_path_factory.mktemp("images")
    rows = []
    for number in range(12):
        random, index, key = np.random.default_rng(number), number % 3, f"{number:03d}"
        image = MEANS[index][:, None, None] + random.normal(0, 150, (3, 40, 48))
        image[:, :4, :4] = -9999
        place = from_origin(500_000 + 1000 * number, 5_000_000, 10, 10)
        path = root / "scenes" / NAMES[index] / f"{key}.tif"
        write_raster(path, image.astype(np.int16), transform=place, nodata=-9999)
        rows.append({"scene": key, "class": NAMES[index], "yield": None if number == 5 else 4.0 * index + number / 10})
    pd.DataFrame(rows).to_csv(root / "labels.csv", index=False)
    source = {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999}
    words: dict[str, Any] = {
        "sources": {"optical": source},
        "target": {"per": "image", "classes": CLASSES},
        "chips": {"size": 32, "stride": 16},
        "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
    }
    numbers = words | {"target": {"per": "image", "outputs": [YIELD]}}
    return SimpleNamespace(
        root=root,
        scenes=find_rasters(root / "scenes", ["*/{key}.tif"]),
        table=read_label_table(root / "labels.csv", "scene"),
        folders=find_class_folders(root / "scenes", "{class}/{key}.tif"),
        classes=DataConfig.model_validate(words),
        numbers=DataConfig.model_validate(numbers),
    )


def _run(world: SimpleNamespace, data: DataConfig, labels: Any, training: TrainingConfig, folder: Path) -> Any:
    scan = scan_scenes(world.scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=1)
    statistics = compute_statistics(samples, scan.cells, data)
    initial = build_initial(data, MODEL, seed=0)
    result = fit(initial, initial.labelled(samples, world.scenes, labels), statistics, training, 0, folder / "runs")
    save_bundle(result.bundle, folder / "bundle")
    bundle = load_bundle(folder / "bundle")
    judged = held_out(bundle, samples, world.scenes, labels, EvaluationConfig())
    found = evaluate_model(bundle, judged, statistics, EvaluationConfig(), seed=0)
    scores, by_scene = found.scores, found.by_scene
    return SimpleNamespace(
        samples=samples, bundle=bundle, judged=judged, scores=scores, by_scene=by_scene, history=result.history
    )


def test_statistics_count_images_and_not_their_pixels(world: SimpleNamespace) -> None:
    """Chips at the upper left hold less data than others, and count as much."""
    # Of one scene nobody knows the yield.
    lenient = IndexingConfig(on_bad_scene="leave_out")
    for data in (world.classes, world.numbers):
        scan = scan_scenes(world.scenes, world.table, data, lenient)
        samples = assign_splits(scan.chips, data.split, {}, seed=1)
        train = samples[samples["split"] == "train"]
        assert train["valid_fraction"].nunique() > 1
        found = compute_statistics(samples, scan.cells, data).target
        if data is world.classes:
            classes = train["scene"].astype(int) % 3
            assert found.class_pixels == {name: int((classes == index).sum()) for index, name in enumerate(NAMES)}
            continue
        keys = train["scene"].astype(int)
        yields = 4.0 * (keys % 3) + keys / 10
        numbers = found.numbers["yield"]
        assert (numbers.count, numbers.mean) == (len(yields), pytest.approx(yields.mean(), rel=1e-6))
        assert numbers.std == pytest.approx(yields.std(ddof=0), rel=1e-6)


@pytest.mark.parametrize("form", ["table", "folders"])
def test_classes_of_images_are_learnt_judged_and_mapped(
    world: SimpleNamespace, make_training: Callable[..., TrainingConfig], tmp_path: Path, form: str
) -> None:
    training = make_training(task="classification", monitor="val/f1", max_epochs=4)
    labels = getattr(world, form)
    run = _run(world, world.classes, labels, training, tmp_path)
    assert run.samples.set_index("scene").loc["007", "fraction_forest"].eq(1).all()
    assert run.scores["test"]["f1"] == 1
    assert run.scores["baselines"]["pixel_regression"]["f1"] == 1
    assert run.scores["baselines"]["majority_class"]["overall_accuracy"] < 0.7
    # Chips are counted, also those that overlap, and never their pixels.
    num_chips = (run.samples["split"] == "test").sum()
    assert run.by_scene["images"].sum() == num_chips
    assert {"val/f1", "val/f1_water", "val/overall_accuracy"} <= set(run.history.columns)
    panel = draw_panel(ModelPredictor(run.bundle), run.judged, ("A", "B", "C"), 2)
    assert len(panel.axes) == 8
    config = InferenceConfig(tile_size=32, overlap=8)
    key, stream = next(predict_scenes(run.bundle, world.scenes, config).streams)
    write_rasters(stream, {"classes": tmp_path / f"{key}.tif"})
    with rasterio.open(tmp_path / f"{key}.tif") as raster:
        found = raster.read(1)
        assert raster.nodata == 255
    assert (found[:4, :4] == 255).all()
    assert (found[8:] == 1).all()
    outlines = stream.features.find()["chips"].frame()
    assert (outlines["class"] == "water").all()
    assert (outlines["value"] == 1).all()
    probabilities = outlines[[f"probability_{name}" for name in NAMES]]
    assert outlines["score"].tolist() == probabilities.max(axis=1).tolist()
    assert probabilities.sum(axis=1).tolist() == pytest.approx([1] * len(outlines), abs=1e-5)
    # The outlines of classes are something else than those of tiles, and lie beside them.
    both = config.model_copy(update={"polygons": PolygonsConfig()})
    write_predictions(Names(tmp_path / "made"), predict_scenes(run.bundle, world.scenes, both))
    polygons = geopandas.read_file(tmp_path / f"made/{key}_polygons.gpkg")
    assert polygons["class"].tolist() == ["water"]
    assert polygons["area_m2"].tolist() == [100 * (found != 255).sum()]
    assert len(geopandas.read_file(tmp_path / f"made/{key}_chips.gpkg")) == len(outlines)
    assert all((tmp_path / f"made/{key}_{product}.qml").is_file() for product in ("classes", "polygons", "chips"))


def test_numbers_of_images_are_learnt_and_judged(
    world: SimpleNamespace, make_training: Callable[..., TrainingConfig], tmp_path: Path
) -> None:
    loss = [{"name": "mse"}]
    training = make_training(task="scalar_regression", monitor="val/r2", loss=loss, max_epochs=15)
    # One scene has no yield: nothing can be learnt of it.
    with pytest.raises(
        DataError, match=r"(?s)1 of 12 scenes .*labels.csv: found no known answer in any valid pixel of 005.tif"
    ):
        scan_scenes(world.scenes, world.table, world.numbers)
    whole = read_label_table(world.root / "labels.csv", "scene")
    rows = {key: dict(row) | ({"yield": 8.5} if key == "005" else {}) for key, row in whole.rows.items()}
    labels = type(whole)(whole.root, whole.name, rows)
    run = _run(world, world.numbers, labels, training, tmp_path)
    assert run.scores["test"]["r2"] > 0.4
    assert run.scores["baselines"]["mean"]["r2"] < 0.1
    expected = {key: float(str(row["yield"])) for key, row in rows.items()}
    found = run.samples.groupby("scene")["mean_yield"].first()
    assert found.to_dict() == pytest.approx({key: expected[key] for key in found.index}, rel=1e-6)
    # A scene of one tile: its outline has the number of all pixels of the map.
    config = InferenceConfig(tile_size=48, overlap=0)
    streams = dict(predict_scenes(run.bundle, world.scenes, config).streams)
    write_rasters(streams["002"], {"numbers": tmp_path / "numbers.tif"})
    outlines = streams["002"].features.find()["chips"].frame()
    with rasterio.open(tmp_path / "numbers.tif") as raster:
        assert outlines["yield"].tolist() == pytest.approx([float(raster.read(1)[20, 20])], abs=1e-5)


def test_the_true_class_may_be_among_the_three_likeliest() -> None:
    classes = [{"value": index, "name": f"c{index}", "color": "#000000"} for index in range(5)]
    kind = ImageClasses(TargetSpec.model_validate({"per": "image", "classes": classes}))
    random = np.random.default_rng(0)
    truth, scores = random.integers(0, 5, 60), random.normal(0, 1, (60, 5))
    expected = top_k_accuracy_score(truth, scores, k=3)
    truth_and_unknown = torch.from_numpy(np.append(truth, -1))
    both = [kind.accumulator() for _ in range(2)]
    for part, accumulator in enumerate(both):
        given = torch.from_numpy(np.vstack([scores, np.zeros((1, 5))]))[part::2]
        accumulator.update(Truth(truth_and_unknown[part::2]), given)
    both[0].add(both[1])
    assert both[0].report()["top_3_accuracy"] == pytest.approx(expected, abs=1e-6)
    assert both[0].compute()["top_3_accuracy"] == pytest.approx(expected, abs=1e-6)
    assert "top_3_accuracy" in kind.score_directions(kind.target)
    # Of scores that are alike, those of the first classes come first.
    alike = kind.accumulator()
    alike.update(Truth(torch.tensor([0, 2, 3, 4])), torch.zeros(4, 5))
    assert alike.report()["top_3_accuracy"] == 0.5
    alike.reset()
    alike.update(Truth(torch.tensor([0])), torch.zeros(1, 5))
    assert alike.report()["top_3_accuracy"] == 1
    few = ImageClasses(TargetSpec.model_validate({"per": "image", "classes": CLASSES}))
    assert "top_3_accuracy" not in {*few.accumulator().report(), *few.score_directions(few.target)}


def test_what_is_asked_of_an_image_is_what_its_known_pixels_say() -> None:
    classes = ImageClasses(TargetSpec.model_validate({"per": "image", "classes": CLASSES}))
    target = torch.tensor([[[-1, 2], [2, -1]], [[-1, -1], [-1, -1]]])
    assert classes.asked(target).tolist() == [2, -1]
    numbers = ImageNumbers(TargetSpec.model_validate({"per": "image", "outputs": [YIELD]}))
    nan = torch.nan
    asked = numbers.asked(torch.tensor([[[[nan, 2.5], [2.5, nan]]], [[[nan, nan], [nan, nan]]]]))
    assert asked[0].tolist() == [2.5]
    assert asked[1].isnan().all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key,class\n1,a\n", r"found the columns \['key', 'class'\], and none called 'scene'"),
        ("scene,class,class\n1,a,b\n", r"found the columns \['scene', 'class', 'class'\], of which some are alike"),
        ("scene,class\n1,a\n1,b\n", r"found 1 more row\(s\) for keys that stand there already: '1'"),
        ("scene,class\n1,a\n,b\n", "found no key in row 2 behind the header"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(PairingError, match=message):
        read_label_table(tmp_path / "labels.csv", "scene")
    with pytest.raises(PairingError, match="found no such file; expected a table of labels"):
        read_label_table(tmp_path / "lables.csv", "scene")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", b"scene,class\n1,W\xe4ld\n"), ("b.csv", b""), ("c.csv", b"scene\n1,2\n"), ("d.parquet", b"text")],
)
def test_tables_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    found = r"(no table that can be read .*|an empty file|2 cells in row 1); expected"
    with pytest.raises(PairingError, match=f"{name}: found {found}"):
        read_label_table(tmp_path / name, "scene")


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PairingError, match="found no file that matches"):
        find_class_folders(tmp_path, "{class}/{key}.tif")
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / ".thumbnails/1.tif").touch()
    for name in ("water", "forest"):
        (tmp_path / name).mkdir()
        if name == "forest":
            (tmp_path / "water/2.TIF").touch()
            assert find_class_folders(tmp_path, "{class}/{key}.tif").rows == {
                "1": {"class": "water"}, "2": {"class": "water"},
            }  # fmt: skip
        (tmp_path / name / "1.tif").touch()
    with pytest.raises(PairingError, match="found '1' in the folders of 'forest' and of 'water'; expected one class"):
        find_class_folders(tmp_path, "{class}/{key}.tif")


def test_scenes_and_rows_are_joined_by_key(world: SimpleNamespace, tmp_path: Path) -> None:
    table = pd.read_csv(world.root / "labels.csv", dtype=str)
    table.iloc[1:].to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(PairingError, match="without a label: '000'"):
        scan_scenes(world.scenes, read_label_table(tmp_path / "labels.csv", "scene"), world.classes)
    table.assign(scene=table["scene"].replace("000", "0")).to_csv(tmp_path / "labels.csv", index=False)
    lost = r"without a label: '000'; 1 label\(s\) .* without an image: '0'.*'0' may be '000': spreadsheets drop"
    with pytest.raises(PairingError, match=lost):
        scan_scenes(world.scenes, read_label_table(tmp_path / "labels.csv", "scene"), world.classes)
    table.to_parquet(tmp_path / "labels.parquet")
    assert list(read_label_table(tmp_path / "labels.parquet", "scene").rows) == list(world.table.rows)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"class": "forrest"},
            r"labels.csv: found 'forrest' in column 'class' of '7'; expected one of .*, or "
            r"nothing where nobody knows\. .*correct the cell\. Did you mean 'forest'\?",
        ),
        ({"class": "9"}, r"found '9' in column .*Declare the class, or add the value to 'ignore_value'"),
        ({"clas": "water"}, r"found the columns \['clas'\]; expected one called 'class'. Correct it. Did you mean"),
    ],
)
def test_rows_that_say_nothing_are_refused(row: dict[str, object], message: str) -> None:
    kind = ImageClasses(TargetSpec.model_validate({"per": "image", "classes": CLASSES}))
    grid = Grid(None, from_origin(0, 0, 1, 1), 4, 4)
    with pytest.raises(RasterError, match=message):
        kind.open_label(LabelSource((Path("labels.csv"),), row, "7"), grid)
    with pytest.raises(RasterError, match="a label file, although the target is one 'per: image'; expected a table"):
        kind.open_label(LabelSource((Path("labels.tif"),)), grid)


def test_classes_are_named_or_numbered() -> None:
    kind = ImageClasses(TargetSpec.model_validate({"per": "image", "classes": CLASSES, "ignore_value": 0}))
    grid = Grid(None, from_origin(0, 0, 1, 1), 4, 4)
    # A cell of a table that is empty, in CSV or Parquet, is not known.
    for value, index in (("forest", 1), ("2", 1), (2, 1), ("0", -1), (None, -1), (float("nan"), -1)):
        label = kind.open_label(LabelSource((Path("t.csv"),), {"class": value}), grid)
        assert (np.asarray(label.read(Window(0, 0, 2, 2))) == index).all()


def test_numbers_beyond_their_limits_are_refused() -> None:
    kind = ImageNumbers(TargetSpec.model_validate({"per": "image", "outputs": [YIELD]}))
    grid = Grid(None, from_origin(0, 0, 1, 1), 4, 4)
    label = kind.open_label(LabelSource((Path("t.csv"),), {"yield": "7"}), grid)
    assert np.array_equal(label.read(Window(0, 0, 3, 2)), np.full((1, 2, 3), 7, np.float32))
    with pytest.raises(RasterError, match=r"found 25\.0 in column 'yield' of ''; expected 0 to 20"):
        kind.open_label(LabelSource((Path("t.csv"),), {"yield": 25}), grid)
    with pytest.raises(RasterError, match=r"found 'much' in column 'yield' of ''; expected a number"):
        kind.open_label(LabelSource((Path("t.csv"),), {"yield": "much"}), grid)
    with pytest.raises(
        RasterError, match=r"found '1_0' in column 'yield' of ''; expected a number, or nothing\. Write"
    ):
        kind.open_label(LabelSource((Path("t.csv"),), {"yield": "1_0"}), grid)


def test_losses_over_areas_are_refused(world: SimpleNamespace, make_training: Callable[..., TrainingConfig]) -> None:
    training = make_training(task="classification", monitor="val/f1", loss=[{"name": "dice"}])
    with pytest.raises(ComponentError, match="'dice' compares areas"):
        check_training(training, world.classes.target)
