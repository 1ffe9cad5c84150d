"""Which share of the land each class has: as it is mapped, and as it is estimated from where the map is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from groundwork.evaluation.confidence import FEWEST_SCENES
from groundwork.evaluation.details import Detail, Judged
from groundwork.targets.confusion import count_pixels
from groundwork.targets.likeliest import likeliest


@final
class AreaShares(Detail):
    """Shares of classes over the pixels that hold data, whether labelled or not.

    What is mapped is biased: a class that is often taken for another has too small an area on the map. The stratified
    estimate (Olofsson et al. 2014, equation 9) takes the classes of the map as strata, and the labelled pixels of each
    as a sample of it. It is as good as labels are spread over the land: labels that were drawn where it was easy say
    little of the rest.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Begin with no pixel.

        Args:
            names: Of the classes.
        """
        self._names = tuple(names)
        count = len(self._names)
        #: Scene -> pixels by class of the map, and by class of the map and true class (classes, 1 + classes).
        self._counts: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros((count, 1 + count)))

    def update(self, judged: Judged) -> None:
        """Add a chip: classes (height, width), IGNORE where not known, and scores (classes, height, width)."""
        said, count = likeliest(judged.scores, dim=0), len(self._names)
        mapped = torch.bincount(said[judged.valid], minlength=count)
        pairs = count_pixels(judged.counted.long(), said, count).T
        self._counts[judged.scene] += torch.cat([mapped[:, None], pairs], dim=1).numpy()

    def report(self) -> dict[str, Any]:
        """Return under ``area`` for each class its share of the map, of the labels, and of the land as estimated.

        ``standard_error`` is that of the estimate, by leaving out each scene in turn (jackknife): the formula for such
        pixels as are drawn one by one would give far too little, as neighbours are alike. None below five scenes.
        ``estimated`` is None where a class of the map was labelled nowhere.
        """
        scenes = np.array([self._counts[scene] for scene in sorted(self._counts)])
        if not len(scenes):
            return {"area": {}}
        total = scenes.sum(axis=0)
        shares = {
            "mapped": total[:, 0] / max(total[:, 0].sum(), 1),
            "labelled": total[:, 1:].sum(axis=0) / max(total[:, 1:].sum(), 1),
            "estimated": _estimated(total),
            "standard_error": _jackknife(scenes),
        }
        return {
            "area": {
                name: {what: _rounded(float(values[index])) for what, values in shares.items()}
                for index, name in enumerate(self._names)
            }
        }


def _estimated(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the estimated share of each class; NaN where a class of the map was labelled nowhere."""
    weights, sizes = counts[:, 0] / max(counts[:, 0].sum(), 1), counts[:, 1:].sum(axis=1)
    used = weights > 0
    if (sizes[used] == 0).any():
        return np.full(len(counts), np.nan)
    return np.asarray(weights[used] @ (counts[used, 1:] / sizes[used, None]))


def _jackknife(scenes: NDArray[np.float64]) -> NDArray[np.float64]:
    count, total = len(scenes), scenes.sum(axis=0)
    if count < FEWEST_SCENES:
        return np.full(total.shape[0], np.nan)
    without = np.array([_estimated(total - scene) for scene in scenes])
    return np.asarray(np.sqrt((count - 1) / count * ((without - without.mean(axis=0)) ** 2).sum(axis=0)))


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)
