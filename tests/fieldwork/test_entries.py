from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node

from fieldwork.entries import CatalogError, check_entries, check_inputs, check_lists, check_overlaps, check_regions
from fieldwork.io.lists import SplitListsDataset
from groundwork.config.split import SplitConfig


def same(value: Any) -> Any:
    """Give back what comes in."""
    return value


PREDICT = Pipeline([node(same, "scenes", "predictions")])
MAKE = Pipeline([node(same, "number", "scenes")])


def catalog_of(scenes: Path, predictions: Path) -> DataCatalog:
    raster, result = "fieldwork.io.rasters.RasterFolderDataset", "fieldwork.io.predictions.PredictionsDataset"
    return DataCatalog.from_config(
        {"scenes": {"type": raster, "path": str(scenes)}, "predictions": {"type": result, "path": str(predictions)}}
    )


@pytest.mark.parametrize(("name", "near"), [("scnes", "scenes"), ("prediction", "predictions")])
def test_an_entry_that_no_pipeline_reads_is_refused_with_the_near_miss(name: str, near: str) -> None:
    with pytest.raises(CatalogError, match=f"'{name}': no pipeline reads or makes it. Did you mean '{near}'"):
        check_entries({"scenes": {}, name: {"metadata": None}}, [PREDICT])


def test_an_entry_that_says_who_reads_it_passes() -> None:
    check_entries({"scenes": {}, "{name}_table": {}, "mine": {"metadata": {"read_by": "a notebook"}}}, [PREDICT])


def test_a_missing_input_is_refused_with_what_makes_it(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path / "scenes", tmp_path / "predictions")
    with pytest.raises(CatalogError, match=r"'scenes': there is nothing at .*Run `kedro run --pipelines make` first"):
        check_inputs(PREDICT, catalog, {"make": MAKE, "predict": PREDICT})
    with pytest.raises(CatalogError, match=r"there is nothing at .*Correct its path"):
        check_inputs(PREDICT, catalog, {"predict": PREDICT})
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes/a.tif").touch()
    check_inputs(PREDICT, catalog, {"make": MAKE, "predict": PREDICT})


@pytest.mark.parametrize(
    ("scenes", "predictions"),
    [("scenes", "scenes"), ("scenes", "scenes/out"), ("all/scenes", "all"), ("scenes", "other/../scenes")],
)
def test_predictions_among_the_scenes_are_refused(tmp_path: Path, scenes: str, predictions: str) -> None:
    with pytest.raises(CatalogError, match=r"'predictions' would be written to .* of 'scenes' in"):
        check_overlaps(PREDICT, catalog_of(tmp_path / scenes, tmp_path / predictions), {})


def test_predictions_among_the_rasters_of_another_pipeline_are_refused(tmp_path: Path) -> None:
    raster, result = "fieldwork.io.rasters.RasterFolderDataset", "fieldwork.io.predictions.PredictionsDataset"
    words = {
        "scenes": {"type": raster, "path": str(tmp_path / "scenes")},
        "labels": {"type": raster, "path": str(tmp_path / "labels"), "pattern": "{key}_classes.tif"},
        "predictions": {"type": result, "path": str(tmp_path / "labels")},
    }
    train = Pipeline([node(same, "labels", "bundle")])
    with pytest.raises(CatalogError, match=r"'predictions' would be written to .* of 'labels' in"):
        check_overlaps(PREDICT, DataCatalog.from_config(words), {"train": train, "predict": PREDICT})


def test_two_results_in_one_place_are_refused(tmp_path: Path) -> None:
    kind = "json.JSONDataset"
    words = {name: {"type": kind, "filepath": str(tmp_path / "same.json")} for name in ("scores", "metrics")}
    both = Pipeline([node(same, "number", "scores"), node(same, "number", "metrics")])
    with pytest.raises(CatalogError, match=r"'\w+' and '\w+' would be written to .* in each other's way"):
        check_overlaps(both, DataCatalog.from_config(words), {})


def test_what_is_not_kept_between_runs_is_named_with_what_makes_it() -> None:
    whole = Pipeline([node(same, "scenes", "cells", name="scan"), node(same, "cells", "statistics", name="add_up")])
    with pytest.raises(CatalogError, match=r"'cells' is not kept .* Run whole pipelines .* makes it as well: 'scan'"):
        check_inputs(whole.only_nodes("add_up"), DataCatalog(), {"data_prep": whole})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("params:rows", r"Node 'draw' reads 'params:rows', which is stated nowhere\. State it in a file of parameters"),
        ("scnes", r"Node 'draw' reads 'scnes', which is not in the catalog.* Did you mean 'scenes'\? Add it"),
    ],
)
def test_an_input_that_nobody_states_is_refused_with_the_node_that_reads_it(name: str, message: str) -> None:
    draw = Pipeline([node(same, name, "picture", name="draw")])
    with pytest.raises(CatalogError, match=message):
        check_inputs(draw, DataCatalog({"scenes": MemoryDataset(1)}), {"figures": draw})


@pytest.mark.parametrize("lock", ["dvc.lock", "conf/mine/dvc.lock", "scenes.dvc", "scenes2.dvc"])
def test_what_dvc_keeps_is_fetched_rather_than_made_anew(tmp_path: Path, lock: str) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "conf/mine").mkdir(parents=True)
    up = "../../" if lock.startswith("conf") else ""
    (tmp_path / lock).write_text(f"stages:\n  make:\n    outs:\n    - path: {up}scenes\n      hash: md5\n")
    with pytest.raises(CatalogError) as raised:
        check_inputs(PREDICT, catalog_of(tmp_path / "scenes", tmp_path / "out"), {"make": MAKE, "predict": PREDICT})
    place = tmp_path / ("scenes.dvc" if lock == "scenes.dvc" else "scenes")
    command = f", or fetch it, where it was pushed: `dvc pull {place}`."
    assert str(raised.value).endswith(command) == (lock != "scenes2.dvc")
    assert ("dvc" in str(raised.value).rpartition("Run ")[2]) == (lock != "scenes2.dvc")


@pytest.mark.parametrize("text", ["stages:\n  use:\n    deps:\n    - path: scenes\n", "<<<<<<< HEAD\nstages:\n"])
def test_what_a_stage_only_reads_is_not_fetched(tmp_path: Path, text: str) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(CatalogError) as raised:
        check_inputs(PREDICT, catalog_of(tmp_path / "scenes", tmp_path / "out"), {"make": MAKE, "predict": PREDICT})
    assert "dvc" not in str(raised.value).rpartition("Run ")[2]


def test_predictions_over_a_linked_folder_of_scenes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "scenes")
    with pytest.raises(CatalogError, match="'predictions' would be written to"):
        check_overlaps(PREDICT, catalog_of(tmp_path / "scenes", tmp_path / "linked"), {})


@pytest.mark.parametrize(("scenes", "predictions"), [("scenes", "predictions"), ("scenes/a.tif", "scenes/out")])
def test_predictions_beside_the_scenes_pass(tmp_path: Path, scenes: str, predictions: str) -> None:
    check_overlaps(PREDICT, catalog_of(tmp_path / scenes, tmp_path / predictions), {})
    check_overlaps(MAKE, catalog_of(tmp_path / "scenes", tmp_path / "made"), {"predict": PREDICT, "make": MAKE})


def test_the_table_of_the_sample_is_made_where_it_is_read(tmp_path: Path) -> None:
    tabled = {"filepath": str(tmp_path / "tiles.csv"), "key": "tile", "paths": "path"}
    words = {
        "scenes": {"type": "fieldwork.io.raster_table.RasterTableDataset", **tabled},
        "tiles": {"type": "fieldwork.io.atomic.AtomicCSV", "filepath": str(tmp_path / "tiles.csv")},
    }
    catalog, make = DataCatalog.from_config(words), Pipeline([node(same, "number", "tiles")])
    check_overlaps(make, catalog, {"predict": PREDICT, "sample_data": make})
    with pytest.raises(CatalogError, match=r"'tiles' would be written to .* in the way of the rasters of 'scenes'"):
        check_overlaps(make, catalog, {"predict": PREDICT, "other": make})


@pytest.mark.parametrize(
    ("method", "lists", "message"),
    [
        ("lists", {}, r"no list for \['train', 'test'\]"),
        ("lists", {"train": ["a"]}, r"no list for \['test'\]; found lists for \['train'\]"),
        ("lists", {"train": ["a"], "test": []}, r"the lists of \['test'\] name no scene"),
        ("scenes", {"train": ["a"]}, "is 'scenes', which ignores them"),
    ],
)
def test_lists_that_are_missing_or_would_be_ignored_are_refused(
    method: Any, lists: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        check_lists(SplitConfig(method=method), lists)


def test_lists_that_are_used_pass() -> None:
    check_lists(SplitConfig(method="lists"), {"train": ["a"], "test": ["b"]})
    check_lists(SplitConfig(method="scenes"), {})


def test_a_list_may_begin_with_the_mark_of_windows(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbft0\r\nt1\r\n")
    assert SplitListsDataset(files={"train": str(tmp_path / "train.txt")}).load() == {"train": ["t0", "t1"]}


def test_a_list_in_another_encoding_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes("Zürich\n".encode("latin-1"))
    with pytest.raises(Exception, match=r"train\.txt is no text in UTF-8 .* Save it as UTF-8"):
        SplitListsDataset(files={"train": str(tmp_path / "train.txt")}).load()


def test_a_split_by_polygons_and_its_file_go_together() -> None:
    polygons, scenes = SplitConfig(method="polygons", attribute="region"), SplitConfig(method="scenes")
    check_regions(polygons, {"path": "regions.gpkg"})
    check_regions(scenes, {"path": None})
    with pytest.raises(CatalogError, match="entry 'split_regions' names no file"):
        check_regions(polygons, {"path": None})
    with pytest.raises(CatalogError, match=r"names regions.gpkg, but data.split.method is 'scenes', which ignores"):
        check_regions(scenes, {"path": "regions.gpkg"})
