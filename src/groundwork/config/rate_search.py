"""``parameters_learning_rate_search.yml``: which learning rates are tried before one is chosen."""

from __future__ import annotations

from pydantic import Field, model_validator

from groundwork.strict import Config


class RateSearchConfig(Config):
    """Learning rates that are tried, one step each, from the lowest to the highest by equal factors."""

    lowest: float = Field(default=1e-6, gt=0, allow_inf_nan=False)
    highest: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    #: How many rates are tried. Fewer where the loss rises to four times the lowest before.
    steps: int = Field(default=100, ge=20)

    @model_validator(mode="after")
    def _check_order(self) -> RateSearchConfig:
        if self.lowest >= self.highest:
            raise ValueError(f"lowest ({self.lowest}) must be below highest ({self.highest})")
        return self
