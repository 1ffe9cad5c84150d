"""Which kind of answer a target asks for."""

from __future__ import annotations

from groundwork.errors import SpecError
from groundwork.specs import TargetSpec
from groundwork.targets.image_class_sets import ImageClassSets
from groundwork.targets.image_classes import ImageClasses
from groundwork.targets.image_numbers import ImageNumbers
from groundwork.targets.kind import TargetKind
from groundwork.targets.nothing import Nothing
from groundwork.targets.objects import ObjectBoxes
from groundwork.targets.pixel_classes import PixelClasses
from groundwork.targets.pixel_numbers import PixelNumbers

#: What has an answer of its own, and what that is -> the kind of answer.
KINDS: dict[tuple[str, str], type[TargetKind]] = {
    ("pixel", "one class"): PixelClasses,
    ("pixel", "numbers"): PixelNumbers,
    ("image", "one class"): ImageClasses,
    ("image", "several classes"): ImageClassSets,
    ("image", "numbers"): ImageNumbers,
    ("object", "one class"): ObjectBoxes,
    ("nothing", "nothing"): Nothing,
}


def kind_of(target: TargetSpec) -> TargetKind:
    """Return the kind of answer that a target asks for.

    Raises:
        SpecError: For a kind that is not there yet.
    """
    what = "several classes" if target.multi_label else "one class" if target.classes else "numbers"
    what = "nothing" if target.per == "nothing" else what
    found = KINDS.get((target.per, what))
    if found is None:
        raise SpecError(
            f"The target asks for {what} per {target.per}, of which no task is there yet: classes and numbers are "
            "learnt per pixel and per image, one class per object. Correct data.target.per"
        )
    return found(target)
