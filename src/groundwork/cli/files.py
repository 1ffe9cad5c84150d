"""The files of configuration that a command names, as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from groundwork.cli.checking import check_file, read_file
from groundwork.compatibility.terratorch.door import as_file
from groundwork.compatibility.terratorch.parts import with_parts
from groundwork.compatibility.terratorch.translate import is_terratorch, translate
from groundwork.config.merging import merge
from groundwork.errors import BundleError, DataError

FLAGS = ("-c", "--config")


def settle_files(arguments: Sequence[str], known: Sequence[str]) -> tuple[list[str], str]:
    """Return the arguments with all files of configuration as one, and what there is to say of it.

    Several are merged key by key; later ones change earlier ones. Where they are TerraTorch's, the translation takes
    their place.

    Args:
        arguments: What stands behind the command.
        known: Keys at the top of a file of ours.

    Raises:
        DataError: For a file that cannot be read, or holds nothing.
        SpecError, ComponentError: For a key that means nothing, and a class that is not there.
        BundleError: For a checkpoint of TerraTorch in the place of a bundle.
        TranslationError: For what cannot be translated of a file of TerraTorch.
    """
    files, rest = _apart(arguments)
    own = [read_file(file) for file in files]
    stated = merged([with_parts(one, file, read_file) for one, file in zip(own, files, strict=True)])
    if files and not stated:
        raise DataError(f"{files[0]} holds nothing; expected keys with values, among them 'data' and 'model'.")
    if not is_terratorch(stated):
        for file in files:
            check_file(file, known)
        if len(files) < 2:
            return list(arguments), ""
        return ["--config", _as_text(merged(own)), *rest], ""
    name = " + ".join(file.name for file in files)
    _refuse_checkpoint(rest)
    translation = translate(stated, name)
    text = f"{name} is TerraTorch's, and runs as what it means here.\n{translation.findings}"
    return ["--config", _as_text(as_file(translation, files[0].stem)), *rest], text


def _refuse_checkpoint(arguments: Sequence[str]) -> None:
    """Refuse a checkpoint where a bundle is asked for.

    Raises:
        BundleError: With what to do.
    """
    given = [text for name, text in pairwise(arguments) if name == "--ckpt_path"]
    given += [argument.partition("=")[2] for argument in arguments if argument.startswith("--ckpt_path=")]
    for text in given:
        if Path(text).is_file():
            raise BundleError(f"{text} is no bundle: `groundwork bundle import {text} --config ...` makes one of it.")


def read_whole(file: Path) -> dict[str, Any]:
    """Read a file with the parts that it names as files of their own, as TerraTorch's do.

    Raises:
        DataError: For a file that cannot be read.
    """
    return with_parts(read_file(file), file, read_file)


def merged(files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return files as one: later ones change earlier ones, key by key; of another class they change all."""
    found: dict[str, Any] = {}
    for stated in files:
        kept = {key: value for key, value in found.items() if not _is_another_class(value, stated.get(key))}
        found = merge(kept, stated)
    return found


def _is_another_class(old: object, new: object) -> bool:
    both = [part.get("class_path") for part in (old, new) if isinstance(part, dict)]
    return len(both) == 2 and None not in both and both[0] != both[1]


def _apart(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the files, and all arguments but them. A text that is a mapping is no file, and stays where it is."""
    files: list[Path] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        flag, has_value, text = argument.partition("=")
        if flag not in FLAGS or not (has_value or waiting):
            rest.append(argument)
            continue
        value = text if has_value else waiting.pop(0)
        if value.lstrip().startswith("{"):
            rest += [flag, value]
        else:
            files.append(Path(value))
    return files, rest


def _as_text(stated: dict[str, Any]) -> str:
    """Return a file as one line, which begins as a mapping does."""
    text: str = yaml.safe_dump(stated, default_flow_style=True, sort_keys=False, width=2**31, allow_unicode=True)
    return text.strip()
