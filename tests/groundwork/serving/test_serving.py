"""A server answers with what prediction writes, refuses the rest with a status and words, and loses nothing."""

from __future__ import annotations

import io
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import rasterio
import requests
import shapely
import uvicorn
from PIL import Image
from pydantic import ValidationError

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.config.serving import ServingConfig
from groundwork.errors import BundleError
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.writing import write_rasters
from groundwork.serving import fetching
from groundwork.serving.app import make_app
from groundwork.serving.asked import Asked, settled
from groundwork.serving.fetching import fetch, public_place
from groundwork.serving.predictor import Predictor
from groundwork.serving.refusals import RefusedError
from groundwork.specs import TargetSpec
from serving import served

Serve = Callable[..., str]
TIFF = {"Content-Type": "image/tiff"}
INFERENCE = InferenceConfig(tile_size=32, overlap=8)


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Leave those of pytest."""


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Serve a bundle at a free port of the loopback address; return where."""
    running: list[tuple[_Server, threading.Thread]] = []

    def start(bundle: Bundle, **settings: Any) -> str:
        app = make_app(bundle, ServingConfig.model_validate({"inference": INFERENCE.model_dump(), **settings}))
        server = _Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        running.append((server, thread))
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def address(serve: Serve, tiny_bundle: Bundle) -> str:
    return serve(tiny_bundle)


@pytest.fixture(scope="module")
def scene(tiny_data: SimpleNamespace) -> Path:
    return Path(tiny_data.root / "scenes" / "11.tif")


def post(address: str, content: bytes | str, headers: dict[str, str] = TIFF, **query: str) -> requests.Response:
    return requests.post(f"{address}/predictions", params=query, data=content, headers=headers, timeout=60)


def refused(answer: requests.Response, status: int, words: str) -> None:
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


# --- answers --------------------------------------------------------------------------------------------------------


def test_a_map_is_the_one_that_prediction_writes(
    address: str, scene: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    answer = post(address, scene.read_bytes())
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/tiff")
    found = find_rasters(scene, ["{key}.tif"])
    [(_, stream)] = list(predict_scenes(tiny_bundle, found, INFERENCE).streams)
    write_rasters(stream, {"classes": tmp_path / "expected.tif"})  # type: ignore[arg-type]
    with (
        rasterio.io.MemoryFile(answer.content) as file,
        file.open() as made,
        rasterio.open(tmp_path / "expected.tif") as expected,
    ):
        assert np.array_equal(made.read(), expected.read())
        assert (made.crs, made.transform, made.nodata) == (expected.crs, expected.transform, expected.nodata)
        assert made.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_other_products_come_by_name(address: str, scene: Path) -> None:
    answer = post(address, scene.read_bytes(), product="probabilities")
    with rasterio.io.MemoryFile(answer.content) as file, file.open() as made:
        shares = made.read()
    assert shares.shape[0] == 3
    assert np.nanmax(np.abs(shares.sum(axis=0) - 1)) < 1e-5


def test_bands_in_another_order_and_nodata_that_nobody_declares_give_the_same_answer(
    address: str, scene: Path, tmp_path: Path
) -> None:
    with rasterio.open(scene) as raster:
        pixels, profile, names = raster.read(), raster.profile, np.array(raster.descriptions)
    pixels[:, 4:20, 10:40] = -9999
    answers = []
    for order, changes in (([0, 1, 2], {}), ([2, 0, 1], {}), ([0, 1, 2], {"nodata": None})):
        with rasterio.open(tmp_path / "sent.tif", "w", **profile | changes) as raster:
            raster.write(pixels[order])
            raster.descriptions = tuple(names[order])
        answer = post(address, (tmp_path / "sent.tif").read_bytes(), product="probabilities")
        with rasterio.io.MemoryFile(answer.content) as file, file.open() as made:
            answers.append(made.read())
    assert np.array_equal(np.isnan(answers[0][0]), pixels[0] == -9999)
    for other in answers[1:]:
        assert np.array_equal(other, answers[0], equal_nan=True)


def test_a_picture_shows_bands_by_their_names_and_refuses_others(address: str, scene: Path, tmp_path: Path) -> None:
    with rasterio.open(scene) as raster:
        pixels, profile, names = raster.read(), raster.profile, np.array(raster.descriptions)
    shown = []
    for order in ([0, 1, 2], [2, 0, 1]):
        with rasterio.open(tmp_path / "sent.tif", "w", **profile) as raster:
            raster.write(pixels[order])
            raster.descriptions = tuple(names[order])
        answer = requests.post(
            f"{address}/pictures", data=(tmp_path / "sent.tif").read_bytes(), headers=TIFF, timeout=60
        )
        shown.append(np.asarray(Image.open(io.BytesIO(answer.content))))
    assert len(np.unique(shown[0][..., 0] - shown[0][..., 1])) > 1
    assert np.array_equal(shown[0], shown[1])
    with rasterio.open(tmp_path / "one.tif", "w", **profile | {"count": 1}) as raster:
        raster.write(pixels[:1])
    answer = requests.post(f"{address}/pictures", data=(tmp_path / "one.tif").read_bytes(), headers=TIFF, timeout=60)
    refused(answer, 422, "the raster: found 1 band(s); expected 3")


def test_outlines_lie_on_the_ground_and_cover_what_the_map_shows(address: str, scene: Path) -> None:
    outlines = post(address, scene.read_bytes(), format="geojson").json()
    assert outlines["type"] == "FeatureCollection"
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in outlines["features"]]
    with rasterio.open(scene) as raster:
        west, south, east, north = rasterio.warp.transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
    assert shapely.box(west - 1e-3, south - 1e-3, east + 1e-3, north + 1e-3).covers(shapely.union_all(shapes))
    assert {feature["properties"]["class"] for feature in outlines["features"]} <= {"water", "forest", "field"}


def test_a_picture_has_the_colours_of_the_classes_and_is_clear_without_data(
    address: str, scene: Path, tiny_bundle: Bundle
) -> None:
    classes = post(address, scene.read_bytes())
    drawn = np.asarray(Image.open(io.BytesIO(post(address, scene.read_bytes(), format="png").content)))
    with rasterio.io.MemoryFile(classes.content) as file, file.open() as made:
        values, nodata = made.read(1), made.nodata
    assert drawn.shape == (*values.shape, 4)
    assert np.array_equal(drawn[..., 3] > 0, values != nodata)
    for entry in tiny_bundle.config.target.classes:
        assert (drawn[values == entry.value][:, :3] == entry.rgb).all()
    shown = requests.post(f"{address}/pictures", data=scene.read_bytes(), headers=TIFF, timeout=60)
    assert Image.open(io.BytesIO(shown.content)).size == (values.shape[1], values.shape[0])


def test_pictures_of_large_scenes_lie_upon_each_other(
    address: str, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groundwork.serving.predictor.PICTURE_SIDE", 20)
    drawn = Image.open(io.BytesIO(post(address, scene.read_bytes(), format="png").content))
    shown = requests.post(f"{address}/pictures", data=scene.read_bytes(), headers=TIFF, timeout=60)
    assert max(drawn.size) == 20
    assert drawn.size == Image.open(io.BytesIO(shown.content)).size
    colors = np.asarray(drawn).reshape(-1, 4)
    assert {tuple(color) for color in colors[colors[:, 3] > 0, :3]} <= {(0, 0, 255), (0, 170, 0), (255, 204, 0)}


def test_an_area_is_cut_out(address: str, scene: Path) -> None:
    with rasterio.open(scene) as raster:
        crs, (west, south, east, north) = raster.crs.to_string(), raster.bounds
    bounds = f"{west},{(south + north) / 2},{(west + east) / 2},{north}"
    answer = post(address, scene.read_bytes(), bounds=bounds, crs=crs)
    with rasterio.io.MemoryFile(answer.content) as file, file.open() as made, rasterio.open(scene) as raster:
        assert (made.width, made.height) == (raster.width // 2, raster.height // 2)
        assert made.bounds.left == west


def test_the_server_says_what_it_reads_and_how_it_is(address: str) -> None:
    card = requests.get(f"{address}/model", timeout=60).json()
    assert [band["name"] if isinstance(band, dict) else band for band in card["inputs"]["optical"]["bands"]] == [
        "A",
        "B",
        "C",
    ]
    assert card["products"]["tif"][0] == "classes"
    assert requests.get(f"{address}/health", timeout=60).json() == {"status": "ok"}
    assert requests.get(f"{address}/ready", timeout=60).status_code == 200
    before = post(address, b"nothing").status_code
    counts = requests.get(f"{address}/metrics", timeout=60).text
    assert f'groundwork_requests_total{{status="{before}"}}' in counts
    assert "groundwork_requests_under_way 0" in counts
    described = requests.get(f"{address}/openapi.json", timeout=60).json()
    assert {"413", "422", "429"} <= described["paths"]["/predictions"]["post"]["responses"].keys()
    page = requests.get(address, timeout=60)
    assert "Drop a GeoTIFF here" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


# --- refusals -------------------------------------------------------------------------------------------------------


def test_what_is_no_geotiff_is_not_opened(address: str) -> None:
    refused(post(address, b""), 415, "begin with b''; expected a GeoTIFF")
    # A VRT names other files, which would be read.
    refused(post(address, b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>"), 415, "expected a GeoTIFF")
    refused(post(address, b"II*\0 and nothing"), 422, "The GeoTIFF cannot be read")
    refused(post(address, b"x", {"Content-Type": "text/plain"}), 415, "expected image/tiff, application")


def test_what_the_model_cannot_read_is_refused_in_words_without_places_of_the_server(
    address: str, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    other = write_raster(tmp_path / "x.tif", np.ones((2, 20, 20), np.int16), nodata=-9999)
    answer = post(address, other.read_bytes())
    refused(answer, 422, "the raster: found 2 band")
    assert "/tmp" not in answer.text


def test_a_product_comes_in_the_first_format_that_holds_it(address: str, scene: Path, tiny_bundle: Bundle) -> None:
    answer = post(address, scene.read_bytes(), product="polygons")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.content == post(address, scene.read_bytes(), format="geojson").content
    assert post(address, scene.read_bytes(), product="entropy").headers["content-type"].startswith("image/tiff")
    target = TargetSpec.model_validate({**tiny_bundle.config.target.model_dump(), "per": "object"})
    config = tiny_bundle.config.model_copy(update={"target": target})
    assert settled(Asked(), replace(tiny_bundle, config=config)) == ("objects", "geojson")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"product": "numbers"}, "The model gives as 'tif' classes, probabilities, entropy; as 'geojson' polygons"),
        ({"product": "numbers", "format": "tif"}, "As 'tif' the model gives classes, probabilities, entropy"),
        ({"format": "png", "product": "entropy"}, "As 'png' the model gives classes"),
        ({"bounds": "1,2,3"}, "bounds"),
        ({"bounds": "3,2,1,4"}, "west, south, east and north, in this order; found [3.0, 2.0, 1.0, 4.0]"),
        ({"bounds": "0,0,1,1"}, "lies in 'bounds', (0, 0, 1, 1) in EPSG:4326"),
        ({"bounds": "0,0,1,1", "crs": "nowhere"}, "'crs' is 'nowhere', which is no CRS"),
        ({"crs": "EPSG:32632"}, "'crs' says what 'bounds' are numbers of, and there are none"),
        ({"prodct": "entropy"}, "Found 'prodct' in the query; expected product, format, bounds, crs. Did you mean 'pr"),
        ({"format": "gif"}, "format: Input should be 'tif', 'geojson' or 'png' (found 'gif')."),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(
    address: str, scene: Path, query: dict[str, str], words: str
) -> None:
    answer = post(address, scene.read_bytes(), **query)
    refused(answer, 422, words)
    assert "pydantic" not in answer.text
    assert "inference." not in answer.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{}", "name one address, or the 'addresses' of all sources by name"),
        ('{"adress": "https://x.org/a.tif"}', "Unknown key 'adress'. Did you mean 'address'?"),
        ('{"address": 3}', "body.address: must be a text; found 3"),
        ("nothing", "Invalid JSON"),
    ],
)
def test_what_is_no_address_is_refused_in_words(address: str, body: str, words: str) -> None:
    answer = post(address, body, {"Content-Type": "application/json"})
    refused(answer, 422, words)
    assert "pydantic" not in answer.text
    assert "validation error" not in answer.text


def test_settings_of_many_scenes_mean_nothing_to_a_request(scene: Path, tiny_bundle: Bundle, tmp_path: Path) -> None:
    """The part of an array's job, and scenes that are there already, are matters of folders."""
    changes = {"shard": {"index": 1, "count": 2}, "overwrite": False}
    made = []
    for name, more in (("plain", {}), ("changed", changes)):
        (tmp_path / name).mkdir()
        sent = Path(shutil.copy(scene, tmp_path / name / "scene.tif"))
        config = ServingConfig(inference=InferenceConfig.model_validate({**INFERENCE.model_dump(), **more}))
        made.append(Predictor(tiny_bundle, config).answer(sent, Asked(), time.monotonic() + 60).read_bytes())
    assert made[0] == made[1]


def test_what_is_too_large_is_refused(serve: Serve, tiny_bundle: Bundle, scene: Path) -> None:
    address = serve(tiny_bundle, max_bytes=1000, max_pixels=100)
    refused(post(address, scene.read_bytes()), 413, "at most 1000 bytes are taken")

    def pieces() -> Iterator[bytes]:
        yield from [b"II*\0" + bytes(500)] * 3

    refused(
        requests.post(f"{address}/predictions", data=pieces(), headers=TIFF, timeout=60), 413, "More than 1000 bytes"
    )
    address = serve(tiny_bundle, max_pixels=100)
    refused(post(address, scene.read_bytes()), 413, "at most 100 pixels are taken")


def test_what_takes_too_long_is_given_up(tiny_bundle: Bundle, scene: Path, tmp_path: Path) -> None:
    sent = Path(shutil.copy(scene, tmp_path / "scene.tif"))
    with pytest.raises(RefusedError, match="longer than the server allows") as given_up:
        Predictor(tiny_bundle, ServingConfig(inference=INFERENCE)).answer(sent, Asked(), time.monotonic() - 1)
    assert given_up.value.status == 504


def test_who_stops_within_what_is_sent_gives_the_place_back(serve: Serve, tiny_bundle: Bundle, scene: Path) -> None:
    address = serve(tiny_bundle, max_waiting=0, timeout_s=1)
    content, place = scene.read_bytes(), urlsplit(address)
    head = (
        f"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: image/tiff\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as stopped:
        stopped.sendall(head.encode() + content[:100])
        answer = stopped.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert post(address, content).status_code == 200


@pytest.mark.parametrize("place", ["file", "address"])
def test_a_crs_is_no_way_to_read_what_the_server_reaches(address: str, scene: Path, tmp_path: Path, place: str) -> None:
    text = rasterio.open(scene).crs.to_wkt()
    (tmp_path / "crs.wkt").write_text(text)
    with served(tmp_path) as (server, asked):
        crs = str(tmp_path / "crs.wkt") if place == "file" else f"{server}/crs.wkt"
        answer = post(address, scene.read_bytes(), bounds="0,0,1,1", crs=crs)
        assert asked() == []
    refused(answer, 422, "which is no CRS")


def test_more_than_may_wait_are_told_to_come_back_and_none_is_lost(
    serve: Serve, tiny_bundle: Bundle, scene: Path
) -> None:
    address = serve(tiny_bundle, workers=2, max_waiting=2)
    content = scene.read_bytes()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(address, content), range(48)))
    taken = [answer for answer in answers if answer.status_code == 200]
    back = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) + len(back) == 48
    assert len({answer.content for answer in taken}) == 1
    assert back
    assert all(answer.headers["retry-after"] == "5" for answer in back)
    counts = requests.get(f"{address}/metrics", timeout=60).text
    assert f'groundwork_requests_total{{status="200"}} {len(taken)}\n' in counts
    assert f'groundwork_requests_total{{status="429"}} {len(back)}\n' in counts
    assert "groundwork_requests_under_way 0\n" in counts


def test_nothing_is_left_on_the_disk(
    address: str, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert post(address, scene.read_bytes()).status_code == 200
    assert post(address, b"nothing").status_code == 415
    deadline = time.monotonic() + 5
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not list(tmp_path.iterdir())


def test_an_untrained_bundle_is_not_served(tiny_initial: Bundle) -> None:
    with pytest.raises(BundleError):
        make_app(tiny_initial, ServingConfig())


# --- addresses ------------------------------------------------------------------------------------------------------

ALLOWED = ("https://example.org/scenes/",)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/scenes/a.tif",
        "https://example.org/other/a.tif",
        "https://example.org.evil.test/scenes/a.tif",
        "https://user@example.org/scenes/a.tif",
        "https://example.org/scenes/../secret.tif",
        "https://example.org/scenes/%2e%2e/secret.tif",
        "https://example.org/scenes/%252e%252e/secret.tif",
        "file:///etc/passwd",
        "/vsizip/a.zip/b.tif",
    ],
)
def test_only_addresses_that_are_allowed_are_fetched(address: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"Rasters are not fetched from") as error:
        fetch(address, ALLOWED, 1000, tmp_path / "x")
    assert error.value.status == 403
    assert not (tmp_path / "x").exists()


def test_the_server_fetches_from_nowhere_unless_told(address: str) -> None:
    body = json.dumps({"address": "https://example.org/scenes/a.tif"})
    refused(post(address, body, {"Content-Type": "application/json"}), 403, "allowed are no address at all")
    refused(post(address, "{}", {"Content-Type": "application/json"}), 422, "Expected {'address'")


@pytest.mark.parametrize("place", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "192.168.0.1"])
def test_hosts_in_private_networks_are_refused(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, 0, 0, "", ("93.184.215.14", 443)), (0, 0, 0, "", (place, 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: found)
    with pytest.raises(RefusedError, match=r"lies in a private network"):
        public_place("example.org", 443)


def test_a_public_host_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: [(0, 0, 0, "", ("93.184.215.14", 443))])
    assert public_place("example.org", 443) == "93.184.215.14"


class _Answer(io.BytesIO):
    status, reason = 200, "OK"


class _Connection:
    def __init__(self, answer: _Answer) -> None:
        self.answer, self.asked = answer, ""

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave it."""

    def request(self, method: str, path: str, headers: dict[str, str]) -> None:
        self.asked = f"{method} {path} {headers['Host']}"

    def getresponse(self) -> _Answer:
        return self.answer


def test_what_is_fetched_is_bounded_and_redirections_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = _Connection(_Answer(b"II*\0" * 100))
    monkeypatch.setattr(fetching, "_connected", lambda host, port: connection)
    fetch("https://example.org/scenes/a.tif?v=1", ALLOWED, 400, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"II*\0" * 100
    assert connection.asked == "GET /scenes/a.tif?v=1 example.org"
    connection.answer = _Answer(b"II*\0" * 101)
    with pytest.raises(RefusedError, match=r"more than 400 bytes"):
        fetch("https://example.org/scenes/a.tif", ALLOWED, 400, tmp_path / "a")
    connection.answer = _Answer(b"")
    connection.answer.status, connection.answer.reason = 302, "Found"
    with pytest.raises(RefusedError, match=r"answers 302 Found; expected a raster"):
        fetch("https://example.org/scenes/a.tif", ALLOWED, 400, tmp_path / "a")


@pytest.mark.parametrize("address", ["http://a.org/x/", "https://a.org/x", "https:///x/", "ftp://a.org/", "a"])
def test_beginnings_of_addresses_are_checked(address: str) -> None:
    with pytest.raises(ValidationError, match="is no beginning of addresses"):
        ServingConfig(addresses=(address,))
