"""Read labels of numbers: rasters of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groundwork.errors import RasterError
from groundwork.rasters.part import Part
from groundwork.rasters.scaling import same_scaling
from groundwork.rasters.validity import in_type, in_yaml
from groundwork.specs import OutputSpec, TargetSpec
from groundwork.targets.labels import LabelRaster


class NumberLabels(LabelRaster):
    """Labels of numbers; answers are numbers in their units (outputs, height, width), float32.

    NaN where nobody knows a number: nodata as declared or as the file has it, NaN, and what a mask leaves out.
    """

    def __init__(self, paths: Sequence[Path], target: TargetSpec) -> None:
        """Open one file with a band for each output in their order, or a file for each.

        Raises:
            RasterError: For other bands, or another scale, offset, unit or order than declared.
        """
        count = target.num_outputs
        self.holds = f"one band for each of {list(target.names)}, or a file for each"
        super().__init__(paths, target, count)

    def check(self) -> None:
        """See :class:`LabelRaster`."""
        bands = [(part, index) for part in self._parts for index in part.indexes]
        self._check_order([part.dataset.descriptions[index - 1] or "" for part, index in bands])
        self._nodata: list[float | None] = []
        for (part, index), output in zip(bands, self.target.outputs, strict=True):
            _check_scale(part, index, output)
            self._nodata.append(part.dataset.nodatavals[index - 1])

    def _check_order(self, descriptions: Sequence[str]) -> None:
        """Refuse bands that call themselves by the names of the outputs in another order."""
        found, names = [text.strip().lower() for text in descriptions], [name.lower() for name in self.target.names]
        if sorted(found) == sorted(names) and found != names:
            raise RasterError(
                self.path, f"the bands {found}", f"{names}, as 'outputs' has them", "List 'outputs' in their order."
            )

    def unknown(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """See :class:`LabelRaster`."""
        return np.full((self.target.num_outputs, *shape), np.nan, np.float32)

    def answers(self, values: NDArray[np.generic], unmasked: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return numbers in their units (outputs, height, width).

        Raises:
            RasterError: For numbers beyond what an output says is possible.
        """
        numbers = np.full(values.shape, np.nan)
        for index, output in enumerate(self.target.outputs):
            raw = values[index].astype(np.float64)
            known = unmasked[index] & np.isfinite(raw)
            for nodata in (output.nodata, self._nodata[index]):
                if nodata is not None:
                    known &= ~_is_nodata(values[index], nodata)
            numbers[index][known] = raw[known] * output.scale + output.offset
            require_range(self.path, numbers[index], output)
        return numbers.astype(np.float32)


def _is_nodata(values: NDArray[np.generic], nodata: float) -> NDArray[np.bool_]:
    """Compare as the file's type holds it: a float32 does not have -3.40282e+38 to its last digit."""
    if values.dtype.kind in "iu":
        limits = np.iinfo(values.dtype.name)
        if not (float(nodata).is_integer() and limits.min <= nodata <= limits.max):
            return np.zeros(values.shape, np.bool_)
    return np.asarray(values == in_type(nodata, values.dtype))


def _check_scale(part: Part, index: int, output: OutputSpec) -> None:
    scale, offset = part.dataset.scales[index - 1], part.dataset.offsets[index - 1]
    if not same_scaling((scale, offset), (output.scale, output.offset)):
        raise RasterError(
            part.path,
            f"scale {scale!r} and offset {offset!r} in the band of '{output.name}'",
            f"scale {output.scale!r} and offset {output.offset!r}, as 'outputs' declares",
            "Set 'scale' and 'offset' of the output to what the file says.",
        )
    unit = (part.dataset.units[index - 1] or "").strip()
    if unit and output.unit and unit.casefold() != output.unit.casefold():
        raise RasterError(
            part.path,
            f"the unit '{unit}' in the band of '{output.name}'",
            f"'{output.unit}', as 'outputs' declares",
            f"Set 'unit: {unit}', or convert the labels.",
        )


def require_range(path: Path, numbers: NDArray[np.float64], output: OutputSpec, place: str | None = None) -> None:
    """Refuse known numbers beyond the limits of an output.

    Args:
        path: Where they stand.
        numbers: In the unit of the output, NaN where nobody knows.
        output: With its limits.
        place: Where the only number stands, in words. None: they are of a window.

    Raises:
        RasterError: With the lowest and the highest that were found.
    """
    low, high = output.minimum, output.maximum
    wrong = np.zeros(numbers.shape, np.bool_)
    if low is not None:
        wrong |= numbers < low
    if high is not None:
        wrong |= numbers > high
    if wrong.any():
        found = numbers[wrong]
        lowest, highest = (in_yaml(value, "float32") for value in (found.min(), found.max()))
        shown = lowest if lowest == highest else f"{lowest} to {highest}"
        of_window = f"numbers of '{output.name}' from {shown} in {wrong.mean():.2%} of a window"
        raise RasterError(
            path,
            of_window if place is None else f"{shown} {place}",
            f"{low:g} to {high:g}, as 'outputs' declares" if low is not None and high is not None else "its limits",
            "Correct 'minimum' and 'maximum', 'scale' and 'offset', or set 'nodata' to what stands for not known.",
        )
