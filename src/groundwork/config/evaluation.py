"""``parameters_evaluation.yml``: how the trained model is judged."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from groundwork.strict import Config


class EvaluationConfig(Config):
    """How the trained model is judged."""

    batch_size: int = Field(default=8, gt=0)
    #: Whose samples the model is judged on. Choices made by scores of the test split, such as which model to keep, make
    #: these scores worth less: look at ``val`` for them. Scores of ``train`` say what was learnt by heart.
    split: Literal["train", "val", "test"] = "test"
    #: Most training pixels that each per-pixel baseline is fitted on.
    baseline_pixels: int = Field(default=20_000, gt=0)
    #: Trees, of each class or number, of the baseline of gradient-boosted trees on single pixels. 0: there is none.
    boosting_iterations: int = Field(default=30, ge=0, le=1000)
    #: How often the scenes are drawn anew, with replacement, for the intervals of scores. 0: there are no intervals.
    #: Scores that need all answers at once, such as average precision, are drawn 200 times at most.
    bootstrap: int = Field(default=1000, ge=0, le=100_000)
    #: Boundary IoU looks at pixels so near to the edge of a class, in pixels. 0: it is not measured.
    boundary_width: int = Field(default=2, ge=0)
    #: Whether the model is also judged on flipped and turned chips, 64 at most: how much its score depends on where up
    #: is. It costs up to five times as many passes through the model for these chips.
    orientations: bool = True
    #: Rows of the figure that shows image, truth, prediction and error, and how many of the best and of the worst chips
    #: are shown by themselves.
    panel_rows: int = Field(default=4, gt=0)
    #: Whether the model may be judged on other samples than those it was trained beside. Allow it only for places that
    #: it never saw: after another split, chips it was trained on would count as test.
    other_samples: Literal["refuse", "allow"] = "refuse"
