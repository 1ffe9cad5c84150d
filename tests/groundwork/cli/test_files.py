"""Files of configuration as one: several are merged, and TerraTorch's run as what they mean here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.bundle import load_bundle
from groundwork.cli.files import merged, settle_files
from groundwork.cli.main import main
from groundwork.compatibility.terratorch.translate import translate
from groundwork.data.places import PlacesConfig
from groundwork.errors import SpecError, TranslationError
from terratorch_words import DATA, HLS, MODEL, changed, rooted, write_set

KNOWN = ["model", "data", "trainer", "output"]


@pytest.fixture
def write_yaml(tmp_path: Path) -> Callable[[str, Any], str]:
    def write(name: str, stated: Any) -> str:
        (tmp_path / name).write_text(yaml.safe_dump(stated), encoding="utf-8")
        return str(tmp_path / name)

    return write


def test_later_files_change_keys_of_earlier_ones() -> None:
    first = {
        "output": "a",
        "model": {"class_path": "A", "init_args": {"training": {"max_epochs": 1, "loss": [1, 2]}, "model": {"x": 1}}},
        "trainer": {"logger": False},
    }
    second = {"model": {"init_args": {"training": {"max_epochs": 2}}}}
    third = {"output": "b", "model": {"init_args": {"training": {"loss": [3]}}}}
    assert merged([first, second, third]) == {
        "output": "b",
        "model": {"class_path": "A", "init_args": {"training": {"max_epochs": 2, "loss": [3]}, "model": {"x": 1}}},
        "trainer": {"logger": False},
    }


def test_another_class_takes_no_arguments_of_the_first() -> None:
    first = {"model": {"class_path": "A", "init_args": {"only_of_a": 1}}, "output": "a"}
    second = {"model": {"class_path": "B", "init_args": {"x": 1}}}
    assert merged([first, second]) == {"output": "a", **second}


def test_a_single_file_is_read_as_it_stands(write_yaml: Callable[[str, Any], str]) -> None:
    arguments = ["--config", write_yaml("a.yaml", {"output": "x"}), "--trainer.max_epochs", "2"]
    assert settle_files(arguments, KNOWN) == (arguments, "")


def test_several_files_become_one_argument_before_all_others(write_yaml: Callable[[str, Any], str]) -> None:
    first = write_yaml("a.yaml", {"output": "x", "trainer": {"max_epochs": 1, "precision": "007"}})
    second = write_yaml("b.yaml", {"trainer": {"max_epochs": 3}})
    found, told = settle_files(["--output", "y", f"--config={first}", "-c", second], KNOWN)
    assert (found[0], found[2:], told) == ("--config", ["--output", "y"], "")
    assert yaml.safe_load(found[1]) == {"output": "x", "trainer": {"max_epochs": 3, "precision": "007"}}


def test_mistakes_are_named_with_their_file(write_yaml: Callable[[str, Any], str]) -> None:
    files = [write_yaml("a.yaml", {"output": "x"}), write_yaml("b.yaml", {"outputs": "y"})]
    with pytest.raises(SpecError, match=r"b\.yaml: nothing reads the key 'outputs'.* Did you mean 'output'"):
        settle_files(["-c", files[0], "-c", files[1]], KNOWN)


def test_a_file_of_terratorch_becomes_one_of_ours(write_yaml: Callable[[str, Any], str]) -> None:
    theirs, more = write_yaml("theirs.yaml", changed()), write_yaml("more.yaml", {"trainer": {"max_epochs": 7}})
    found, told = settle_files(["--config", theirs, "--config", more], KNOWN)
    stated = yaml.safe_load(found[1])
    assert stated["data"]["init_args"]["places"]["split_lists"]["val"] == {
        "path": "data/water/val",
        "pattern": "{key}_img.tif",
    }
    assert stated["model"]["init_args"]["training"]["max_epochs"] == 7
    assert stated["output"] == "runs/theirs"
    translation = translate(changed(("trainer.max_epochs", 7)), "theirs.yaml")
    assert stated["model"]["init_args"]["model"]["decoder"] == translation.parameters["model"]["decoder"]
    assert str(translation.findings) in told


def test_lists_that_name_files_are_read_as_such(
    write_yaml: Callable[[str, Any], str], write_raster: Callable[..., Path], tmp_path: Path
) -> None:
    root = write_set(write_raster, tmp_path / "set")
    for file in [*root.glob("*/*.tif")]:
        file.rename(root / file.name)
    changes: list[tuple[str, Any]] = []
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.txt").write_text(
            "".join(f"{one.name}\n" for one in sorted(root.glob(f"{split}*_img.tif")))
        )
        changes += [(f"{DATA}.{split}_data_root", str(root)), (f"{DATA}.{split}_split", str(tmp_path / f"{split}.txt"))]
    found, _ = settle_files(["--config", write_yaml("theirs.yaml", changed(*changes))], KNOWN)
    places = PlacesConfig.model_validate(yaml.safe_load(found[1])["data"]["init_args"]["places"])
    assert places.open_lists() == {
        "train": ["train0", "train1", "train2"],
        "val": ["val0", "val1"],
        "test": ["test0", "test1"],
    }
    assert set(places.open_lists()["val"]) < set(places.scenes.open().files)


def test_both_doors_refuse_in_the_same_words(write_yaml: Callable[[str, Any], str], capsys: Any) -> None:
    words = changed((f"{MODEL}.decoder", "UNetDecodr"), (f"{MODEL}.backbone_bands", ["BLU"]))
    with pytest.raises(TranslationError) as refused:
        translate(words, "theirs.yaml")
    file = write_yaml("theirs.yaml", words)
    for command in ("fit", "validate", "test", "predict"):
        assert main([command, "--config", file]) == 1
        assert capsys.readouterr().err == f"{refused.value}\n"


def test_a_file_of_terratorch_is_trained_tested_and_predicted(
    write_yaml: Callable[[str, Any], str],
    write_raster: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["groundwork"])
    monkeypatch.chdir(tmp_path)
    root = write_set(write_raster, tmp_path / "water")
    small = {"name": "SelectIndices", "indices": [0]}, {"name": "ReshapeTokensToImage"}
    words = changed(
        *rooted(root),
        (f"{DATA}.predict_data_root", f"{root}/test"),
        (f"{MODEL}.necks", list(small)),
        (f"{MODEL}.decoder", "FCNDecoder"),
        (f"{MODEL}.decoder_channels", 8),
        (f"{MODEL}.decoder_num_convs", 2),
        ("trainer.max_epochs", 1),
        ("trainer.precision", None),
        ("trainer.accelerator", "cpu"),
    )
    theirs = write_yaml("theirs.yaml", words)
    quick = [f"--evaluation.{key}" for key in ("bootstrap=0", "boosting_iterations=0", "orientations=false")]
    assert main(["fit", "--config", theirs]) == 0
    told = capsys.readouterr()
    assert "theirs.yaml is TerraTorch's, and runs as what it means here." in told.err
    assert "the model sees the mean of each band" in told.err
    bundle = load_bundle(tmp_path / "runs/theirs/bundle")
    assert bundle.config.trained
    assert bundle.config.inputs["images"].band_names == tuple(HLS)
    assert bundle.weights["standardise.images.mean"].tolist() == [1000, 1100, 1200, 2500, 2000, 1400]
    assert main(["test", "--config", theirs, *quick]) == 0
    scores = json.loads((tmp_path / "runs/theirs/test/scores.json").read_text())
    assert scores["baselines"]["majority_class"]["balanced_accuracy"] == 0.5
    assert main(["predict", "--config", theirs]) == 0
    assert len(list((tmp_path / "runs/theirs/predictions").glob("*_classes.tif"))) == 2


def test_a_checkpoint_is_no_bundle(
    write_yaml: Callable[[str, Any], str],
    write_raster: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["groundwork"])
    monkeypatch.chdir(tmp_path)
    root = write_set(write_raster, tmp_path / "water")
    theirs = write_yaml("theirs.yaml", changed(*rooted(root), ("trainer.precision", None)))
    (tmp_path / "theirs.ckpt").write_bytes(b"")
    assert main(["test", "--config", theirs, "--ckpt_path", "theirs.ckpt"]) == 1
    assert "theirs.ckpt is no bundle: `groundwork bundle import theirs.ckpt" in capsys.readouterr().err
