"""Models of several sources, and exported files, are served as bundles of one source are."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
from fastapi.testclient import TestClient
from rasterio.transform import from_origin

from exportable import FCN, TERRAMIND, TWO, bundle_of, make_small
from groundwork.bundle import Bundle
from groundwork.cli.predicting import open_bundle
from groundwork.config import ExportConfig, InferenceConfig
from groundwork.config.serving import ServingConfig
from groundwork.errors import BundleError, ExportError
from groundwork.export.exporting import export_bundle, write_files
from groundwork.export.programs import require_format
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.writing import write_rasters
from groundwork.serving import app as serving
from groundwork.serving.app import make_app
from groundwork.serving.refusals import RefusedError
from groundwork.serving.sources import by_source

INFERENCE = InferenceConfig(tile_size=32, overlap=8)
ZIP = {"Content-Type": "application/zip"}


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Bundle:
    make_small(monkeypatch)
    return bundle_of(TWO, {"encoder": TERRAMIND, "decoder": FCN})[0]


@pytest.fixture
def rasters(tmp_path: Path) -> dict[str, Path]:
    """A raster of each source, on one grid."""
    generator, made = np.random.default_rng(0), {}
    for source, spec in TWO.items():
        made[source] = tmp_path / source / "scene.tif"
        made[source].parent.mkdir()
        profile = {"driver": "GTiff", "height": 40, "width": 52, "count": 2, "dtype": spec.dtype, "crs": "EPSG:32632"}
        where = {"transform": from_origin(500_000, 5_300_000, 10, 10), "nodata": spec.nodata}
        with rasterio.open(made[source], "w", **profile, **where) as file:
            pixels = generator.integers(0, 900, (2, 40, 52)).astype(spec.dtype)
            pixels[:, 3:9, :20] = -1
            file.write(pixels)
            file.descriptions = spec.band_names
    return made


def packed(files: Mapping[str, Path | bytes]) -> bytes:
    """An archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, bytes) else content.read_bytes())
    return made.getvalue()


def client_of(bundle: Bundle, **settings: Any) -> TestClient:
    """A server, asked without a network."""
    app = make_app(bundle, ServingConfig.model_validate({"inference": INFERENCE.model_dump(), **settings}))
    return TestClient(app)


def expected(bundle: Bundle, rasters: Mapping[str, Path], file: Path) -> bytes:
    """What inference writes."""
    found = {source: find_rasters(path, ["{key}"]) for source, path in rasters.items()}
    [(_, stream)] = list(predict_scenes(bundle, found, INFERENCE).streams)
    write_rasters(stream, {"classes": file})  # type: ignore[arg-type]
    return file.read_bytes()


def test_an_archive_of_all_sources_is_answered_as_inference_writes_it(
    two: Bundle, rasters: dict[str, Path], tmp_path: Path
) -> None:
    client = client_of(two)
    assert set(client.get("/model").json()["inputs"]) == {"optical", "radar"}
    content = packed({f"{source}.tif": path for source, path in rasters.items()})
    answer = client.post("/predictions", content=content, headers=ZIP)
    assert answer.status_code == 200, answer.text
    assert answer.content == expected(two, rasters, tmp_path / "expected.tif")
    picture = client.post("/pictures", content=content, headers=ZIP)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")


def test_rasters_of_sources_are_fetched_each_by_its_address(
    two: Bundle, rasters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(address: str, _: object, __: int, target: Path) -> None:
        target.write_bytes(rasters[address.rpartition("/")[2]].read_bytes())

    monkeypatch.setattr(serving, "fetch", fetch)
    client = client_of(two)
    addresses = {source: f"https://example.org/{source}" for source in rasters}
    answer = client.post("/predictions", json={"addresses": addresses})
    assert answer.content == expected(two, rasters, tmp_path / "expected.tif")
    refused = client.post("/predictions", json={"addresses": {"../optical": "https://example.org/optical"}})
    assert (refused.status_code, "'../optical'" in refused.json()["detail"]) == (422, True)
    refused = client.post("/predictions", json={"address": "https://a", "addresses": addresses})
    assert "name one address, or" in refused.json()["detail"]


def test_archives_with_anything_else_are_refused(two: Bundle, rasters: dict[str, Path]) -> None:
    client = client_of(two, max_bytes=100_000)
    optical, radar = rasters["optical"], rasters["radar"]
    cases: list[tuple[bytes, int, str]] = [
        (packed({"optical.tif": optical}), 422, "['radar'] are missing"),
        (
            packed({"optical.tif": optical, "../radar.tif": radar}),
            422,
            "'../radar.tif'; expected optical.tif, radar.tif",
        ),
        (packed({"optical.tif": optical, "radar.tif": bytes(200_000)}), 413, "Unpacked, the rasters have more than"),
        (packed({"optical.tif": optical, "radar.tif": b"nothing"}), 415, "expected a GeoTIFF"),
        (packed({"optical.tif": optical, "radar.tif": optical}), 422, "the raster of 'radar'"),
        (packed({"optical.tif": optical})[:40], 422, "The archive cannot be read"),
        (optical.read_bytes(), 415, "send a ZIP archive of optical.tif, radar.tif"),
    ]
    for content, status, words in cases:
        answer = client.post("/predictions", content=content, headers=ZIP)
        assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
        assert "/tmp" not in answer.text


@pytest.mark.parametrize("form", ["pt2", "onnx"])
def test_an_exported_file_answers_as_its_bundle(
    form: Any, tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    try:
        require_format(form)
    except ExportError as error:
        pytest.skip(str(error))
    made = export_bundle(tiny_bundle, tiny_data.scenes, ExportConfig(format=form), INFERENCE)
    path = tmp_path / f"land.{form}"
    write_files(made, path)
    scene = (tiny_data.root / "scenes" / "11.tif").read_bytes()
    answers = [
        client_of(bundle).post("/predictions", content=scene, headers={"Content-Type": "image/tiff"}).content
        for bundle in (tiny_bundle, open_bundle(path, tmp_path / "land.report.json"))
    ]
    maps = []
    for content in answers:
        with rasterio.io.MemoryFile(content) as file, file.open() as raster:
            maps.append(raster.read())
    assert (maps[0] == maps[1]).mean() >= 0.9999
    with pytest.raises(BundleError, match=r"can run code .*--report .*land\.report\.json"):
        open_bundle(path, None)


def test_what_may_be_left_out_is_said(tmp_path: Path) -> None:
    inputs = {**TWO, "radar": TWO["radar"].model_copy(update={"optional": True})}
    (tmp_path / "scene.tif").write_bytes(b"II*\0")
    with pytest.raises(RefusedError, match=r"send a ZIP archive of optical\.tif, radar\.tif \(may be left out\), as"):
        by_source(tmp_path / "scene.tif", inputs, 100)
