"""Open scenes with their labels, and read them by window."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Patch
from groundwork.data.scene_stack import Dates, Files, SceneStack
from groundwork.errors import RasterError
from groundwork.rasters.grid import Grid, describe_crs
from groundwork.rasters.windows import describe_window
from groundwork.specs import RasterSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.label import Label, LabelSource

#: Scenes that a process keeps open; each may consist of a dozen files.
MOST_OPEN = 16
#: The files of a scene by source, what says its answers, and the dates that are stated of stacks.
Named: TypeAlias = tuple[Files, LabelSource, Dates]


@dataclass(frozen=True, slots=True)
class LabelledScene:
    """The rasters of all sources and their label, opened together."""

    stack: SceneStack
    label: Label
    kind: TargetKind
    #: All files behind it.
    files: tuple[Path, ...]

    @property
    def path(self) -> Path:
        """The file that stands for the scene in messages: the reference's."""
        return self.stack.reference.path

    @property
    def grid(self) -> Grid:
        """Where the pixels lie."""
        return self.stack.grid

    def read(self, window: Window) -> Patch:
        """Read raw values, validity and answers, which are not known where no source holds data, and objects."""
        return self.with_objects(window, self.read_pixels(window))

    def read_pixels(self, window: Window) -> Patch:
        """Read the same without objects, so that it may be cut."""
        patch, answers = self.stack.read(window), self.label.read(window)
        self.kind.hide(answers, patch.known)
        return Patch(patch.values, patch.valid, answers)

    def with_objects(self, window: Window, patch: Patch) -> Patch:
        """Return pixels of a window with the objects in it, where the target asks for them."""
        return self.label.with_objects(window, patch)

    def checksum(self, window: Window, patch: Patch) -> str:
        """Return eight digits for what :meth:`read` gave and where on the ground it lies."""
        number = crc32(f"{describe_crs(self.grid.crs)} {self.grid.part(window).bounds}".encode())
        objects = {} if patch.objects is None else patch.objects.arrays()
        # Tables of former versions know nothing of centres, and bundles say beside which table they were trained.
        found = [part for name, part in objects.items() if name != "centers"]
        parts = [part for source in patch.values for part in (patch.values[source], _short(patch.valid[source]))]
        for part in (*parts, _short(np.asarray(patch.target)), *found):
            number = crc32(np.ascontiguousarray(part).data, number)
        return f"{number:08x}"

    def require_unchanged(self, window: Window, patch: Patch, expected: str) -> None:
        """Refuse pixels that are not those that were indexed.

        Raises:
            RasterError: Where values, validity, answers or the place on the ground differ.
        """
        if expected and self.checksum(window, patch) != expected:
            found = f"other pixels in {describe_window(window)}, or another place or label for them"
            remedy = "Index the samples again."
            remedy += f" The label is {self.label.path}." if self.kind.per != "nothing" else ""
            raise RasterError(self.path, found, "what was there when its samples were indexed", remedy)
        # The same answers may have been moved to another place.
        self.label.check_grid(self.grid)

    def close(self) -> None:
        """Close all files."""
        self.stack.close()
        self.label.close()


def _short(part: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return what tells apart as much in fewer bytes: indexes of classes are small, and mostly all is valid."""
    if part.dtype == np.bool_ and part.all():
        return np.array(part.shape, np.int32)
    return part.astype(np.int16) if part.dtype == np.int64 else part


def content_of(patch: Patch) -> str:
    """Return sixteen digits for the values of all sources, whatever the file, the place and the label."""
    digest = blake2b(digest_size=8)
    for values in patch.values.values():
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


@contextmanager
def open_labelled(
    files: Files,
    label: LabelSource,
    inputs: Mapping[str, RasterSpec],
    kind: TargetKind,
    dates: Dates | None = None,
) -> Iterator[LabelledScene]:
    """Open a scene with its label.

    Args:
        files: Source -> the files of its raster.
        label: What says its answers.
        inputs: Source -> what its rasters hold.
        kind: What the label holds.
        dates: Source -> the dates that its files' names say.
    """
    opened = _open(files, label, inputs, kind, dates)
    try:
        yield opened
    finally:
        opened.close()


class OpenScenes:
    """The scenes that were read last stay open: opening and checking one takes longer than reading a chip."""

    def __init__(self, inputs: Mapping[str, RasterSpec], kind: TargetKind) -> None:
        """Begin with none."""
        self._inputs, self._kind = inputs, kind
        self._process = os.getpid()
        self._opened: dict[int, LabelledScene] = {}

    def get(self, number: int, named: Callable[[], Named]) -> LabelledScene:
        """Open a scene with its label, or give the one that is open.

        Args:
            number: Of the scene.
            named: Gives what it is made of.
        """
        if self._process != os.getpid():
            # A forked process shares the place in each file with its parent; it must open its own.
            self._process, self._opened = os.getpid(), {}
        found = self._opened.pop(number, None) or self._open(*named())
        self._opened[number] = found
        return found

    def _open(self, files: Files, label: LabelSource, dates: Dates) -> LabelledScene:
        while len(self._opened) >= MOST_OPEN:
            self._opened.pop(next(iter(self._opened))).close()
        return _open(files, label, self._inputs, self._kind, dates)

    def __getstate__(self) -> dict[str, object]:
        """Open files do not travel to another process."""
        return {"_inputs": self._inputs, "_kind": self._kind, "_process": -1, "_opened": {}}


def _open(
    files: Files,
    label: LabelSource,
    inputs: Mapping[str, RasterSpec],
    kind: TargetKind,
    dates: Dates | None = None,
) -> LabelledScene:
    with ExitStack() as opened:
        stack = opened.enter_context(SceneStack(files, inputs, dates))
        raster = opened.enter_context(kind.open_label(label, stack.grid))
        # Nothing is wrong: they stay open.
        opened.pop_all()
    return LabelledScene(stack, raster, kind, (*chain(*files.values()), *label.paths))
