"""How samples are divided into train, val and test."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from groundwork.strict import Config

SPLITS = ("train", "val", "test")
#: Ending of a file that has the lists of all splits.
OF_ALL_SPLITS = ".json"


def _read_day(value: object) -> object:
    """Refuse what is no whole day: pydantic would take a bare year as seconds since 1970."""
    if value is None or isinstance(value, str) or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise ValueError(f"a day is written like '2022-01-31'; found {value}")


Day = Annotated[date | None, BeforeValidator(_read_day)]


class Fractions(Config):
    """Shares of the samples; they add up to 1."""

    train: float = Field(default=0.6, gt=0, lt=1)
    val: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> Fractions:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, val and test must add up to 1; they add up to {total:g}")
        return self


class SplitDates(Config):
    """First and last day of each split, both of which belong to it; null for no limit."""

    #: None: all days that are neither in ``val`` nor in ``test``.
    train: tuple[Day, Day] | None = None
    #: Days of the validation split.
    val: tuple[Day, Day]
    #: Days of the test split.
    test: tuple[Day, Day]

    @model_validator(mode="after")
    def _check(self) -> SplitDates:
        ranges = [(first or date.min, last or date.max, name) for name, (first, last) in self.ranges.items()]
        for first, last, name in ranges:
            if last < first:
                raise ValueError(f"'{name}' ends on {last}, before it begins on {first}")
        ranges.sort()
        for (_, last, one), (first, _, other) in pairwise(ranges):
            if first <= last:
                raise ValueError(f"'{one}' lasts up to {last}, and '{other}' begins on {first}: they share days")
        return self

    @property
    def ranges(self) -> dict[str, tuple[date | None, date | None]]:
        """The splits whose days are stated."""
        stated = {"train": self.train, "val": self.val, "test": self.test}
        return {name: days for name, days in stated.items() if days is not None}


class SplitValues(Config):
    """The values of a column, or of an attribute of polygons, that belong to each split; as text."""

    #: None: all values that are named nowhere else.
    train: tuple[str, ...] | None = Field(default=None, min_length=1)
    #: Values of the validation split.
    val: tuple[str, ...] = Field(min_length=1)
    #: Values of the test split.
    test: tuple[str, ...] = Field(min_length=1)
    #: Samples of these belong to no split.
    leave_out: tuple[str, ...] = ()

    @field_validator("*", mode="before")
    @classmethod
    def _check_text(cls, values: object) -> object:
        for value in values if isinstance(values, list | tuple) else ():
            if not isinstance(value, str):
                raise ValueError(f"values are compared as text: write '{value}', in quotation marks")  # noqa: TRY004
        return values

    @model_validator(mode="after")
    def _check(self) -> SplitValues:
        counts = Counter(
            value for values in (self.train or (), self.val, self.test, self.leave_out) for value in values
        )
        twice = [value for value, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"each value stands in one list, once; found twice: {twice}")
        return self

    @property
    def by_value(self) -> dict[str, str | None]:
        """Value -> its split; None for those that are left out."""
        stated = {"train": self.train or (), "val": self.val, "test": self.test}
        named = {value: split for split, values in stated.items() for value in values}
        return {**named, **dict.fromkeys(self.leave_out)}


#: Option -> the methods that read it.
_READ_BY = {
    "dates": ("date",),
    "column": ("column",),
    "attribute": ("polygons",),
    "values": ("column", "polygons"),
    "val_from_train": ("lists",),
}
#: Method -> the option without which it means nothing, and what that says.
_NEEDS = {
    "blocks": ("block_size", "the side of a block in pixels"),
    "date": ("dates", "first and last day of val and test"),
    "column": ("column", "the column of the table of rasters that says where samples belong"),
    "polygons": ("attribute", "the attribute of the polygons that says which region or split they are"),
}


class SplitConfig(Config):
    """How samples are divided; never chip by chip at random, as neighbours would leak."""

    #: blocks: squares on the ground. scenes: whole scenes. lists: scene names given in files. date: days of the
    #: reference. column: values of a column of a table of rasters. polygons: regions given in a file.
    method: Literal["blocks", "scenes", "lists", "date", "column", "polygons"]
    fractions: Fractions = Fractions()
    #: Blocks, scenes, or the values that ``values`` does not assign, are divided into as many folds, instead of by
    #: ``fractions``; for cross-validation.
    folds: int | None = Field(default=None, ge=3)
    #: The fold, counted from 0, that is ``test``. The one after it is ``val``, the others are ``train``.
    fold: int = Field(default=0, ge=0)
    #: Draws the splits. None: the ``seed`` of the run does. Stated, trainings of other seeds have the same splits, and
    #: can be compared, or asked as one.
    seed: int | None = Field(default=None, ge=0)
    #: Side of a block in pixels of the scene; for ``blocks``.
    block_size: int | None = Field(default=None, gt=0)
    #: Samples nearer than this to a sample of another split are left out, in pixels. Samples that overlap always are.
    buffer: int = Field(default=0, ge=0)
    #: Share of the ``train`` list that becomes ``val``, where no list for ``val`` is given; for ``lists``.
    val_from_train: float = Field(default=0.0, ge=0, lt=1)
    #: Days of each split; for ``date``.
    dates: SplitDates | None = None
    #: Column of a table of rasters; for ``column``.
    column: str | None = None
    #: Attribute of the polygons, which names a region or a split; for ``polygons``.
    attribute: str | None = None
    #: Values that belong to each split, for ``column`` and ``polygons``. None: samples of one value stay together, and
    #: are drawn by ``fractions`` or ``folds``.
    values: SplitValues | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether it is drawn which samples belong to which split."""
        return self.method in {"blocks", "scenes"} or (self.method in {"column", "polygons"} and self.values is None)

    @model_validator(mode="after")
    def _check(self) -> SplitConfig:
        option, meaning = _NEEDS.get(self.method, ("method", ""))
        if getattr(self, option) is None:
            raise ValueError(f"method '{self.method}' needs '{option}': {meaning}")
        self._check_folds()
        if self.seed is not None and not (self.is_drawn or self.val_from_train):
            raise ValueError(f"'seed' is {self.seed}, but nothing is drawn where it is stated what belongs where")
        if self.method != "lists" and self.val_from_train:
            raise ValueError(
                f"'val_from_train' takes from the list of train scenes, but the method is '{self.method}'; set "
                "'fractions' instead, or 'method: lists'"
            )
        for option, methods in _READ_BY.items():
            if getattr(self, option) and self.method not in methods:
                raise ValueError(
                    f"'{option}' is for method {' or '.join(methods)}, but the method is '{self.method}'; leave one of "
                    "them out"
                )
        return self

    def _check_folds(self) -> None:
        if not self.is_drawn and self.folds is not None:
            given = "'values' are given" if self.values else f"the method is '{self.method}'"
            raise ValueError(f"'folds' divide what is drawn, such as blocks or scenes, but {given}; leave one out")
        if self.folds is None and self.fold:
            raise ValueError(f"'fold' is {self.fold}, but 'folds' does not say of how many; set both or none")
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(
                f"'fold' is {self.fold}, and is counted from 0: the last of {self.folds} is {self.folds - 1}"
            )
