"""The documentation is a site that needs nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there_and_can_be_found(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert not [page for page in pages if not (site / page).is_file()]
    index = (site / "search/search_index.json").read_text("utf-8")
    assert all(word in index for word in ("tutorial.html", "ignore_value", "RasterModel"))


def test_classes_are_told_by_their_docstrings(site: Path) -> None:
    page = (site / "reference/api.html").read_text("utf-8")
    for name in ("groundwork.specs.RasterSpec", "groundwork.batch.Images", "groundwork.tasks.base.Task"):
        assert f'id="{name}"' in page, name
    assert "What a model is given of a batch" in page


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r'<(?:script|img|iframe)[^>]*\ssrc="(https?:)?//|<link[^>]*rel="stylesheet"[^>]*href="(https?:)?//'
    )
    assert not [page.name for page in site.rglob("*.html") if loads.search(page.read_text("utf-8"))]


def test_pages_stand_in_the_navigation_once() -> None:
    class Loader(yaml.SafeLoader):
        """Reads what mkdocs adds to YAML as nothing."""

    Loader.add_multi_constructor("tag:", lambda loader, suffix, node: None)
    config = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader)
    listed = [page for section in config["nav"] for pages in section.values() for page in pages]
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(listed) == sorted(page for page in there if not page.startswith("decisions/"))
