"""Annotations of objects, whatever file they stand in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Annotation:
    """One object."""

    #: How messages call it.
    name: str
    category: str
    #: Left, top, width and height in pixels.
    box: tuple[float, float, float, float]
    #: Whether it stands for many objects, which are not told apart.
    is_crowd: bool
    #: As the file has it. None: there is none.
    segmentation: object = None


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """One image with its objects."""

    #: As the file calls it.
    name: str
    #: In pixels; 0 where the file does not say.
    width: int
    height: int
    annotations: tuple[Annotation, ...]
    #: Whether categories are label values of classes, and not their names.
    by_value: bool = False
