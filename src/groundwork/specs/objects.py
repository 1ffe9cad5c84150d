"""Labels of objects: boxes, and outlines where they are known."""

from __future__ import annotations

from pydantic import Field, model_validator

from groundwork.specs.vectors import AttributeValue
from groundwork.strict import Config


class ObjectSpec(Config):
    """How labels of objects are understood, whether features of a vector file or annotations in COCO's JSON."""

    #: Whether the outline of each object is a label beside its box: features are polygons around one object each,
    #: annotations have a segmentation.
    masks: bool = False
    #: Share of an object that a window must show for it to be asked for there. The pixels of those of which less is
    #: seen are not known.
    min_visible: float = Field(default=0.25, ge=0, le=1)
    #: Category of annotations -> name of the class. None in its place: nobody knows what is there. Empty: categories
    #: are called as classes are. Values of attributes are mapped under ``vectors``.
    mapping: dict[str, str | None] = Field(default_factory=dict)
    #: Categories of annotations, or values of the attribute, whose objects are passed over as if nothing were there:
    #: an object that is found in their place is wrong.
    background: tuple[AttributeValue, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> ObjectSpec:
        both = [name for name in self.background if name in self.mapping]
        if both:
            raise ValueError(f"'{both[0]}' stands under 'mapping' and under 'background'; it can be one of them only")
        return self
