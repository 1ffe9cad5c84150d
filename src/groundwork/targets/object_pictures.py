"""Draw boxes of objects over what was seen."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
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
    factor = max(1, -(-_SIDE // min(image.shape[:2])))
    picture = Image.fromarray(image.repeat(factor, axis=0).repeat(factor, axis=1))
    canvas = ImageDraw.Draw(picture)
    for box, color in boxes:
        left, top, right, bottom = (float(edge) * factor for edge in box)
        canvas.rectangle((left, top, max(right - 1, left), max(bottom - 1, top)), outline=color, width=2)
    return np.asarray(picture)


def fade(image: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return an image that is nearly white where nothing is known."""
    pale = (255 - (1 - _FADED) * (255.0 - image)).astype(np.uint8)
    return np.where(known[..., None], image, pale)
