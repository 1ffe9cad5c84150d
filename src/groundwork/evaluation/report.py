"""Judge the model beside the baselines."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from groundwork import fingerprint
from groundwork.bundle import Bundle
from groundwork.config.evaluation import EvaluationConfig
from groundwork.config.inference import InferenceConfig
from groundwork.data import sample_table as table
from groundwork.data.chips import LabelledData
from groundwork.data.label_sources import Labels
from groundwork.data.packed import ChipStore
from groundwork.data.statistics import Statistics
from groundwork.errors import BundleError, DataError
from groundwork.evaluation.area import AreaShares
from groundwork.evaluation.boundary import BoundaryIou
from groundwork.evaluation.calibration import Calibration, Reliability
from groundwork.evaluation.cells import ChipEmbedder
from groundwork.evaluation.chip_scores import no_chips
from groundwork.evaluation.class_sets import SetCoverage
from groundwork.evaluation.confidence import (
    LEVEL,
    Compared,
    Redraw,
    draw_scenes,
    intervals_of,
    redraw_of,
    why_not,
)
from groundwork.evaluation.details import Detail
from groundwork.evaluation.orientation import judge_orientations
from groundwork.evaluation.painted import ChipPainter
from groundwork.evaluation.pixel_baseline import pixel_baselines
from groundwork.evaluation.predictors import ConstantPredictor, ModelPredictor, Predictor
from groundwork.evaluation.probe import EmbeddingProbe
from groundwork.evaluation.reconstruction import COMPARED, evaluate_reconstruction
from groundwork.evaluation.reliability_figure import draw_reliability
from groundwork.evaluation.scores import BASELINES, MODEL, evaluate
from groundwork.evaluation.spread import evaluate_spread
from groundwork.evaluation.verdict import judge_in_words
from groundwork.models.asking import refuse_asking
from groundwork.rasters.folder import RasterFolder
from groundwork.targets.kind import RasterKind
from groundwork.targets.pixel_classes import PixelClasses

logger = logging.getLogger(__name__)

#: What has an answer of its own -> what is right, or not, with a probability.
_WHAT_IS_RIGHT = {
    "pixel": "pixels whose class is right",
    "image": "images whose class is right",
    "set": "answers that are yes",
    "object": "",
    "nothing": "",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What there is to say of a model."""

    #: All scores: of the model under the split's name, ``baselines`` by name, their intervals under ``confidence``,
    #: those of turned chips under ``orientation``, and what follows in words under ``verdict``.
    scores: dict[str, Any]
    by_scene: pd.DataFrame
    #: Where the model is right, and where its probabilities are.
    figure: Figure
    reliability: Figure
    #: How good the answer for each chip is, as of :mod:`groundwork.evaluation.chip_scores`.
    chips: pd.DataFrame = field(default_factory=no_chips)


def evaluate_model(
    bundle: Bundle,
    data: LabelledData,
    statistics: Statistics,
    config: EvaluationConfig,
    seed: int,
    asked: InferenceConfig | None = None,
) -> Judgement:
    """Score the model and the baselines on a split, and say in the log what follows.

    Answers of objects have one baseline: a single pixel says nothing of where an object begins and ends.

    A model that gives embeddings is judged by a linear model that is fitted on those of the training split; without
    labels, by how its embeddings spread.

    Args:
        bundle: The model, with the thresholds, temperature and sets that hold.
        data: Where the chips are read from; those that the training was given will do.
        statistics: Of the training split.
        config: How it is judged.
        seed: Of what is drawn.
        asked: How the model is asked, as scenes are predicted. None: once.

    Raises:
        BundleError: Where the bundle was never trained.
        DataError: For statistics of other classes or outputs than the bundle's.
    """
    asked = asked or InferenceConfig()
    refuse_asking(bundle.produces, asked)
    if bundle.produces == "reconstruction":
        scores, redraws, by_scene, figure = evaluate_reconstruction(ChipPainter(bundle, asked), data, config)
        scores["confidence"] = _confidence(scores, redraws, COMPARED, len(by_scene), config, seed)
        return _judged(scores, COMPARED, by_scene, (figure, draw_reliability({}, "")))
    if bundle.produces == "embedding" and data.kind.per == "nothing":
        scores, by_scene, figure = evaluate_spread(ChipEmbedder(bundle, asked), data, config)
        return Judgement(scores | {"verdict": []}, by_scene, figure, draw_reliability({}, ""))
    statistics.target.require(data.target.names)
    data = _as_decided_by(bundle, data)
    model = predictor_of(bundle, data, config, seed, asked)
    return _evaluate_answers(model, bundle, data, statistics, config, seed)


def _as_decided_by(bundle: Bundle, data: LabelledData) -> LabelledData:
    """Return the data with what was chosen for the scores of the bundle, as for data that its training was given."""
    decided = bundle.config.target
    is_same = data.target.as_stated() == decided.as_stated()
    return replace(data, target=decided) if is_same and data.target != decided else data


def _evaluate_answers(
    model: Predictor, bundle: Bundle, data: LabelledData, statistics: Statistics, config: EvaluationConfig, seed: int
) -> Judgement:
    kind = data.kind
    predictors: dict[str, Predictor] = {MODEL: model, kind.constant_name: ConstantPredictor(kind, statistics)}
    if isinstance(kind, RasterKind):
        predictors |= pixel_baselines(data, config.baseline_pixels, config.boosting_iterations, seed)
    details = _details(data, predictors, config)
    reliabilities: Mapping[str, Reliability] = {}
    if data.target.has_probabilities and bundle.produces == "answers":
        calibration = Calibration(data.target)
        reliabilities = calibration.reliabilities
        details[MODEL].append(calibration)
    if data.target.sets is not None:
        details[MODEL].append(SetCoverage(kind, data.target.sets))
    evaluation = evaluate(predictors, data, config.batch_size, config.split, details)
    scores, by_scene = evaluation.metrics(), evaluation.by_scene()
    compared = Compared(kind.main_score, "max", kind.headline)
    parts = {name: list(by_scene.values()) for name, by_scene in evaluation.accumulators.items()}
    redraws = {name: redraw_of(evaluation.kind_for(name), part) for name, part in parts.items()}
    scores["confidence"] = _confidence(scores, redraws, compared, len(by_scene), config, seed)
    if config.orientations:
        draws = (config.bootstrap, seed)
        scores["orientation"] = judge_orientations(model, data, config.batch_size, config.split, draws)
    reliability = draw_reliability(reliabilities, _WHAT_IS_RIGHT["set" if data.target.multi_label else kind.per])
    judged = _judged(scores, compared, by_scene, (evaluation.total(MODEL).draw(), reliability))
    return replace(judged, chips=evaluation.chips)


def _details(data: LabelledData, names: Iterable[str], config: EvaluationConfig) -> dict[str, list[Detail]]:
    """Return what else is measured of the classes of pixels, by predictor."""
    details: dict[str, list[Detail]] = {name: [] for name in names}
    if isinstance(data.kind, PixelClasses):
        details[MODEL].append(AreaShares(data.target.names))
        for part in details.values() if config.boundary_width else ():
            part.append(BoundaryIou(data.target.names, config.boundary_width))
    return details


def _confidence(
    scores: Mapping[str, Any],
    redraws: Mapping[str, Redraw],
    compared: Compared,
    num_scenes: int,
    config: EvaluationConfig,
    seed: int,
) -> dict[str, Any]:
    """Return intervals by predictor, or why there are none."""
    reason = why_not(num_scenes, config.bootstrap, f"the {config.split} split")
    found: dict[str, Any] = {"draws": 0, "difference": None, **dict.fromkeys(redraws)}
    if reason is None:
        flat = {MODEL: scores[config.split], **scores[BASELINES]}
        found = intervals_of(redraws, flat, compared, draw_scenes(num_scenes, config.bootstrap, seed))
    by_baseline = {name: found.pop(name) for name in redraws if name != MODEL}
    return {"level": LEVEL, "scenes": num_scenes, "reason": reason, BASELINES: by_baseline, **found}


def _judged(
    scores: dict[str, Any], compared: Compared, by_scene: pd.DataFrame, figures: tuple[Figure, Figure]
) -> Judgement:
    verdict = judge_in_words(scores, compared)
    for line in verdict:
        logger.log(line.level, line.text)
    return Judgement(scores | {"verdict": [line.text for line in verdict]}, by_scene, *figures)


def predictor_of(
    bundle: Bundle, data: LabelledData, config: EvaluationConfig, seed: int, asked: InferenceConfig
) -> Predictor:
    """Return what answers for a model: itself, or of embeddings a linear model that is fitted on them.

    Raises:
        BundleError: Where the bundle was never trained.
    """
    if bundle.produces == "embedding":
        return EmbeddingProbe(ChipEmbedder(bundle, asked), data, config.baseline_pixels, seed)
    return ModelPredictor(bundle, asked)


def held_out(
    bundle: Bundle,
    samples: pd.DataFrame,
    scenes: RasterFolder | Mapping[str, RasterFolder],
    labels: Labels,
    config: EvaluationConfig,
    store: ChipStore | None = None,
) -> LabelledData:
    """Return the samples to judge a bundle on: those it was trained beside, of whose test split it saw nothing.

    Raises:
        BundleError: Where the table was split or indexed anew since the training.
        DataError: Where the split that is judged has no samples, or the table names no files of a source that the
            bundle reads.
    """
    lacking = [source for source in bundle.config.inputs if table.path_column(source) not in samples]
    if lacking:
        raise DataError(
            f"The sample table names no files of the sources {lacking}, which the bundle reads: it is of samples of "
            f"other sources. Judge a bundle that was trained on these, or index those of {list(bundle.config.inputs)}."
        )
    trained_beside = bundle.config.provenance.get("samples")
    found = fingerprint.of_table(samples)
    if config.other_samples == "refuse" and trained_beside not in (None, found):
        raise BundleError(
            f"The sample table is not the one that the bundle was trained beside (found {found}, expected "
            f"{trained_beside}), so samples it was trained on may lie in the test split. Train again on this table. If "
            "none of its test samples was seen in training, such as those of another region, set "
            "'evaluation.other_samples: allow'."
        )
    if table.of_split(samples, config.split).empty:
        raise DataError(
            f"The sample table has no sample of the split '{config.split}', which 'evaluation.split' names: there is "
            "nothing to judge. Judge another split, or split the samples so that it has some."
        )
    return bundle.labelled(samples, scenes, labels, store)
