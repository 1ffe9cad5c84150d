"""A catalog entry for splits that are folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from groundwork.rasters.addresses import place_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class SplitFoldersDataset(AbstractDataset[None, "dict[str, list[str]]"]):
    """Folders whose rasters are the scenes of each split: their keys are the lists of ``data.split.method: lists``."""

    def __init__(self, *, folders: Mapping[str, Mapping[str, str]], metadata: dict[str, Any] | None = None) -> None:
        """Take ``path`` and ``pattern`` of each split, and ``folder``, for which ``{folder}`` stands in its pattern.

        Raises:
            DatasetError: For another key, or one that is missing.
        """
        for split, stated in folders.items():
            if set(stated) - {"folder"} != {"path", "pattern"}:
                raise DatasetError(
                    f"The folder of split '{split}' has 'path' and 'pattern', and perhaps 'folder'; found "
                    f"{sorted(stated)}."
                )
        self._folders = {
            split: (place_of(stated["path"]), stated["pattern"], stated.get("folder"))
            for split, stated in folders.items()
        }
        self.metadata = metadata

    def load(self) -> dict[str, list[str]]:
        """List the keys."""
        from groundwork.data.split_lists import keys_below

        return {split: keys_below(*stated) for split, stated in self._folders.items()}

    def save(self, data: None) -> NoReturn:  # noqa: ARG002
        """Refuse: folders are given."""
        raise DatasetError("Folders of a split are given, not made.")

    def _describe(self) -> dict[str, Any]:
        return {"folders": {split: f"{path}/{pattern}" for split, (path, pattern, _) in self._folders.items()}}
