"""Files of YAML or JSON that a command names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from groundwork.errors import DataError


def read_mapping(file: Path) -> dict[str, Any]:
    """Read keys with values.

    Raises:
        DataError: For a file that is not there, cannot be read, or holds something else.
    """
    try:
        text = file.read_text(encoding="utf-8")
        read = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise DataError(f"{file} cannot be read as YAML or JSON: {error}") from error
    if not isinstance(read, dict):
        raise DataError(f"{file}: found no keys with values.")
    return read
