"""Look through all scenes once: check them, describe them, cut them into chips, and add up what they hold."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from groundwork.config.data import ChipsConfig, DataConfig, read_by_model, reference_of
from groundwork.config.indexing import IndexingConfig
from groundwork.data import sample_table as table
from groundwork.data.cells import Cells, make_cells
from groundwork.data.label_sources import Labels, LabelSources, label_cells, require_labels
from groundwork.data.labelled import LabelledScene, open_labelled
from groundwork.data.pairing import require_sources
from groundwork.data.pieces import chip_starts, read_pieces
from groundwork.data.scan_rows import describe_chip, describe_scene
from groundwork.data.scene_stack import (
    Dates,
    Files,
    Stated,
    dates_of,
    files_of,
    folders_by_source,
    require_stated_places,
    stated_of,
)
from groundwork.data.workers import run_tasks
from groundwork.errors import DataError, RasterError
from groundwork.progress import track
from groundwork.rasters.folder import RasterFolder, preview
from groundwork.rasters.stated import check_contents, check_stated
from groundwork.rasters.untold import Untold, tell_of_untold, untold_of
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.label import LabelSource
from groundwork.targets.object_answers import objects_column

logger = logging.getLogger(__name__)

#: Column of the scene report that says why a scene is left out.
LEFT_OUT = "left_out"
#: A chip may reach beyond a small scene, but not by more than so many times its longer side.
MOST_BEYOND = 2


@dataclass(frozen=True, slots=True)
class Scan:
    """What all scenes hold."""

    #: One row per scene: size, CRS, dates, and the fractions of valid pixels and of each class.
    report: pd.DataFrame
    #: One row per chip, in order of ``sample_id``: scene, files relative to their folders, window in pixels, CRS,
    #: bounds in units of the CRS, centre in degrees, dates, fractions of valid pixels and of each class, checksum.
    chips: pd.DataFrame
    #: Scene -> what its pixels add up to.
    cells: Mapping[str, Cells]


@dataclass(frozen=True, slots=True)
class _Task:
    """What it takes to look through one scene, also in another process."""

    key: str
    #: Cells of the table of samples.
    names: Mapping[str, object]
    files: Files
    label: LabelSource
    dates: Dates
    stated: Stated
    data: DataConfig


@dataclass(frozen=True, slots=True)
class _Found:
    """What one scene holds, or why it is not as declared."""

    report: dict[str, object] = field(default_factory=dict)
    chips: list[dict[str, object]] = field(default_factory=list)
    cells: Cells | None = None
    problem: str | None = None
    #: What its files do not tell.
    untold: Untold = field(default_factory=Untold)
    #: What is odd about the label -> number of its objects.
    remarks: Mapping[str, int] = field(default_factory=dict)


def scan_scenes(
    scenes: RasterFolder | Mapping[str, RasterFolder],
    labels: Labels,
    data: DataConfig,
    indexing: IndexingConfig | None = None,
) -> Scan:
    """Read every pixel of every scene and label once.

    Chips with too few valid, labelled pixels are left out.

    Args:
        scenes: Rasters of the only source, or of each by name.
        labels: Joined to the scenes by key, or files that belong to all of them. None: of a target of nothing.
        data: What rasters and labels hold, and how chips are cut.
        indexing: Who does the work, and what becomes of scenes that are not as declared. None: this process, and they
            are refused.

    Raises:
        PairingError: Where an image or a label has no partner, or a scene lacks a source that is not optional.
        SpecError: For labels without a target, or the reverse.
        DataError: Where scenes are not as declared (it lists the first ten), or no chip is left.
    """
    require_labels(labels, data.target)
    _tell_of_gaps(data.chips)
    how = indexing or IndexingConfig()
    is_refused = how.on_bad_scene == "refuse"
    folders = folders_by_source(scenes, data.sources, None if is_refused else ())
    cells_of_labels = label_cells(labels, folders[reference_of(data.sources)], require_sources(folders, data.sources))
    sources, keys = LabelSources(labels), list(cells_of_labels)
    found = {} if is_refused else _contradicted(folders, keys, data)
    tasks: dict[str, _Task] = {}
    for key in [key for key in keys if key not in found]:
        files = {
            table.SCENE: key,
            **{table.path_column(name): table.join_files(part.files.get(key, ())) for name, part in folders.items()},
            **_stacks(folders, key, data),
            table.LABEL_PATH: cells_of_labels[key],
            **table.stated(folders[reference_of(data.sources)].columns.get(key, {})),
        }
        paths, days = files_of(folders, key), dates_of(folders, key)
        label = sources.source(key, cells_of_labels[key])
        tasks[key] = _Task(key, files, paths, label, days, stated_of(folders, key), data)
    found |= dict(track(run_tasks(_scan_scene, tasks, how), "Looking through scenes", len(tasks)))
    # In the order of the keys, whichever was done first.
    return _gather({key: found[key] for key in keys}, how, data, list(map(table.path_column, folders)))


def _stacks(folders: Mapping[str, RasterFolder], key: str, data: DataConfig) -> dict[str, str | None]:
    """Return the dates that tables state of stacks, where it is by them that steps are chosen."""
    return {
        table.stack_column(source): table.join_dates(folder.dates.get(key))
        for source, folder in folders.items()
        if folder.stacked and data.sources[source].is_chosen_in_file
    }


def _tell_of_gaps(chips: ChipsConfig) -> None:
    """Warn of ground that no chip shows: a recipe that states a smaller size alone keeps the stride of another one."""
    if chips.stride is not None and chips.stride > chips.size:
        logger.warning(
            "Chips of %d pixels begin every %d: about %.0f %% of the ground lies between them, in none. Set "
            "'data.chips.stride: %d', or less, where that is not meant.",
            chips.size,
            chips.stride,
            100 * (1 - (chips.size / chips.stride) ** 2),
            chips.size,
        )


def _contradicted(folders: Mapping[str, RasterFolder], keys: list[str], data: DataConfig) -> dict[str, _Found]:
    """Return the scenes whose items state something else than is declared."""
    found = {}
    for key in keys:
        try:
            for source, folder in folders.items():
                check_stated(folder.only(key), data.sources[source])
        except RasterError as error:
            found[key] = _Found(problem=str(error))
    return found


def _gather(found: Mapping[str, _Found], indexing: IndexingConfig, data: DataConfig, paths: list[str]) -> Scan:
    problems = {key: part.problem for key, part in found.items() if part.problem is not None}
    if problems and (indexing.on_bad_scene == "refuse" or len(problems) == len(found)):
        raise DataError(f"{len(problems)} of {len(found)} scenes are not as declared:\n{_list(problems, len(found))}")
    if problems:
        logger.warning(
            "%d of %d scenes are not as declared and left out; the scene report says why: %s",
            len(problems),
            len(found),
            preview(list(problems)),
        )
    tell_of_untold((part.untold for part in found.values() if part.problem is None), data.sources)
    for text, count in sum((Counter(part.remarks) for part in found.values()), Counter[str]()).items():
        logger.warning("%d object(s) of the labels %s", count, text)
    chips = [chip for part in found.values() for chip in part.chips]
    if not chips:
        limit = data.chips.min_valid_fraction
        size = data.chips.size
        raise DataError(
            f"None of {len(found)} scenes has a chip of {size} x {size} pixels with {limit:.0%} valid, labelled ones. "
            "Look at 'nodata', 'valid' and 'ignore_value', and whether images and labels are of one place, or lower "
            "'data.chips.min_valid_fraction'."
        )
    _require_objects(chips, data.target, len(found))
    samples = pd.DataFrame(chips).sort_values(table.SAMPLE_ID, ignore_index=True)
    first = [table.SAMPLE_ID, table.SCENE, *paths, table.LABEL_PATH]
    ordered = samples[first + [name for name in samples.columns if name not in first]]
    cells = {key: part.cells for key, part in found.items() if part.cells is not None}
    return Scan(_report(found, problems), ordered, cells)


def _require_objects(chips: Sequence[Mapping[str, object]], target: TargetSpec, num_scenes: int) -> None:
    """Refuse labels of objects of which no chip has one: a layer of complete labelling makes that look meant."""
    if target.per != "object" or any(chip[objects_column(name)] for chip in chips for name in target.names):
        return
    raise DataError(
        f"None of {len(chips)} chip(s) of {num_scenes} scene(s) has an object of {list(target.names)}, such as by the "
        f"label {chips[0][table.LABEL_PATH]}: there is nothing to learn. Mostly labels lie elsewhere than their CRS "
        "says, have latitude and longitude exchanged, or belong to other scenes; or all of them mean what nobody knows."
    )


def _list(problems: Mapping[str, str], num_scenes: int) -> str:
    """List the first ten problems, and of each in which scenes it is found."""
    scenes: dict[str, list[str]] = {}
    for key, text in problems.items():
        scenes.setdefault(text.partition(": ")[2] or text, []).append(key)
    lines = [_line(problems, keys) for keys in scenes.values()]
    more = [f"  and {len(lines) - 10} more"] if len(lines) > 10 else []
    others = ["'on_bad_scene: leave_out' goes on without them."] if len(problems) < num_scenes else []
    return "\n".join(lines[:10] + more + others)


def _line(problems: Mapping[str, str], keys: Sequence[str]) -> str:
    """Tell of scenes in which the same is wrong, in full of the first: with its key where the path does not tell it."""
    first, *others = keys
    text = problems[first]
    # One file with all labels may say the same of each scene, or something of one of them.
    if others and all(problems[key] == text for key in others):
        return f"  - {text}"
    line = f"  - {text}" if first in text.partition(": ")[0] else f"  - scene {first!r}: {text}"
    return line + (f"\n    The same is wrong in {len(others)} other scene(s): {preview(others)}" if others else "")


def _report(found: Mapping[str, _Found], problems: Mapping[str, str]) -> pd.DataFrame:
    report = pd.DataFrame([part.report for part in found.values() if part.problem is None])
    if not problems:
        return report
    # Whole numbers stay whole beside the empty cells of scenes that are left out.
    whole = report.astype({name: object for name in report.select_dtypes("integer")})
    left_out = pd.DataFrame({table.SCENE: list(problems), LEFT_OUT: list(problems.values())})
    return pd.concat([whole, left_out]).sort_values(table.SCENE, ignore_index=True)


def _scan_scene(task: _Task) -> _Found:
    """Look through one scene."""
    kind = kind_of(task.data.target)
    try:
        check_contents(task.files, task.stated)
        with open_labelled(task.files, task.label, task.data.sources, kind, task.dates) as opened:
            opened.label.check_grid(opened.grid)
            require_stated_places(opened.stack, task.stated)
            chips, cells = _scan(task.key, opened, task.data)
            report = {table.SCENE: task.key, **describe_scene(opened, cells)}
            named = [{**chip, **task.names} for chip in chips]
            return _Found(report, named, cells, None, untold_of(opened.stack.scenes()), opened.label.remarks())
    except RasterError as error:
        return _Found(problem=str(error))


def _scan(key: str, opened: LabelledScene, data: DataConfig) -> tuple[list[dict[str, object]], Cells]:
    grid, size = opened.grid, data.chips.size
    if size >= MOST_BEYOND * max(grid.width, grid.height):
        raise RasterError(
            opened.path,
            f"{grid.width} x {grid.height} pixels",
            f"scenes of more than {size // MOST_BEYOND} pixels a side, as 'chips.size' is {size}",
            "Set 'chips.size' to what fits into the scenes.",
        )
    starts = chip_starts(opened, data.chips)
    edges = tuple(
        [*lines, *(min(line + size, length) for line in lines), length]
        for lines, length in zip(starts, (grid.height, grid.width), strict=True)
    )
    cells = make_cells((edges[0], edges[1]), read_by_model(data.sources), opened.kind)
    rows: list[dict[str, object]] = []
    for piece in read_pieces(opened, data.chips):
        cells.add(piece.window, piece.patch)
        for window, patch in piece.chips:
            rows.extend(describe_chip(key, opened, window, patch, data))
    opened.label.require_asked()
    return rows, cells
