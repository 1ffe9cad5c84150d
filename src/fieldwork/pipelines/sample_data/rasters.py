"""Turn generated landscapes into rasters, and layers of features."""

from __future__ import annotations

from affine import Affine
from rasterio.crs import CRS

from fieldwork.pipelines.sample_data.landscapes import Landscape, generate_landscapes
from fieldwork.pipelines.sample_data.patches import outline_patches, outline_seen
from groundwork.progress import track
from groundwork.rasters.features import FeatureLayer
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile, RasterStream, single

BANDS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")


Layers = dict[str, dict[str, FeatureLayer]]


def to_streams(seed: int, num_scenes: int) -> tuple[dict[str, RasterStream], dict[str, RasterStream], Layers]:
    """Generate landscapes, and return images, labels, and outlines of patches by name."""
    images, labels = {}, {}
    outlines: Layers = {}
    for landscape in track(generate_landscapes(seed, num_scenes), "Making landscapes", num_scenes):
        grid = _grid_of(landscape)
        tags = {"ACQUISITION_DATE": landscape.acquired}
        image = RasterProfile(grid, "int16", BANDS, -9999, "average", tags=tags)
        label = RasterProfile(grid, "uint8", ("land_cover",), None, "mode")
        images[landscape.name] = single(image, landscape.image)
        labels[landscape.name] = single(label, landscape.label[None])
        outlines[landscape.name] = {
            "patches": outline_patches(landscape.label, grid),
            "seen": outline_seen(landscape.label, grid),
        }
    return images, labels, outlines


def _grid_of(landscape: Landscape) -> Grid:
    height, width = landscape.label.shape
    size = landscape.pixel_size_m
    transform = Affine(size, 0.0, landscape.west, 0.0, -size, landscape.north)
    return Grid(CRS.from_epsg(landscape.epsg), transform, width, height)
