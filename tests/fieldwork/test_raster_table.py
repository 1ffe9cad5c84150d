"""Rasters by a table: through the catalog's YAML, to keys, files, dates and columns of the sample table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, DatasetError
from rasterio.crs import CRS
from rasterio.transform import from_origin

from fieldwork.io.samples import SampleTableDataset
from groundwork.config import DataConfig
from groundwork.data.chips import LabelledData
from groundwork.data.scan import scan_scenes
from groundwork.errors import PairingError
from groundwork.rasters.choosing import choose_dates
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile, single
from groundwork.rasters.writing import write_rasters
from groundwork.specs import RasterSpec

Load = Callable[..., RasterFolder]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a table, and load it through a catalog entry as it is written in YAML."""

    def make(text: str, name: str = "table.csv", **options: Any) -> RasterFolder:
        table = tmp_path / name
        if name.endswith(".csv"):
            table.write_text(text, "utf-8")
        entry = {"filepath": str(table), "key": "scene", "paths": "path"} | options
        written = yaml.safe_dump({"scenes": {"type": "fieldwork.io.raster_table.RasterTableDataset", **entry}})
        catalog = DataCatalog.from_config(yaml.safe_load(written))
        assert catalog.exists("scenes")
        folder = catalog.load("scenes")
        assert isinstance(folder, RasterFolder)
        return folder

    return make


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_rows_are_rasters_in_the_order_of_their_keys(tmp_path: Path, load: Load) -> None:
    _touch(tmp_path, "x/late.tif", "early.tif")
    text = f"scene,region,path\n007,north, x/late.tif\n001,south,{tmp_path / 'early.tif'}\n"
    folder = load(text)
    assert folder.files == {"001": ("early.tif",), "007": ("x/late.tif",)}, "below the folder, relative to it"
    assert folder.paths("007") == (tmp_path / "x/late.tif",)
    assert list(folder.files) == ["001", "007"]
    assert folder.columns == {"001": {"region": "south"}, "007": {"region": "north"}}
    assert folder.dates == {}
    assert load(text, columns=[]).columns == {}


def test_files_of_bands_and_dates(tmp_path: Path, load: Load) -> None:
    names = [f"{band}_{month}.tif" for month in ("06", "10") for band in ("blue", "red")]
    _touch(tmp_path / "files", *names)
    text = (
        "scene,day,blue,red,region,clouds\na,2024-10-05T10:00:00Z,blue_10.tif,red_10.tif,n,5\n"
        "a,2024-06-30,blue_06.tif,red_06.tif,n,70\n"
    )
    options = {"paths": ["blue", "red"], "date": "day", "folder": str(tmp_path / "files"), "columns": ["region"]}
    folder = load(text, **options)
    assert folder.root == tmp_path / "files"
    assert folder.files == {"a": tuple(names)}
    assert folder.dates == {"a": (date(2024, 6, 30), date(2024, 10, 5))}
    assert folder.columns == {"a": {"region": "n"}}
    with pytest.raises(DatasetError, match=r"found '70' and '5' in column 'clouds' for the key 'a'; expected one text"):
        load(text, **options | {"columns": None})


def test_a_cell_may_hold_the_dates_of_a_stack(tmp_path: Path, load: Load) -> None:
    _touch(tmp_path, "a.tif", "b.tif")
    days = (date(2023, 12, 1), date(2024, 3, 2))
    folder = load('scene,path,day\nb,b.tif,"2023-12-01, 2024-03-02"\na,a.tif,"2023-12-01,2024-03-02"\n', date="day")
    assert folder.files == {"a": ("a.tif",), "b": ("b.tif",)}
    assert folder.dates == {"a": days, "b": days}
    frame = {"scene": ["a"], "path": ["a.tif"], "day": [list(days)]}
    pd.DataFrame(frame).to_parquet(tmp_path / "table.parquet")
    assert load("", "table.parquet", date="day").dates == {"a": days}
    stacks = RasterSpec.model_validate(
        {"bands": ["RED", "NIR"], "dtype": "int16", "nodata": None, "steps": 2, "layout": "bands_first"}
    )
    assert choose_dates(folder, stacks) is folder
    for change in ({"steps": 3, "too_few_dates": "fill"}, {"take_dates": "newest"}):
        assert choose_dates(folder, stacks.model_copy(update=change)) is folder
    for change, message in (
        ({"layout": "file_per_date"}, "several dates for one raster, as those of a stack, and 'layout: file_per_date'"),
        ({"steps": 3}, r"other numbers of dates than 'steps' says, 3, for 2 raster\(s\): 'a' \(2\), 'b' \(2\)"),
    ):
        with pytest.raises(PairingError, match=message):
            choose_dates(folder, stacks.model_copy(update=change))


def test_dates_of_a_stack_reach_the_sample_table(tmp_path: Path, load: Load) -> None:
    pixels = np.arange(4 * 32 * 32, dtype=np.int16).reshape(4, 32, 32)
    grid = Grid(CRS.from_epsg(32632), from_origin(500000, 5000000, 10, 10), 32, 32)
    write_rasters(
        single(RasterProfile(grid, "int16", ("RED", "NIR", "RED", "NIR"), None), pixels, "x"), {"x": tmp_path / "a.tif"}
    )
    label = RasterProfile(grid, "uint8", ("class",), 255)
    write_rasters(
        single(label, np.tile(np.uint8([0, 1]), 512).reshape(1, 32, 32), "x"), {"x": tmp_path / "labels" / "a.tif"}
    )
    scenes = load('scene,path,day\na,a.tif,"2023-12-01,2024-03-02"\n', date="day")
    source = {"bands": ["RED", "NIR"], "dtype": "int16", "nodata": None, "steps": 2, "layout": "steps_first"}
    classes = [{"value": value, "name": f"c{value}", "color": "#000000"} for value in (0, 1)]
    data = DataConfig.model_validate(
        {
            "sources": {"s2": source},
            "target": {"classes": classes},
            "chips": {"size": 16},
            "split": {"method": "scenes"},
        }
    )
    scan = scan_scenes(scenes, find_rasters(tmp_path / "labels", ["{key}.tif"]), data)
    assert set(scan.chips["dates"]) == {"2023-12-01,2024-03-02"}
    assert list(scan.report["dates"]) == ["2023-12-01,2024-03-02"]


def test_parquet_has_types_and_says_the_same(tmp_path: Path, load: Load) -> None:
    _touch(tmp_path, "a.tif", "b.tif")
    frame = {"scene": [7, 3], "path": ["a.tif", "b.tif"], "day": [date(2024, 6, 30), date(2024, 1, 2)], "fold": [1, 2]}
    pd.DataFrame(frame).to_parquet(tmp_path / "table.parquet")
    folder = load("", "table.parquet", date="day")
    assert folder.files == {"3": ("b.tif",), "7": ("a.tif",)}
    assert folder.dates["7"] == (date(2024, 6, 30),)
    assert folder.columns["3"] == {"fold": "2"}
    pd.DataFrame({**frame, "day": pd.to_datetime(["2024-06-30", None])}).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(DatasetError, match="found an empty cell in row 2, column 'day'"):
        load("", "table.parquet", date="day")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("scene,path\na,a.tif\n", {"paths": "pth"}, r"found no column 'pth'; columns: 'scene', 'path'\..*'path'"),
        ("scene,path\na,a.tif\n", {"columns": ["region"]}, "found no column 'region'"),
        ("scene,path\na,a.tif\n", {"date": "path"}, r"the columns \['path'\] are named for two things"),
        ("scene,path,r\na,a.tif,\n", {}, "found an empty cell in row 1, column 'r'; expected text. Fill it, or name"),
        ("scene,path\na,a.tif\na,b.tif\n", {}, "found the key 'a' in rows 1 and 2; expected one row. If they are its"),
        (
            "scene,path,day\na,a.tif,2024-06-30\na,b.tif,2024-06-30\n",
            {"date": "day"},
            r"found the key 'a' and the date 2024-06-30 in rows 1 and 2; expected one row\.$",
        ),
        ("scene,path,day\na,a.tif,30.6.2024\n", {"date": "day"}, "found '30.6.2024' in the column of the dates"),
        (
            'scene,path,day\na,a.tif,2024-06-30\na,b.tif,"2024-06-30,2024-07-10"\n',
            {"date": "day"},
            "found the key 'a' in rows 1 and 2; expected one row. Another row names several dates",
        ),
        (
            "scene,path\na,a.tif\nb,c.tif\n",
            {},
            "found 1 path.s. at which there is no file: 'c.tif'; expected paths rel",
        ),
        ("scene,path\na/b,a.tif\n", {}, "found the key 'a/b'; expected one without '/'"),
        ("scene,path\na,a|b.tif\n", {}, "found the path 'a|b.tif'; '|' separates files"),
        ("scene,path\n", {}, "found no row"),
        ("scene,path\na,x,a.tif\n", {}, "found 3 cells in row 1; expected a line with the names of columns"),
        ("", {}, "found an empty file; expected a line"),
        ('scene,path\na,"a.tif"x\n', {}, "found no table that can be read"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, load: Load, text: str, options: dict[str, Any], message: str) -> None:
    _touch(tmp_path, "a.tif", "b.tif")
    with pytest.raises(DatasetError, match=message.replace("|", r"\|")):
        load(text, **options)


def test_columns_reach_the_sample_table_as_text(tmp_path: Path, load: Load, tiny_data: SimpleNamespace) -> None:
    rows = [f"{key},{name},{number:03d}" for number, (key, (name,)) in enumerate(tiny_data.scenes.files.items())]
    folder = load("\n".join(["scene,path,zone", *rows]), folder=str(tiny_data.scenes.root))
    scan = scan_scenes(folder, tiny_data.labels, tiny_data.config)
    entry = SampleTableDataset(filepath=str(tmp_path / "samples.csv"))
    entry.save(scan.chips)
    read = entry.load()
    assert dict(zip(read["scene"], read["column_zone"], strict=True)) == {
        key: f"{number:03d}" for number, key in enumerate(tiny_data.scenes.files)
    }
    plain = scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config).chips
    pd.testing.assert_frame_equal(scan.chips.drop(columns="column_zone"), plain)
    config = tiny_data.config
    table = read.assign(split="train")
    chips = LabelledData(table, {"optical": folder}, tiny_data.labels, config.sources, config.target).chips("train")
    assert len(chips[0].patch.values["optical"]) == 3
