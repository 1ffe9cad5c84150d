"""Rasters without labels, from scan to raster: what is learnt by painting, and what an encoder tells as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import torch
from pydantic import ValidationError
from rasterio.crs import CRS
from rasterio.transform import from_origin
from shapely import Polygon
from sklearn.metrics import root_mean_squared_error

from asking import one
from groundwork.batch import Image, Images, collate, images_of
from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.config.component import ComponentConfig
from groundwork.data.augmentation.augmenter import Augmenter, check_augmentation
from groundwork.data.augmentation.base import Described
from groundwork.data.packed import open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.sampling.checks import check_sampling
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import ComponentError, SpecError
from groundwork.evaluation.painted import Hidden
from groundwork.evaluation.panels import draw_chips, headline
from groundwork.evaluation.reconstruction import PaintedSums
from groundwork.evaluation.report import evaluate_model, held_out
from groundwork.evaluation.spread import report_of
from groundwork.models.encoders.prithvi.variants import VARIANTS, PrithviVariant
from groundwork.models.encoders.prithvi.vit import PrithviViT
from groundwork.models.expectations import statistics_of
from groundwork.prediction.embeddings import make_cell_tiles
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.area import Area
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.training.checks import check_together, check_training
from groundwork.training.encoder import DESCRIPTION, WEIGHTS, encoder_of, save_encoder
from groundwork.training.fit import FitResult, fit
from groundwork.training.initial import build_initial
from stac_schemas import validate

NOTHING = TargetSpec.model_validate("nothing")
KEYS = ("1", "11", "2", "3", "4", "5")
DAYS = ("20240301", "20240701")
SIDE, HEIGHT, WIDTH = 16, 24, 40
CELLS = [pytest.param(*cell, id=", ".join(cell)) for cell in product(("one", "two"), ("one date", "two dates"))]
PAINTER = {"factory": {"name": "full_model", "model": {"name": "prithvi_mae", "mask_ratio": 0.5}}}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches of 4 pixels, and two blocks."""
    sizes = PrithviVariant(32, 2, 2, patch_size=4, learned_scale=True, decoder_dim=16, decoder_depth=1, decoder_heads=2)
    monkeypatch.setitem(VARIANTS, "prithvi_eo_v2_tiny_tl", sizes)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> Path:
    """Six scenes of two dates and two sensors; the first three rows and columns hold no data."""
    folder = tmp_path_factory.mktemp("unlabelled")
    for number, key in enumerate(KEYS):
        random = np.random.default_rng(number)
        place = from_origin(500_000 + 2000 * number, 5_000_000, 10, 10)
        ground = 300 + 900 * (np.arange(WIDTH) < WIDTH // 2) + np.zeros((HEIGHT, 1))
        for step, day in enumerate(DAYS):
            image = ground + 100 * step + random.normal(0, 60, (2, HEIGHT, WIDTH))
            image[:, :3, :3] = -9999
            pixels = image.astype(np.int16)
            write_raster(folder / "dated" / f"{key}_{day}.tif", pixels, transform=place, nodata=-9999)
            write_raster(folder / "single" / f"{key}.tif", pixels, transform=place, nodata=-9999)
        radar = random.normal(-12, 2, (1, HEIGHT, WIDTH)).astype(np.float32)
        write_raster(folder / "radar" / f"{key}.tif", radar, transform=place, nodata=-99)
    return folder


def _world(root: Path, sources: str = "one", dates: str = "one date") -> tuple[DataConfig, dict[str, RasterFolder]]:
    optical: dict[str, Any] = {"bands": ["A", "B"], "dtype": "int16", "nodata": -9999, "reference": True}
    folder = find_rasters(root / "single", ["{key}.tif"])
    if dates == "two dates":
        optical |= {"steps": 2, "layout": "file_per_date"}
        folder = find_rasters(root / "dated", ["{key}_{date}.tif"])
    words, scenes = {"optical": optical}, {"optical": folder}
    if sources == "two":
        words["radar"] = {"bands": ["VV"], "dtype": "float32", "nodata": -99}
        scenes["radar"] = find_rasters(root / "radar", ["{key}.tif"])
    config = {
        "sources": words,
        "target": "nothing",
        "chips": {"size": SIDE, "stride": 12, "min_valid_fraction": 0.2},
        "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
    }
    return DataConfig.model_validate(config), scenes


def _training(task: str, **changes: Any) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {
            "task": task,
            "loss": [{"name": "reconstruction"}],
            "monitor": "val/loss",
            "max_epochs": 1,
            "loader": {"batch_size": 4},
            "optimizer": {"name": "adamw", "learning_rate": 0.01},
            "augmentation": ["horizontal_flip", "quarter_turns", {"name": "rotate", "degrees": 20}],
            "trainer": {"accelerator": "cpu", "limit_train_batches": 2},
        }
        | changes
    )


def _prepared(root: Path, model: dict[str, Any], *cell: str) -> SimpleNamespace:
    data, scenes = _world(root, *cell)
    scan = scan_scenes(scenes, None, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=2)
    statistics = compute_statistics(samples, scan.cells, data)
    initial = build_initial(data, ModelConfig.model_validate(model), seed=0)
    chips = initial.labelled(samples, scenes, None)
    return SimpleNamespace(**locals())


def _trained(made: SimpleNamespace, folder: Path, task: str) -> FitResult:
    return fit(made.initial, made.chips, made.statistics, _training(task), 0, folder)


def _raster(bundle: Bundle, scenes: dict[str, RasterFolder], key: str, **inference: Any) -> tuple[Any, np.ndarray]:
    stream = dict(predict_scenes(bundle, scenes, InferenceConfig.model_validate(inference)).streams)[key]
    ((name, profile),) = stream.profiles.items()
    filled = np.full((len(profile.bands), profile.grid.height, profile.grid.width), 99, profile.dtype)
    times = np.zeros(filled.shape[1:], int)
    for window, products in stream.blocks:
        filled[:, *window.toslices()] = products[name]
        times[window.toslices()] += 1
    assert (times == 1).all()
    return profile, filled


def test_the_word_stands_for_a_target_without_any_other_key() -> None:
    assert TargetSpec.model_validate({"per": "nothing"}) == NOTHING
    assert TargetSpec.model_validate(NOTHING.model_dump()) == NOTHING
    assert NOTHING.num_outputs == 0
    with pytest.raises(ValidationError, match=r"a target per nothing has no \['ignore_value'\]"):
        TargetSpec.model_validate({"per": "nothing", "ignore_value": 0})
    with pytest.raises(ValidationError, match="Without labels write 'target: nothing'"):
        TargetSpec.model_validate({})


def test_labels_and_target_must_agree(root: Path, land_target: TargetSpec) -> None:
    data, scenes = _world(root)
    with pytest.raises(SpecError, match="would be left aside"):
        scan_scenes(scenes, scenes["optical"], data)
    asking = data.model_copy(update={"target": land_target})
    with pytest.raises(SpecError, match="asks for classes per pixel, and there are no labels"):
        scan_scenes(scenes, None, asking)


def test_scenes_are_described_and_cut_by_where_they_hold_data(root: Path, tmp_path: Path) -> None:
    made = _prepared(root, PAINTER)
    report = made.scan.report.set_index("scene")
    assert report.loc["1", "valid_fraction"] == pytest.approx(1 - 9 / (HEIGHT * WIDTH), abs=1e-6)
    assert not [name for name in report.columns if "label" in name or "fraction_" in name]
    first = made.samples.set_index("sample_id").loc["1_00000_00000"]
    assert first["valid_fraction"] == pytest.approx(1 - 9 / SIDE**2, abs=1e-6)
    assert made.statistics.target.class_pixels == {}
    chip = next(chip for chip in made.chips.chips("train") if chip.sample_id.endswith("_00000_00000"))
    assert np.array_equal(chip.patch.target, chip.patch.known)
    store_chips(ChipsToStore(made.chips, "packed"), tmp_path / "packed")
    packed = replace(made.chips, store=open_store(tmp_path / "packed"))
    for left, right in zip(made.chips.chips("train"), packed.chips("train"), strict=True):
        assert np.array_equal(left.patch.target, right.patch.target)
        assert np.array_equal(left.patch.values["optical"], right.patch.values["optical"])


def test_what_needs_labels_is_refused_by_name(root: Path) -> None:
    data, _ = _world(root)
    for name, options in (("balanced", {}), ("around_objects", {"classes": ["low"]})):
        with pytest.raises(SpecError, match=f"'{name}' draws .* the target has none"):
            check_sampling(ComponentConfig(name=name, **options), "files", NOTHING)
    for name in ("grid", "random"):
        check_sampling(ComponentConfig(name=name), "files", NOTHING)
    for name in ("cutmix", "mixup"):
        with pytest.raises(SpecError, match=f"'{name}'"):
            check_augmentation([ComponentConfig(name=name)], data.sources, NOTHING)


@pytest.mark.parametrize(
    ("task", "model", "words"),
    [
        ("reconstruction", {"encoder": {"name": "unet"}}, "needs a model that gives reconstruction"),
        ("embedding", PAINTER, "one that gives reconstruction.*'training.task' to 'reconstruction'"),
        ("semantic_segmentation", PAINTER, "This task learns classes per pixel"),
    ],
)
def test_tasks_and_models_that_do_not_go_together_are_refused(task: str, model: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        check_together(_training(task), ModelConfig.model_validate(model), NOTHING)


def test_a_model_of_answers_is_refused_where_nothing_is_asked(root: Path) -> None:
    data, _ = _world(root)
    with pytest.raises(SpecError, match="answers what a target asks, and it is nothing"):
        build_initial(data, ModelConfig.model_validate({"encoder": {"name": "unet"}}), seed=0)


def test_the_loss_is_the_models_own(root: Path, tmp_path: Path, land_target: TargetSpec) -> None:
    made = _prepared(root, PAINTER)
    with pytest.raises(ComponentError, match=r"names \['mse'\], and the model gives the losses \['reconstruction'\]"):
        fit(made.initial, made.chips, made.statistics, _training("reconstruction", loss=[{"name": "mse"}]), 0, tmp_path)
    with pytest.raises(ComponentError, match="has no options"):
        check_training(_training("reconstruction", loss=[{"name": "reconstruction", "smooth": 1}]), NOTHING)
    with pytest.raises(SpecError, match="would leave their labels aside"):
        check_together(_training("reconstruction"), ModelConfig.model_validate(PAINTER), land_target)


def test_masks_follow_from_seed_epoch_and_sample_alone(root: Path) -> None:
    made = _prepared(root, PAINTER)
    chips = [made.chips.chips("train")[index] for index in range(3)]
    ones = {"optical": torch.ones(2)}
    described = Described(made.data.sources, NOTHING, ones, ones)
    model = made.initial.build_model()

    def masks(order: list[int], seed: int | None, epoch: int = 0) -> dict[str, torch.Tensor]:
        batch = collate([chips[index] for index in order])
        if seed is not None:
            batch = Augmenter([], described, seed).augment(batch, epoch)
        with torch.no_grad():
            given = model(images_of(batch)).auxiliary["mask"]
        return dict(zip(batch["sample_id"], given, strict=True))

    for seed in (None, 0):
        first, other = masks([0, 1, 2], seed), masks([2, 0], seed)
        assert all(torch.equal(first[name], mask) for name, mask in other.items())
        assert len({tuple(mask.flatten().tolist()) for mask in first.values()}) == 3
    name = chips[0].sample_id
    drawn = [masks([0], seed, epoch)[name] for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    assert len({tuple(mask.flatten().tolist()) for mask in drawn}) == 3


def test_each_patch_is_painted_without_having_been_shown(root: Path) -> None:
    model = _prepared(root, PAINTER).initial.build_model()
    image = torch.randn(1, 2, 16, 24)
    given = model.unseen(Images({"optical": image}))
    assert given.shape == (1, 2, 1, 16, 24)
    changed = image.clone()
    changed[..., 4:8, 8:12] += 5
    other = model.unseen(Images({"optical": changed}))
    torch.testing.assert_close(other[..., 4:8, 8:12], given[..., 4:8, 8:12], rtol=0, atol=1e-6)
    assert not torch.allclose(other, given)


@pytest.mark.parametrize(("sources", "dates"), CELLS)
def test_a_masked_autoencoder_goes_through_the_house(root: Path, tmp_path: Path, sources: str, dates: str) -> None:
    if sources == "two":
        with pytest.raises(SpecError, match=r"PrithviViT sees one source, and was given \['optical', 'radar'\]"):
            _prepared(root, PAINTER, sources, dates)
        return
    made = _prepared(root, PAINTER, sources, dates)
    result = _trained(made, tmp_path, "reconstruction")
    assert np.isfinite(result.history[["train/loss", "val/loss"]].to_numpy()).all()
    save_bundle(result.bundle, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    config = EvaluationConfig(panel_rows=2)
    judged = held_out(bundle, made.samples, made.scenes, None, config)
    found = evaluate_model(bundle, judged, made.statistics, config, seed=0)
    scores, by_scene, figure = found.scores, found.by_scene, found.figure
    assert set(scores["baselines"]) == {"visible_mean", "nearest_visible"}
    assert set(scores["test"]["rmse"]) == {"A", "B"}
    assert scores == evaluate_model(bundle, judged, made.statistics, config, seed=0).scores
    # Standardised errors are raw ones in deviations of the training split.
    std = {name: band.std for name, band in made.statistics.sources["optical"].items()}
    in_deviations = np.mean([(value / std[name]) ** 2 for name, value in scores["test"]["rmse"].items()]) ** 0.5
    assert scores["test"]["standardised_rmse"] == pytest.approx(in_deviations, rel=1e-4)
    assert sorted(by_scene["scene"]) == sorted(set(judged.of_split("test")["scene"]))
    assert set(headline(scores, bundle)["test"]) == {"standardised_rmse", "rmse"}
    assert figure.axes
    assert len(draw_chips(bundle, judged, config, 0).axes) == 8
    profile, raster = _raster(bundle, made.scenes, "11", tile_size=SIDE, overlap=4)
    steps = 2 if dates == "two dates" else 1
    assert profile.bands == (("A", "B") if steps == 1 else ("A_1", "A_2", "B_1", "B_2"))
    held = np.ones((HEIGHT, WIDTH), bool)
    held[:3, :3] = False
    assert all(np.array_equal(np.isfinite(band), held) for band in raster)
    # Raw values: near those of the scene, and far from those around 0 that the network computes in.
    assert 300 < np.nanmean(raster) < 1400


def test_what_is_seen_alone_fills_what_was_hidden() -> None:
    truth = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)
    mask, valid = np.zeros((1, 2, 4), bool), np.ones((1, 2, 4), bool)
    mask[0, :, 2:] = True
    valid[0, 1, 0] = False
    chip = Hidden(truth, np.full_like(truth, 10), mask, valid)
    # Visible and valid are 0, 1 and 5.
    assert chip.visible_mean(np.array([9.0]))[0, 0].tolist() == [[0, 1, 2, 2], [4, 5, 2, 2]]
    assert chip.nearest_visible(np.array([9.0]))[0, 0].tolist() == [[0, 1, 1, 1], [4, 5, 5, 5]]
    blind = replace(chip, mask=np.ones_like(mask))
    assert (blind.nearest_visible(np.array([9.0], np.float32)) == 9).all()
    sums = PaintedSums(("A",), np.array([2.0], np.float32))
    counted = np.ones((2, 4), bool)
    counted[0, 3] = False
    sums.update(chip.painted, chip, counted)
    expected = root_mean_squared_error([2, 6, 7], [10, 10, 10])
    assert sums.report()["rmse"]["A"] == pytest.approx(expected, rel=1e-5)
    assert sums.report()["standardised_rmse"] == pytest.approx(expected / 2, rel=1e-5)


def test_an_encoder_starts_from_the_file_that_a_pretraining_leaves(root: Path, tmp_path: Path) -> None:
    made = _prepared(root, PAINTER)
    bundle = _trained(made, tmp_path, "reconstruction").bundle
    save_encoder(encoder_of(bundle), tmp_path / "encoder")
    assert '"A"' in (tmp_path / "encoder" / DESCRIPTION).read_text()
    written = set()
    for _ in range(8):
        save_encoder(encoder_of(bundle), tmp_path / "encoder")
        written.add((tmp_path / "encoder" / WEIGHTS).read_bytes())
    assert len(written) == 1, "the same encoder gives the same bytes"
    learnt = bundle.build_model().network.encoder
    inputs = one(made.data.sources["optical"])
    torch.manual_seed(1)
    options = {"variant": "prithvi_eo_v2_tiny_tl", "out_indices": (1,)}
    fresh = PrithviViT(inputs, **options).eval()
    loaded = PrithviViT(inputs, **options, pretrained=True, weights=str(tmp_path / "encoder" / WEIGHTS)).eval()
    image = Image(torch.randn(2, 2, 16, 24))
    with torch.no_grad():
        expected, given, other = (encoder.encode(image)[-1] for encoder in (learnt, loaded, fresh))
    torch.testing.assert_close(given, expected, rtol=0, atol=0)
    assert not torch.allclose(other, expected)


@pytest.mark.parametrize("place", ["encoder/encoder.safetensors", "bundle/weights.safetensors"])
def test_rasters_are_standardised_as_those_of_the_own_pretraining(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    name = "prithvi_eo_v2_tiny_tl"
    monkeypatch.setitem(VARIANTS, name, replace(VARIANTS[name], weights="owner/published/weights.pt"))
    bundle = _trained(_prepared(root, PAINTER), tmp_path, "reconstruction").bundle
    seen = bundle.config.inputs["optical"].model_dump(exclude_unset=True)

    def told(scale: float, *names: str) -> RasterSpec:
        bands = [{"name": band, "scale": scale, "unit": "reflectance"} for band in names]
        return RasterSpec.model_validate(seen | {"bands": bands})

    bundle = Bundle(bundle.config.model_copy(update={"inputs": {"optical": told(0.01, "A", "B")}}), bundle.weights)
    save_bundle(bundle, tmp_path / "bundle")
    save_encoder(encoder_of(bundle), tmp_path / "encoder")

    other = told(0.1, "B", "A")
    encoder = PrithviViT({"optical": other}, variant=name, pretrained=True, weights=str(tmp_path / place))
    assert encoder.loaded["optical"].fresh == ()
    for part, found in zip(("mean", "std"), statistics_of(encoder.info["optical"], other), strict=True):
        assert found == pytest.approx((bundle.weights[f"standardise.optical.{part}"] / 10).flip(0).tolist(), rel=1e-6)


def test_other_models_leave_no_encoder(tiny_initial: Bundle, tmp_path: Path) -> None:
    trained = Bundle(tiny_initial.config.model_copy(update={"trained": True}), tiny_initial.weights)
    save_encoder(encoder_of(trained), tmp_path / "encoder")
    assert [path.name for path in (tmp_path / "encoder").iterdir()] == [DESCRIPTION]
    assert '"weights": null' in (tmp_path / "encoder" / DESCRIPTION).read_text()


def _embedder(sources: str = "one", dates: str = "one date", **options: Any) -> dict[str, Any]:
    encoder: dict[str, Any] = {"name": "timm", "model": "test_resnet", "out_indices": [1]}
    wrapped = {"name": "per_date", "encoder": encoder, "pooling": "mean"} if dates == "two dates" else encoder
    factory = {"factory": {"name": "embedding", **options}}
    if sources == "one":
        return factory | {"encoder": wrapped, "necks": []}
    return factory | {"encoders": {"optical": wrapped, "radar": encoder}, "necks": [{"name": "merge_sources"}]}


@pytest.mark.parametrize(("sources", "dates"), CELLS)
def test_embeddings_go_through_the_house(root: Path, tmp_path: Path, sources: str, dates: str) -> None:
    made = _prepared(root, _embedder(sources, dates), sources, dates)
    result = _trained(made, tmp_path, "embedding")
    assert result.history.empty
    save_bundle(result.bundle, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.config.trained
    for name, value in made.initial.weights.items():
        assert torch.equal(bundle.weights[name], value) != name.startswith("standardise")
    config = EvaluationConfig(panel_rows=2)
    judged = held_out(bundle, made.samples, made.scenes, None, config)
    found = evaluate_model(bundle, judged, made.statistics, config, seed=0)
    scores, by_scene, figure = found.scores, found.by_scene, found.figure
    channels = bundle.build_model().num_channels
    bands = 2 * (2 if dates == "two dates" else 1) + (sources == "two")
    assert scores["test"]["dimensions"] == channels
    assert scores["baselines"]["band_means"]["dimensions"] == bands
    assert 1 <= scores["test"]["effective_rank"] <= channels
    assert set(headline(scores, bundle)["test"]) == {"effective_rank", "dimensions"}
    assert len(by_scene) == judged.of_split("test")["scene"].nunique()
    assert figure.axes
    assert len(draw_chips(bundle, judged, config, 0).axes) == 4
    profile, raster = _raster(bundle, made.scenes, "1", tile_size=SIDE, overlap=0)
    assert raster.shape[0] == channels
    assert profile.grid.transform.a == 10 * bundle.build_model().stride


def test_embeddings_lie_on_the_cells_that_they_are_of(root: Path, tmp_path: Path) -> None:
    made = _prepared(root, _embedder())
    bundle = _trained(made, tmp_path, "embedding").bundle
    model = bundle.build_model()
    cell = model.stride
    size = 48
    profile, raster = _raster(bundle, made.scenes, "1", tile_size=size, overlap=0)
    assert raster.shape == (model.num_channels, -(-HEIGHT // cell), -(-WIDTH // cell))
    transform = profile.grid.transform
    assert (transform.a, transform.e) == (10 * cell, -10 * cell)
    assert (transform.c, transform.f) == (500_000, 5_000_000)
    # The scene as one tile that reaches over its edges, given to the network by hand.
    with_edges, valid = np.zeros((2, size, size), np.float32), np.zeros((size, size), bool)
    with rasterio.open(root / "single" / "1.tif") as scene:
        with_edges[:, :HEIGHT, :WIDTH] = scene.read()
    valid[:HEIGHT, :WIDTH] = with_edges[0, :HEIGHT, :WIDTH] != -9999
    with torch.no_grad():
        expected = model(Images({"optical": torch.tensor(with_edges)[None]}, {"optical": torch.tensor(valid)[None]}))
    rows, columns = raster.shape[1:]
    np.testing.assert_allclose(raster, expected.output[0, :, :rows, :columns].numpy(), rtol=1e-4, atol=1e-5)


def test_small_numbers_keep_the_values_up_to_half_a_step(root: Path, tmp_path: Path) -> None:
    made = _prepared(root, _embedder())
    bundle = _trained(made, tmp_path, "embedding").bundle
    _, exact = _raster(bundle, made.scenes, "1", tile_size=48, overlap=0)
    limit = float(np.nanmax(np.abs(exact)))
    small = {"dtype": "int8", "limit": limit}
    profile, raster = _raster(bundle, made.scenes, "1", tile_size=48, overlap=0, embeddings=small)
    scale, offset = profile.scalings[0]
    assert (profile.dtype, offset, profile.nodata) == ("int8", 0.0, -128)
    np.testing.assert_allclose(raster * scale, exact, atol=scale / 2 * 1.001)
    with pytest.raises(ValidationError, match="'dtype: int8' needs 'limit'"):
        InferenceConfig.model_validate({"embeddings": {"dtype": "int8"}})


def test_a_model_that_pools_gives_a_cell_for_each_tile(root: Path, tmp_path: Path) -> None:
    made = _prepared(root, _embedder(pooling="mean"))
    bundle = _trained(made, tmp_path, "embedding").bundle
    profile, raster = _raster(bundle, made.scenes, "1", tile_size=16, overlap=0)
    assert raster.shape[1:] == (2, 3)
    assert profile.grid.transform.a == 160
    mapped = _trained(_prepared(root, _embedder()), tmp_path, "embedding").bundle
    with rasterio.open(root / "single" / "1.tif") as scene:
        # All of this tile lies in the scene and holds data.
        tile = torch.from_numpy(scene.read()[None, :, :16, 16:32].astype(np.float32))
    with torch.no_grad():
        features = mapped.build_model()(Images({"optical": tile})).output
    np.testing.assert_allclose(raster[:, 0, 1], features[0].mean(dim=(1, 2)).numpy(), rtol=1e-4, atol=1e-5)


def test_tiles_that_are_not_made_of_cells_are_refused(root: Path, tmp_path: Path) -> None:
    made = _prepared(root, _embedder())
    bundle = _trained(made, tmp_path, "embedding").bundle
    cell = bundle.build_model().stride
    with pytest.raises(SpecError, match=f"set it to a multiple of {cell}"):
        _raster(bundle, made.scenes, "1", tile_size=6 * cell + 1, overlap=0)
    with pytest.raises(SpecError, match=f"set it to 0 or {2 * cell}"):
        _raster(bundle, made.scenes, "1", tile_size=4 * cell, overlap=cell)


@pytest.mark.parametrize(("cells", "tile", "margin"), [(30, 8, 2), (7, 8, 1), (8, 8, 0), (25, 6, 1), (9, 8, 3)])
def test_each_cell_is_taken_where_it_lies_farthest_from_an_edge(cells: int, tile: int, margin: int) -> None:
    made = make_cell_tiles(cells, tile, margin)
    assert made.borders[0] == 0
    assert made.borders[-1] == cells
    for number, start in enumerate(made.starts):
        for cell in range(made.borders[number], made.borders[number + 1]):
            holding = [s for s in made.starts if s <= cell < s + tile]
            depth = {s: min(cell - s, s + tile - 1 - cell) for s in holding}
            assert depth[start] == max(depth.values())


def test_the_probe_of_pixels_as_they_are_is_the_baseline_of_pixels(
    tiny_data: SimpleNamespace, tiny_statistics: Any, tmp_path: Path
) -> None:
    model = {"factory": {"name": "embedding"}, "encoder": {"name": "identity"}, "necks": []}
    initial = build_initial(tiny_data.config, ModelConfig.model_validate(model), seed=0)
    labelled = initial.labelled(tiny_data.samples, tiny_data.scenes, tiny_data.labels)
    training = _training("embedding", loss=[{"name": "cross_entropy"}], monitor="val/miou")
    check_together(training, ModelConfig.model_validate(model), tiny_data.config.target)
    bundle = fit(initial, labelled, tiny_statistics, training, 0, tmp_path).bundle
    config = EvaluationConfig(baseline_pixels=600)
    found = evaluate_model(bundle, labelled, tiny_statistics, config, seed=0)
    scores, by_scene = found.scores, found.by_scene
    assert scores["test"]["miou"] == pytest.approx(scores["baselines"]["pixel_regression"]["miou"], abs=0.01)
    assert scores["test"]["miou"] > 0.9
    assert len(draw_chips(bundle, labelled, EvaluationConfig(panel_rows=1, baseline_pixels=600), 0).axes) == 4
    assert isinstance(by_scene, pd.DataFrame)


def test_the_rank_counts_the_directions_in_which_embeddings_differ() -> None:
    random = np.random.default_rng(0)
    assert report_of(random.normal(0, 1, (20_000, 4)))["effective_rank"] == pytest.approx(4, abs=0.01)
    line = random.normal(0, 1, (500, 1)) * np.array([[1.0, 2.0, -3.0]])
    assert report_of(line)["effective_rank"] == pytest.approx(1, abs=1e-6)
    assert report_of(np.ones((10, 3))) == {"effective_rank": None, "dimensions": 3}


def test_embeddings_of_an_area_are_those_of_its_cells(root: Path, tmp_path: Path) -> None:
    made = _prepared(root, _embedder())
    bundle = _trained(made, tmp_path, "embedding").bundle
    cell = bundle.build_model().stride
    outline = Polygon([(500_080, 4_999_960), (500_320, 4_999_960), (500_080, 4_999_800)])
    config = InferenceConfig.model_validate({"tile_size": SIDE, "overlap": 0})
    predictions = predict_scenes(bundle, made.scenes, config, Area(outline, CRS.from_epsg(32632), "here"))
    assert list(predictions.origins) == ["1"], "the other scenes lie elsewhere"
    write_predictions(Names(tmp_path / "out"), predictions)
    item = json.loads((tmp_path / "out/1_item.json").read_text())
    validate(item)
    with rasterio.open(tmp_path / "out/1_embeddings.tif") as raster:
        values, transform = raster.read(), raster.transform
        assert item["assets"]["embeddings"]["proj:shape"] == list(raster.shape)
    assert (transform.c, transform.f) == (500_080, 4_999_960)
    rows, columns = np.mgrid[: values.shape[1] * cell, : values.shape[2] * cell] + 0.5
    inside = shapely.contains_xy(outline, 500_080 + 10 * columns, 4_999_960 - 10 * rows)
    expected = inside.reshape(values.shape[1], cell, values.shape[2], cell).any(axis=(1, 3))
    assert np.array_equal(np.isfinite(values).all(axis=0), expected)
    assert not expected.all()
