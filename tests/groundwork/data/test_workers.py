"""Who looks through scenes does not matter: the same bytes, also when a process is lost in the middle."""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from pydantic import ValidationError

import dying
from groundwork.config import IndexingConfig
from groundwork.data import workers
from groundwork.data.sample_table import write_samples
from groundwork.data.scan import Scan, scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.data.tables import as_markdown
from groundwork.data.value_report import report_values
from groundwork.data.workers import run_tasks
from groundwork.errors import DataError, RasterError
from groundwork.rasters.folder import find_rasters

TWO = IndexingConfig(workers=2)
NUMBERS = {str(number): number for number in range(6)}


def _bytes(scan: Scan, data: SimpleNamespace, folder: Path) -> list[bytes]:
    """Return all that is written of a scan."""
    samples = assign_splits(scan.chips, data.config.split, {}, 0)
    write_samples(samples, folder / "samples.csv")
    text = io.StringIO()
    scan.report.to_csv(text, index=False)
    statistics = compute_statistics(samples, scan.cells, data.config).model_dump_json()
    values = report_values(samples, scan.cells, data.config).model_dump_json()
    parts = (text.getvalue(), as_markdown(scan.report), statistics, values)
    return [(folder / "samples.csv").read_bytes(), *(part.encode() for part in parts)]


@pytest.fixture(scope="module")
def alone(tiny_data: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What one process makes of the tiny data."""
    scan = scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config)
    return _bytes(scan, tiny_data, tmp_path_factory.mktemp("alone"))


# --- processes ------------------------------------------------------------------------------------------------------


def test_several_processes_give_the_same_bytes(tiny_data: SimpleNamespace, alone: list[bytes], tmp_path: Path) -> None:
    scan = scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config, TWO)
    assert list(scan.cells) == ["1", "11", "east", "p4", "p5", "p6"]
    assert _bytes(scan, tiny_data, tmp_path) == alone


def test_each_process_has_one_thread_and_begins_without_heavy_libraries() -> None:
    found = dict(run_tasks(dying.threads, NUMBERS, TWO))
    for told in found.values():
        assert [told[name] for name in workers.THREADS] == ["1"] * len(workers.THREADS)
        assert told["heavy"] == [], "a library that counts the cores when it is loaded is told before"
        assert told["process"] != os.getpid()


def test_a_task_whose_process_was_lost_is_done_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tasks = {name: (number, tmp_path / "marker") for name, number in NUMBERS.items()}
    with caplog.at_level(logging.WARNING):
        assert dict(run_tasks(dying.die_once, tasks, TWO)) == {name: 2 * number for name, number in NUMBERS.items()}
    assert "A worker process was lost;" in caplog.text


@pytest.mark.parametrize("config", [IndexingConfig(), TWO], ids=["here", "processes"])
def test_tasks_follow_from_others_and_are_done_again_too(config: IndexingConfig, tmp_path: Path) -> None:
    lost = tmp_path / "marker"
    if config.workers == 1:
        # This process is not to be lost.
        lost.touch()

    def follow(name: str, result: int) -> dict[str, tuple[int, Path]]:
        return {f"{name}+": (result + 1, lost)} if result < 10 else {}

    found = list(run_tasks(dying.die_once, {"a": (1, lost), "b": (4, lost)}, config, (), follow))
    # a: 1, 2 * 1 + 1 = 3 (which is lost once), 7; b: 4, 9.
    assert dict(found) == {"a": 2, "a+": 6, "a++": 14, "b": 8, "b+": 18}
    assert len(found) == 5, "each is told once"
    assert lost.exists()


def test_a_result_is_told_though_the_processes_are_lost_before_what_follows_is_begun(tmp_path: Path) -> None:
    (lost := tmp_path / "marker").touch()
    killed: list[Any] = []
    of_others = {one.ident for one in (*multiprocessing.active_children(), *threading.enumerate())}

    def follow(name: str, result: int) -> dict[str, tuple[int, Path]]:
        if not killed:
            killed.extend(process for process in multiprocessing.active_children() if process.ident not in of_others)
            for process in killed:
                process.kill()
            # The thread of the pool that notices ends once the pool takes no more tasks.
            own = [one for one in threading.enumerate() if "ExecutorManager" in type(one).__name__]
            _wait_until(lambda: not any(one.is_alive() for one in own if one.ident not in of_others))
        return {f"{name}+": (result, lost)} if "+" not in name else {}

    found = list(run_tasks(dying.die_once, {"a": (1, lost), "b": (4, lost)}, TWO, (), follow))
    assert len(killed) == 2
    assert sorted(found) == [("a", 2), ("a+", 4), ("b", 8), ("b+", 16)]


def test_each_process_sees_a_gpu_of_its_own_and_one_that_takes_anothers_place_too(tmp_path: Path) -> None:
    (at_work := tmp_path / "at_work").mkdir()
    # The one that is lost is among the first: the others wait for it.
    tasks = {str(number): (number, at_work) for number in (3, 1, 2, 4, 5, 6)}
    found = dict(run_tasks(dying.own_gpu, tasks, TWO, ("2", "GPU-5"))).values()
    assert (tmp_path / "lost").exists()
    assert {gpu for _, gpu in found} <= {"2", "GPU-5"}
    by_process = dict(found)
    assert all(by_process[process] == gpu for process, gpu in found), "no process changes its GPU"
    assert len(set(by_process.values())) == 2
    alone = dict(run_tasks(dying.own_gpu, {"a": (1, at_work), "b": (2, at_work)}, TWO)).values()
    assert {gpu for _, gpu in alone} == {os.environ.get("CUDA_VISIBLE_DEVICES")}, "without GPUs nothing is said"


def _wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; import dying; from groundwork.config import IndexingConfig\n"
        "from groundwork.data.workers import run_tasks\n"
        "list(run_tasks(dying.rest, dict.fromkeys('ab', Path(sys.argv[1])), IndexingConfig(workers=2)))"
    )
    paths = os.pathsep.join([str(Path(dying.__file__).parent), *sys.path])
    begun = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths})
    try:
        _wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    finally:
        begun.kill()
        begun.wait()
    processes = [int(path.name) for path in tmp_path.iterdir()]
    _wait_until(lambda: not any(dying.is_there(process) for process in processes))


def test_processes_that_are_lost_again_and_again_are_an_error() -> None:
    with pytest.raises(DataError, match=r"lost 3 times in a row.*2 scene\(s\) are not done, such as '7'"):
        list(run_tasks(dying.die, {"7": 7, "8": 8}, TWO))


def test_an_error_of_a_task_arrives_whole() -> None:
    with pytest.raises(RasterError, match=r"^\d.tif: found nothing; expected something. Look.$"):
        list(run_tasks(dying.refuse, NUMBERS, TWO))


# --- Dask -----------------------------------------------------------------------------------------------------------


def test_a_cluster_that_loses_a_worker_in_the_middle_gives_the_same_bytes(
    tiny_data: SimpleNamespace, alone: list[bytes], tmp_path: Path
) -> None:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=workers.ANY_PORT) as cluster:
        with Client(cluster) as client:
            client.run(dying.die_at_scene, tmp_path / "marker")
        config = IndexingConfig(engine="dask", scheduler=cluster.scheduler_address)
        scan = scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config, config)
    assert (tmp_path / "marker").exists(), "the worker died"
    assert _bytes(scan, tiny_data, tmp_path) == alone


def test_workers_of_this_machine_are_begun_where_no_scheduler_is_named() -> None:
    config = IndexingConfig(engine="dask", workers=1)

    def follow(name: str, _: object) -> dict[str, int]:
        return {"6": 6} if name == "5" else {}

    with socket.socket() as taken:
        # Another cluster has the port that Dask wants by itself, whether it is this socket or one of another test.
        with suppress(OSError):
            taken.bind(("", 8787))
            taken.listen()
        found = dict(run_tasks(dying.threads, NUMBERS, config, (), follow))
    assert list(sorted(found)) == [*NUMBERS, "6"]
    assert {told["OMP_NUM_THREADS"] for told in found.values()} == {"1"}
    assert os.getpid() not in {told["process"] for told in found.values()}


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PATIENCE_S", 0.5)
    config = IndexingConfig(engine="dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(DataError, match=r"Found no scheduler of Dask at tcp://127.0.0.1:9 .*Correct 'scheduler'"):
        list(run_tasks(dying.double, NUMBERS, config))


def test_dask_does_not_fill_the_log_with_its_coming_and_going() -> None:
    # Beside handlers of the root, as Kedro has them, where Dask would lean on those.
    program = (
        "import logging; logging.basicConfig(level='INFO');"
        "from groundwork.config import IndexingConfig; from groundwork.data.workers import run_tasks;"
        "print(dict(run_tasks(abs, {'a': -3}, IndexingConfig(engine='dask', workers=1))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "{'a': 3}\n"
    assert "INFO" not in done.stderr


def test_dask_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"install the extra, by .uv pip install -e '.\[dask\]'"):
        list(run_tasks(dying.double, NUMBERS, IndexingConfig(engine="dask")))


def test_a_scheduler_belongs_to_dask() -> None:
    with pytest.raises(ValidationError, match="'scheduler' is for engine dask, but the engine is 'processes'"):
        IndexingConfig(scheduler="tcp://localhost:8786")


# --- bad scenes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def spoiled(tiny_data: SimpleNamespace, tmp_path: Path, write_raster: Any) -> SimpleNamespace:
    """The tiny data, of which `p4` is a text and `east` holds nodata only."""
    shutil.copytree(tiny_data.root, tmp_path, dirs_exist_ok=True)
    (tmp_path / "scenes/p4.tif").write_text("no raster")
    write_raster(tmp_path / "scenes/east.tif", np.full((3, 70, 64), -9999, np.int16), crs="EPSG:32633", nodata=-9999)
    scenes, labels = (find_rasters(tmp_path / name, ["{key}.tif"]) for name in ("scenes", "labels"))
    return SimpleNamespace(root=tmp_path, scenes=scenes, labels=labels, config=tiny_data.config)


def test_all_bad_scenes_are_listed_and_nothing_is_made(spoiled: SimpleNamespace) -> None:
    with pytest.raises(DataError, match=r"(?s)2 of 6 scenes are not as declared:\n  - .*east.tif.*\n  - .*p4.tif"):
        scan_scenes(spoiled.scenes, spoiled.labels, spoiled.config)


def test_bad_scenes_are_left_out_and_reported_where_that_is_wanted(
    spoiled: SimpleNamespace, tiny_data: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    leave_out = IndexingConfig(on_bad_scene="leave_out")
    scan = scan_scenes(spoiled.scenes, spoiled.labels, spoiled.config, leave_out)
    good = scan_scenes(tiny_data.scenes, tiny_data.labels, tiny_data.config)
    assert "2 of 6 scenes are not as declared and left out; the scene report says why: 'east', 'p4'" in caplog.text
    assert list(scan.cells) == ["1", "11", "p5", "p6"]
    kept = good.chips[good.chips["scene"].isin(scan.cells)].reset_index(drop=True)
    pd.testing.assert_frame_equal(scan.chips, kept)
    report = scan.report.set_index("scene")
    assert list(report.index) == ["1", "11", "east", "p4", "p5", "p6"]
    assert report["left_out"].notna().tolist() == [False, False, True, True, False, False]
    assert "cannot be" in report.loc["p4", "left_out"] or "p4.tif" in report.loc["p4", "left_out"]
    text = io.StringIO()
    scan.report.to_csv(text, index=False)
    before = io.StringIO()
    good.report.to_csv(before, index=False)
    line = next(line for line in before.getvalue().splitlines() if line.startswith("p5,"))
    assert f"{line}," in text.getvalue().splitlines(), "the row of a good scene is what it was"
    assert as_markdown(scan.report).count("\n") == 8


def test_bad_scenes_alone_are_refused_in_any_case(spoiled: SimpleNamespace) -> None:
    for key in ("1", "11", "p5", "p6"):
        (spoiled.root / f"scenes/{key}.tif").write_text("no raster")
    with pytest.raises(DataError, match="6 of 6 scenes are not as declared"):
        scan_scenes(spoiled.scenes, spoiled.labels, spoiled.config, IndexingConfig(on_bad_scene="leave_out"))
