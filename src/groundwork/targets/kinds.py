"""Which kind of answer a target asks for."""

from __future__ import annotations

from groundwork.errors import SpecError
from groundwork.specs import TargetSpec
from groundwork.targets.image_classes import ImageClasses
from groundwork.targets.image_numbers import ImageNumbers
from groundwork.targets.kind import TargetKind
from groundwork.targets.objects import ObjectBoxes
from groundwork.targets.pixel_classes import PixelClasses
from groundwork.targets.pixel_numbers import PixelNumbers

#: What has an answer of its own, and whether answers are classes -> the kind of answer.
KINDS: dict[tuple[str, bool], type[TargetKind]] = {
    ("pixel", True): PixelClasses,
    ("pixel", False): PixelNumbers,
    ("image", True): ImageClasses,
    ("image", False): ImageNumbers,
    ("object", True): ObjectBoxes,
}


def kind_of(target: TargetSpec) -> TargetKind:
    """Return the kind of answer that a target asks for.

    Raises:
        SpecError: For a kind that is not there yet.
    """
    found = KINDS.get((target.per, bool(target.classes)))
    if found is None:
        raise SpecError(
            f"The target asks for {'classes' if target.classes else 'numbers'} per {target.per}, of which no task is "
            "there yet: classes and numbers are learnt per pixel and per image, classes per object. Correct "
            "data.target.per"
        )
    return found(target)
