from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from end_to_end.commands import ROOT, environment

# What the kernel and its messaging warn of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")

NOTEBOOK = "notebooks/explore.ipynb"


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(ROOT / NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_notebook_explores_a_finished_run(finished_run: Path) -> None:
    if not (finished_run / "data/06_models/base/trained/bundle.json").is_file():
        pytest.skip("needs a trained bundle: run the project first (make run)")
    notebook = nbformat.read(finished_run / NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(finished_run / "notebooks")}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute(env=environment())
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    printed = "".join(output["text"] for output in outputs if output.output_type == "stream")
    assert len(pictures) == 4, "a chip, class fractions, band statistics, a predicted scene"
    assert "100.00% of its pixels agree" in printed
