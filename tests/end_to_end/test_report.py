from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from end_to_end.commands import command
from end_to_end.test_viz import BROWSER, FLAGS
from reading import PageReader


@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser to open the page (CI installs one)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_the_report_without_a_network(finished_run: Path, tmp_path: Path, scheme: str) -> None:
    page = finished_run / "data/08_reporting/base/report.html"
    chosen = [
        f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]
    words = [str(BROWSER), *FLAGS, *chosen, f"--user-data-dir={tmp_path}", "--dump-dom", page.as_uri()]
    shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=240).stdout
    charts = re.findall(r'<div class="chart[^"]*" id="(chart-\w+)"[^>]*>(.{20})', shown, re.DOTALL)
    assert [name for name, _ in charts] == ["chart-scores", "chart-history", "chart-map"]
    assert shown.count('class="main-svg"') >= 3, "each chart is drawn"
    # Text of charts is dark on light ground, and light on dark.
    color = {"light": "rgb(28, 33, 38)", "dark": "rgb(230, 233, 236)"}[scheme]
    assert f"fill: {color}" in shown


def test_the_report_is_the_same_when_it_is_made_again(finished_run: Path) -> None:
    file = finished_run / "data/08_reporting/base/report.html"
    before = file.read_bytes()
    command(finished_run, "kedro", "run", "--pipelines", "report")
    assert file.read_bytes() == before
    page = PageReader(before.decode())
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    revision = command(finished_run, "git", "log", "-1", "--format=%H", "--", "src").stdout.strip()
    assert revision in page.text
