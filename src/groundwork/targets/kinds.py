"""Which kind of answer a target asks for."""

from __future__ import annotations

from groundwork.specs import TargetSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.pixel_classes import PixelClasses


def kind_of(target: TargetSpec) -> TargetKind:
    """Return the kind of answer that a target asks for.

    Raises:
        SpecError: For a kind that is not there yet.
    """
    return PixelClasses(target)
