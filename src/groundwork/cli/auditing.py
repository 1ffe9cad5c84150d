"""Audit the files that an indexing of scenes has written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from groundwork.audit.data import audit_data
from groundwork.audit.findings import as_page
from groundwork.cli.reading import read_mapping
from groundwork.config import DataConfig, ModelConfig
from groundwork.config.merging import merge
from groundwork.data.sample_table import read_samples
from groundwork.data.value_report import ValueReport
from groundwork.errors import DataError, SpecError
from groundwork.strict import words_of

Kind = TypeVar("Kind", bound=BaseModel)


def audit_files(
    samples: Path, values: Path, config: Sequence[Path], model: Sequence[Path], form: Literal["markdown", "json"]
) -> tuple[str, bool]:
    """Return the audit as text, and whether something is wrong.

    Args:
        samples: The table of samples.
        values: The report of values.
        config: Files with ``data``, of which each changes those before it.
        model: Files with ``model``; none: no encoder is asked what it expects.
        form: How the findings are written.

    Raises:
        DataError: For a file that cannot be read.
        SpecError: For a configuration that is wrong.
    """
    for file in (samples, values):
        if not file.is_file():
            raise DataError(f"{file}: found no such file. Correct the path, or index the scenes first.")
    for file in (*config, *model):
        if not file.is_file():
            raise DataError(f"{file}: found no such file. Correct the path, or leave it out where the recipe has none.")
    data = _read(config, "data", DataConfig)
    report = _validated(ValueReport, read_mapping(values), str(values))
    findings = audit_data(read_samples(samples), report, data)
    if model:
        # Asking an encoder loads torch.
        from groundwork.audit.encoders import audit_encoder  # noqa: PLC0415

        findings += audit_encoder(report, data, _read(model, "model", ModelConfig))
    is_wrong = any(finding.level == "wrong" for finding in findings)
    if form == "json":
        return json.dumps([finding.model_dump() for finding in findings], indent=2) + "\n", is_wrong
    return as_page(findings), is_wrong


def _read(files: Sequence[Path], key: str, kind: type[Kind]) -> Kind:
    stated = [read_mapping(file) for file in files]
    missing = [str(file) for file, values in zip(files, stated, strict=True) if key not in values]
    if missing:
        raise SpecError(f"{', '.join(missing)}: found no key '{key}' at the top.")
    merged: dict[str, Any] = reduce(merge, stated)
    return _validated(kind, merged[key], " and ".join(map(str, files)))


def _validated(kind: type[Kind], values: object, place: str) -> Kind:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, problem['loc']))}: {words_of(problem)}"
            for problem in error.errors(include_url=False)
        ]
        raise SpecError("\n".join([f"{place} is not as it should be:", *lines])) from error
