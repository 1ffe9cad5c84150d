"""Rasters in S3: listed by s3fs, read part by part by GDAL, with one access that is stated once and told to nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from groundwork.errors import PairingError, RasterError
from groundwork.rasters.addresses import Address, place_of
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.scene import Scene
from groundwork.rasters.stores import VARIABLES, place_with, s3fs_options, settle_endpoint
from groundwork.specs import RasterSpec
from storing import KEY, SECRET, Store, stored

Write = Callable[..., Path]
GDALS = ("AWS_S3_ENDPOINT", "AWS_HTTPS", "AWS_VIRTUAL_HOSTING", "AWS_ENDPOINT_URL")


@pytest.fixture(autouse=True)
def _no_access(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine on which nobody stated anything; what a test states is gone after it."""
    for name in (*VARIABLES.values(), *GDALS):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    # Of a machine in the cloud GDAL and boto would ask for a role, and wait.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("CPL_AWS_AUTODETECT_EC2", "NO")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    root = tmp_path_factory.mktemp("store")
    (root / "scenes/far").mkdir(parents=True)
    place = {"crs": "EPSG:32632", "transform": rasterio.transform.from_origin(500_000, 5_000_000, 10, 10)}
    profile = {"driver": "GTiff", "dtype": "int16", "nodata": -1, "tiled": True, "blockxsize": 64, "blockysize": 64}
    for number, name in enumerate(("a", "far/b")):
        pixels = np.random.default_rng(number).integers(0, 3000, (2, 512, 512), dtype=np.int16)
        with rasterio.open(
            root / f"scenes/{name}.tif", "w", count=2, height=512, width=512, **profile, **place
        ) as raster:
            raster.write(pixels)
    with stored(tmp_path_factory.mktemp("asked")) as found:
        found.fill("rasters", root)
        yield found


def _credentials(store: Store) -> dict[str, object]:
    return {"key": KEY, "secret": SECRET, "region": "us-east-1", "endpoint_url": store.url}


def test_a_bucket_is_listed_and_read_part_by_part(store: Store) -> None:
    folder = find_rasters(place_with("s3://rasters/scenes", _credentials(store)), ["{key}.tif"])
    assert folder.files == {"a": ("a.tif",)}
    deep = find_rasters(place_of("s3://rasters"), ["scenes/far/{key}.tif"])
    assert str(deep.paths("b")[0]) == "/vsis3/rasters/scenes/far/b.tif"
    before = len(store.asked())
    with Scene(folder.paths("a"), RasterSpec(bands=["A", "B"], dtype="int16", nodata=-1)) as scene:
        read, _ = scene.read(Window(64, 64, 64, 64))
    expected = np.random.default_rng(0).integers(0, 3000, (2, 512, 512), dtype=np.int16)
    assert np.array_equal(read, expected[:, 64:128, 64:128])
    spans = [line.partition("bytes=")[2] for line in store.asked()[before:] if "bytes=" in line]
    assert spans, "it is read by ranges"
    lengths = [int(last) - int(first) + 1 for first, last in (span.split("-") for span in spans)]
    assert sum(lengths) < 0.3 * 2 * 512 * 512 * 2, "and by no more than a window needs"


def test_the_environment_of_either_kind_is_enough(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
    assert list(find_rasters(place_of("s3://rasters/scenes/far"), ["{key}.tif"]).files) == ["b"]
    with open_dataset(place_of("s3://rasters/scenes/far/b.tif")) as raster:
        assert raster.shape == (512, 512)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    # GDAL's own, as they were stated before; s3fs is told by them.
    assert os.environ["AWS_S3_ENDPOINT"] == store.url.removeprefix("http://")
    assert s3fs_options()["endpoint_url"] == store.url
    assert list(find_rasters(place_of("s3://rasters/scenes/far"), ["{key}.tif"]).files) == ["b"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(
        PairingError, match="Found two servers for s3://, in AWS_S3_ENDPOINT and in AWS_ENDPOINT_URL_S3"
    ):
        settle_endpoint()


def test_https_and_a_path_are_told_to_gdal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://store.example.org/s3/")
    settle_endpoint()
    assert [os.environ[name] for name in GDALS[:3]] == ["store.example.org/s3", "YES", "FALSE"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "store.example.org")
    with pytest.raises(PairingError, match="AWS_ENDPOINT_URL_S3: found no address of a server"):
        settle_endpoint()
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    assert s3fs_options()["anon"] is True


def test_no_message_tells_a_secret(store: Store) -> None:
    given = _credentials(store)
    place_with("s3://rasters/scenes", given)
    messages = []
    cases: list[tuple[dict[str, object], str]] = [
        (given | {"secret": "another-secret"}, "s3://rasters/scenes"),
        (given | {"secrett": "another-secret"}, "s3://rasters/scenes"),
        (given, "https://host/scenes"),
        (given, "/data/scenes"),
    ]
    for credentials, place in cases:
        with pytest.raises(PairingError) as refused:
            place_with(place, credentials)
        messages.append(str(refused.value))
    assert "differ from those in use, which the environment or another entry states: AWS_SECRET" in messages[0]
    assert "Did you mean 'secret'" in messages[1] or "did you mean 'secret'" in messages[1]
    assert "none of S3" in messages[2]
    assert "none of S3" in messages[3]
    with pytest.raises(PairingError) as lost:
        find_rasters(place_of("s3://no-such-bucket/x"), ["{key}.tif"])
    with pytest.raises(RasterError, match=r"Permission is stated by the environment \(AWS_PROFILE") as missing:
        open_dataset(place_of("s3://rasters/scenes/none.tif"))
    messages += [str(lost.value), str(missing.value)]
    for message in messages:
        assert not any(told in message for told in (KEY, SECRET, "another-secret")), message


def test_a_server_that_is_not_there_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    place = place_with("s3://rasters/x", {"key": KEY, "secret": SECRET, "endpoint_url": "http://127.0.0.1:1"})
    with pytest.raises(RasterError, match="nothing that opens"):
        open_dataset(place)
    with pytest.raises(PairingError, match="found no answer"):
        find_rasters(place, ["{key}.tif"])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(PairingError, match=r"found no answer .*credentials"):
        find_rasters(place, ["{key}.tif"])


def test_without_the_extra_the_error_names_it(tmp_path: Path) -> None:
    # In a process of its own: s3fs may be loaded here already.
    (tmp_path / "s3fs.py").write_text("raise ImportError('not here')")
    code = (
        "from groundwork.rasters.listing import names_at\n"
        "from groundwork.rasters.addresses import place_of\n"
        "names_at(place_of('s3://bucket/scenes'))"
    )
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "needs the package s3fs. Install it (the extra, by `uv pip install -e '.[s3]'`" in done.stderr


def test_addresses_of_other_kinds_are_left_alone() -> None:
    assert isinstance(place_with("https://host/a"), Address)
    assert place_with("/data/a") == Path("/data/a")
