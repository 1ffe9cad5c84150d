"""STAC items of predictions, and the collection of them: what lies where, what it holds and what it came from."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pystac
import shapely
from rasterio.crs import CRS

from groundwork.prediction.footprints import bounds_of, geometry_of
from groundwork.prediction.products import COLLECTION
from groundwork.prediction.record import InputFile, Origin, checksum
from groundwork.prediction.stac_model import ALWAYS, CLASSIFICATION_SCHEMA, FILE_SCHEMA, classes_of
from groundwork.rasters.bad_blocks import BadFile
from groundwork.rasters.features import Layer
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.rasters.styles import QML, SLD, TABLE, sidecars

PROCESSING_SCHEMA = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
PROJECTION_SCHEMA = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
RASTER_SCHEMA = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
#: In an item: the fingerprint of all that a prediction depends on.
HASH = "groundwork:hash"
#: Under which it names the bundle.
BUNDLE = "groundwork:bundle"
#: In an item: files of which blocks could not be decoded, and were taken as without data.
BAD_BLOCKS = "groundwork:bad_blocks"
ID = "groundwork-predictions"
_GEOPACKAGE = "application/geopackage+sqlite3"
_MEDIA = {TABLE: "application/xml", QML: "application/xml", SLD: "application/vnd.ogc.sld+xml"}


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a prediction."""

    product: str
    path: Path
    grid: Grid
    #: Of a raster; None: features.
    profile: RasterProfile | None = None
    layer: Layer | None = None


def item_of(
    origin: Origin,
    files: Sequence[InputFile],
    written: Sequence[Written],
    place: Path,
    model: Path,
    bad_files: Sequence[BadFile] = (),
) -> dict[str, Any]:
    """Return the item of a prediction as plain values.

    Args:
        origin: What it came from.
        files: Those of the scene.
        written: What was made of it; the first says where it lies.
        place: Where the item will lie: the addresses in it are relative to that.
        model: The item of the bundle.
        bad_files: Files of the scene of which blocks could not be decoded.
    """
    target, grid = origin.run.bundle.config.target, written[0].grid
    geometry = geometry_of(grid)
    holes = {BAD_BLOCKS: [file.as_json() for file in bad_files]} if bad_files else {}
    item = pystac.Item(
        id=origin.key,
        geometry=geometry and shapely.geometry.mapping(geometry),
        bbox=geometry and bounds_of(geometry),
        properties={**_origin_of(origin, files), **holes, **projection_of(grid.crs)},
        collection=ID,
        **times_of(origin.dates),
    )
    item.stac_extensions += [PROCESSING_SCHEMA, FILE_SCHEMA, PROJECTION_SCHEMA]
    for made in written:
        item.assets.update(assets_of(made, place.parent))
        if made.profile is not None and made.profile.legend:
            classes = [entry.to_dict() for entry in classes_of(target)]
            item.assets[made.product].extra_fields["classification:classes"] = classes
            item.stac_extensions.append(CLASSIFICATION_SCHEMA)
    if any(made.profile is not None for made in written):
        item.stac_extensions.append(RASTER_SCHEMA)
    item.add_link(pystac.Link("derived_from", relative(model, place.parent), "application/geo+json"))
    found: dict[str, Any] = item.to_dict(include_self_link=False, transform_hrefs=False)
    return found


def _origin_of(origin: Origin, files: Sequence[InputFile]) -> dict[str, Any]:
    run = origin.run
    return {
        HASH: origin.hash_of(files),
        BUNDLE: {"fingerprint": run.bundle_hash, **run.bundle.config.provenance},
        "groundwork:settings": run.settings_hash,
        "groundwork:inputs": [file.as_json() for file in files],
        "processing:lineage": f"Predicted by {run.bundle.config.model.title()}.",
        "processing:software": dict(run.software),
        "processing:expression": {"format": "groundwork-inference", "expression": run.settings},
    }


def is_finished(place: Path, expected: str) -> bool:
    """Whether an item says that all of a prediction is there, and it is.

    Args:
        place: Of the item.
        expected: The fingerprint of all that the prediction depends on.
    """
    found = read_item(place)
    if found is None or found["properties"].get(HASH) != expected:
        return False
    return all(_is_whole(place.parent / asset["href"], asset) for asset in found["assets"].values())


def read_item(place: Path) -> dict[str, Any] | None:
    """Return the item of a prediction; None where a file is none."""
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_item = isinstance(found, dict) and found.get("type") == "Feature"
    return found if is_item and {HASH, BUNDLE} <= (found.get("properties") or {}).keys() else None


def is_collection(place: Path) -> bool:
    """Whether a file is the collection of predictions."""
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("id") == ID


def collection_of(
    folder: Path,
    items: Mapping[Path, Mapping[str, Any]],
    assets: Mapping[str, pystac.Asset] | None = None,
    identity: tuple[str, str] = (ID, "Predictions of Groundwork, an item for each scene."),
) -> dict[str, Any]:
    """Return the collection of the items in a folder as plain values.

    Args:
        folder: Where the collection will lie.
        items: Where each lies -> what it says.
        assets: What all of them make together, by name.
        identity: Its name, and what it holds.
    """
    boxes = [item["bbox"] for item in items.values() if item.get("bbox")]
    # STAC wants a place; what has none may lie anywhere.
    edges = [[-180.0, -90.0, 180.0, 90.0]]
    if boxes:
        plain = [box if box[0] <= box[2] else [-180.0, box[1], 180.0, box[3]] for box in boxes]
        west, south, east, north = zip(*plain, strict=True)
        edges = [[min(west), min(south), max(east), max(north)]]
    days = [day for item in items.values() for day in _days(item["properties"])]
    collection = pystac.Collection(
        id=identity[0],
        description=identity[1],
        extent=pystac.Extent(
            pystac.SpatialExtent(edges), pystac.TemporalExtent([[min(days, default=None), max(days, default=None)]])
        ),
        license="other",
    )
    for place, item in sorted(items.items()):
        collection.add_link(pystac.Link("item", relative(place, folder), "application/geo+json", str(item["id"])))
    for name, asset in (assets or {}).items():
        collection.add_asset(name, asset)
    if assets:
        collection.stac_extensions.append(FILE_SCHEMA)
    found: dict[str, Any] = collection.to_dict(include_self_link=False, transform_hrefs=False)
    return found


def with_collection(item: dict[str, Any], place: Path, folder: Path, root: Path | None = None) -> dict[str, Any]:
    """Return an item with links to the collection that it belongs to.

    Args:
        item: As plain values; may be a collection within another.
        place: Where it will lie.
        folder: Where the collection lies.
        root: Where the outermost collection lies. None: there.
    """
    rels = {"root": root or folder, "parent": folder}
    if item["type"] == "Feature":
        rels["collection"] = folder
    links = [
        {"rel": rel, "href": relative(where / COLLECTION, place.parent), "type": "application/json"}
        for rel, where in rels.items()
    ]
    kept = [link for link in item["links"] if link["rel"] not in rels]
    return {**item, "links": [*links, *kept]}


def times_of(dates: Sequence[date]) -> dict[str, Any]:
    """Return when something was: a day, or from when to when; without dates, always."""
    if not dates:
        return {"datetime": None, "start_datetime": ALWAYS[0], "end_datetime": ALWAYS[1]}
    begin, end = (datetime.combine(each, time(), UTC) for each in (min(dates), max(dates)))
    return {"datetime": begin} if begin == end else {"datetime": None, "start_datetime": begin, "end_datetime": end}


def _days(properties: Mapping[str, Any]) -> Iterable[datetime]:
    texts = (properties.get("datetime"), properties.get("start_datetime"), properties.get("end_datetime"))
    days = [pystac.utils.str_to_datetime(text) for text in texts if text]
    return [day for day in days if day not in ALWAYS]


def projection_of(crs: CRS | None) -> dict[str, Any]:
    """Return what the extension for projections says of a CRS."""
    if crs is None:
        return {"proj:code": None}
    authority = crs.to_authority()
    return {"proj:code": ":".join(authority)} if authority else {"proj:code": None, "proj:wkt2": crs.to_wkt()}


def assets_of(made: Written, start: Path) -> dict[str, pystac.Asset]:
    """Return the assets of a file and of what lies beside it; addresses are relative to the folder ``start``."""
    if made.profile is None:
        found = {made.product: asset_of(made.path, start, _GEOPACKAGE, ["data"])}
        if made.layer is not None and made.layer.legend:
            found[f"{made.product}_qml"] = asset_of(sidecars(made.path)[QML], start, _MEDIA[QML], ["style"])
        return found
    asset = asset_of(made.path, start, pystac.MediaType.COG, ["data"])
    grid, profile = made.grid, made.profile
    asset.extra_fields |= {
        "proj:shape": [grid.height, grid.width],
        "proj:transform": list(grid.transform[:6]),
        "bands": _bands(profile),
        "raster:sampling": "area",
    }
    if grid.crs is not None and grid.crs.is_projected:
        asset.extra_fields["raster:spatial_resolution"] = grid.size_in_metres
    found = {made.product: asset}
    for ending, path in sidecars(made.path).items():
        if path.is_file() and (profile.legend or profile.legends):
            role = "metadata" if ending == TABLE else "style"
            found[f"{made.product}_{ending.strip('.').replace('.', '_')}"] = asset_of(
                path, start, _MEDIA[ending], [role]
            )
    return found


def _bands(profile: RasterProfile) -> list[dict[str, Any]]:
    units = profile.units or ("",) * len(profile.bands)
    scalings = profile.scalings or ((1.0, 0.0),) * len(profile.bands)
    nodata = profile.nodata
    is_number = nodata is not None and math.isfinite(nodata)
    bands = []
    for name, unit, (scale, offset) in zip(profile.bands, units, scalings, strict=True):
        said: dict[str, Any] = {"name": name, "data_type": profile.dtype}
        if nodata is not None:
            said["nodata"] = nodata if is_number else str(nodata)
        if unit:
            said["unit"] = unit
        if (scale, offset) != (1.0, 0.0):
            said |= {"raster:scale": scale, "raster:offset": offset}
        bands.append(said)
    return bands


def asset_of(path: Path, start: Path, media: str, roles: list[str]) -> pystac.Asset:
    """Return the asset of a file, with size and checksum; its address is relative to the folder ``start``."""
    said = {"file:size": path.stat().st_size, "file:checksum": checksum(path)}
    return pystac.Asset(relative(path, start), media_type=media, roles=roles, extra_fields=said)


def _is_whole(path: Path, asset: Mapping[str, Any]) -> bool:
    if not path.is_file() or path.stat().st_size != asset.get("file:size"):
        return False
    return checksum(path) == asset.get("file:checksum")


def relative(path: Path, start: Path) -> str:
    """Return the address of a file as seen from a folder."""
    name = Path(os.path.relpath(path, start)).as_posix()
    return name if name.startswith("..") else f"./{name}"
