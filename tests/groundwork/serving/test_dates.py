"""Models of a file for each date or step, and of deviations, are served as they are asked in inference."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from fastapi.testclient import TestClient
from rasterio.transform import from_origin

from exportable import DEVIATIONS, FCN, ONE, PLAIN, UNET, bundle_of, make_small
from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.config.serving import ServingConfig
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.writing import write_rasters
from groundwork.serving import app as serving
from groundwork.serving.app import make_app
from groundwork.serving.names import Named, read_name
from groundwork.specs import RasterSpec

INFERENCE = InferenceConfig(tile_size=32, overlap=8)
ZIP = {"Content-Type": "application/zip"}
DATED = PLAIN.model_copy(update={"date_tag": None, "steps": 3, "layout": "file_per_date"})
PRITHVI = {"name": "prithvi_vit", "coordinates": ["time", "location"], "out_indices": [1]}
#: In the order of their names, which is not that of time: the second is day 350 of 2021.
DAYS = ("20220115", "2021350", "2022-03-01")


@pytest.fixture
def files(tmp_path: Path, write_raster: Any) -> dict[str, Path]:
    """A file for each date."""
    made = {}
    for number, day in enumerate(DAYS):
        pixels = np.random.default_rng(number).integers(0, 900, (2, 40, 52)).astype(np.int16)
        place = {"crs": "EPSG:32733", "transform": from_origin(500_000, 6_300_000, 10, 10), "nodata": -1}
        made[day] = write_raster(tmp_path / f"scenes/scene_{day}.tif", pixels, **place)
    return made


def packed(files: Mapping[str, Path]) -> bytes:
    """An archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, path in files.items():
            archive.write(path, name)
    return made.getvalue()


def client_of(bundle: Bundle) -> TestClient:
    """A server, asked without a network."""
    return TestClient(make_app(bundle, ServingConfig.model_validate({"inference": INFERENCE.model_dump()})))


def expected(bundle: Bundle, folder: Path, pattern: str) -> bytes:
    """What inference writes."""
    [(_, stream)] = list(predict_scenes(bundle, {"x": find_rasters(folder, [pattern])}, INFERENCE).streams)
    write_rasters(stream, {"classes": folder / "expected.tif"})
    return (folder / "expected.tif").read_bytes()


@pytest.fixture
def dated(monkeypatch: pytest.MonkeyPatch) -> Bundle:
    make_small(monkeypatch)
    return bundle_of({"x": DATED}, {"encoder": PRITHVI, "decoder": FCN})[0]


def test_files_of_dates_are_answered_in_the_order_of_time(
    dated: Bundle, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, wanted = client_of(dated), expected(dated, files[DAYS[0]].parent, "{key}_{date}.tif")
    content = packed({f"x_{day}.tif": path for day, path in files.items()})
    answer = client.post("/predictions", content=content, headers=ZIP)
    assert (answer.status_code, answer.content == wanted) == (200, True)
    assert client.post("/pictures", content=content, headers=ZIP).status_code == 200
    # Other dates in the same order are another answer, so that the sameness above says that dates are read.
    moved = packed({f"x_{day.replace('2022', '2029')}.tif": path for day, path in files.items()})
    told = [client.post("/predictions?product=probabilities", content=sent, headers=ZIP) for sent in (content, moved)]
    assert told[0].content != told[1].content

    def fetch(address: str, _: object, __: int, target: Path) -> None:
        target.write_bytes(files[address.rpartition("/")[2]].read_bytes())

    monkeypatch.setattr(serving, "fetch", fetch)
    addresses = {f"x_{day}": f"https://example.org/{day}" for day in files}
    assert client.post("/predictions", json={"addresses": addresses}).content == wanted
    refused = client.post("/predictions", json={"addresses": {"x": "https://example.org/x"}})
    assert "an address of 'x'; expected x_20240630 for each date, each once" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["x.tif"], "holds 'x.tif'; expected x_20240630.tif for each date, each once"),
        (["x_20220115.tif", "../x_2022.tif"], "holds '../x_2022.tif'; expected x_20240630.tif for each date"),
        (["x_20220115.tif", "x_20220301.tif"], "found other numbers of dates than 'steps' says, 3"),
        (["x_20221301.tif"], "the raster of 'x' of 20221301: found '20221301'"),
    ],
)
def test_files_of_other_dates_are_refused(dated: Bundle, files: dict[str, Path], names: list[str], words: str) -> None:
    content = packed(dict.fromkeys(names, files[DAYS[0]]))
    answer = client_of(dated).post("/predictions", content=content, headers=ZIP)
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
    assert "/tmp" not in answer.text


def test_one_raster_in_the_place_of_all_dates_is_told_what_to_send(dated: Bundle, files: dict[str, Path]) -> None:
    headers, content = {"Content-Type": "image/tiff"}, files[DAYS[0]].read_bytes()
    answer = client_of(dated).post("/predictions", content=content, headers=headers)
    assert answer.status_code == 415
    assert "3 steps of 'x' from a file each" in answer.text
    assert "send a ZIP archive of x_20240630.tif for each date" in answer.text


def test_numbered_steps_are_answered(files: dict[str, Path]) -> None:
    spec = RasterSpec.model_validate({**DATED.model_dump(), "step_numbers": (0, 10, 2)})
    model = {"encoder": {"name": "per_date", "encoder": UNET, "pooling": "concat"}, "decoder": FCN}
    bundle = bundle_of({"x": spec}, model)[0]
    folder = files[DAYS[0]].parent
    for step, path in zip(("0", "2", "10"), files.values(), strict=True):
        path.rename(folder / f"scene_{step}.tif")
    content = packed({f"x_{step}.tif": folder / f"scene_{step}.tif" for step in ("0", "2", "10")})
    answer = client_of(bundle).post("/predictions", content=content, headers=ZIP)
    assert answer.content == expected(bundle, folder, "{key}_{step}.tif")


def test_names_say_source_and_date() -> None:
    inputs = {"s2": PLAIN, "s2_2020": DATED, "stack": DATED.model_copy(update={"layout": "steps_first"})}
    assert read_name("s2", inputs) == Named("s2")
    assert read_name("s2_20240630", inputs) == Named("s2", "20240630"), "the one date may be said"
    assert read_name("s2_2020_2024-06-30", inputs) == Named("s2_2020", "2024-06-30")
    assert read_name("stack", inputs) == Named("stack")
    assert [read_name(name, inputs) for name in ("s2_2020", "stack_20240630", "s2_", "s3", "")] == [
        Named("s2", "2020"), None, None, None, None,
    ]  # fmt: skip


def test_deviations_of_numbers_are_served(files: dict[str, Path]) -> None:
    bundle = bundle_of(ONE, {"encoder": UNET}, DEVIATIONS)[0]
    client, headers = client_of(bundle), {"Content-Type": "image/tiff"}
    assert client.get("/model").json()["products"]["tif"] == ["numbers", "deviations"]
    answer = client.post("/predictions?product=deviations", content=files[DAYS[0]].read_bytes(), headers=headers)
    [(_, stream)] = list(predict_scenes(bundle, find_rasters(files[DAYS[0]], ["{key}"]), INFERENCE).streams)
    wanted = np.concatenate([products["deviations"][0] for _, products in stream.blocks])
    with rasterio.io.MemoryFile(answer.content) as file, file.open() as raster:
        assert np.array_equal(raster.read(1), wanted, equal_nan=True)
