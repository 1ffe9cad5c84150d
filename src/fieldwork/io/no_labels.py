"""A catalog entry for labels that are not there."""

from __future__ import annotations

from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError


class NoLabelsDataset(AbstractDataset[None, None]):
    """Says that there are no labels, of a recipe with ``data.target: nothing``."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        """Take nothing."""
        self.metadata = metadata

    def load(self) -> None:
        """Give nothing."""

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: there are none."""
        raise DatasetError("There are no labels by this entry, so none can be written.")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {}
