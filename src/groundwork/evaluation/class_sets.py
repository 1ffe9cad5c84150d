"""Whether sets of classes hold the true one as often as they were chosen to."""

from __future__ import annotations

from typing import Any, final

from groundwork.evaluation.details import Detail, Judged
from groundwork.specs.class_sets import ClassSetSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.labels import IGNORE


@final
class SetCoverage(Detail):
    """How often the true class stands in the set of a pixel or image, and how many classes do."""

    def __init__(self, kind: TargetKind, sets: ClassSetSpec) -> None:
        """Begin with no answer.

        Args:
            kind: Makes probabilities of raw scores.
            sets: From which probability on a class belongs to a set.
        """
        self._kind, self._sets = kind, sets
        self._count = self._held = self._sizes = 0

    def update(self, judged: Judged) -> None:
        """Add a chip: classes (...), IGNORE where not known, and scores (classes, ...)."""
        truth, known = judged.counted.long(), judged.counted != IGNORE
        belongs = self._kind.activate(judged.scores.double()[None])[0] >= self._sets.threshold
        own = belongs.gather(0, truth.clamp(min=0)[None])[0]
        self._count += int(known.sum())
        self._held += int(own[known].sum())
        self._sizes += int(belongs.sum(dim=0)[known].sum())

    def report(self) -> dict[str, Any]:
        """Return under ``sets`` the wanted and the found coverage, and the mean number of classes of a set."""
        found = {"coverage": self._held, "mean_size": self._sizes}
        shares = {name: round(value / self._count, 6) if self._count else None for name, value in found.items()}
        return {"sets": {"wanted": round(1 - self._sets.miss, 6), **shares}}
