"""Small pictures of rasters, as Kedro-Viz shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from groundwork.rasters.folder import RasterFolder

ImagePreview = NewType("ImagePreview", str)


def first_picture(folder: RasterFolder, bands: list[int] | None) -> ImagePreview:
    """Return the first raster as a small picture, read from its overviews."""
    from groundwork.rasters.quicklook import encoded_picture

    first = folder.paths(next(iter(folder.files)))[0]
    return ImagePreview(encoded_picture(first, tuple(bands or (1,)), 400))
