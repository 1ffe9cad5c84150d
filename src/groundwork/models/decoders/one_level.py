"""What decoders of one level share."""

from __future__ import annotations

from groundwork.errors import ComponentError, SpecError
from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.features.strides import as_stride
from groundwork.specs import FeatureLevel, FeatureSpec


def pick_level(name: str, features: FeatureSpec, level: int) -> FeatureLevel:
    """Return one of the levels.

    Args:
        name: The decoder, as in YAML.
        features: What it is given.
        level: Position of the level; -1 is the last.

    Raises:
        SpecError: For a level that does not exist, and for levels of several sources.
    """
    check_fit(name, Needs(), features)
    count = len(features.levels)
    if not -count <= level < count:
        raise SpecError(
            f"'{name}' has no level {level}: it is given {features}. "
            f"Levels are numbered from 0 to {count - 1}; -1 is the last"
        )
    return features.levels[level]


def divide_stride(name: str, option: str, stride: float, factor: int) -> float:
    """Return the stride of a map that is ``factor`` times finer.

    Raises:
        ComponentError: Where ``factor`` neither divides the stride nor is a power of two up to it, naming the
            option that asks for it.
    """
    possible = [number for number in range(1, int(stride) + 1) if stride % number == 0 or number.bit_count() == 1]
    if factor not in possible:
        raise ComponentError(
            f"'{name}' cannot make a level of stride {stride:g} {factor} times finer, as '{option}' asks for. "
            f"It can be made finer {possible} times"
        )
    return as_stride(stride / factor)
