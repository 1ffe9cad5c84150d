"""Predict a scene by several processes: each leaves a block of its rows as files, which are put together at last."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.atomic import PARTIAL
from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.data.scene_stack import SceneStack
from groundwork.prediction.blending import windows_of
from groundwork.prediction.chips import Given
from groundwork.prediction.plan import RasterPlan
from groundwork.prediction.scene import plan_scene
from groundwork.prediction.scene_task import SceneTask
from groundwork.prediction.scene_writing import SceneDone
from groundwork.prediction.tiles import make_axis
from groundwork.rasters.bad_blocks import BadFile, joined
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.stream import RasterStream
from groundwork.rasters.writing import write_plain
from groundwork.targets.kind import Products
from groundwork.targets.kinds import kind_of

#: A block that is chosen holds at least so many rows of tiles, as one more is asked for in each.
LEAST_TILES = 8
#: So many blocks are chosen for each worker: some hold less data than others.
PER_WORKER = 3


def blocks_of(height: int, num_scenes: int, config: InferenceConfig) -> list[range]:
    """Return the rows of tiles of each block that a scene is cut into; of one, where it is not cut.

    Args:
        height: Of the scene, in pixels.
        num_scenes: That are to be predicted.
        config: How, and by how many.
    """
    starts = make_axis(height, config.tile_size, config.overlap).starts
    count = len(starts)
    if config.block_rows is None or (config.block_rows == "auto" and num_scenes >= config.workers):
        return [range(count)]
    if config.block_rows == "auto":
        in_each = max(LEAST_TILES, -(-count * num_scenes // (config.workers * PER_WORKER)))
    else:
        in_each = max(1, config.block_rows // max(config.tile_size - config.overlap, 1))
    return [range(first, min(first + in_each, count)) for first in range(0, count, in_each)]


def can_be_cut(bundle: Bundle) -> bool:
    """Whether answers of a bundle are blended row by row: objects and embeddings are predicted scene by scene."""
    has_rows = kind_of(bundle.config.target).per in {"pixel", "image"}
    return bundle.produces == "reconstruction" or (bundle.produces == "answers" and has_rows)


@dataclass(frozen=True, slots=True)
class RowsDone:
    """What is known of a block of a scene beside its rasters."""

    #: What is said of its tiles, where each has an answer.
    given: Given
    #: Files of which blocks could not be decoded.
    bad: tuple[BadFile, ...]


@dataclass(frozen=True, slots=True)
class RowsTask:
    """A block of a scene."""

    scene: SceneTask
    #: Of tiles.
    rows: range
    #: Of the blocks of this scene.
    folder: Path

    def run(self) -> RowsDone:
        """Predict the block, leave its rasters in the folder, and return what else is known of it.

        The rasters are there under their name whole, or not at all.
        """
        # Of a process that was taken for lost another may do the work at the same time.
        partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=self.folder))
        try:
            with self.scene.inputs.open(self.scene.key) as stack:
                plan = _plan(self.scene, stack)
                write_plain(_stream_of(plan, self.rows), {name: partial / f"{name}.tif" for name in plan.profiles})
                bad = stack.bad_files()
            _put(partial, _place(self.folder, self.rows))
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return RowsDone({} if plan.chips is None else plan.chips.given, bad)


@dataclass(frozen=True, slots=True)
class JoiningTask:
    """A scene all of whose blocks are there."""

    scene: SceneTask
    blocks: Sequence[range]
    folder: Path
    done: Sequence[RowsDone]

    def run(self) -> SceneDone:
        """Write the files of the scene, as one process would. See :meth:`SceneTask.run`."""
        with self.scene.inputs.open(self.scene.key) as stack:
            plan = _plan(self.scene, stack)
            for block in self.done:
                if plan.chips is not None:
                    plan.chips.add(block.given)
            bad = joined(file for block in self.done for file in block.bad)
            stream = plan.stream(_read_blocks(plan, self.folder, self.blocks))
            return self.scene.write(replace(stream, bad_files=lambda: bad))


def _plan(task: SceneTask, stack: SceneStack) -> RasterPlan:
    known = task.prepared()
    plan = plan_scene(known.network, stack, known.bundle, task.config, task.key)
    if not isinstance(plan, RasterPlan):
        raise TypeError(f"{known.bundle.produces} are not predicted row by row")
    return plan


def _stream_of(plan: RasterPlan, rows: range) -> RasterStream:
    """Return the rasters of a block, as if they were those of a scene."""
    top, bottom = plan.tiling.pixel_rows(rows)
    profiles = {}
    for name, profile in plan.profiles.items():
        part = profile.grid.part(Window(0, top, profile.grid.width, bottom - top))
        profiles[name] = replace(profile, grid=part)
    return RasterStream(profiles, ((_moved(window, -top), products) for window, products in plan.blocks(rows)))


def _read_blocks(plan: RasterPlan, folder: Path, blocks: Sequence[range]) -> Iterator[tuple[Window, Products]]:
    """Yield the same as if one process had predicted all rows."""
    block_of = {row: rows for rows in blocks for row in rows}
    for row, window in windows_of(plan.tiling):
        rows = block_of[row]
        top, _ = plan.tiling.pixel_rows(rows)
        place, there = _place(folder, rows), _moved(window, -top)
        yield window, {name: _read(place / f"{name}.tif", there) for name in plan.profiles}


def _read(path: Path, window: Window) -> NDArray[np.generic]:
    with open_dataset(path) as raster:
        pixels: NDArray[np.generic] = raster.read(window=window)
    return pixels


def _moved(window: Window, rows: int) -> Window:
    return Window(window.col_off, window.row_off + rows, window.width, window.height)


def _place(folder: Path, rows: range) -> Path:
    return folder / f"rows-{rows.start}-{rows.stop}"


def _put(made: Path, place: Path) -> None:
    """Give a finished block its name; where another process was faster, what it made is the same."""
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise
