"""Write the map that all scenes make together: as one file, or as tiles that a virtual raster shows as one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pystac
import shapely
from rasterio.windows import Window

from groundwork.config.inference import InferenceConfig
from groundwork.prediction.footprints import bounds_of, geometry_of
from groundwork.prediction.mosaic import Mosaic, bad_blocks_of
from groundwork.prediction.mosaic_place import Piece
from groundwork.prediction.products import ANSWERS, COLLECTION, ITEM, ITEM_SUFFIX, MOSAIC
from groundwork.prediction.provenance import was_predicted
from groundwork.prediction.record import Run
from groundwork.prediction.scene_writing import write_json
from groundwork.prediction.stac import (
    BAD_BLOCKS,
    BUNDLE,
    PROCESSING_SCHEMA,
    PROJECTION_SCHEMA,
    RASTER_SCHEMA,
    Written,
    asset_of,
    assets_of,
    collection_of,
    projection_of,
    relative,
    times_of,
    with_collection,
)
from groundwork.prediction.stac_model import CLASSIFICATION_SCHEMA, FILE_SCHEMA, classes_of
from groundwork.progress import track
from groundwork.rasters.beside import VRT, remove_derived
from groundwork.rasters.styles import is_a_persons, sidecars
from groundwork.rasters.vrt import write_vrt
from groundwork.rasters.windows import blocks
from groundwork.rasters.writing import write_rasters

ID = "groundwork-mosaic"
_XML = "application/xml"


@dataclass(frozen=True, slots=True)
class Tile:
    """A file of a mosaic."""

    path: Path
    window: Window
    #: What may be in it.
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class WrittenMosaic:
    """The files of a mosaic."""

    mosaic: Mosaic
    tiles: Sequence[Tile]
    #: That which shows all of it.
    whole: Path

    def assets(self, folder: Path) -> dict[str, pystac.Asset]:
        """Return the asset of the whole; its address is relative to a folder."""
        media = _XML if self.whole.suffix == VRT else pystac.MediaType.COG
        return {f"mosaic_{self.mosaic.answer}": asset_of(self.whole, folder, media, ["data"])}


def write_mosaic(folder: Path, mosaic: Mosaic, config: InferenceConfig) -> WrittenMosaic:
    """Write the rasters of a mosaic. Tiles in which no scene lies are not written.

    Args:
        folder: Of the predictions.
        mosaic: What is written.
        config: Says whether it is cut into tiles.

    Raises:
        RasterError: Where a prediction cannot be read, or a file does not hold what was written.
    """
    grid, answer = mosaic.profile.grid, mosaic.answer
    size = None if config.mosaic is None else config.mosaic.tile_size
    if size is None:
        whole = Tile(folder / MOSAIC / f"{answer}.tif", Window(0, 0, grid.width, grid.height), mosaic.pieces)
        write_rasters(mosaic.stream(whole.window), {answer: whole.path})
        return WrittenMosaic(mosaic, [whole], whole.path)
    digits = len(str(max(grid.width, grid.height) // size))
    tiles = []
    for window in blocks(grid.width, grid.height, size):
        row, column = int(window.row_off) // size, int(window.col_off) // size
        path = folder / MOSAIC / f"{answer}_{row:0{digits}d}_{column:0{digits}d}.tif"
        if near := mosaic.near(window):
            tiles.append(Tile(path, window, near))
    for tile in track(tiles, "Writing tiles", len(tiles)):
        write_rasters(mosaic.stream(tile.window), {answer: tile.path})
    virtual = folder / MOSAIC / f"{answer}{VRT}"
    write_vrt(virtual, mosaic.profile, {tile.path: tile.window for tile in tiles})
    return WrittenMosaic(mosaic, tiles, virtual)


def describe_mosaic(folder: Path, written: WrittenMosaic, run: Run, items: Mapping[str, Path], model: Path) -> None:
    """Write the STAC items of the files of a mosaic, and their collection.

    Args:
        folder: Of the predictions.
        written: The files.
        run: That predicted the scenes.
        items: Key of each scene -> its item.
        model: The item of the bundle.
    """
    here, made = folder / MOSAIC, {}
    for tile in written.tiles:
        place = tile.path.with_name(f"{tile.path.stem}_{ITEM}{ITEM_SUFFIX}")
        derived = [model, *(items[key] for key in sorted(piece.key for piece in tile.pieces))]
        item = with_collection(_item(tile, written.mosaic, run, derived), place, here, folder)
        write_json(place, item)
        made[place] = item
    shown = {} if written.whole.suffix != VRT else written.assets(here) | _styles(written.whole, here)
    said = f"{written.mosaic.profile.tags['GROUNDWORK_INPUT']} as one map, an item for each file."
    collection = collection_of(here, made, shown, (ID, said))
    write_json(here / COLLECTION, with_collection(collection, here / COLLECTION, folder))


def _item(tile: Tile, mosaic: Mosaic, run: Run, derived: Sequence[Path]) -> dict[str, Any]:
    here = tile.path.parent
    profile = mosaic.stream(tile.window).profiles[mosaic.answer]
    geometry, holes = geometry_of(profile.grid), bad_blocks_of(tile.pieces)
    item = pystac.Item(
        id=f"mosaic-{tile.path.stem}",
        geometry=geometry and shapely.geometry.mapping(geometry),
        bbox=geometry and bounds_of(geometry),
        properties={
            BUNDLE: {"fingerprint": run.bundle_hash, **run.bundle.config.provenance},
            "groundwork:settings": run.settings_hash,
            "groundwork:mosaic": run.config.mosaic and run.config.mosaic.model_dump(mode="json"),
            "processing:lineage": f"Predictions of {len(tile.pieces)} scene(s), put together.",
            "processing:software": dict(run.software),
            **({BAD_BLOCKS: holes} if holes else {}),
            **projection_of(profile.grid.crs),
        },
        collection=ID,
        **times_of([piece.day for piece in tile.pieces if piece.day is not None]),
    )
    item.stac_extensions += [PROCESSING_SCHEMA, FILE_SCHEMA, PROJECTION_SCHEMA, RASTER_SCHEMA]
    item.assets.update(assets_of(Written(mosaic.answer, tile.path, profile.grid, profile), here))
    if profile.legend:
        classes = [entry.to_dict() for entry in classes_of(run.bundle.config.target)]
        item.assets[mosaic.answer].extra_fields["classification:classes"] = classes
        item.stac_extensions.append(CLASSIFICATION_SCHEMA)
    for place in derived:
        item.add_link(pystac.Link("derived_from", relative(place, here), "application/geo+json"))
    found: dict[str, Any] = item.to_dict(include_self_link=False, transform_hrefs=False)
    return found


def _styles(path: Path, folder: Path) -> dict[str, pystac.Asset]:
    beside = {f"style{ending.replace('.', '_')}": file for ending, file in sidecars(path).items() if file.is_file()}
    return {name: asset_of(file, folder, _XML, ["style"]) for name, file in beside.items()}


def remove_others(folder: Path, written: WrittenMosaic | None) -> None:
    """Remove what an earlier run left of a mosaic, items included; files that are not of this library stay.

    Args:
        folder: Of the predictions.
        written: What was written by this run. None: nothing.
    """
    here = folder / MOSAIC
    kept = set() if written is None else {written.whole, *(tile.path for tile in written.tiles)}
    beside = {file for path in kept for file in sidecars(path).values()}
    for answer in ANSWERS:
        # What shows all of it before what it consists of.
        for path in [here / f"{answer}{VRT}", *sorted(here.glob(f"{answer}*.tif"))]:
            if path not in kept and was_predicted(path):
                for file in {path, *sidecars(path).values()} - beside:
                    if not is_a_persons(file):
                        file.unlink(missing_ok=True)
                remove_derived(path)
    for path in sorted(here.glob(f"*{ITEM_SUFFIX}")):
        if _is_of_mosaic(path):
            path.unlink()


def _is_of_mosaic(path: Path) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and ID in {found.get("id"), found.get("collection")}
