"""Refuse what a file of configuration states wrongly, in one sentence, before it is built."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import get_loader
from lightning import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.loggers import Logger

from groundwork.cli.reading import read_mapping
from groundwork.errors import ComponentError, SpecError
from groundwork.registry import find
from groundwork.strict import did_you_mean

#: Where a class is named by its path -> what it must be.
CLASSES: dict[str, type] = {"model": LightningModule, "data": LightningDataModule}
PARTS: dict[str, type] = {"callbacks": Callback, "logger": Logger}
#: Lines of jsonargparse that repeat what is known.
_NOISE = re.compile(r"\s*(Subtypes: |Given value|- Expected a <class 'NoneType'>|Errors:|Does not validate)")


def check_file(file: Path, known: Sequence[str]) -> None:
    """Refuse unknown keys and class paths of a file; types of values are left to jsonargparse.

    Args:
        file: A file of configuration.
        known: Keys at its top.

    Raises:
        DataError: For a file that cannot be read.
        SpecError: For a key that means nothing.
        ComponentError: For a class that is not there, or has no such argument.
    """
    stated = read_file(file)
    for key in stated:
        if key not in known:
            raise SpecError(f"{file}: nothing reads the key '{key}'.{did_you_mean(key, known)} Known: {list(known)}")
    if "trainer" in stated:
        trainer = stated["trainer"]
        if not isinstance(trainer, dict):
            raise SpecError(
                f"{file}: 'trainer' must be keys with values, such as {{max_epochs: 3}}; found {trainer!r}. Where "
                "there is nothing to state, leave it out."
            )
        _check_keys(f"{file}: trainer", "Lightning's Trainer", trainer, _arguments(Trainer))
        for name, family in PARTS.items():
            parts = trainer.get(name)
            for part in parts if isinstance(parts, list) else [parts]:
                _check_class(f"{file}: trainer.{name}", part, family)
    for key, family in CLASSES.items():
        _check_class(f"{file}: {key}", stated.get(key), family)


def read_file(file: Path) -> dict[str, Any]:
    """Read a file as jsonargparse does.

    Raises:
        DataError: As of :func:`groundwork.cli.reading.read_mapping`.
    """
    return read_mapping(file, get_loader("yaml"))


def shorten(message: str) -> str:
    """Return what jsonargparse says without what repeats the file."""
    lines = [line for line in message.splitlines() if not _NOISE.match(line)]
    text = "\n".join(re.sub(r"^(\s*)Parser key", r"\1Key", line) for line in lines)
    # What stands behind the ** of a class is not in its signature.
    advice = "\nWhat the class hands on to another one stands under 'dict_kwargs', beside 'init_args'."
    return text + advice * ("is not accepted" in text)


def _check_class(where: str, stated: object, family: type) -> None:
    path = stated.get("class_path") if isinstance(stated, dict) else stated
    if not isinstance(path, str):
        return
    if "." not in path:
        # jsonargparse knows the short names of classes that are imported.
        return
    try:
        found = find({}, path)
    except ComponentError as error:
        raise ComponentError(f"{where}: {error}{_nearest(path)}") from None
    if not issubclass(found, family):
        raise ComponentError(f"{where}: '{path}' is no {family.__name__}.")
    arguments = stated.get("init_args") if isinstance(stated, dict) else None
    if isinstance(arguments, dict):
        _check_keys(f"{where}.init_args", path, arguments, _arguments(found))


def _check_keys(where: str, what: str, stated: Mapping[str, Any], known: Sequence[str] | None) -> None:
    for key in stated if known is not None else ():
        if key not in (known or ()):
            raise SpecError(f"{where}: {what} has no '{key}'.{did_you_mean(str(key), known or ())} Known: {known}")


def _arguments(kind: type) -> list[str] | None:
    """Return the names of a class's arguments; None where it takes others beside them."""
    parameters = inspect.signature(kind).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    return list(parameters)


def _nearest(path: str) -> str:
    """Return a near miss among the names of the module, where there is such a module."""
    module, _, name = path.rpartition(".")
    try:
        names = dir(__import__(module, fromlist=["_"]))
    except ImportError:
        return did_you_mean(module.partition(".")[0], ["groundwork", "torchgeo", "lightning"])
    return did_you_mean(name, [known for known in names if known[:1].isupper()])
