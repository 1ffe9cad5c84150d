"""Judge the model beside the baselines."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from groundwork.bundle import Bundle
from groundwork.config.evaluation import EvaluationConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.evaluation.figures import draw_confusion
from groundwork.evaluation.predictors import MajorityClass, ModelPredictor, PixelRegression, Predictor
from groundwork.evaluation.scores import MODEL, evaluate


def judge(
    bundle: Bundle, data: LabelledData, statistics: Statistics, config: EvaluationConfig, seed: int
) -> tuple[dict[str, Any], pd.DataFrame, Figure]:
    """Score the model and two baselines on the test split.

    Returns:
        All scores, the scores of each scene, and the model's confusion matrix as a figure.

    Raises:
        BundleError: Where the bundle was never trained.
    """
    predictors: dict[str, Predictor] = {
        MODEL: ModelPredictor(bundle),
        "majority_class": MajorityClass(statistics, data.target.names),
        "pixel_regression": PixelRegression(data, config.baseline_pixels, seed),
    }
    evaluation = evaluate(predictors, data, config.batch_size)
    figure = draw_confusion(evaluation.total(MODEL), data.target.names)
    return evaluation.metrics(), evaluation.by_scene(), figure
