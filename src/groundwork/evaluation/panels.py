"""The pictures and headlines of whatever a model produces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from groundwork.bundle import Bundle
from groundwork.config.evaluation import EvaluationConfig
from groundwork.config.inference import InferenceConfig
from groundwork.data.chips import LabelledData
from groundwork.evaluation import reconstruction, scores, spread
from groundwork.evaluation.cells import ChipEmbedder
from groundwork.evaluation.embedding_panel import draw_embedding_panel
from groundwork.evaluation.figures import draw_panel
from groundwork.evaluation.painted import ChipPainter
from groundwork.evaluation.reconstruction_panel import draw_reconstruction_panel
from groundwork.evaluation.report import predictor_of


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
