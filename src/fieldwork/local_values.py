"""``${local:key,default}`` in configuration: a value of this machine, from ``conf/local/values.yml``.

Kedro reads ``conf/local`` only where no other environment is chosen; paths of this machine are wanted with all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import yaml


def make_resolver(file: Path) -> Callable[..., object]:
    """Return the resolver: it gives the value of a key in ``file``, or else the default.

    Raises:
        KeyError: Where there is neither; it names the file.
    """

    def resolve(key: str, *default: object) -> object:
        # DVC watches the places that all machines have, and must record what was read there.
        is_read = file.exists() and "DVC_STAGE" not in os.environ
        values = (yaml.safe_load(file.read_text(encoding="utf-8")) if is_read else None) or {}
        if key in values:
            return values[key]
        if not default:
            raise KeyError(f"{file} has no value '{key}', and there is no default for it.")
        return default[0]

    return resolve
