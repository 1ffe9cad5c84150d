"""Say what files do not tell of themselves, as nothing then shows that something else was meant."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

logger = logging.getLogger(__name__)
#: Side of the window in the middle of a raster in which its alpha band is looked at.
LOOK = 256
#: Share of pixels of a mask that are drawn half, along edges.
MOST_BETWEEN = 0.1


class Untold(NamedTuple):
    """Sources of a scene whose files do not tell something."""

    #: Which band is which.
    order: tuple[str, ...] = ()
    #: What offset their values have, although those of other offsets are to be converted.
    offset: tuple[str, ...] = ()
    #: That their alpha band, which counts as a mask, may be none: it holds more than a mask does.
    alpha: tuple[str, ...] = ()


def untold_of(scenes: Mapping[str, Scene]) -> Untold:
    """Return what the files of a scene do not tell.

    Args:
        scenes: Source -> its raster, opened.
    """
    by_order = tuple(source for source, scene in scenes.items() if not names_bands(scene))
    by_offset = tuple(source for source, scene in scenes.items() if not tells_offsets(scene))
    by_alpha = tuple(source for source, scene in scenes.items() if not has_plain_alpha(scene))
    return Untold(by_order, by_offset, by_alpha)


def names_bands(scene: Scene) -> bool:
    """Whether the files say which of several bands is which. See :meth:`DateParts.names`."""
    return len(scene.spec.bands) == 1 or all(parts.names(scene.spec) for parts in scene.by_date)


def tells_offsets(scene: Scene) -> bool:
    """Whether the files say which offset their values have, where other ones are converted."""
    return scene.spec.other_offsets != "convert" or all(parts.tells_offsets() for parts in scene.by_date)


def has_plain_alpha(scene: Scene) -> bool:
    """Whether alpha bands, if there are any, hold what masks do: nothing, or the most there is, but for edges.

    GDAL takes the fourth of four 8-bit bands for an alpha band, which may as well be near infrared.
    """
    for part in (part for parts in scene.by_date for part in parts.parts[:1]):
        alpha, dataset = part.masks[1], part.dataset
        if alpha is None or isinstance(dataset, WarpedVRT):
            continue
        left, top = max(0, (dataset.width - LOOK) // 2), max(0, (dataset.height - LOOK) // 2)
        window = Window(left, top, min(LOOK, dataset.width), min(LOOK, dataset.height))
        found = part.read((alpha,), window, (int(window.height), int(window.width)))[0].astype(np.float64)
        if np.count_nonzero((found > 0) & (found < found.max())) > MOST_BETWEEN * found.size:
            return False
    return True


def tell_of_untold(found: Iterable[Untold], specs: Mapping[str, RasterSpec]) -> None:
    """Say of each source how many scenes do not tell something, and how these are then read.

    Where some name their bands and others do not, they were made in different ways: that is a warning. So is any file
    of which nothing tells whether it is to be converted.

    Args:
        found: For each scene, what :func:`untold_of` gives.
        specs: Source -> what its rasters hold.
    """
    scenes = list(found)
    for source, count in _counts(of_scene.order for of_scene in scenes):
        logger.log(
            logging.INFO if count == len(scenes) else logging.WARNING,
            "%d of %d scene(s) do not say which band of '%s' is which. They are read in the order that is stated: %s. "
            "Compare it with how the files were made; band descriptions in them would be compared by themselves",
            count,
            len(scenes),
            source,
            ", ".join(specs[source].band_names),
        )
    for source, count in _counts(of_scene.offset for of_scene in scenes):
        logger.warning(
            "%d of %d scene(s) of '%s' do not say which offset their values have, neither by tags nor by lying in a "
            "product's folder (.SAFE): 'other_offsets: convert' takes them as having the declared one. Where they were "
            "cut out of products of other baselines, write scale and offset into them",
            count,
            len(scenes),
            source,
        )
    for source, count in _counts(of_scene.alpha for of_scene in scenes):
        logger.warning(
            "%d of %d scene(s) of '%s' have one band more than declared, which GDAL calls an alpha band, and which is "
            "taken for their mask; yet it holds many values, as near infrared would. If it is no mask, declare it as "
            "last of 'bands' ('use' says which the model sees): as one, pixels in which it is 0 count as without data",
            count,
            len(scenes),
            source,
        )


def _counts(sources: Iterable[Sequence[str]]) -> list[tuple[str, int]]:
    return sorted(Counter(source for of_scene in sources for source in of_scene).items())
