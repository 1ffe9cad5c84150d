"""Rasters by STAC items: from files and a server, through the catalog's YAML, to what scenes read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pystac
import pytest
import yaml
from kedro.io import DataCatalog, DatasetError
from rasterio.windows import Window

from groundwork.config import IndexingConfig, InferenceConfig
from groundwork.data.chips import labelled
from groundwork.data.scan import scan_scenes
from groundwork.data.scene_stack import files_of, folders_by_source, open_checked
from groundwork.errors import DataError, RasterError
from groundwork.prediction.inputs import check_scenes
from groundwork.rasters.folder import RasterFolder
from groundwork.specs import RasterSpec
from serving import served

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]


def _load(path: Path | str, assets: str | Sequence[str] = "data", **options: Any) -> RasterFolder:
    entry = {"type": "fieldwork.io.stac.StacItemsDataset", "path": str(path), "assets": assets, **options}
    catalog = DataCatalog.from_config(yaml.safe_load(yaml.safe_dump({"scenes": entry})))
    assert catalog.exists("scenes") == ("://" in str(path) or Path(path).exists())
    folder = catalog.load("scenes")
    assert isinstance(folder, RasterFolder)
    return folder


def _item(name: str, hrefs: dict[str, str], day: str | None = "2024-06-30", **properties: Any) -> dict[str, Any]:
    own = properties.pop("asset", {})
    span = {} if day else {"start_datetime": "2024-04-01T00:00:00Z", "end_datetime": "2024-09-30T00:00:00Z"}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": None,
        "properties": {"datetime": f"{day}T10:20:30Z" if day else None, **span, **properties},
        "links": [],
        "assets": {asset: {"href": href, **own} for asset, href in hrefs.items()},
        "collection": properties.get("of", "s2"),
    }


def _collect(place: Path, *items: dict[str, Any], **more: Any) -> Path:
    place.write_text(json.dumps({"type": "FeatureCollection", "features": items, **more}))
    return place


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_an_item_collection_names_files_relative_to_itself(tmp_path: Path) -> None:
    _touch(tmp_path, "r/b_B2.tif", "r/b_B3.tif", "a_B2.tif", "a_B3.tif")
    items = [
        _item("b", {"B2": "./r/b_B2.tif", "B3": str(tmp_path / "r/b_B3.tif"), "B4": "none.tif"}),
        _item("a", {"B2": "a_B2.tif", "B3": "a_B3.tif"}, day="2024-01-02"),
    ]
    folder = _load(_collect(tmp_path / "items.json", *items), ["B3", "B2"])
    assert folder.root == tmp_path
    assert folder.files == {"a": ("a_B3.tif", "a_B2.tif"), "b": ("r/b_B3.tif", "r/b_B2.tif")}
    assert folder.dates == {"a": (date(2024, 1, 2),), "b": (date(2024, 6, 30),)}
    assert folder.paths("b")[0] == tmp_path / "r/b_B3.tif"


def test_a_catalogue_is_read_with_all_its_parts_and_a_folder_with_all_its_items(tmp_path: Path) -> None:
    catalogue = pystac.Catalog("all", "for a test")
    for name, day in (("x", 1), ("y", 2)):
        child = pystac.Catalog(f"of_{name}", "for a test")
        item = pystac.Item(name, None, None, datetime(2024, 5, day), {})
        item.add_asset("data", pystac.Asset(f"{name}.tif"))
        child.add_item(item)
        catalogue.add_child(child)
    catalogue.normalize_and_save(str(tmp_path), pystac.CatalogType.SELF_CONTAINED)
    _touch(tmp_path, "of_x/x/x.tif", "of_y/y/y.tif")
    expected = {"x": ("of_x/x/x.tif",), "y": ("of_y/y/y.tif",)}
    assert _load(tmp_path / "catalog.json").files == expected
    assert _load(tmp_path).files == expected
    assert _load(tmp_path / "of_x/x/x.json").files == {"x": ("x.tif",)}


def test_items_of_one_place_are_its_dates(tmp_path: Path, make_spec: MakeSpec) -> None:
    _touch(tmp_path, *(f"{number}.tif" for number in range(4)))
    days = ["2024-10-05", "2024-06-30", "2024-08-01", "2024-08-01"]
    items = [
        _item(f"i{number}", {"data": f"{number}.tif"}, day=day, **{"grid:code": f"MGRS-{number // 3}"})
        for number, day in enumerate(days)
    ]
    path = _collect(tmp_path / "items.json", *items)
    folder = _load(path, key="grid:code")
    assert folder.files == {"MGRS-0": ("1.tif", "2.tif", "0.tif"), "MGRS-1": ("3.tif",)}
    assert folder.dates["MGRS-0"] == (date(2024, 6, 30), date(2024, 8, 1), date(2024, 10, 5))
    folder = _load(path, key="grid:code", dates=["2024-08-01", "2024-12-31"])
    assert folder.files == {"MGRS-0": ("2.tif", "0.tif"), "MGRS-1": ("3.tif",)}
    newest = folders_by_source(folder, {"s": make_spec("A", take_dates="newest")})["s"]
    assert newest.files["MGRS-0"] == ("0.tif",)
    assert [file.name for file in newest.stated["MGRS-0"]] == ["STAC item 'i0', asset 'data'"]


def test_items_are_chosen_by_clouds_and_collection(tmp_path: Path) -> None:
    _touch(tmp_path, "a.tif")
    items = [
        _item(name, {"data": "a.tif"}, of=of, **{"eo:cloud_cover": clouds})
        for name, of, clouds in (("clear", "s2", 3), ("cloudy", "s2", 80.5), ("other", "l8", 1))
    ]
    path = _collect(tmp_path / "items.json", *items)
    assert list(_load(path, max_cloud_cover=3).files) == ["clear", "other"]
    assert list(_load(path, collections=["s2"]).files) == ["clear", "cloudy"]
    with pytest.raises(DatasetError, match=r"found 3 item\(s\), of which none passes 'max_cloud_cover'"):
        _load(path, max_cloud_cover=2, collections=["s2"])
    with pytest.raises(DatasetError, match="'dates' are the first and the last day"):
        _load(path, dates=["2024-01-01"])


@pytest.mark.parametrize(
    ("items", "options", "message"),
    [
        ([_item("a", {"B02": "a.tif"})], {"assets": "BO2"}, r"'a': found no asset 'BO2'; assets: 'B02'\..*'B02'"),
        ([_item("a", {"data": "a.tif"})], {"key": "grid"}, "'a': found no property 'grid'; properties: 'datetime'"),
        ([_item("a", {"data": "a.tif"})], {"max_cloud_cover": 5}, "found no property 'eo:cloud_cover'"),
        ([_item("a", {"data": "a.tif"}, day=None)], {}, "'a': found no 'datetime', as it stands for a span of time"),
        ([_item("a", {"data": "b.tif"})], {}, r"found 1 asset\(s\) at which there is no file, .*b\.tif"),
        (
            [_item(name, {"data": "a.tif"}, place="p") for name in "ab"],
            {"key": "place"},
            "found the items 'a' and 'b' for the key 'p' and the date 2024-06-30; expected one",
        ),
        ([], {}, "found no STAC item"),
    ],
)
def test_what_is_wrong_is_refused(
    tmp_path: Path, items: list[dict[str, Any]], options: dict[str, Any], message: str
) -> None:
    _touch(tmp_path, "a.tif")
    with pytest.raises(DatasetError, match=message):
        _load(_collect(tmp_path / "items.json", *items), **options)


def test_a_span_has_the_date_that_is_named_or_none(tmp_path: Path) -> None:
    _touch(tmp_path, "a.tif")
    path = _collect(tmp_path / "items.json", _item("a", {"data": "a.tif"}, day=None))
    assert _load(path, date="start_datetime").dates == {"a": (date(2024, 4, 1),)}
    assert _load(path, date=None).dates == {}


def test_what_is_no_stac_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("{")
    (tmp_path / "other.json").write_text('{"type": "Table"}')
    with pytest.raises(DatasetError, match=r"text\.json: found no STAC that can be read \(JSONDecodeError"):
        _load(tmp_path / "text.json")
    with pytest.raises(DatasetError, match=r"other\.json: found no STAC that can be read"):
        _load(tmp_path / "other.json")
    with pytest.raises(DatasetError, match=r"none\.json: found no STAC that can be read \(FileNotFoundError"):
        _load(tmp_path / "none.json")
    paged = _collect(tmp_path / "page.json", links=[{"rel": "next", "href": "x"}])
    with pytest.raises(DatasetError, match="found one page of several"):
        _load(paged)


BAND = {"data_type": "int16", "nodata": -9999, "scale": 0.0001, "offset": -0.1}
#: An asset, what the spec says besides, and how they contradict each other.
CONTRADICTIONS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"raster:bands": [BAND]}, {"dtype": "uint16", "nodata": 0}, "stated data type int16 of band 'A'; expected uint16"),
    (
        {"raster:bands": [BAND]},
        {"nodata": 0},
        "stated nodata -9999 of band 'A'; expected nodata 0.0, .* Set 'nodata: -9999'.$",
    ),
    ({"raster:bands": [BAND]}, {}, "stated scale 0.0001 and offset -0.1 of band 'A'; expected scale 1 and offset 0"),
    ({"bands": [{"name": "x"}], "data_type": "int16", "nodata": "nan"}, {}, "stated nodata nan of band 'A'"),
    ({"bands": [{"name": "x", "raster:scale": 2.5}]}, {}, "stated scale 2.5 and offset 0"),
    ({"raster:bands": [BAND, BAND]}, {}, r"found 2 stated band\(s\); expected 1: \['A'\]"),
    (
        {"proj:epsg": 32632, "proj:transform": [20, 0, 5e5, 0, -20, 5e6]},
        {"pixel_size_m": 10},
        "found pixels of 20 m; expected",
    ),
    ({"proj:code": "EPSG:32632"}, {"georeference": "absent"}, "stated CRS EPSG:32632; expected no CRS"),
    ({"proj:code": "EPSG:1"}, {}, "stated CRS 'EPSG:1'; expected one that PROJ knows"),
]


@pytest.mark.parametrize(("own", "changes", "message"), CONTRADICTIONS)
def test_what_items_state_is_compared_with_the_spec(
    tmp_path: Path, make_spec: MakeSpec, own: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    _touch(tmp_path, "a.tif")
    folder = _load(_collect(tmp_path / "items.json", _item("a", {"data": "a.tif"}, asset=own)))
    with pytest.raises(RasterError, match=f"STAC item 'a', asset 'data': (found the )?{message}"):
        folders_by_source(folder, {"s": make_spec("A", **changes)})


@pytest.mark.parametrize(
    ("common", "own", "message"),
    [
        ({"nodata": 5}, {}, "stated nodata 5 of band 'A'"),
        ({"data_type": "uint8"}, {"nodata": -9999}, "stated data type uint8 of band 'A'"),
        ({"raster:offset": -0.1, "raster:scale": 0.0001}, {}, "stated scale 0.0001 and offset -0.1 of band 'A'"),
        ({}, {"raster:offset": 3}, "stated scale 1 and offset 3 of band 'A'"),
        ({"nodata": 5}, {"bands": [{"name": "A", "nodata": -9999}, {"name": "B"}]}, "stated nodata 5 of band 'B'"),
        ({"nodata": 5, "data_type": "uint8"}, {"nodata": -9999, "data_type": "int16"}, None),
    ],
)
def test_what_is_stated_of_all_assets_or_bands_holds_of_each(
    tmp_path: Path, make_spec: MakeSpec, common: dict[str, Any], own: dict[str, Any], message: str | None
) -> None:
    _touch(tmp_path, "a.tif")
    folder = _load(_collect(tmp_path / "items.json", _item("a", {"data": "a.tif"}, asset=own, **common)))
    with pytest.raises(RasterError, match=message) if message else nullcontext():
        folders_by_source(folder, {"s": make_spec("A", "B")})


@pytest.mark.parametrize("field", ["earthsearch:boa_offset_applied", "sentinel:boa_offset_applied"])
def test_an_offset_that_the_values_have_no_more_does_not_count(tmp_path: Path, make_spec: MakeSpec, field: str) -> None:
    _touch(tmp_path, "a.tif", "b.tif")
    specs = [make_spec(bands=[{"name": "A", "scale": 0.0001, "offset": offset}]) for offset in (0, -0.1)]
    for is_added, right, wrong in ((True, *specs), (False, *reversed(specs))):
        own = {"raster:bands": [BAND]}
        path = _collect(tmp_path / "items.json", _item("a", {"data": "a.tif"}, asset=own, **{field: is_added}))
        folders_by_source(_load(path), {"s": right})
        message = "offset 0 of band 'A', as the item says that the offset is applied already"
        with pytest.raises(RasterError, match=message if is_added else "offset -0.1 of band 'A'; expected"):
            folders_by_source(_load(path), {"s": wrong})
    both = [_item(key, {"data": f"{key}.tif"}, asset=own, **{field: key == "a"}) for key in "ab"]
    with pytest.raises(RasterError, match=r"STAC item 'b'.*offset -0\.1"):
        folders_by_source(_load(_collect(tmp_path / "both.json", *both)), {"s": specs[0]})


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"proj:shape": [64, 32]}, "found size 64 x 64 instead of 32 x 64 pixels; expected what STAC item '1', asset"),
        ({"proj:epsg": 32633}, "found CRS EPSG:32632 instead of EPSG:32633"),
        ({"proj:transform": [10, 0, 5e5, 0, -10, 5.1e6]}, r"found geotransform \(10, .* instead of \(10"),
        ({"proj:code": "EPSG:32632", "proj:shape": [64, 64], "proj:transform": [10, 0, 5e5, 0, -10, 5e6]}, None),
    ],
)
def test_what_items_state_of_the_place_is_compared_with_the_file(
    tmp_path: Path, tiny_data: SimpleNamespace, own: dict[str, Any], message: str | None
) -> None:
    item = _item("1", {"data": str(tiny_data.scenes.paths("1")[0])}, asset=own)
    folder = _load(_collect(tmp_path / "items.json", item))
    labels = RasterFolder(tiny_data.labels.root, {"1": tiny_data.labels.files["1"]})
    sources = tiny_data.config.sources
    if message is None:
        assert len(scan_scenes(folder, labels, tiny_data.config).chips) == 4
        return
    with pytest.raises(DataError, match=message):
        scan_scenes(folder, labels, tiny_data.config)
    with pytest.raises(RasterError, match=message):
        open_checked(folders_by_source(folder, sources), "1", sources)


def test_what_agrees_passes(tmp_path: Path, make_spec: MakeSpec) -> None:
    _touch(tmp_path, "a.tif", "b.tif")
    own = {"raster:bands": [BAND], "proj:epsg": 32632, "proj:transform": [10, 0, 5e5, 0, -10, 5e6, 0, 0, 1]}
    path = _collect(tmp_path / "items.json", _item("a", {"x": "a.tif", "y": "b.tif"}, asset=own))
    bands = [{"name": name, "scale": 0.0001, "offset": -0.1} for name in "AB"]
    spec = make_spec(bands=bands, pixel_size_m=10)
    assert folders_by_source(_load(path, ["x", "y"]), {"s": spec})["s"].files == {"a": ("a.tif", "b.tif")}
    # A mask is of whatever type, nodata and scale; what is not read matters to nobody.
    rule = {"band": "B", "values": [1]}
    other = [bands[0], {"name": "B", "dtype": "int16"}]
    folders_by_source(_load(path, ["x", "y"]), {"s": make_spec(bands=other, valid=rule)})
    folders_by_source(_load(path, ["x", "y"]), {"s": make_spec(bands=[bands[0], "B"], use=["A"])})


def test_a_server_gives_items_and_parts_of_their_rasters(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    pixels = np.random.default_rng(0).integers(0, 9000, (2, 256, 256)).astype(np.int16)
    write_raster(tmp_path / "r/a.tif", pixels, nodata=-9999, tiled=True, blockxsize=64, blockysize=64)
    _collect(tmp_path / "items.json", _item("a", {"data": "r/a.tif"}))
    with served(tmp_path) as (address, asked):
        folder = _load(f"{address}/items.json")
        assert folder.files == {"a": ("r/a.tif",)}
        assert str(folder.paths("a")[0]) == f"/vsicurl/{address}/r/a.tif"
        with open_checked(folders_by_source(folder, {"s": make_spec()}), "a", {"s": make_spec()}) as stack:
            read = stack.read(Window(70, 130, 20, 30))
        assert np.array_equal(read.values["s"], pixels[:, 130:160, 70:90])
        spans = [span for path, span in asked() if path == "/r/a.tif"]
        assert spans
        assert all(spans), "in parts, never as a whole"
        with pytest.raises(DatasetError, match=r"none\.json: found no STAC that can be read .*[Nn]ot [Ff]ound"):
            _load(f"{address}/none.json")
        _collect(tmp_path / "gone.json", _item("a", {"data": "gone.tif"}))
        gone = _load(f"{address}/gone.json")
        with pytest.raises(
            RasterError, match=r"127\.0\.0\.1:\d+/gone\.tif: found nothing that opens .*404.*; expected"
        ):
            open_checked({"s": gone}, "a", {"s": make_spec()})


def test_tables_are_the_same_as_of_a_folder(tiny_data: SimpleNamespace) -> None:
    items = [
        _item(key, {"data": str(tiny_data.scenes.paths(key)[0])}, day=f"2024-06-{number:02d}")
        for number, key in enumerate(tiny_data.scenes.files, start=1)
    ]
    folder = _load(_collect(tiny_data.root / "scenes/items.json", *items))
    (tiny_data.root / "scenes/items.json").unlink()
    assert files_of({"s": folder}, "11") == {"s": tiny_data.scenes.paths("11")}
    found = scan_scenes(folder, tiny_data.labels, tiny_data.config).chips
    pd.testing.assert_frame_equal(found, scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config).chips)


@pytest.mark.parametrize(
    ("size", "kind", "start", "message"),
    [
        (None, "sha256", "1220", None),
        (0, "md5", "d50110", None),
        (0, "blake2b", "a0e40220", None),
        (1, "sha256", "1220", r"found \d+ bytes; expected \d+, what STAC item '11', asset 'data' states"),
        (0, "sha1 of another", "1114", r"11.tif: found the sha1 \w{40}; expected \w{40}, what STAC item '11'"),
    ],
)
def test_a_file_that_is_not_the_one_of_its_item_is_refused_before_it_is_read(
    tiny_data: SimpleNamespace, tmp_path: Path, size: int | None, kind: str, start: str, message: str | None
) -> None:
    specs, plain = tiny_data.config.sources, InferenceConfig()
    items = []
    for key in ("11", "p4"):
        [path] = tiny_data.scenes.paths(key)
        contents = path.read_bytes()
        digest = hashlib.new(kind.split(maxsplit=1)[0], contents + b"x" * (" " in kind)).hexdigest()
        said = {"file:checksum": start + digest} | ({} if size is None else {"file:size": len(contents) + size})
        items.append(_item(key, {"data": str(path)}, asset=said if key == "11" else {}))
    folder = _load(_collect(tmp_path / "items.json", *items))
    labels = RasterFolder(tiny_data.labels.root, {key: tiny_data.labels.files[key] for key in folder.files})
    if message is None:
        assert len(scan_scenes(folder, labels, tiny_data.config).chips) > 0
        assert list(check_scenes(folder, specs, plain, None).grids) == ["11", "p4"]
        return
    with pytest.raises(DataError, match=message):
        scan_scenes(folder, labels, tiny_data.config)
    with pytest.raises(RasterError, match=message):
        check_scenes(folder, specs, plain, None)
    for index in (0, 1):
        part = InferenceConfig.model_validate({"shard": {"index": index, "count": 2}})
        with pytest.raises(RasterError, match=message) if index == 0 else nullcontext():
            check_scenes(folder, specs, part, None)


@pytest.mark.parametrize("engine", [{}, {"engine": "dask", "workers": 1}], ids=["here", "dask"])
def test_scenes_that_their_items_contradict_are_left_out_by_whoever_looks(
    tiny_data: SimpleNamespace, tmp_path: Path, engine: dict[str, Any]
) -> None:
    wrong = {
        "11": {"file:checksum": f"1220{64 * '0'}"},
        "p4": {"file:size": 1},
        "p5": {"raster:bands": [{"data_type": "int16", "nodata": 0}] * 3},
        "p6": {"proj:shape": [1, 2]},
    }
    items = []
    for key in tiny_data.scenes.files:
        [path] = tiny_data.scenes.paths(key)
        right = {"file:size": path.stat().st_size}
        items.append(_item(key, {"data": str(path)}, asset=right | wrong.get(key, {})))
    folder = _load(_collect(tmp_path / "items.json", *items))
    scan = scan_scenes(folder, tiny_data.labels, tiny_data.config, IndexingConfig(on_bad_scene="leave_out", **engine))
    why = scan.report.set_index("scene")["left_out"].dropna()
    told = {"11": "found the sha256", "p4": "expected 1, what STAC", "p5": "the stated nodata 0", "p6": "found size"}
    assert {key: told[key] for key, text in why.items() if told[key] in text} == told
    assert set(scan.cells) == {"1", "east"}
    samples = scan.chips.assign(split="train")
    # What reads the samples does not mind the scenes that were left out.
    specs = tiny_data.config.sources, tiny_data.config.target
    assert set(labelled(samples, folder, tiny_data.labels, specs).samples["scene"]) == {"1", "east"}
    with pytest.raises(RasterError, match=r"'p5', asset 'data': found the stated nodata 0 of band 'A'"):
        scan_scenes(folder, tiny_data.labels, tiny_data.config)


RED, GREEN, NIR = (
    {"name": "B04", "common_name": "red", "center_wavelength": 0.665},
    {"name": "B03", "common_name": "green"},
    {"name": "B8A", "eo:center_wavelength": 0.865},
)


@pytest.mark.parametrize(
    ("bands", "own", "message"),
    [
        (["RED", "GREEN"], {"eo:bands": [RED, GREEN]}, None),
        (["GREEN", "RED"], {"eo:bands": [RED, GREEN]}, "the stated band 'B04', 'red', 665 nm in the place of band 1"),
        (["GREEN", "RED"], {"eo:bands": [RED, GREEN], "raster:bands": [{}, {}]}, "expected 'GREEN', as 'sources'"),
        (["B04", "B03"], {"bands": [GREEN, RED]}, "the stated band 'B03', 'green' in the place of band 1"),
        (["RED", "NIR_NARROW"], {"bands": [RED, NIR]}, None),
        (["NIR_NARROW", "RED"], {"bands": [NIR, NIR]}, "'B8A', 865 nm in the place of band 2"),
        ([{"name": "a", "wavelength_nm": 665}, {"name": "b", "wavelength_nm": 560}], {"eo:bands": [RED, GREEN]}, None),
        ([{"name": "a", "wavelength_nm": 560}, "b"], {"eo:bands": [RED, GREEN]}, "expected 'a', 560 nm"),
        (["VV", "VH"], {"bands": [{"name": "vh"}, {"name": "vv"}]}, "the stated band 'vh' in the place of band 1"),
        (["VV", "VH"], {"bands": [{"name": "hh"}, {"name": "hv"}]}, None),
        # A description is what files call a band.
        ([{"name": "GREEN", "description": "B04"}, "RED"], {"bands": [RED, {"name": "RED"}]}, None),
        # Designations of other sensors, lists of other lengths, and names that are none.
        (["NIR", "RED"], {"bands": [{"name": "B4"}, {"name": "B3"}]}, None),
        (["GREEN", "RED"], {"eo:bands": [RED]}, None),
        (["GREEN", "RED"], {}, None),
    ],
)
def test_what_items_call_bands_is_compared_with_the_declared_order(
    tmp_path: Path, make_spec: MakeSpec, bands: list[Any], own: dict[str, Any], message: str | None
) -> None:
    _touch(tmp_path, "a.tif")
    folder = _load(_collect(tmp_path / "items.json", _item("a", {"data": "a.tif"}, asset=own)))
    assert folders_by_source(folder, {"s": make_spec(bands=bands, descriptions="ignore")})
    if message is None:
        assert folders_by_source(folder, {"s": make_spec(bands=bands)})
        return
    with pytest.raises(RasterError, match=f"STAC item 'a', asset 'data': .*{message}"):
        folders_by_source(folder, {"s": make_spec(bands=bands)})


def test_assets_in_another_order_than_bands_are_refused(tmp_path: Path, make_spec: MakeSpec) -> None:
    _touch(tmp_path, "x.tif", "y.tif")
    item = _item("a", {"red": "x.tif", "green": "y.tif"})
    for name, band in (("red", {"eo:bands": [RED]}), ("green", {"eo:common_name": "green"})):
        item["assets"][name] |= band
    path, spec = _collect(tmp_path / "items.json", item), make_spec("GREEN", "RED")
    assert folders_by_source(_load(path, ["green", "red"]), {"s": spec})["s"].files == {"a": ("y.tif", "x.tif")}
    with pytest.raises(RasterError, match=r"asset 'red': .*'B04', 'red', 665 nm in the place of band 1; expected 'GR"):
        folders_by_source(_load(path, ["red", "green"]), {"s": spec})
    # A band that is not read may be another one.
    assert folders_by_source(_load(path, ["green", "red"]), {"s": make_spec("GREEN", "NIR", use=["GREEN"])})
