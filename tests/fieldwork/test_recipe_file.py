"""A recipe and the file of `groundwork fit` are one: there and back, and to the same weights."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from fieldwork.config_command import export_recipe, import_recipe, main
from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.parameters import read_parameters
from fieldwork.recipe_file import KINDS, OF_KEDRO, RecipeFileError, _entry_of_lists, changes
from fieldwork.settings import CONFIG_LOADER_ARGS
from groundwork.cli import main as command
from groundwork.data import places
from groundwork.errors import DataError

ROOT = Path(__file__).parents[2]
#: The base, recipes with places of their own, and one that names another encoder only.
RECIPES = sorted(
    {"clay", "landcover_s2", *(path.parent.name for path in (ROOT / "conf").glob("*/catalog.yml"))} - {"ndvi_s2"}
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What Kedro needs of the project, in a folder of its own."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    (folder / "conf/local").mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy2(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    bootstrap_project(folder)
    yield folder
    bootstrap_project(ROOT)


def read(project: Path, recipe: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return parameters as their classes, and the entries that are places."""
    loader = RecipeConfigLoader(str(project / "conf"), env=None if recipe == "base" else recipe, **CONFIG_LOADER_ARGS)
    catalog = loader["catalog"]
    names = ("scenes", "labels", "inference_scenes", "split_lists", "split_regions")
    return read_parameters(loader["parameters"], loader.files_with), {
        name: {key: value for key, value in catalog[name].items() if key != "metadata"} for name in names
    }


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_the_same_there_and_back(clone: Path, tmp_path: Path, recipe: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(export_recipe(clone, recipe))
    written = import_recipe(clone, [file], f"back_{recipe}")
    before, places_before = read(clone, recipe)
    after, places_after = read(clone, f"back_{recipe}")
    assert {name: repr(value) for name, value in before.items()} == {name: repr(value) for name, value in after.items()}
    for name, entry in places_before.items():
        if not entry["type"].endswith("RasterSourcesDataset"):
            assert drop_none(places_after[name]) == drop_none(entry)
            continue
        opened = {source: part["path"] for source, part in places_after[name]["sources"].items()}
        assert opened == {source: f"{entry['path']}/{part['folder']}" for source, part in entry["sources"].items()}
    # A recipe says what it changes, and no more.
    assert len(written) <= len(list((clone / "conf" / recipe).iterdir()))


def test_lists_that_name_files_keep_their_pattern_there_and_back(clone: Path, tmp_path: Path) -> None:
    lists = {"type": "fieldwork.io.lists.SplitListsDataset", "files": {"train": "a.txt", "test": "b.txt"}}
    stated = {"split_lists": {**lists, "pattern": "{key}_s2.tif", "metadata": {"kedro-viz": {"layer": "raw"}}}}
    folder = clone / "conf/named"
    folder.mkdir()
    (folder / "catalog.yml").write_text(yaml.safe_dump(stated))
    (folder / "parameters_data.yml").write_text("data: {split: {method: lists}}\n")
    file = tmp_path / "x.yaml"
    file.write_text(export_recipe(clone, "named"))
    places = yaml.safe_load(file.read_text())["data"]["init_args"]["places"]
    assert places["split_lists"]["test"] == {"file": "b.txt", "pattern": "{key}_s2.tif"}
    import_recipe(clone, [file], "back_named")
    found = read(clone, "back_named")[1]["split_lists"]
    assert (drop_none(found["files"]), found["pattern"]) == (lists["files"], "{key}_s2.tif")
    places["split_lists"]["train"] = "a.txt"
    with pytest.raises(RecipeFileError, match=r"lines look like .*one 'pattern' for all lists"):
        _entry_of_lists(places["split_lists"])


def test_of_several_files_later_ones_change_earlier_ones(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "whole.yaml").write_text(export_recipe(clone, "base"))
    (tmp_path / "own.yaml").write_text("seed_everything: 5\ntrainer: {max_epochs: 1}\n")
    import_recipe(clone, [tmp_path / "whole.yaml", tmp_path / "own.yaml"], "of_two")
    own, base = (read(clone, recipe)[0] for recipe in ("of_two", "base"))
    assert (own["seed"], own["training"].max_epochs) == (5, 1)
    assert own["data"] == base["data"]
    text = (clone / "conf/of_two/parameters.yml").read_text()
    assert text.startswith("# From whole.yaml + own.yaml.\n")


def drop_none(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        key: drop_none(value) if isinstance(value, dict) else value for key, value in entry.items() if value is not None
    }


SMALL = {
    "parameters_data": {
        "data": {
            "sources": {
                "hls": None,
                "optical": {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": -9999, "date_tag": "DATE"},
            },
            "target": {
                "classes": [
                    {"value": 1, "name": "water", "color": "#0000ff"},
                    {"value": 2, "name": "forest", "color": "#00aa00"},
                    {"value": 3, "name": "field", "color": "#ffcc00"},
                ]
            },
            "chips": {"size": 32, "stride": 32},
            "split": {"fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
        }
    },
    "parameters_model": {
        "model": {
            "encoder": {"model": "test_resnet", "out_indices": [0, 1]},
            "decoder": {"name": "fcn", "channels": 16},
        }
    },
    "parameters_training": {
        "training": {
            "max_epochs": 2,
            "loader": {"batch_size": 4},
            "threads": 1,
            "trainer": {"gradient_clip_val": 1.0, "accelerator": "cpu"},
        }
    },
    "parameters": {"seed": 3},
}


def test_both_doors_end_with_the_same_weights(
    clone: Path, tiny_data: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rasters = "fieldwork.io.rasters.RasterFolderDataset"
    entries = {
        name: {"type": rasters, "path": str(tiny_data.root / folder)}
        for name, folder in {"scenes": "scenes", "labels": "labels", "inference_scenes": "scenes"}.items()
    }
    recipe = clone / "conf/small"
    recipe.mkdir()
    for name, values in (SMALL | {"catalog": entries}).items():
        (recipe / f"{name}.yml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(clone)
    with KedroSession.create(clone, env="small", conf_source=str(clone / "conf")) as session:
        session.run(pipeline_names=["data_prep", "model_build", "training"])
    models, inputs = clone / "data/06_models/small", clone / "data/05_model_input/small"

    file = tmp_path / "small.yaml"
    file.write_text(export_recipe(clone, "small"))
    out = tmp_path / "out"
    assert command.main(["fit", "--config", str(file), "--output", str(out)]) == 0
    for name in ("weights.safetensors", "bundle.json"):
        assert (out / "bundle" / name).read_bytes() == (models / "trained" / name).read_bytes()
    for name in ("samples.csv", "statistics.json"):
        assert (out / name).read_bytes() == (inputs / name).read_bytes()
    runs = [[path.name for path in folder.iterdir()] for folder in (out / "checkpoints", models / "checkpoints")]
    assert runs[0] == runs[1]
    assert len(runs[0]) == 1
    history = clone / "data/08_reporting/small/history.csv"
    assert (out / "history.csv").read_text() == history.read_text()


def test_a_place_has_the_options_of_its_entry() -> None:
    assert set(KINDS.values()) == set(places.KINDS)
    for path, kind in KINDS.items():
        module, _, name = path.rpartition(".")
        entry = getattr(import_module(module), name)
        options = set(inspect.signature(entry).parameters) - {*OF_KEDRO}
        # Several sources have a path each.
        assert set(places.KINDS[kind].model_fields) - {"kind"} == options - ({"path"} if kind == "sources" else set())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: {class_path: groundwork.SemanticTask}", r"'data' is None, of which no recipe can be made"),
        (
            "data: {class_path: groundwork.RasterDataModule}\nmodel: {class_path: groundwork.SegmentationTask}",
            r"Did you mean 'groundwork.SemanticSegmentationTask'",
        ),
        (
            "data: {class_path: groundwork.RasterDataModule, init_args: {batches: torchgeo}}\n"
            "model: {class_path: groundwork.RasterTask}",
            r"a recipe has no place for \['batches'\]",
        ),
        ("nothing", "found no keys with values"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(clone: Path, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises((RecipeFileError, DataError), match=message):
        import_recipe(clone, [file], "refused")
    assert not (clone / "conf/refused").exists()


def test_what_a_file_leaves_out_is_its_default_and_not_what_the_base_says() -> None:
    base = {"max_epochs": 12, "schedule": {"name": "cosine", "warmup": 0.1}, "threads": 2}
    stated = {"max_epochs": 3}
    whole = {"max_epochs": 3, "schedule": {"name": "constant"}, "threads": None}
    assert changes(base, stated, whole, "training") == {
        "max_epochs": 3,
        "schedule": {"name": "constant"},
        "threads": None,
    }
    with pytest.raises(RecipeFileError, match=r"model\.decoder\.channels is 3 in conf/base"):
        changes({"name": "unet", "channels": 3}, {"name": "unet"}, {"name": "unet"}, "model.decoder")


def test_options_that_a_file_leaves_out_are_those_of_the_component(clone: Path, tmp_path: Path) -> None:
    stated = yaml.safe_load(export_recipe(clone, "base"))
    arguments = stated["model"]["init_args"]
    arguments["training"]["optimizer"] = {"name": "adamw", "learning_rate": 0.002}
    arguments["training"]["schedule"] = {"name": "cosine"}
    arguments["model"]["decoder"] = {"name": "unet"}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(stated))
    import_recipe(clone, [tmp_path / "x.yaml"], "brief")
    written = {path.name: yaml.safe_load(path.read_text()) for path in (clone / "conf/brief").iterdir()}
    # The weight decay of AdamW is what the base says.
    assert written == {
        "parameters_model.yml": {"model": {"decoder": {"channels": None}}},
        "parameters_training.yml": {"training": {"schedule": {"warmup": 0.05}}},
    }
    parameters, _ = read(clone, "brief")
    assert parameters["model"].decoder.options == {"channels": None}


def test_wrong_values_are_told_by_key(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(export_recipe(clone, "base").replace("batch_size: 8", "batch_sise: 8", 1))
    monkeypatch.chdir(clone)
    assert main(["import", str(file), "--env", "wrong"]) == 1
    told = capsys.readouterr().err
    assert "model.init_args.training" in told
    assert "Did you mean 'batch_size'?" in told
    assert main(["export", "--env", "clasification"]) == 1
    assert "Did you mean 'classification'?" in capsys.readouterr().err


def test_a_file_that_is_printed_holds_nothing_else() -> None:
    code = "import sys; from fieldwork.config_command import main; sys.exit(main(['export']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# The recipe 'base'.")
    assert yaml.safe_load(done.stdout)["output"] == "runs/base"
