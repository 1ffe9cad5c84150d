"""Read STAC items: of an item collection, of a tree of them with all its parts, or of files below a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import pystac
from pystac.stac_io import DefaultStacIO
from pystac.utils import make_absolute_href

from groundwork.errors import PairingError
from groundwork.rasters.addresses import Address, place_of
from groundwork.rasters.fetched import fetched


class _Tree(Protocol):
    """A STAC object with items below it, and others of its kind."""

    def get_items(self, recursive: bool) -> Iterator[pystac.Item]:
        """Return all items."""


@dataclass(frozen=True, slots=True)
class Items:
    """Items, and what their relative addresses start from."""

    #: Of each item, the address or path that those of its assets are relative to.
    read: list[tuple[pystac.Item, str]]
    root: Path


def read_items(place: str) -> Items:
    """Read all items: of a file or an address of a STAC object, or of the files below a folder of this machine.

    Raises:
        PairingError: Where there is nothing, it does not answer, or is no STAC.
    """
    path = Path(place)
    if "://" not in place and path.is_dir():
        files = sorted(file for file in path.rglob("*.json") if not file.name.startswith("."))
        objects = [(_read(file.as_posix()), file.as_posix()) for file in files]
        found = [(_item(content, href), href) for content, href in objects if content.get("type") == "Feature"]
        root = path
    else:
        found = list(_items_of(_read(place), place))
        root = place_of(place).parent
    if not found:
        raise PairingError(f"{place}: found no STAC item; expected a file, a folder or an address with items.")
    return Items(found, root)


class _Reader(DefaultStacIO):
    """Reads from stores as well, which pystac does not know."""

    def read_text_from_href(self, href: str) -> str:
        """See :class:`DefaultStacIO`."""
        place = place_of(href)
        is_stored = isinstance(place, Address) and "/vsicurl/" not in str(place)
        return fetched(place).read_text("utf-8") if is_stored else super().read_text_from_href(href)


def _items_of(content: dict[str, Any], place: str) -> Iterator[tuple[pystac.Item, str]]:
    kind = content.get("type")
    if kind == "Feature":
        yield _item(content, place), place
    elif kind == "FeatureCollection":
        if any(link.get("rel") == "next" for link in content.get("links", [])):
            raise PairingError(
                f"{place}: found one page of several, as it has a link to the next; expected all items. Save the whole "
                "search in one file, such as with pystac-client."
            )
        for feature in content["features"]:
            item = _item(feature, None)
            yield item, item.get_self_href() or place
    else:
        try:
            # pystac reads items and trees of them here, and refuses what is neither.
            tree = cast("_Tree", pystac.read_file(place, stac_io=_Reader()))
            found = [(item, item.get_self_href() or place) for item in tree.get_items(recursive=True)]
        except Exception as error:
            raise _refused(place, error) from error
        yield from found


def _read(place: str) -> dict[str, Any]:
    try:
        return _Reader().read_json(place)
    except Exception as error:
        raise _refused(place, error) from error


def _item(content: dict[str, Any], href: str | None) -> pystac.Item:
    try:
        return pystac.Item.from_dict(content, href=href)
    except Exception as error:
        raise _refused(f"{href or 'an item'} ({content.get('id')})", error) from error


def _refused(place: str, error: Exception) -> PairingError:
    """Return the refusal of what pystac cannot read, which says so by errors of any kind."""
    reason = f"{type(error).__name__}: {error}" + (f" ({error.__cause__})" if error.__cause__ else "")
    return PairingError(
        f"{place}: found no STAC that can be read ({reason}). Correct the path or address, or check network and "
        "permission."
    )


def asset_place(asset: pystac.Asset, base: str) -> Path:
    """Return where the raster of an asset lies.

    Args:
        asset: Of an item.
        base: What its address is relative to.
    """
    if asset.href.startswith("/vsi"):
        return place_of(asset.href)
    href = make_absolute_href(asset.href, base, start_is_dir=False)
    place = place_of(href)
    return place if isinstance(place, Address) or place.is_absolute() else Path(place)
