"""Judge numbers by sums over all known pixels: their size does not depend on how many pixels there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from groundwork.batch import Truth
from groundwork.targets.kind import Accumulator, Gather

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from groundwork.specs import OutputSpec

#: Pixels of a batch, and of all of them, that are kept for the figure.
FROM_BATCH, AT_MOST = 500, 20_000
#: How many deviations on both sides hold 95 % of what is normally distributed.
DEVIATIONS_OF_95 = 1.96


class NumberSums(Accumulator):
    """Adds up errors and their squares for each output."""

    only_sums = True
    #: For each output: number of known pixels, and sums of the truth and its square, of errors (prediction less truth),
    #: their sizes and their squares; and how many came with a deviation, and lie within it.
    sums: Tensor

    def __init__(self, outputs: Sequence[OutputSpec]) -> None:
        super().__init__()
        self._outputs = tuple(outputs)
        self.register_buffer("sums", torch.zeros(len(outputs), 8, dtype=torch.float64), persistent=False)
        self._points: list[Tensor] = []

    def update(self, truth: Truth, scores: Tensor) -> None:
        """Add numbers (batch, outputs, height, width), NaN where not known, and what was predicted.

        Deviations may stand behind the numbers.
        """
        given = truth.target.detach().movedim(1, 0).flatten(1).cpu().double()
        said, deviations = _split(scores.detach().movedim(1, 0).flatten(1).cpu().double(), len(self._outputs))
        known = ~given.isnan()
        error = torch.where(known, said - given, 0.0)
        # Less the middle of what is possible, so that little is lost where numbers are large and differ little.
        shifted = torch.where(known, given - self._centers(), 0.0)
        doubted = known & ~deviations.isnan()
        within = doubted & (error.abs() <= DEVIATIONS_OF_95 * deviations)
        counts = (doubted.double(), within.double())
        parts = (known.double(), shifted, shifted**2, error, error.abs(), error**2, *counts)
        self.sums += torch.stack([part.sum(dim=1) for part in parts], dim=1).to(self.sums.device)
        self._keep_points(given, said, known.any(dim=0))

    def _centers(self) -> Tensor:
        limits = [[output.minimum or 0.0, output.maximum or 0.0] for output in self._outputs]
        return torch.tensor(limits, dtype=torch.float64).mean(dim=1, keepdim=True)

    def _keep_points(self, given: Tensor, said: Tensor, known: Tensor) -> None:
        places = known.nonzero().flatten()
        step = max(len(places) // FROM_BATCH, 1)
        self._points.append(torch.stack([given, said])[:, :, places[::step][:FROM_BATCH]])

    def add(self, other: Accumulator) -> None:
        """See :class:`Accumulator`."""
        if not isinstance(other, NumberSums):
            raise TypeError(f"Sums of numbers cannot be added to {type(other).__name__}")
        self.sums += other.sums
        self._points += other._points  # noqa: SLF001 - of the same class

    def gather(self, gather: Gather) -> None:
        """See :class:`Accumulator`."""
        self.sums.copy_(torch.stack(list(gather(self.sums))).sum(dim=0))
        points = torch.cat([torch.zeros(2, len(self._outputs), 0, dtype=torch.float64), *self._points], dim=2)
        self._points = [part.movedim(0, 2) for part in gather(points.movedim(2, 0))]

    def num_known(self) -> int:
        """Return the number of known pixels of the output that has most."""
        return int(self.sums[:, 0].max())

    def compute(self) -> dict[str, float]:
        """Return ``r2``, the mean over the outputs, and RMSE and MAE of each output."""
        report = self.report()
        scores = {"r2": report["r2"]}
        for part in ("rmse", "mae"):
            scores |= {f"{part}_{name}": value for name, value in report[part].items()}
        return {name: float(value) for name, value in scores.items() if value is not None}

    def report(self) -> dict[str, Any]:
        """Return the mean R2, and R2, RMSE, MAE and bias of each output, to six digits.

        R2 is the share of the variance of the truth that is explained: 1 at best, 0 for its mean, and below for worse.
        It is not defined where the truth is one and the same everywhere. Where it was said how far off numbers may be,
        which baselines do not, ``coverage_95`` is the share that lies within 1.96 of these deviations: 0.95 where they
        are right and errors normally distributed.
        """
        by_part: dict[str, dict[str, float | None]] = {name: {} for name in ("output_r2", "rmse", "mae", "bias")}
        for output, sums in zip(self._outputs, self.sums.tolist(), strict=True):
            for part, value in _scores(sums).items():
                by_part[part][output.name] = None if value is None else float(f"{value:.6g}")
        known = [value for value in by_part["output_r2"].values() if value is not None]
        r2 = float(f"{sum(known) / len(known):.6g}") if known else None
        return {"r2": r2, **by_part, **({"coverage_95": self._coverage()} if self.sums[:, 6].any() else {})}

    def _coverage(self) -> dict[str, float | None]:
        counts = zip(self._outputs, self.sums[:, 6:].tolist(), strict=True)
        return {output.name: float(f"{within / given:.6g}") if given else None for output, (given, within) in counts}

    def draw(self) -> Figure:
        """Draw predictions against truth, and how errors are distributed."""
        from groundwork.targets.number_figure import draw_numbers  # noqa: PLC0415 - matplotlib loads slowly

        points = torch.cat(self._points, dim=2)
        step = max(points.shape[2] // AT_MOST, 1)
        return draw_numbers(points[:, :, ::step].numpy(), self._outputs, self.report())

    def reset(self) -> None:
        """Begin anew."""
        self.sums.zero_()
        self._points = []


def _split(said: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return numbers and their deviations (outputs, answers); baselines give none, which are NaN."""
    numbers, deviations = said[:count], said[count:]
    return numbers, deviations if len(deviations) else torch.full_like(numbers, torch.nan)


def _scores(sums: list[float]) -> dict[str, float | None]:
    count, total, squares, error, size, squared, *_ = sums
    if not count:
        return dict.fromkeys(("output_r2", "rmse", "mae", "bias"))
    spread = squares - total**2 / count
    return {
        "output_r2": 1 - squared / spread if spread > 1e-12 * max(squares, 1e-300) else None,
        "rmse": (squared / count) ** 0.5,
        "mae": size / count,
        "bias": error / count,
    }
