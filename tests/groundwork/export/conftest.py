"""One export of the tiny bundle, for all tests of files."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from groundwork.bundle import Bundle
from groundwork.config import ExportConfig, InferenceConfig
from groundwork.export.exporting import Export, export_bundle

TILES = InferenceConfig(tile_size=32, overlap=8, batch_size=4)


@pytest.fixture(scope="session")
def export(tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> Export:
    return export_bundle(tiny_bundle, tiny_data.scenes, ExportConfig(), TILES)
