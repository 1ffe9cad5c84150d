"""The YAML and the checkpoint must speak of one network: where they differ, scores would be wrong without a word."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.compatibility.terratorch_weights.checkpoint import StandIn
from groundwork.errors import TranslationError

#: Arguments that say where weights start from: a trained checkpoint holds all of them.
OF_THE_START = ("pretrained", "ckpt_path", "ckpt_data", "checkpoint_path", "pretrained_cfg", "weights", "drop_path")


def with_arguments(stated: Mapping[str, object], trained: Mapping[str, object], name: str) -> dict[str, object]:
    """Return the YAML with what the checkpoint alone says of its network.

    Args:
        stated: The YAML.
        trained: The arguments that the network of the checkpoint was built with. Empty: it does not say.
        name: Of the checkpoint.

    Raises:
        TranslationError: With all arguments that differ.
    """
    model = _words(stated.get("model"))
    task = _words(model.get("init_args"))
    arguments = _words(task.get("model_args"))
    known = {key: value for key, value in trained.items() if value is not None and not _of_the_start(key)}
    problems = [
        f"model.init_args.model_args.{key}: the YAML states {arguments[key]!r}, it was trained with {value!r}"
        for key, value in known.items()
        if arguments.get(key) is not None and _is_plain(value) and not _is_same(arguments[key], value)
    ]
    problems += [
        f"model.init_args.model_args.{key}: the YAML states {value!r}, it was trained without"
        for key, value in arguments.items()
        if trained and key not in trained and value is not None and not _of_the_start(key)
    ]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise TranslationError(f"{name} is no checkpoint of what the YAML describes:\n{lines}")
    added = {key: value for key, value in known.items() if key not in arguments and _is_plain(value)}
    merged = {**model, "init_args": {**task, "model_args": {**arguments, **added}}}
    return {**stated, "model": merged}


def _words(value: object) -> dict[str, object]:
    return {str(key): part for key, part in value.items()} if isinstance(value, Mapping) else {}


def _of_the_start(key: str) -> bool:
    return key.endswith(OF_THE_START)


def _is_plain(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return not isinstance(value, StandIn) and (value is None or isinstance(value, str | int | float | bool))


def _is_same(ours: object, theirs: object) -> bool:
    """Whether two values mean the same: numbers may be text, and bands have a beginning that says nothing."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        keys = {str(key) for key in (*ours, *theirs)}
        mine, other = _words(ours), _words(theirs)
        return all(_is_same(mine.get(key), other.get(key)) for key in keys)
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(_is_same(a, b) for a, b in zip(ours, theirs, strict=True))
    return ours == theirs or _short(ours) == _short(theirs)


def _short(value: object) -> object:
    try:
        return float(str(value))
    except ValueError:
        return str(value).rpartition(".")[2]
