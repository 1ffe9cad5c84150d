"""Labels that are drawn: polygons, lines and points."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from groundwork.strict import Config

#: A value of an attribute, as vector files hold it.
AttributeValue: TypeAlias = int | str


class VectorSpec(Config):
    """How the features of a vector file become labels on the grid of their scene."""

    #: Attribute that says the class of a feature, by name or by label value. Numbers of a regression are attributes of
    #: their own names.
    attribute: str | None = None
    #: Value of the attribute -> name of the class. None in its place: nobody knows what is there. An attribute without
    #: a value is called "". No mapping: the values are names of classes, or label values.
    mapping: dict[AttributeValue, str | None] = Field(default_factory=dict)
    #: The class of all features, where they are of one; instead of ``attribute``.
    every: str | None = None
    #: The class where no feature lies. None: nobody knows what is there.
    elsewhere: str | None = None
    #: Layer with the features. None: the file's only one.
    layer: str | None = None
    #: Layer of the same file whose polygons say where labelling is complete: ``elsewhere`` holds inside them alone. It
    #: may as well be a file of its own.
    complete_layer: str | None = None
    #: Whether a feature has all pixels that it touches, or those whose centre lies in it.
    all_touched: bool = False
    #: Width of what lines cover, in metres.
    line_width_m: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    #: Radius of what points cover, in metres.
    point_radius_m: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    #: Which feature a pixel belongs to where features of two classes, or numbers, lie upon each other.
    overlap: Literal["refuse", "first", "last"] = "refuse"

    @model_validator(mode="after")
    def _check(self) -> VectorSpec:
        if self.attribute is not None and self.every is not None:
            raise ValueError("give 'attribute', which says the class of a feature, or 'every' for one class; not both")
        if self.mapping and self.attribute is None:
            raise ValueError("'mapping' says what values of an attribute mean: name it under 'attribute'")
        return self

    def names(self) -> list[str]:
        """Return the classes that are named."""
        named = (*self.mapping.values(), self.every, self.elsewhere)
        return [name for name in named if name is not None]
