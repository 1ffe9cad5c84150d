"""The pictures and headlines of whatever a model produces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from groundwork.bundle import Bundle
from groundwork.config.evaluation import EvaluationConfig
from groundwork.config.inference import InferenceConfig
from groundwork.data.chips import LabelledData
from groundwork.evaluation import reconstruction, scores, spread
from groundwork.evaluation.cells import ChipEmbedder
from groundwork.evaluation.chip_scores import extremes, notes_of
from groundwork.evaluation.embedding_panel import draw_embedding_panel
from groundwork.evaluation.figures import draw_panel, draw_rows
from groundwork.evaluation.painted import ChipPainter
from groundwork.evaluation.reconstruction_panel import draw_reconstruction_panel
from groundwork.evaluation.report import predictor_of

#: What stands in the place of the best and worst chips.
NO_EXTREMES = "What this model produces is not judged chip by chip: there is no truth for each."


def headline(metrics: Mapping[str, Any], bundle: Bundle) -> dict[str, Any]:
    """Return the scores by which runs are compared: few enough for the columns of a table.

    Args:
        metrics: All scores: the split's name for the model, ``baselines`` by name.
        bundle: The model.
    """
    if bundle.produces == "reconstruction":
        return scores.shorten(metrics, reconstruction.HEADLINE, reconstruction.MAIN)
    if bundle.produces == "embedding" and bundle.config.target.per == "nothing":
        return scores.shorten(metrics, spread.HEADLINE, spread.MAIN)
    return scores.headline(metrics, bundle.config.target)


def draw_extremes(
    bundle: Bundle,
    data: LabelledData,
    chips: pd.DataFrame,
    config: EvaluationConfig,
    seed: int,
    asked: InferenceConfig | None = None,
) -> Figure:
    """Draw the best chips of the split that is judged, and the worst; where chips are not judged one by one, say so.

    Args:
        bundle: The model.
        data: Where chips are read from.
        chips: How good the answer for each is, as of :mod:`groundwork.evaluation.chip_scores`.
        config: How many are drawn of each.
        seed: Of what is fitted on embeddings.
        asked: How the model is asked, as scenes are predicted. None: once.

    Raises:
        BundleError: Where the bundle was never trained.
        DataError: Where the table of chips is not of these samples.
    """
    best, worst = extremes(chips, config.panel_rows)
    if not best:
        figure = Figure(figsize=(9, 1))
        figure.text(0.5, 0.5, NO_EXTREMES, ha="center", va="center")
        return figure
    samples, rgb = data.of_split(config.split), data.inputs[data.reference].shown
    rows = notes_of(samples, chips, {"best": best, "worst": worst})
    model = predictor_of(bundle, data, config, seed, asked or InferenceConfig())
    return draw_rows(model, data, rgb, rows, config.split)


def draw_chips(
    bundle: Bundle, data: LabelledData, config: EvaluationConfig, seed: int, asked: InferenceConfig | None = None
) -> Figure:
    """Draw chips of the split that is judged, and what the model makes of them.

    Args:
        bundle: The model.
        data: Where chips are read from.
        config: How many are drawn.
        seed: Of what is fitted on embeddings.
        asked: How the model is asked, as scenes are predicted. None: once.

    Raises:
        BundleError: Where the bundle was never trained.
    """
    asked = asked or InferenceConfig()
    rgb, rows, split = data.inputs[data.reference].shown, config.panel_rows, config.split
    if bundle.produces == "reconstruction":
        return draw_reconstruction_panel(ChipPainter(bundle, asked), data, rgb, rows, split)
    if bundle.produces == "embedding" and data.kind.per == "nothing":
        return draw_embedding_panel(ChipEmbedder(bundle, asked), data, rgb, rows, split)
    return draw_panel(predictor_of(bundle, data, config, seed, asked), data, rgb, rows, split)
