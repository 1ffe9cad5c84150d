"""Say where files do not tell which of their bands is which, as nothing then shows that another order was meant."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

logger = logging.getLogger(__name__)


def unnamed_of(scenes: Mapping[str, Scene]) -> tuple[str, ...]:
    """Return the sources whose raster does not name its bands.

    Args:
        scenes: Source -> its raster, opened.
    """
    return tuple(source for source, scene in scenes.items() if not scene.names_bands)


def tell_of_unnamed(found: Iterable[tuple[str, ...]], specs: Mapping[str, RasterSpec]) -> None:
    """Say of each source how many scenes do not name their bands, and in which order these are then read.

    Where some do and others do not, they were made in different ways: that is a warning.

    Args:
        found: For each scene, what :func:`unnamed_of` gives.
        specs: Source -> what its rasters hold.
    """
    scenes = list(found)
    for source, count in sorted(Counter(source for of_scene in scenes for source in of_scene).items()):
        logger.log(
            logging.INFO if count == len(scenes) else logging.WARNING,
            "%d of %d scene(s) do not say which band of '%s' is which. They are read in the order that is stated: %s. "
            "Compare it with how the files were made; band descriptions in them would be compared by themselves",
            count,
            len(scenes),
            source,
            ", ".join(specs[source].band_names),
        )
