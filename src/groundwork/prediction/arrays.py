"""Predict pixels that lie in memory, for notebooks and for programs that read rasters by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.data.scene_stack import SceneStack
from groundwork.errors import SpecError
from groundwork.models.asking import ready_to_ask
from groundwork.prediction.scene import check_meaning, predict_scene
from groundwork.rasters.addresses import place_of
from groundwork.specs import RasterSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.objects import ObjectBoxes

#: Raw values of a source: (bands, height, width), or (bands, dates, height, width).
Pixels: TypeAlias = NDArray[np.generic]


def predict_array(
    bundle: Bundle,
    pixels: Pixels | Mapping[str, Pixels],
    config: InferenceConfig | None = None,
    dates: Sequence[date] | None = None,
) -> dict[str, NDArray[np.generic]]:
    """Predict an image that lies in memory, tile by tile as scenes are.

    Args:
        bundle: A trained one.
        pixels: Raw values of the only source, or of each by name: (bands, height, width), with several dates (bands,
            dates, height, width), with all bands of ``bundle.config.inputs``, in its order, as its type. Pixels of the
            nodata that it states hold no data, nor do those that a masked array leaves out.
        config: How they are predicted. None: as ``InferenceConfig()`` says.
        dates: Of the reference, one for each step, for models that look at them.

    Returns:
        Product, such as ``classes`` -> (bands, height, width), with the product's nodata where nothing is known.

    Raises:
        BundleError: Where the bundle was never trained.
        SpecError: For pixels of another shape, size or type, for another number of dates, for sources that are not
            those of the bundle, and for what only files hold: objects, polygons, chips.
        ScoreError: Where the model gives no numbers.
    """
    settings = config or InferenceConfig()
    check_meaning(bundle, settings)
    if isinstance(kind_of(bundle.config.target), ObjectBoxes) or settings.polygons is not None:
        raise SpecError(
            "Objects and outlines are no arrays: write the image as a raster, and predict it by "
            "`groundwork.predict_files`."
        )
    specs = bundle.config.inputs
    given = pixels if isinstance(pixels, Mapping) else {bundle.reference: pixels}
    _require_sources(given, specs)
    given = {source: _without_mask(source, part, specs[source]) for source, part in given.items()}
    _require_dates(dates, specs[bundle.reference])
    size = given[bundle.reference].shape[-2:]
    with ExitStack() as opened:
        files = {source: tuple(_files(source, given[source], specs[source], size, opened)) for source in given}
        days = {} if dates is None else {bundle.reference: tuple(dates)}
        plain = {source: _without_place(spec) for source, spec in specs.items()}
        stack = opened.enter_context(SceneStack(files, plain, days))
        stream = predict_scene(ready_to_ask(bundle.build_model(), settings), stack, bundle, settings, "array")
        found = {
            name: np.zeros((len(profile.bands), profile.grid.height, profile.grid.width), profile.dtype)
            for name, profile in stream.profiles.items()
        }
        for window, products in stream.blocks:
            rows, columns = window.toslices()
            for name, block in products.items():
                found[name][:, rows, columns] = block
    return found


def _require_sources(given: Mapping[str, Pixels], specs: Mapping[str, RasterSpec]) -> None:
    missing = [source for source, spec in specs.items() if source not in given and not spec.optional]
    unknown = [source for source in given if source not in specs]
    if missing or unknown:
        raise SpecError(
            f"Pixels to predict: found those of {sorted(given)}; the bundle reads {sorted(specs)}: unknown {unknown}, "
            f"missing {missing}. Give each source's by its name."
        )


def _without_mask(source: str, pixels: Pixels, spec: RasterSpec) -> Pixels:
    """Return pixels with nodata where a masked array has none."""
    if not isinstance(pixels, np.ndarray):
        raise SpecError(f"Pixels of '{source}': found {type(pixels).__name__}; expected an array of numpy.")
    if not isinstance(pixels, np.ma.MaskedArray):
        return pixels
    if spec.nodata is None and pixels.mask.any():
        raise SpecError(
            f"Pixels of '{source}': found a mask; expected none, as the bundle states no nodata that could stand in "
            "its place. Write them as a raster with its mask, and predict it by `groundwork.predict_files`."
        )
    # NaN stands for itself where it is the nodata.
    return pixels.data if spec.nodata is None else pixels.filled(float(spec.nodata))


def _require_dates(dates: Sequence[date] | None, spec: RasterSpec) -> None:
    if dates is not None and len(dates) != spec.steps:
        raise SpecError(f"Dates of the pixels: found {len(dates)}; expected {spec.steps}, one for each step.")


def _files(source: str, pixels: Pixels, spec: RasterSpec, size: tuple[int, ...], opened: ExitStack) -> Iterator[Path]:
    """Yield the files in memory that hold a source: one, or one for each date where the bundle reads it so."""
    dated = pixels[:, None] if pixels.ndim == 3 else pixels
    expected = (len(spec.bands), spec.steps, *size)
    if dated.shape != expected or dated.dtype != spec.dtype:
        shown = expected if spec.steps > 1 else (expected[0], *size)
        raise SpecError(
            f"Pixels of '{source}': found {pixels.shape} of {pixels.dtype}; expected {shown} of {spec.dtype}, with the "
            f"bands {list(spec.band_names)}. All sources have the height and width of the reference."
        )
    by_file = np.moveaxis(dated, 1, 0) if spec.layout == "file_per_date" else [_in_layout(dated, spec)]
    for bands in by_file:
        yield _in_memory(np.ascontiguousarray(bands), spec, opened)


def _in_layout(dated: Pixels, spec: RasterSpec) -> Pixels:
    ordered = dated if spec.layout == "bands_first" else np.moveaxis(dated, 1, 0)
    return ordered.reshape(-1, *dated.shape[-2:])


def _in_memory(bands: Pixels, spec: RasterSpec, opened: ExitStack) -> Path:
    memory = opened.enter_context(MemoryFile(ext=".tif"))
    count, height, width = bands.shape
    nodata = None if spec.nodata is None else float(spec.nodata)
    with memory.open(
        driver="GTiff", count=count, height=height, width=width, dtype=bands.dtype, nodata=nodata, BIGTIFF="IF_SAFER"
    ) as raster:
        raster.write(bands)
    return place_of(memory.name)


def _without_place(spec: RasterSpec) -> RasterSpec:
    """Return the spec of pixels that nobody says the place and the time of."""
    unsaid = {"pixel_size_m": None, "date_tag": None, "date_axis": None, "axes": None}
    # Of an array, all steps are given: none is chosen by its date, and none is filled.
    given = {"take_dates": "all", "too_few_dates": "refuse", "validity_per_step": spec.has_validity_per_step}
    return spec.model_copy(update={"georeference": "absent", **unsaid, **given})
