"""How far scores are left to chance: intervals by drawing the scenes anew, with replacement (Efron 1979).

Scenes are drawn, not pixels: neighbouring pixels are alike, and intervals over pixels would be far too narrow. Those of
few scenes are widened, as what is drawn from few differs by less than these do from others (Hesterberg 2015).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit
from torch import Tensor

from groundwork.progress import track
from groundwork.targets.kind import Accumulator, TargetKind

#: How often an interval is to hold what all scenes of the kind would give.
LEVEL = 0.95
#: With fewer scenes an interval would say more than is known: the few that there are would be drawn again and again.
FEWEST_SCENES = 5
#: Most draws of scores that need all answers at once, and not only their sums.
MOST_SLOW = 200

#: How often each scene was drawn (draws, scenes) -> the scores of each draw.
Redraw: TypeAlias = Callable[[NDArray[np.int64]], Iterator[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Compared:
    """By what predictors are compared."""

    #: The main score, whether more of it is better, and all scores that get an interval.
    main: str
    direction: Literal["max", "min"]
    names: Sequence[str]

    def gain(self, one: float, other: float) -> float:
        """Return by how much one main score is better than another."""
        return one - other if self.direction == "max" else other - one


def draw_scenes(num_scenes: int, num_draws: int, seed: int) -> NDArray[np.int64]:
    """Return how often each scene is drawn (draws, scenes)."""
    random = np.random.default_rng([seed, num_scenes])
    return random.multinomial(num_scenes, np.full(num_scenes, 1 / num_scenes), size=num_draws).astype(np.int64)


def why_not(num_scenes: int, num_draws: int, what: str) -> str | None:
    """Return why there are no intervals, where there are none."""
    if not num_draws:
        return "'evaluation.bootstrap' is 0"
    if num_scenes < FEWEST_SCENES:
        return f"{what} has {num_scenes} scene(s), and intervals need {FEWEST_SCENES} or more"
    return None


def intervals_of(
    predictors: Mapping[str, Redraw],
    scores: Mapping[str, Mapping[str, Any]],
    compared: Compared,
    drawn: NDArray[np.int64],
) -> dict[str, Any]:
    """Return the interval of each score of each predictor, and of what the first gains on the best of the others.

    Args:
        predictors: By name. All are drawn the same scenes, so that differences are paired.
        scores: Of each predictor.
        compared: Which scores.
        drawn: How often each scene is drawn (draws, scenes).

    Returns:
        Predictor -> score -> lowest and highest number of its interval (for scores by class: of each); under
        ``difference`` that of the main score.
    """
    model, *baselines = predictors
    known = [name for name in baselines if scores[name][compared.main] is not None]
    best = max(known, key=lambda name: compared.gain(scores[name][compared.main], 0.0), default=None)
    found: dict[str, Any] = {}
    mains: dict[str, NDArray[np.float64]] = {}
    for name, redraw in predictors.items():
        reports = [{key: report[key] for key in compared.names} for report in redraw(drawn)]
        found |= {name: _intervals(reports, drawn.shape[1]), "draws": len(reports)}
        mains[name] = _numbers([report[compared.main] for report in reports])
    own = scores[model][compared.main]
    if best is None or own is None:
        return found | {"difference": None}
    gains = compared.gain(1.0, 0.0) * (mains[model] - mains[best])
    gain = compared.gain(own, scores[best][compared.main])
    difference = {"baseline": best, "gain": _rounded(gain), "interval": interval(gains, drawn.shape[1])}
    return found | {"difference": difference}


def main_scores(reports: Iterator[Mapping[str, Any]], main: str) -> NDArray[np.float64]:
    """Return the main score of each draw (draws,), NaN where it is not defined."""
    return _numbers([report[main] for report in reports])


def interval(numbers: NDArray[np.float64], num_scenes: int) -> list[float] | None:
    """Return the expanded percentile interval (Hesterberg 2015); None where half of the draws have no number.

    Percentiles of draws from five scenes hold the truth in 84 % of the cases where 95 % are meant. They are taken so
    much farther out as an interval by Student's distribution is wider than one by the normal distribution.

    Args:
        numbers: A score of each draw, NaN where it is not defined.
        num_scenes: How many scenes were drawn from, two or more.
    """
    known = _known(numbers)
    if known is None:
        return None
    tail = 100 * float(ndtr(-_deviations(num_scenes, LEVEL)))
    return [_rounded(value) for value in np.percentile(known, [tail, 100 - tail]).tolist()]


def difference_interval(
    difference: float, numbers: NDArray[np.float64], num_scenes: int, level: float = LEVEL
) -> list[float] | None:
    """Return Student's interval about a difference of paired scores; None where half of the draws have no number.

    Its deviation is that of the draws, corrected for how few scenes they are made of. Percentiles of draws from few
    scenes end where these end: where all five lie on one side of 0, so do they, which chance brings about in one case
    of sixteen. That is too often where one of several intervals is enough for a claim.

    Args:
        difference: Of the scores of all scenes.
        numbers: The difference in each draw, NaN where it is not defined.
        num_scenes: How many scenes were drawn from, two or more.
        level: How often it is to hold the truth.
    """
    known = _known(numbers)
    if known is None:
        return None
    farther = _deviations(num_scenes, level) * float(known.std())
    return [_rounded(difference - farther), _rounded(difference + farther)]


def _deviations(num_scenes: int, level: float) -> float:
    """Return how many deviations of the draws an interval reaches to either side: they are of few scenes too small."""
    return float((num_scenes / (num_scenes - 1)) ** 0.5 * stdtrit(num_scenes - 1, (1 + level) / 2))


def total_of(kind: TargetKind, parts: Iterable[Accumulator]) -> Accumulator:
    """Return what several have seen as one.

    Args:
        kind: Of the answers.
        parts: Such as those of each scene.
    """
    together = kind.accumulator()
    for part in parts:
        together.add(part)
    return together


def redraw_of(kind: TargetKind, parts: Sequence[Accumulator]) -> Redraw:
    """Return what gives scores of scenes that were drawn anew.

    Args:
        kind: Of the answers.
        parts: What each scene's scores are computed from.
    """

    def sums(drawn: NDArray[np.int64]) -> Iterator[Mapping[str, Any]]:
        together = kind.accumulator()
        stacked = {name: _summed([dict(part.named_buffers())[name] for part in parts], drawn) for name, _ in buffers}
        for index in track(range(len(drawn)), "Drawing scenes anew", len(drawn)):
            for name, buffer in together.named_buffers():
                buffer.copy_(stacked[name][index])
            yield together.headline()

    def everything(drawn: NDArray[np.int64]) -> Iterator[Mapping[str, Any]]:
        few = drawn[:MOST_SLOW].tolist()
        for row in track(few, "Drawing scenes anew", len(few)):
            together = total_of(kind, (part for part, times in zip(parts, row, strict=True) for _ in range(times)))
            yield together.headline()

    buffers = list(parts[0].named_buffers())
    return sums if parts[0].only_sums else everything


def _summed(parts: Sequence[Tensor], drawn: NDArray[np.int64]) -> Tensor:
    """Return sums of buffers over the scenes of each draw (draws, ...)."""
    stacked = torch.stack(list(parts)).cpu()
    times = torch.from_numpy(drawn).to(stacked.dtype)
    return (times @ stacked.reshape(len(stacked), -1)).reshape(len(drawn), *stacked.shape[1:])


def _intervals(reports: Sequence[Mapping[str, Any]], num_scenes: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, first in reports[0].items():
        if isinstance(first, Mapping):
            by_key = {key: _numbers([report[name][key] for report in reports]) for key in first}
            found[name] = {key: interval(numbers, num_scenes) for key, numbers in by_key.items()}
        else:
            found[name] = interval(_numbers([report[name] for report in reports]), num_scenes)
    return found


def _known(numbers: NDArray[np.float64]) -> NDArray[np.float64] | None:
    known = numbers[~np.isnan(numbers)]
    return known if len(known) > len(numbers) / 2 else None


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
