"""The order of the axes of arrays in files that hold arrays by name."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator

#: An axis of an array.
Axis: TypeAlias = Literal["band", "y", "x"]


def _complete(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    if sorted(axes) not in (["band", "x", "y"], ["x", "y"]):
        raise ValueError(
            f"'axes' names each axis of an array once, such as [y, x, band], or [y, x] of one without bands; found "
            f"{list(axes)}"
        )
    return axes


#: All axes of an array, the outermost first.
Axes: TypeAlias = Annotated[tuple[Axis, ...], AfterValidator(_complete)]
