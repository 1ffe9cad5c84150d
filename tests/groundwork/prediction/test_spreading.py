"""Scenes are predicted by several processes, by a cluster or part by part: the files are those of one process."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import rasterio
from pydantic import ValidationError

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.errors import PairingError, SpecError
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import RasterFolder


def write(bundle: Bundle, data: SimpleNamespace, folder: Path, **options: Any) -> None:
    config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8, "polygons": {}} | options)
    write_predictions(Names(folder), predict_scenes(bundle, data.scenes, config))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def expected(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("alone")
    write(tiny_bundle, tiny_data, folder)
    return contents(folder)


# That processes of this machine that die lose nothing is a test of the workers themselves.
def test_a_worker_that_dies_loses_nothing(
    expected: dict[str, bytes], tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    killed: list[int] = []

    def kill_one() -> None:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("*_classes.tif")) and time.monotonic() < deadline:
            time.sleep(0.005)
        at_work = [child for child in psutil.Process().children(recursive=True) if child.cpu_percent(0.05) > 0]
        for child in at_work[:1]:
            child.kill()
            killed.append(child.pid)

    killer = threading.Thread(target=kill_one)
    killer.start()
    write(tiny_bundle, tiny_data, tmp_path, engine="dask", workers=2)
    killer.join()
    assert killed
    assert contents(tmp_path) == expected


def test_parts_and_a_last_run_make_what_one_run_makes(
    expected: dict[str, bytes], tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    for index in (0, 1):
        write(tiny_bundle, tiny_data, tmp_path, shard={"index": index, "count": 2}, overwrite=False)
        done = len(list(tmp_path.glob("*_classes.tif")))
        assert done == (3 if index == 0 else 6)
        assert not (tmp_path / "collection.json").exists()
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in contents(tmp_path)}
    write(tiny_bundle, tiny_data, tmp_path, overwrite=False)
    assert contents(tmp_path) == expected
    rasters = [name for name in before if name.endswith(".tif")]
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in rasters} == {name: before[name] for name in rasters}


def test_each_part_sees_what_all_scenes_are(tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace) -> None:
    first, *_, last = sorted(tiny_data.scenes.files)
    # Names that differ in case alone are one file on some disks; each lies in another part.
    twins = {first: tiny_data.scenes.files[first], "x": tiny_data.scenes.files[last], "X": tiny_data.scenes.files[last]}
    scenes = RasterFolder(tiny_data.scenes.root, dict(sorted(twins.items())))
    for index in range(3):
        config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8, "shard": {"index": index, "count": 3}})
        with pytest.raises(PairingError, match=r"[xX]"):
            write_predictions(Names(tmp_path), predict_scenes(tiny_bundle, scenes, config))
    assert not list(tmp_path.glob("*.tif"))
    with rasterio.open(tiny_data.root / "scenes" / "11.tif") as raster:
        area = {"bounds": list(raster.bounds), "crs": raster.crs.to_string()}
    for index in range(6):
        write(tiny_bundle, tiny_data, tmp_path, shard={"index": index, "count": 6}, area=area)
    assert (tmp_path / "11_classes.tif").is_file(), "parts without a scene in the area end well"


def test_what_cannot_be_spread_is_refused(tiny_bundle: Bundle) -> None:
    del tiny_bundle
    with pytest.raises(ValidationError, match=r"index is 3, and of 3 parts the last is 2"):
        InferenceConfig.model_validate({"shard": {"index": 3, "count": 3}})
    with pytest.raises(ValidationError, match=r"leave the mosaic to a last run"):
        InferenceConfig.model_validate({"shard": {"index": 0, "count": 3}, "mosaic": {}})
    with pytest.raises(ValidationError, match=r"'scheduler' is for engine dask"):
        InferenceConfig.model_validate({"scheduler": "tcp://10.0.0.7:8786"})


def test_an_exported_file_stays_in_one_process(
    tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bundle, "exported", tiny_bundle.build_model(), raising=False)
    with pytest.raises(SpecError, match=r"an exported file stays in one"):
        write(tiny_bundle, tiny_data, tmp_path, workers=2)
