"""Values of label rasters are looked up in tables, and get what a search value by value gives."""

from __future__ import annotations

import numpy as np
import pytest

from groundwork.specs import TargetSpec
from groundwork.targets.labels import IGNORE, UNDECLARED, ClassValues

SMALL = (10, 20, 30)
#: Further apart than a table is long, as codes of crops are.
CODES = (1301010000, 1301010900, 1301090303)
#: More than are looked up beside a table.
SCATTERED = tuple(5 + 300_000_000 * step for step in range(7))


def _values(*values: int, ignore: int) -> ClassValues:
    classes = [{"value": value, "name": f"c{value}", "color": "#000000"} for value in values]
    return ClassValues(TargetSpec.model_validate({"classes": classes, "ignore_value": ignore}))


@pytest.mark.parametrize(
    ("dtype", "classes", "ignore", "nodata"),
    [
        ("int8", SMALL, -1, -128.0),
        ("uint8", SMALL, 255, None),
        ("int16", SMALL, -1, -32768.0),
        ("int32", SMALL, 0, None),
        ("int32", SMALL, -1, -2147483648.0),
        ("int32", (-3, 70_000, 70_001), 0, -9999.0),
        ("uint32", SMALL, -1, 4294967295.0),
        ("uint32", CODES, 0, None),
        ("int64", CODES, 0, -9223372036854775808.0),
        ("int64", SCATTERED, 0, -1.0),
        ("int32", SMALL, 0, -3.4e38),
        ("int32", SMALL, 0, 12.5),
    ],
)
def test_a_table_gives_what_each_value_means(
    dtype: str, classes: tuple[int, ...], ignore: int, nodata: float | None
) -> None:
    info = np.iinfo(dtype)
    meant = {float(ignore): IGNORE, nodata: IGNORE} | {float(value): index for index, value in enumerate(classes)}
    near = [value + step for value in (*classes, ignore, 0) for step in (-1, 0, 1)]
    edges = [info.min, info.min + 1, info.max - 1, info.max, *range(100, 70_200, 3501)]
    found = [value for value in [*near, *edges] if info.min <= value <= info.max]
    expected = [meant.get(float(value), UNDECLARED) for value in found]
    meaning = _values(*classes, ignore=ignore).beside(nodata)
    for _ in range(2):
        assert meaning.of(np.array([found], dtype)).tolist() == [expected]


def test_nothing_is_looked_up_of_nothing() -> None:
    assert _values(*SMALL, ignore=0).beside(None).of(np.zeros((0, 3), np.int32)).shape == (0, 3)
