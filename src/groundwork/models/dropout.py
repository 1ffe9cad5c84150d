"""Ask a model several times, each time with other parts of it left out: Monte Carlo dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from groundwork.batch import Images
from groundwork.errors import SpecError
from groundwork.models.interface import Model


class DropoutScorer:
    """Gives what a model says with dropout as in training, several times, as one score (Gal and Ghahramani 2016).

    The draws are the same for each batch, so that the same batches get the same scores. All else, such as batch norm,
    is as in prediction.

    Args:
        model: Is asked.
        samples: How often.
        combine: Makes one of the scores.

    Raises:
        SpecError: For a model without dropout, which would say the same each time.
    """

    def __init__(self, model: Model, samples: int, combine: Callable[[Sequence[Tensor]], Tensor]) -> None:
        self._model, self._samples, self._combine = model.eval(), samples, combine
        self._dropouts = dropouts_of(model)
        self.coordinates = model.coordinates

    def to(self, device: torch.device) -> None:
        """See :class:`groundwork.models.engine.Scorer`."""
        self._model.to(device)

    def scores(self, images: Images) -> Tensor:
        """See :class:`groundwork.models.engine.Scorer`."""
        given = []
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())), _as_in_training(self._dropouts):
            for sample in range(self._samples):
                torch.manual_seed(sample)
                given.append(self._model(images).output.float())
        return self._combine(given)


def dropouts_of(model: Model) -> list[_DropoutNd]:
    """Return the layers of a model that drop something in training.

    Raises:
        SpecError: For a model without any, which would say the same each time, and an exported file.
    """
    if model.is_settled:
        raise SpecError(
            "'inference.dropout_samples' asks a model with its dropout, which an exported file has left behind. Set it "
            "to 0, or predict with the bundle itself."
        )
    found = [module for module in model.modules() if isinstance(module, _DropoutNd) and module.p > 0]
    if not found:
        raise SpecError(
            "'inference.dropout_samples' asks the model several times with dropout, and it has none: every answer "
            "would be the same. Set it to 0, or train with a component that takes a 'dropout' option above 0, such as "
            "the heads 'segmentation' and 'classification'."
        )
    return found


@contextmanager
def _as_in_training(modules: Sequence[nn.Module]) -> Iterator[None]:
    for module in modules:
        module.train()
    try:
        yield
    finally:
        for module in modules:
            module.eval()
