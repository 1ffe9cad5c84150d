"""Evaluation counts each pixel once, and its numbers are scikit-learn's."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from sklearn import metrics

from groundwork.batch import Batch, Truth
from groundwork.config import DataConfig
from groundwork.data.chips import LabelledData
from groundwork.data.scan import scan_scenes
from groundwork.evaluation.predictors import Predictor
from groundwork.evaluation.scores import MODEL, Evaluation, evaluate, headline
from groundwork.specs import TargetSpec
from groundwork.targets.classes import ClassCounts
from groundwork.targets.kind import Accumulator
from groundwork.targets.kinds import kind_of
from groundwork.targets.labels import IGNORE


def _scores(classes: np.ndarray) -> torch.Tensor:
    """Return scores that are highest for the given classes."""
    return torch.nn.functional.one_hot(torch.from_numpy(classes), 3).movedim(-1, 1).float()


class BandC(Predictor):
    """A class by the value of band A: wrong now and then."""

    def classes(self, batch: Batch) -> np.ndarray:
        return np.digitize(batch["images"]["optical"][:, 0].numpy(), [600, 2000])

    def predict(self, batch: Batch) -> torch.Tensor:
        return _scores(self.classes(batch))


class Constant(Predictor):
    def predict(self, batch: Batch) -> torch.Tensor:
        return _scores(np.full(tuple(batch["target"].shape), 1))


def _overlapping(data: SimpleNamespace, stride: int = 13) -> LabelledData:
    """Return all scenes as the test split, cut into chips that overlap each other."""
    config: DataConfig = data.config
    config = config.model_copy(update={"chips": config.chips.model_copy(update={"stride": stride})})
    samples = scan_scenes(data.scenes, data.labels, config).chips.assign(split="test")
    return LabelledData(samples, {"optical": data.scenes}, data.labels, config.sources, config.target)


def _counts(accumulator: Accumulator) -> np.ndarray:
    assert isinstance(accumulator, ClassCounts)
    return accumulator.counts.numpy()


def _pixels(data: SimpleNamespace, keys: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and prediction of each known pixel of whole scenes, read with plain rasterio."""
    truth, predicted = [], []
    for key in keys:
        with rasterio.open(data.root / "scenes" / f"{key}.tif") as scene:
            image = scene.read()
        with rasterio.open(data.root / "labels" / f"{key}.tif") as raster:
            label = raster.read(1)
        known = (image != -9999).all(axis=0) & (label > 0)
        truth.append(label[known].astype(int) - 1)
        predicted.append(np.digitize(image[0][known], [600, 2000]))
    return np.concatenate(truth), np.concatenate(predicted)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_each_pixel_counts_once_however_chips_overlap(tiny_data: SimpleNamespace, batch_size: int) -> None:
    found = evaluate({MODEL: BandC()}, _overlapping(tiny_data), batch_size)
    assert list(found.accumulators[MODEL]) == sorted(tiny_data.scenes.files)
    for key, judged in found.accumulators[MODEL].items():
        truth, predicted = _pixels(tiny_data, [key])
        assert np.array_equal(_counts(judged), metrics.confusion_matrix(truth, predicted, labels=range(3)))


def test_metrics_are_those_of_all_pixels_together(tiny_data: SimpleNamespace) -> None:
    found = evaluate({MODEL: BandC(), "constant": Constant()}, _overlapping(tiny_data), 8).metrics()
    truth, predicted = _pixels(tiny_data, list(tiny_data.scenes.files))
    test = found["test"]
    iou = metrics.jaccard_score(truth, predicted, average=None)
    assert 0.1 < iou.min() < iou.max() < 1, "neither all right nor all wrong"
    assert [test["iou"][name] for name in ("water", "forest", "field")] == pytest.approx(iou, abs=1e-6)
    assert test["miou"] == pytest.approx(iou.mean(), abs=1e-6)
    assert test["f1"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro"), abs=1e-6)
    assert test["overall_accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted), abs=1e-6)
    assert test["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, predicted), abs=1e-6)
    recall = metrics.recall_score(truth, predicted, average=None)
    assert list(test["class_recall"].values()) == pytest.approx(recall, abs=1e-6)
    baseline = found["baselines"]["constant"]
    assert baseline["overall_accuracy"] == pytest.approx((truth == 1).mean(), abs=1e-6)
    assert baseline["iou"] == pytest.approx({"water": 0, "forest": (truth == 1).mean(), "field": 0}, abs=1e-6)
    assert baseline["class_precision"]["water"] is None


def test_scenes_are_told_apart(tiny_data: SimpleNamespace) -> None:
    table = evaluate({MODEL: BandC(), "constant": Constant()}, _overlapping(tiny_data), 8).by_scene()
    assert table["scene"].tolist() == sorted(tiny_data.scenes.files)
    for row in table.to_dict("records"):
        truth, predicted = _pixels(tiny_data, [row["scene"]])
        assert row["pixels"] == len(truth)
        assert row["miou"] == pytest.approx(metrics.jaccard_score(truth, predicted, average="macro"), abs=1e-6)
        share = (truth == 1).mean()
        assert row["miou_constant"] == pytest.approx(share / 3, abs=1e-6)
        assert row["iou_water"] == pytest.approx(metrics.jaccard_score(truth == 0, predicted == 0), abs=1e-6)


def test_only_the_test_split_is_judged(tiny_data: SimpleNamespace, tiny_labelled: LabelledData) -> None:
    found = evaluate({MODEL: Constant()}, tiny_labelled, 8)
    test = tiny_data.samples[tiny_data.samples["split"] == "test"]
    assert set(found.accumulators[MODEL]) == set(test["scene"])
    assert 0 < found.total(MODEL).num_known() <= len(test) * 32**2


def test_what_is_predicted_where_nothing_is_known_does_not_count(tiny_data: SimpleNamespace) -> None:
    class Wild(BandC):
        def predict(self, batch: Batch) -> torch.Tensor:
            return _scores(np.where(batch["target"].numpy() == IGNORE, 2, self.classes(batch)))

    data = _overlapping(tiny_data)
    one, other = (evaluate({MODEL: predictor}, data, 8).total(MODEL) for predictor in (BandC(), Wild()))
    assert np.array_equal(_counts(one), _counts(other))


def test_totals_are_sums_over_scenes() -> None:
    classes = [{"value": value, "name": name, "color": "#000000"} for value, name in enumerate("xy")]
    kind = kind_of(TargetSpec.model_validate({"classes": classes}))
    pairs = {"a": ([0, 1], [0, 1]), "b": ([0, 0, 1, 1], [0, 1, 0, 1])}
    parts = {name: kind.accumulator() for name in pairs}
    for name, (truth, predicted) in pairs.items():
        scores = torch.nn.functional.one_hot(torch.tensor(predicted), 2).T.float()
        parts[name].update(Truth(torch.tensor(truth)[None, None]), scores[None, :, None])
    found = Evaluation(kind, kind, {MODEL: parts})
    assert _counts(found.total(MODEL)).tolist() == [[2, 1], [1, 2]]
    assert _counts(parts["a"]).tolist() == [[1, 0], [0, 1]], "what is added up stays as it is"
    pd.testing.assert_series_equal(found.by_scene()["pixels"], pd.Series([2, 4], name="pixels"))


def test_the_headline_holds_few_scores_of_all_predictors(tiny_data: SimpleNamespace) -> None:
    found = evaluate({MODEL: BandC(), "constant": Constant()}, _overlapping(tiny_data), 8).metrics()
    shown = headline(found, tiny_data.config.target)
    names = ("miou", "f1", "overall_accuracy", "iou")
    assert shown["test"] == {name: found["test"][name] for name in names}
    assert shown["baselines"] == {"constant": {"miou": found["baselines"]["constant"]["miou"]}}
