"""Write the samples of TorchGeo as rasters, labels and lists of splits, which the whole house reads."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import from_bounds
from torchgeo.datasets import GeoDataset

from groundwork.atomic import partial_folder, replace_folder
from groundwork.config.data import only_source
from groundwork.config.split import SPLITS
from groundwork.config.torchgeo import TorchGeoConfig
from groundwork.config.training import LoaderConfig
from groundwork.data.torchgeo.chips import image_of, part_of, require_positions
from groundwork.data.torchgeo.ground import cut_to, is_whole_window, on_files
from groundwork.data.torchgeo.objects import SampleObjects, objects_of
from groundwork.data.torchgeo.reading import Reading, read_torchgeo, seeded
from groundwork.errors import DataError, SpecError
from groundwork.progress import track
from groundwork.rasters.coco_outlines import runs_of
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile, single
from groundwork.rasters.writing import write_rasters
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.labels import IGNORE
from groundwork.targets.tabled import CLASS_COLUMN

logger = logging.getLogger(__name__)

#: What the folder holds: rasters by source, labels of pixels, or a table of labels of images, and lists of splits.
SCENES, LABELS, TABLE, LISTS = "scenes", "labels", "labels.csv", "lists"
#: Types of label rasters, the smallest first.
LABEL_TYPES = (np.uint8, np.int16, np.int32)


@dataclass(frozen=True, slots=True)
class SamplesToImport:
    """Samples of TorchGeo, and what they hold."""

    config: TorchGeoConfig
    inputs: Mapping[str, RasterSpec]
    target: TargetSpec
    seed: int


def import_samples(samples: SamplesToImport, path: Path) -> None:
    """Write each sample of each split once, as a raster for each source with its label; whole or not at all.

    The folder then holds ``scenes/<source>/<key>.tif``, ``labels/<key>.tif``, ``labels/<key>.json`` of objects or
    ``labels.csv`` of images, and ``lists/<split>.txt``; keys begin with the name of the split. What a dataset draws at
    random is drawn once. Samples lie where TorchGeo says, or else have no georeference. What of a window lies beyond
    the files is cut off, or has nodata.

    Raises:
        SpecError: For keys of other sources.
        ComponentError: For names and options that TorchGeo does not know.
        DataError: Where files are not there, or samples are not as declared.
    """
    if samples.target.multi_label and samples.target.separator is not None:
        raise SpecError(
            "Samples of TorchGeo say of each class whether it is there: leave 'separator' out of data.target, as the "
            "table has a column for each"
        )
    require_positions(samples.target)
    keys = samples.config.keys or {only_source(samples.inputs, "a dataset of TorchGeo without 'keys'"): "image"}
    if set(keys) != set(samples.inputs):
        raise SpecError(
            f"'keys' must name the image of each source: it names {sorted(keys)}, not {sorted(samples.inputs)}"
        )
    readings = read_torchgeo(samples.config, LoaderConfig(batch_size=1), samples.seed)
    with partial_folder(path.parent, path.name) as partial:
        made = partial / "made"
        (made / LISTS).mkdir(parents=True)
        rows: list[tuple[str, list[object]]] = []
        for split in SPLITS:
            rows += _write_split(split, readings[split], keys, samples, made)
        if rows:
            _write_table(rows, samples.target, made / TABLE)
        replace_folder(made, path)


def _queries(reading: Reading, seed: int) -> list[Any]:
    """Return what asks for each sample once: windows as they are drawn, or numbers in order."""
    part: Any = reading.dataset
    # Parts of a dataset keep the whole one inside.
    while not isinstance(part, GeoDataset) and getattr(part, "dataset", None) is not None:
        part = part.dataset
    if not isinstance(part, GeoDataset):
        return list(range(len(reading.dataset)))  # type: ignore[arg-type]
    with seeded(seed):
        return [query for batch in reading.batches for query in batch]


def _write_split(
    split: str, reading: Reading, keys: Mapping[str, str], samples: SamplesToImport, folder: Path
) -> list[tuple[str, list[object]]]:
    """Write the samples of a split and their list, and return what a table says of them."""
    rows: list[tuple[str, list[object]]] = []
    names: list[str] = []
    queries = _queries(reading, samples.seed)
    num_other = 0
    for number, query in enumerate(track(queries, f"Importing {split}", len(queries))):
        name = f"{split}_{number:08d}"
        with seeded(samples.seed * 1_000_003 + number):
            sample = reading.dataset[query]
        height, width = part_of(sample, next(iter(keys.values()))).shape[-2:]
        part = on_files(reading.dataset, query, (height, width))
        if not is_whole_window(reading.dataset, query, (height, width)):
            sample, num_other = {**sample, "crs": None}, num_other + 1
        if not part.any():
            continue
        label = _write_sample(sample, part, name, keys, samples, folder)
        rows += [] if label is None else [(name, label)]
        names.append(name)
    if num_other:
        logger.warning(
            "%s: the images of %d of %d windows are not their windows' pixels, so nobody knows where they lie: they "
            "have no place ('georeference: absent'), and those whose window reaches beyond the files are left out.",
            *(split, num_other, len(queries)),
        )
    (folder / LISTS / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
    return rows


def _write_sample(
    sample: Mapping[str, Any],
    part: NDArray[np.bool_],
    name: str,
    keys: Mapping[str, str],
    samples: SamplesToImport,
    folder: Path,
) -> list[object] | None:
    """Write the rasters of a sample, of which a part lies on files, and return what a table says of it."""
    per = samples.target.per
    # Boxes are counted from the edges of the whole window.
    if not part.all() and per != "object":
        has_pixels = [*keys.values(), *([samples.config.target_key] if per == "pixel" else [])]
        sample, part = cut_to(part, sample, {key: part_of(sample, key) for key in has_pixels})
    grid = _grid(sample, (part.shape[0], part.shape[1]))
    for source, key in keys.items():
        spec = samples.inputs[source]
        image = _without(~part, image_of(part_of(sample, key), source, spec, name), source, spec, name)
        _write(folder / SCENES / source / f"{name}.tif", grid, _stacked(image, spec), _band_names(spec))
    if per == "nothing":
        return None
    if per == "object":
        _write_objects(sample, name, grid, samples, folder / LABELS / f"{name}.json")
        return None
    label = part_of(sample, samples.config.target_key)
    if per == "image":
        return [value.item() for value in label.reshape(-1)]
    pixels = label.numpy() if label.ndim == 3 else label.numpy()[None]
    names = samples.target.names if samples.target.outputs else ("class",)
    if label.ndim < 2 or pixels.shape != (len(names), grid.height, grid.width):
        raise DataError(
            f"Sample {name}: the label has the shape {tuple(label.shape)}, which does not fit the image of "
            f"{grid.height} x {grid.width} pixels and {list(names)}."
        )
    _write(folder / LABELS / f"{name}.tif", grid, _label_pixels(pixels, samples.target, name), names)
    return None


def _write_objects(sample: Mapping[str, Any], name: str, grid: Grid, samples: SamplesToImport, path: Path) -> None:
    """Write the objects of a sample as COCO's JSON has them, with the names of their classes."""
    target = samples.target
    has_masks = target.objects is not None and target.objects.masks
    found = objects_of(sample, samples.config.objects, target, (grid.height, grid.width), name)
    annotations = [
        {
            "id": number,
            "image_id": 1,
            "category_id": max(int(index), 0),
            "bbox": [left, top, right - left, bottom - top],
            # Of what nobody knows COCO has a crowd: it is neither asked for nor wrong.
            "iscrowd": int(index == IGNORE),
            **(_segmentation(found, number) if has_masks else {}),
        }
        for number, ((left, top, right, bottom), index) in enumerate(
            zip(found.boxes.tolist(), found.classes.tolist(), strict=True)
        )
    ]
    categories = [{"id": index, "name": text} for index, text in enumerate(target.names)]
    image = {"id": 1, "file_name": f"{name}.tif", "width": grid.width, "height": grid.height}
    content = {"images": [image], "annotations": annotations, "categories": categories}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _segmentation(found: SampleObjects, number: int) -> dict[str, object]:
    """Return the outline of an object; nothing where it has no pixel."""
    if found.masks is not None:
        return {"segmentation": runs_of(found.masks[number])} if found.masks[number].any() else {}
    corners = shapely.get_coordinates(found.outlines[number].exterior)[:-1]
    return {"segmentation": [corners.ravel().tolist()]}


def _grid(sample: Mapping[str, Any], size: tuple[int, int]) -> Grid:
    """Return where a sample lies; in pixels where TorchGeo does not say."""
    height, width = size
    bounds, crs = sample.get("bounds"), sample.get("crs")
    if crs is None or not isinstance(bounds, tuple):
        return Grid(None, Affine.identity(), width, height)
    x, y = bounds[0], bounds[1]
    transform = from_bounds(x.start, y.start, x.stop, y.stop, width, height)
    return Grid(CRS.from_user_input(crs), transform, width, height)


def _without(
    missing: NDArray[np.bool_], image: NDArray[np.generic], source: str, spec: RasterSpec, name: str
) -> NDArray[np.generic]:
    """Return an image with nodata where there is no file."""
    if not missing.any():
        return image
    if spec.nodata is None:
        raise DataError(
            f"Sample {name}: {missing.mean():.1%} of its window lie between or beyond the files of the dataset, where "
            f"TorchGeo fills in values; source '{source}' declares no nodata. Set its 'nodata' to a value that images "
            "do not hold, such as -9999: it is written there."
        )
    filled = np.where(missing, np.nan if spec.nodata == "nan" else spec.nodata, image)
    return cast("NDArray[np.generic]", filled.astype(image.dtype))


def _stacked(image: NDArray[np.generic], spec: RasterSpec) -> NDArray[np.generic]:
    """Return an image as bands of a file, in the layout that its spec declares."""
    if spec.steps == 1:
        return image
    by_step = image.swapaxes(0, 1) if spec.layout == "steps_first" else image
    return by_step.reshape(-1, *image.shape[-2:])


def _band_names(spec: RasterSpec) -> tuple[str, ...]:
    names = tuple(band.name for band in spec.used)
    if spec.layout == "bands_first":
        return tuple(name for name in names for _ in range(spec.steps))
    return names * spec.steps


def _label_pixels(pixels: NDArray[np.generic], target: TargetSpec, name: str) -> NDArray[np.generic]:
    """Return label values in the smallest type that holds them; numbers as they are."""
    if target.outputs:
        return pixels.astype(np.float32)
    whole = pixels.astype(np.int64)
    if not np.array_equal(whole, pixels):
        raise DataError(f"Sample {name}: the label holds values that are no whole numbers, and the target has classes.")
    declared = (*target.label_values, *target.ignore_values)
    low, high = min(int(whole.min()), *declared), max(int(whole.max()), *declared)
    fitting = (kind for kind in LABEL_TYPES if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return whole.astype(next(fitting, np.int32))


def _write(path: Path, grid: Grid, pixels: NDArray[np.generic], names: Sequence[str]) -> None:
    profile = RasterProfile(grid, pixels.dtype.name, tuple(names), None)
    write_rasters(single(profile, pixels, "sample"), {"sample": path})


def _write_table(rows: Sequence[tuple[str, list[object]]], target: TargetSpec, path: Path) -> None:
    has_columns = target.outputs or target.multi_label
    columns = list(target.names) if has_columns else [target.column or CLASS_COLUMN]
    for name, values in rows:
        if len(values) != len(columns):
            raise DataError(f"Sample {name}: the label holds {len(values)} values; expected {len(columns)}: {columns}.")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", *columns])
        writer.writerows([name, *values] for name, values in rows)
