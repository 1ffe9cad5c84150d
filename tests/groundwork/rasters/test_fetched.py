"""Files at addresses that are read whole: copied once, fetched anew where they change, refused where they are not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import geopandas
import pandas as pd
import pystac
import pytest
import shapely

from groundwork.data.label_files import find_coco, find_vectors
from groundwork.data.label_table import LabelTable, read_label_table
from groundwork.data.regions import read_regions
from groundwork.errors import PairingError
from groundwork.rasters.addresses import place_of
from groundwork.rasters.fetched import fetched
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.raster_table import TableColumns, read_raster_table
from groundwork.rasters.shared import SharedFiles
from groundwork.rasters.stac import ItemChoice, find_items
from groundwork.rasters.stores import VARIABLES
from serving import served
from storing import KEY, SECRET, Store, stored

COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}],
    "categories": [{"id": 1, "name": "ship"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 3]}],
}


def _write(root: Path) -> None:
    (root / "each").mkdir(parents=True)
    field = geopandas.GeoDataFrame({"kind": ["crop"]}, geometry=[shapely.box(0, 0, 100, 100)], crs="EPSG:32632")
    field.to_file(root / "fields.gpkg", layer="fields")
    field.to_file(root / "fields.shp")
    for key in ("a", "b"):
        field.assign(kind=key).to_file(root / f"each/{key}.geojson")
    (root / "objects.json").write_text(json.dumps(COCO))
    pd.DataFrame({"key": ["007", "b"], "class": ["crop", "forest"]}).to_csv(root / "classes.csv", index=False)
    pd.DataFrame({"key": ["a"], "path": ["a.tif"]}).to_csv(root / "rasters.csv", index=False)
    item = pystac.Item("a", None, None, pd.Timestamp("2024-06-30").to_pydatetime(), {})
    item.add_asset("image", pystac.Asset("./a.tif"))
    (root / "item.json").write_text(json.dumps(item.to_dict()))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    root = tmp_path_factory.mktemp("store")
    _write(root)
    with stored(tmp_path_factory.mktemp("asked")) as found:
        found.fill("labels", root)
        yield found


@pytest.fixture
def _access(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # As of a server of one's own; what GDAL is told of it is gone after the test.
    for name in (*VARIABLES.values(), "AWS_S3_ENDPOINT", "AWS_HTTPS", "AWS_VIRTUAL_HOSTING", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    for name, value in (("ACCESS_KEY_ID", KEY), ("SECRET_ACCESS_KEY", SECRET), ("ENDPOINT_URL_S3", store.url)):
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.mark.usefixtures("_access")
def test_each_form_of_labels_is_read_from_a_bucket_as_from_a_folder() -> None:
    for name in ("fields.gpkg", "fields.shp"):
        shared = find_vectors(place_of(f"s3://labels/{name}"), [], "each/a.geojson")
        assert isinstance(shared, SharedFiles)
        assert shared.names == (name, "each/a.geojson")
        assert list(shared.for_keys(["x"]).files) == ["x"], "both are there"
        assert geopandas.read_file(shared.root / name)["kind"].tolist() == ["crop"]
    each = find_vectors(place_of("s3://labels/each"), ["{key}.geojson"])
    assert isinstance(each, RasterFolder)
    assert {key: geopandas.read_file(each.paths(key)[0])["kind"].item() for key in each.files} == {"a": "a", "b": "b"}
    assert list(_table(find_coco(place_of("s3://labels/objects.json"), "", "{key}.png")).rows) == ["a"]
    classes = read_label_table(fetched(place_of("s3://labels/classes.csv")), "key")
    assert classes.rows == {"007": {"class": "crop"}, "b": {"class": "forest"}}
    assert len(read_regions(fetched(place_of("s3://labels/fields.gpkg"))).polygons) == 1
    rasters = read_raster_table(
        fetched(place_of("s3://labels/rasters.csv")), place_of("s3://labels"), TableColumns("key", ("path",))
    )
    assert str(rasters.paths("a")[0]) == "/vsis3/labels/a.tif"
    items = find_items("s3://labels/item.json", ItemChoice(("image",)))
    assert str(items.paths("a")[0]) == "/vsis3/labels/a.tif"


def _table(found: LabelTable | RasterFolder) -> LabelTable:
    assert isinstance(found, LabelTable)
    return found


@pytest.mark.usefixtures("_access")
def test_what_did_not_change_is_fetched_once_and_what_did_anew(store: Store, tmp_path: Path) -> None:
    address = place_of("s3://changing/classes.csv")
    (tmp_path / "classes.csv").write_text("key,class\na,crop\n")
    store.fill("changing", tmp_path)
    assert fetched(address).read_text() == "key,class\na,crop\n"
    before = len(store.asked())
    copy = fetched(address)
    assert not [line for line in store.asked()[before:] if line.startswith("GET") and "classes.csv" in line]
    # Of the same length: its size does not tell.
    (tmp_path / "classes.csv").write_text("key,class\na,lake\n")
    store.fill("changing", tmp_path)
    assert fetched(address) == copy
    assert copy.read_text() == "key,class\na,lake\n"


@pytest.mark.usefixtures("_access")
def test_an_address_that_does_not_answer_is_refused_by_its_own_name() -> None:
    with pytest.raises(PairingError, match=r"/vsis3/labels/none\.gpkg: found no file that can be fetched"):
        find_vectors(place_of("s3://labels/none.gpkg"), [])
    with pytest.raises(PairingError, match=r"/vsicurl/http://127\.0\.0\.1:1/none\.csv: found no file"):
        fetched(place_of("http://127.0.0.1:1/none.csv"))


def test_servers_and_archives_hold_labels_as_well(tmp_path: Path) -> None:
    _write(tmp_path / "labels")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "labels/fields.gpkg", "deep/fields.gpkg")
    inside = find_vectors(place_of(f"/vsizip/{tmp_path}/all.zip/deep/fields.gpkg"), [])
    assert isinstance(inside, SharedFiles)
    assert geopandas.read_file(inside.root / inside.names[0])["kind"].tolist() == ["crop"]
    with pytest.raises(PairingError, match="which leaves it"):
        find_vectors(place_of(f"/vsizip/{tmp_path}/all.zip/deep/fields.gpkg"), [], "../out.geojson")
    with served(tmp_path) as (url, _):
        table = fetched(place_of(f"{url}/labels/classes.csv?token=a"))
        assert read_label_table(table, "key").rows["007"] == {"class": "crop"}
        shared = find_vectors(place_of(f"{url}/labels/fields.gpkg?token=a"), [])
        assert isinstance(shared, SharedFiles)
        assert list(shared.for_keys(["x"]).files) == ["x"]
        assert len(_table(find_coco(place_of(f"{url}/labels/objects.json"), "", "{key}.png")).rows) == 1


def test_a_file_of_this_machine_is_no_copy(tmp_path: Path) -> None:
    assert fetched(tmp_path / "a.gpkg") == tmp_path / "a.gpkg"


def test_copies_go_with_the_process_that_made_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("key\n")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "a.csv", "a.csv")
    (tmp_path / "temporary").mkdir()
    code = (
        "from groundwork.rasters.fetched import fetched; from groundwork.rasters.addresses import place_of;"
        f"print(fetched(place_of('/vsizip/{tmp_path}/all.zip/a.csv')).read_text())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith("key")
    assert not list((tmp_path / "temporary").iterdir())
