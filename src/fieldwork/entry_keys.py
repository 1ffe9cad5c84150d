"""What entries state beside their place: credentials that there are, and versions only where there are such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fieldwork.entries import CatalogError
from fieldwork.run_record import PACKAGE
from groundwork.strict import did_you_mean

_CREDENTIALS, _VERSIONED = "credentials", "versioned"


def check_entry_keys(entries: Mapping[str, Mapping[str, Any]], credentials: Iterable[str]) -> None:
    """Refuse names of credentials that nobody states, and versions of entries that have none.

    Args:
        entries: The catalog.
        credentials: Their names.

    Raises:
        CatalogError: With the near miss.
    """
    known = sorted(credentials)
    for name, entry in entries.items():
        for asked in _asked(entry):
            if asked not in known:
                raise CatalogError(
                    f"Catalog entry '{name}': there are no credentials '{asked}'.{did_you_mean(asked, known)} Known: "
                    f"{known}. They stand in conf/local/credentials.yml, by name."
                )
        if entry.get(_VERSIONED) and str(entry.get("type")).startswith(f"{PACKAGE}."):
            raise CatalogError(
                f"Catalog entry '{name}': '{_VERSIONED}' would keep a result for each time, and entries of {PACKAGE} "
                f"have one, which DVC keeps by content. Leave '{_VERSIONED}' out: `git checkout <commit> && dvc "
                "checkout` brings earlier ones back."
            )


def check_load_versions(entries: Mapping[str, Mapping[str, Any]], asked: Iterable[str]) -> None:
    """Refuse versions of entries that have none: Kedro would read the only one without a word.

    Raises:
        CatalogError: With what to do.
    """
    for name in asked:
        if name in entries and not entries[name].get(_VERSIONED):
            raise CatalogError(
                f"--load-versions: catalog entry '{name}' has one version, and that would be read. `git checkout "
                "<commit> && dvc checkout` brings an earlier one back; a path in the catalog of a recipe names another."
            )


def _asked(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever YAML holds
    """Yield the names of credentials in an entry, and in what it is made of."""
    for key, part in value.items() if isinstance(value, Mapping) else ():
        if key == _CREDENTIALS and isinstance(part, str):
            yield part
        elif key != "metadata":
            yield from _asked(part)
