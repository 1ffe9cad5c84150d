"""Nodes of ``sample_data``."""

from __future__ import annotations

from typing import Any

from fieldwork.pipelines.sample_data.config import SampleDataConfig


def make_landscapes(sample_data: SampleDataConfig) -> tuple[Any, Any, Any]:
    """Make the embedded sample: synthetic landscapes, their land-cover labels, and outlines of patches."""
    from fieldwork.pipelines.sample_data.rasters import to_streams

    return to_streams(sample_data.seed, sample_data.num_scenes)


def cut_tiles(scenes: Any, labels: Any) -> tuple[Any, Any]:
    """Cut the sample into tiles, with a table of what occurs in each, for answers of whole images."""
    from fieldwork.pipelines.sample_data.tiles import cut_tiles

    return cut_tiles(scenes, labels)


def measure_vegetation(scenes: Any) -> Any:
    """Measure the vegetation index of each pixel, for answers that are numbers."""
    from fieldwork.pipelines.sample_data.tiles import measure_vegetation

    return measure_vegetation(scenes)
