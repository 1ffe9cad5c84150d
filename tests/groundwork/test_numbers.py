"""Numbers per pixel: how labels are read, judged and drawn, and through the whole house."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import torch
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window
from shapely.geometry import Point
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from groundwork.batch import Truth
from groundwork.bundle import load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.config.training import LossTerm
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits, report_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import ComponentError, RasterError, SpecError
from groundwork.evaluation.figures import draw_history, draw_panel, draw_quicklook
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.evaluation.scores import headline
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.grid import Grid
from groundwork.rasters.scene import Scene
from groundwork.rasters.shared import SharedFiles
from groundwork.rasters.writing import write_rasters
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource
from groundwork.targets.measures import NUMBERS
from groundwork.targets.pixel_numbers import PixelNumbers
from groundwork.tasks.number_losses import WeightedNumberLosses
from groundwork.training.checks import check_training
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

Write = Callable[..., Path]
HEIGHT = {"name": "height", "unit": "m", "minimum": 0, "maximum": 60}
COVER = {"name": "cover", "unit": "%", "minimum": 0, "maximum": 100}
GRID = Grid(CRS.from_epsg(32632), from_origin(500_000, 5_000_000, 10, 10), width=3, height=2)
WHOLE = Window(0, 0, 3, 2)
VALUES = np.array([[1, 2, 3], [4, 5, 50]], np.float32)


def _target(*outputs: dict[str, Any], **changes: Any) -> TargetSpec:
    return TargetSpec.model_validate({"outputs": outputs or [HEIGHT], **changes})


def _read(target: TargetSpec, *paths: Path) -> np.ndarray:
    with PixelNumbers(target).open_label(LabelSource(paths), GRID) as label:
        label.check_grid(GRID)
        return np.asarray(label.read(WHOLE))


# --- labels ---------------------------------------------------------------------------------------------------------


def test_numbers_are_read_in_their_units(tmp_path: Path, write_raster: Write) -> None:
    raw = write_raster(tmp_path / "l.tif", (VALUES * 10).astype(np.uint16))
    found = _read(_target(HEIGHT | {"scale": 0.1}), raw)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, VALUES[None], rtol=1e-6)
    stated = write_raster(tmp_path / "s.tif", (VALUES * 10).astype(np.uint16), scaling=((0.1,), (0.0,)))
    np.testing.assert_allclose(_read(_target(HEIGHT | {"scale": 0.1}), stated), VALUES[None], rtol=1e-6)
    with pytest.raises(RasterError, match=r"s.tif: found scale 0.1 and offset 0.0 in the band of 'height'; expected"):
        _read(_target(HEIGHT | {"scale": 0.01}), stated)


@pytest.mark.parametrize("how", ["file's nodata", "declared nodata", "NaN", "mask"])
def test_what_nobody_knows_is_nan(tmp_path: Path, write_raster: Write, how: str) -> None:
    values, target = VALUES.copy(), _target(HEIGHT | ({"nodata": -1} if how == "declared nodata" else {}))
    values[0, 1] = {"file's nodata": -9999, "declared nodata": -1, "NaN": np.nan, "mask": 2}[how]
    mask = np.where(np.arange(6).reshape(2, 3) == 1, 0, 255).astype(np.uint8) if how == "mask" else None
    path = write_raster(tmp_path / "l.tif", values, nodata=-9999 if how == "file's nodata" else None, mask=mask)
    expected = VALUES.copy()
    expected[0, 1] = np.nan
    np.testing.assert_array_equal(_read(target, path), expected[None])


def test_a_nodata_that_a_type_cannot_hold_hides_nothing(tmp_path: Path, write_raster: Write) -> None:
    values = np.array([[241, 2, 3], [4, 5, 50]], np.uint8)
    path = write_raster(tmp_path / "l.tif", values)
    wide = _target(HEIGHT | {"nodata": -15, "maximum": 255})
    assert np.array_equal(_read(wide, path), values[None])


def test_several_outputs_are_bands_or_files_with_nodata_of_their_own(tmp_path: Path, write_raster: Write) -> None:
    both = np.stack([VALUES, VALUES * 1.5])
    target = _target(HEIGHT, COVER | {"nodata": 3.0})
    expected = both.copy()
    expected[1, 0, 1] = np.nan
    one = write_raster(tmp_path / "l.tif", both, descriptions=("height", "cover"))
    np.testing.assert_array_equal(_read(target, one), expected)
    parts = [write_raster(tmp_path / f"{name}.tif", band) for name, band in zip("ab", both, strict=True)]
    np.testing.assert_array_equal(_read(target, *parts), expected)
    with pytest.raises(RasterError, match=r"found the bands \['height', 'cover'\]; expected \['cover', 'height'\]"):
        _read(_target(COVER, HEIGHT), one)
    with pytest.raises(RasterError, match=r"found 2 bands; expected one band for each of \['height'\]"):
        _read(_target(), one)


def test_numbers_that_are_not_possible_are_refused(tmp_path: Path, write_raster: Write) -> None:
    values = VALUES.copy()
    values[1, 2] = -9999
    path = write_raster(tmp_path / "l.tif", values)
    message = r"l.tif: found numbers of 'height' from -9999.0 in 16.67% of a window; expected 0 to 60, as 'outputs'"
    with pytest.raises(RasterError, match=message):
        _read(_target(), path)
    with rasterio.open(path, "r+") as raster:
        raster.nodata, raster.units = -9999, ("ft",)
    with pytest.raises(RasterError, match=r"found the unit 'ft' in the band of 'height'; expected 'm'"):
        _read(_target(), path)


def test_features_hold_numbers_as_attributes(tmp_path: Path) -> None:
    places = [Point(500_005, 4_999_995), Point(500_025, 4_999_985), Point(500_015, 4_999_995)]
    frame = geopandas.GeoDataFrame(
        {"height": [12.0, 33.0, None], "cover": [50, 60, 70]}, geometry=places, crs="EPSG:32632"
    )
    frame.to_file(tmp_path / "plots.gpkg", engine="pyogrio")
    nan = np.nan
    target = _target(HEIGHT, COVER, vectors={"point_radius_m": 3})
    expected = np.array([[[12, nan, nan], [nan, nan, 33]], [[50, 70, nan], [nan, nan, 60]]], np.float32)
    np.testing.assert_array_equal(_read(target, tmp_path / "plots.gpkg"), expected)
    with pytest.raises(RasterError, match=r"found numbers of 'cover' from 60.0 to 70.0 .* expected 0 to 50"):
        _read(_target(HEIGHT, COVER | {"maximum": 50}, vectors={"point_radius_m": 3}), tmp_path / "plots.gpkg")
    with pytest.raises(ValueError, match=r"leave 'vectors.attribute' out"):
        _target(HEIGHT, vectors={"attribute": "height"})


def test_limits_are_asked_for() -> None:
    with pytest.raises(SpecError, match="'height' needs 'minimum' and 'maximum'"):
        kind_of(_target({"name": "height"}))
    with pytest.raises(ValueError, match="minimum 3 is not below maximum 2"):
        _target({"name": "height", "minimum": 3, "maximum": 2})


# --- sums, scores and losses against others --------------------------------------------------------------------------


def _numbers(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(seed)
    truth = random.uniform(0, 60, (5, 2, 8, 9))
    truth[random.random(truth.shape) < 0.3] = np.nan
    said = np.nan_to_num(truth) + random.normal(1, 5, truth.shape)
    return torch.from_numpy(truth.astype(np.float32)), torch.from_numpy(said.astype(np.float32))


def test_scores_are_those_of_scikit_learn() -> None:
    kind = PixelNumbers(_target(HEIGHT, COVER))
    truth, said = _numbers(0)
    parts = [kind.accumulator() for _ in range(2)]
    parts[0].update(Truth(truth[:2]), said[:2])
    parts[1].update(Truth(truth[2:]), said[2:])
    parts[0].add(parts[1])
    report, compute = parts[0].report(), parts[0].compute()
    r2 = []
    for index, name in enumerate(("height", "cover")):
        known = ~truth[:, index].isnan()
        given, found = truth[:, index][known].double(), said[:, index][known].double()
        r2.append(r2_score(given, found))
        assert report["output_r2"][name] == pytest.approx(r2[-1], rel=1e-5)
        assert report["rmse"][name] == pytest.approx(mean_squared_error(given, found) ** 0.5, rel=1e-5)
        assert report["mae"][name] == pytest.approx(mean_absolute_error(given, found), rel=1e-5)
        assert report["bias"][name] == pytest.approx(float((found - given).mean()), rel=1e-5)
        assert compute[f"rmse_{name}"] == report["rmse"][name]
    assert report["r2"] == compute["r2"] == pytest.approx(np.mean(r2), rel=1e-5)
    assert parts[0].num_known() == max(int((~truth[:, index].isnan()).sum()) for index in range(2))
    assert len(parts[0].draw().axes) == 4
    parts[0].reset()
    assert parts[0].report()["r2"] is None


def test_answers_are_summed_up_to_mean_and_deviation() -> None:
    kind = PixelNumbers(_target(HEIGHT, COVER))
    truth = _numbers(1)[0].numpy()
    sums = sum(np.array([term.sum() for term in kind.terms(chip)]) for chip in truth)
    numbers = kind.summarise(sums).numbers
    for index, name in enumerate(("height", "cover")):
        assert numbers[name].mean == pytest.approx(np.nanmean(truth[:, index].astype(np.float64)), rel=1e-8)
        assert numbers[name].std == pytest.approx(np.nanstd(truth[:, index].astype(np.float64)), rel=1e-7)
        assert numbers[name].count == int((~np.isnan(truth[:, index])).sum())
    assert kind.num_known(sums) == int((~np.isnan(truth)).any(axis=1).sum())
    assert kind.columns(sums)["mean_height"] == numbers["height"].mean
    with pytest.raises(SpecError, match="'height' is 7 in all 6 known pixels of the training split"):
        PixelNumbers(_target()).summarise(
            np.array([term.sum() for term in PixelNumbers(_target()).terms(np.full((1, 2, 3), 7.0))])
        )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", np.square),
        ("mae", np.abs),
        ("huber", lambda errors: np.where(np.abs(errors) < 1, errors**2 / 2, np.abs(errors) - 0.5)),
        ("rmse", lambda errors: np.sqrt(np.mean(errors**2))),
        ("quantile", lambda errors: np.where(errors < 0, -0.8 * errors, 0.2 * errors)),
    ],
)
def test_losses_are_means_over_what_is_known_in_deviations(name: str, expected: Any) -> None:
    truth, said = _numbers(2)
    said.requires_grad_()
    options = {"level": 0.8} if name == "quantile" else {}
    term = LossTerm.model_validate({"name": name, "weight": 2.0, **options})
    loss = WeightedNumberLosses([term], [10.0, 20.0])(said, truth)
    parts = []
    for index, std in enumerate((10.0, 20.0)):
        known = ~truth[:, index].isnan().numpy()
        errors = (said.detach()[:, index].numpy() - truth[:, index].numpy())[known] / std
        parts.append(expected(errors).mean())
    assert loss.item() == pytest.approx(2 * np.mean(parts), rel=1e-5)
    loss.backward()
    assert said.grad is not None
    assert torch.isfinite(said.grad).all()
    assert (said.grad[truth.isnan()] == 0).all()
    nothing = WeightedNumberLosses([LossTerm(name=name)], [1.0, 1.0])(said, torch.full_like(truth, torch.nan))
    assert nothing.item() == 0


def test_the_quantile_of_many_numbers_is_learnt() -> None:
    truth = torch.from_numpy(np.random.default_rng(0).exponential(3.0, (1, 1, 40, 50)))
    said = torch.nn.Parameter(torch.zeros(1, 1, 1, 1, dtype=torch.float64))
    loss = WeightedNumberLosses([LossTerm.model_validate({"name": "quantile", "level": 0.9})], [1.0]).double()
    optimizer = torch.optim.SGD([said], lr=5.0)
    for step in range(400):
        optimizer.param_groups[0]["lr"] = 5 / (1 + step / 20)
        optimizer.zero_grad()
        loss(said.expand_as(truth), truth).backward()
        optimizer.step()
    assert float(said.detach()) == pytest.approx(float(np.quantile(truth, 0.9)), rel=0.02)


# --- through the house ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace, write_raster: Write) -> SimpleNamespace:
    """The tiny scenes with two numbers that follow from their bands; every third row of the second is not known."""
    root = tmp_path_factory.mktemp("numbers")
    for key in tiny_data.scenes.files:
        with rasterio.open(tiny_data.scenes.paths(key)[0]) as scene:
            values = scene.read().astype(np.float32)
            height, cover = values[2] / 100 + 10, np.clip(values[0] / 40, 0, 100)
            cover[::3] = -1
            both = np.stack([np.clip(height, 0, 60), cover])
            write_raster(root / f"{key}.tif", both, crs=scene.crs.to_string(), transform=scene.transform)
    config = tiny_data.config.model_dump()
    config["target"] = {"outputs": [HEIGHT, COVER | {"nodata": -1}]}
    data = DataConfig.model_validate(config)
    labels = find_rasters(root, ["{key}.tif"])
    scan = scan_scenes(tiny_data.scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    statistics = compute_statistics(samples, scan.cells, data)
    return SimpleNamespace(
        root=root, data=data, labels=labels, scan=scan, samples=samples, statistics=statistics, scenes=tiny_data.scenes
    )


@pytest.fixture(scope="module")
def result(
    world: SimpleNamespace,
    model_config: ModelConfig,
    make_training: Callable[..., TrainingConfig],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    initial = build_initial(world.data, model_config, seed=0)
    training = make_training(
        task="pixel_regression", loss=[{"name": "huber"}], monitor="val/r2", max_epochs=15,
        optimizer={"name": "adamw", "learning_rate": 0.02},
    )  # fmt: skip
    data = initial.labelled(world.samples, world.scenes, world.labels)
    return fit(initial, data, world.statistics, training, 0, tmp_path_factory.mktemp("runs"))


def test_tables_say_what_numbers_there_are(world: SimpleNamespace) -> None:
    with rasterio.open(world.root / "p5.tif") as label:
        height, cover = label.read()
    report = world.scan.report.set_index("scene")
    assert report.loc["p5", "mean_height"] == pytest.approx(height.astype(float).mean(), rel=1e-6)
    assert report.loc["p5", "mean_cover"] == pytest.approx(cover[cover >= 0].astype(float).mean(), rel=1e-6)
    assert report.loc["p5", "known_cover"] == pytest.approx((cover >= 0).mean(), abs=1e-6)
    splits = report_splits(world.samples, world.data)
    means = world.samples[world.samples["split"] == "val"]["mean_height"]
    assert splits["splits"]["val"]["mean"]["height"] == pytest.approx(means.mean(), rel=1e-5)


def test_numbers_are_learnt_kept_and_judged(world: SimpleNamespace, result: Any, tmp_path: Path) -> None:
    history = result.history
    assert history["val/r2"].iloc[-1] > max(0.5, history["val/r2"].iloc[0])
    assert "val/rmse_cover" in history
    assert len(draw_history(history).axes[1].lines) == 1
    save_bundle(result.bundle, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    data = held_out(bundle, world.samples, world.scenes, world.labels, EvaluationConfig())
    found = evaluate_model(bundle, data, world.statistics, EvaluationConfig(), seed=0)
    scores, by_scene, figure = found.scores, found.by_scene, found.figure
    assert scores["test"]["r2"] > 0.5
    # The numbers are linear in the bands of a pixel.
    assert scores["baselines"]["pixel_regression"]["r2"] > 0.99
    assert scores["baselines"]["mean"]["r2"] < 0.1
    assert set(headline(scores, world.data.target)["test"]) == {"r2", "rmse", "mae", "bias"}
    assert {"r2_mean", "r2_pixel_regression", "rmse_height", "pixels"} <= set(by_scene.columns)
    assert len(figure.axes) == 4
    panel = draw_panel(ModelPredictor(bundle), data, ("A", "B", "C"), 2)
    assert len(panel.axes) == 8


def test_a_prediction_is_a_raster_of_numbers_with_units(world: SimpleNamespace, result: Any, tmp_path: Path) -> None:
    predictions = predict_scenes(result.bundle, world.scenes, InferenceConfig(tile_size=64, overlap=16))
    for key, stream in predictions.streams:
        if key == "1":
            write_rasters(stream, {NUMBERS: tmp_path / "1_numbers.tif"})
            break
    with rasterio.open(tmp_path / "1_numbers.tif") as raster, rasterio.open(world.scenes.paths("1")[0]) as scene:
        assert raster.descriptions == ("height", "cover")
        assert raster.units == ("m", "%")
        assert raster.dtypes == ("float32", "float32")
        assert (raster.crs, raster.transform) == (scene.crs, scene.transform)
        assert '"height": "m"' in raster.tags()["GROUNDWORK_OUTPUTS"]
        numbers = raster.read()
    # The first 10 x 10 pixels of the scene hold no data.
    assert np.isnan(numbers[:, :10, :10]).all()
    assert np.isfinite(numbers[:, 10:]).all()
    with rasterio.open(world.root / "1.tif") as label:
        truth = label.read(1)
    assert np.abs(numbers[0, 12:] - truth[12:]).mean() < 0.5 * truth.std()
    spec = world.data.sources["optical"]
    with Scene(world.scenes.paths("1"), spec) as opened:
        figure = draw_quicklook(opened, tmp_path / "1_numbers.tif", world.data.target, ("A", "B", "C"))
    assert figure.legends[0].get_texts()[0].get_text() == "height 0 m"


def test_a_model_of_numbers_starts_at_their_mean(world: SimpleNamespace, result: Any) -> None:
    weights = result.bundle.weights
    numbers = world.statistics.target.numbers
    assert weights["head.limit.scale.mean"].tolist() == pytest.approx([numbers["height"].mean, numbers["cover"].mean])
    assert weights["head.limit.scale.std"].tolist() == pytest.approx([numbers["height"].std, numbers["cover"].std])


def test_names_of_another_kind_are_refused(
    world: SimpleNamespace, make_training: Callable[..., TrainingConfig]
) -> None:
    numbers = {"task": "pixel_regression", "monitor": "val/r2"}
    with pytest.raises(ComponentError, match=r"cross_entropy.*Known: \['gaussian_nll', 'huber', 'mae', 'mse', 'quan"):
        check_training(make_training(**numbers), world.data.target)
    with pytest.raises(ComponentError, match="'val/miou', which is not measured"):
        check_training(make_training(**numbers | {"monitor": "val/miou"}, loss=[{"name": "mse"}]), world.data.target)
    check_training(make_training(**numbers, loss=[{"name": "mse"}, {"name": "mae"}]), world.data.target)


def test_sparse_numbers_of_plots_are_learnt(
    world: SimpleNamespace,
    model_config: ModelConfig,
    make_training: Callable[..., TrainingConfig],
    tmp_path: Path,
) -> None:
    parts = []
    for key in world.labels.files:
        with rasterio.open(world.root / f"{key}.tif") as label:
            height, (rows, columns) = label.read(1), np.mgrid[4 : label.height : 9, 5 : label.width : 9]
            xs, ys = label.transform @ (columns.ravel() + 0.5, rows.ravel() + 0.5)
            places = [Point(x, y) for x, y in zip(xs, ys, strict=True)]
            values = height[rows.ravel(), columns.ravel()].astype(float)
            parts.append(geopandas.GeoDataFrame({"height": values}, geometry=places, crs=label.crs.to_wkt()))
    geopandas.pd.concat([part.to_crs("EPSG:4326") for part in parts]).to_file(tmp_path / "plots.gpkg", engine="pyogrio")
    config = world.data.model_dump()
    config["target"] = {"outputs": [HEIGHT], "vectors": {"point_radius_m": 4}}
    config["chips"]["min_valid_fraction"] = 0.001
    data, labels = DataConfig.model_validate(config), SharedFiles(tmp_path, ("plots.gpkg",))
    scan = scan_scenes(world.scenes, labels, data)
    assert scan.report["labelled_fraction"].between(0.005, 0.02).all()
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    statistics = compute_statistics(samples, scan.cells, data)
    initial = build_initial(data, model_config, seed=0)
    training = make_training(task="pixel_regression", loss=[{"name": "mse"}], monitor="val/rmse_height", max_epochs=1)
    fitted = fit(initial, initial.labelled(samples, world.scenes, labels), statistics, training, 0, tmp_path / "runs")
    assert np.isfinite(fitted.history["train/loss"]).all()
