from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.framework.startup import bootstrap_project

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def project() -> Path:
    """The project, set up as Kedro sets it up."""
    bootstrap_project(ROOT)
    return ROOT


@pytest.fixture(scope="session")
def catalog_config() -> dict[str, Any]:
    """The base catalog as written."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "conf/base/catalog.yml").read_text("utf-8"))
    return config
