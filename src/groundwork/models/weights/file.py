"""The option that names a file of weights. Imports no torch."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import Field, field_validator

from groundwork.strict import Config


class WeightsFile(Config):
    """A file of weights that does not say itself which bands it was trained on."""

    #: Path of the file.
    file: str
    #: Names of the bands that its first layer takes, in order.
    bands: tuple[str, ...] = Field(min_length=1)

    @field_validator("bands")
    @classmethod
    def _check_bands(cls, bands: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({band for band in bands if bands.count(band) > 1})
        if twice:
            raise ValueError(f"each band stands once; found {twice} more often")
        return bands


#: A path, or a path and what the file does not say itself.
Weights: TypeAlias = str | WeightsFile
