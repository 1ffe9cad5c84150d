"""Nodes of ``sample_data``."""

from __future__ import annotations

from typing import Any


def make_landscapes(sample_data: dict[str, int]) -> tuple[Any, Any]:
    """Make the embedded sample: synthetic landscapes and their land-cover labels."""
    from fieldwork.pipelines.sample_data.rasters import to_streams

    return to_streams(sample_data["seed"], sample_data["num_scenes"])
