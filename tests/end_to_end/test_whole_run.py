from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import yaml
from safetensors.numpy import load_file

from end_to_end.commands import command, environment


def scenes_of(project: Path) -> list[Path]:
    return sorted((project / "data/01_raw/sample/scenes").glob("*.tif"))


def test_the_run_leaves_scores_beside_the_baselines(finished_run: Path) -> None:
    metrics = json.loads((finished_run / "data/08_reporting/base/metrics.json").read_text("utf-8"))
    names = {"water", "forest", "cropland", "grassland", "built_up", "bare_soil"}
    assert set(metrics["test"]["iou"]) == names
    assert 0 < metrics["test"]["miou"] <= 1
    assert set(metrics["baselines"]) == {"majority_class", "pixel_regression", "gradient_boosting"}
    assert metrics["baselines"]["majority_class"]["miou"] < metrics["baselines"]["pixel_regression"]["miou"]
    table = pd.read_csv(finished_run / "data/08_reporting/base/scene_scores.csv")
    samples = pd.read_csv(finished_run / "data/05_model_input/base/samples.csv")
    assert sorted(table["scene"]) == sorted(set(samples["scene"][samples["split"] == "test"]))


def test_every_scene_has_a_prediction_on_its_own_grid(finished_run: Path) -> None:
    scenes = scenes_of(finished_run)
    assert len(scenes) == 6
    for file in scenes:
        predicted = finished_run / "data/07_model_output/base/predictions" / f"{file.stem}_classes.tif"
        with rasterio.open(file) as scene, rasterio.open(predicted) as result:
            assert (result.crs, result.transform, result.shape) == (scene.crs, scene.transform, scene.shape)
            assert result.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert result.tags()["CLASS_1"] == "water"
            assert result.tags()["GROUNDWORK_WEIGHTS"]
            assert result.colormap(1)[1][:3] == (0x2F, 0x6F, 0xB5)
            no_data = (scene.read() == scene.nodata).any(axis=0)
            classes = result.read(1)
            assert np.array_equal(classes == result.nodata, no_data)
            assert set(np.unique(classes[~no_data])) <= {1, 2, 3, 4, 5, 6}
        assert (finished_run / "data/07_model_output/base/quicklooks" / f"{file.stem}.png").stat().st_size > 10_000


def test_nothing_is_done_twice(finished_run: Path) -> None:
    again = command(finished_run, "dvc", "repro")
    assert "Running stage" not in again.stdout
    assert again.stdout.count("didn't change, skipping") >= 7
    assert command(finished_run, "git", "status", "--porcelain", "--", "src", "conf", "dvc.yaml").stdout == ""


def test_a_clone_in_another_folder_gives_the_same_results(finished_run: Path, tmp_path: Path) -> None:
    before = (finished_run / "dvc.lock").read_bytes()
    said = command(finished_run, "groundwork", "verify", "--folder", str(tmp_path)).stdout
    count = sum(len(stage.get("outs", ())) for stage in yaml.safe_load(before)["stages"].values())
    assert count > 20
    assert f"{count} results compared: all are the recorded ones." in said
    assert not list(tmp_path.iterdir())
    assert (finished_run / "dvc.lock").read_bytes() == before


def test_two_recipes_stand_side_by_side(finished_run: Path) -> None:
    made = finished_run / "data"
    before = {file: file.read_bytes() for file in made.rglob("base/**/*") if file.is_file()}
    recipe = finished_run / "conf/short/parameters_training.yml"
    recipe.parent.mkdir()
    recipe.write_text("training: {max_epochs: 1}\n")
    command(finished_run, "python", "-m", "fieldwork.dvc_stages", "write", "short")
    shown = command(finished_run, "dvc", "repro", "conf/short/dvc.yaml:training").stdout
    assert "Running stage 'conf/short/dvc.yaml:training'" in shown
    assert "Stage 'sample_data' didn't change, skipping" in shown, "raw data is that of all recipes"
    assert len(pd.read_csv(made / "08_reporting/short/history.csv")) == 1
    assert {file: file.read_bytes() for file in before} == before
    stages = yaml.safe_load((finished_run / "conf/short/dvc.yaml").read_text("utf-8"))["stages"]
    (scores,) = stages["evaluation"]["metrics"]
    assert list(scores) == ["data/08_reporting/short/metrics.json"], "which DVC shows beside those of others"
    assert "Running stage" not in command(finished_run, "dvc", "repro").stdout
    (finished_run / "conf/short/dvc.yaml").unlink()
    (finished_run / "conf/short/dvc.lock").unlink()
    shutil.rmtree(recipe.parent)


def test_pipelines_run_alone_and_give_the_same(finished_run: Path) -> None:
    file = finished_run / "data/08_reporting/base/metrics.json"
    weights = finished_run / "data/06_models/base/trained/weights.safetensors"
    before = file.read_bytes(), weights.read_bytes()
    # As a task of an orchestrator does, which has the whole pipeline and takes parts of it.
    shown = command(finished_run, "kedro", "run", "--namespaces", "training,evaluation").stdout
    assert "Going on after epoch 2" in shown, "a complete run gives its result again"
    assert (file.read_bytes(), weights.read_bytes()) == before
    assert "Scores on the test split" in shown
    assert "regression" in shown


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(finished_run: Path) -> None:
    weights = finished_run / "data/06_models/base/trained/weights.safetensors"
    expected = load_file(weights)
    words = ["kedro", "run", "--pipelines", "training"]
    checkpoints = finished_run / "data/06_models/base/checkpoints"
    shutil.rmtree(checkpoints)
    process = subprocess.Popen(words, cwd=finished_run, env=environment(), start_new_session=True)
    deadline = time.monotonic() + 240
    while not list(checkpoints.glob("*/last-epoch=0.ckpt")):
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert load_file(weights).keys() == expected.keys(), "the earlier bundle stays whole"
    resumed = command(finished_run, *words)
    assert "Going on after epoch 1" in resumed.stdout
    ours = load_file(weights)
    assert all(np.array_equal(ours[name], expected[name]) for name in expected)


def test_experiments_wait_in_a_queue_run_side_by_side_and_are_compared(finished_run: Path, tmp_path: Path) -> None:
    commit(finished_run, "before the experiments")
    changes = {"few": ("evaluation", "baseline_pixels", 300), "short": ("training", "max_epochs", 1)}
    for name, (kind, key, value) in changes.items():
        change = f"conf/base/parameters_{kind}.yml:{kind}.{key}={value}"
        command(finished_run, "dvc", "exp", "run", "--queue", "-n", name, "-S", change)
    command(finished_run, "dvc", "queue", "start", "--jobs", "2")
    wait_for_queue(finished_run, 2)
    for name, stages in (("few", ["evaluation"]), ("short", ["training", "evaluation", "inference"])):
        printed = command(finished_run, "dvc", "queue", "logs", name).stdout.splitlines()
        ran = [line.split("'")[1] for line in printed if line.startswith("Running stage")]
        assert ran == [*stages, "report"], "what follows from the change, and nothing else"
    parameters = json.loads(command(finished_run, "dvc", "params", "diff", "few", "short", "--json").stdout)
    assert parameters["conf/base/parameters_training.yml"] == {"training.max_epochs": {"old": 2, "new": 1, "diff": -1}}
    changed = parameters["conf/base/parameters_evaluation.yml"]
    assert changed == {"evaluation.baseline_pixels": {"old": 300, "new": 2000, "diff": 1700}}
    scores = {
        name: {score.split(".")[0] for score in found["data/08_reporting/base/metrics.json"]}
        for name in changes
        for found in [json.loads(command(finished_run, "dvc", "metrics", "diff", "HEAD", name, "--json").stdout)]
    }
    assert scores["few"] == {"baselines"}, "the model is the same, and the baselines are others"
    assert scores["short"] >= {"test"}
    assert "baselines" not in scores["short"]
    command(finished_run, "dvc", "plots", "diff", "few", "short", "--out", str(tmp_path / "plots"))
    assert (tmp_path / "plots/index.html").is_file()
    for name in changes:
        figures = {file.stem.rpartition("_")[2] for file in tmp_path.rglob(f"{name}_*.png")}
        assert figures == {"confusion", "reliability", "panel"}


def test_an_earlier_state_comes_back_with_its_results(finished_run: Path) -> None:
    figure, table = (finished_run / "data/08_reporting/base" / name for name in ("confusion.png", "metrics.json"))
    before = figure.read_bytes(), table.read_bytes()
    command(finished_run, "dvc", "exp", "apply", "few")
    commit(finished_run, "few pixels")
    assert table.read_bytes() != before[1]
    command(finished_run, "git", "checkout", "-q", "HEAD~1")
    command(finished_run, "dvc", "checkout")
    assert (figure.read_bytes(), table.read_bytes()) == before
    assert "Running stage" not in command(finished_run, "dvc", "repro").stdout


def test_rasters_of_another_repository_are_imported(finished_run: Path, tmp_path: Path) -> None:
    command(tmp_path, "git", "init", "-q")
    command(tmp_path, "dvc", "init", "-q")
    (tmp_path / "data").mkdir()
    command(tmp_path, "dvc", "import", str(finished_run), "data/01_raw/sample/scenes", "--out", "data/scenes")
    theirs = {file.name: file.read_bytes() for file in scenes_of(finished_run)}
    assert {file.name: file.read_bytes() for file in (tmp_path / "data/scenes").glob("*.tif")} == theirs
    note = yaml.safe_load((tmp_path / "data/scenes.dvc").read_text("utf-8"))
    head = command(finished_run, "git", "rev-parse", "HEAD").stdout.strip()
    assert note["deps"][0]["repo"] == {"url": str(finished_run), "rev_lock": head}


def commit(project: Path, message: str) -> None:
    command(project, "git", "add", "-A")
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command(project, "git", *author, "commit", "--allow-empty", "-qm", message)


def wait_for_queue(project: Path, count: int) -> None:
    """Wait until so many queued experiments are done; fail with what one printed where it failed."""
    deadline = time.monotonic() + 400
    while True:
        shown = command(project, "dvc", "queue", "status").stdout
        if shown.count("Success") == count:
            return
        assert "Failed" not in shown, command(project, "dvc", "queue", "logs", "few", check=False).stdout[-4000:]
        assert time.monotonic() < deadline, shown
        time.sleep(2)


def test_results_travel_through_a_remote(finished_run: Path, tmp_path: Path) -> None:
    command(finished_run, "dvc", "remote", "add", "-d", "-f", "shelf", str(tmp_path / "shelf"))
    command(finished_run, "dvc", "push")
    predictions = finished_run / "data/07_model_output/base/predictions"
    before = {file.name: file.read_bytes() for file in predictions.iterdir()}
    shutil.rmtree(predictions)
    shutil.rmtree(finished_run / ".dvc/cache")
    command(finished_run, "dvc", "pull")
    assert {file.name: file.read_bytes() for file in predictions.iterdir()} == before
