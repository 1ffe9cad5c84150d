"""Audit what was made of the data: the table of samples, and what their bands hold."""

from __future__ import annotations

import logging

import pandas as pd

from groundwork.audit.findings import Finding, as_page
from groundwork.audit.offsets import audit_offset
from groundwork.audit.splits import audit_splits
from groundwork.audit.values import audit_values
from groundwork.config.data import DataConfig, read_by_model
from groundwork.config.split import SPLITS
from groundwork.data import sample_table as table
from groundwork.data.value_report import ValueReport
from groundwork.errors import DataError

logger = logging.getLogger(__name__)


def audit_data(samples: pd.DataFrame, values: ValueReport, data: DataConfig) -> list[Finding]:
    """Return all that is to be said of splits and values. Reads no pixel.

    Args:
        samples: The table of samples, with splits.
        values: What each source holds in each split.
        data: What is stated of sources, target and chips.

    Raises:
        DataError: Where the three do not belong together.
    """
    if table.SPLIT not in samples:
        raise DataError(f"The table has no column '{table.SPLIT}': audit the samples once they are split.")
    for split in SPLITS:
        for source, spec in read_by_model(data.sources).items():
            found = values.splits.get(split, {}).get(source)
            if found is None or set(found.bands) != {band.name for band in spec.used}:
                raise DataError(
                    f"The report of values has not the bands of source '{source}' in split '{split}' that are stated. "
                    "Give the report and the configuration of one run."
                )
    return [*audit_splits(samples, data), *audit_values(values, data), *audit_offset(values.label_offset)]


def page_of_audit(samples: pd.DataFrame, values: ValueReport, data: DataConfig) -> str:
    """Return the audit as a page of Markdown, and warn of what is wrong: who trains at once does not open the page.

    Raises:
        DataError: As of :func:`audit_data`.
    """
    findings = audit_data(samples, values, data)
    if wrong := [finding.about for finding in findings if finding.level == "wrong"]:
        logger.warning(
            "The audit of the data finds %d thing(s) wrong, so that scores would not mean what they say: %s. It tells "
            "what was found, and what to change",
            len(wrong),
            "; ".join(wrong),
        )
    return as_page(findings)
