"""Tables are read as spreadsheets of all languages write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.errors import PairingError
from groundwork.rasters.raster_table import read_rows
from groundwork.rasters.table_cells import read_cells

EXPECTED = [["plot", "yield", "note"], ["007", "18.9", "a"], ["008", "", "1"], ["009", "-2", "b"]]


@pytest.mark.parametrize(
    "text",
    [
        "plot,yield,note\n007,18.9,a\n008,,1\n009,-2,b\n",
        "\ufeffplot;yield;note\r\n007;18,9;a\r\n008;;1\r\n009;-2;b\r\n",
        "plot;yield;note\n007;18.9;a\n008;;1\n009;-2;b\n",
        "plot\tyield\tnote\n007\t18,9\ta\n008\t\t1\n009\t-2\tb\n",
    ],
    ids=["commas", "a spreadsheet's, with a mark", "semicolons and points", "tabs"],
)
def test_cells_are_those_of_a_table_by_commas(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    assert read_cells(tmp_path / "t.csv") == EXPECTED


@pytest.mark.parametrize(
    "text",
    ["plot;classes\n1;1,2\n2;1,2,3\n", "plot;classes\n1;1,2\n2;water\n", 'plot,classes\n1,"1,2"\n2,"3,4"\n'],
    ids=["three of a list", "beside words", "quoted between commas"],
)
def test_commas_stay_that_are_no_decimals(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert read_cells(tmp_path / "t.csv")[1][1] == "1,2"


def test_decimals_of_two_signs_and_rows_of_other_lengths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("plot;yield\n1;18,9\n2;1.234\n")
    with pytest.raises(PairingError, match=r"t\.csv: found '18,9' and '1\.234' in column 'yield'; expected one sign"):
        read_rows(tmp_path / "t.csv", "labels")
    (tmp_path / "t.csv").write_text("plot;yield\n1;18,9;x\n")
    with pytest.raises(PairingError, match=r"found 3 cells in row 1; .* which are \['plot', 'yield'\]"):
        read_rows(tmp_path / "t.csv", "labels")
