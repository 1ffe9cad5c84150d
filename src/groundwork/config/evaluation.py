"""``parameters_evaluation.yml``: how the trained model is judged."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from groundwork.strict import Config


class EvaluationConfig(Config):
    """How the trained model is judged on the test split."""

    batch_size: int = Field(default=8, gt=0)
    #: Most training pixels that the per-pixel baseline is fitted on.
    baseline_pixels: int = Field(default=20_000, gt=0)
    #: Rows of the figure that shows image, truth, prediction and error.
    panel_rows: int = Field(default=4, gt=0)
    #: Whether the model may be judged on other samples than those it was trained beside. Allow it only for places that
    #: it never saw: after another split, chips it was trained on would count as test.
    other_samples: Literal["refuse", "allow"] = "refuse"
