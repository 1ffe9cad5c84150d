"""The catalog entry for exported models."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from kedro.io import DatasetError

from fieldwork.io.exported import ExportedModelDataset
from fieldwork.pipelines.export.nodes import export_model
from groundwork.batch import Images
from groundwork.bundle import Bundle
from groundwork.config import ExportConfig, InferenceConfig


def test_what_the_node_gives_is_saved_and_read_as_a_bundle_by_its_report(
    tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    tiles = InferenceConfig(tile_size=32, overlap=8, batch_size=2)
    made, report = export_model(tiny_bundle, tiny_data.scenes, ExportConfig(sizes="fixed"), tiles)
    entry = ExportedModelDataset(path=str(tmp_path / "exported"))
    assert not entry.exists()
    entry.save(made)
    assert entry.exists()
    with pytest.raises(DatasetError, match="Name the report of its export"):
        entry.load()
    (tmp_path / "export.json").write_text(json.dumps(report))
    bundle = ExportedModelDataset(path=str(tmp_path / "exported"), report=str(tmp_path / "export.json")).load()
    assert bundle.config.provenance == {**tiny_bundle.config.provenance, "export": report["sha256"]}
    images = Images({"optical": torch.randint(0, 3000, (3, 3, 32, 32)).float()})
    ours, theirs = (each.build_model()(images).output.softmax(dim=1) for each in (tiny_bundle, bundle))
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=0)
