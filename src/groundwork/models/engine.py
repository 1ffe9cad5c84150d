"""The one place that asks a trained model: evaluation and prediction both do it here."""

from __future__ import annotations

import torch
from torch import Tensor

from groundwork.models.finite import require_finite
from groundwork.models.interface import Model


class Engine:
    """Gives a model's scores for batches, on the accelerator where there is one.

    What decides how a model computes (device, mode, gradients) stands here alone. An outer ``torch.autocast`` would not
    reach it, as scenes are predicted in a thread of their own.

    Args:
        model: Is put into evaluation mode, and moved to the device.
        device: None: the first GPU, or else the processor.
    """

    def __init__(self, model: Model, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self._model = model.to(self.device).eval()

    @property
    def coordinates(self) -> frozenset[str]:
        """Which of "time" and "location" the model must be given."""
        return self._model.coordinates

    @torch.inference_mode()
    def scores(
        self,
        image: Tensor,
        valid: Tensor | None,
        dates: Tensor | None,
        places: Tensor | None,
        where: str,
    ) -> Tensor:
        """Return raw scores (batch, outputs, height, width), or (batch, outputs), on the engine's device.

        Args:
            image: Raw values (batch, channels[, steps], height, width), in any type.
            valid: (batch, height, width), true where the image holds data. None: everywhere.
            dates: (batch, steps, 2): year, and day of the year from 0.
            places: (batch, 2): latitude and longitude in degrees.
            where: What is looked at, for messages: scene and window, or samples.

        Raises:
            ScoreError: Where a score is no finite number.
        """
        moved = [None if part is None else part.to(self.device) for part in (image, valid, dates, places)]
        scores: Tensor = self._model(*moved).output
        require_finite(scores, image, valid, where)
        return scores
