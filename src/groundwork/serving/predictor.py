"""Predict what was sent, within a time, and give it in a format."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from rasterio.windows import Window

from groundwork.bundle import Bundle
from groundwork.config.data import reference_of
from groundwork.config.serving import ServingConfig
from groundwork.errors import GroundworkError
from groundwork.evaluation.figures import rgb_positions
from groundwork.models.asking import ready_to_ask
from groundwork.prediction.scene import check_inputs, predict_each
from groundwork.prediction.source import scene_specs
from groundwork.rasters.features import FeatureLayer, FeatureStream
from groundwork.rasters.longitudes import within_180
from groundwork.rasters.quicklook import read_small, stretch
from groundwork.rasters.scene import Scene
from groundwork.rasters.stream import RasterStream
from groundwork.rasters.writing import write_rasters
from groundwork.serving.asked import Asked, Format, settings_for, settled
from groundwork.serving.names import files_of
from groundwork.serving.received import require_raster
from groundwork.serving.refusals import RefusedError, too_large
from groundwork.serving.sources import Sent, by_source, folders_of, without_places
from groundwork.targets.kind import Products

logger = logging.getLogger(__name__)

#: Longest side of a picture, in pixels.
PICTURE_SIDE = 1024


class Predictor:
    """A model that answers one request after the other.

    Args:
        bundle: A trained one.
        config: What is taken.
    """

    def __init__(self, bundle: Bundle, config: ServingConfig) -> None:
        self._bundle, self._config = bundle, config
        self._model = ready_to_ask(bundle.build_model(), config.inference)

    def answer(self, sent: Sent, asked: Asked, deadline: float) -> Path:
        """Write a product of rasters beside them, and return the file.

        Args:
            sent: What was sent.
            asked: What is wanted of it.
            deadline: When it is given up, as ``time.monotonic`` counts.

        Raises:
            RefusedError: With the status and words of the answer.
        """
        _require_time(deadline)
        bundle = self._bundle
        product, form = settled(asked, bundle)
        is_whole = asked.bounds is None or bundle.config.target.per == "object"
        rasters = by_source(sent, bundle.config.inputs, self._config.max_bytes)
        for path in (file for raster in rasters.values() for file in files_of(raster)):
            require_raster(path, self._config.max_pixels, has_area=not is_whole)
        raster = rasters[reference_of(bundle.config.inputs)]
        try:
            config = settings_for(asked, product, self._config.inference)
            inputs = check_inputs(bundle, folders_of(rasters, bundle.config.inputs), config)
            [(_, stream)] = predict_each(self._model, bundle, inputs, config, [raster.stem])
            if isinstance(stream, FeatureStream):
                return _as_geojson(stream.find()[product].whole(), raster)
            self._require_size(stream)
            stream = replace(stream, blocks=_in_time(stream.blocks, deadline))
            return self._written(stream, product, form, raster)
        except GroundworkError as error:
            raise RefusedError(422, without_places(str(error), rasters)) from error
        except MemoryError as error:
            raise RefusedError(503, "The server is out of memory: ask for a smaller area.", 10) from error

    def look(self, sent: Sent) -> Path:
        """Write a picture of the reference beside it, in the colours that it is shown in."""
        inputs = self._bundle.config.inputs
        reference = reference_of(inputs)
        rasters = by_source(sent, inputs, self._config.max_bytes)
        raster = rasters[reference]
        for path in files_of(raster):
            require_raster(path, self._config.max_pixels, has_area=False)
        try:
            spec = scene_specs(inputs, self._config.inference)[reference]
            # Bands are found by what the file calls them, as for a prediction.
            with Scene(folders_of(rasters, inputs)[reference].paths(raster.stem), spec) as scene:
                values, valid = scene.thumbnail(PICTURE_SIDE)
        except GroundworkError as error:
            raise RefusedError(422, without_places(str(error), rasters)) from error
        return _as_png(stretch(values[rgb_positions(spec, spec.shown)], valid), valid, raster)

    def _require_size(self, stream: RasterStream) -> None:
        grid = next(iter(stream.profiles.values())).grid
        pixels, most = grid.width * grid.height, self._config.max_pixels
        if pixels > most:
            raise too_large(f"{pixels} pixels are asked for", f"{most} pixels")

    def _written(self, stream: RasterStream, product: str, form: Format, raster: Path) -> Path:
        if form == "geojson":
            for _ in stream.blocks:
                pass
            features = stream.features
            if features is None:
                raise TypeError(f"'{product}' is of features, and the prediction has none")
            return _as_geojson(features.find()[product].whole(), raster)
        paths = {name: raster.with_name(f"{name}.tif") for name in stream.profiles}
        write_rasters(stream, paths)
        return self._as_picture(paths[product]) if form == "png" else paths[product]

    def _as_picture(self, classes: Path) -> Path:
        """Draw classes in their colours beside their raster, clear where there is no data, as large as `look` does."""
        values, valid = read_small(classes, (1,), PICTURE_SIDE)
        colors = np.zeros((*valid.shape, 3), np.uint8)
        for entry in self._bundle.config.target.classes:
            colors[values[0] == entry.value] = entry.rgb
        return _as_png(colors, valid, classes)


def _require_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise RefusedError(504, "The prediction took longer than the server allows: ask for a smaller area.")


def _in_time(blocks: Iterator[tuple[Window, Products]], deadline: float) -> Iterator[tuple[Window, Products]]:
    for block in blocks:
        _require_time(deadline)
        yield block


def _as_geojson(layer: FeatureLayer, raster: Path) -> Path:
    """Write features as RFC 7946 wants them: in longitude and latitude."""
    frame = layer.frame()
    if frame.crs is None:
        raise RefusedError(422, "The raster has no CRS, and GeoJSON lies on the ground. Ask for another format.")
    target = raster.with_name("features.geojson")
    placed = frame.to_crs(4326)
    placed = placed.set_geometry(placed.geometry.map(within_180))
    target.write_text(placed.to_json(drop_id=True), encoding="utf-8")
    return target


def _as_png(colors: np.typing.NDArray[np.uint8], shown: np.typing.NDArray[np.bool_], raster: Path) -> Path:
    if colors.ndim == 2:
        colors = np.repeat(colors[..., None], 3, axis=-1)
    target = raster.with_name("picture.png")
    Image.fromarray(np.dstack([colors, shown.astype(np.uint8) * 255])).save(target)
    return target
