"""Judge predictors on the test split, each by what it gives for all valid pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch.utils.data import DataLoader

from groundwork.batch import Truth, collate
from groundwork.data import sample_table as table
from groundwork.data.chips import LabelledData, known_once
from groundwork.evaluation.predictors import Predictor
from groundwork.progress import track
from groundwork.specs import TargetSpec
from groundwork.targets.kind import Accumulator, TargetKind
from groundwork.targets.kinds import kind_of

#: Name under which the trained model's scores stand.
MODEL = "model"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What each predictor gave for each scene."""

    kind: TargetKind
    #: What the baselines' answers are decided as: thresholds were chosen for the scores of the model.
    baselines: TargetKind
    #: Predictor -> scene -> what its scores are computed from.
    accumulators: Mapping[str, Mapping[str, Accumulator]]

    def total(self, predictor: str) -> Accumulator:
        """Return what one predictor gave for all scenes."""
        together = (self.kind if predictor == MODEL else self.baselines).accumulator()
        for accumulator in self.accumulators[predictor].values():
            together.add(accumulator)
        return together

    def metrics(self) -> dict[str, Any]:
        """Return all scores as plain numbers: ``test`` for the model, ``baselines`` by name. See :func:`headline`."""
        scores = {name: self.total(name).report() for name in self.accumulators}
        model = scores.pop(MODEL)
        return {"test": model, "baselines": scores}

    def by_scene(self) -> pd.DataFrame:
        """Return one row per scene, with the model's scores and the baselines' main one."""
        main = self.kind.main_score
        counted = "objects" if self.kind.per == "object" else "pixels"
        rows = []
        for scene, accumulator in self.accumulators[MODEL].items():
            report = accumulator.report()
            flat = {name: value for name, value in report.items() if not isinstance(value, dict)}
            baselines = {
                f"{main}_{name}": by_scene[scene].report()[main]
                for name, by_scene in self.accumulators.items()
                if name != MODEL
            }
            parts = {name: report[name] for name in self.kind.headline if isinstance(report[name], dict)}
            details = {f"{name}_{entry}": value for name, part in parts.items() for entry, value in part.items()}
            rows.append({table.SCENE: scene, counted: accumulator.num_known(), **flat, **baselines, **details})
        return pd.DataFrame(rows)


def headline(metrics: Mapping[str, Any], target: TargetSpec) -> dict[str, Any]:
    """Return the scores by which runs are compared: few enough for the columns of a table.

    Args:
        metrics: As of :meth:`Evaluation.metrics`.
        target: What was predicted.
    """
    kind = kind_of(target)
    return shorten(metrics, kind.headline, kind.main_score)


def shorten(metrics: Mapping[str, Any], names: Sequence[str], main: str) -> dict[str, Any]:
    """Return some scores of the model, and the main one of each baseline."""
    baselines = {name: {main: scores[main]} for name, scores in metrics["baselines"].items()}
    return {"test": {name: metrics["test"][name] for name in names}, "baselines": baselines}


def evaluate(predictors: Mapping[str, Predictor], data: LabelledData, batch_size: int) -> Evaluation:
    """Run each predictor over the test split. Pixels that several chips share are counted once.

    Args:
        predictors: By name; the trained model is called ``model``.
        data: Where the test chips are read from.
        batch_size: Chips per batch.
    """
    kind, scenes = data.kind, data.of_split("test")[table.SCENE].tolist()
    plain = kind_of(data.target.with_thresholds(dict.fromkeys(data.target.names)))
    kinds = {name: kind if name == MODEL else plain for name in predictors}
    accumulators = {name: {scene: kinds[name].accumulator() for scene in sorted(set(scenes))} for name in predictors}
    loader: DataLoader[Any] = DataLoader(data.chips("test"), batch_size=batch_size, collate_fn=collate)
    for number, batch in enumerate(track(loader, "Evaluating", len(loader))):
        first = number * batch_size
        truth = Truth(known_once(batch, kind), batch.get("objects"))
        for name, predictor in predictors.items():
            for index, scores in enumerate(predictor.predict(batch)):
                accumulators[name][scenes[first + index]].update(truth.of(index), scores[None])
    return Evaluation(kind, plain, accumulators)
