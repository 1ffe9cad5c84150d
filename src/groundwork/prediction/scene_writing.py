"""Write what is predicted of one scene."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.atomic import whole_file
from groundwork.prediction.chips import table_of
from groundwork.prediction.names import Names
from groundwork.prediction.products import CHIPS, ITEM, PRODUCTS
from groundwork.prediction.provenance import was_predicted
from groundwork.prediction.record import InputFile, Origin
from groundwork.prediction.stac import Written, item_of, read_item, with_collection
from groundwork.rasters.bad_blocks import BadFile, tags_of
from groundwork.rasters.feature_writing import write_features
from groundwork.rasters.features import FeatureStream
from groundwork.rasters.stream import RasterStream
from groundwork.rasters.writing import not_written, remove_raster, write_rasters

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import pandas as pd


@dataclass(frozen=True, slots=True)
class SceneDone:
    """What is known of a scene beside its files."""

    #: What is said of its tiles, where each has an answer.
    table: pd.DataFrame | None
    #: Files of which blocks could not be decoded.
    bad: tuple[BadFile, ...]


def write_scene(
    names: Names,
    origin: Origin,
    stream: RasterStream | FeatureStream,
    files: Sequence[InputFile] | None,
    model: Path | None,
) -> SceneDone:
    """Write the products of a scene, and last its item; return what else is known of it.

    Args:
        names: Where they will lie, and what they are called.
        origin: What the scene is predicted from.
        stream: What is predicted of it.
        files: Of the scene, with checksums. None: they are read first.
        model: The item of the bundle. None: no items are written.

    Raises:
        RasterError: Where a file does not hold what was written.
    """
    known = files or (origin.files() if model is not None else [])
    written = write_prediction(names, origin.key, stream, origin.day)
    if model is not None:
        place = names.path(origin.key, origin.day, ITEM)
        item = item_of(origin, known, written, place, model, bad_files=stream.bad_files())
        write_json(place, with_collection(item, place, names.folder))
    tables = [table_of(origin.key, made.layer.whole()) for made in written if made.product == CHIPS and made.layer]
    return SceneDone(tables[0] if tables else None, stream.bad_files())


def write_prediction(
    names: Names, key: str, stream: RasterStream | FeatureStream, day: date | None = None
) -> list[Written]:
    """Write each product of a scene, and remove what an earlier run predicted of the same scene.

    Args:
        names: Where they will lie, and what they are called.
        key: Of the scene.
        stream: What is predicted of it.
        day: Its date, for names that have one.

    Raises:
        RasterError: Where a file does not hold what was written.
    """
    paths = {product: names.path(key, day, product) for product in PRODUCTS}
    written = []
    if isinstance(stream, RasterStream):
        write_rasters(stream, {product: paths[product] for product in stream.profiles})
        written = [Written(name, paths[name], profile.grid, profile) for name, profile in stream.profiles.items()]
    features = stream if isinstance(stream, FeatureStream) else stream.features
    if features is not None:
        for product, found in features.find().items():
            layer = replace(found, tags={**found.tags, **tags_of(stream.bad_files())})
            write_features(layer, paths[product])
            written.append(Written(product, paths[product], layer.grid, layer=layer))
    made = {each.product for each in written}
    for product, path in paths.items():
        if product not in made and was_predicted(path):
            remove_raster(path)
    # Of an earlier prediction; where one of this is wanted, it follows.
    item = names.path(key, day, ITEM)
    if read_item(item) is not None:
        item.unlink()
    return written


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write plain values as JSON, whole or not at all.

    Raises:
        RasterError: Where the file cannot be written, as the disk is full.
    """
    write_text(path, json.dumps(values, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text beside predictions, whole or not at all.

    Raises:
        RasterError: Where the file cannot be written, as the disk is full.
    """
    try:
        with whole_file(path) as file:
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise not_written(path, str(error.strerror or error)) from error
