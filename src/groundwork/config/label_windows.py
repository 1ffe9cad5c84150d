"""Which columns of a table of labels say where the window of a row lies in its scene."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from groundwork.strict import Config


class LabelWindows(Config):
    """Columns with the first row and column of a window and its size, or with its bounds in the CRS of the scene."""

    #: Columns with the first row and the first column of pixels, from 0.
    row: str | None = None
    column: str | None = None
    #: Height and width of all windows in pixels: that of the chips.
    size: int | None = Field(default=None, gt=0)
    #: Columns with left, bottom, right and top, in the CRS of the scene; instead of the three above.
    bounds: tuple[str, str, str, str] | None = None
    #: Whether a chip of which no row says anything is refused, or not known.
    missing: Literal["refuse", "not_known"] = "refuse"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that say where a window lies."""
        return self.bounds or (str(self.row), str(self.column))

    @model_validator(mode="after")
    def _check(self) -> LabelWindows:
        pixels = (self.row, self.column, self.size)
        if (self.bounds is None) == (None in pixels) or (self.bounds is not None and any(pixels)):
            raise ValueError("give 'row', 'column' and 'size' in pixels, or 'bounds' with left, bottom, right and top")
        return self
