"""The one place that asks a trained model: evaluation and prediction both do it here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from groundwork.batch import Images
from groundwork.models.finite import require_finite
from groundwork.models.interface import Model

#: What scores are computed in; half precision is torch's automatic one.
Precision: TypeAlias = Literal["float32", "bf16", "fp16"]
_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Scorer(Protocol):
    """What gives scores: a model, or whatever a model was exported to."""

    #: Which of "time" and "location" it must be given.
    coordinates: frozenset[str]

    def to(self, device: torch.device) -> None:
        """Move to a device."""

    def scores(self, images: Images) -> Tensor:
        """Return raw scores (batch, outputs, ...) for raw values in float32."""


class ModelScorer:
    """A model in evaluation mode."""

    def __init__(self, model: Model) -> None:
        self._model = model.eval()
        self.coordinates = model.coordinates

    def to(self, device: torch.device) -> None:
        """See :class:`Scorer`."""
        self._model.to(device)

    def scores(self, images: Images) -> Tensor:
        """See :class:`Scorer`."""
        scores: Tensor = self._model(images).output
        return scores


@dataclass(frozen=True, slots=True)
class Conversion:
    """Raw value of the model = raw value of the raster * ``gain`` + ``shift``, each (channels, 1[, 1], 1)."""

    gain: Tensor
    shift: Tensor


class Engine:
    """Gives scores for batches, on the accelerator where there is one.

    What decides how scores are computed (device, precision, size of batches, gradients) stands here alone. An outer
    ``torch.autocast`` would not reach it, as scenes are predicted in a thread of their own.

    Args:
        scorer: Is moved to the device.
        device: None: the first GPU, or else the processor.
        precision: What scores are computed in. They are given in float32.
        batch_size: Smaller batches are filled up to this, for programs that take one size alone. None: they are not.
    """

    def __init__(
        self,
        scorer: Scorer,
        device: torch.device | None = None,
        precision: Precision = "float32",
        batch_size: int | None = None,
    ) -> None:
        self.device = device or torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        scorer.to(self.device)
        self._scorer, self._precision, self._batch_size = scorer, precision, batch_size

    @property
    def coordinates(self) -> frozenset[str]:
        """Which of "time" and "location" the model must be given."""
        return self._scorer.coordinates

    @torch.inference_mode()
    def scores(self, images: Images, where: str, conversions: Mapping[str, Conversion] | None = None) -> Tensor:
        """Return raw scores (batch, outputs, height, width), or (batch, outputs), in float32 on the engine's device.

        Args:
            images: Raw values in the types of the rasters: they are cast on the device.
            where: What is looked at, for messages: scene and window, or samples.
            conversions: Source -> how its raw values become those that the model was trained on. Absent: they are.

        Raises:
            ScoreError: Where a score is no finite number.
        """
        moved, known = images.to(self.device), conversions or {}
        values = {source: _convert(image, known.get(source)) for source, image in moved.values.items()}
        given = moved.with_values(values)
        count = len(next(iter(values.values())))
        missing = max((self._batch_size or 0) - count, 0)
        with self._in_precision():
            scores = self._scorer.scores(given.grown(missing) if missing else given)[:count].float()
        require_finite(scores, given, where)
        return scores

    def _in_precision(self) -> AbstractContextManager[object]:
        half = _HALF.get(self._precision)
        return nullcontext() if half is None else torch.autocast(self.device.type, half)


def _convert(image: Tensor, conversion: Conversion | None) -> Tensor:
    # Convolutions run faster over channels that lie side by side in memory.
    layout = torch.channels_last if image.dim() == 4 else torch.contiguous_format
    values = image.to(torch.float32).contiguous(memory_format=layout)
    if conversion is None:
        return values
    return values * conversion.gain.to(values.device) + conversion.shift.to(values.device)
