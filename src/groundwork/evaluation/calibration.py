"""Whether probabilities are right as often as they say."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from groundwork.evaluation.details import Detail, Judged
from groundwork.specs import TargetSpec
from groundwork.targets.labels import IGNORE

#: Bins of equal width that probabilities are sorted into.
BINS = 15


class Reliability:
    """Sums over answers by the bin of their probability."""

    def __init__(self) -> None:
        """Begin with none."""
        #: For each bin the number of answers, the sum of their probabilities, and how many are right (bins, 3).
        self.bins = torch.zeros(BINS, 3, dtype=torch.float64)
        self._brier = self._nll = 0.0

    def add_classes(self, truth: Tensor, scores: Tensor) -> None:
        """Add answers of one class of several: each is as sure as the likeliest class.

        Args:
            truth: Class indexes (answers,).
            scores: (answers, classes), float64.
        """
        logs = scores.log_softmax(dim=1)
        probabilities = logs.exp()
        sure, said = probabilities.max(dim=1)
        self._sort(sure, said == truth)
        is_class = torch.nn.functional.one_hot(truth, scores.shape[1])
        self._brier += float(((probabilities - is_class) ** 2).sum())
        self._nll -= float(logs.gather(1, truth[:, None]).sum())

    def add_answers(self, truth: Tensor, scores: Tensor) -> None:
        """Add answers of yes and no: each is as sure as the probability of yes.

        Args:
            truth: 1 or 0 (answers,).
            scores: (answers,), float64.
        """
        is_yes = truth == 1
        probabilities = scores.sigmoid()
        self._sort(probabilities, is_yes)
        self._brier += float(((probabilities - is_yes.double()) ** 2).sum())
        signed = torch.where(is_yes, scores, -scores)
        self._nll -= float(torch.nn.functional.logsigmoid(signed).sum())

    def _sort(self, sure: Tensor, is_right: Tensor) -> None:
        # 1 belongs to the last bin.
        places = (sure * BINS).long().clamp(max=BINS - 1)
        values = torch.stack([torch.ones_like(sure), sure, is_right.double()], dim=1)
        self.bins.index_add_(0, places, values)

    def report(self) -> dict[str, float | None]:
        """Return expected calibration error, Brier score and negative log-likelihood, each 0 at best.

        The first is the mean over the bins of how far the share that is right lies from the mean probability (Naeini et
        al. 2015). All are None without any answer.
        """
        count = float(self.bins[:, 0].sum())
        if not count:
            return dict.fromkeys(("ece", "brier", "nll"))
        error = float((self.bins[:, 1] - self.bins[:, 2]).abs().sum()) / count
        found = {"ece": error, "brier": self._brier / count, "nll": self._nll / count}
        return {name: round(value, 6) for name, value in found.items()}


@final
class Calibration(Detail):
    """How right the probabilities of classes are: of raw scores, and of those divided by the target's temperature."""

    def __init__(self, target: TargetSpec) -> None:
        """Begin with no answer.

        Args:
            target: With classes of pixels or images.
        """
        self._target = target
        #: What probabilities are called -> what is known of them.
        self.reliabilities = {"raw": Reliability()}
        if target.temperature is not None:
            self.reliabilities["calibrated"] = Reliability()

    def update(self, judged: Judged) -> None:
        """Add a chip: classes (...), or yes and no (classes,), and scores (outputs, ...)."""
        truth, scores = judged.counted, judged.scores.double()
        known = truth != IGNORE
        if self._target.multi_label:
            answers, given = truth[known], scores[known]
        else:
            answers, given = truth[known].long(), scores.movedim(0, -1)[known]
        for name, reliability in self.reliabilities.items():
            scaled = given / self._target.temperature if name == "calibrated" and self._target.temperature else given
            add = reliability.add_answers if self._target.multi_label else reliability.add_classes
            add(answers, scaled)

    def report(self) -> dict[str, Any]:
        """Return the scores of each under ``calibration``, with the temperature."""
        parts: dict[str, Any] = {name: part.report() for name, part in self.reliabilities.items()}
        return {"calibration": parts | {"temperature": self._target.temperature}}
