from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node

from fieldwork.config_loader import RecipeConfigLoader
from fieldwork.entries import CatalogError
from fieldwork.recipe_places import check_places
from fieldwork.settings import CONFIG_LOADER_ARGS


def judge(bundle: object) -> object:
    """Stand for the evaluation."""
    return bundle


JUDGE = Pipeline([node(judge, "bundle", "metrics", name="judge")])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with three recipes, of which one says its place by name."""
    for recipe, path in (
        ("base", "data/08_reporting/${recipe:}/metrics.json"),
        ("careful", "/maps/careful/metrics.json"),
        ("plain", None),
    ):
        entry = {} if path is None else {"metrics": {"type": "json.JSONDataset", "filepath": path}}
        (tmp_path / "conf" / recipe).mkdir(parents=True)
        (tmp_path / "conf" / recipe / "catalog.yml").write_text(yaml.safe_dump(entry))
    return tmp_path


def check(folder: Path, recipe: str, path: str | None = None) -> None:
    if path is not None:
        (folder / "conf" / recipe).mkdir(exist_ok=True)
        entry = {"metrics": {"type": "json.JSONDataset", "filepath": path}}
        (folder / "conf" / recipe / "catalog.yml").write_text(yaml.safe_dump(entry))
    loader = RecipeConfigLoader(str(folder / "conf"), env=recipe, **CONFIG_LOADER_ARGS)
    check_places(JUDGE, DataCatalog.from_config(loader["catalog"]), loader, {}, folder)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("data/08_reporting/base/metrics.json", "base"),
        ("data/08_reporting/plain/deep/metrics.json", "plain"),
        ("/maps/careful/metrics.json", "careful"),
        ("/maps/other/../careful/metrics.json", "careful"),
    ],
)
def test_a_place_where_another_recipe_writes_is_refused(folder: Path, path: str, owner: str) -> None:
    with pytest.raises(CatalogError, match=rf"'metrics': the recipe 'mine' would write to .*'{owner}' keeps its"):
        check(folder, "mine", path)


@pytest.mark.parametrize("path", ["data/08_reporting/plain/metrics.json", "/maps/careful/metrics.json"])
def test_recipes_may_lie_elsewhere_than_the_project(folder: Path, path: str) -> None:
    (folder / "conf/mine").mkdir()
    entry = {"metrics": {"type": "json.JSONDataset", "filepath": path}}
    (folder / "conf/mine/catalog.yml").write_text(yaml.safe_dump(entry))
    (folder / "conf").rename(folder / "data of recipes")
    loader = RecipeConfigLoader(str(folder / "data of recipes"), env="mine", **CONFIG_LOADER_ARGS)
    with pytest.raises(CatalogError, match="keeps its results"):
        check_places(JUDGE, DataCatalog.from_config(loader["catalog"]), loader, {}, folder)


@pytest.mark.parametrize(
    "path", ["data/08_reporting/${recipe:}/metrics.json", "/maps/mine/metrics.json", "/maps/base.json", "data/base"]
)
def test_a_place_of_its_own_passes(folder: Path, path: str) -> None:
    check(folder, "mine", path)


def test_recipes_that_are_joined_have_a_name_of_their_own(folder: Path) -> None:
    check(folder, "plain")
    (folder / "conf/mine").mkdir()
    check(folder, "plain+mine")
    with pytest.raises(CatalogError, match=r"'careful\+mine' would write to .* 'careful' keeps"):
        check(folder, "careful+mine")


def check_recipe(project: Path, recipe: str, pipeline: str) -> None:
    loader = RecipeConfigLoader(str(project / "conf"), env=recipe, **CONFIG_LOADER_ARGS)
    check_places(pipelines[pipeline], DataCatalog.from_config(loader["catalog"]), loader, pipelines, project)


def test_no_recipe_of_the_project_writes_where_another_does(project: Path) -> None:
    recipes = {folder.name for folder in (project / "conf").iterdir() if folder.is_dir()}
    assert len(recipes) > 20
    for recipe in sorted(recipes - {"s2_scene"}):
        check_recipe(project, recipe, "__default__")


def test_a_recipe_that_predicts_with_the_bundle_of_another_does_not_train_it_anew(project: Path) -> None:
    check_recipe(project, "s2_scene", "inference")
    with pytest.raises(CatalogError, match=r"'trained_bundle': the recipe 's2_scene' would write to .* 'base' keeps"):
        check_recipe(project, "s2_scene", "__default__")
