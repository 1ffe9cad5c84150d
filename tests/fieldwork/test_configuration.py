from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog
from pydantic import ValidationError

from fieldwork.config_loader import ConfigurationError, RecipeConfigLoader, merge
from fieldwork.hooks import AroundRun
from fieldwork.local_values import make_resolver
from fieldwork.parameters import PARAMETERS, ParameterError, UnknownParameterError, check_names, read_parameters
from fieldwork.pipeline_registry import register_pipelines
from fieldwork.settings import CONFIG_LOADER_ARGS
from groundwork.bundle import build_factory
from groundwork.config import DataConfig, ModelConfig
from groundwork.config.data import reference_of
from groundwork.errors import ComponentError, SpecError
from groundwork.models.examples import example_images
from groundwork.models.without_memory import without_memory

ROOT = Path(__file__).parents[2]
RECIPES = sorted(
    path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name not in {"base", "local"}
)


def loader(recipe: str, **runtime: Any) -> OmegaConfigLoader:
    return RecipeConfigLoader(str(ROOT / "conf"), env=recipe, runtime_params=runtime, **CONFIG_LOADER_ARGS)


@pytest.mark.parametrize("recipe", ["local", *RECIPES])
def test_every_recipe_is_valid_and_its_model_fits_together(recipe: str) -> None:
    parameters = loader(recipe)["parameters"]
    built = read_parameters(parameters, lambda name: [])
    data, model = built["data"], built["model"]
    assert isinstance(data, DataConfig)
    assert isinstance(model, ModelConfig)
    assert set(built["training"].auxiliary_loss) == set(model.auxiliary)
    plain = model.without_pretraining()
    factory = build_factory(plain)
    resolved = factory.resolve(plain, data.sources, data.target)
    finds_objects = data.target.per == "object"
    # How many objects there are follows from values, which a device without memory does not have.
    device = "cpu" if finds_objects else "meta"
    with torch.device(device):
        built_model = factory.build_model(resolved, data.sources, data.target)
        images = example_images(data.sources, (data.chips.size, data.chips.size), device)
        output = built_model.eval()(images).output
    size = () if data.target.per == "image" else (data.chips.size, data.chips.size)
    spec = data.sources[reference_of(data.sources)]
    # Behind a box stand the cells of its mask.
    row = 6 + (28 * 28 if data.target.objects and data.target.objects.masks else 0)
    expected = {
        "answers": (1, output.shape[1], row) if finds_objects else (1, data.target.num_outputs, *size),
        "reconstruction": (1, spec.num_channels, spec.steps, *size),
        # A cell of the recipe's encoder has 16 pixels.
        "embedding": (1, output.shape[1], data.chips.size // 16, data.chips.size // 16),
    }
    assert output.shape == expected[built_model.produces]


def test_a_recipe_states_only_what_it_changes() -> None:
    base, recipe = loader("local")["parameters"], loader("hls_water")["parameters"]
    assert recipe["data"]["split"]["method"] == "lists"
    assert recipe["data"]["chips"]["min_valid_fraction"] == base["data"]["chips"]["min_valid_fraction"]
    assert recipe["training"]["schedule"] == {**base["training"]["schedule"], "warmup": 0.05}
    # A list is replaced as a whole.
    assert recipe["training"]["augmentation"] == []
    assert len(base["training"]["augmentation"]) > 3


def test_a_component_named_anew_brings_its_own_options() -> None:
    base = {"encoder": {"name": "timm", "model": "resnet18"}, "decoder": {"name": "unet", "channels": [8]}}
    change = {"encoder": {"name": "prithvi_vit", "drop_path": 0.1}, "decoder": {"channels": [4]}}
    expected = {"encoder": {"name": "prithvi_vit", "drop_path": 0.1}, "decoder": {"name": "unet", "channels": [4]}}
    assert merge(base, change) == expected


@pytest.mark.parametrize(
    ("old", "change", "expected"),
    [
        (
            {"name": "timm", "model": "resnet10t", "out_indices": [0, 1, 2, 3]},
            {"name": "timm", "model": "vit_small_patch16_dinov3"},
            {"name": "timm", "model": "vit_small_patch16_dinov3"},
        ),
        (
            {"name": "timm", "model": "resnet10t", "out_indices": [0, 1]},
            {"model": "resnet50", "pretrained": False},
            {"name": "timm", "model": "resnet50", "pretrained": False},
        ),
        (
            {"name": "prithvi_vit", "image_size": 32},
            {"variant": "prithvi_eo_v2_300"},
            {"name": "prithvi_vit", "variant": "prithvi_eo_v2_300"},
        ),
        (
            {"name": "smp", "architecture": "Unet", "depth": 4},
            {"architecture": "FPN"},
            {"name": "smp", "architecture": "FPN"},
        ),
        (
            {"name": "timm", "model": "resnet10t", "out_indices": [0, 1]},
            {"name": "timm", "model": "resnet10t", "pretrained": True},
            {"name": "timm", "model": "resnet10t", "out_indices": [0, 1], "pretrained": True},
        ),
        ({"name": "adamw", "learning_rate": 0.1}, {"weight_decay": 0.2}, None),
        ({"encoder": {"name": "timm"}, "necks": "auto"}, {"decoder": {"name": "fcn"}}, None),
    ],
)
def test_another_network_of_the_same_zoo_inherits_no_options(
    old: dict[str, Any], change: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    assert merge({"part": old}, {"part": change}) == {"part": old | change if expected is None else expected}


def test_a_recipe_with_another_network_gets_all_its_blocks(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    recipe = tmp_path / "conf" / "dinov3"
    recipe.mkdir()
    words = {"encoder": {"name": "timm", "model": "vit_small_patch16_dinov3"}, "necks": "auto"}
    (recipe / "parameters_model.yml").write_text(yaml.safe_dump({"model": words}), encoding="utf-8")
    read = RecipeConfigLoader(str(tmp_path / "conf"), env="dinov3", **CONFIG_LOADER_ARGS)["parameters"]
    assert read["model"]["encoder"] == words["encoder"]
    data, model = DataConfig.model_validate(read["data"]), ModelConfig.model_validate(read["model"])
    factory = build_factory(model)
    with without_memory():
        built = factory.build_model(factory.resolve(model, data.sources, data.target), data.sources, data.target)
    parts = (name.split(".") for name, _ in built.named_parameters())
    assert len({part[part.index("blocks") + 1] for part in parts if "blocks" in part}) == 12


@pytest.mark.parametrize("recipe", ["local", "prithvi_tiny"])
def test_another_network_given_at_run_time_inherits_no_options_either(recipe: str) -> None:
    parameters = loader(recipe, model={"encoder": {"name": "timm", "model": "resnet50"}}, seed=3)["parameters"]
    assert parameters["model"]["encoder"] == {"name": "timm", "model": "resnet50"}
    assert parameters["model"]["decoder"] == loader(recipe)["parameters"]["model"]["decoder"]
    assert parameters["seed"] == 3


def test_one_runtime_parameter_keeps_its_siblings() -> None:
    parameters = loader("local", training={"max_epochs": 3})["parameters"]
    assert parameters["training"]["max_epochs"] == 3
    assert parameters["training"]["optimizer"]["name"] == "adamw"


def test_the_data_root_is_one_value() -> None:
    catalog = loader("hls_water", raw_root="/somewhere")["catalog"]
    assert catalog["scenes"]["path"] == catalog["inference_scenes"]["path"] == "/somewhere/hls_water/images"
    assert catalog["labels"]["path"] == "/somewhere/hls_water/labels"
    assert catalog["split_lists"]["files"]["train"] == "/somewhere/hls_water/train.txt"
    listed = loader("hls_water", raw_root="/somewhere", train_list="/mine.txt")["catalog"]
    assert listed["split_lists"]["files"]["train"] == "/mine.txt"


def test_values_of_this_machine_come_from_one_file(tmp_path: Path) -> None:
    resolve = make_resolver(tmp_path / "values.yml")
    assert resolve("raw_root", "data/01_raw") == "data/01_raw"
    (tmp_path / "values.yml").write_text("raw_root: /mnt/rasters\n")
    assert resolve("raw_root", "data/01_raw") == "/mnt/rasters"
    with pytest.raises(KeyError, match=r"values\.yml has no value 'other'"):
        resolve("other")


@pytest.mark.parametrize(
    ("where", "wrong", "near"),
    [
        (("data",), "chip", "chips"),
        (("data", "split"), "methd", "method"),
        (("data", "target"), "clases", "classes"),
        (("model",), "encodr", "encoder"),
        (("training", "loader"), "batchsize", "batch_size"),
        (("inference",), "tile", "tile_size"),
    ],
)
def test_a_misspelt_key_at_any_depth_is_refused_with_the_near_miss(
    where: tuple[str, ...], wrong: str, near: str
) -> None:
    parameters = loader("local")["parameters"]
    place = parameters
    for key in where:
        place = place[key]
    place[wrong] = 1
    with pytest.raises(ValidationError, match=f"Unknown key '{wrong}'. Did you mean '{near}'"):
        PARAMETERS[where[0]].model_validate(parameters[where[0]])


def test_a_misspelt_parameter_is_refused() -> None:
    with pytest.raises(UnknownParameterError, match=r"Unknown parameter 'trainning'\. Did you mean 'training'"):
        check_names(["data", "trainning"])


def test_the_base_catalog_is_written_out_and_loads_no_pickle() -> None:
    catalog = yaml.safe_load((ROOT / "conf/base/catalog.yml").read_text("utf-8"))
    for name, entry in catalog.items():
        path = entry.get("filepath") or entry.get("path") or ""
        # What is made lies under the name of the recipe, so that recipes spare one another's results.
        # Records of runs lie together, so that those of all recipes can be compared.
        is_made = entry["metadata"]["kedro-viz"]["layer"] != "raw" and name != "tracking_folder"
        assert ("/${recipe:}/" in path) == is_made, name
        assert "${" not in path.replace("${recipe:}", ""), name
        assert "pickle" not in str(entry).lower()
        assert not entry.get("versioned"), "a new folder at each run would never be the same for DVC"
        assert entry["metadata"]["kedro-viz"]["layer"]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("seed",), None, r"seed: must be a whole number; found null"),
        (("seed",), "abc", "found 'abc'"),
        (("seed",), -1, "greater than or equal to 0"),
        (("seed",), 2**40, "less than 4294967296"),
        (("seed",), True, "a whole number; found true"),
        (("seed",), 1.0, "a whole number; found 1.0"),
        (("training", "max_epoch"), 1, "training: Unknown key 'max_epoch'. Did you mean 'max_epochs'"),
        (("sample_data", "num_scene"), 1, "Did you mean 'num_scenes'"),
        (("data", "chips", "size"), 0, r"data\.chips\.size: Input should be greater than 0"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_file_whatever_runs(
    place: tuple[str, ...], value: Any, message: str
) -> None:
    parameters = loader("local")["parameters"]
    inner = parameters
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(ParameterError, match=f"Parameter '{place[0]}', stated in here.yml:[\\s\\S]*{message}"):
        read_parameters(parameters, lambda name: ["here.yml"])


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("data.chips", 128, "must be keys with values, such as {size: ...}; found 128. Known keys: ['size',"),
        (
            "data.sources",
            ["hls"],
            "must be sources by name, such as {s2: {bands: [RED, NIR], dtype: uint16, nodata: 0}}",
        ),
        ("data.sources.hls.bands", "BLUE", "must be a list; found 'BLUE'. Write [BLUE]"),
        (
            "data.sources.hls.bands.0",
            ["BLUE"],
            "must be keys with values, such as {name: RED, scale: 0.0001}, or a name",
        ),
        ("data.target.classes", {"water": 1}, "must be a list; found the keys ['water']. Begin each entry with '- '"),
        ("data.sources.PlanetScope.dtype", ..., "must be given"),
        ("data.sources.hls.take_dates", [1], "Input should be 'all', 'newest' or 'evenly_spread', or must be keys"),
        ("model.auxiliary", ["a"], 'must be branches by name, such as {side: {decoder: fcn}}; found ["a"]'),
        ("model.auxiliary.side", "fcn", "must be keys with values, such as {decoder: fcn}; found 'fcn'. Known keys"),
        ("model.decoder", ["unet"], '{name: ...} with its options, or a name alone; found ["unet"]'),
        ("model.necks", "select", "must be auto, or a list such as [select, pyramid]; found 'select'"),
        ("training.loader.batch_size", None, "must be a whole number; found null"),
        ("training.optimizer.name", None, "must be a text; found null"),
        ("inference.quicklooks", -1, "greater than or equal to 0 (found -1), or Input should be 'all' (found -1)"),
        ("inference.on_bad_block", "refuze", "'refuse' or 'nodata' (found 'refuze'). Did you mean 'refuse'?"),
    ],
)
def test_another_form_is_refused_in_words_of_yaml(place: str, value: Any, message: str) -> None:
    parameters = loader("local")["parameters"]
    parameters["data"]["sources"]["PlanetScope"] = {"bands": ["R"], "dtype": "uint8", "nodata": 0, "optional": True}
    parameters["data"]["sources"]["hls"]["reference"] = True
    *parents, last = place.split(".")
    inner: Any = parameters
    for key in parents:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else inner[int(key)]
    if value is ...:
        del inner[last]
    else:
        inner[int(last) if last.isdigit() else last] = value
    with pytest.raises(ParameterError) as raised:
        read_parameters(parameters, lambda name: ["here.yml"])
    _, *lines = str(raised.value).splitlines()
    assert [line.partition(": ")[0].strip() for line in lines] == [place]
    assert message in lines[0]


def test_a_parameter_that_is_stated_nowhere_is_refused() -> None:
    with pytest.raises(ParameterError, match="'data' is stated nowhere"):
        read_parameters({}, lambda name: [])


def recipe_of(folder: Path, files: dict[str, str]) -> RecipeConfigLoader:
    shutil.copytree(ROOT / "conf/base", folder / "conf/base")
    for name, text in files.items():
        file = folder / "conf/mine" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return RecipeConfigLoader(str(folder / "conf"), env="mine", **CONFIG_LOADER_ARGS)


def test_paths_of_the_catalog_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    catalog = """
      scenes: {type: fieldwork.io.rasters.RasterFolderDataset, path: ~/s2, pattern: "~{key}.tif"}
      split_lists: {type: fieldwork.io.lists.SplitListsDataset, files: {train: ~/train.txt, val: a/~/val.txt}}
      table: {type: pandas.CSVDataset, filepath: ~/table.csv}
      labels: {type: fieldwork.io.rasters.RasterFolderDataset, path: '${runtime_params:raw_root,"~/r"}/labels'}
    """
    read = recipe_of(tmp_path, {"catalog.yml": catalog})["catalog"]
    home = tmp_path.as_posix() + "/me"
    assert (read["scenes"]["path"], read["scenes"]["pattern"]) == (f"{home}/s2", "~{key}.tif")
    assert read["split_lists"]["files"] == {"train": f"{home}/train.txt", "val": "a/~/val.txt"}
    assert (read["table"]["filepath"], read["labels"]["path"]) == (f"{home}/table.csv", f"{home}/r/labels")


def test_the_files_that_state_a_parameter_are_named(tmp_path: Path) -> None:
    read = recipe_of(tmp_path, {"parameters.yml": "training: {max_epochs: 1}\n"})
    assert read.files_with("training") == ["conf/base/parameters_training.yml", "conf/mine/parameters.yml"]
    assert read.files_with("seed") == ["conf/base/parameters.yml"]


def test_values_that_files_ask_for_may_be_given(tmp_path: Path) -> None:
    catalog = "table: {type: pandas.CSVDataset, filepath: '${runtime_params:root,${runtime_params: where, a}}/b.csv'}\n"
    read = recipe_of(tmp_path, {"catalog.yml": catalog, "parameters.yml": "seed: ${runtime_params:lucky_number,3}\n"})
    assert read.asked_for() == {"root", "where", "lucky_number"}
    check_names(["seed", "lucky_number"], read.asked_for())
    words = r"Unknown parameter 'lucky_numbr'\. Did you mean 'lucky_number'.* its line in src/fieldwork/parameters\.py;"
    with pytest.raises(UnknownParameterError, match=words):
        check_names(["lucky_numbr"], read.asked_for())
    with pytest.raises(UnknownParameterError, match=r"\$\{runtime_params:root,default\}"):
        check_names(["root"], loader("local").asked_for())


def test_an_unknown_environment_is_refused_with_the_near_miss() -> None:
    with pytest.raises(ConfigurationError, match=r"no environment 'hls_watr' in .*Did you mean 'hls_water'"):
        loader("hls_watr")["parameters"]
    with pytest.raises(ConfigurationError, match=r"--env dofa\+dofa names a recipe twice"):
        loader("dofa+dofa")["parameters"]


@pytest.mark.parametrize("name", ["parameter_training.yml", "catlog.yml", "values.json", "more/dataset.yml"])
def test_a_file_that_nothing_reads_is_refused(tmp_path: Path, name: str) -> None:
    read = recipe_of(tmp_path, {"parameters.yml": "seed: 1\n", name: "{}\n"})
    with pytest.raises(ConfigurationError, match=f"conf/mine/{name}: nothing reads this file"):
        read.check_files()


def test_the_file_that_was_meant_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Did you mean 'parameters_training\.yml'"):
        recipe_of(tmp_path, {"parameter_training.yml": "{}\n"}).check_files()


def test_files_that_kedro_reads_pass(tmp_path: Path) -> None:
    names = (
        "parameters.yml",
        "parameters/deep.yml",
        "catalog_mine.yaml",
        "catalog/a/b.yml",
        "globals.yml",
        "dvc.yaml",
    )
    recipe_of(tmp_path, dict.fromkeys(names, "{}\n")).check_files()


@pytest.mark.parametrize("name", ["values.yml", "parameters_training.YML"])
def test_files_that_look_as_if_they_were_read_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}: nothing reads this file"):
        recipe_of(tmp_path, {name: "{}\n"}).check_files()


def test_values_of_this_machine_lie_in_local(tmp_path: Path) -> None:
    recipe_of(tmp_path, {"../local/values.yml": "{}\n"})
    RecipeConfigLoader(str(tmp_path / "conf"), env="local", **CONFIG_LOADER_ARGS).check_files()


@pytest.mark.parametrize("env", ["mine", "local"])
def test_parameters_in_local_that_a_named_environment_leaves_out_are_told(
    tmp_path: Path, env: str, caplog: pytest.LogCaptureFixture
) -> None:
    recipe_of(tmp_path, {"../local/parameters_data.yml": "data_prep: {workers: 8}\n", "../local/values.yml": "{}\n"})
    made = RecipeConfigLoader(str(tmp_path / "conf"), env=env, **CONFIG_LOADER_ARGS)
    with caplog.at_level("WARNING"):
        made.warn_of_local()
    told = [record.getMessage() for record in caplog.records]
    assert [f"conf/local/parameters_data.yml: not read with `--env {env}`" in text for text in told] == (
        [True] if env != "local" else []
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\ntraining:\n\tmax_epochs: 1\n", r"parameters\.yml, line 3, column 1: .*no valid YAML"),
        ("training: {max_epochs: 1\n", r"parameters\.yml, line 2, column 1: .*flow mapping"),
        ("seed: 1\nseed: 2\n", r"parameters\.yml, line 2, column 1: .*duplicate key seed"),
        ("seed: !!python/object/apply:os.getpid []\n", r"parameters\.yml, line 1, .*could not determine a constructor"),
        ("seed: 1 # Z\udcfcrich\n", r"parameters\.yml is no text in UTF-8"),
        ("- seed\n", r"parameters\.yml: found a list; expected keys"),
        ("training: {max_epochs: '${local:nope}'}\n", r"'training\.max_epochs' cannot be filled in.*no value 'nope'"),
        ("training: {max_epochs: '${oc.env:HOME}'}\n", r"'training\.max_epochs' cannot be filled in.*oc\.env"),
        ("training: {max_epochs: '${globals:x}'}\n", r"'training\.max_epochs' cannot be filled in.*'x' not found"),
        ("training: {max_epochs: '${runtime_params:x}'}\n", r"cannot be filled in.*'x' not found"),
        ("training: {max_epochs: '${unclosed'}\n", r"cannot be filled in.*\$\{unclosed"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        recipe_of(tmp_path, {"parameters.yml": text})["parameters"]


@pytest.mark.parametrize(
    ("name", "given", "error", "message"),
    [
        ("data_prep", {"training": {"optimizer": {"name": "adamm"}}}, ComponentError, "Did you mean 'adamw'"),
        ("training", {"training": {"monitor": "val/miuo"}}, ComponentError, "Did you mean 'val/miou'"),
        ("data_prep", {"training": {"augmentation": ["rotat"]}}, ComponentError, "Did you mean 'rotate'"),
        (
            "data_prep",
            {"data": {"store": "packed"}, "training": {"sampling": {"name": "random"}}},
            SpecError,
            "packed chips hold no others",
        ),
        (
            "training",
            {"training": {"auxiliary_loss": {"deep": 1}}},
            SpecError,
            r"branch in 'model.auxiliary': \['deep'\]",
        ),
        (
            "__default__",
            {"inference": {"source": {"bands": ["RED"], "dtype": "uint8", "nodata": None}}},
            SpecError,
            "'inference.source' has the bands",
        ),
    ],
)
def test_mistakes_of_any_pipeline_are_refused_before_one_runs(
    name: str,
    given: dict[str, Any],
    error: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fieldwork.hooks.pipelines", register_pipelines())
    around = AroundRun()
    around.after_context_created(SimpleNamespace(config_loader=loader("local", **given)))
    pipeline = register_pipelines()[name]
    with pytest.raises(error, match=message):
        around.before_pipeline_run({"only_missing_outputs": True, "project_path": str(ROOT)}, pipeline, DataCatalog())


@pytest.mark.parametrize("name", ["evaluation", "inference", "export", "report"])
def test_what_is_stated_of_a_training_is_no_matter_after_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fieldwork.hooks.pipelines", register_pipelines())
    around = AroundRun()
    stated = {"monitor": "val/miuo", "optimizer": {"name": "adamm"}}
    around.after_context_created(SimpleNamespace(config_loader=loader("local", training=stated)))
    around.before_pipeline_run(
        {"only_missing_outputs": True, "project_path": str(ROOT)}, register_pipelines()[name], DataCatalog()
    )


def test_val_from_train_belongs_to_lists() -> None:
    with pytest.raises(ParameterError, match="'val_from_train' takes from the list of train scenes"):
        read_parameters(loader("local", data={"split": {"val_from_train": 0.2}})["parameters"], lambda name: [])


def test_blocks_hold_a_chip() -> None:
    split = {"method": "blocks", "block_size": 63}
    with pytest.raises(ParameterError, match=r"split\.block_size 63 is less than chips.size 64"):
        read_parameters(loader("local", data={"split": split, "chips": {"size": 64}})["parameters"], lambda name: [])
