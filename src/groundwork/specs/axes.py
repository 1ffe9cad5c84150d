"""The order of the axes of arrays in files that hold arrays by name."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator

#: An axis of an array.
Axis: TypeAlias = Literal["time", "band", "y", "x"]


def _complete(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    if not {"x", "y"} <= set(axes) or len(set(axes)) < len(axes):
        raise ValueError(
            f"'axes' names each axis of an array once, such as [y, x, band], [time, y, x, band], or [y, x] of one "
            f"without bands; found {list(axes)}"
        )
    return axes


#: All axes of an array, the outermost first.
Axes: TypeAlias = Annotated[tuple[Axis, ...], AfterValidator(_complete)]
