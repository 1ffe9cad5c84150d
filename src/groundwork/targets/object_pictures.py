"""Draw boxes and outlines of objects over what was seen."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Color = tuple[int, int, int]
#: Shortest side of a picture that boxes are drawn on: in the pixels of a chip their lines would hide it.
_SIDE = 256
#: How much of a picture is taken away where nothing is known.
_FADED = 0.7


def draw_boxes(image: NDArray[np.uint8], boxes: Iterable[tuple[NDArray[np.float64], Color]]) -> NDArray[np.uint8]:
    """Return an image with boxes drawn on it, enlarged where it is small.

    Args:
        image: (height, width, 3).
        boxes: Left, top, right and bottom of each in pixels of the image, and its colour.
    """
    factor, picture = _enlarged(image)
    canvas = ImageDraw.Draw(picture)
    for box, color in boxes:
        left, top, right, bottom = (float(edge) * factor for edge in box)
        canvas.rectangle((left, top, max(right - 1, left), max(bottom - 1, top)), outline=color, width=2)
    return np.asarray(picture)


def draw_outlines(image: NDArray[np.uint8], outlines: Iterable[tuple[shapely.Geometry, Color]]) -> NDArray[np.uint8]:
    """Return an image with outlines drawn on it, enlarged where it is small.

    Args:
        image: (height, width, 3).
        outlines: Polygons in pixels of the image, and the colour of each.
    """
    factor, picture = _enlarged(image)
    canvas = ImageDraw.Draw(picture)
    for shape, color in outlines:
        for part in shapely.get_parts(shape):
            for ring in (part.exterior, *part.interiors):
                canvas.line([(x * factor, y * factor) for x, y in ring.coords], fill=color, width=2)
    return np.asarray(picture)


def _enlarged(image: NDArray[np.uint8]) -> tuple[int, Image.Image]:
    factor = max(1, -(-_SIDE // min(image.shape[:2])))
    return factor, Image.fromarray(image.repeat(factor, axis=0).repeat(factor, axis=1))


def fade(image: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return an image that is nearly white where nothing is known."""
    pale = (255 - (1 - _FADED) * (255.0 - image)).astype(np.uint8)
    return np.where(known[..., None], image, pale)
