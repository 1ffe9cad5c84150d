"""Whether all that a command names is there: pipelines, nodes, tags, entries. Kedro itself names no near miss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from groundwork.strict import did_you_mean


class UnknownNameError(ValueError):
    """A command names what is not there."""


def check_selection(options: Mapping[str, Any], pipelines: Mapping[str, Pipeline]) -> None:
    """Refuse names that no pipeline knows.

    Args:
        options: The options of ``kedro run`` by their names in Kedro; those that were not given may be missing.
        pipelines: The project's pipelines by name.

    Raises:
        UnknownNameError: With the near miss.
    """
    chosen = [*_names(options, "pipelines"), *_names(options, "pipeline")]
    _refuse_unknown("pipeline", chosen, pipelines)
    nodes = [node for name in chosen or ["__default__"] for node in pipelines[name].nodes]
    entries = {entry for node in nodes for entry in (*node.inputs, *node.outputs)}
    names = [node.name for node in nodes]
    for option in ("node_names", "from_nodes", "to_nodes"):
        _refuse_unknown("node", _names(options, option), names)
    for option in ("from_inputs", "to_outputs"):
        _refuse_unknown("catalog entry", _names(options, option), entries)
    _refuse_unknown("tag", _names(options, "tags"), {tag for node in nodes for tag in node.tags})
    _refuse_unknown("namespace", _names(options, "namespaces"), {space for node in nodes for space in _spaces(node)})


def _names(options: Mapping[str, Any], option: str) -> list[str]:
    value = options.get(option) or ()
    return [value] if isinstance(value, str) else list(value)


def _spaces(node: Node) -> list[str]:
    return list(node.namespace_prefixes) if node.namespace else []


def _refuse_unknown(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = sorted(known)
    for name in names:
        if name not in known:
            there = f"Known: {known}" if known else f"This project has no {kind}s."
            raise UnknownNameError(f"There is no {kind} '{name}'.{did_you_mean(name, known)} {there}")
