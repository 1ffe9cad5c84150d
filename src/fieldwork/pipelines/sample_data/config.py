"""``parameters_sample_data.yml``: how many landscapes are made, and which."""

from __future__ import annotations

from pydantic import Field

from groundwork.strict import Config


class SampleDataConfig(Config):
    """The embedded sample."""

    #: Another seed makes other landscapes.
    seed: int = Field(ge=0, lt=2**32)
    num_scenes: int = Field(gt=0)
