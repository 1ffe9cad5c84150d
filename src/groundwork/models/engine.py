"""The one place that asks a trained model: evaluation and prediction both do it here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from groundwork.batch import Images
from groundwork.errors import ScoreError
from groundwork.models.finite import require_finite
from groundwork.models.interface import Model
from groundwork.models.memory import is_out_of_memory

logger = logging.getLogger(__name__)

#: What scores are computed in; half precision is torch's automatic one.
Precision: TypeAlias = Literal["float32", "bf16", "fp16"]
_SMALLER = (
    "Set a smaller 'inference.tile_size' or 'inference.batch_size' ('auto' halves it by itself), or "
    "'inference.precision: bf16'; for an evaluation, a smaller 'evaluation.batch_size'."
)
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
        if any(part.training for part in model.modules()):
            # Switching takes longer than looking, and it is asked for each scene.
            model.eval()
        self._model = model
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

    What decides how scores are computed (device, precision, size of batches, gradients) stands here alone: an outer
    ``torch.autocast`` does not reach it, in which thread ever it is asked.

    Args:
        scorer: Is moved to the device.
        device: None: the first GPU, or else the processor.
        precision: What scores are computed in. They are given in float32.
        fill: Fill smaller batches up to the largest that came, for programs that are compiled for each size.
        divide: Ask about half as many images at once from then on, where memory does not suffice.
        largest: Size of the largest batch that may come, where it is known; with ``fill``, all have it from the first
            on, so that scores do not follow from what came before.
    """

    def __init__(
        self,
        scorer: Scorer,
        device: torch.device | None = None,
        precision: Precision = "float32",
        fill: bool = False,
        divide: bool = False,
        largest: int = 0,
    ) -> None:
        self.device = device or torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        scorer.to(self.device)
        self._scorer, self._precision, self._fill, self._divide = scorer, precision, fill, divide
        #: Of the batches that came, and how many images memory takes at once. None: as many as come.
        self._largest = largest
        self._most: int | None = None

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
            ScoreError: Where a score is no finite number, or memory does not suffice.
        """
        moved, known = images.to(self.device), conversions or {}
        values = {source: _convert(image, known.get(source)) for source, image in moved.values.items()}
        given = moved.with_values(values)
        scores = self._divided(given, len(next(iter(values.values()))), where)
        require_finite(scores, given, where)
        return scores

    def _divided(self, given: Images, count: int, where: str) -> Tensor:
        """Return the scores of images, asked for in as many parts as memory takes."""
        while True:
            most = min(self._most or count, count)
            try:
                parts = [self._asked(given.part(slice(start, start + most))) for start in range(0, count, most)]
                return parts[0] if len(parts) == 1 else _together(parts)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                # What the traceback holds would stay in memory while the next attempt asks for it.
                reason = str(error).strip().partition("\n")[0]
            if most == 1 or not self._divide:
                raise ScoreError(f"{where}: out of memory for {most} image(s) at once ({reason}). {_SMALLER}")
            self._largest = self._most = most // 2
            logger.warning("Out of memory for %d images at once: %d from now on", most, self._most)

    def _asked(self, given: Images) -> Tensor:
        count = len(next(iter(given.values.values())))
        self._largest = max(self._largest, count)
        missing = self._largest - count if self._fill else 0
        with self._in_precision():
            return self._scorer.scores(given.grown(missing) if missing else given)[:count].float()

    def _in_precision(self) -> AbstractContextManager[object]:
        half = _HALF.get(self._precision)
        return torch.autocast(self.device.type, half, enabled=half is not None)


def _together(parts: Sequence[Tensor]) -> Tensor:
    # Of objects each part has as many rows as its fullest image; rows of zeros are none.
    if parts[0].dim() != 3:
        return torch.cat(list(parts))
    most = max(part.shape[1] for part in parts)
    return torch.cat([functional.pad(part, (0, 0, 0, most - part.shape[1])) for part in parts])


def _convert(image: Tensor, conversion: Conversion | None) -> Tensor:
    # Convolutions run faster over channels that lie side by side in memory.
    layout = torch.channels_last if image.dim() == 4 else torch.contiguous_format
    values = image.to(torch.float32, memory_format=layout)
    if conversion is None:
        return values
    return values * conversion.gain.to(values.device) + conversion.shift.to(values.device)
