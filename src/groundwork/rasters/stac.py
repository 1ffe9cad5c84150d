"""Rasters by STAC items: which of them are read, by which key and date, and what is stated of their files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pystac

from groundwork.errors import PairingError
from groundwork.rasters.addresses import is_there, name_below
from groundwork.rasters.folder import RasterFolder, preview
from groundwork.rasters.stac_items import Items, asset_place, read_items
from groundwork.rasters.stated_file import StatedBand, StatedFile, StatedName
from groundwork.strict import did_you_mean

#: Fields of bands that items have for all their assets, and assets for all their bands.
_OF_BANDS = ("data_type", "nodata", "raster:scale", "raster:offset")
#: Says that values of Sentinel-2 have no offset any more, whatever is stated of their bands: of Earth Search, whose
#: items go on stating it (https://github.com/Element84/earth-search/issues/9), in its newer and its older items.
_OFFSET_ADDED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")


@dataclass(frozen=True, slots=True)
class ItemChoice:
    """Which items are read, and what of them."""

    #: One asset, or one per band, in the order of the bands.
    assets: tuple[str, ...]
    #: What names a raster: ``id``, or a property such as ``grid:code`` that items of one place share.
    key: str = "id"
    #: The property with the date. None: rasters have no dates.
    dated_by: str | None = "datetime"
    #: Highest ``eo:cloud_cover`` in percent.
    max_cloud_cover: float | None = None
    #: First and last day.
    dates: tuple[date, date] | None = None
    collections: tuple[str, ...] | None = None


def find_items(place: str, choice: ItemChoice) -> RasterFolder:
    """Find the rasters of STAC items. No raster is opened.

    Args:
        place: A STAC item, item collection or tree of items, as a file or at an address, or a folder of such files.
        choice: Which items are read, and what of them.

    Raises:
        PairingError: Where items cannot be read, none is left, one lacks an asset or a property, or two have one key
            and one date.
    """
    items = read_items(place)
    chosen: dict[tuple[str, date | None], tuple[pystac.Item, str]] = {}
    for item, base in items.read:
        if not _is_wanted(item, choice):
            continue
        where = _key(item, choice.key), None if choice.dated_by is None else _day(item, choice.dated_by)
        if where in chosen:
            both = f"'{chosen[where][0].id}' and '{item.id}'"
            day = f" and the date {where[1]}" if where[1] else ""
            raise PairingError(
                f"{place}: found the items {both} for the key '{where[0]}'{day}; expected one. Choose another 'key', "
                "or leave one of them out, by 'collections' or 'dates'."
            )
        chosen[where] = item, base
    if not chosen:
        raise PairingError(
            f"{place}: found {len(items.read)} item(s), of which none passes 'max_cloud_cover', 'dates' and "
            "'collections'; expected at least one. Widen them."
        )
    return _folder(place, items, chosen, choice)


def _folder(
    place: str, items: Items, chosen: Mapping[tuple[str, date | None], tuple[pystac.Item, str]], choice: ItemChoice
) -> RasterFolder:
    files: dict[str, tuple[str, ...]] = {}
    dates: dict[str, tuple[date, ...]] = {}
    stated: dict[str, tuple[StatedFile, ...]] = {}
    missing: list[str] = []
    for key, day in sorted(chosen, key=lambda where: (where[0], where[1] or date.min)):
        item, base = chosen[key, day]
        for name in choice.assets:
            asset = _asset(item, name)
            raster = asset_place(asset, base)
            files[key] = (*files.get(key, ()), name_below(items.root, raster))
            stated[key] = (*stated.get(key, ()), _stated(item, name, asset))
            if not is_there(raster) or "|" in str(raster):
                missing.append(str(raster))
        if day is not None:
            dates[key] = (*dates.get(key, ()), day)
    if missing:
        raise PairingError(
            f"{place}: found {len(missing)} asset(s) at which there is no file, or with '|' in the name: "
            f"{preview(missing)}. Correct the items, or fetch the files."
        )
    return RasterFolder(items.root, files, dates, stated=stated)


def _is_wanted(item: pystac.Item, choice: ItemChoice) -> bool:
    if choice.collections is not None and item.collection_id not in choice.collections:
        return False
    if choice.dates is not None:
        first, last = choice.dates
        if not first <= _day(item, choice.dated_by or "datetime") <= last:
            return False
    return choice.max_cloud_cover is None or _property(item, "eo:cloud_cover") <= choice.max_cloud_cover


def _property(item: pystac.Item, name: str) -> Any:  # noqa: ANN401 - of whatever type JSON has there
    value = item.properties.get(name)
    if value is None:
        names = sorted(name for name, found in item.properties.items() if found is not None)
        raise PairingError(
            f"STAC item '{item.id}': found no property '{name}'; properties: {preview(names, 20)}."
            f"{did_you_mean(name, names)}"
        )
    return value


def _key(item: pystac.Item, name: str) -> str:
    key = item.id if name == "id" else str(_property(item, name))
    if "/" in key:
        raise PairingError(
            f"STAC item '{item.id}': found the key '{key}'; expected one without '/', as files are named by it."
        )
    return key


def _day(item: pystac.Item, name: str) -> date:
    if name == "datetime" and item.datetime is None:
        raise PairingError(
            f"STAC item '{item.id}': found no 'datetime', as it stands for a span of time; expected a date. Set 'date: "
            "start_datetime', or 'date: null' where rasters need no dates."
        )
    text = str(_property(item, name))
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise PairingError(
            f"STAC item '{item.id}': found '{text}' as '{name}'; expected a date of ISO 8601. Name another property."
        ) from None


def _asset(item: pystac.Item, name: str) -> pystac.Asset:
    if name not in item.assets:
        names = sorted(item.assets)
        raise PairingError(
            f"STAC item '{item.id}': found no asset '{name}'; assets: {preview(names, 30)}.{did_you_mean(name, names)}"
        )
    return item.assets[name]


def _stated(item: pystac.Item, name: str, asset: pystac.Asset) -> StatedFile:
    """Return what the extensions ``proj``, ``raster`` and ``eo``, or the fields of STAC 1.1, state of an asset."""
    own, common = asset.extra_fields, item.properties
    code = own.get("proj:code", own.get("proj:epsg", common.get("proj:code", common.get("proj:epsg"))))
    transform, shape = (own.get(f"proj:{field}", common.get(f"proj:{field}")) for field in ("transform", "shape"))
    # What an item says of all its assets holds where they say nothing else.
    shared = {field: common[field] for field in _OF_BANDS if field in common}
    # Of both, newer items have 'bands' for all extensions; older ones have only names of eo there.
    listed = own.get("bands") or [{} for _ in own.get("raster:bands") or ()]
    older = own.get("raster:bands") or [{} for _ in listed]
    bands = [{**shared, **own, **band, **before} for band, before in zip(listed, older, strict=False)]
    every = _band({**shared, **own})
    return StatedFile(
        name=f"STAC item '{item.id}', asset '{name}'",
        bands=tuple(_band(band) for band in bands),
        every=None if every == StatedBand() else every,
        is_offset_added=any(common.get(field) is True for field in _OFFSET_ADDED),
        crs=f"EPSG:{code}" if isinstance(code, int) else code,
        transform=tuple(float(number) for number in transform) if transform else None,
        shape=(int(shape[0]), int(shape[1])) if shape else None,
        names=tuple(_name(band) for band in own.get("bands") or own.get("eo:bands") or [own]),
        size=own.get("file:size"),
        checksum=own.get("file:checksum"),
    )


def _band(fields: Mapping[str, Any]) -> StatedBand:
    nodata, scale, offset = (
        fields.get(field, fields.get(f"raster:{field}")) for field in ("nodata", "scale", "offset")
    )
    return StatedBand(
        dtype=fields.get("data_type"),
        nodata=None if nodata is None else _number(nodata),
        scale=None if scale is None else float(scale),
        offset=None if offset is None else float(offset),
    )


def _name(fields: Mapping[str, Any]) -> StatedName:
    common, centre = (fields.get(f"eo:{field}", fields.get(field)) for field in ("common_name", "center_wavelength"))
    # STAC counts in micrometres.
    return StatedName(fields.get("name"), common, None if centre is None else 1000 * float(centre))


def _number(nodata: float | str) -> float:
    """Read what JSON cannot say as a number: nan, inf and -inf."""
    return math.nan if str(nodata).lower() == "nan" else float(nodata)
