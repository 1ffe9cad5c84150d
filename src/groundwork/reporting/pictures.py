"""Pictures for a page: small enough to be written into it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from groundwork.data.picking import evenly
from groundwork.progress import track

#: Widest picture in a page, in pixels.
WIDEST = 1100
#: Most predictions that a page shows.
MOST_PREDICTIONS = 24


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a page shows it."""

    name: str
    #: As WebP.
    data: bytes
    width: int
    height: int

    @property
    def address(self) -> str:
        """The picture itself, where a page expects an address."""
        return f"data:image/webp;base64,{base64.b64encode(self.data).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Pictures:
    """All pictures of a page."""

    #: What is shown -> how: ``confusion``, ``reliability``, ``extremes`` and ``panel``.
    figures: Mapping[str, Picture]
    predictions: tuple[Picture, ...]
    #: Number of scenes that are drawn.
    num_drawn: int


def gather_pictures(figures: Mapping[str, bytes], predictions: Mapping[str, Callable[[], bytes]]) -> Pictures:
    """Return the pictures of a page.

    Args:
        figures: What is shown -> a PNG.
        predictions: Scene -> what reads its PNG. Of many, some are shown, evenly picked.
    """
    names = sorted(predictions)
    places = evenly(len(names), MOST_PREDICTIONS)
    picked = track(places, "Gathering pictures", len(places))
    shown = tuple(shrink(names[place], predictions[names[place]]()) for place in picked)
    return Pictures({name: shrink(name, data) for name, data in figures.items()}, shown, len(names))


def shrink(name: str, data: bytes) -> Picture:
    """Return a picture no wider than :data:`WIDEST`, the same bytes for the same picture."""
    with Image.open(BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    if picture.width > WIDEST:
        height = round(picture.height * WIDEST / picture.width)
        picture = picture.resize((WIDEST, height), Image.Resampling.LANCZOS)
    written = BytesIO()
    picture.save(written, "WEBP", quality=85, method=2)
    return Picture(name, written.getvalue(), picture.width, picture.height)
