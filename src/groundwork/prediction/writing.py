"""Write predictions into a folder, each product of a scene as a file of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from groundwork.atomic import whole_file
from groundwork.prediction.chips import FIRST_COLUMNS, table_of
from groundwork.prediction.products import CHIP_TABLE, CHIPS, PRODUCTS
from groundwork.prediction.provenance import was_predicted
from groundwork.rasters.feature_writing import FeatureStream, write_features
from groundwork.rasters.stream import RasterStream
from groundwork.rasters.writing import write_rasters


def write_predictions(folder: Path, streams: Iterable[tuple[str, RasterStream | FeatureStream]]) -> None:
    """Write the products of each scene, and one table of what is said of the tiles of all of them, where it is.

    Args:
        folder: Where they will lie.
        streams: Key of a scene, and what is predicted of it.

    Raises:
        RasterError: Where a file does not hold what was written.
    """
    table, parts = folder / CHIP_TABLE, []
    for key, stream in streams:
        write_prediction(folder, key, stream)
        if isinstance(stream, RasterStream) and stream.features is not None and CHIPS in stream.features.products:
            parts.append(table_of(key, stream.features.find()[CHIPS]))
    if parts:
        with whole_file(table) as file:
            pd.concat(parts).to_csv(file, index=False)
    elif table.is_file() and table.read_text("utf-8").startswith(",".join(FIRST_COLUMNS)):
        table.unlink()


def write_prediction(folder: Path, key: str, stream: RasterStream | FeatureStream) -> None:
    """Write ``<key>_<product>`` for each product, and remove what an earlier run predicted of the same scene.

    Raises:
        RasterError: Where a file does not hold what was written.
    """
    paths = {product: folder / f"{key}_{product}{suffix}" for product, suffix in PRODUCTS.items()}
    if isinstance(stream, RasterStream):
        made = set(stream.profiles)
        write_rasters(stream, {product: paths[product] for product in stream.profiles})
    else:
        made = set()
    features = stream if isinstance(stream, FeatureStream) else stream.features
    if features is not None:
        made |= set(features.products)
        for product, layer in features.find().items():
            write_features(layer, paths[product])
    for product, path in paths.items():
        if product not in made and was_predicted(path):
            path.unlink()
