"""What says the answers of each scene, whatever form labels have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from groundwork.data import sample_table as table
from groundwork.data.label_table import LabelTable
from groundwork.errors import PairingError, SpecError
from groundwork.rasters.folder import RasterFolder, pair
from groundwork.rasters.shared import SharedFiles
from groundwork.specs import TargetSpec
from groundwork.targets.label import LabelSource

#: Files by key, files that belong to all scenes, or a table. None: there are none, of a target of nothing.
Labels: TypeAlias = RasterFolder | SharedFiles | LabelTable | None


class LabelSources:
    """Labels by scene."""

    def __init__(self, labels: Labels) -> None:
        # The root alone: which files there are stands in the sample table.
        self._folder = None if labels is None else RasterFolder(labels.root, {})
        self._rows = labels.rows if isinstance(labels, LabelTable) else None

    def source(self, key: str, cell: str) -> LabelSource:
        """Return what says the answers of a scene.

        Args:
            key: Of the scene.
            cell: What the sample table says of its label.

        Raises:
            PairingError: Where a table has no row for it any more.
        """
        if self._folder is None:
            return LabelSource(())
        paths = tuple(self._folder.locate(name) for name in table.split_files(cell)) or (self._folder.root,)
        if self._rows is None:
            return LabelSource(paths)
        if key not in self._rows:
            raise PairingError(f"{paths[0]}: found no row for '{key}', which was there when samples were indexed.")
        return LabelSource(paths, self._rows[key], key)


def label_cells(labels: Labels, images: RasterFolder, keys: Iterable[str]) -> dict[str, str]:
    """Return what the sample table says of the label of each scene: its files, relative to their folder.

    Args:
        labels: In whatever form.
        images: The rasters of the reference.
        keys: Of the scenes.

    Raises:
        PairingError: Where a scene has no label or a label no scene; it lists them.
    """
    if labels is None:
        return dict.fromkeys(keys, "")
    stated_in = None
    if isinstance(labels, LabelTable):
        # Joined as files are, so that nobody loses a scene without a word.
        files = RasterFolder(labels.root, dict.fromkeys(labels.rows, (labels.name,)))
        stated_in = labels.root / labels.name if labels.name else None
    else:
        files = labels.for_keys(keys) if isinstance(labels, SharedFiles) else labels
    return {key: table.join_files(files.files[key]) for key in pair(images, files, stated_in)}


def require_labels(labels: Labels, target: TargetSpec) -> None:
    """Refuse a target without labels, and labels that would be left aside.

    Raises:
        SpecError: With what to change.
    """
    if labels is None and target.per != "nothing":
        what = "classes" if target.classes else "numbers"
        raise SpecError(
            f"data.target asks for {what} per {target.per}, and there are no labels: name them, or write 'target: "
            "nothing' to learn from the rasters alone"
        )
    if labels is not None and target.per == "nothing":
        raise SpecError(
            f"data.target is nothing, and the labels in {labels.root} would be left aside: take them away, or say in "
            "data.target what they hold"
        )
