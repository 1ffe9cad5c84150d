"""`groundwork fit | validate | test | predict | compute-statistics`."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
import yaml
from lightning import Callback, LightningModule, Trainer
from safetensors.torch import load_file
from torch import nn

import groundwork
from groundwork.bundle import load_bundle
from groundwork.cli.main import main
from groundwork.cli.overrides import split_overrides
from groundwork.config.data import DataConfig
from groundwork.data.raster_module import RasterDataModule
from groundwork.tasks import TASKS
from groundwork.training.lightning_tasks import RasterTask, SemanticSegmentationTask

MODEL = {
    "encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]},
    "decoder": {"name": "fcn", "channels": 16},
}
TRAINING = {
    "loader": {"batch_size": 4},
    "loss": [{"name": "cross_entropy"}],
    "optimizer": {"name": "adamw", "learning_rate": 0.01},
    "threads": 1,
}
RASTERS, SEGMENTATION = "groundwork.RasterDataModule", "groundwork.SemanticSegmentationTask"

Write = Callable[..., Path]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def stated(tiny_data: SimpleNamespace, tmp_path: Path) -> dict[str, Any]:
    """A file of configuration for the tiny data."""
    root, data = tiny_data.root, tiny_data.config.model_dump(mode="json")
    scenes = {"path": str(root / "scenes")}
    places = {"scenes": scenes, "labels": {"path": str(root / "labels")}, "inference_scenes": scenes}
    return {
        "seed_everything": 0,
        "output": str(tmp_path / "run"),
        "data": {"class_path": RASTERS, "init_args": {"places": places, "data": data}},
        "model": {"class_path": SEGMENTATION, "init_args": {"model": MODEL, "training": TRAINING}},
        "trainer": {"max_epochs": 1, "accelerator": "cpu"},
        "evaluation": {"bootstrap": 0, "boosting_iterations": 0, "orientations": False, "batch_size": 4},
        "inference": {"tile_size": 64},
    }


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on a configuration; return its status, and what it said."""
    # LightningCLI warns where a test runner has arguments of its own.
    monkeypatch.setattr(sys, "argv", ["groundwork"])

    def run(command: str, stated: dict[str, Any], *options: str) -> tuple[int, str]:
        file = tmp_path / "x.yaml"
        file.write_text(yaml.safe_dump(stated))
        capsys.readouterr()
        status = main([command, "--config", str(file), *options])
        told = capsys.readouterr()
        return status, told.err if status else told.out

    return run


def changed(stated: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy with one value changed, or taken out where it is ``...``."""
    copied = copy.deepcopy(stated)
    *keys, last = path.split(".")
    part = copied
    for key in keys:
        part = part[key]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return copied


def test_a_training_leaves_all_that_the_other_commands_need(
    run: Run, stated: dict[str, Any], tmp_path: Path, tiny_data: SimpleNamespace
) -> None:
    assert run("fit", stated)[0] == 0
    folder = tmp_path / "run"
    bundle = load_bundle(folder / "bundle")
    assert bundle.config.trained
    assert len(pd.read_csv(folder / "history.csv")) == 1
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "samples.csv")[["sample_id", "split"]],
        tiny_data.samples[["sample_id", "split"]].reset_index(drop=True),
        check_dtype=False,
    )

    # The file that is kept gives the same run again, without another epoch.
    weights, written = (folder / "bundle/weights.safetensors").read_bytes(), folder / "config.yaml"
    assert run("fit", yaml.safe_load(written.read_text()))[0] == 0
    assert (folder / "bundle/weights.safetensors").read_bytes() == weights
    assert len(list((folder / "checkpoints").iterdir())) == 1
    assert (
        "| flow |" in (folder / "model_card.md").read_text() or "parameters" in (folder / "model_card.md").read_text()
    )
    assert "wrong" in (folder / "data_audit.md").read_text()

    status, told = run("predict", stated)
    assert status == 0
    pictures = {file.stem for file in (folder / "quicklooks").glob("*.png")}
    assert pictures == set(tiny_data.scenes.files)

    status, told = run("test", stated)
    assert status == 0
    page = (folder / "report.html").read_text()
    assert f"{folder / 'report.html'}" in told
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.DOTALL)
    assert pictures <= {caption.strip() for caption in captions}
    scores = json.loads((folder / "test/scores.json").read_text())
    assert f"miou: {scores['test']['miou']}" in told
    history = pd.read_csv(folder / "history.csv")
    assert run("validate", stated)[0] == 0
    validated = json.loads((folder / "val/scores.json").read_text())
    assert validated["val"]["miou"] == pytest.approx(history["val/miou"].iloc[0], abs=1e-5)
    assert scores["test"] != validated["val"]

    elsewhere = changed(stated, "output", str(tmp_path / "elsewhere"))
    assert run("predict", elsewhere)[0] == 1
    assert run("predict", elsewhere, "--ckpt_path", str(folder / "bundle"))[0] == 0
    folder = tmp_path / "elsewhere"
    model = bundle.build_model()
    for key in tiny_data.scenes.files:
        with rasterio.open(folder / f"predictions/{key}_classes.tif") as written:
            found = written.read(1)
        with rasterio.open(tiny_data.root / f"scenes/{key}.tif") as scene:
            values, valid = scene.read(), scene.read(1) != -9999
        if max(values.shape[1:]) > 64:
            continue
        # Within one tile, the network itself says the same.
        from groundwork.batch import Images

        images = Images({"optical": torch.from_numpy(values)[None]}, {"optical": torch.from_numpy(valid)[None]})
        with torch.inference_mode():
            classes = model(images).output.argmax(dim=1)[0].numpy() + 1
        assert np.mean(found[valid] == classes[valid]) > 0.99


def test_statistics_are_computed_without_a_training(run: Run, stated: dict[str, Any], tmp_path: Path) -> None:
    status, told = run("compute-statistics", stated)
    assert status == 0
    found = json.loads((tmp_path / "run/statistics.json").read_text())
    assert (
        yaml.safe_load(told[told.index("optical:") : told.index("Samples")])["optical"]["A"]["mean"]
        == found["sources"]["optical"]["A"]["mean"]
    )
    table = pd.read_csv(tmp_path / "run/samples.csv", dtype={"scene": str})
    train = table[table["split"] == "train"]
    pixels = []
    for row in train.itertuples():
        root = Path(stated["data"]["init_args"]["places"]["scenes"]["path"])
        with rasterio.open(root / f"{row.scene}.tif") as raster, rasterio.open(root.parent / f"labels/{row.scene}.tif"):
            values = raster.read(1)[row.row : row.row + 32, row.column : row.column + 32]
        pixels.append(values[values != -9999].astype(float))
    assert found["sources"]["optical"]["A"]["mean"] == pytest.approx(np.concatenate(pixels).mean(), rel=1e-4)
    assert not (tmp_path / "run/bundle").exists()


def test_values_of_the_command_line_win(run: Run, stated: dict[str, Any], tmp_path: Path) -> None:
    status, _ = run(
        "fit",
        stated,
        "--trainer.max_epochs=2",
        "--model.training.optimizer.learning_rate=1e-3",
        "--model.init_args.training.schedule",
        "{name: constant}",
        "--output",
        str(tmp_path / "other"),
    )
    assert status == 0
    history = pd.read_csv(tmp_path / "other/history.csv")
    assert len(history) == 2
    assert not (tmp_path / "run").exists()


def test_options_inside_free_parts_are_read_as_yaml() -> None:
    rest, found = split_overrides(
        ["--model.training.max_epochs", "3", "--data.data.target.classes=[{value: 1}]", "--trainer.max_epochs", "2"]
    )
    assert rest == ["--trainer.max_epochs", "2"]
    assert found == [
        ("model.init_args.training", ("max_epochs",), 3),
        ("data.init_args.data", ("target", "classes"), [{"value": 1}]),
    ]


def test_text_stays_text(run: Run, stated: dict[str, Any], tmp_path: Path) -> None:
    """jsonargparse makes 7 of "007" and nothing of "#ffffff" where a value may be anything."""
    data = stated["data"]["init_args"]["data"]
    data["target"]["classes"][0] |= {"name": "007", "color": "#ffffff"}
    assert run("fit", stated)[0] == 0
    target = load_bundle(tmp_path / "run/bundle").config.target
    assert (target.classes[0].name, target.classes[0].color) == ("007", "#ffffff")
    assert data == json.loads(DataConfig.model_validate(data).model_dump_json())


class CountsBatches(Callback):
    """Counts, for all to see."""

    seen = 0

    def on_train_batch_end(self, *_: object) -> None:
        CountsBatches.seen += 1


def test_callbacks_of_your_own_are_called(
    run: Run, stated: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "my_callbacks", SimpleNamespace(CountsBatches=CountsBatches))
    assert run("fit", stated)[0] == 0
    plain = load_file(tmp_path / "run/bundle/weights.safetensors")
    CountsBatches.seen = 0
    assert run("fit", changed(stated, "trainer.callbacks", [{"class_path": "my_callbacks.CountsBatches"}]))[0] == 0
    samples = pd.read_csv(tmp_path / "run/samples.csv")
    assert CountsBatches.seen == int(np.ceil((samples["split"] == "train").sum() / 4))
    watched = load_file(tmp_path / "run/bundle/weights.safetensors")
    assert all(torch.equal(plain[name], watched[name]) for name in plain)
    # It is another run than the one without.
    assert len(list((tmp_path / "run/checkpoints").iterdir())) == 2


def torchgeo_of(stated: dict[str, Any], module: str, **arguments: Any) -> dict[str, Any]:
    """Return the same data with a trainer of TorchGeo, for two steps."""
    found = changed(stated, "model", {"class_path": f"torchgeo.trainers.{module}", "init_args": arguments})
    found["data"]["init_args"] |= {"batches": "torchgeo", "loader": {"batch_size": 4}}
    found["trainer"] |= {"max_steps": 2, "limit_val_batches": 1, "logger": False, "enable_checkpointing": False}
    found["trainer"] |= {"enable_progress_bar": False, "enable_model_summary": False, "log_every_n_steps": 1}
    return found


@pytest.mark.filterwarnings("ignore")
def test_a_trainer_of_torchgeo_learns_from_our_rasters(run: Run, stated: dict[str, Any], tmp_path: Path) -> None:
    given = torchgeo_of(
        stated, "SemanticSegmentationTask", model="fcn", in_channels=3, num_classes=3, num_filters=4, ignore_index=-1
    )
    given["trainer"] |= {"enable_checkpointing": True, "max_steps": 2}
    assert run("fit", given)[0] == 0
    [checkpoint] = (tmp_path / "run").rglob("*.ckpt")
    weights = torch.load(checkpoint, weights_only=True)
    assert weights["global_step"] == 2
    assert not (tmp_path / "run/bundle").exists()
    status, told = run("test", given, "--ckpt_path", str(checkpoint), "--trainer.limit_test_batches=1")
    assert status == 0
    assert "test_loss" in told


@pytest.mark.filterwarnings("ignore")
def test_a_trainer_of_torchgeo_learns_from_its_own_data(
    run: Run, stated: dict[str, Any], tmp_path: Path, write_raster: Write
) -> None:
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for number in range(2):
            label = random.integers(0, 2, (32, 32)).astype(np.float32)
            image = random.normal(500, 100, (4, 32, 32)).astype(np.float32) + 1000 * label
            write_raster(tmp_path / "solar" / split / "input" / f"img({number}).tif", image)
            write_raster(tmp_path / "solar" / split / "labels" / f"target({number}).tif", label)
    given = torchgeo_of(
        stated, "SemanticSegmentationTask", model="fcn", in_channels=4, num_filters=4, task="binary", loss="bce"
    )
    root = {"root": str(tmp_path / "solar")}
    given["data"] = {"class_path": "torchgeo.datamodules.SolarPlantsBrazilDataModule", "init_args": root}
    assert "under 'dict_kwargs'" in run("fit", given)[1]
    given["data"] |= {"dict_kwargs": root, "init_args": {"batch_size": 1, "patch_size": 32}}
    given["trainer"] |= {"enable_checkpointing": True}
    status, told = run("fit", given)
    assert status == 0, told
    [checkpoint] = (tmp_path / "run").rglob("*.ckpt")
    assert torch.load(checkpoint, weights_only=True)["global_step"] == 2


def test_batches_of_torchgeo_are_standardised_and_say_what_is_not_known(
    stated: dict[str, Any], tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    arguments = stated["data"]["init_args"]
    module = RasterDataModule(**arguments, folder=str(tmp_path), batches="torchgeo")
    module.setup("fit")
    means, stds = (
        [getattr(band, name) for band in module.compute_statistics().sources["optical"].values()]
        for name in ("mean", "std")
    )
    for batch in (*module.val_dataloader(), *module.test_dataloader()):
        given = module.on_after_batch_transfer(batch, 0)
        assert set(given) == {"image", "mask"}
        assert given["mask"].dtype == torch.int64
        for name, image, mask in zip(batch["sample_id"], given["image"], given["mask"], strict=True):
            scene, row, column = name.rsplit("_", 2)
            window = (slice(int(row), int(row) + 32), slice(int(column), int(column) + 32))
            with rasterio.open(tiny_data.root / f"scenes/{scene}.tif") as raster:
                raw = raster.read()[:, *window].astype(float)
            with rasterio.open(tiny_data.root / f"labels/{scene}.tif") as raster:
                label = raster.read(1)[window].astype(int)
            height, width = raw.shape[1:]
            expected = (raw - np.array(means)[:, None, None]) / np.array(stds)[:, None, None]
            invalid = (raw == -9999).any(axis=0)
            expected[:, invalid] = 0
            np.testing.assert_allclose(image[:, :height, :width], expected, atol=1e-4)
            np.testing.assert_array_equal(mask[:height, :width], np.where(invalid, -1, label - 1))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"per": "object"}, "answers per object"),
        ({"per": "image", "multi_label": True, "ignore_value": None}, "several classes per image"),
    ],
)
def test_answers_that_torchgeo_has_no_key_for_are_refused(
    stated: dict[str, Any], target: dict[str, Any], message: str
) -> None:
    arguments = copy.deepcopy(stated["data"]["init_args"])
    arguments["data"]["target"] |= target
    with pytest.raises(groundwork.errors.SpecError, match=message):
        RasterDataModule(**arguments, batches="torchgeo")


class OneConvolution(LightningModule):
    """A user's own module on our batches of TorchGeo's form."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels, 3, 1)
        self.losses: list[float] = []

    def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
        loss = nn.functional.cross_entropy(self.layer(batch["image"]), batch["mask"], ignore_index=-1)
        self.losses.append(float(loss))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 0.1)


@pytest.mark.filterwarnings("ignore")
def test_a_module_of_your_own_is_run_by_the_trainer(
    run: Run, stated: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "my_modules", SimpleNamespace(OneConvolution=OneConvolution))
    given = torchgeo_of(stated, "SemanticSegmentationTask")
    given["model"] = {"class_path": "my_modules.OneConvolution", "init_args": {"channels": 3}}
    given["trainer"] |= {"enable_checkpointing": True}
    assert run("fit", given)[0] == 0
    [checkpoint] = (tmp_path / "run").rglob("*.ckpt")
    assert torch.load(checkpoint, weights_only=True)["state_dict"]["layer.weight"].shape == (3, 3, 1, 1)


@pytest.mark.filterwarnings("ignore")
def test_our_tasks_are_modules_that_any_trainer_trains(stated: dict[str, Any], tmp_path: Path) -> None:
    arguments = stated["data"]["init_args"]
    data = RasterDataModule(**arguments, folder=str(tmp_path))
    task = SemanticSegmentationTask(model=MODEL, training={**TRAINING, "max_epochs": 2})
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(max_epochs=2, accelerator="cpu", enable_model_summary=False, **options)
    trainer.fit(task, data)
    assert trainer.callback_metrics["train/loss"] < 1.4
    [scores] = trainer.test(task, data, verbose=False)
    assert 0 < scores["test/miou"] <= 1
    [predicted, *_] = trainer.predict(task, data)
    assert predicted["scores"].shape[1:] == (3, 32, 32)
    torch.testing.assert_close(predicted["scores"].sum(dim=1), torch.ones(len(predicted["scores"]), 32, 32))


def test_every_task_has_its_class() -> None:
    for name, entry in TASKS.items():
        found = getattr(groundwork, str(entry).rpartition(":")[2])
        assert issubclass(found, RasterTask)
        assert found.task == name


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("modle", {}, "nothing reads the key 'modle'. Did you mean 'model'?"),
        ("trainer.max_epoch", 3, "Lightning's Trainer has no 'max_epoch'. Did you mean 'max_epochs'?"),
        ("trainer.max_epochs", "three", "trainer.max_epochs"),
        ("model.class_path", "groundwork.SemanticSegmentationTsk", "Did you mean 'SemanticSegmentationTask'?"),
        (
            "model.class_path",
            "grundwork.SemanticSegmentationTask",
            "No module named 'grundwork'. Did you mean 'groundwork'?",
        ),
        ("model.class_path", RASTERS, f"'{RASTERS}' is no LightningModule"),
        ("data.init_args.place", {}, f"{RASTERS} has no 'place'. Did you mean 'places'?"),
        ("data.init_args.places", 3, "places"),
        ("data.init_args.places", ..., "required: places"),
        ("data.init_args.seed", "x", "seed"),
        ("data.init_args.places.scenes", {"pth": "x"}, "Did you mean 'path'?"),
        ("data.init_args.places.labels", {"kind": "vectors", "path": "x"}, "Did you mean 'vector_labels'?"),
        ("data.init_args.data.chips", {"size": "32"}, "data.chips: 'size' must be a number"),
        ("data.init_args.data.target.clases", [], "Did you mean 'classes'?"),
        ("model.init_args.training.optimiser", {}, "Did you mean 'optimizer'?"),
        ("model.init_args.training.optimizer", {"name": "adamv", "learning_rate": 1}, "Did you mean 'adamw'?"),
        ("model.init_args.training.task", "classification", "is the task 'semantic_segmentation'"),
        ("model.init_args.training.max_epochs", 7, "'trainer.max_epochs' is 1, and 'training' says 7"),
        ("model.init_args.model.decoder", {"name": "fnc"}, "Did you mean 'fcn'?"),
        ("trainer.logger", True, "training.loggers"),
        ("trainer", None, "'trainer' must be keys with values, such as {max_epochs: 3}; found None"),
        ("trainer", [], "'trainer' must be keys with values, such as {max_epochs: 3}; found []"),
        ("ckpt_path", __file__, "expected the folder of a bundle, which holds bundle.json"),
        (
            "trainer.callbacks",
            [{"class_path": "lightning.pytorch.callbacks.EarlyStoping"}],
            "Did you mean 'EarlyStopping'?",
        ),
        ("evaluation.split", "tset", "evaluation.split"),
        ("inference.tile", 3, "Did you mean 'tile_size'?"),
        ("output", ..., "'output' is missing"),
        ("data", ..., "'data' is missing"),
        ("ckpt_path", "x.ckpt", "'ckpt_path' is stated, and would be left aside: a training goes on by itself"),
        ("optimizer", {"class_path": "torch.optim.SGD", "init_args": {"lr": 1}}, "'training.optimizer' says it"),
        ("data.init_args.loader", {"batch_size": 3}, "['loader'] of the data say how batches are read"),
        ("data.init_args.places.scenes", {"path": "/nowhere"}, "/nowhere: found no such folder"),
        ("data.init_args.places.split_lists", {"train": "/nowhere.txt"}, "The list of split 'train' is not there"),
    ],
)
def test_mistakes_are_one_error_before_data_is_read(
    run: Run,
    stated: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    path: str,
    value: object,
    message: str,
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("pixels were read")

    monkeypatch.setattr("groundwork.data.preparing.scan_scenes", refuse)
    status, told = run("fit", changed(stated, path, value))
    assert status == 1
    assert message in told
    assert "Traceback" not in told
    assert len(told.splitlines()) <= 7
    assert not (tmp_path / "run").exists()


def test_what_was_not_trained_is_missed(run: Run, stated: dict[str, Any]) -> None:
    status, told = run("test", stated)
    assert status == 1
    assert "found no bundle. `groundwork fit` with the same file makes it" in told


def test_an_empty_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert main(["fit", "--config", str(tmp_path / "empty.yaml")]) == 1
    assert "empty.yaml holds nothing; expected keys with values" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["fit", "--config", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml: found no such file" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom groundwork.cli.main import main\n"
        "for command in ('fit', 'validate', 'test', 'predict', 'compute-statistics'):\n"
        "    try: main([command, '--help'])\n"
        "    except SystemExit: pass\n"
        "heavy = {'torch', 'lightning', 'numpy', 'pydantic', 'jsonargparse'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: groundwork ") == 5


@pytest.mark.filterwarnings("ignore")
def test_the_file_that_is_shown_is_right(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/lightning-cli.md").read_text("utf-8")
    shown = yaml.safe_load(page.split("```yaml")[1].split("```")[0])
    monkeypatch.chdir(tmp_path)
    # All but the sample is there.
    assert "data/01_raw/sample/scenes: found no such folder" in run("fit", shown)[1]
    other = yaml.safe_load(page.split("```yaml")[2].split("```")[0])
    other["data"]["init_args"]["data"] = shown["data"]["init_args"]["data"]
    assert "data/01_raw/sample/scenes: found no such folder" in run("fit", other)[1]
