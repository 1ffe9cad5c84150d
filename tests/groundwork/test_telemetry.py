"""Nobody is told that this library is used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("stated", "expected"), [(None, "1 true"), ("0", "0 true")])
def test_libraries_are_silenced_before_they_are_imported_unless_the_environment_says_otherwise(
    stated: str | None, expected: str
) -> None:
    names = ("ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {} if stated is None else {names[0]: stated}
    code = (
        "import groundwork, os, sys; assert not {'onnxruntime', 'mlflow', 'kornia'} & set(sys.modules); "
        f"print(*(os.environ[name] for name in {names}))"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert made.stdout.strip() == expected
