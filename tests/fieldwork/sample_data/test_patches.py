import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize
from scipy import ndimage

from fieldwork.pipelines.sample_data.landscapes import CLASS_NAMES, generate_landscapes
from fieldwork.pipelines.sample_data.patches import LEAST, PATCHES, outline_patches, outline_seen
from groundwork.rasters.grid import Grid

LABEL = next(generate_landscapes(seed=7)).label
GRID = Grid(CRS.from_epsg(32632), Affine(30, 0, 0, 0, -30, 0), LABEL.shape[1], LABEL.shape[0])


@pytest.mark.parametrize(("name", "kind"), PATCHES.items())
def test_each_patch_of_a_class_that_is_large_enough_is_one_feature(name: str, kind: str) -> None:
    layer = outline_patches(LABEL, GRID)
    outlines = [outline for outline, found in zip(layer.shapes, layer.columns["kind"], strict=True) if found == kind]
    numbers, count = ndimage.label(CLASS_NAMES.index(name) == LABEL)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    large = [number for number in range(1, count + 1) if sizes[number] >= LEAST]
    assert sorted(outline.area for outline in outlines) == sorted(sizes[number] for number in large)
    drawn = rasterize(outlines, LABEL.shape)
    assert np.array_equal(drawn == 1, np.isin(numbers, large))


def test_ground_under_clouds_is_not_seen() -> None:
    label = np.full((20, 30), 3, np.uint8)
    label[5:10, 8:12] = 0
    layer = outline_seen(label, Grid(GRID.crs, GRID.transform, 30, 20))
    assert shapely.unary_union(layer.shapes).equals(shapely.box(0, 0, 30, 20) - shapely.box(8, 5, 12, 10))
