from __future__ import annotations

from typing import Any

import pytest

from fieldwork.entries import CatalogError
from fieldwork.entry_keys import check_entry_keys, check_load_versions

OURS, KEDROS = "fieldwork.io.atomic.AtomicJSON", "pandas.CSVDataset"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": OURS, "versioned": True}, "'mine': 'versioned' would keep a result for each time"),
        ({"type": KEDROS, "credentials": "stor"}, r"no credentials 'stor'\. Did you mean 'store'\? Known: \['store'\]"),
        ({"type": OURS, "sources": {"s1": {"credentials": "none"}}}, "'mine': there are no credentials 'none'"),
    ],
)
def test_what_an_entry_cannot_have_is_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        check_entry_keys({"mine": entry}, ["store"])


def test_what_an_entry_may_have_passes() -> None:
    entries = {
        "one": {"type": KEDROS, "versioned": True, "credentials": "store"},
        "two": {"type": OURS, "versioned": False, "credentials": {"key": "a"}, "metadata": {"credentials": "a note"}},
    }
    check_entry_keys(entries, ["store"])
    check_load_versions(entries, ["one", "what Kedro itself refuses"])


def test_a_version_of_what_has_none_is_not_passed_over() -> None:
    with pytest.raises(CatalogError, match=r"--load-versions: catalog entry 'two' has one version.*dvc checkout"):
        check_load_versions({"two": {"type": OURS}}, {"two": "2026-01-01T00.00.00.000Z"})
