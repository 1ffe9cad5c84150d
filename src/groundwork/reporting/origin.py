"""Where a run comes from, in words and short names for exact contents."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from groundwork import fingerprint
from groundwork.bundle import Bundle
from groundwork.data import sample_table as table


def origin_of_model(bundle: Bundle) -> dict[str, str]:
    """Return what a bundle says of its origin, and what it is: fingerprints, seed, versions.

    Args:
        bundle: A trained one.
    """
    stated = {name.replace("_", " "): str(value) for name, value in bundle.config.provenance.items()}
    # An exported file has no weights beside it.
    weights = {"weights as they are": fingerprint.of_weights(bundle.weights)} if bundle.weights else {}
    return {"model": bundle.config.model.title(), **weights, **stated}


def origin_of_data(samples: pd.DataFrame) -> dict[str, str]:
    """Return what tells a table of samples apart, pixels included: each row holds a checksum of its own.

    Args:
        samples: The table of samples, with splits.
    """
    counts = samples[table.SPLIT].value_counts().sort_index()
    return {
        "samples": fingerprint.of_table(samples),
        "chips": ", ".join(f"{count} {split}" for split, count in counts.items()),
        "scenes": str(samples[table.SCENE].nunique()),
    }


def origin_of_code(facts: Mapping[str, object]) -> dict[str, str]:
    """Return facts of a project as text: lists are joined, and what is not known says so.

    Args:
        facts: Name -> a text, a list of texts, or None.
    """
    return {name.replace("_", " "): _as_text(value) for name, value in facts.items()}


def _as_text(value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
