"""A file of TerraTorch becomes a recipe that the project reads, and trains on rasters in their layout."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from rasterio.transform import from_origin

from fieldwork.config_loader import ConfigurationError, RecipeConfigLoader
from fieldwork.entries import check_entries, check_lists
from fieldwork.parameters import read_parameters
from fieldwork.pipeline_registry import register_pipelines
from fieldwork.recipe_file import RecipeFileError, as_file, as_recipe
from fieldwork.settings import CONFIG_LOADER_ARGS
from fieldwork.terratorch_recipe import Report, import_terratorch
from groundwork.data.augmentation.augmenter import check_augmentation
from groundwork.data.chips import LabelledData
from groundwork.data.sampling.checks import check_sampling
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import divide
from groundwork.data.statistics import compute_statistics
from groundwork.errors import DataError, TranslationError
from groundwork.training.checks import check_together, check_training
from groundwork.training.fit import FitResult, fit
from groundwork.training.initial import build_initial
from terratorch_cases import DETECTORS, decoder
from terratorch_words import DATA, HLS, MODEL, TASK, changed, rooted, write_objects, write_set

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "conf"
    shutil.copytree(ROOT / "conf" / "base", folder / "base")
    return folder


def brought(conf: Path, name: str, words: dict[str, Any]) -> Report:
    file = conf.parent / f"{name}.yaml"
    file.write_text(yaml.safe_dump(words), encoding="utf-8")
    return import_terratorch([file], name, conf)


def read(conf: Path, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a recipe with all checks that a run begins with."""
    loader = RecipeConfigLoader(str(conf), env=name, **CONFIG_LOADER_ARGS)
    loader.check_files()
    parameters = read_parameters(loader["parameters"], loader.files_with)
    catalog = loader["catalog"]
    check_entries(catalog, register_pipelines().values())
    data, training = parameters["data"], parameters["training"]
    check_training(training, data.target)
    check_augmentation(training.augmentation, data.sources, data.target)
    check_sampling(training.sampling, data.store, data.target)
    return parameters, {name: catalog[name] for name in ("scenes", "labels", "split_lists", "inference_scenes")}


def trained(conf: Path, name: str, folder: Path) -> FitResult:
    """Train a recipe for two steps, through the entries of its catalog."""
    parameters, entries = read(conf, name)
    data = parameters["data"]
    here = {"accelerator": "cpu", "limit_train_batches": 2, "limit_val_batches": 1}
    training = parameters["training"].model_copy(update={"max_epochs": 1, "trainer": here})
    catalog = DataCatalog.from_config(entries)
    scenes, labels, lists = (catalog.load(entry) for entry in ("scenes", "labels", "split_lists"))
    check_lists(data.split, lists)
    check_together(training, parameters["model"], data.target)
    by_source = scenes if isinstance(scenes, dict) else {next(iter(data.sources)): scenes}
    found = scan_scenes(scenes, labels, data)
    samples = divide(found.chips, data.split, lists, parameters["seed"]).samples
    labelled = LabelledData(samples, by_source, labels, data.sources, data.target)
    initial = build_initial(data, parameters["model"], parameters["seed"])
    statistics = compute_statistics(samples, found.cells, data)
    return fit(initial, labelled, statistics, training, parameters["seed"], folder)


SMALL = [("trainer.precision", None), (f"{DATA}.batch_size", 1)]


@pytest.fixture(scope="module")
def water(tmp_path_factory: pytest.TempPathFactory, write_raster: Callable[..., Path]) -> Path:
    return write_set(write_raster, tmp_path_factory.mktemp("water"))


def test_the_usual_file_trains(conf: Path, water: Path, tmp_path: Path) -> None:
    report = brought(conf, "usual", changed(*rooted(water), *SMALL))
    data = report.translation.parameters["data"]
    assert isinstance(data, dict)
    # Looked up in the files that are there.
    assert {key: data["sources"]["images"][key] for key in ("dtype", "nodata")} == {"dtype": "int16", "nodata": -9999.0}
    assert data["chips"] == {"size": 64, "stride": 64, "min_valid_fraction": 0.0}
    result = trained(conf, "usual", tmp_path)
    weights = result.bundle.weights
    assert weights["standardise.images.mean"].tolist() == [1000, 1100, 1200, 2500, 2000, 1400]
    assert weights["standardise.images.std"].tolist() == [500, 510, 520, 800, 700, 600]
    assert np.isfinite(result.history["train/loss"]).all()
    assert result.bundle.config.target.ignore_values == (-1,)


SMALL_MODEL = [
    (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [1]}, {"name": "ReshapeTokensToImage"}]),
    (f"{MODEL}.decoder", "FCNDecoder"),
    (f"{MODEL}.decoder_channels", 8),
]


def test_windows_of_two_dates_train(conf: Path, tmp_path: Path, write_raster: Callable[..., Path]) -> None:
    root = write_set(write_raster, tmp_path / "dates", bands=12)
    crop = {"class_path": "albumentations.RandomCrop", "init_args": {"height": 32, "width": 32}}
    words = changed(
        *rooted(root),
        *SMALL,
        *SMALL_MODEL,
        (f"{DATA}.expand_temporal_dimension", True),
        (f"{DATA}.train_transform", [crop, {"class_path": "albumentations.D4"}, {"class_path": "ToTensorV2"}]),
        (f"{MODEL}.backbone_num_frames", 2),
        (f"{TASK}.loss", {"ce": 0.5, "dice": 0.5}),
    )
    brought(conf, "dates", words)
    result = trained(conf, "dates", tmp_path / "runs")
    assert result.bundle.config.inputs["images"].steps == 2
    assert np.isfinite(result.history["train/loss"]).all()


def test_numbers_are_learnt_within_what_labels_hold(
    conf: Path, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    root = write_set(write_raster, tmp_path / "heights")
    changes = [
        ("model.class_path", "terratorch.tasks.PixelwiseRegressionTask"),
        ("data.class_path", "GenericNonGeoPixelwiseRegressionDataModule"),
        (f"{MODEL}.num_classes", None),
        (f"{DATA}.num_classes", None),
        (f"{TASK}.loss", "rmse"),
    ]
    report = brought(conf, "heights", changed(*rooted(root), *SMALL, *SMALL_MODEL, *changes))
    # -1, which is not known, is no number.
    outputs = [{"name": "value", "nodata": -1, "minimum": 0.0, "maximum": 1.0}]
    assert report.translation.parameters["data"]["target"]["outputs"] == outputs  # type: ignore[index]
    assert np.isfinite(trained(conf, "heights", tmp_path / "runs").history["train/loss"]).all()


def test_images_in_a_folder_for_each_class_train(conf: Path, tmp_path: Path, write_raster: Callable[..., Path]) -> None:
    random = np.random.default_rng(0)
    for row, split in enumerate(("train", "val", "test")):
        for number, name in enumerate(("crops", "town")):
            for count in range(2):
                pixels = random.normal(500 + 1000 * number, 100, (6, 32, 32)).astype(np.int16)
                place = {
                    "transform": from_origin(500_000 + 10_000 * (2 * number + count), 5_000_000 + 10_000 * row, 10, 10)
                }
                write_raster(tmp_path / "set" / split / name / f"{split}_{name}{count}.tif", pixels, **place)
    changes = [
        ("model.class_path", "ClassificationTask"),
        ("data.class_path", "GenericNonGeoClassificationDataModule"),
        (f"{TASK}.model_factory", "TimmModelFactory"),
        (MODEL, {"backbone": "test_resnet", "in_channels": 6, "num_classes": 2, "pretrained": False}),
        (f"{TASK}.ignore_index", None),
        (f"{DATA}.img_grep", None),
        (f"{DATA}.label_grep", None),
        (f"{DATA}.batch_size", 2),
    ]
    brought(conf, "places", changed(*rooted(tmp_path / "set"), *SMALL, *changes))
    result = trained(conf, "places", tmp_path / "runs")
    # Names come from the folders, in their order.
    assert result.bundle.config.target.names == ("crops", "town")
    assert np.isfinite(result.history["train/loss"]).all()


#: Encoders of zoos, which are told their bands in another way, and decoders that read some of the levels.
ZOO = {
    "dofa": ("dofa_small_patch16_224", [{"name": "ReshapeTokensToImage"}], decoder("FCNDecoder", 8, num_convs=1)),
    "torchgeo": ("ssl4eos12_resnet18_sentinel2_all_moco", None, decoder("smp_UPerNet", decoder_channels=8)),
}


@pytest.mark.parametrize("case", ZOO)
def test_encoders_of_zoos_train(conf: Path, water: Path, tmp_path: Path, case: str) -> None:
    encoder, necks, decoding = ZOO[case]
    changes = [
        (f"{MODEL}.backbone", encoder),
        (f"{MODEL}.backbone_bands", None),
        (f"{MODEL}.backbone_model_bands", HLS),
        (f"{MODEL}.backbone_out_indices", [0, 1, 2, 3] if case == "torchgeo" else [0]),
        (f"{MODEL}.necks", necks),
        (f"{DATA}.batch_size", 3),
    ]
    brought(conf, f"zoo_{case}", changed(*rooted(water), *SMALL, *decoding, *changes))
    result = trained(conf, f"zoo_{case}", tmp_path)
    assert np.isfinite(result.history["train/loss"]).all()
    assert result.bundle.config.model.encoder is not None
    assert result.bundle.config.model.encoder.name == case


# Outlines stand in no list of boxes.
@pytest.mark.parametrize("case", [case for case in DETECTORS if case != "outlines"])
def test_objects_in_lists_of_boxes_train(
    conf: Path, tmp_path: Path, write_raster: Callable[..., Path], case: str
) -> None:
    first = 0 if case == "places" else 1
    root = write_objects(write_raster, tmp_path / "set", first)
    words = changed(*DETECTORS[case], *rooted(root), *SMALL, (f"{DATA}.batch_size", 2))
    report = brought(conf, f"objects_{case}", words)
    target = report.translation.parameters["data"]["target"]  # type: ignore[index]
    assert [entry["value"] for entry in target["classes"]] == list(range(first, 3))
    result = trained(conf, f"objects_{case}", tmp_path / "runs")
    assert np.isfinite(result.history["train/loss"]).all()
    assert "val/map" in result.history
    objects = result.bundle.config.model.factory
    assert objects.options["iou_across_classes"] in (0.3, 0.5)


def test_images_without_a_list_of_boxes_and_labels_without_a_class_are_refused(
    conf: Path, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    root = write_objects(write_raster, tmp_path / "set", 0)
    words = changed(*DETECTORS["regions"], *rooted(root))
    with pytest.raises(TranslationError, match=r"num_classes: files of boxes hold the label\(s\) \[0\], where 1 to 2"):
        brought(conf, "background", words)
    (root / "val" / "val1_img.json").unlink()
    with pytest.raises(TranslationError, match=r"val_label_data_root: 1 image\(s\) have no '\{key\}_img.json'"):
        brought(conf, "missing", words)


def test_two_sensors_train(conf: Path, tmp_path: Path, write_raster: Callable[..., Path]) -> None:
    optical = write_set(write_raster, tmp_path / "set" / "s2", ("{}_s2.tif", "{}_mask.tif"), bands=2)
    radar = write_set(write_raster, tmp_path / "set" / "s1", ("{}_s1.tif", "{}_other.tif"), bands=2)
    names = ["S2L2A", "S1GRD"]
    roots = {
        split: dict(zip(names, (f"{optical}/{split}", f"{radar}/{split}"), strict=True))
        for split in ("train", "val", "test")
    }
    changes = [
        ("data.class_path", "GenericMultiModalDataModule"),
        (f"{DATA}.modalities", names),
        (f"{DATA}.rgb_modality", "S2L2A"),
        (f"{DATA}.image_grep", {"S2L2A": "*_s2.tif", "S1GRD": "*_s1.tif"}),
        (f"{DATA}.dataset_bands", {"S2L2A": ["BLUE", "RED"], "S1GRD": ["VV", "VH"]}),
        (f"{DATA}.means", {"S2L2A": [1390.458, 1853.91], "S1GRD": [-12.599, -20.293]}),
        (f"{DATA}.stds", {"S2L2A": [2106.761, 2134.138], "S1GRD": [5.195, 5.89]}),
        *((f"{DATA}.{split}_data_root", roots[split]) for split in roots),
        *((f"{DATA}.{split}_label_data_root", f"{optical}/{split}") for split in roots),
        (f"{MODEL}.backbone", "terramind_v1_tiny"),
        (f"{MODEL}.backbone_modalities", names),
        *(
            (key, None)
            for key in (f"{DATA}.output_bands", f"{DATA}.img_grep", f"{DATA}.rgb_indices", f"{MODEL}.backbone_bands")
        ),
    ]
    brought(conf, "sensors", changed(*SMALL, *SMALL_MODEL, *changes))
    weights = trained(conf, "sensors", tmp_path / "runs").bundle.weights
    assert weights["standardise.S1GRD.std"].tolist() == pytest.approx([5.195, 5.89])


def test_lists_of_file_names_are_read_as_keys(conf: Path, tmp_path: Path, write_raster: Callable[..., Path]) -> None:
    for split in ("train", "val", "test"):
        write_set(write_raster, tmp_path / "set", ("../all/{}_img.tif", "../all/{}_mask.tif"))
        names = sorted(path.name for path in (tmp_path / "set" / "all").glob(f"{split}*_img.tif"))
        (tmp_path / f"{split}.txt").write_text("\n".join(names), encoding="utf-8")
    roots = [(f"{DATA}.{split}_data_root", str(tmp_path / "set" / "all")) for split in ("train", "val", "test")]
    lists = [(f"{DATA}.{split}_split", str(tmp_path / f"{split}.txt")) for split in ("train", "val", "test")]
    brought(conf, "lists", changed(*roots, *lists))
    _, entries = read(conf, "lists")
    found = DataCatalog.from_config({"split_lists": entries["split_lists"]}).load("split_lists")
    assert found == {"train": ["train0", "train1", "train2"], "val": ["val0", "val1"], "test": ["test0", "test1"]}


def test_names_that_would_be_paired_by_position_get_a_key_or_are_refused(
    conf: Path, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    root = write_set(write_raster, tmp_path / "set", ("images_{}.tif", "../labels/{}.tif"))
    labels = [(f"{DATA}.{split}_label_data_root", f"{root}/labels") for split in ("train", "val", "test")]
    every = [(f"{DATA}.img_grep", "*.tif"), (f"{DATA}.label_grep", "*.tif")]
    with pytest.raises(TranslationError, match=r"label_grep: 3 image\(s\) and 7 label\(s\) of train do not pair up"):
        brought(conf, "unpaired", changed(*rooted(root), *labels, *every))
    apart = write_set(write_raster, tmp_path / "apart", ("image_{}.tif", "masks/label_{}.tif"))
    labels = [(f"{DATA}.{split}_label_data_root", f"{apart}/{split}/masks") for split in ("train", "val", "test")]
    places = brought(conf, "affixes", changed(*rooted(apart), *labels, *every)).translation.places
    assert places["scenes"] == {"path": str(apart), "pattern": "*/image_{key}.tif"}
    assert places["labels"] == {"path": str(apart), "pattern": "*/masks/label_{key}.tif"}
    (apart / "train" / "masks" / "label_train0.tif").rename(apart / "train" / "masks" / "label_trainx.tif")
    with pytest.raises(TranslationError, match=r"would be paired by their position, whatever they are: .*train0"):
        brought(conf, "positions", changed(*rooted(apart), *labels, *every))


@pytest.mark.parametrize(
    ("train", "val", "message"),
    [
        (["chip_1"], ["chip_10"], r"'chip_1' is a part of 'chip_10' in the list of val: .* into both"),
        (["chip"], ["chop_10"], r"1 line\(s\) of the lists are no key of a file, such as 'chip' is a part of"),
    ],
)
def test_lists_of_parts_of_names_are_refused(
    conf: Path, tmp_path: Path, write_raster: Callable[..., Path], train: list[str], val: list[str], message: str
) -> None:
    for name in ("chip_1", "chip_10", "chop_10", "chip_3"):
        for kind in ("img", "mask"):
            write_raster(tmp_path / "all" / f"{name}_{kind}.tif", np.zeros((6, 8, 8), np.int16))
    for split, lines in (("train", train), ("val", val), ("test", ["chip_3"] if train == ["chip_1"] else ["chop_10"])):
        (tmp_path / f"{split}.txt").write_text("\n".join(lines), encoding="utf-8")
    roots = [(f"{DATA}.{split}_data_root", str(tmp_path / "all")) for split in ("train", "val", "test")]
    lists = [(f"{DATA}.{split}_split", str(tmp_path / f"{split}.txt")) for split in ("train", "val")]
    with pytest.raises(TranslationError, match=message):
        brought(conf, "parts", changed(*roots, *lists, (f"{DATA}.test_data_root", None)))


def test_what_is_written_reads_as_if_by_a_person(conf: Path) -> None:
    report = brought(conf, "written", changed((f"{DATA}.constant_scale", 1e-4), (f"{TASK}.loss", ["ce", "dice"])))
    text = {file.name: file.read_text("utf-8") for file in report.files}
    assert sorted(text) == [
        *("catalog.yml", "parameters.yml", "parameters_data.yml", "parameters_model.yml", "parameters_training.yml")
    ]
    model = text["parameters_model.yml"]
    assert (
        "  decoder: {name: smp, model: Unet, options: {decoder_channels: [32, 16, 16, 8]}, last_block: keeps}\n"
        in model
    )
    comment = (
        "    # Values are not multiplied by 0.0001: means and deviations are divided by it, which comes to the same.\n"
    )
    assert comment + "    images:\n" in text["parameters_model.yml"]
    assert max(len(line) for part in text.values() for line in part.splitlines()) <= 120
    # Only what differs: the base has the same batches and threads.
    assert "threads" not in text["parameters_training.yml"]
    assert "  necks: [pyramid]\n" in text["parameters_model.yml"]
    told = str(report)
    assert told.startswith("Written:\n  ")
    assert "Changed, and why:\n" in told


def test_recipes_are_not_overwritten_and_files_are_read_with_care(conf: Path, tmp_path: Path) -> None:
    brought(conf, "once", changed())
    before = (conf / "once" / "catalog.yml").read_text("utf-8")
    with pytest.raises(ConfigurationError, match="There is a recipe 'once' already"):
        brought(conf, "once", changed())
    assert (conf / "once" / "catalog.yml").read_text("utf-8") == before
    for name, content, message in (
        ("base", "a: 1", "'base' is no name for a recipe"),
        ("broken", "a: [", "is no valid YAML"),
        ("list", "- 1", "found no keys with values"),
    ):
        file = tmp_path / f"{name}.yaml"
        file.write_text(content, encoding="utf-8")
        with pytest.raises((ConfigurationError, DataError), match=message):
            import_terratorch([file], name, conf)
    with pytest.raises(TranslationError):
        brought(conf, "refused", changed((f"{TASK}.loss", "none")))
    assert not (conf / "refused").exists()


def test_the_command_writes_and_reports_or_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "conf" / "base", tmp_path / "conf" / "base")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(changed()), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    # As the command `groundwork` finds it.
    command = EntryPoint("config", stated["groundwork.commands"]["config"], "groundwork.commands").load()
    try:
        assert command(["import", "theirs.yaml", "--env", "mine"]) == 0
        told = capsys.readouterr().out
        assert "Changed, and why:\n" in told
        assert told.endswith("Run it: kedro run --env mine\n")
        assert (tmp_path / "conf" / "mine" / "parameters_model.yml").is_file()
        assert command(["import", "theirs.yaml", "--env", "mine"]) == 1
        assert "There is a recipe 'mine' already" in capsys.readouterr().err
        (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(changed((f"{TASK}.loss", "sce"))), encoding="utf-8")
        assert command(["import", "theirs.yaml", "--env", "other"]) == 1
        assert "model.init_args.loss: 'sce' is no loss of this task here. Did you mean 'ce'?" in capsys.readouterr().err
        (tmp_path / "usual.yaml").write_text(yaml.safe_dump(changed()), encoding="utf-8")
        (tmp_path / "own.yaml").write_text(yaml.safe_dump({"trainer": {"max_epochs": 2}}), encoding="utf-8")
        for name, given in (
            ("both", ["usual.yaml", "own.yaml"]),
            ("as_fit", ["-c", "usual.yaml", "--config=own.yaml"]),
        ):
            assert command(["import", *given, "--env", name]) == 0
            text = (tmp_path / "conf" / name / "parameters_training.yml").read_text("utf-8")
            assert text.startswith("# From usual.yaml + own.yaml, which TerraTorch reads.\n")
            assert yaml.safe_load(text)["training"]["max_epochs"] == 2
        # Later ones change earlier ones.
        assert command(["import", "own.yaml", "usual.yaml", "--env", "turned"]) == 0
        turned = yaml.safe_load((tmp_path / "conf/turned/parameters_training.yml").read_text("utf-8"))
        assert turned["training"]["max_epochs"] == 20
        capsys.readouterr()
        for given, found in (([], "none"), (["usual.yaml", "-c", "own.yaml"], "both")):
            assert command(["import", *given, "--env", "other"]) == 1
            assert f"Found {found} of FILE and --config" in capsys.readouterr().err
        monkeypatch.chdir(tmp_path.parent)
        assert command(["import", "theirs.yaml", "--env", "other"]) == 1
        assert "lies in no project" in capsys.readouterr().err
    finally:
        bootstrap_project(ROOT)


def test_folders_of_splits_are_said_in_one_file_too(conf: Path) -> None:
    brought(conf, "folders", changed())
    catalog = yaml.safe_load((conf / "folders/catalog.yml").read_text("utf-8"))
    loader = RecipeConfigLoader(str(conf), env="folders", **CONFIG_LOADER_ARGS)
    stated = as_file(loader["parameters"], loader["catalog"], "folders")
    lists = stated["data"]["init_args"]["places"]["split_lists"]
    assert lists == catalog["split_lists"]["folders"]
    assert as_recipe(stated)[1]["split_lists"] == catalog["split_lists"]
    lists["test"] = "test.txt"
    with pytest.raises(RecipeFileError, match=r"are folders, and the others files"):
        as_recipe(stated)
