"""Bundles that earlier versions wrote are read, and give the scores that they gave then."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from groundwork.bundle import load_bundle
from groundwork.bundle_formats import FORMAT_VERSION

KEPT = Path(__file__).parent / "bundles"
FORMATS = sorted(path.name for path in KEPT.iterdir() if path.is_dir() and path.name.startswith("format_"))


@pytest.fixture(scope="module")
def made_by() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_bundle", KEPT / "make_bundle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_is_kept_of_the_format_that_is_written_now() -> None:
    assert f"format_{FORMAT_VERSION}" in FORMATS, "run `python tests/groundwork/bundles/make_bundle.py`"


@pytest.mark.parametrize("name", FORMATS)
def test_a_kept_bundle_gives_the_same_scores(name: str, made_by: ModuleType) -> None:
    bundle = load_bundle(KEPT / name)
    expected = np.array(json.loads((KEPT / f"{name}.json").read_text("utf-8")), np.float32)
    assert bundle.config.target.values == (1, 4)
    assert [band.name for band in bundle.config.inputs["optical"].used] == ["RED", "NIR"]
    found = made_by.scores_of(bundle)
    assert found.shape == expected.shape == (2, 6, 6)
    assert float(expected.std()) > 0.01
    assert np.allclose(found, expected, atol=1e-5)
