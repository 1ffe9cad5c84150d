"""Files of YAML or JSON that a command names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from groundwork.errors import DataError


def read_mapping(file: Path, load: Callable[[str], Any] = yaml.safe_load) -> dict[str, Any]:
    """Read keys with values; none, where a file holds comments alone.

    Args:
        file: YAML, or JSON by its ending.
        load: Makes values of YAML's text.

    Raises:
        DataError: For a file that is not there, cannot be read, or holds something else; it names the line.
    """
    try:
        text = file.read_text(encoding="utf-8")
        read: Any = json.loads(text) if file.suffix == ".json" else load(text)
    except FileNotFoundError:
        raise DataError(f"{file}: found no such file. Correct the path.") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no text in UTF-8 ({error.reason}). Save it as UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise DataError(
            f"{file}{line}: this is no valid YAML: {error.problem} {error.context or ''}".rstrip()
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"{file}: this is no valid {'JSON' if file.suffix == '.json' else 'YAML'}: {error}") from None
    if not isinstance(read, dict | None):
        raise DataError(f"{file}: found no keys with values.")
    return read or {}
