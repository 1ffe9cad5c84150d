"""Judge predictors on a split, each by what it gives for all valid pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from torch.utils.data import DataLoader

from groundwork.batch import Truth, collate, known_in
from groundwork.data import sample_table as table
from groundwork.data.chips import LabelledData, known_once
from groundwork.evaluation.chip_scores import ChipScores, no_chips
from groundwork.evaluation.confidence import total_of
from groundwork.evaluation.details import Detail, Judged
from groundwork.evaluation.predictors import Predictor
from groundwork.evaluation.score_names import judged_split
from groundwork.progress import track
from groundwork.specs import TargetSpec
from groundwork.targets.kind import Accumulator, TargetKind
from groundwork.targets.kinds import kind_of

#: Name under which the trained model's scores stand.
MODEL = "model"
#: Key under which those of the baselines stand.
BASELINES = "baselines"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What each predictor gave for each scene."""

    kind: TargetKind
    #: What the baselines' answers are decided as: thresholds and temperature were chosen for the scores of the model.
    baselines: TargetKind
    #: Predictor -> scene -> what its scores are computed from.
    accumulators: Mapping[str, Mapping[str, Accumulator]]
    #: Whose samples were judged.
    split: str = "test"
    #: Predictor -> what else was measured.
    details: Mapping[str, Sequence[Detail]] = field(default_factory=dict)
    #: How good the model's answer for each chip is.
    chips: pd.DataFrame = field(default_factory=no_chips)

    def kind_for(self, predictor: str) -> TargetKind:
        """Return what the answers of a predictor are decided as."""
        return self.kind if predictor == MODEL else self.baselines

    def total(self, predictor: str) -> Accumulator:
        """Return what one predictor gave for all scenes."""
        return total_of(self.kind_for(predictor), self.accumulators[predictor].values())

    def metrics(self) -> dict[str, Any]:
        """Return all scores as plain numbers: those of the model under the split's name, ``baselines`` by name."""
        scores = {name: self.total(name).report() | self._details(name) for name in self.accumulators}
        model = scores.pop(MODEL)
        return {self.split: model, BASELINES: scores}

    def _details(self, predictor: str) -> dict[str, Any]:
        return {name: value for part in self.details.get(predictor, ()) for name, value in part.report().items()}

    def by_scene(self) -> pd.DataFrame:
        """Return one row per scene, with the model's scores and the baselines' main one."""
        main = self.kind.main_score
        counted = {"object": "objects", "image": "images"}.get(self.kind.per, "pixels")
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
    split = judged_split(metrics)
    baselines = {name: {main: scores[main]} for name, scores in metrics[BASELINES].items()}
    return {split: {name: metrics[split][name] for name in names}, BASELINES: baselines}


def evaluate(
    predictors: Mapping[str, Predictor],
    data: LabelledData,
    batch_size: int,
    split: str = "test",
    details: Mapping[str, Sequence[Detail]] | None = None,
) -> Evaluation:
    """Run each predictor over a split. Pixels that several chips share are counted once.

    Args:
        predictors: By name; the trained model is called ``model``.
        data: Where the chips are read from.
        batch_size: Chips per batch.
        split: Whose chips.
        details: What else is measured of each predictor.
    """
    kind, scenes, measured = data.kind, data.of_split(split)[table.SCENE].tolist(), details or {}
    plain = kind_of(data.target.as_stated())
    kinds = {name: kind if name == MODEL else plain for name in predictors}
    accumulators = {name: {scene: kinds[name].accumulator() for scene in sorted(set(scenes))} for name in predictors}
    chips = ChipScores(kind)
    loader: DataLoader[Any] = DataLoader(data.chips(split), batch_size=batch_size, collate_fn=collate)
    for number, batch in enumerate(track(loader, "Evaluating", len(loader))):
        first = number * batch_size
        truth = Truth(known_once(batch, kind), batch.get("objects"))
        whole, valid = kind.asked(batch["target"]), known_in(batch)
        if "counted" in batch:
            valid = valid & batch["counted"]
        for name, predictor in predictors.items():
            for index, scores in enumerate(predictor.predict(batch)):
                scene = scenes[first + index]
                accumulators[name][scene].update(truth.of(index), scores[None])
                if name == MODEL:
                    chips.update(Truth(whole, batch.get("objects")).of(index), scores[None])
                judged = Judged(whole[index], truth.target[index], scores, valid[index], scene)
                for detail in measured.get(name, ()):
                    detail.update(judged)
    return Evaluation(kind, plain, accumulators, split, measured, chips.table(data.of_split(split)))
