from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from end_to_end.commands import ROOT, environment

# What the kernel and its messaging warn of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")

NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
#: Notebook -> the number of pictures in it, and what it prints where all is well.
EXPECTED = {
    # A chip, class fractions, band statistics, a predicted scene.
    "explore.ipynb": (4, "100.00% of its pixels agree"),
    # Levels, likeness, and how far classes lie apart.
    "look_into_features.ipynb": (3, "the cross is like itself: 1.000"),
    "compare_experiments.ipynb": (1, "judged: ['base']"),
}


def _read(folder: Path, name: str) -> Any:
    return nbformat.read(folder / "notebooks" / name, as_version=4)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_kept_without_outputs(name: str) -> None:
    notebook = _read(ROOT, name)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_look_at_a_finished_run(finished_run: Path, name: str) -> None:
    if not (finished_run / "data/06_models/base/trained/bundle.json").is_file():
        pytest.skip("needs a trained bundle: run the project first (make run)")
    notebook = _read(finished_run, name)
    place = {"metadata": {"path": str(finished_run / "notebooks")}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute(env=environment())
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    printed = "".join(output["text"] for output in outputs if output.output_type == "stream")
    expected, words = EXPECTED[name]
    assert len(pictures) == expected
    assert words in printed
