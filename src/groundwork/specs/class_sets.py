"""What is chosen of a target so that several classes may be said of one pixel."""

from __future__ import annotations

from pydantic import Field

from groundwork.strict import Config


class ClassSetSpec(Config):
    """Which classes a pixel or image may be of, rather than the likeliest one."""

    #: Share of answers whose true class may be missing.
    miss: float = Field(gt=0, lt=1)
    #: Probability from which on a class belongs to the set.
    threshold: float = Field(ge=0, le=1)
