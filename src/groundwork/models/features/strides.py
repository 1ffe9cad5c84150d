"""Which strides a pyramid has that is made of levels of one stride."""

from __future__ import annotations

from itertools import pairwise

from groundwork.errors import SpecError
from groundwork.specs import FeatureSpec

#: How many blocks of a vision transformer are usually looked at.
USUAL_LEVELS = 4
#: More levels than these would ask for images far larger than any network is trained on.
MAX_LEVELS = 5


def as_stride(pixels: float) -> float:
    """Return a stride as a whole number where it is one. Halves of it are exact."""
    return int(pixels) if pixels == int(pixels) else pixels


def have_ratio(strides: tuple[float, ...], ratio: int) -> bool:
    """Whether each stride is ``ratio`` times the one before it. 1: all are equal."""
    return all(coarse == ratio * fine for fine, coarse in pairwise(strides))


def spread(count: int, kept: int) -> tuple[int, ...]:
    """Return positions that end each of ``kept`` equal parts of ``count`` levels; the last is among them."""
    return tuple(-(-(part + 1) * count // kept) - 1 for part in range(kept))


def count_doublings(stride: float) -> int:
    """Return how often the resolution of a pyramid's first level doubles, unless someone says otherwise: 2 at most."""
    return sum(stride % (1 << count) == 0 for count in (1, 2))


def pyramid_strides(name: str, features: FeatureSpec, finest_stride: float | None) -> tuple[float, ...]:
    """Return one stride per level of ``features``, each twice the one before.

    Args:
        name: The component that asks, for its messages.
        features: Two to five levels of one stride.
        finest_stride: The first stride, in pixels, which may be 3.5. None: a quarter of the stride that comes in, or as
            near to it as whole numbers allow.

    Raises:
        SpecError: For other features, and for a first stride that doubling the resolution does not reach.
    """
    strides = tuple(level.stride for level in features.levels)
    if len(strides) > 1 and features.is_pyramid:
        raise SpecError(f"'{name}' got {features}, which already is a pyramid. Leave the neck out")
    if not have_ratio(strides, 1):
        raise SpecError(f"'{name}' needs levels of one stride, got {features}. Put a 'select' neck before it")
    if len(strides) > MAX_LEVELS:
        raise SpecError(
            f"'{name}' needs 2 to {MAX_LEVELS} levels, got {len(strides)}: {features}. "
            "Put a 'select' neck before it to keep fewer levels"
        )
    if len(strides) < 2:
        raise SpecError(
            f"'{name}' needs 2 to {MAX_LEVELS} levels, got {features}. "
            "Let the encoder pass on more levels (or name one several times in a 'select' neck)"
        )
    reachable = [strides[0] / (1 << count) for count in range(int(strides[0]).bit_length())]
    finest = strides[0] / (1 << count_doublings(strides[0])) if finest_stride is None else finest_stride
    if finest not in reachable:
        raise SpecError(
            f"'{name}' cannot reach finest_stride {finest:g} from stride {strides[0]:g} by doubling the resolution. "
            f"It can reach {sorted(map(as_stride, reachable))}"
        )
    return tuple(as_stride(finest * (1 << index)) for index in range(len(strides)))
