"""Scenes are predicted by several processes, by a cluster or part by part: the files are those of one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import rasterio
from pydantic import ValidationError

from groundwork.bundle import Bundle
from groundwork.config import DataConfig, InferenceConfig, ModelConfig
from groundwork.errors import PairingError, SpecError
from groundwork.prediction.names import Names
from groundwork.prediction.rows import blocks_of
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.spreading import Writing, spread
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.training.initial import build_initial


def write(bundle: Bundle, data: SimpleNamespace, folder: Path, **options: Any) -> None:
    config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8, "polygons": {}} | options)
    write_predictions(Names(folder), predict_scenes(bundle, data.scenes, config))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@contextmanager
def one_killed(folder: Path, pattern: str) -> Iterator[None]:
    """Kill one of the processes that are at work, once there is a file of such a name."""
    killed: list[int] = []

    def kill_one() -> None:
        deadline = time.monotonic() + 60
        while not list(folder.glob(pattern)) and time.monotonic() < deadline:
            time.sleep(0.002)
        at_work = [child for child in psutil.Process().children(recursive=True) if child.cpu_percent(0.05) > 0]
        for child in at_work[:1]:
            child.kill()
            killed.append(child.pid)

    killer = threading.Thread(target=kill_one)
    killer.start()
    yield
    killer.join()
    assert killed


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
    with one_killed(tmp_path, "*_classes.tif"):
        write(tiny_bundle, tiny_data, tmp_path, engine="dask", workers=2)
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


def test_each_part_sees_what_all_scenes_are(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
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
    assert "have nothing to do" not in caplog.text
    for index in range(6):
        caplog.clear()
        write(tiny_bundle, tiny_data, tmp_path, shard={"index": index, "count": 6}, area=area)
    assert (tmp_path / "11_classes.tif").is_file(), "parts without a scene in the area end well"
    assert caplog.text.count("'inference.shard.count' is 6, and there are 1 scene(s)") == 1
    assert "those from 1 on have nothing to do" in caplog.text


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
    assert not list(tmp_path.iterdir()), "nothing is written before it is refused"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> SimpleNamespace:
    """One scene of many rows of tiles, some of them without data."""
    root = tmp_path_factory.mktemp("large")
    image = np.random.default_rng(0).integers(100, 3000, (3, 700, 90)).astype(np.int16)
    image[:, 300:380] = -9999
    image[:, 500:, :30] = -9999
    write_raster(root / "scenes" / "one.tif", image, nodata=-9999, tags={"DATE": "2024-06-01"})
    return SimpleNamespace(scenes=find_rasters(root / "scenes", ["{key}.tif"]))


@pytest.fixture(scope="module")
def of_one_process(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, large: SimpleNamespace
) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("one_process")
    write(tiny_bundle, large, folder, probabilities=True)
    return contents(folder)


def test_blocks_of_one_scene_are_predicted_by_several_and_one_that_dies_loses_nothing(
    of_one_process: dict[str, bytes], tmp_path: Path, tiny_bundle: Bundle, large: SimpleNamespace
) -> None:
    with one_killed(tmp_path, ".partial-*/0/rows-*"):
        write(tiny_bundle, large, tmp_path, probabilities=True, workers=2, block_rows=50)
    assert contents(tmp_path) == of_one_process


def test_large_scenes_are_cut_where_there_are_fewer_than_workers(
    of_one_process: dict[str, bytes], tmp_path: Path, tiny_bundle: Bundle, large: SimpleNamespace
) -> None:
    config = InferenceConfig(tile_size=32, overlap=8, workers=2)
    blocks = blocks_of(700, 1, config)
    assert len(blocks) == 4
    assert [row for rows in blocks for row in rows] == list(range(29))
    assert min(len(rows) for rows in blocks[:-1]) >= 8
    assert len(blocks_of(700, 2, config)) == 1, "each worker has a scene of its own"
    assert len(blocks_of(100, 1, config)) == 1, "too small"
    assert len(blocks_of(700, 1, config.model_copy(update={"block_rows": None}))) == 1
    seen = set[str]()

    def look() -> None:
        while threading.main_thread().is_alive() and not (tmp_path / "collection.json").exists():
            seen.update(path.name for path in tmp_path.glob(".partial-*/0/rows-*"))
            time.sleep(0.002)

    watcher = threading.Thread(target=look)
    watcher.start()
    write(tiny_bundle, large, tmp_path, probabilities=True, engine="dask", workers=2)
    watcher.join()
    assert len(seen) == 4
    assert contents(tmp_path) == of_one_process


def test_what_is_said_of_whole_tiles_is_put_together_too(
    tmp_path: Path, tiny_bundle: Bundle, large: SimpleNamespace
) -> None:
    source = tiny_bundle.config.inputs["optical"].model_dump(mode="json")
    classes = [{"value": value, "name": f"class {value}", "color": "#000000"} for value in (1, 2, 3)]
    words = {"sources": {"optical": source}, "target": {"per": "image", "classes": classes}, "chips": {"size": 32}}
    data = DataConfig.model_validate(words | {"split": {"method": "scenes"}})
    encoder = {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]}
    bundle = build_initial(data, ModelConfig.model_validate({"encoder": encoder}), 0)
    bundle = replace(bundle, config=bundle.config.model_copy(update={"trained": True}))
    for name, rows in (("whole", None), ("blocks", 200)):
        config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8, "items": False, "block_rows": rows})
        predictions = predict_scenes(bundle, large.scenes, config)
        [(key, done)] = spread(Writing(Names(tmp_path / name), predictions, None, {}), ["one"])
        # 29 rows of 4 tiles; of two rows no tile holds any data.
        assert done.table is not None
        assert (key, len(done.table), done.bad) == ("one", 108, ())
    assert contents(tmp_path / "whole") == contents(tmp_path / "blocks")
    assert set(contents(tmp_path / "blocks")) >= {"one_classes.tif", "one_chips.gpkg"}


def test_parts_of_an_array_do_not_remove_what_the_others_work_with(
    tmp_path: Path, tiny_bundle: Bundle, tiny_data: SimpleNamespace
) -> None:
    beside = tmp_path / ".partial-bundle-1-of-2-abcdefgh"
    beside.mkdir()
    left = tmp_path / ".partial-bundle-0-of-2-abcdefgh"
    left.mkdir()
    config = InferenceConfig.model_validate({"tile_size": 32, "overlap": 8, "shard": {"index": 0, "count": 2}})
    predictions = predict_scenes(tiny_bundle, tiny_data.scenes, config)
    [(key, _)] = spread(Writing(Names(tmp_path), predictions, None, {}), ["p4"])
    assert (tmp_path / f"{key}_classes.tif").is_file()
    assert beside.is_dir()
    assert not left.exists(), "an earlier run of the same part left it"
