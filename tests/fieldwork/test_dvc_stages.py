from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.dvc_stages import STAGES, _modules_named, derive
from fieldwork.settings import CONFIG_LOADER_ARGS
from fieldwork.source_files import files_behind

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def derived(project: Path) -> dict[str, Any]:
    stages: dict[str, Any] = yaml.safe_load(derive(project))
    return stages


def test_the_committed_file_is_in_step(project: Path) -> None:
    assert (project / "dvc.yaml").read_text("utf-8") == derive(project)


def test_each_stage_is_one_pipeline_and_nothing_else(derived: dict[str, Any]) -> None:
    assert tuple(derived["stages"]) == STAGES
    for name, stage in derived["stages"].items():
        assert stage["cmd"] == f"kedro run --env base --pipelines {name}"


def test_a_stage_watches_what_it_reads(derived: dict[str, Any]) -> None:
    training = derived["stages"]["training"]
    assert {"data/06_models/initial", "data/05_model_input/samples.csv", "requirements.lock"} <= set(training["deps"])
    assert "src/groundwork/training/fit.py" in training["deps"]
    assert "src/groundwork/models/encoders/timm.py" in training["deps"], "components are named in tables, not imported"
    assert "src/groundwork/prediction/scene.py" not in training["deps"]
    parameters = {file: keys for entry in training["params"] for file, keys in entry.items()}
    assert parameters["conf/base/parameters_training.yml"] == ["training"]
    assert parameters["conf/base/parameters.yml"] == ["seed"]
    assert "scenes.pattern" in parameters["conf/base/catalog.yml"]
    assert "scenes.metadata" not in parameters["conf/base/catalog.yml"]


def test_metrics_stay_in_git_and_checkpoints_out_of_dvc(derived: dict[str, Any]) -> None:
    stages = derived["stages"]
    assert stages["evaluation"]["metrics"] == [{"data/08_reporting/metrics.json": {"cache": False}}]
    assert "data/07_model_output/predictions" in stages["inference"]["outs"]
    assert "data/06_models/checkpoints" not in yaml.safe_dump(derived)
    assert derived["plots"][0]["history"]["y"] == {
        "data/08_reporting/history.csv": ["train/loss", "val/loss", "val/miou"]
    }


def test_a_training_can_be_taken_from_the_cache_of_runs(derived: dict[str, Any]) -> None:
    training = derived["stages"]["training"]
    assert all(isinstance(out, str) for out in training["outs"]), "DVC caches no run that has an output in git alone"
    axes = {"cache": False, "x": "epoch", "y": "val/miou"}
    assert training["plots"] == [{"data/08_reporting/history.csv": axes}]


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
