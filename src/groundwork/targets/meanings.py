"""What values of attributes and columns mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from groundwork.specs import TargetSpec
from groundwork.targets.labels import IGNORE


def class_meanings(target: TargetSpec, mapping: Mapping[int | str, str | None] | None = None) -> dict[object, int]:
    """Return the class index of each value that is understood, IGNORE for what stands for not known.

    Args:
        target: With classes, whose names and label values are understood where nothing is mapped.
        mapping: Value -> name of a class; None for what nobody knows.
    """
    indexes = {name: index for index, name in enumerate(target.names)}
    if mapping:
        return {value: IGNORE if name is None else indexes[name] for value, name in mapping.items()}
    meanings: dict[object, int] = dict.fromkeys(target.ignore_values, IGNORE)
    return meanings | indexes | target.label_values


def plain_value(value: object) -> int | str | None:
    """Return a value as YAML has it; a column of whole numbers with gaps holds fractions."""
    import pandas as pd  # noqa: PLC0415 - it takes 60 MB that maps do not need

    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - NaN is the value that does not equal itself
        return None
    if isinstance(value, int | float | np.number) and float(value).is_integer():
        return int(value)
    return str(value)
