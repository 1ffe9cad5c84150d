"""What answers of numbers have in common, for pixels and for whole images."""

from __future__ import annotations

from abc import ABC
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundwork.batch import Answers
from groundwork.errors import SpecError
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import OutputSpec, TargetSpec
from groundwork.targets.kind import Direction, Products, RasterKind
from groundwork.targets.number_scores import NumberSums
from groundwork.targets.statistics import NumberStatistics, TargetStatistics

NUMBERS, DEVIATIONS = "numbers", "deviations"
UNKNOWN = 255
#: Colours of pictures from the lowest to the highest number (ColorBrewer's YlGnBu), and of errors from none to many.
COLORS = np.array([(255, 255, 217), (127, 205, 187), (44, 127, 184), (8, 29, 88)], np.float64)
ERRORS = np.array([(217, 217, 217), (197, 27, 27)], np.float64)
#: Errors of this share of the range that is possible are drawn as the worst.
WORST = 0.25


class Measures(RasterKind, ABC):
    """Numbers in their units; tiles are blended in them; answers are (outputs, height, width), NaN where not known."""

    main_score = "r2"
    headline = ("r2", "rmse", "mae", "bias")
    constant_name = "mean"
    term_type = np.float64

    @classmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """See :class:`TargetKind`."""
        errors = [f"{part}_{name}" for part in ("rmse", "mae") for name in target.names]
        return {"r2": "max", **dict.fromkeys(errors, "min")}

    def __init__(self, target: TargetSpec) -> None:
        super().__init__(target)
        # For all outputs whether any is known, and for each the number of known pixels, their sum and that of squares.
        self.num_terms = 1 + 3 * target.num_outputs
        limits = np.array([[output.minimum, output.maximum] for output in target.outputs], np.float64)
        self._centers = limits.mean(axis=1)

    def known(self, answers: Answers) -> NDArray[np.bool_]:
        """Return where any output is known."""
        return np.asarray((~np.isnan(np.asarray(answers, np.float64))).any(axis=0))

    def hide(self, answers: Answers, known: NDArray[np.bool_]) -> None:
        """See :class:`TargetKind`."""
        answers[..., ~known] = np.nan

    def nothing_known(self, answers: Tensor) -> Tensor:
        """Return NaN."""
        return answers.new_tensor(torch.nan)

    def terms(self, answers: Answers) -> Iterator[NDArray[np.float64]]:
        """Yield where any output is known, and for each output 1, its number and its square where it is.

        Numbers are counted from the middle of what is possible, so that little is lost in large sums.
        """
        numbers = np.asarray(answers, np.float64)
        known = ~np.isnan(numbers)
        yield np.asarray(known.any(axis=0), np.float64)
        for plane, is_known, center in zip(numbers, known, self._centers, strict=True):
            shifted: NDArray[np.float64] = np.where(is_known, plane - center, 0.0)
            yield is_known.astype(np.float64)
            yield shifted
            yield np.square(shifted)

    def num_known(self, sums: NDArray[np.generic]) -> int:
        """Return the number of pixels of which any output is known."""
        return int(np.asarray(sums, np.float64)[0])

    def columns(self, sums: NDArray[np.generic]) -> dict[str, float]:
        """Return the mean of each output, and in which share of the known pixels it is known."""
        columns: dict[str, float] = {}
        for output, number in zip(self.target.outputs, self._summaries(sums), strict=True):
            columns[f"mean_{output.name}"] = number.mean if number.count else float("nan")
            columns[f"known_{output.name}"] = round(number.count / max(self.num_known(sums), 1), 6)
        return columns

    def summarise(self, sums: NDArray[np.generic]) -> TargetStatistics:
        """Return mean and deviation of each output.

        Raises:
            SpecError: Where an output is one and the same number, or known nowhere, in the training split.
        """
        numbers = self._summaries(sums)
        for output, number in zip(self.target.outputs, numbers, strict=True):
            if not number.std > 0:
                found = f"{number.mean:g} in all {number.count} known pixels" if number.count else "not known anywhere"
                raise SpecError(
                    f"The output '{output.name}' is {found} of the training split: nothing can be learnt. Split the "
                    "samples anew, or leave the output out"
                )
        return TargetStatistics(numbers=dict(zip(self.target.names, numbers, strict=True)))

    def _summaries(self, sums: NDArray[np.generic]) -> list[NumberStatistics]:
        found = []
        for (count, total, squares), center in zip(
            np.asarray(sums, np.float64)[1:].reshape(-1, 3), self._centers, strict=True
        ):
            mean = total / max(count, 1)
            variance = max(squares / max(count, 1) - mean**2, 0.0)
            # Nine digits: what follows depends on the order in which blocks were added.
            numbers = (float(f"{value:.9g}") for value in (center + mean, variance**0.5))
            found.append(NumberStatistics(count=int(count), **dict(zip(("mean", "std"), numbers, strict=True))))
        return found

    def constant(self, statistics: TargetStatistics) -> Tensor:
        """Return the mean of each output in the training split."""
        return torch.tensor([statistics.numbers[name].mean for name in self.target.names], dtype=torch.float64)

    def picture(self, answers: Answers) -> NDArray[np.uint8]:
        """Return the first output, from yellow, its lowest number, to blue."""
        output, numbers = self.target.outputs[0], np.asarray(answers, np.float64)[0]
        return _paint((numbers - _low(output)) / _range(output), COLORS)

    def picture_of_errors(self, truth: Answers, answers: Answers) -> NDArray[np.uint8]:
        """Return errors of the first output, from grey, for none, to red, for a quarter of what is possible."""
        error = np.abs(np.asarray(answers, np.float64)[0] - np.asarray(truth, np.float64)[0])
        return _paint(error / (WORST * _range(self.target.outputs[0])), ERRORS)

    def legend(self) -> list[tuple[str, str]]:
        """Return some numbers of the first output and their colours."""
        output = self.target.outputs[0]
        shares = np.linspace(0, 1, len(COLORS))
        colors = ["#{:02x}{:02x}{:02x}".format(*(int(value) for value in color)) for color in COLORS]
        numbers = [f"{output.name} {_low(output) + share * _range(output):.4g} {output.unit or ''}" for share in shares]
        return list(zip([text.strip() for text in numbers], colors, strict=True))

    def accumulator(self) -> NumberSums:
        """Return empty sums."""
        return NumberSums(self.target.outputs)

    def combine(self, scores: Sequence[Tensor]) -> Tensor:
        """Return the mean number; its variance is the mean one, and what the numbers differ by beside."""
        together = torch.stack(list(scores))
        mean = together.mean(dim=0)
        if not self.target.deviation:
            return mean
        count = self.target.num_outputs
        variance = together[:, :, count:].square().mean(dim=0) + together[:, :, :count].var(dim=0, correction=0)
        return torch.cat([mean[:, :count], variance.sqrt()], dim=1)

    def activate(self, scores: Tensor) -> Tensor:
        """Return numbers, and deviations behind them, as they are."""
        return scores

    def deactivate(self, activated: Tensor) -> Tensor:
        """Return numbers as they are."""
        return activated

    def decide(self, scores: Tensor) -> Tensor:
        """Return numbers as they are, (batch, outputs, height, width)."""
        return scores[:, : self.target.num_outputs]

    def profiles(self, grid: Grid, tags: Mapping[str, str], *, details: Collection[str]) -> dict[str, RasterProfile]:  # noqa: ARG002
        """Return rasters of float32 with a band for each output: numbers, and the deviations that a target asks for."""
        units = tuple(output.unit or "" for output in self.target.outputs)
        products = (NUMBERS, DEVIATIONS) if self.target.deviation else (NUMBERS,)
        bands, nodata = self.target.names, float("nan")
        return {
            product: RasterProfile(grid, "float32", bands, nodata, "average", tags=tags, units=units)
            for product in products
        }

    def from_product(self, values: NDArray[np.generic], known: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the numbers of the first output, (1, height, width)."""
        return np.where(known, values[:1], np.float32(np.nan)).astype(np.float32)

    def products(
        self, blended: NDArray[np.float32], valid: NDArray[np.bool_], profiles: Mapping[str, RasterProfile]
    ) -> Products:
        """See :class:`TargetKind`."""
        parts = np.split(np.where(valid, blended, np.float32(np.nan)), len(profiles))
        return {name: part.astype(profiles[name].dtype) for name, part in zip(profiles, parts, strict=True)}


def require_limits(target: TargetSpec) -> None:
    """Refuse outputs without limits.

    Raises:
        SpecError: With what they are for.
    """
    for output in target.outputs:
        if output.minimum is None or output.maximum is None:
            raise SpecError(
                f"data.target.outputs: '{output.name}' needs 'minimum' and 'maximum', the lowest and the highest "
                "number that a label can hold: what lies beyond is refused, such as an undeclared nodata value"
            )


def _low(output: OutputSpec) -> float:
    return float(output.minimum or 0.0)


def _range(output: OutputSpec) -> float:
    return float(output.maximum or 0.0) - _low(output)


def _paint(shares: NDArray[np.float64], colors: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the colour of each share, 0 to 1; white where it is no number."""
    places = np.linspace(0, 1, len(colors))
    filled = np.nan_to_num(shares, nan=0.0).clip(0, 1)
    painted = np.stack([np.interp(filled, places, channel) for channel in colors.T], axis=-1)
    painted[np.isnan(shares)] = UNKNOWN
    return painted.round().astype(np.uint8)
