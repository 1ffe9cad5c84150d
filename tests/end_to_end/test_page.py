"""A person chooses a GeoTIFF on the page of a server, and sees the classes over it."""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import uvicorn
from PIL import Image
from websockets.sync.client import connect

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.config.serving import ServingConfig
from groundwork.serving.app import make_app

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--remote-debugging-port=0", "--window-size=1100,800"),
]


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Leave those of pytest."""


@pytest.fixture
def address(tiny_bundle: Bundle) -> Iterator[str]:
    config = ServingConfig(inference=InferenceConfig(tile_size=32, overlap=8))
    server = _Server(uvicorn.Config(make_app(tiny_bundle, config), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)


class Tab:
    """A page in a browser, by its protocol for developers."""

    def __init__(self, place: str) -> None:
        self._socket = connect(place, max_size=None)
        self._numbers = itertools.count(1)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv(timeout=60))).get("id") != number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def value(self, script: str) -> Any:
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait_for(self, script: str) -> None:
        deadline = time.monotonic() + 60
        while not self.value(script):
            assert time.monotonic() < deadline, self.value("document.body.innerText")
            time.sleep(0.05)

    def choose(self, file: Path) -> None:
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        self.ask("DOM.setFileInputFiles", files=[str(file)], nodeId=node)


@pytest.fixture
def tab(tmp_path: Path, address: str) -> Iterator[Tab]:
    words = [str(BROWSER), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", address]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as browser:
        try:
            assert browser.stderr is not None
            lines = (re.search(r"ws://127\.0\.0\.1:(\d+)/", line) for line in browser.stderr)
            port = next(found[1] for found in lines if found)
            pages: list[dict[str, str]] = []
            while not pages:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                    pages = [page for page in json.load(answer) if page["type"] == "page" and page["url"] == address]
            yield Tab(pages[0]["webSocketDebuggerUrl"])
        finally:
            browser.kill()


@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser to open the page (CI installs one)")
def test_a_chosen_scene_is_shown_with_its_classes(tab: Tab, tiny_data: SimpleNamespace, tmp_path: Path) -> None:
    tab.wait_for("document.querySelectorAll('#legend li').length === 3")
    assert "A, B, C as int16" in tab.value("document.getElementById('model').textContent")
    tab.choose(tiny_data.root / "scenes" / "11.tif")
    tab.wait_for("document.getElementById('shown').className === 'there'")
    assert tab.value("document.getElementById('classes').naturalWidth > 0")
    links = tab.value("[...document.querySelectorAll('#downloads a')].map((link) => link.textContent)")
    assert links[:2] == ["classes as GeoTIFF", "probabilities as GeoTIFF"]
    assert links[-1] == "polygons as GeoJSON"
    tab.value("document.getElementById('classes').style.opacity = 1")
    shot = base64.b64decode(tab.ask("Page.captureScreenshot")["data"])
    colors = {tuple(color) for color in np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).reshape(-1, 3)}
    assert {(0, 0, 255), (0, 170, 0), (255, 204, 0)} & colors
    wrong = tmp_path / "wrong.tif"
    wrong.write_bytes(b"no raster")
    tab.choose(wrong)
    tab.wait_for("document.getElementById('said').className === 'wrong'")
    assert "expected a GeoTIFF" in tab.value("document.getElementById('said').textContent")
