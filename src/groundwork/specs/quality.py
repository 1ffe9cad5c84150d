"""Which pixels hold data, where a band of the raster says so."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from groundwork.strict import Config


class QualityRule(Config):
    """What a quality band says of the pixels that hold data: SCL of Sentinel-2, Fmask of HLS, QA_PIXEL of Landsat."""

    #: Name of the band, among ``bands``. It is no input of the model, unless ``use`` names it.
    band: str
    #: The source whose band it is, where that is another one: its files are read onto the grid of the reference.
    source: str | None = None
    #: Values of pixels that hold data; those of all others do not.
    values: tuple[int, ...] = ()
    #: Values of pixels that hold none; those of all others do.
    not_values: tuple[int, ...] = ()
    #: Bits that are 0 where a pixel holds data, counted from 0, the lowest.
    clear_bits: tuple[Annotated[int, Field(ge=0, le=31)], ...] = ()

    @model_validator(mode="after")
    def _check(self) -> QualityRule:
        given = [name for name in ("values", "not_values", "clear_bits") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                f"the rule for band '{self.band}' states {given or 'nothing'}; state one of 'values', 'not_values' and "
                "'clear_bits', and write another rule for more"
            )
        return self
