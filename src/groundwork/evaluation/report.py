"""Judge the model beside the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from groundwork import fingerprint
from groundwork.bundle import Bundle
from groundwork.config.evaluation import EvaluationConfig
from groundwork.config.inference import InferenceConfig
from groundwork.data.chips import LabelledData
from groundwork.data.label_sources import Labels
from groundwork.data.packed import ChipStore
from groundwork.data.statistics import Statistics
from groundwork.errors import BundleError
from groundwork.evaluation.pixel_baseline import pixel_baseline
from groundwork.evaluation.predictors import ConstantPredictor, ModelPredictor, Predictor
from groundwork.evaluation.probe import EmbeddingProbe
from groundwork.evaluation.reconstruction import evaluate_reconstruction
from groundwork.evaluation.scores import MODEL, evaluate
from groundwork.evaluation.spread import evaluate_spread
from groundwork.models.asking import refuse_asking
from groundwork.rasters.folder import RasterFolder
from groundwork.targets.kind import RasterKind


def evaluate_model(
    bundle: Bundle,
    data: LabelledData,
    statistics: Statistics,
    config: EvaluationConfig,
    seed: int,
    asked: InferenceConfig | None = None,
) -> tuple[dict[str, Any], pd.DataFrame, Figure]:
    """Score the model and the baselines on the test split.

    Answers of objects have one baseline: a single pixel says nothing of where an object begins and ends.

    A model that gives embeddings is judged by a linear model that is fitted on those of the training split; without
    labels, by how its embeddings spread.

    Args:
        bundle: The model.
        data: Where the test chips are read from.
        statistics: Of the training split.
        config: How it is judged.
        seed: Of what is drawn.
        asked: How the model is asked, as scenes are predicted. None: once.

    Returns:
        All scores, the scores of each scene, and a figure of where the model is right.

    Raises:
        BundleError: Where the bundle was never trained.
    """
    refuse_asking(bundle.produces, asked or InferenceConfig())
    if bundle.produces == "reconstruction":
        return evaluate_reconstruction(bundle, data, config)
    if bundle.produces == "embedding" and data.kind.per == "nothing":
        return evaluate_spread(bundle, data, config)
    predictors: dict[str, Predictor] = {
        MODEL: predictor_of(bundle, data, config, seed, asked),
        data.kind.constant_name: ConstantPredictor(data.kind, statistics),
    }
    if isinstance(data.kind, RasterKind):
        predictors["pixel_regression"] = pixel_baseline(data, config.baseline_pixels, seed)
    evaluation = evaluate(predictors, data, config.batch_size)
    return evaluation.metrics(), evaluation.by_scene(), evaluation.total(MODEL).draw()


def predictor_of(
    bundle: Bundle, data: LabelledData, config: EvaluationConfig, seed: int, asked: InferenceConfig | None = None
) -> Predictor:
    """Return what answers for a model: itself, or of embeddings a linear model that is fitted on them.

    Raises:
        BundleError: Where the bundle was never trained.
    """
    if bundle.produces == "embedding":
        return EmbeddingProbe(bundle, data, config.baseline_pixels, seed)
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
    """
    trained_beside = bundle.config.provenance.get("samples")
    found = fingerprint.of_table(samples)
    if config.other_samples == "refuse" and trained_beside not in (None, found):
        raise BundleError(
            f"The sample table is not the one that the bundle was trained beside (found {found}, expected "
            f"{trained_beside}), so samples it was trained on may lie in the test split. Train again on this table. If "
            "none of its test samples was seen in training, such as those of another region, set "
            "'evaluation.other_samples: allow'."
        )
    return bundle.labelled(samples, scenes, labels, store)
