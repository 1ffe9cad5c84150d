"""What is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from groundwork.specs.axes import Axes
from groundwork.specs.class_sets import ClassSetSpec
from groundwork.specs.objects import ObjectSpec
from groundwork.specs.outputs import OutputSpec
from groundwork.specs.vectors import VectorSpec
from groundwork.strict import Config, did_you_mean

ClassValue = Annotated[int, Field(ge=-(2**31), lt=2**31)]


def _is_unset(value: object) -> bool:
    return value is None or value is False


class ClassSpec(Config):
    """One class of a label raster."""

    #: What predictions hold. Where ``values`` are given alone, the first of them.
    value: ClassValue
    #: Label values that mean this class, where they are several, or not those of predictions.
    values: tuple[ClassValue, ...] = ()
    name: str = Field(min_length=1)
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    #: With ``multi_label``: probability from which an image is of this class. None: it is chosen on the validation
    #: split once the weights are found, and is 0.5 before that.
    threshold: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, entry: object) -> object:
        values = entry.get("values") if isinstance(entry, dict) else None
        if isinstance(values, list | tuple) and values and isinstance(entry, dict):
            return {"value": values[0]} | entry
        return entry

    @property
    def label_values(self) -> tuple[int, ...]:
        """Values of this class in label rasters."""
        return self.values or (self.value,)

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, each 0 to 255."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue


class TargetSpec(Config):
    """What is predicted: the classes of the labels, or numbers; or the word ``nothing``, where there are no labels."""

    classes: tuple[ClassSpec, ...] = ()
    #: The numbers of a regression; instead of classes.
    outputs: tuple[OutputSpec, ...] = ()
    #: Whether the model also says how far off each number may be: its standard deviation, learnt by the loss
    #: ``gaussian_nll``.
    deviation: bool = Field(default=False, exclude_if=_is_unset)
    #: What has an answer of its own: each pixel, the image as a whole, or each object in it, found by a box. Of one
    #: class alone, an image or an object has one score: whether it is that. nothing: there are no labels, and no other
    #: key of the target means anything.
    per: Literal["pixel", "image", "object", "nothing"] = "pixel"
    #: Whether an image may be of several classes at once, or of none: each class is a question of its own.
    multi_label: bool = False
    #: Label value, or several, of pixels that nobody knows: left out of losses and scores. So are a label file's own
    #: nodata, NaN, and what its mask or alpha band leaves out.
    ignore_value: int | tuple[int, ...] | None = None
    #: Set where label files declare as nodata a value that is one of the classes.
    nodata_is_class: bool = False
    #: With classes per pixel or image: what raw scores are divided by before they become probabilities, so that these
    #: are right as often as they say (Guo et al. 2017). None: 1. ``training.calibrate`` finds it on the val split.
    temperature: float | None = Field(default=None, gt=0, allow_inf_nan=False, exclude_if=_is_unset)
    #: From which probability on a class belongs to the set of those that are possible: chosen on the validation split
    #: by ``training.conformal``. None: there are no sets.
    sets: ClassSetSpec | None = Field(default=None, exclude_if=_is_unset)
    #: Column of a table of labels that says the class; ``class`` where it is not stated. Numbers stand in columns of
    #: their own names, as do the classes of ``multi_label`` without a ``separator``: 1 or true, 0 or false, or nothing
    #: where nobody knows.
    column: str | None = None
    #: With ``multi_label``: what stands between the names of classes in ``column``. Where that is empty nobody knows.
    separator: str | None = Field(default=None, min_length=1)
    #: With ``separator``: what ``column`` says of an image of none of the classes, such as ``none``.
    no_class: str | None = Field(default=None, min_length=1)
    #: Order of the axes of label arrays, as of a source. None: band, y, x.
    axes: Axes | None = Field(default=None, exclude_if=_is_unset)
    #: How labels are drawn, where they are polygons, lines or points in vector files. None: they are rasters, or
    #: annotations of objects.
    vectors: VectorSpec | None = None
    #: How labels of objects are understood, of a target ``per: object``. None: as is usual.
    objects: ObjectSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _accept_nothing(cls, target: object) -> object:
        # As a word it replaces the target of the base configuration whole: none of its classes is left.
        return {"per": "nothing"} if target == "nothing" else target

    @model_validator(mode="after")
    def _check_nothing(self) -> TargetSpec:
        stated = [name for name, value in self if value != type(self).model_fields[name].default and name != "per"]
        if self.per == "nothing" and stated:
            raise ValueError(f"a target per nothing has no {stated}: write 'target: nothing', without any other key")
        return self

    @model_validator(mode="after")
    def _check(self) -> TargetSpec:
        if self.classes and self.outputs:
            raise ValueError(
                "give 'classes' or 'outputs', not both: a target is either named or measured. 'classes: []' drops "
                "those of another file"
            )
        if not self.outputs and not self.classes and self.per != "nothing":
            raise ValueError(
                "give 'classes' (name, value and color of each), or 'outputs' for numbers; found neither. Without "
                "labels write 'target: nothing'"
            )
        if len(self.classes) == 1 and self.per == "pixel":
            value = 0 if self.classes[0].value else 1
            raise ValueError(
                f"'classes' names '{self.classes[0].name}' alone, and a pixel needs a class for what is not it: write "
                f'the background as a class too, such as {{value: {value}, name: background, color: "#000000"}}'
            )
        for field, entries in (("value", self.classes), ("name", self.classes), ("name", self.outputs)):
            found = [getattr(entry, field) for entry in entries]
            if len(set(found)) < len(found):
                raise ValueError(f"every class or output needs its own {field}; found {found}")
        labels = [value for entry in self.classes for value in entry.label_values]
        if len(set(labels)) < len(labels):
            raise ValueError(f"each label value means one class and stands once under 'values'; found {labels}")
        both = [value for value in self.ignore_values if value in (*self.values, *labels)]
        if both:
            raise ValueError(f"ignore_value {both[0]} is also a class value")
        return self

    @model_validator(mode="after")
    def _check_deviation(self) -> TargetSpec:
        if self.deviation and not self.outputs:
            raise ValueError("'deviation' says how far off numbers may be, and the target has no 'outputs': remove it")
        return self

    @model_validator(mode="after")
    def _check_temperature(self) -> TargetSpec:
        if self.temperature is not None and not self.has_probabilities:
            raise ValueError("'temperature' makes scores of classes per pixel or image probabilities: remove it")
        return self

    @model_validator(mode="after")
    def _check_multi_label(self) -> TargetSpec:
        if not self.multi_label:
            for name, stated in (("separator", self.separator), ("no_class", self.no_class)):
                if stated is not None:
                    raise ValueError(f"'{name}' is for tables that say several classes of an image: set 'multi_label'")
            if any(entry.threshold is not None for entry in self.classes):
                raise ValueError("'threshold' of a class decides where an image may be of several: set 'multi_label'")
            return self
        if self.per != "image" or not self.classes:
            what = f"'per: {self.per}'" if self.classes else "'outputs'"
            raise ValueError(
                f"'multi_label' asks which of several classes an image is of, and the target has {what}: set "
                "'per: image' and give 'classes', or leave 'multi_label' out"
            )
        return self._check_columns()

    def _check_columns(self) -> TargetSpec:
        """Hold what says the classes of an image against one another."""
        if (self.column is None) != (self.separator is None):
            raise ValueError(
                "with 'multi_label' give 'column' and 'separator' together, for one column that lists the classes of "
                "an image, or neither of them, for a column of its own for each class"
            )
        if self.separator is None and self.no_class is not None:
            raise ValueError("'no_class' is what a 'column' with a 'separator' says of an image of none of the classes")
        if self.separator is None and {0, 1} & set(self.ignore_values):
            raise ValueError(
                f"ignore_value {self.ignore_value} stands for no or yes in the columns of the classes: take another, "
                "or leave cells empty that nobody knows"
            )
        holding = [name for name in (*self.names, self.no_class or "") if self.separator and self.separator in name]
        if holding:
            raise ValueError(f"'{holding[0]}' holds the separator '{self.separator}': rename it, or take another one")
        if self.no_class in self.names:
            raise ValueError(f"no_class '{self.no_class}' is also the name of a class")
        return self

    @model_validator(mode="after")
    def _check_axes(self) -> TargetSpec:
        if "time" in (self.axes or ()):
            raise ValueError(
                f"'axes' of labels has no time, as each place has one answer; found {list(self.axes or ())}"
            )
        return self

    @model_validator(mode="after")
    def _check_vectors(self) -> TargetSpec:
        vectors = self.vectors
        if vectors is None:
            return self
        for name in vectors.names():
            if name not in self.names or not self.classes:
                raise ValueError(
                    f"'vectors' names the class '{name}', which 'classes' lacks.{did_you_mean(name, self.names)}"
                )
        if self.axes is not None:
            raise ValueError("'axes' are those of label rasters, and 'vectors' draws labels: leave one of them out")
        if self.multi_label:
            raise ValueError("'vectors' draws answers of pixels, and 'multi_label' reads those of images from a table")
        if self.classes and vectors.attribute is None and vectors.every is None:
            raise ValueError("'vectors' needs 'attribute', which says the class of a feature, or 'every' for one class")
        if not self.classes and (vectors.attribute is not None or vectors.mapping):
            raise ValueError("numbers are read from attributes of their own names: leave 'vectors.attribute' out")
        return self

    @model_validator(mode="after")
    def _check_objects(self) -> TargetSpec:
        if self.objects is not None and self.per != "object":
            raise ValueError(
                f"'objects' says how objects are labelled, and the target is one per {self.per}; remove it"
            )
        if self.objects is None:
            return self
        if self.vectors is not None and self.objects.mapping:
            raise ValueError("values of an attribute are mapped in 'vectors.mapping': move 'objects.mapping' there")
        for name in self.objects.mapping.values():
            if name is not None and name not in self.names:
                raise ValueError(
                    f"'objects.mapping' names the class '{name}', which 'classes' lacks."
                    f"{did_you_mean(name, self.names)}"
                )
        return self

    @property
    def ignore_values(self) -> tuple[int, ...]:
        """Label values of pixels that nobody knows."""
        if self.ignore_value is None:
            return ()
        return self.ignore_value if isinstance(self.ignore_value, tuple) else (self.ignore_value,)

    @property
    def values(self) -> tuple[int, ...]:
        """Values of predictions, in class order."""
        return tuple(entry.value for entry in self.classes)

    @property
    def label_values(self) -> dict[int, int]:
        """Label value -> index of its class."""
        return {value: index for index, entry in enumerate(self.classes) for value in entry.label_values}

    @property
    def has_probabilities(self) -> bool:
        """Whether scores become probabilities of classes."""
        return bool(self.classes) and self.per in {"pixel", "image"}

    def as_stated(self) -> TargetSpec:
        """Return the same without what was chosen for the scores of one model: thresholds, temperature and sets."""
        plain = self.with_thresholds(dict.fromkeys(self.names)) if self.classes else self
        return plain.model_copy(update={"temperature": None, "sets": None})

    def with_thresholds(self, thresholds: Mapping[str, float | None]) -> TargetSpec:
        """Return the same with other thresholds, for the classes that are named."""
        changed = [
            entry.model_copy(update={"threshold": thresholds[entry.name]}) if entry.name in thresholds else entry
            for entry in self.classes
        ]
        return self.model_copy(update={"classes": tuple(changed)})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes or outputs, in order."""
        return tuple(entry.name for entry in self.classes or self.outputs)

    @property
    def num_outputs(self) -> int:
        """Number of classes or outputs."""
        return len(self.names)

    @property
    def num_scores(self) -> int:
        """Number of scores a model gives per pixel or image: with ``deviation`` all deviations behind all numbers."""
        return self.num_outputs * (2 if self.deviation else 1)
