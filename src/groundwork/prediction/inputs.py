"""The scenes that are predicted: which there are, and how each is opened."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from groundwork.config.data import reference_of
from groundwork.config.inference import InferenceConfig
from groundwork.data.pairing import FOR_PREDICTING, require_sources
from groundwork.data.scene_stack import (
    NO_RASTERS,
    SceneStack,
    files_of,
    folders_by_source,
    open_checked,
    stated_of,
)
from groundwork.errors import NoDatesError, PairingError, RasterError, SpecError
from groundwork.prediction.beside import decoding_with_all
from groundwork.progress import track
from groundwork.rasters.area import Area, area_of_bounds
from groundwork.rasters.canvas import DeclaredPixels
from groundwork.rasters.folder import RasterFolder, preview
from groundwork.rasters.grid import Grid, crs_of_text, describe_bounds, name_crs
from groundwork.rasters.stated import check_contents
from groundwork.rasters.untold import Untold, tell_of_untold, untold_of
from groundwork.specs import RasterSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SceneInputs:
    """The rasters of scenes, checked."""

    folders: Mapping[str, RasterFolder]
    specs: Mapping[str, RasterSpec]
    area: Area | None
    #: Onto which scenes are brought. None: they are read as they lie.
    pixels: DeclaredPixels | None
    #: How far around a pixel the model may look, in pixels.
    reach: int
    #: The source on whose grid predictions lie.
    reference: str
    #: Key of each scene that is predicted -> source -> its dates, where they are known.
    dates: Mapping[str, Mapping[str, Sequence[date]]]
    #: Key of each scene -> where the pixels of its prediction lie.
    grids: Mapping[str, Grid]
    #: Whether pixels of blocks that cannot be decoded hold no data; else they are refused.
    fill_bad_blocks: bool = False
    #: Key of a scene -> sources whose files lack the tag of their dates.
    undated: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def only(self, key: str) -> SceneInputs:
        """Return what there is of one scene: all that another process is to be told."""
        folders = {source: folder.only(key) for source, folder in self.folders.items()}
        return replace(self, folders=folders, dates={key: self.dates[key]}, grids={key: self.grids[key]})

    def day(self, key: str) -> date | None:
        """Return the last date of the reference of a scene; None where it is not known."""
        return max(self.dates[key].get(self.reference, ()), default=None)

    def require_dates(self) -> None:
        """Refuse scenes whose files lack the tag of their dates.

        Raises:
            NoDatesError: With the first of them.
        """
        for key in self.undated:
            open_checked(self.folders, key, self.specs, self.pixels).close()

    def open(self, key: str) -> SceneStack:
        """Open a scene, limited to the area.

        Raises:
            RasterError: Where it is not what its spec says.
        """
        specs = _without_tags(self.specs, self.undated.get(key, frozenset()))
        with decoding_with_all():
            stack = open_checked(self.folders, key, specs, self.pixels, fill_bad_blocks=self.fill_bad_blocks)
        if self.area is not None:
            try:
                # What was found when scenes were checked is found again, unless a file was exchanged since.
                limit(stack, self.area, self.reach)
            except BaseException:
                stack.close()
                raise
        return stack


def area_of(config: InferenceConfig, given: Area | None) -> Area | None:
    """Return the area that is predicted. None: all that there is.

    Raises:
        SpecError: Where there are two, or the CRS of one is none.
    """
    if config.area is None or given is None:
        return given if config.area is None else area_of_bounds(config.area.bounds, config.area.crs)
    raise SpecError(f"'inference.area' and {given.name} both say what ground is predicted: leave one of them out")


def pixels_of(config: InferenceConfig) -> DeclaredPixels | None:
    """Return the pixels onto which scenes are brought. None: they are read as they lie.

    Raises:
        SpecError: For a CRS that nobody knows.
    """
    if config.grid is None:
        return None
    crs = None if config.grid.crs is None else crs_of_text(config.grid.crs, "inference.grid.crs")
    return DeclaredPixels(crs, config.grid.pixel_size_m)


def check_scenes(
    scenes: RasterFolder | Mapping[str, RasterFolder],
    specs: Mapping[str, RasterSpec],
    config: InferenceConfig,
    area: Area | None,
) -> SceneInputs:
    """Open and check each scene. Those of which nothing lies in the area are left out, and said so.

    Scenes whose files lack the tag of their dates are taken as without dates, and said so: few models ask for them.

    Raises:
        PairingError: Where a scene lacks a source that the model needs, or nothing of all scenes lies in the area.
        RasterError: Where a scene is not what its spec or its item says; it lists the first ten.
        SpecError: For an area, where a scene has no CRS.
    """
    folders = folders_by_source(scenes, specs, may_lack=True)
    keys = require_sources(folders, specs, FOR_PREDICTING)
    pixels = pixels_of(config)
    seen = _Seen()
    for key in track(keys, "Checking scenes", len(keys)):
        try:
            stack, lacking = open_dated_or_not(folders, key, specs, pixels)
        except RasterError as error:
            seen.refused.append(error)
            continue
        with stack:
            if area is not None and not limit(stack, area, config.tile_size):
                seen.outside[key] = f"{describe_bounds(stack.grid)} in {name_crs(stack.grid.crs)}"
                continue
            seen.take(key, stack, lacking)
    _refuse(seen.refused)
    _report(seen.outside, area, is_all=not seen.dates)
    found, reference = list(seen.dates), reference_of(specs)
    tell_of_untold(seen.untold, specs)
    _tell_of_lacking(folders, sorted(found))
    _tell_of_undated(seen.undated, specs, len(found))
    _check_contents(folders, found if config.shard is None else config.shard.part_of(found))
    fills, reach = config.on_bad_block == "nodata", config.tile_size
    return SceneInputs(folders, specs, area, pixels, reach, reference, seen.dates, seen.grids, fills, seen.undated)


@dataclass(slots=True)
class _Seen:
    """What is known of scenes once each was opened, by key, as of :class:`SceneInputs`."""

    dates: dict[str, Mapping[str, Sequence[date]]] = field(default_factory=dict)
    grids: dict[str, Grid] = field(default_factory=dict)
    undated: dict[str, frozenset[str]] = field(default_factory=dict)
    #: Where those lie of which nothing is in the area.
    outside: dict[str, str] = field(default_factory=dict)
    untold: list[Untold] = field(default_factory=list)
    refused: list[RasterError] = field(default_factory=list)

    def take(self, key: str, stack: SceneStack, lacking: frozenset[str]) -> None:
        """Keep what is asked of a scene later."""
        known = {source: stack.dates(source) for source in stack.inputs}
        self.dates[key] = {source: days for source, days in known.items() if days is not None}
        self.grids[key] = stack.grid
        self.untold.append(untold_of(stack.scenes()))
        if lacking:
            self.undated[key] = lacking


def _check_contents(folders: Mapping[str, RasterFolder], keys: Sequence[str]) -> None:
    """Compare the files of scenes with what their items state, before any of them is predicted."""
    said = [
        key
        for key in keys
        if any(file.size is not None or file.checksum for files in stated_of(folders, key).values() for file in files)
    ]
    for key in track(said, "Comparing scenes with their items", len(said)):
        check_contents(files_of(folders, key), stated_of(folders, key))


def _refuse(refused: Sequence[RasterError]) -> None:
    """Say the first in full, and of others what was found: they are mended together."""
    if len(refused) < 2:
        for error in refused:
            raise error
        return
    path, found, expected, remedy = refused[0].args
    others = [error for error in refused[1:] if error.args[1:] != (found, expected, remedy)]
    names = [Path(error.args[0]).name for error in refused[1:] if error.args[1:] == (found, expected, remedy)]
    same = f"\nThe same is wrong in {len(names)} other scene(s): {preview(names)}" if names else ""
    listed = "".join(f"\n  - {error}" for error in others[:9])
    more = f"\n  and {len(others) - 9} more" if len(others) > 9 else ""
    told = f"\n{len(others)} other scene(s) are not as expected either:{listed}{more}" if others else ""
    raise type(refused[0])(path, found, expected, f"{remedy}{same}{told}")


def open_dated_or_not(
    folders: Mapping[str, RasterFolder],
    key: str,
    specs: Mapping[str, RasterSpec],
    pixels: DeclaredPixels | None,
    undated: frozenset[str] = frozenset(),
) -> tuple[SceneStack, frozenset[str]]:
    """Open a scene, and return it with the sources whose files lack the tag of their dates.

    Args as of :func:`groundwork.data.scene_stack.open_checked`, and sources of which it is known.

    Raises:
        RasterError: Where the scene is not what its spec says.
    """
    try:
        return open_checked(folders, key, _without_tags(specs, undated), pixels), undated
    except NoDatesError as error:
        found = {name for name, folder in folders.items() if key in folder.files and error.path in folder.paths(key)}
        if not found - undated:
            raise
        return open_dated_or_not(folders, key, specs, pixels, undated | found)


def _without_tags(specs: Mapping[str, RasterSpec], sources: frozenset[str]) -> Mapping[str, RasterSpec]:
    untagged = {source: specs[source].model_copy(update={"date_tag": None}) for source in sources}
    return {**specs, **untagged}


def _tell_of_undated(undated: Mapping[str, frozenset[str]], specs: Mapping[str, RasterSpec], num_scenes: int) -> None:
    """Say which scenes are predicted without dates: what is written of them names none."""
    for source, spec in specs.items():
        if keys := [key for key, sources in undated.items() if source in sources]:
            logger.warning(
                "%d of %d scene(s) have no tag '%s' in '%s', and are predicted as scenes without a date: %s",
                len(keys),
                num_scenes,
                spec.date_tag,
                source,
                preview(keys),
            )


def _tell_of_lacking(folders: Mapping[str, RasterFolder], keys: Sequence[str]) -> None:
    """Say which scenes are predicted without a source: no file tells whether that is meant."""
    for source, folder in folders.items():
        if lacking := [key for key in keys if key not in folder.files]:
            logger.warning(
                "%d of %d scene(s) have no raster of '%s' (%s), and are predicted as if it held no data there: %s. "
                "Trust that only where training chips lacked it too",
                len(lacking),
                len(keys),
                source,
                "it was left out" if folder == NO_RASTERS else folder.root,
                preview(lacking),
            )


def limit(stack: SceneStack, area: Area, reach: int) -> bool:
    """Limit an opened scene to an area; return whether anything of it lies there.

    Raises:
        RasterError: Where the scene has no CRS.
    """
    grid = stack.grid
    if grid.crs is None:
        path = stack.reference.path
        raise RasterError(path, "no CRS", f"one, as {area.name} lies on the ground", "Leave the area out.")
    part = area.on(grid)
    if part is not None:
        stack.limit_to(part, reach)
    return part is not None


def _report(outside: Mapping[str, str], area: Area | None, *, is_all: bool) -> None:
    """Say which scenes do not lie in the area.

    Raises:
        PairingError: Where that is all of them.
    """
    if area is None or not outside:
        return
    if is_all:
        key, place = next(iter(outside.items()))
        raise PairingError(
            f"Nothing of {len(outside)} scene(s) lies in {area.name}, {area.described()}. '{key}' lies at {place}. "
            "Correct bounds and CRS, or name other scenes."
        )
    logger.warning(
        "%d scene(s) are left out, as nothing of them lies in %s: %s", len(outside), area.name, preview(list(outside))
    )
