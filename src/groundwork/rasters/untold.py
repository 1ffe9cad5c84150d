"""Say what files do not tell of themselves, as nothing then shows that something else was meant."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

logger = logging.getLogger(__name__)


class Untold(NamedTuple):
    """Sources of a scene whose files do not tell something."""

    #: Which band is which.
    order: tuple[str, ...] = ()
    #: What offset their values have, although those of other offsets are to be converted.
    offset: tuple[str, ...] = ()


def untold_of(scenes: Mapping[str, Scene]) -> Untold:
    """Return what the files of a scene do not tell.

    Args:
        scenes: Source -> its raster, opened.
    """
    by_order = tuple(source for source, scene in scenes.items() if not names_bands(scene))
    by_offset = tuple(source for source, scene in scenes.items() if not tells_offsets(scene))
    return Untold(by_order, by_offset)


def names_bands(scene: Scene) -> bool:
    """Whether the files say which of several bands is which. See :meth:`DateParts.names`."""
    return len(scene.spec.bands) == 1 or all(parts.names(scene.spec) for parts in scene.by_date)


def tells_offsets(scene: Scene) -> bool:
    """Whether the files say which offset their values have, where other ones are converted."""
    return scene.spec.other_offsets != "convert" or all(parts.tells_offsets() for parts in scene.by_date)


def tell_of_untold(found: Iterable[Untold], specs: Mapping[str, RasterSpec]) -> None:
    """Say of each source how many scenes do not tell something, and how these are then read.

    Where some name their bands and others do not, they were made in different ways: that is a warning. So is any file
    of which nothing tells whether it is to be converted.

    Args:
        found: For each scene, what :func:`untold_of` gives.
        specs: Source -> what its rasters hold.
    """
    scenes = list(found)
    for source, count in sorted(Counter(source for of_scene in scenes for source in of_scene.order).items()):
        logger.log(
            logging.INFO if count == len(scenes) else logging.WARNING,
            "%d of %d scene(s) do not say which band of '%s' is which. They are read in the order that is stated: %s. "
            "Compare it with how the files were made; band descriptions in them would be compared by themselves",
            count,
            len(scenes),
            source,
            ", ".join(specs[source].band_names),
        )
    for source, count in sorted(Counter(source for of_scene in scenes for source in of_scene.offset).items()):
        logger.warning(
            "%d of %d scene(s) of '%s' do not say which offset their values have, neither by tags nor by lying in a "
            "product's folder (.SAFE): 'other_offsets: convert' takes them as having the declared one. Where they were "
            "cut out of products of other baselines, write scale and offset into them",
            count,
            len(scenes),
            source,
        )
