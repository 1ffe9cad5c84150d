"""Nodes of ``sample_data``."""

from __future__ import annotations

from typing import Any

from fieldwork.pipelines.sample_data.config import SampleDataConfig


def make_landscapes(sample_data: SampleDataConfig) -> tuple[Any, Any, Any]:
    """Make the embedded sample: synthetic landscapes, their land-cover labels, and outlines of patches."""
    from fieldwork.pipelines.sample_data.rasters import to_streams

    return to_streams(sample_data.seed, sample_data.num_scenes)
