"""Batches as trainers of TorchGeo take them: one standardised image with a mask or a label."""

from __future__ import annotations

import torch
from torch import Tensor

from groundwork.batch import Batch
from groundwork.config.data import DataConfig, only_source, read_by_model
from groundwork.data.statistics import BandStatistics, Statistics
from groundwork.errors import DataError, SpecError
from groundwork.targets.kinds import kind_of

#: What an answer is for -> what TorchGeo calls it.
KEYS = {"pixel": "mask", "image": "label"}


class PlainBatches:
    """Standardises raw values by the statistics of the training split; where nothing is valid, 0 stands for the mean.

    Pixels and images of unknown class are -1 (``ignore_index`` of TorchGeo's trainers).
    """

    def __init__(self, data: DataConfig) -> None:
        """Take what the rasters hold.

        Raises:
            SpecError: For several sources or time steps, and answers that TorchGeo's trainers have no key for.
        """
        seen = read_by_model(data.sources)
        self._source = only_source(seen, "'batches: torchgeo'")
        self._spec, self._target, self._kind = seen[self._source], data.target, kind_of(data.target)
        if self._spec.steps > 1:
            raise SpecError(f"'batches: torchgeo' holds one image, and '{self._source}' has {self._spec.steps} steps.")
        if data.target.per not in KEYS or data.target.multi_label:
            raise SpecError(
                "'batches: torchgeo' holds one class or numbers per pixel or image; the target asks for "
                f"{'several classes' if data.target.multi_label else 'answers'} per {data.target.per}."
            )

    def of(self, batch: Batch, statistics: Statistics) -> dict[str, Tensor]:
        """Return ``image`` (batch, channels, height, width), float32, and ``mask`` or ``label``.

        Classes: int64, (batch, height, width) or (batch,). Numbers: float32, with an axis of outputs where there are
        several.

        Raises:
            DataError: For numbers that are not known: a loss of TorchGeo would be no number.
        """
        bands = statistics.of_bands(self._source, self._spec)
        image, valid = batch["images"][self._source].float(), batch["valid"][self._source]
        mean, std = self._column(bands, "mean", image), self._column(bands, "std", image)
        standardised = torch.where(valid[:, None], (image - mean) / std, image.new_zeros(()))
        answers = self._kind.asked(batch["target"])
        if self._target.outputs:
            if not torch.isfinite(answers).all():
                raise DataError(
                    "Trainers of TorchGeo know no pixels without a number: leave out chips that hold such by "
                    "'chips.min_valid_fraction: 1', or train with a task of this library. Found in "
                    f"{batch['sample_id']}"
                )
            answers = answers[:, 0].float() if len(self._target.outputs) == 1 else answers.float()
        else:
            answers = answers.long()
        return {"image": standardised, KEYS[self._target.per]: answers}

    @staticmethod
    def _column(bands: list[BandStatistics], name: str, like: Tensor) -> Tensor:
        values = [band.mean if name == "mean" else band.std for band in bands]
        return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]
