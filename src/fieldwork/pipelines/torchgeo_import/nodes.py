"""Nodes of ``torchgeo_import``."""

from __future__ import annotations

from typing import Any

from groundwork.config import DataConfig


def import_samples(torchgeo_data: Any, data: DataConfig, seed: int) -> Any:
    """Hand on what TorchGeo reads: its samples are written one by one as they are saved."""
    from groundwork.data.torchgeo.importing import SamplesToImport

    return SamplesToImport(torchgeo_data, data.sources, data.target, seed)
