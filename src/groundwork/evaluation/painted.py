"""What was hidden of a chip, beside what a model, and those that know the visible pixels alone, take it for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from groundwork.batch import Batch, images_of
from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.models.asking import engine_of, ready_to_ask
from groundwork.models.painting import HiddenPainter, require_painter


@dataclass(frozen=True, slots=True)
class Hidden:
    """A chip of which a part was hidden. All values are raw ones."""

    #: (channels, steps, height, width), as they are, and as the model paints them.
    truth: NDArray[np.float32]
    painted: NDArray[np.float32]
    #: (steps, height, width): what the model was not shown, and where there is data.
    mask: NDArray[np.bool_]
    valid: NDArray[np.bool_]

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Pixels that hold data and were shown (steps, height, width)."""
        return self.valid & ~self.mask

    def visible_mean(self, otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the chip with each band's mean over the visible pixels of all steps where it was hidden.

        Args:
            otherwise: For each band, what is said of it where nothing is visible (channels,).
        """
        seen = self.truth[:, self.visible]
        means = seen.mean(axis=1) if seen.shape[1] else otherwise
        return np.where(self.mask, means.astype(np.float32)[:, None, None, None], self.truth)

    def nearest_visible(self, otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the chip with the nearest visible pixel of the same step in the place of each that was hidden.

        Args:
            otherwise: As of :meth:`visible_mean`, which stands in where a step is hidden as a whole.
        """
        filled = self.visible_mean(otherwise)
        for step, visible in enumerate(self.visible):
            if visible.any():
                rows, columns = distance_transform_edt(~visible, return_distances=False, return_indices=True)
                nearest = self.truth[:, step, rows, columns]
                filled[:, step] = np.where(self.mask[step], nearest, self.truth[:, step])
        return filled


class ChipPainter:
    """The trained model, asked for chips of which a part is hidden: of each chip always the same."""

    def __init__(self, bundle: Bundle, asked: InferenceConfig) -> None:
        """Build the model.

        Args:
            bundle: A trained one.
            asked: How the model is asked, as scenes are predicted.

        Raises:
            BundleError: Where the bundle was never trained.
        """
        bundle.require_trained()
        model = require_painter(ready_to_ask(bundle.build_model(), asked))
        self._engine = engine_of(HiddenPainter(model), asked)
        self._source, self._spec = model.source, bundle.config.inputs[model.source]
        #: Mean and deviation of each channel by which the model standardises raw values (channels,).
        self.mean, self.std = model.means().cpu().numpy(), model.deviations().cpu().numpy()

    def paint(self, batch: Batch) -> list[Hidden]:
        """Hide a part of each chip, and let the model paint it."""
        channels, steps = self._spec.num_channels, self._spec.steps
        given = self._engine.scores(images_of(batch), f"Samples {batch['sample_id']}").cpu()
        painted, mask = given[:, : channels * steps], given[:, channels * steps :]
        images, valid = batch["images"][self._source], batch["valid"][self._source]
        shape = (channels, steps, *images.shape[-2:])
        return [
            Hidden(
                truth=_array(image).reshape(shape),
                painted=_array(paint).reshape(shape),
                mask=_array(hidden) > 0.5,
                valid=np.broadcast_to(held.numpy(), shape[1:]),
            )
            for image, paint, hidden, held in zip(images, painted, mask, valid, strict=True)
        ]


def _array(part: Tensor) -> NDArray[np.float32]:
    return np.asarray(part.numpy(), np.float32)
