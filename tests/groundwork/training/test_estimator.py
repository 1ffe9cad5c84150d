"""An estimator of scikit-learn is fitted on features of the training chips, and is judged and predicts as any model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from rasterio.transform import from_origin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from groundwork.batch import Batch, collate, images_of
from groundwork.bundle import Bundle, load_bundle, save_bundle
from groundwork.config import DataConfig, EvaluationConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.label_table import read_label_table
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import Statistics, compute_statistics
from groundwork.errors import SpecError
from groundwork.evaluation.report import evaluate_model
from groundwork.models.engine import Engine, ModelScorer
from groundwork.models.interface import Model
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.targets.labels import IGNORE
from groundwork.training.checks import check_together, check_training
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

MakeTraining = Callable[..., TrainingConfig]
ENCODER = {"name": "timm", "model": "test_resnet", "out_indices": [0]}


def _model(**words: Any) -> ModelConfig:
    plain = {"encoder": ENCODER, "head": {"name": "sklearn", "estimator": "logistic_regression"}}
    return ModelConfig.model_validate(plain | words)


@pytest.fixture(scope="module")
def fitted(
    data_config: DataConfig,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    initial = build_initial(data_config, _model(), seed=0)
    training = make_training(task={"name": "estimator", "max_rows": 10**6})
    check_training(training, data_config.target)
    check_together(training, _model(), data_config.target)
    folder = tmp_path_factory.mktemp("estimator")
    save_bundle(fit(initial, tiny_labelled, tiny_statistics, training, 0, folder / "files").bundle, folder / "bundle")
    return load_bundle(folder / "bundle")


def _cells(model: Model, batch: Batch) -> torch.Tensor:
    """Return the features of the first image of a batch (channels, rows, columns)."""
    images = images_of(batch)
    given = images.with_values({name: part.float() for name, part in images.values.items()})
    with torch.inference_mode():
        maps: list[torch.Tensor] = model.extract(model.prepare(given)).maps  # type: ignore[operator]
    return maps[0][0]


def test_it_says_what_scikit_learn_says_of_the_features_of_all_pixels(
    fitted: Bundle, tiny_labelled: LabelledData
) -> None:
    model, rows, answers = fitted.build_model(), [], []
    chips = tiny_labelled.chips("train")
    for index in range(len(chips)):
        batch = collate([chips[index]])
        cells = _cells(model, batch)
        # Two pixels of a chip of 32 lie in each of 16 cells.
        rows.append(cells.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2).flatten(1).T.numpy())
        answers.append(batch["target"][0].flatten().numpy())
    features, classes = np.concatenate(rows), np.concatenate(answers)
    known = classes != IGNORE
    scaler = StandardScaler().fit(features[known])
    expected = LogisticRegression(random_state=0).fit(scaler.transform(features[known]), classes[known])
    batch = collate([tiny_labelled.chips("test")[0]])
    scores = Engine(ModelScorer(model), torch.device("cpu")).scores(images_of(batch), "here")
    cells = _cells(model, batch)
    said = expected.predict_proba(scaler.transform(cells.flatten(1).T.numpy())).T.reshape(3, *cells.shape[1:])
    # In the middle of four cells what was said of them is interpolated.
    ours = scores.softmax(dim=1)[0].numpy()
    agree = (ours.argmax(axis=0)[::2, ::2] == said.argmax(axis=0)).mean()
    assert agree > 0.9


def test_it_beats_what_knows_nothing_and_predicts_scenes(
    fitted: Bundle, tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    found = evaluate_model(fitted, tiny_labelled, tiny_statistics, EvaluationConfig(baseline_pixels=500), 0).scores
    assert found["test"]["overall_accuracy"] > found["baselines"]["majority_class"]["overall_accuracy"] + 0.2
    stream = dict(predict_scenes(fitted, tiny_labelled.scenes, InferenceConfig(tile_size=32, overlap=8)).streams)["p5"]
    classes = np.concatenate([products["classes"].ravel() for _, products in stream.blocks])
    assert set(np.unique(classes)) <= {1, 2, 3}


def test_it_is_the_same_each_time_and_drawn_by_its_seed(
    data_config: DataConfig,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    tmp_path: Path,
) -> None:
    initial = build_initial(data_config, _model(), seed=0)
    training = make_training(task={"name": "estimator", "max_rows": 300})
    weights = [fit(initial, tiny_labelled, tiny_statistics, training, seed, tmp_path).bundle.weights
               for seed in (0, 0, 1)]  # fmt: skip
    name = "head.estimator.state.weight"
    assert torch.equal(weights[0][name], weights[1][name])
    assert not torch.equal(weights[0][name], weights[2][name])
    assert all(torch.equal(weights[0][other], value) for other, value in initial.weights.items()
               if other.startswith("encoder."))  # fmt: skip


def test_numbers_of_images_are_learnt_from_a_table(
    tmp_path: Path, write_raster: Callable[..., Path], make_training: MakeTraining
) -> None:
    rows = []
    for number in range(12):
        level = 100 + 150 * number
        image = np.random.default_rng(number).normal(level, 40, (2, 32, 32)).astype(np.int16)
        place = from_origin(500_000 + 5000 * number, 5_000_000, 10, 10)
        write_raster(tmp_path / "scenes" / f"s{number}.tif", image, transform=place)
        rows.append({"key": f"s{number}", "height": level / 100})
    pd.DataFrame(rows).to_csv(tmp_path / "labels.csv", index=False)
    scenes, table = find_rasters(tmp_path / "scenes", ["{key}.tif"]), read_label_table(tmp_path / "labels.csv", "key")
    data = DataConfig.model_validate(
        {
            "sources": {"optical": {"bands": ["A", "B"], "dtype": "int16", "nodata": None}},
            "target": {"per": "image", "outputs": [{"name": "height", "minimum": 0, "maximum": 30}]},
            "chips": {"size": 32, "stride": 32},
            "split": {"method": "scenes", "fractions": {"train": 0.6, "val": 0.2, "test": 0.2}},
        }
    )
    scan = scan_scenes({"optical": scenes}, table, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    statistics = compute_statistics(samples, scan.cells, data)
    model = _model(head={"name": "scalar_sklearn", "estimator": "ridge"})
    initial = build_initial(data, model, seed=0)
    labelled = initial.labelled(samples, scenes, table)
    bundle = fit(initial, labelled, statistics, make_training(task="estimator"), 0, tmp_path / "files").bundle
    scores = evaluate_model(bundle, labelled, statistics, EvaluationConfig(), 0).scores
    assert scores["test"]["mae"]["height"] < scores["baselines"]["mean"]["mae"]["height"] / 3


def test_bands_themselves_are_features_too(
    data_config: DataConfig,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    tmp_path: Path,
) -> None:
    model = _model(encoder={"name": "identity"})
    initial = build_initial(data_config, model, seed=0)
    fitted = fit(initial, tiny_labelled, tiny_statistics, make_training(task="estimator"), 0, tmp_path).bundle
    config = EvaluationConfig(baseline_pixels=10_000, orientations=False)
    found = evaluate_model(fitted, tiny_labelled, tiny_statistics, config, 0).scores
    linear = found["baselines"]["pixel_regression"]["miou"]
    assert found["test"]["miou"] == pytest.approx(linear, abs=0.02), "it is the same regression on single pixels"
    with pytest.raises(SpecError, match="The model has no weights that steps could train"):
        fit(initial, tiny_labelled, tiny_statistics, make_training(max_epochs=1), 0, tmp_path)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"head": "segmentation"}, r"set 'model.head: {name: sklearn, estimator: logistic_regression}'"),
        ({"decoder": {"name": "fcn", "channels": 4}}, r"so \['decoder'\] would keep the random weights"),
    ],
)
def test_what_nobody_would_train_is_refused(
    model: dict[str, Any],
    message: str,
    data_config: DataConfig,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    make_training: MakeTraining,
    tmp_path: Path,
) -> None:
    initial = build_initial(data_config, _model(**model), seed=0)
    with pytest.raises(SpecError, match=message):
        fit(initial, tiny_labelled, tiny_statistics, make_training(task="estimator"), 0, tmp_path)
