"""Calendars in tensors, for networks that are told of dates as year and day of the year from 0."""

from __future__ import annotations

import torch
from torch import Tensor

#: Days of the year from 0 on which the months after January begin, in a common year.
_MONTH_STARTS = (31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def week_of(dates: Tensor) -> Tensor:
    """Return the ISO week, 1 to 53, of (batch, 2): year, and day of the year from 0. Right for 1902 to 2099."""
    years, days = dates.float().unbind(-1)
    # 1901-01-01 was a Tuesday. A week belongs to the year of its Thursday.
    first_weekday = (1 + 365 * (years - 1901) + torch.floor((years - 1901) / 4)) % 7
    thursday = days - (first_weekday + days) % 7 + 3
    length, length_before = (365 + (candidate % 4 == 0).float() for candidate in (years, years - 1))
    within = torch.where(thursday < length, thursday, thursday - length)
    return torch.floor(torch.where(thursday < 0, thursday + length_before, within) / 7) + 1


def month_of(dates: Tensor) -> Tensor:
    """Return the month, 0 to 11, of dates (..., 2): year, and day of the year from 0. Right for 1901 to 2099."""
    years, days = dates.float().unbind(-1)
    starts = torch.tensor(_MONTH_STARTS, dtype=torch.float32, device=dates.device)
    # All months behind February begin a day later in leap years.
    shifted = starts + (starts > 31) * (years % 4 == 0).unsqueeze(-1)
    return (days.unsqueeze(-1) >= shifted).sum(-1)


def days_since_1970(dates: Tensor) -> Tensor:
    """Return days since 1970-01-01 for (batch, 2): year, and day of the year from 0. Right for 1901 to 2099."""
    years, days = dates.unbind(-1)
    return 365 * (years - 1970) + torch.floor((years - 1969) / 4) + days
