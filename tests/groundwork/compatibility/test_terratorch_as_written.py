"""Files of TerraTorch as people have them: as Lightning wrote them beside a run, in parts, and with what they vary."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning import Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.optim import AdamW
from torch.optim.lr_scheduler import ReduceLROnPlateau

from groundwork.cli.files import read_whole
from groundwork.compatibility.terratorch.translate import Translation, translate
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.errors import TranslationError
from terratorch_words import DATA, HLS, MODEL, SEVERAL, TASK, changed


def at(translation: Translation, path: str) -> Any:
    found: Any = {**translation.parameters, "places": translation.places}
    for part in path.split("."):
        found = found[int(part)] if isinstance(found, list) else found.get(part)
    return found


def notes_of(translation: Translation) -> dict[str, str]:
    return {note.key: note.text for note in translation.findings.changed}


def usual_values(of: Any, **stated: Any) -> dict[str, Any]:
    """Return all arguments of a class, as Lightning writes them beside a run."""
    parameters = list(inspect.signature(of).parameters.values())
    return {entry.name: entry.default for entry in parameters if entry.default is not inspect.Parameter.empty} | stated


#: What the generic datamodule and the task of TerraTorch 1.2.13 have beside the usual file, at their usual values.
OF_DATA = {
    **dict.fromkeys(("predict_data_root", "train_split", "val_split", "test_split", "tortilla_file")),
    **dict.fromkeys(("predict_dataset_bands", "predict_output_bands", "train_transform", "val_transform")),
    **{"num_workers": 2, "constant_scale": 1, "ignore_split_file_extensions": True, "allow_substring_split_file": True},
    **{"expand_temporal_dimension": False, "reduce_zero_label": False, "embedding_input": False, "pca_step": 4},
    **{"drop_last": True, "pin_memory": False, "check_stackability": True, "return_georeference": False},
}
OF_TASK = {
    **dict.fromkeys(("model", "aux_heads", "aux_loss", "class_weights", "optimizer", "optimizer_hparams", "scheduler")),
    **dict.fromkeys(("scheduler_hparams", "class_names", "tiled_inference_parameters", "lr_overrides")),
    **{"lr": 0.001, "freeze_head": False, "plot_on_val": 10, "output_on_inference": "prediction"},
    **{"output_most_probable": True, "tiled_inference_on_testing": False, "tiled_inference_on_validation": False},
}


def written_by_lightning() -> dict[str, Any]:
    words = changed()
    words["data"]["init_args"] |= OF_DATA
    words["model"]["init_args"] |= OF_TASK
    words["optimizer"]["init_args"] = usual_values(AdamW, lr=1e-4, weight_decay=0.05)
    words["lr_scheduler"]["init_args"] = usual_values(ReduceLROnPlateau, monitor="val/loss", factor=0.5)
    callbacks = [
        {
            "class_path": "lightning.pytorch.callbacks.EarlyStopping",
            "init_args": usual_values(EarlyStopping, monitor="val/loss"),
        },
        {
            "class_path": "terratorch.cli_tools.StateDictAwareModelCheckpoint",
            "init_args": usual_values(ModelCheckpoint, monitor="val/loss"),
        },
    ]
    words["trainer"] = usual_values(Trainer, max_epochs=20, precision="16-mixed", logger=True, callbacks=callbacks)
    words["trainer"] |= {"overfit_batches": 0.0, "enable_checkpointing": True}
    return words | {"predict_output_dir": None, "out_dtype": "int16", "deploy_config_file": True, "ckpt_path": None}


def test_what_lightning_wrote_beside_a_run_means_what_the_few_lines_meant() -> None:
    found, usual = translate(written_by_lightning(), "config.yaml"), translate(changed(), "theirs.yaml")
    training = dict(at(found, "training"))
    assert training.pop("early_stopping") == 3
    assert training["optimizer"].pop("betas") == [0.9, 0.999]
    assert training.pop("loader") == {"batch_size": 4, "num_workers": 2}
    assert training["schedule"].pop("least_change") == 1e-4
    assert training["trainer"].pop("devices") == "auto"
    expected = {key: value for key, value in at(usual, "training").items() if key != "loader"}
    assert training == expected
    assert at(found, "model") == at(usual, "model")
    assert at(found, "data") == at(usual, "data")


STEPS = (f"{MODEL}.backbone_num_frames", 1)
#: What people write -> changes of the usual file, and what is then found where.
WRITTEN: dict[str, tuple[list[tuple[str, Any]], dict[str, Any]]] = {
    "folders side by side": (
        [
            (f"{DATA}.{split}_{kind}data_root", f"data/{split}_{folder}")
            for split in ("train", "val", "test")
            for kind, folder in (("", "images"), ("label_", "labels"))
        ],
        {
            "places.scenes": {"path": "data", "pattern": "*_images/{key}_img.tif"},
            "places.labels": {"path": "data", "pattern": "*_labels/{key}_mask.tif"},
        },
    ),
    "bands by names of their own": (
        [(f"{DATA}.dataset_bands", ["B02", "B03", "B04", "B8A", "B11", "B12"]), (f"{DATA}.output_bands", None)],
        {"data.sources.images.bands": HLS},
    ),
    "a band that the model calls otherwise": (
        [(f"{MODEL}.backbone_bands", [*HLS[:3], "NIR_BROAD", *HLS[4:]])],
        {"data.sources.images.bands": [*HLS[:3], "NIR_BROAD", *HLS[4:]]},
    ),
    "arguments beside the others": (
        [(f"{DATA}.means", None), (f"{DATA}.stds", None), ("data.dict_kwargs", {"means": [1] * 6, "stds": [2] * 6})],
        {"model.statistics.images.RED": {"mean": 1.0, "std": 2.0}},
    ),
    "colours of a source": (
        [
            *SEVERAL,
            (f"{DATA}.dataset_bands.S1GRD", ["VV", "VH", "VV_RATIO"]),
            (f"{DATA}.rgb_indices", {"S1GRD": [0, 1, 2]}),
        ]
        + [(f"{DATA}.{key}.S1GRD", [1, 1, 1]) for key in ("means", "stds")],
        {"data.sources.S1GRD.rgb": ["VV", "VH", "VV_RATIO"], "data.sources.S1GRD.reference": True},
    ),
    "endings of names alone": (
        [*SEVERAL, (f"{DATA}.image_grep", {"S2L2A": "_s2.tif", "S1GRD": "*_s1.tif"}), (f"{DATA}.label_grep", "_m.tif")],
        {
            "places.scenes.sources.S2L2A.pattern": "*/s2/{key}_s2.tif",
            "places.labels.pattern": "*/labels/{key}_m.tif",
        },
    ),
    "AdamW as torch has it": (
        [("optimizer.init_args", {"lr": 1e-3, "amsgrad": False, "eps": 1e-8})],
        {"training.optimizer": {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01}},
    ),
    "AdamW otherwise": (
        [("optimizer.init_args", {"lr": 1e-3, "amsgrad": True})],
        {
            "training.optimizer": {
                "name": "torch",
                "optimizer": "AdamW",
                "learning_rate": 1e-3,
                "options": {"amsgrad": True},
            }
        },
    ),
    "an optimiser by its path": (
        [("optimizer", None), (f"{TASK}.optimizer", "torch.optim.SGD"), (f"{TASK}.lr", 0.1)],
        {"training.optimizer": {"name": "torch", "optimizer": "SGD", "learning_rate": 0.1}},
    ),
    "a checkpoint at the top": (
        [("ModelCheckpoint", {"dirpath": "w", "monitor": "val/mIoU", "mode": "max"})],
        {"training.monitor": "val/miou"},
    ),
    "two checkpoints": (
        [
            (
                "trainer.callbacks",
                [
                    {"class_path": "ModelCheckpoint", "init_args": {"monitor": "val/mIoU", "mode": "max"}},
                    {
                        "class_path": "ModelCheckpoint",
                        "init_args": {"monitor": "val/Multiclass_Accuracy", "mode": "max"},
                    },
                ],
            )
        ],
        {"training.monitor": "val/miou"},
    ),
    "the score of a class": (
        [
            (f"{TASK}.class_names", ["Background", "Road"]),
            (
                "trainer.callbacks",
                [{"class_path": "ModelCheckpoint", "init_args": {"monitor": "val/IoU_Road", "mode": "max"}}],
            ),
        ],
        {"training.monitor": "val/iou_Road"},
    ),
    "a score that rises with another": (
        [("ModelCheckpoint", {"monitor": "val/mIoU_Micro", "mode": "max"})],
        {"training.monitor": "val/overall_accuracy"},
    ),
    "Swin's stochastic depth": (
        [
            (f"{MODEL}.backbone", "prithvi_swin_B"),
            (f"{MODEL}.backbone_drop_path_rate", 0.3),
            (f"{MODEL}.backbone_pretrained", True),
            (f"{MODEL}.backbone_pretrained_cfg_overlay", {"file": "swin.pt"}),
            (f"{MODEL}.necks", None),
        ],
        {"model.encoder.drop_path": 0.3, "model.encoder.weights": {"file": "swin.pt", "bands": HLS}},
    ),
    "TerraMind's stochastic depth": (
        [*SEVERAL, (f"{MODEL}.backbone_drop_path_rate", 0.2)],
        {"model.encoder.drop_path": 0.2},
    ),
    "smp as it starts": (
        [
            (f"{TASK}.model_factory", "SMPModelFactory"),
            (
                MODEL,
                {
                    "backbone": "resnet18",
                    "model": "Unet",
                    "bands": HLS,
                    "decoder_channels": [8],
                    "smp_encoder_depth": 3,
                },
            ),
            (f"{MODEL}.num_classes", 2),
        ],
        {"model.factory.pretrained": True, "model.factory.options": {"encoder_depth": 3}},
    ),
    "Prithvi's older factory as it starts": (
        [
            (f"{TASK}.model_factory", "PrithviModelFactory"),
            (f"{MODEL}.backbone_bands", None),
            (f"{MODEL}.bands", HLS),
            (f"{MODEL}.necks", None),
            (f"{MODEL}.decoder", "FCNDecoder"),
            (f"{MODEL}.decoder_channels", 64),
        ],
        {"model.encoder.pretrained": True},
    ),
    "probabilities": ([(f"{TASK}.output_most_probable", False)], {"inference.probabilities": True}),
    "tiles of one length": (
        [(f"{TASK}.tiled_inference_parameters", {"crop": 256})],
        {"inference": {"tile_size": 256, "overlap": 64}},
    ),
    "a server of MLflow": (
        [("trainer.logger", {"class_path": "MLFlowLogger", "init_args": {"tracking_uri": "https://flow.org"}})],
        {"training.loggers": [{"name": "mlflow", "server": "https://flow.org"}]},
    ),
    "places that the network is told of": (
        [
            (
                "data",
                {
                    "class_path": "FireScarsNonGeoDataModule",
                    "init_args": {"data_root": "burns", "use_metadata": True},
                },
            ),
            (f"{MODEL}.backbone", "prithvi_eo_v2_tiny_tl"),
        ],
        {"model.encoder.coordinates": ["time", "location"], "training.loader": {"batch_size": 4}},
    ),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_what_people_write_is_taken_as_terratorch_takes_it(case: str) -> None:
    changes, expected = WRITTEN[case]
    found = translate(changed(*changes), "theirs.yaml")
    DataConfig.model_validate(found.parameters["data"])
    ModelConfig.model_validate(found.parameters["model"])
    TrainingConfig.model_validate(found.parameters["training"])
    assert {path: at(found, path) for path in expected} == expected


STOPS = {"class_path": "EarlyStopping", "init_args": {"monitor": "val/loss", "patience": 5}}
KEEPS = {"class_path": "ModelCheckpoint", "init_args": {"monitor": "val/mIoU", "mode": "max"}}
STOPS_BY_MIOU = {"class_path": "EarlyStopping", "init_args": {"monitor": "val/mIoU", "stopping_threshold": 0.9}}
#: What is said -> changes of the usual file, the key, and a part of the sentence.
SAID: dict[str, tuple[list[tuple[str, Any]], str, str]] = {
    "training stops by another score": (
        [("trainer.callbacks", [STOPS, KEEPS])],
        "trainer.callbacks[0].init_args.monitor",
        "'val/miou', not by 'val/loss'",
    ),
    "weights chosen by another score": (
        [("trainer.callbacks", [STOPS_BY_MIOU])],
        "trainer.callbacks[0].init_args.monitor",
        "not by 'val/loss' as TerraTorch does",
    ),
    "the wrong direction": (
        [("trainer.callbacks", [STOPS_BY_MIOU])],
        "trainer.callbacks[0].init_args.mode",
        "better the higher it is",
    ),
    "a mean over the classes": (
        [("ModelCheckpoint", {"monitor": "val/Accuracy", "mode": "max"})],
        "ModelCheckpoint.monitor",
        "not its mean over the classes",
    ),
    "a threshold": (
        [("trainer.callbacks", [STOPS_BY_MIOU])],
        "trainer.callbacks[0].init_args.stopping_threshold",
        "'patience' alone",
    ),
    "bands of scenes to predict": (
        [(f"{DATA}.predict_dataset_bands", HLS[::-1])],
        "data.init_args.predict_dataset_bands",
        "in its order",
    ),
    "names at the same place": (
        [(f"{DATA}.dataset_bands", ["B02", *HLS[1:]]), (f"{DATA}.output_bands", None)],
        "data.init_args.output_bands",
        "{'B02': 'BLUE'}",
    ),
    "numbers in place of none": (
        [
            ("model.class_path", "PixelwiseRegressionTask"),
            (f"{TASK}.loss", "mse"),
            (f"{DATA}.no_label_replace", 0),
            (f"{MODEL}.num_classes", None),
            (f"{DATA}.num_classes", None),
        ],
        "data.init_args.no_label_replace",
        "learnt as 0",
    ),
    "a schedule in the wrong direction": (
        [
            ("ModelCheckpoint", {"monitor": "val/mIoU", "mode": "max"}),
            ("lr_scheduler.init_args", {"monitor": "val/mIoU"}),
        ],
        "lr_scheduler.init_args.mode",
        "no longer rises",
    ),
    "quarter turns": (
        [(f"{DATA}.train_transform", [{"class_path": "albumentations.RandomRotate90", "init_args": {"p": 0.3}}])],
        "data.init_args.train_transform[0].init_args.p",
        "each of the four",
    ),
    "sources that move by themselves": (
        [*SEVERAL, (f"{DATA}.shared_transforms", False)],
        "data.init_args.shared_transforms",
        "move together",
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_what_changes_is_said(what: str) -> None:
    changes, key, text = SAID[what]
    notes = notes_of(translate(changed(*changes), "theirs.yaml"))
    assert text in notes.get(key, ""), notes


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ([(f"{MODEL}.backbone_coords_embedding", [])], "coords_embedding", "Did you mean 'coords_encoding'"),
        ([(f"{MODEL}.backbone_coords_encoding", ["time"])], "coords_encoding", "of no dates and places"),
        ([(f"{MODEL}.backbone_ckpt_path", "w.pt")], "ckpt_path", "where 'pretrained' is not true"),
    ],
)
def test_what_prithvi_takes_without_a_use_is_said(changes: list[tuple[str, Any]], key: str, text: str) -> None:
    ignored = translate(changed(*changes), "theirs.yaml").findings.ignored
    assert any(note.key.endswith(f".{key}") and text in note.text for note in ignored), ignored


#: What is refused -> changes of the usual file, the key, and a part of the sentence.
REFUSED: dict[str, tuple[list[tuple[str, Any]], str, str]] = {
    "a datamodule of one's own": ([("data.class_path", "mine.data.Fields")], "data.class_path", "a class of your own"),
    "a set of GEO-Bench": ([("data.class_path", "MEuroSATNonGeoDataModule")], "data.class_path", "in a pickle inside"),
    "a set by another name": (
        [("data.class_path", "terratorch.datamodules.MEuroSatNonGeoDataModule")],
        "data.class_path",
        "Did you mean 'MEuroSATNonGeoDataModule'",
    ),
    "no datamodule": ([("data", {"init_args": {}})], "data.class_path", "no datamodule is named"),
    "weights of numbers": (
        [("model.class_path", "PixelwiseRegressionTask"), (f"{TASK}.loss", "mse"), (f"{TASK}.var_weights", [1, 2])],
        "var_weights",
        "weigh the same",
    ),
    "a loss of one's own": ([(f"{TASK}.custom_loss", True)], "custom_loss", "losses are named here"),
    "bands in another order": (
        [(f"{MODEL}.backbone_bands", HLS[::-1])],
        "output_bands",
        "Put both in one order",
    ),
    "scenes to predict in another order": (
        [(f"{DATA}.predict_dataset_bands", HLS[::-1]), (f"{DATA}.predict_data_root", "new")],
        "predict_dataset_bands",
        "bring their files into that order",
    ),
    "what Prithvi took before": (
        [(f"{MODEL}.backbone_pretrained_cfg_overlay", {"file": "w.pt"})],
        "pretrained_cfg_overlay",
        "backbone_ckpt_path",
    ),
    "a pyramid of a pyramid": (
        [
            (f"{MODEL}.decoder", "UperNetDecoder"),
            (f"{MODEL}.decoder_channels", 64),
            (f"{MODEL}.decoder_scale_modules", True),
        ],
        "scale_modules",
        "once more",
    ),
    "folders beside everything else": (
        [(f"{DATA}.{split}_data_root", f"{split}_images") for split in ("train", "val", "test")],
        "train_data_root",
        "below one folder, such as 'data'",
    ),
    "a table of samples": (
        [*SEVERAL, *((f"{DATA}.{split}_split", f"{split}.csv") for split in ("train", "val", "test"))],
        "train_split",
        "first column",
    ),
    "a source that is no image": (
        [*SEVERAL, (f"{DATA}.image_modalities", ["S2L2A"])],
        "image_modalities",
        "['S1GRD'] are no images",
    ),
    "an argument twice": ([("data.dict_kwargs", {"batch_size": 8})], "data.dict_kwargs.batch_size", "as well"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_meant_is_refused_by_its_key(what: str) -> None:
    changes, key, text = REFUSED[what]
    with pytest.raises(TranslationError) as caught:
        translate(changed(*changes), "theirs.yaml")
    lines = str(caught.value).splitlines()[1:]
    assert any(key in line.partition(": ")[0] and text in line for line in lines), lines


def test_parts_stand_in_files_of_their_own(tmp_path: Path) -> None:
    words = changed()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "water.yaml").write_text(yaml.safe_dump(words["data"]), "utf-8")
    file = tmp_path / "configs" / "unet.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(words | {"data": "../data/water.yaml"}), "utf-8")
    found = translate(read_whole(file), file.name)
    assert found.parameters == translate(words, file.name).parameters
    file.write_text(yaml.safe_dump(words | {"data": "../data/land.yaml"}), "utf-8")
    with pytest.raises(TranslationError, match=r"unet.yaml: 'data' names the file '../data/land.yaml', which is not"):
        translate(read_whole(file), file.name)


def test_without_data_what_is_wrong_of_the_rest_is_said_as_well() -> None:
    words = changed(("data.class_path", "mine.Fields"), (f"{MODEL}.decoder", "UNetDecodr"), (f"{TASK}.loss", "hinge"))
    with pytest.raises(TranslationError) as caught:
        translate(words, "theirs.yaml")
    assert [line.split(": ")[0].strip() for line in str(caught.value).splitlines()[1:]] == [
        "data.class_path",
        "model.init_args.model_args.decoder_*",
        "model.init_args.loss",
    ]
