"""Which chips an epoch of training is made of, by name."""

from __future__ import annotations

from groundwork.table import Table

_HERE = "groundwork.data.sampling"

SAMPLINGS: Table = {
    "grid": f"{_HERE}.grid:GridSampling",
    "random": f"{_HERE}.random:RandomSampling",
    "around_objects": f"{_HERE}.around_objects:AroundObjects",
    "balanced": f"{_HERE}.balanced:BalancedSampling",
}
