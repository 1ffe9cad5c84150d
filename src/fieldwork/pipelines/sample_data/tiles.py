"""Cut the embedded sample into tiles with labels of their own, and measure its vegetation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.windows import Window

from fieldwork.pipelines.sample_data.landscapes import CLASS_NAMES
from groundwork.progress import track
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.opening import grid_of, open_dataset
from groundwork.rasters.stream import RasterProfile, RasterStream, single

#: Side of a tile in pixels.
SIDE = 48
#: Least share of a tile whose land cover is known.
LEAST_KNOWN = 0.5
#: Share of the known pixels from which a land cover is said to occur: less could hardly be seen from above.
OCCURS = 0.1
NODATA = -9999


def cut_tiles(scenes: RasterFolder, labels: RasterFolder) -> tuple[dict[str, RasterStream], pd.DataFrame]:
    """Return tiles by name, and a table that says of each what its label raster holds.

    The table has the tile's ``landscape`` and ``path``, its most frequent ``land_cover``, all ``land_covers`` that
    occur, joined by ``;``, and the share of each among the known pixels.
    """
    tiles, rows = {}, []
    for name in track(sorted(scenes.files), "Cutting tiles", len(scenes.files)):
        with open_dataset(scenes.paths(name)[0]) as image, open_dataset(labels.paths(name)[0]) as label:
            for top in range(0, label.height - SIDE + 1, SIDE):
                for left in range(0, label.width - SIDE + 1, SIDE):
                    window = Window(left, top, SIDE, SIDE)
                    shares = _shares(label.read(1, window=window))
                    if shares is None:
                        continue
                    tile = f"{name}_{top:03d}_{left:03d}"
                    profile = RasterProfile(
                        grid_of(image).part(window), "int16", image.descriptions, NODATA, tags=image.tags()
                    )
                    tiles[tile] = single(profile, image.read(window=window))
                    rows.append({"tile": tile, "landscape": name, "path": f"tiles/{tile}.tif", **_words(shares)})
    return tiles, pd.DataFrame(rows)


def _shares(label: NDArray[np.uint8]) -> dict[str, float] | None:
    """Return the share of each land cover among the known pixels; None where few are known."""
    counts = np.bincount(label.ravel(), minlength=len(CLASS_NAMES))[1:]
    if counts.sum() < LEAST_KNOWN * label.size:
        return None
    return {name: round(float(share), 4) for name, share in zip(CLASS_NAMES[1:], counts / counts.sum(), strict=True)}


def _words(shares: dict[str, float]) -> dict[str, str | float]:
    occurring = [name for name, share in shares.items() if share >= OCCURS]
    by_column = {f"{name}_share": share for name, share in shares.items()}
    return {"land_cover": max(shares, key=lambda name: shares[name]), "land_covers": ";".join(occurring), **by_column}


def measure_vegetation(scenes: RasterFolder) -> dict[str, RasterStream]:
    """Return rasters of the normalised difference vegetation index, NaN where a scene holds no data."""
    measured = {}
    for name in sorted(scenes.files):
        with open_dataset(scenes.paths(name)[0]) as image:
            bands = [image.descriptions.index(band) + 1 for band in ("RED", "NIR_NARROW")]
            red, near = image.read(bands, masked=True).astype(np.float32)
            index = ((near - red) / np.ma.maximum(near + red, 1)).clip(-1, 1)
            profile = RasterProfile(grid_of(image), "float32", ("NDVI",), float("nan"))
            measured[name] = single(profile, index.filled(np.nan).astype(np.float32)[None])
    return measured
