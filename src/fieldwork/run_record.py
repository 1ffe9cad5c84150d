"""Behind every run: what each pipeline was made from and what it made, and, apart from it, when and on what machine."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from fieldwork.code_state import head_of, lock_of, state_of, versions_of
from fieldwork.contents import contents_of
from fieldwork.entries import paths_of
from fieldwork.parameters import DECIDING_PARTS
from fieldwork.runners import name_of
from fieldwork.source_files import folders_behind

#: The package of the project, which a clone may rename.
PACKAGE = __name__.partition(".")[0]
#: The catalog entry of a pipeline's record, and that of times and hardware.
RECORD, TIMES = "run_record_{}", "run_times"
#: What a killed run left, and code, which stands in a record by itself.
NO_INPUTS = {"checkpoints", "project_facts"}


class RunRecord:
    """Writes a record for each pipeline of which nodes ran, and the times of the run."""

    def __init__(self) -> None:
        self._started = time.time()
        self._seconds: dict[str, float] = {}
        self._begun: dict[str, float] = {}
        self._before: dict[str, dict[str, Any]] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the parameters of this run, and the project's folder."""
        self._project = Path(context.project_path)
        self._parameters: Mapping[str, Any] = context.config_loader["parameters"]
        self._started = time.time()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Keep the records that are there."""
        for name in pipelines_of(pipeline.nodes):
            if catalog.exists(RECORD.format(name)):
                self._before[name] = catalog.load(RECORD.format(name))

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog) -> None:
        """Remove the record of the pipeline: from here on it no longer holds."""
        self._begun[node.name] = time.monotonic()
        for name in pipelines_of([node]):
            for place in record_places(catalog, name):
                place.unlink(missing_ok=True)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Keep how long the node took, where it ran in this process."""
        if node.name in self._begun:
            self._seconds[node.name] = round(time.monotonic() - self._begun[node.name], 2)

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Write the records of pipelines of which nodes ran."""
        for name, nodes in pipelines_of(pipeline.nodes).items():
            # Kedro skips nodes whose outputs are there, and says of each only that it ran.
            is_known = not run_params.get("only_missing_outputs")
            ran = [node for node in nodes if is_known or node.name in self._seconds]
            if ran and RECORD.format(name) in catalog:
                record = self._record(name, ran, catalog)
                catalog.save(RECORD.format(name), self._still(self._before.get(name), record, catalog) or record)
        if TIMES in catalog:
            catalog.save(TIMES, self._times(run_params, pipeline, catalog))

    def _record(self, name: str, nodes: list[Node], catalog: DataCatalog) -> dict[str, Any]:
        """Return what a pipeline was made from and what it made: the same for the same, whatever ran beside it."""
        made = {entry for node in nodes for entry in node.outputs}
        read = {entry for node in nodes for entry in node.inputs} - made - NO_INPUTS
        stated = sorted(entry.removeprefix("params:") for entry in read if entry.startswith("params:"))
        modules = [f"{PACKAGE}.pipelines.{name}.pipeline", *_own_modules(read | made, catalog)]
        places = folders_behind(self._project / "src", modules)
        return {
            "pipeline": name,
            "nodes": sorted(node.name for node in nodes),
            "code": state_of(self._project, places),
            "lock_file_sha256": lock_of(self._project),
            "seed": self._parameters.get("seed"),
            "parameters": {key: deciding(key, self._parameters[key]) for key in stated if key in self._parameters},
            "versions": versions_of(self._project),
            "inputs": self._contents(read, catalog),
            "outputs": self._contents(made, catalog),
        }

    def _still(
        self, before: dict[str, Any] | None, record: Mapping[str, Any], catalog: DataCatalog
    ) -> dict[str, Any] | None:
        """Return the record that was there, where some of its nodes ran again and made what they had made."""
        if before is None or not set(record["nodes"]) < set(before["nodes"]):
            return None
        return before if self._contents(before["outputs"], catalog) == before["outputs"] else None

    def _contents(self, entries: Iterable[str], catalog: DataCatalog) -> dict[str, Any]:
        places = sorted(paths_of(entries, catalog).items())
        return {entry: contents_of(place, self._project) for entry, place in places}

    def _times(self, run_params: Mapping[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> dict[str, Any]:
        """Return when each pipeline ran, how long its nodes took, and on what: those that did not run now are kept."""
        kept: dict[str, Any] = catalog.load(TIMES) if catalog.exists(TIMES) else {}
        ran = {
            "started": datetime.fromtimestamp(self._started, UTC).isoformat(timespec="seconds"),
            "seconds": round(time.time() - self._started, 1),
            "runner": name_of(run_params.get("runner")),
            "commit": head_of(self._project),
            "machine": _machine(),
        }
        for name, nodes in pipelines_of(pipeline.nodes).items():
            # Nodes that other processes ran have no times here.
            kept[name] = ran | {"nodes": {node.name: self._seconds.get(node.name) for node in nodes}}
        return kept


def pipelines_of(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """Return the registered pipelines that nodes belong to."""
    wanted = {node.name: node for node in nodes}
    found = {
        name: [wanted[node.name] for node in pipeline.nodes if node.name in wanted]
        for name, pipeline in pipelines.items()
        if name != "__default__"
    }
    return {name: part for name, part in found.items() if part}


def deciding(key: str, value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return of a parameter what results depend on."""
    return {part: value[part] for part in DECIDING_PARTS[key] if part in value} if key in DECIDING_PARTS else value


def record_places(catalog: DataCatalog, name: str) -> list[Path]:
    """Return where the record of a pipeline lies; nowhere where the catalog has none."""
    entry = RECORD.format(name)
    # What a pattern of names stands for is known once it was asked for.
    catalog.get(entry)
    return list(paths_of([entry], catalog).values())


def _own_modules(entries: Iterable[str], catalog: DataCatalog) -> Iterator[str]:
    """Yield the modules of entries that are of this project."""
    config: dict[str, dict[str, Any]] = catalog.to_config()[0]
    for entry in sorted(entries):
        module = str(config.get(entry, {}).get("type")).rpartition(".")[0]
        if module.startswith(f"{PACKAGE}."):
            yield module


def _machine() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    cards = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if torch else []
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 1e9, 1),
        "gpus": cards,
    }
