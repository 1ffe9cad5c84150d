"""Write predictions into a folder, each product of a scene as a file of its own."""

from __future__ import annotations

from pathlib import Path

from groundwork.prediction.products import PRODUCTS
from groundwork.prediction.provenance import was_predicted
from groundwork.rasters.feature_writing import FeatureStream, write_features
from groundwork.rasters.stream import RasterStream
from groundwork.rasters.writing import write_rasters


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
        made = set(stream.products)
        for product, layer in stream.find().items():
            write_features(layer, paths[product])
    for product, path in paths.items():
        if product not in made and was_predicted(path):
            path.unlink()
