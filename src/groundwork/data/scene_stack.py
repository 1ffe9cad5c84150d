"""The rasters of all sources of a scene, opened together and read on the grid of the reference."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.batch import Patch, by_name
from groundwork.config.data import read_by_model, reference_of
from groundwork.data.dates import dates_of_reference
from groundwork.errors import PairingError, RasterError
from groundwork.rasters.addresses import NO_FILE
from groundwork.rasters.area import AreaPart, runs
from groundwork.rasters.bad_blocks import BadBlocks, BadFile, joined
from groundwork.rasters.canvas import DeclaredPixels, Placed
from groundwork.rasters.choosing import choose_dates
from groundwork.rasters.designations import require_one_meaning
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.grid import Grid
from groundwork.rasters.opened import Opened
from groundwork.rasters.scene import Scene
from groundwork.rasters.stated import check_placed, check_stated
from groundwork.rasters.stated_file import NOTHING_STATED, StatedFile
from groundwork.specs import QualityRule, RasterSpec
from groundwork.strict import did_you_mean

#: Source -> the files of its raster. Absent: the scene lacks the source.
Files: TypeAlias = Mapping[str, tuple[Path, ...]]
#: Source -> what is stated of the files of its raster, as STAC items do.
Stated: TypeAlias = Mapping[str, tuple[StatedFile, ...]]
#: Source -> the dates that its files' names say, or that are stated of all steps of its stack.
Dates: TypeAlias = Mapping[str, tuple[date, ...]]
#: Those of a source that no scene has.
NO_RASTERS = RasterFolder(Path(), {})


class SceneStack(Opened):
    """The rasters of all sources, opened and checked. Use it as a context manager, or call :meth:`close`."""

    def __init__(
        self,
        files: Files,
        inputs: Mapping[str, RasterSpec],
        dates: Dates | None = None,
        pixels: DeclaredPixels | None = None,
        bad: Mapping[str, BadBlocks] | None = None,
    ) -> None:
        """Open the reference first, then the others onto its grid.

        Args:
            files: Source -> the files of its raster.
            inputs: Source -> what its rasters hold.
            dates: Source -> the dates that the files' names say, or that are stated of all steps of a stack; they go
                before those that tags say.
            pixels: Onto which the reference is brought as well. None: it has its own.
            bad: Source -> what is told which blocks cannot be decoded; their pixels then hold no data. None: they are
                refused.

        Raises:
            RasterError: Where a file is not what its spec says, shows other ground than the reference, or lies on
                another grid and nothing says how it is resampled.
        """
        self.inputs = by_name(inputs)
        self._named, self._bad = dates or {}, bad or {}
        self._rules = [rule for spec in self.inputs.values() for rule in spec.valid if rule.source is not None]
        self._part: AreaPart | None = None
        self._reach = 0
        self._opened = ExitStack()
        name = self.reference_source = reference_of(inputs)
        try:
            lent = {source: [rule for rule in self._rules if rule.source == source] for source in inputs}
            first = next(path for path in files[name] if path != NO_FILE)
            canvas = None if pixels is None else pixels.over(first, inputs[name].axes)
            self.reference = self._opened.enter_context(self._scene(files, name, canvas, lent[name]))
            self._scenes = {
                source: self.reference
                if source == name
                else self._opened.enter_context(self._scene(files, source, self.reference, lent[source]))
                for source in self.inputs
                if source in files
            }
        except BaseException:
            self._opened.close()
            raise

    def _scene(self, files: Files, source: str, onto: Placed | None, lent: list[QualityRule]) -> Scene:
        return Scene(files[source], self.inputs[source], onto, lent, self._bad.get(source), self._named.get(source))

    @property
    def grid(self) -> Grid:
        """Where the pixels lie: those of the reference, or the part of them that reading is limited to."""
        return self.reference.grid if self._part is None else self.reference.grid.part(self._part.window)

    def limit_to(self, part: AreaPart, reach: int) -> None:
        """Read no other ground from now on: windows then count from the corner of this part.

        Args:
            part: Of the reference.
            reach: Pixels to the left and right of it that are read as well, for whoever looks at what lies around.
        """
        self._part, self._reach = part, reach

    @property
    def missing(self) -> list[str]:
        """The sources that the scene lacks."""
        return [source for source in self.inputs if source not in self._scenes]

    def scenes(self) -> dict[str, Scene]:
        """Return the rasters that are there, by source."""
        return dict(self._scenes)

    def dates(self, source: str) -> list[date] | None:
        """Return the dates of a source: its own, or else what :func:`dates_of_reference` makes of the reference's."""
        own = self.own_dates(source)
        if own is not None:
            return own
        reference, is_missing = self.own_dates(self.reference_source), source in self.missing
        return dates_of_reference(reference, self.inputs[source].steps, is_missing=is_missing)

    def own_dates(self, source: str) -> list[date] | None:
        """Return the dates of the steps that are read, as names of files state them, a table, a tag or an axis."""
        if source in self._named and not self.inputs[source].is_chosen_in_file:
            return list(self._named[source])
        return self._scenes[source].dates if source in self._scenes else None

    def bad_files(self) -> tuple[BadFile, ...]:
        """Return the files of which blocks could not be decoded so far, where that is not refused."""
        return joined(file for bad in self._bad.values() for file in bad.files())

    def read(self, window: Window) -> Patch:
        """Read raw values and validity of all sources; a source that is missing holds data nowhere.

        Raises:
            RasterError: As of :meth:`groundwork.rasters.scene.Scene.read`.
        """
        return self._read(window) if self._part is None else self._read_part(window, self._part)

    def _read(self, window: Window) -> Patch:
        values, valid = {}, {}
        for source, spec in read_by_model(self.inputs).items():
            if source not in self._scenes:
                values[source], valid[source] = _no_data(spec, window)
                continue
            values[source], valid[source] = self._scenes[source].read(window)
            for rule in spec.valid:
                if rule.source is not None:
                    passed = self._scenes[rule.source].passed(window, [rule])
                    valid[source] &= passed if spec.has_validity_per_step else passed.all(axis=0)
        return Patch(values, valid)

    def _read_part(self, window: Window, part: AreaPart) -> Patch:
        """Read those columns that are near the area; the others hold data nowhere."""
        inside = part.mask(window)
        left, top = int(part.window.col_off + window.col_off), int(part.window.row_off + window.row_off)
        pairs = {source: _no_data(spec, window) for source, spec in read_by_model(self.inputs).items()}
        for start, stop in runs(np.asarray(inside.any(axis=0)), self._reach):
            read = self._read(Window(left + start, top, stop - start, window.height))
            for source, (numbers, valid) in pairs.items():
                numbers[..., start:stop], valid[..., start:stop] = read.values[source], read.valid[source]
        values = {source: pair[0] for source, pair in pairs.items()}
        return Patch(values, {source: pair[1] for source, pair in pairs.items()}, inside=inside)

    def close(self) -> None:
        """Close all files."""
        self._opened.close()


def _no_data(spec: RasterSpec, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return values and validity of a source where it holds no data."""
    size = (int(window.height), int(window.width))
    steps = (spec.steps,) if spec.steps > 1 else ()
    valid = np.zeros((*steps, *size) if spec.has_validity_per_step else size, np.bool_)
    return np.zeros((spec.num_channels, *steps, *size), spec.dtype), valid


def folders_by_source(
    scenes: RasterFolder | Mapping[str, RasterFolder],
    inputs: Mapping[str, RasterSpec],
    keys: Collection[str] | None = None,
    *,
    may_lack: bool = False,
) -> dict[str, RasterFolder]:
    """Return the rasters of each source that are read, in the order of the names.

    Args:
        scenes: By source, or those of the only source.
        inputs: Source -> what its rasters hold.
        keys: Of the scenes of which what is stated is compared with it. None: of all.
        may_lack: Whether a source that is optional may be left out: no scene has it then.

    Raises:
        PairingError: Where sources are missing, or there are others, and as of
            :func:`groundwork.rasters.choosing.choose_dates`.
        RasterError: As of :func:`groundwork.rasters.stated.check_stated`, and of
            :func:`groundwork.rasters.designations.require_one_meaning`.
    """
    if isinstance(scenes, RasterFolder):
        if len(inputs) > 1:
            raise PairingError(
                f"{scenes.root}: found the rasters of one source, and {sorted(inputs)} are declared. Give the rasters "
                "of each by its name"
            )
        return {name: _chosen(scenes, spec, keys) for name, spec in inputs.items()}
    needed = {source for source, spec in inputs.items() if not (may_lack and spec.optional)}
    unknown, missing = sorted(set(scenes) - set(inputs)), sorted(needed - set(scenes))
    if unknown or missing:
        hints = "".join(did_you_mean(name, list(inputs)) for name in unknown)
        raise PairingError(
            f"Found rasters of the sources {sorted(scenes)}, and {sorted(inputs)} are declared: unknown {unknown}, "
            f"missing {missing}. Leave out what is unknown, and give the rasters of each declared source under its "
            f"name.{hints}"
        )
    return {
        name: _chosen(scenes[name], spec, keys) if name in scenes else NO_RASTERS
        for name, spec in by_name(inputs).items()
    }


def _chosen(folder: RasterFolder, spec: RasterSpec, keys: Collection[str] | None) -> RasterFolder:
    chosen = choose_dates(folder, spec)
    require_one_meaning(chosen, spec)
    check_stated(chosen, spec, keys)
    return chosen


def files_of(scenes: Mapping[str, RasterFolder], key: str) -> dict[str, tuple[Path, ...]]:
    """Return the files of each source that has the scene."""
    return {source: folder.paths(key) for source, folder in scenes.items() if key in folder.files}


def dates_of(scenes: Mapping[str, RasterFolder], key: str) -> dict[str, tuple[date, ...]]:
    """Return the dates of each source whose files' names say them."""
    return {source: folder.dates[key] for source, folder in scenes.items() if key in folder.dates}


def stated_of(scenes: Mapping[str, RasterFolder], key: str) -> dict[str, tuple[StatedFile, ...]]:
    """Return what is stated of the files of a scene, by source."""
    return {source: folder.stated.get(key, ()) for source, folder in scenes.items()}


def require_stated_places(stack: SceneStack, stated: Stated) -> None:
    """Refuse a scene whose first file lies elsewhere than is stated of it, source by source.

    Raises:
        RasterError: As of :func:`groundwork.rasters.stated.check_placed`.
    """
    for source, scene in stack.scenes().items():
        first = next((file for file in stated[source] if file != NOTHING_STATED), None)
        if first is not None:
            check_placed(scene.own_grid, scene.path, first)


def open_checked(
    scenes: Mapping[str, RasterFolder],
    key: str,
    inputs: Mapping[str, RasterSpec],
    pixels: DeclaredPixels | None = None,
    *,
    fill_bad_blocks: bool = False,
) -> SceneStack:
    """Open a scene, with its grid and its dates checked, as of :class:`SceneStack`.

    Args:
        scenes: Source -> its rasters.
        key: Of the scene.
        inputs: Source -> what its rasters hold.
        pixels: Onto which the reference is brought. None: it has its own.
        fill_bad_blocks: Whether pixels of blocks that cannot be decoded hold no data; else they are refused.

    Raises:
        RasterError: As of :class:`SceneStack`.
    """
    bad = {source: BadBlocks(source, folder.root) for source, folder in scenes.items()} if fill_bad_blocks else None
    stack = SceneStack(files_of(scenes, key), inputs, dates_of(scenes, key), pixels, bad)
    try:
        _ = stack.grid, [stack.dates(source) for source in inputs]
        require_stated_places(stack, stated_of(scenes, key))
    except RasterError:
        stack.close()
        raise
    return stack
