"""Addresses: kept letter by letter, joined as paths are, listed through fsspec, opened by GDAL."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import fsspec
import numpy as np
import pandas as pd
import pytest
from fsspec import AbstractFileSystem
from rasterio.windows import Window

from groundwork.data.chips import LabelledData
from groundwork.data.scan import scan_scenes
from groundwork.errors import PairingError, RasterError
from groundwork.rasters.addresses import Address, name_below, name_inside, place_below, place_of
from groundwork.rasters.folder import find_rasters, has_files
from groundwork.rasters.listing import names_below
from groundwork.rasters.opening import open_dataset
from serving import served

Write = Callable[..., Path]
PIXELS = np.arange(2 * 6 * 8, dtype=np.int16).reshape(2, 6, 8)


@pytest.mark.parametrize(
    ("text", "gdal"),
    [
        ("https://host/a//b/../c.tif".replace("//b/..", ""), "/vsicurl/https://host/a/c.tif"),
        ("http://host:8000/a.tif?x=1&y=%2F", "/vsicurl/http://host:8000/a.tif?x=1&y=%2F"),
        ("s3://bucket/folder/", "/vsis3/bucket/folder"),
        ("gs://bucket/a.tif", "/vsigs/bucket/a.tif"),
        ("abfs://box/a.tif", "/vsiaz/box/a.tif"),
        ("/vsizip/scenes.zip", "/vsizip/{scenes.zip}"),
        ("/vsizip//data/scenes.zip/x/a.tif", "/vsizip/{/data/scenes.zip}/x/a.tif"),
        ("/vsizip/{/vsicurl/https://host/a}/b.tif", "/vsizip/{/vsicurl/https://host/a}/b.tif"),
        ("zip://x/a.tif::https://host/s.zip", "/vsizip/{/vsicurl/https://host/s.zip}/x/a.tif"),
        ("/vsitar/s.tar.gz/a.tif", "/vsitar/{s.tar.gz}/a.tif"),
        ('NETCDF:"/data/a.nc":ndvi', 'NETCDF:"/data/a.nc":ndvi'),
        ('HDF5:"/vsicurl/https://host/a.h5"://x/y', 'HDF5:"/vsicurl/https://host/a.h5"://x/y'),
    ],
)
def test_addresses_are_named_as_gdal_names_them(text: str, gdal: str) -> None:
    address = place_of(text)
    assert isinstance(address, Address)
    assert str(address) == gdal
    assert str(pickle.loads(pickle.dumps(address))) == gdal
    assert place_of(gdal) == address


def test_addresses_join_as_paths_do() -> None:
    root = place_of("https://host/data")
    below = root / "x" / "a.tif"
    assert (str(below), below.name, below.stem) == ("/vsicurl/https://host/data/x/a.tif", "a.tif", "a")
    assert str(below.parent.parent) == str(root)
    assert name_below(root, below) == "x/a.tif"
    assert place_below(root, "x/a.tif") == below
    assert place_below(Path("/data"), "https://host/data/x/a.tif") == below
    assert name_below(Path("/data"), below) == str(below)


@pytest.mark.parametrize("text", ["/data/scenes", "data/a.tif", "file:///data/scenes", "C:x"])
def test_paths_stay_paths(text: str) -> None:
    place = place_of(text)
    assert not isinstance(place, Address)
    assert place == Path(text.removeprefix("file://"))


def test_an_address_that_would_change_is_refused() -> None:
    with pytest.raises(RasterError, match=r"found an address that would be read as .*h/a/b\.tif; .*Write them as %2F"):
        place_of("https://h/a//b.tif")
    with pytest.raises(RasterError, match=r"found no name of an archive; expected an archive that ends in \.zip"):
        place_of("/vsizip/scenes/a.tif")


@pytest.fixture
def memory() -> Iterator[AbstractFileSystem]:
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.rm("/box", recursive=True)


def test_any_file_system_is_listed(memory: AbstractFileSystem) -> None:
    for name in ("x/b.tif", "a.tif", ".hidden/c.tif", "x/.part.tif", "s.zarr/.zgroup", "s.zarr/v/0.0"):
        memory.pipe(f"/box/{name}", b"x")
    assert names_below(memory, "/box") == ["a.tif", "s.zarr", "x/b.tif"]
    assert names_below(memory, "/box/x") == ["b.tif"]
    assert names_below(memory, "/box/a.tif") is None
    with pytest.raises(FileNotFoundError):
        names_below(memory, "/box/none")


@pytest.fixture
def archive(tmp_path: Path, write_raster: Write) -> Path:
    """An archive with the rasters ``a`` and ``b`` in a folder, and a text."""
    file = tmp_path / "scenes.zip"
    with zipfile.ZipFile(file, "w") as zipped:
        for number, key in enumerate("ba"):
            zipped.write(write_raster(tmp_path / f"{key}.tif", PIXELS + number), f"x/{key}_s2.tif")
        zipped.writestr("readme.txt", "of no matter")
    return file


def test_an_archive_is_read_without_unpacking_it(archive: Path) -> None:
    root = place_of(f"/vsizip/{archive}")
    assert has_files(root)
    folder = find_rasters(root, ["x/{key}_s2.tif"])
    assert folder.files == {"a": ("x/a_s2.tif",), "b": ("x/b_s2.tif",)}
    with open_dataset(folder.paths("a")[0]) as dataset:
        assert np.array_equal(dataset.read(), PIXELS + 1)
    assert find_rasters(root / "x", ["{key}_s2.tif"]).files == {"a": ("a_s2.tif",), "b": ("b_s2.tif",)}
    alone = find_rasters(root / "x" / "a_s2.tif", ["{key}.tif"])
    assert alone.files == {"a_s2": ("a_s2.tif",)}
    assert alone.paths("a_s2") == folder.paths("a")
    with pytest.raises(
        PairingError, match=r"found no file that matches \['\{key\}\.tiff'\]; files there: 'readme\.txt'"
    ):
        find_rasters(root, ["{key}.tiff"])
    with pytest.raises(PairingError, match=r"found no answer \(FileNotFoundError: none\)"):
        find_rasters(root / "none", ["{key}.tif"])
    with pytest.raises(PairingError, match=r"none\.zip\}: found no archive that opens \(FileNotFoundError"):
        find_rasters(place_of(f"/vsizip/{archive.parent}/none.zip"), ["{key}.tif"])


def test_a_server_is_listed_and_read(archive: Path) -> None:
    with served(archive.parent) as (address, _):
        root = place_of(address)
        folder = find_rasters(root, ["{key}.tif"])
        assert folder.files == {"a": ("a.tif",), "b": ("b.tif",)}
        with open_dataset(folder.paths("a")[0]) as dataset:
            assert np.array_equal(dataset.read(window=Window(2, 1, 3, 4)), PIXELS[:, 1:5, 2:5] + 1)
        zipped = find_rasters(place_of(f"zip://x::{address}/scenes.zip"), ["{key}_s2.tif"])
        with open_dataset(zipped.paths("b")[0]) as dataset:
            assert np.array_equal(dataset.read(), PIXELS)
        with pytest.raises(PairingError, match=r"/none: found no answer \(FileNotFoundError"):
            find_rasters(root / "none", ["{key}.tif"])
    with pytest.raises(PairingError, match=r"found no answer \(ClientConnectorError: .*name the rasters in a table"):
        find_rasters(root, ["{key}.tif"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gs://bucket/x", r"listing or fetching it needs the package gcsfs. Install it \(`pip install gcsfs`\)"),
        ("/vsimem/x", "found an address that cannot be listed; expected http, https, s3, gs, az, or an archive"),
    ],
)
def test_what_cannot_be_listed_says_why(text: str, message: str) -> None:
    with pytest.raises(PairingError, match=message):
        find_rasters(place_of(text), ["{key}.tif"])


def test_tables_of_an_archive_are_those_of_the_folder(tmp_path: Path, tiny_data: SimpleNamespace) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as zipped:
        for folder in ("scenes", "labels"):
            for file in (tiny_data.root / folder).glob("*.tif"):
                zipped.write(file, f"{folder}/{file.name}")
    root, config = place_of(f"/vsizip/{tmp_path}/all.zip"), tiny_data.config
    scenes, labels = (find_rasters(root / name, ["{key}.tif"]) for name in ("scenes", "labels"))
    chips = scan_scenes(scenes, labels, config).chips
    pd.testing.assert_frame_equal(chips, scan_scenes(tiny_data.scenes, tiny_data.labels, config).chips)
    data = LabelledData(chips.assign(split="train"), {"optical": scenes}, labels, config.sources, config.target)
    assert data.chips("train")[3].patch.values["optical"].shape == (3, 32, 32)


def test_variables_are_those_of_files_that_hold_several() -> None:
    assert name_inside("x/a.nc", "ndvi") == 'NETCDF:"x/a.nc":ndvi'
    assert name_inside("a.zarr", "ndvi") == 'ZARR:"a.zarr":/ndvi'
    assert name_inside("a.h5", "/grid/ndvi") == 'HDF5:"a.h5"://grid/ndvi'
    with pytest.raises(RasterError, match=r"a\.tif: found a file of which 'variable' names 'ndvi'; expected one that"):
        name_inside("a.tif", "ndvi")
