from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from kedro.framework.project import pipelines
from kedro.pipeline.node import Node
from pydantic import BaseModel

from fieldwork.parameters import PARAMETERS, Seed

pytestmark = pytest.mark.usefixtures("project")

ORDER = ("data_prep", "model_build", "training", "evaluation", "inference", "report")
#: What runs on request: it brings data, tries something, or exports.
ON_REQUEST = ("sample_data", "torchgeo_import", "learning_rate_search", "export")


def all_nodes() -> list[Node]:
    return [node for name in (*ON_REQUEST, *ORDER) for node in pipelines[name].nodes]


def test_kedro_run_leaves_out_what_runs_on_request() -> None:
    names = {node.name for name in ORDER for node in pipelines[name].nodes}
    assert {node.name for node in pipelines["__default__"].nodes} == names
    assert not {"make_landscapes", "import_samples", "search_learning_rate", "export_model"} & names


def test_every_edge_between_two_pipelines_is_a_file(catalog_config: dict[str, Any]) -> None:
    for reader in ORDER:
        needed = {name for name in pipelines[reader].inputs() if not name.startswith("params:")}
        assert needed <= set(catalog_config)


@pytest.mark.parametrize("name", [*ON_REQUEST, *ORDER])
def test_a_pipeline_is_one_screen(name: str) -> None:
    assert len(pipelines[name].nodes) <= 6


def test_every_parameter_is_typed_and_enforced() -> None:
    seen = set()
    for node in all_nodes():
        hints = get_type_hints(node.func)
        arguments = list(hints)
        for argument, entry in zip(arguments, node.inputs, strict=False):
            if entry.startswith("params:"):
                key = entry.removeprefix("params:")
                expected = int if PARAMETERS[key] == Seed else PARAMETERS[key]
                assert hints[argument] is expected
                assert expected is int or issubclass(expected, BaseModel)
                seen.add(key)
    # Of runs as a whole, and read by a hook.
    assert seen == set(PARAMETERS) - {"tracking"}


def test_every_node_says_what_it_does() -> None:
    for node in all_nodes():
        assert node.func.__doc__
        assert node.func.__doc__.strip().endswith(".")


def test_drawing_the_graph_loads_nothing_heavy(project: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from kedro.framework.startup import bootstrap_project\n"
        "from kedro.framework.project import pipelines\n"
        "from kedro.framework.session import KedroSession\n"
        "bootstrap_project(Path.cwd())\n"
        "assert len(dict(pipelines)) == 11, list(pipelines)\n"
        "heavy = {'torch', 'lightning', 'rasterio', 'timm', 'pandas', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
