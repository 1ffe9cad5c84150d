"""What the names of Sentinel-2 products say of the values in their files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

#: A band of reflectance within a product, named as ESA names it, also where it was brought into another format: the
#: processing baseline stands after the time.
_REFLECTANCE = re.compile(
    r"S2[A-D]_MSIL(?:1C|2A)_\d{8}T\d{6}_N(?P<baseline>\d{4})_[^/]*\.SAFE/.*_B(?:\d\d|8A)(?:_\d+m)?\.\w+$"
)
#: From this baseline on values have an offset (RADIO_ADD_OFFSET, BOA_ADD_OFFSET), so that reflectance may be negative:
#: Sentinel-2 Products Specification Document, issue 14.9.
_FIRST_WITH_OFFSET, _OFFSET = 400, -1000
#: Of products that a user made, and which may be of any version.
_UNKNOWN = 9999


class Baseline(NamedTuple):
    """The processing baseline of a file, and the offset of its values before they are scaled."""

    name: str
    offset: int


def baseline_of(path: Path) -> Baseline | None:
    """Return the processing baseline of a band of reflectance. None: the path is not one of a product's."""
    text = str(path)
    found = _REFLECTANCE.search(text) if ".SAFE/" in text else None
    if found is None or (number := int(found["baseline"])) == _UNKNOWN:
        return None
    name = f"{found['baseline'][:2]}.{found['baseline'][2:]}"
    return Baseline(name, _OFFSET if number >= _FIRST_WITH_OFFSET else 0)
