"""``parameters_evaluation.yml``: how the trained model is judged."""

from __future__ import annotations

from pydantic import Field

from groundwork.specs import Config


class EvaluationConfig(Config):
    """How the trained model is judged on the test split."""

    batch_size: int = Field(default=8, gt=0)
    #: Most training pixels that the per-pixel baseline is fitted on.
    baseline_pixels: int = Field(default=20_000, gt=0)
    #: Rows of the figure that shows image, truth, prediction and error.
    panel_rows: int = Field(default=4, gt=0)
