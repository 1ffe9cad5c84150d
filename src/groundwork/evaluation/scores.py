"""Judge predictors on the test split, from one confusion matrix each over all valid pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from groundwork.data.chips import LabelledData, known_once
from groundwork.data.labels import IGNORE
from groundwork.evaluation.predictors import Predictor
from groundwork.progress import track
from groundwork.targets.metrics import Scores, compute_scores

#: Name under which the trained model's scores stand.
MODEL = "model"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Pixel counts (truth, prediction) for each predictor and scene."""

    #: Predictor -> scene -> confusion matrix.
    confusion: Mapping[str, Mapping[str, NDArray[np.int64]]]
    names: tuple[str, ...]

    def total(self, predictor: str) -> NDArray[np.int64]:
        """Return one predictor's confusion matrix over all scenes."""
        return np.asarray(np.sum(list(self.confusion[predictor].values()), axis=0))

    def metrics(self) -> dict[str, Any]:
        """Return all scores as plain numbers: ``test`` for the model, ``baselines`` by name. See :func:`headline`."""
        scores = {name: _as_numbers(compute_scores(self.total(name), self.names)) for name in self.confusion}
        model = scores.pop(MODEL)
        return {"test": model, "baselines": scores}

    def by_scene(self) -> pd.DataFrame:
        """Return one row per scene, with the model's scores and the baselines' mIoU."""
        rows = []
        for scene, confusion in self.confusion[MODEL].items():
            scores = _as_numbers(compute_scores(confusion, self.names))
            baselines = {
                f"miou_{name}": round(compute_scores(by_scene[scene], self.names).miou, 6)
                for name, by_scene in self.confusion.items()
                if name != MODEL
            }
            flat = {key: value for key, value in scores.items() if not isinstance(value, dict)}
            classes = {f"iou_{name}": value for name, value in scores["iou"].items()}
            rows.append({"scene": scene, "pixels": int(confusion.sum()), **flat, **baselines, **classes})
        return pd.DataFrame(rows)


def headline(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores by which runs are compared: few enough for the columns of a table.

    Args:
        metrics: As of :meth:`Evaluation.metrics`.
    """
    kept = ("miou", "f1", "overall_accuracy", "iou")
    return {
        "test": {name: metrics["test"][name] for name in kept},
        "baselines": {name: {"miou": scores["miou"]} for name, scores in metrics["baselines"].items()},
    }


def evaluate(predictors: Mapping[str, Predictor], data: LabelledData, batch_size: int) -> Evaluation:
    """Run each predictor over the test split. Pixels that several chips share are counted once.

    Args:
        predictors: By name; the trained model is called ``model``.
        data: Where the test chips are read from.
        batch_size: Chips per batch.
    """
    samples = data.samples[data.samples["split"] == "test"].reset_index(drop=True)
    scenes = samples["scene"].tolist()
    size = data.target.num_outputs
    confusion = {
        name: {scene: np.zeros((size, size), np.int64) for scene in sorted(set(scenes))} for name in predictors
    }
    loader: DataLoader[Any] = DataLoader(data.chips("test"), batch_size=batch_size)
    for number, batch in enumerate(track(loader, "Evaluating", len(loader))):
        first = number * batch_size
        truth = known_once(batch).numpy()
        for name, predictor in predictors.items():
            for index, predicted in enumerate(predictor.predict(batch)):
                confusion[name][scenes[first + index]] += _count(truth[index], predicted, size)
    return Evaluation(confusion, data.target.names)


def _count(truth: NDArray[np.int64], predicted: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    known = truth != IGNORE
    return np.bincount(truth[known] * size + predicted[known], minlength=size * size).reshape(size, size)


def _as_numbers(scores: Scores) -> dict[str, Any]:
    numbers: dict[str, Any] = {
        name: round(getattr(scores, name), 6) for name in ("miou", "f1", "overall_accuracy", "balanced_accuracy")
    }
    for part in ("iou", "f1", "precision", "recall"):
        key = part if part == "iou" else f"class_{part}"
        values = {name: getattr(entry, part) for name, entry in scores.classes.items()}
        numbers[key] = {name: None if value is None else round(value, 6) for name, value in values.items()}
    return numbers
