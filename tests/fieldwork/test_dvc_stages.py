from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline, node

from fieldwork.config_loader import ConfigurationError, RecipeConfigLoader
from fieldwork.dvc_recipe import paths_of, read_file, read_recipe
from fieldwork.dvc_stages import _modules_named, _parameters, _watched_itself, derive, main
from fieldwork.local_values import make_resolver
from fieldwork.settings import CONFIG_LOADER_ARGS
from fieldwork.source_files import files_behind, folders_behind

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def derived(project: Path) -> dict[str, Any]:
    stages: dict[str, Any] = yaml.safe_load(derive(project))
    return stages


def test_the_committed_file_is_in_step(project: Path) -> None:
    assert (project / "dvc.yaml").read_text("utf-8") == derive(project)


def test_each_stage_is_one_pipeline_behind_those_it_reads_from(derived: dict[str, Any]) -> None:
    names = list(derived["stages"])
    assert sorted(names) == ["data_prep", "evaluation", "inference", "model_build", "report", "sample_data", "training"]
    assert names.index("sample_data") < names.index("data_prep") < names.index("training") < names.index("evaluation")
    for name, stage in derived["stages"].items():
        assert stage["cmd"] == f"kedro run --env base --pipelines {name}"
        assert "wdir" not in stage


def test_a_stage_watches_what_it_reads(derived: dict[str, Any]) -> None:
    training = derived["stages"]["training"]
    assert {"data/06_models/base/initial", "data/05_model_input/base/samples.csv", "requirements.lock"} <= set(
        training["deps"]
    )
    assert {"src/groundwork/training", "src/fieldwork/pipelines/training"} <= set(training["deps"])
    assert "src/groundwork/models" in training["deps"], "components are named in tables, not imported"
    assert "src/groundwork/prediction" not in training["deps"]
    assert "src/fieldwork/pipelines/inference" not in training["deps"]
    assert all((ROOT / dep).exists() for dep in training["deps"] if not dep.startswith("data/"))
    parameters = {file: keys for entry in training["params"] for file, keys in entry.items()}
    assert parameters["conf/base/parameters_training.yml"] == ["training"]
    assert parameters["conf/base/parameters.yml"] == ["seed"]
    assert "scenes.pattern" in parameters["conf/base/catalog.yml"]
    assert "scenes.metadata" not in parameters["conf/base/catalog.yml"]


def test_an_address_is_watched_as_a_word_and_not_as_a_file() -> None:
    server = {"type": "x.RasterFolderDataset", "path": "https://host/scenes", "pattern": "{key}.tif"}
    table = {"type": "x.RasterTableDataset", "filepath": "data/a.csv", "folder": "data/rasters", "key": "scene"}
    catalog = {"server": server, "archive": {"path": "/vsizip/data/all.zip"}, "table": table}
    assert paths_of(catalog, catalog) == ["data/a.csv", "data/rasters"]
    assert [key for key, value in server.items() if not _watched_itself(key, value)] == ["path", "pattern"]
    assert [key for key, value in table.items() if not _watched_itself(key, value)] == ["folder", "key"]


def test_the_file_can_beread_file(derived: dict[str, Any], project: Path) -> None:
    # The report is a stage of its own, and each stage keeps a record.
    assert len(derive(project).splitlines()) < 330
    assert all(len(stage["deps"]) <= 32 for stage in derived["stages"].values())


def test_metrics_stay_in_git_and_checkpoints_out_of_dvc(derived: dict[str, Any]) -> None:
    stages = derived["stages"]
    assert stages["evaluation"]["metrics"] == [{"data/08_reporting/base/metrics.json": {"cache": False}}]
    assert "data/07_model_output/base/predictions" in stages["inference"]["outs"]
    assert "data/06_models/base/checkpoints" not in yaml.safe_dump(derived)
    assert derived["plots"][0]["history"]["y"] == {
        "data/08_reporting/base/history.csv": ["train/loss", "val/loss", "val/miou"]
    }


def test_a_training_can_be_taken_from_the_cache_of_runs(derived: dict[str, Any]) -> None:
    training = derived["stages"]["training"]
    assert all(isinstance(out, str) for out in training["outs"]), "DVC caches no run that has an output in git alone"
    axes = {"cache": False, "x": "epoch", "y": "val/miou"}
    assert training["plots"] == [{"data/08_reporting/base/history.csv": axes}]


def test_the_stages_of_a_recipe_lie_beside_the_bases(derived: dict[str, Any], project: Path) -> None:
    recipe = yaml.safe_load(derive(project, "hls_water+dofa"))
    training, base = recipe["stages"]["training"], derived["stages"]["training"]
    assert training["cmd"] == "kedro run --env hls_water+dofa --pipelines training"
    assert training["wdir"] == "../.."
    assert not set(map(str, training["outs"])) & set(map(str, base["outs"]))
    assert "data/06_models/hls_water+dofa/trained" in training["outs"]
    assert "data/01_raw/hls_water/images" in training["deps"]
    data_prep = recipe["stages"]["data_prep"]
    assert "data/01_raw/hls_water/train.txt" in data_prep["deps"], "lists of a split are read too"
    watched = {file: keys for entry in recipe["stages"]["model_build"]["params"] for file, keys in entry.items()}
    assert watched["conf/base/parameters_model.yml"] == watched["conf/dofa/parameters_model.yml"] == ["model"]
    assert watched["conf/hls_water/parameters_data.yml"] == ["data"]
    catalog = {file: keys for entry in data_prep["params"] for file, keys in entry.items() if "catalog" in file}
    assert "scenes.pattern" in catalog["conf/hls_water/catalog.yml"]
    assert "scenes.pattern" not in catalog["conf/base/catalog.yml"]
    assert list(recipe["plots"][0]["history"]["y"]) == ["../../data/08_reporting/hls_water+dofa/history.csv"]
    assert "sample_data" not in recipe["stages"], "the sample is the base's"


def test_stages_whose_results_are_another_recipes_are_left_out(project: Path) -> None:
    recipe = yaml.safe_load(derive(project, "s2_scene"))
    assert "training" not in recipe["stages"], "it predicts with the base's bundle"
    assert "data/06_models/base/trained" in recipe["stages"]["inference"]["deps"]


def test_values_of_this_machine_are_no_part_of_a_recipe(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONFIG_LOADER_ARGS["custom_resolvers"], "local", lambda *_: "/somewhere")  # type: ignore[arg-type]
    assert "/somewhere" not in derive(project, "hls_water")


def test_under_dvc_places_of_this_machine_are_notread_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "values.yml"
    file.write_text("raw_root: /mine\n")
    assert make_resolver(file)("raw_root", "data/01_raw") == "/mine"
    monkeypatch.setenv("DVC_STAGE", "conf/x/dvc.yaml:data_prep")
    assert make_resolver(file)("raw_root", "data/01_raw") == "data/01_raw"


def test_a_pipeline_of_the_users_own_becomes_a_stage(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Pipeline([node(lambda samples: samples, "samples", "summary", name="summarise")])
    monkeypatch.setitem(pipelines, "postprocess", own)
    monkeypatch.setattr("fieldwork.dvc_stages.bootstrap_project", lambda folder: None)
    stage = yaml.safe_load(derive(project))["stages"]["postprocess"]
    assert stage["cmd"] == "kedro run --env base --pipelines postprocess"
    assert "data/05_model_input/base/samples.csv" in stage["deps"]


def test_bare_dates_are_refused_as_dvc_cannot_record_them(tmp_path: Path) -> None:
    file = tmp_path / "parameters_data.yml"
    file.write_text('data: {split: {dates: {val: ["2022-01-01", null]}}}')
    assert read_file(file)["data"]["split"]["dates"]["val"][0] == "2022-01-01"
    file.write_text("data: {split: {dates: {val: [2022-01-01, null]}}}")
    with pytest.raises(ConfigurationError, match=r"parameters_data.yml: DVC cannot record the bare date 2022-01-01"):
        read_file(file)


def test_parameters_that_only_say_who_does_the_work_are_not_watched(derived: dict[str, Any]) -> None:
    parameters = {file: keys for entry in derived["stages"]["data_prep"]["params"] for file, keys in entry.items()}
    assert parameters["conf/base/parameters_data.yml"] == ["data", "data_prep.on_bad_scene"]


def test_files_of_comments_alone_hold_nothing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("dvc.*"))
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "conf/base/parameters_postprocess.yml").write_text("# Made by `kedro pipeline create`.\n")
    recipe = read_recipe(tmp_path, "base")
    assert _parameters(recipe, ["params:training"]) == [{"conf/base/parameters_training.yml": ["training"]}]


@pytest.mark.usefixtures("project")
def test_recipes_that_have_stages_are_held_in_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fieldwork.dvc_stages.bootstrap_project", lambda folder: None)
    assert main("write", "prithvi_tiny+dofa") == 0
    assert (tmp_path / "conf/prithvi_tiny+dofa/dvc.yaml").is_file()
    assert main("write") == 0
    assert main("check") == 0
    (tmp_path / "conf/prithvi_tiny+dofa/dvc.yaml").write_text("stages: {}\n")
    assert main("check") == 1


def test_values_of_this_machine_do_not_change_what_dvc_records(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf/base", tmp_path / "conf/base")
    (tmp_path / "conf/local").mkdir()
    (tmp_path / "conf/local/parameters_training.yml").write_text("training: {max_epochs: 1}\n")
    epochs = {
        env: RecipeConfigLoader(str(tmp_path / "conf"), env=env, **CONFIG_LOADER_ARGS)["parameters"]["training"]
        for env in (None, "base")
    }
    assert epochs[None]["max_epochs"] == 1
    assert epochs["base"] == yaml.safe_load((ROOT / "conf/base/parameters_training.yml").read_text("utf-8"))["training"]


def test_components_of_the_users_own_are_found_at_any_depth() -> None:
    model = {"encoder": {"name": "mine.encoders.Mine"}, "necks": [{"name": "select"}, {"name": "mine.necks:Other"}]}
    assert list(_modules_named(model)) == ["mine.encoders", "mine.necks"]


def test_source_files_are_followed_through_imports_and_tables(tmp_path: Path) -> None:
    package = tmp_path / "src/groundwork"
    package.mkdir(parents=True)
    files = {
        "a.py": """
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from groundwork import unused
            def work():
                from groundwork.b import thing
            """,
        "b.py": 'TABLE = {"x": "groundwork.c:X"}\nthing = 1\n',
        "c.py": "import os\n",
        "unused.py": "x = 1\n",
    }
    for name, text in files.items():
        (package / name).write_text(textwrap.dedent(text))
    found = files_behind(tmp_path / "src", ["groundwork.a"])
    assert found == ["src/groundwork/a.py", "src/groundwork/b.py", "src/groundwork/c.py"]
    assert folders_behind(tmp_path / "src", ["groundwork.a"]) == found
