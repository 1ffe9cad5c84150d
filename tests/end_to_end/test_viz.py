from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from end_to_end.commands import command

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--window-size=1600,1000", "--virtual-time-budget=20000"),
]


@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser to open the page (CI installs one)")
def test_the_built_page_shows_pipelines_and_previews(finished_run: Path, tmp_path: Path) -> None:
    command(finished_run, "kedro", "viz", "build", "--include-previews")
    page = finished_run / "build"
    entries = [json.loads(file.read_text("utf-8")) for file in (page / "api/nodes").iterdir()]
    kinds = Counter(entry.get("preview_type") for entry in entries if entry.get("preview"))
    assert kinds["ImagePreview"] >= 6, "scenes, labels, inference scenes, predictions and figures show a picture"
    assert kinds["TablePreview"] >= 4
    assert kinds["PlotlyPreview"] == 3, "charts of the report"
    assert kinds["HTMLPreview"] >= 4, "card, scenes, audit, and where the page lies"
    assert kinds["JSONPreview"] >= 6, "bundles, scores and reports"
    status = json.loads((page / "api/run-status").read_text("utf-8"))["nodes"]
    assert {node["status"] for node in status.values()} == {"success"}, "how the last run went"
    # Kedro-Viz drops all layers where they contradict the flow.
    layers = json.loads((page / "api/main").read_text("utf-8"))["layers"]
    assert layers == ["raw", "intermediate", "model_input", "models", "model_output", "reporting"]
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(http.server.SimpleHTTPRequestHandler, directory=str(page))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/"
        words = [str(BROWSER), *FLAGS, f"--user-data-dir={tmp_path}", "--dump-dom", address]
        shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=240).stdout
    finally:
        server.shutdown()
        server.server_close()
    for text in ("data_prep", "training", "inference", "report", "trained_bundle", "model_output"):
        assert text.lower() in shown.lower()
    assert "train_model" not in shown, "each pipeline is a box that opens on a click"
