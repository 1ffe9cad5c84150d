"""TerraTorch's configuration, translated: by values for each kind of key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from groundwork.bundle import build_factory
from groundwork.compatibility.terratorch.translate import Translation, is_terratorch, translate
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.config.inference import InferenceConfig
from groundwork.data.augmentation.augmenter import check_augmentation
from groundwork.errors import TranslationError
from groundwork.models.examples import example_images
from groundwork.training.checks import check_together, check_training
from groundwork.training.standardising import require_statistics
from terratorch_words import DATA, HLS, MODEL, SEVERAL, STACKED, TASK, changed

PIXELWISE = [
    ("model.class_path", "terratorch.tasks.PixelwiseRegressionTask"),
    ("data.class_path", "GenericNonGeoPixelwiseRegressionDataModule"),
    (f"{MODEL}.num_classes", None),
    (f"{DATA}.num_classes", None),
    (f"{TASK}.loss", "rmse"),
]
WHOLE_IMAGES = [
    ("model.class_path", "ClassificationTask"),
    ("data.class_path", "terratorch.datamodules.GenericNonGeoClassificationDataModule"),
    (f"{MODEL}.decoder", "IdentityDecoder"),
    (f"{MODEL}.decoder_channels", None),
    (f"{MODEL}.necks", []),
    (f"{TASK}.ignore_index", None),
]
OBJECTS = [
    ("model.class_path", "ObjectDetectionTask"),
    ("data.class_path", "GenericNonGeoObjectDetectionDataModule"),
    (f"{DATA}.label_grep", None),
    (f"{TASK}.model_factory", "ObjectDetectionModelFactory"),
    (f"{TASK}.loss", None),
    (f"{TASK}.ignore_index", None),
    (f"{MODEL}.framework", "fcos"),
    (f"{MODEL}.decoder", None),
    (f"{MODEL}.decoder_channels", None),
    (f"{MODEL}.num_classes", 3),
    (
        f"{MODEL}.necks",
        [
            {"name": "SelectIndices", "indices": [0, 1, 2, 3]},
            {"name": "ReshapeTokensToImage"},
            {"name": "LearnedInterpolateToPyramidal"},
            {"name": "FeaturePyramidNetworkNeck", "out_channel": 64},
        ],
    ),
]


def translated(*changes: tuple[str, Any]) -> Translation:
    found = translate(changed(*changes), "theirs.yaml")
    # Whatever is translated is a configuration.
    data = DataConfig.model_validate(found.parameters["data"])
    ModelConfig.model_validate(found.parameters["model"])
    training = TrainingConfig.model_validate(found.parameters["training"])
    InferenceConfig.model_validate(found.parameters["inference"])
    check_training(training, data.target)
    return found


def at(translation: Translation, path: str) -> Any:
    found: Any = {**translation.parameters, "places": translation.places}
    for part in path.split("."):
        found = found[int(part)] if isinstance(found, list) else found.get(part)
    return found


#: Which key is asked -> changes of the usual file, and what is then found where.
CASES: dict[str, tuple[list[tuple[str, Any]], dict[str, Any]]] = {
    "usual": (
        [],
        {
            "seed": 3,
            "data.sources.images.bands": HLS,
            "data.sources.images.rgb": ["RED", "GREEN", "BLUE"],
            "data.target.ignore_value": -1,
            "data.target.classes.1.value": 1,
            "data.split": {"method": "lists"},
            "places.scenes": {"path": "data/water", "pattern": "*/{key}_img.tif"},
            "places.labels": {"path": "data/water", "pattern": "*/{key}_mask.tif"},
            "places.split_lists.folders.val": {"path": "data/water/val", "pattern": "{key}_img.tif"},
            "model.encoder": {
                "name": "prithvi_vit",
                "variant": "prithvi_eo_tiny",
                "pretrained": False,
                "out_indices": [0, 1, 2, 3],
            },
            "model.necks": [{"name": "pyramid"}],
            "model.decoder": {
                "name": "smp",
                "model": "Unet",
                "options": {"decoder_channels": [32, 16, 16, 8]},
                "last_block": "keeps",
            },
            "model.head": None,
            "model.standardise": "given",
            "model.statistics.images.NIR_NARROW": {"mean": 2500.0, "std": 800.0},
            "training.max_epochs": 20,
            "training.trainer": {"precision": "16-mixed"},
            "training.monitor": "val/loss",
            "training.optimizer": {"name": "adamw", "learning_rate": 1e-4, "weight_decay": 0.05},
            "training.schedule": {"name": "plateau", "factor": 0.5, "patience": 10, "monitor": "val/loss"},
            "training.augmentation": [],
            "training.loss": [{"name": "cross_entropy"}],
            "training.loader": {"batch_size": 4},
        },
    ),
    # Data.
    "scaled values": (
        [(f"{DATA}.constant_scale", "1e-4"), (f"{DATA}.means", [0.1] * 6), (f"{DATA}.stds", [0.05] * 6)],
        {
            "model.statistics.images.RED": {"mean": 1000.0, "std": 500.0},
            "data.sources.images.dtype": "int16",
        },
    ),
    "no statistics": ([(f"{DATA}.means", None), (f"{DATA}.stds", None)], {"model.standardise": "from_data"}),
    "intervals": (
        [
            (f"{DATA}.dataset_bands", [[0, 5]]),
            (f"{DATA}.output_bands", [[1, 2], 5]),
            (f"{DATA}.rgb_indices", None),
            (f"{MODEL}.backbone_bands", [1, 2, 5]),
            (f"{DATA}.means", [1, 2, 3]),
            (f"{DATA}.stds", [1, 2, 3]),
        ],
        {
            "data.sources.images.bands": [f"band_{n}" for n in range(6)],
            "data.sources.images.use": ["band_1", "band_2", "band_5"],
            "model.statistics.images": {f"band_{n}": {"mean": i, "std": i} for i, n in enumerate((1, 2, 5), start=1)},
        },
    ),
    "counted bands that the model names": (
        [(f"{DATA}.dataset_bands", [[0, 12]]), (f"{DATA}.output_bands", [1, 2, 3, 8, 11, 12])],
        {
            "data.sources.images.use": HLS,
            "data.sources.images.bands": [
                "band_0",
                *HLS[:3],
                *(f"band_{n}" for n in (4, 5, 6, 7)),
                "NIR_NARROW",
                "band_9",
                "band_10",
                "SWIR_1",
                "SWIR_2",
            ],
        },
    ),
    "bands that its weights know": (
        [(f"{DATA}.dataset_bands", None), (f"{DATA}.output_bands", None), (f"{MODEL}.backbone_bands", None)],
        {"data.sources.images.bands": HLS},
    ),
    "one modality": (
        [
            (f"{MODEL}.backbone", "terramind_v1_tiny"),
            (f"{MODEL}.backbone_modalities", ["S1GRD"]),
            *((key, None) for key in (f"{DATA}.dataset_bands", f"{DATA}.output_bands", f"{MODEL}.backbone_bands")),
            *((key, None) for key in (f"{DATA}.rgb_indices", f"{DATA}.means", f"{DATA}.stds")),
        ],
        {"data.sources.images.bands": ["VV", "VH"], "model.encoder.modalities": {"images": "S1GRD"}},
    ),
    "options that are words": (
        [
            (
                "lr_scheduler",
                {"class_path": "OneCycleLR", "init_args": {"max_lr": "1e-3", "anneal_strategy": "linear"}},
            ),
            ("trainer.gradient_clip_val", "5e-1"),
        ],
        {
            "training.schedule.options": {"max_lr": 0.001, "anneal_strategy": "linear"},
            "training.trainer": {"precision": "16-mixed", "gradient_clip_val": 0.5},
        },
    ),
    "bands that nobody reads": (
        [(f"{DATA}.dataset_bands", [-1, *HLS, -1])],
        {
            "data.sources.images.bands": ["unused_0", *HLS, "unused_7"],
            "data.sources.images.use": HLS,
        },
    ),
    "bands of the model alone": (
        [(f"{DATA}.dataset_bands", None), (f"{DATA}.output_bands", None)],
        {
            "data.sources.images.bands": HLS,
            "data.sources.images.use": None,
        },
    ),
    "repeats are dates": (
        [
            (f"{DATA}.dataset_bands", [*HLS, *HLS]),
            (f"{DATA}.means", [1, 2, 3, 4, 5, 6] * 2),
            (f"{DATA}.stds", [1] * 12),
            (f"{MODEL}.backbone_num_frames", 2),
        ],
        {
            "data.sources.images.bands": HLS,
            "data.sources.images.steps": 2,
            "data.sources.images.layout": "steps_first",
            "model.statistics.images.SWIR_2": {"mean": 6.0, "std": 1.0},
        },
    ),
    "dates": (
        [
            (f"{DATA}.expand_temporal_dimension", True),
            (f"{MODEL}.backbone_num_frames", 3),
            (f"{DATA}.temporal_channel_major", True),
        ],
        {
            "data.sources.images.steps": 3,
            "data.sources.images.layout": "bands_first",
        },
    ),
    "roots of labels": (
        [(f"{DATA}.{split}_label_data_root", f"data/labels/{split}") for split in ("train", "val", "test")],
        {
            "places.labels": {"path": "data/labels", "pattern": "*/{key}_mask.tif"},
        },
    ),
    "one root and lists": (
        [
            *((f"{DATA}.{split}_data_root", "data/all") for split in ("train", "val", "test")),
            *((f"{DATA}.{split}_split", f"data/{split}.txt") for split in ("train", "val", "test")),
        ],
        {
            "places.scenes": {"path": "data/all", "pattern": "{key}_img.tif"},
            "places.split_lists": {"files": {split: f"data/{split}.txt" for split in ("train", "val", "test")}},
        },
    ),
    "test is val": (
        [(f"{DATA}.test_data_root", "data/water/val")],
        {
            "data.split": {"method": "lists", "val_from_train": 0.1},
            "places.split_lists.folders.test": {"path": "data/water/val", "pattern": "{key}_img.tif"},
            "places.split_lists.folders.val": None,
        },
    ),
    "whole numbers as text": (
        [("trainer.precision", "64"), ("trainer.limit_train_batches", "1.0")],
        {"training.trainer.precision": 64, "training.trainer.limit_train_batches": 1.0},
    ),
    "no test": ([(f"{DATA}.test_data_root", None)], {"data.split": {"method": "lists", "val_from_train": 0.1}}),
    "to predict": (
        [(f"{DATA}.predict_data_root", "data/new")],
        {
            "places.inference_scenes": {"path": "data/new", "pattern": "{key}_img.tif"},
        },
    ),
    "labels from 1": (
        [(f"{DATA}.reduce_zero_label", True)],
        {
            "data.target.classes.0.value": 1,
            "data.target.ignore_value": 0,
        },
    ),
    "names of classes": ([(f"{TASK}.class_names", ["land", "water"])], {"data.target.classes.1.name": "water"}),
    "several sources": (
        SEVERAL,
        {
            "data.sources.S2L2A.reference": True,
            "data.sources.S1GRD.bands": ["VV", "VH"],
            "places.scenes.sources.S1GRD": {"path": "d", "pattern": "*/s1/{key}_s1.tif"},
            "places.labels": {"path": "d", "pattern": "*/labels/{key}_mask.tif"},
            "model.encoder.modalities": {"S2L2A": "S2L2A", "S1GRD": "S1GRD"},
            "model.encoder.out_indices": [2, 5, 8, 11],
            "model.statistics.S1GRD.VH": {"mean": -20.293, "std": 5.89},
        },
    ),
    "a crop from the middle for what is judged": (
        [
            (f"{DATA}.train_transform", [{"class_path": "RandomCrop", "init_args": {"height": 96, "width": 96}}]),
            (f"{DATA}.test_transform", [{"class_path": "CenterCrop", "init_args": {"height": 96, "width": 96}}]),
        ],
        {"data.chips.size": 96, "training.sampling": "random"},
    ),
    "images that are padded": (
        [(f"{DATA}.train_transform", [{"class_path": "terratorch.datasets.transforms.Padding"}])],
        {"training.augmentation": []},
    ),
    "stages of Satlas by the places of their layers": (
        [
            (f"{MODEL}.backbone", "satlas_swin_b_sentinel2_si_ms"),
            (f"{MODEL}.backbone_out_indices", [1, 3, 5, 7]),
            (f"{MODEL}.necks", None),
        ],
        {"model.encoder.model": "Swin_V2_B_Weights.SENTINEL2_SI_MS_SATLAS", "model.encoder.out_indices": [0, 1, 2, 3]},
    ),
    "Prithvi's Swin with its own windows": (
        [(f"{MODEL}.backbone", "prithvi_swin_B"), (f"{MODEL}.backbone_window_size", 7), (f"{MODEL}.necks", None)],
        {"model.encoder.name": "prithvi_swin", "model.encoder.variant": "b"},
    ),
    "one image of sources whose bands the model names": (
        [*STACKED, (f"{DATA}.dataset_bands", None), (f"{MODEL}.backbone_bands", ["BLUE", "RED", "VV", "VH"])],
        {"data.sources.S2L2A.bands": ["BLUE", "RED"], "data.sources.S1GRD.bands": ["VV", "VH"]},
    ),
    "several sources as one image": (
        STACKED,
        {
            "data.sources.S2L2A.reference": True,
            "model.encoder.name": "stack_sources",
            "model.encoder.order": ["S2L2A", "S1GRD"],
            "model.encoder.encoder.name": "timm",
            "model.encoder.encoder.model": "resnet18",
            "model.statistics.S1GRD.VH": {"mean": -20.293, "std": 5.89},
        },
    ),
    "a published set": (
        [
            (
                "data",
                {
                    "class_path": "MultiTemporalCropClassificationDataModule",
                    "init_args": {"batch_size": 8, "data_root": "data/crops", "expand_temporal_dimension": True},
                },
            ),
            (f"{MODEL}.backbone_num_frames", 3),
            (f"{MODEL}.num_classes", 13),
        ],
        {
            "data.sources.images.steps": 3,
            "data.target.classes.2.name": "corn",
            "data.target.classes.2.value": 3,
            "data.target.ignore_value": 0,
            "model.standardise": "from_data",
            "places.scenes": {"path": "data/crops", "pattern": "*_chips/{key}_merged.tif"},
        },
    ),
    "burnt land": (
        [
            (
                "data",
                {
                    "class_path": "terratorch.datamodules.FireScarsNonGeoDataModule",
                    "init_args": {"batch_size": 4, "data_root": "data/burns"},
                },
            )
        ],
        {
            "places.labels": {"path": "data/burns", "pattern": "*/{key}.mask.tif"},
            "data.target.ignore_value": -1,
            "data.target.classes.1.name": "burnt",
            "data.split.val_from_train": 0.1,
        },
    ),
    "floods": (
        [
            (
                "data",
                {
                    "class_path": "Sen1Floods11NonGeoDataModule",
                    "init_args": {"batch_size": 4, "data_root": "data/floods", "bands": HLS},
                },
            )
        ],
        {
            "places.split_lists.files.val": "data/floods/v1.1/splits/flood_handlabeled/flood_valid_data.txt",
            "data.sources.images.use": HLS,
            "data.target.classes.1.name": "water",
        },
    ),
    # Chips and their changes.
    "transforms": (
        [
            (
                f"{DATA}.train_transform",
                [
                    {"class_path": "albumentations.D4"},
                    {"class_path": "albumentations.RandomCrop", "init_args": {"height": 96, "width": 96}},
                    {"class_path": "Rotate", "init_args": {"limit": 30, "p": 0.3}},
                    {"class_path": "HorizontalFlip", "init_args": {"p": 0.25}},
                    {"class_path": "FlattenTemporalIntoChannels"},
                    {"class_path": "ToTensorV2"},
                ],
            ),
            (f"{DATA}.val_transform", [{"class_path": "ToTensorV2"}]),
        ],
        {
            "training.augmentation": [
                {"name": "horizontal_flip"},
                {"name": "quarter_turns"},
                {"name": "rotate", "chance": 0.3, "degrees": 30.0},
                {"name": "horizontal_flip", "chance": 0.25},
            ],
            "training.sampling": "random",
            "data.chips.size": 96,
        },
    ),
    "resized": (
        [
            (
                f"{DATA}.train_transform",
                [
                    {"class_path": "albumentations.Resize", "init_args": {"height": 448, "width": 448}},
                    {"class_path": "albumentations.VerticalFlip"},
                ],
            )
        ],
        {
            "data.chips.size": 448,
            "training.augmentation": [{"name": "vertical_flip"}],
        },
    ),
    "dates of a transform": (
        [
            (
                f"{DATA}.train_transform",
                [{"class_path": "UnflattenTemporalFromChannels", "init_args": {"n_timesteps": 4}}],
            ),
            (f"{MODEL}.backbone_num_frames", 4),
        ],
        {"data.sources.images.steps": 4},
    ),
    "an ignored class": (
        [(f"{MODEL}.num_classes", 3), (f"{TASK}.ignore_index", 0), (f"{TASK}.class_weights", [0.1, 0.2, 0.7])],
        {
            "data.target.classes.0.value": 1,
            "data.target.ignore_value": 0,
            "training.loss": [{"name": "cross_entropy", "class_weights": [0.2, 0.7]}],
        },
    ),
    "transforms of each source": (
        [*SEVERAL, (f"{DATA}.train_transform", {"S2L2A": [{"class_path": "D4"}], "S1GRD": [{"class_path": "D4"}]})],
        {"training.augmentation": [{"name": "horizontal_flip"}, {"name": "quarter_turns"}]},
    ),
    # Encoders.
    "options of Prithvi": (
        [
            (f"{MODEL}.backbone", "prithvi_eo_v2_300_tl"),
            (f"{MODEL}.backbone_drop_path", 0.1),
            (f"{MODEL}.backbone_img_size", 512),
            (f"{MODEL}.backbone_pretrained", True),
        ],
        {
            "model.encoder": {
                "name": "prithvi_vit",
                "variant": "prithvi_eo_v2_300_tl",
                "pretrained": True,
                "image_size": 512,
                "drop_path": 0.1,
                "out_indices": [0, 1, 2, 3],
            },
            "data.chips.size": 512,
        },
    ),
    "weights of a file": (
        [
            (f"{MODEL}.backbone_ckpt_path", "w.pt"),
            (f"{MODEL}.backbone_pretrained", True),
            # The file has all of them in their own order, whichever the images have.
            (f"{MODEL}.backbone_bands", ["RED", "GREEN", "BLUE"]),
            (f"{DATA}.output_bands", ["RED", "GREEN", "BLUE"]),
            (f"{DATA}.means", None),
        ],
        {"model.encoder.weights": {"file": "w.pt", "bands": HLS}, "data.sources.images.use": ["RED", "GREEN", "BLUE"]},
    ),
    "a file that nothing asks for": (
        [(f"{MODEL}.backbone_ckpt_path", "w.pt")],
        {"model.encoder.weights": None, "model.encoder.pretrained": False},
    ),
    "Prithvi's older factory": (
        [
            (f"{TASK}.model_factory", "PrithviModelFactory"),
            (f"{MODEL}.backbone_bands", None),
            (f"{MODEL}.bands", HLS),
            (f"{MODEL}.num_frames", 1),
            (f"{MODEL}.in_channels", 6),
            (f"{MODEL}.backbone_pretrained", None),
            (f"{MODEL}.pretrained", True),
            (f"{MODEL}.backbone", "prithvi_vit_100"),
            (f"{MODEL}.necks", None),
            (f"{MODEL}.decoder", "FCNDecoder"),
            (f"{MODEL}.decoder_channels", 128),
        ],
        {
            "model.encoder": {"name": "prithvi_vit", "variant": "prithvi_eo_v1_100", "pretrained": True},
            "model.decoder": {"name": "fcn", "channels": 128, "num_convs": 4, "num_upsamplings": 4, "norm": "layer"},
        },
    ),
    "Swin": (
        [
            (f"{MODEL}.backbone", "prithvi_swin_B"),
            (f"{MODEL}.necks", None),
            (f"{MODEL}.decoder", "UperNetDecoder"),
            (f"{MODEL}.decoder_channels", 256),
        ],
        {
            "model.encoder": {
                "name": "prithvi_swin",
                "variant": "b",
                "pretrained": False,
                "drop_path": 0.1,
                "pads_before_shift": True,
            },
            "model.decoder": {"name": "upernet", "channels": 256, "pool_norm": "batch", "align_corners": True},
        },
    ),
    "timm": (
        [
            (f"{MODEL}.backbone", "timm_resnet18"),
            (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [1, 2, 3, 4]}]),
            (f"{MODEL}.backbone_pretrained", True),
        ],
        {
            "model.encoder": {"name": "timm", "model": "resnet18", "pretrained": True},
            "model.necks": [{"name": "select", "indices": [1, 2, 3, 4]}],
            "model.accept": ["bands"],
        },
    ),
    "Satlas": (
        [
            (f"{MODEL}.backbone", "satlas_swin_b_sentinel2_si_ms"),
            (f"{MODEL}.backbone_out_indices", [1, 3, 5, 7]),
            (f"{MODEL}.necks", [{"name": "PermuteDims", "new_order": [0, 3, 1, 2]}]),
        ],
        {
            "model.encoder": {
                "name": "torchgeo",
                "model": "Swin_V2_B_Weights.SENTINEL2_SI_MS_SATLAS",
                "pretrained": False,
                "out_indices": [0, 1, 2, 3],
            },
            "model.necks": [],
        },
    ),
    "Satlas of other names, whose last level alone is passed on": (
        [
            (f"{MODEL}.backbone", "satlas_swin_b_landsat_mi_rgb"),
            (f"{MODEL}.necks", None),
            (f"{MODEL}.decoder", "FCNDecoder"),
            (f"{MODEL}.decoder_channels", 8),
        ],
        {
            "model.encoder": {
                "name": "torchgeo",
                "model": "Swin_V2_B_Weights.LANDSAT_SI_SATLAS",
                "pretrained": False,
                "out_indices": [3],
            },
        },
    ),
    "a vision transformer of TorchGeo, which passes on all blocks": (
        [
            (f"{MODEL}.backbone", "ssl4eol_vit_small_patch16_224_landsat_tm_toa_moco"),
            (f"{MODEL}.backbone_out_indices", [3]),
            (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [2, 5, 8, 11]}, *OBJECTS[-1][1][1:3]]),
        ],
        {
            "model.encoder": {
                "name": "torchgeo",
                "model": "ViTSmall16_Weights.LANDSAT_TM_TOA_MOCO",
                "pretrained": False,
                "out_indices": [2, 5, 8, 11],
            },
        },
    ),
    "a vision transformer of timm, which passes on its last blocks": (
        [
            (f"{MODEL}.backbone", "timm_vit_tiny_patch16_224"),
            (f"{MODEL}.necks", None),
            (f"{MODEL}.decoder", "FCNDecoder"),
            (f"{MODEL}.decoder_channels", 8),
        ],
        {"model.encoder.out_indices": [9, 10, 11]},
    ),
    "DINOv3, which passes on all blocks": (
        [
            (f"{MODEL}.backbone", "dinov3_vits16"),
            (f"{MODEL}.backbone_return_cls_token", True),
            (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [2, 5, 8, -1]}, *OBJECTS[-1][1][1:3]]),
        ],
        {"model.encoder.out_indices": [2, 5, 8, 11], "model.necks": [{"name": "pyramid"}]},
    ),
    "a later decoder of smp": (
        [(f"{MODEL}.decoder", "smp_Segformer"), (f"{MODEL}.decoder_channels", None)],
        {
            "model.necks": [{"name": "pyramid"}, {"name": "select", "indices": [1, 2, 3]}],
            "model.decoder": {"name": "smp", "model": "Segformer", "coarser": 2},
        },
    ),
    "a decoder of smp that reads two levels": (
        [
            (f"{MODEL}.decoder", "smp_DeepLabV3Plus"),
            (f"{MODEL}.decoder_channels", None),
            (f"{MODEL}.decoder_decoder_channels", 16),
        ],
        {
            "model.necks": [{"name": "pyramid"}, {"name": "select", "indices": [2, 3]}],
            "model.decoder": {
                "name": "smp",
                "model": "DeepLabV3Plus",
                "options": {"out_channels": 16, "output_stride": 8},
            },
        },
    ),
    "each date by itself": (
        [
            (f"{MODEL}.backbone_use_temporal", True),
            (f"{MODEL}.backbone_temporal_pooling", "concat"),
            (f"{MODEL}.backbone_temporal_n_timestamps", 2),
            (f"{DATA}.expand_temporal_dimension", True),
        ],
        {
            "model.encoder.name": "per_date",
            "model.encoder.pooling": "concat",
            "model.encoder.encoder.variant": "prithvi_eo_tiny",
            "data.sources.images.steps": 2,
            "model.necks.0": {"name": "select", "indices": [0, 1, 2, 3]},
        },
    ),
    # Necks, decoders, heads.
    "a pyramid without weights": (
        [
            (
                f"{MODEL}.necks",
                [
                    {"name": "SelectIndices", "indices": [0, 1, 2, 3]},
                    {"name": "ReshapeTokensToImage"},
                    {"name": "InterpolateToPyramidal"},
                ],
            )
        ],
        {
            "model.necks": [{"name": "interpolate_pyramid", "mode": "nearest", "finest_stride": 1}],
        },
    ),
    "UperNet": (
        [
            (f"{MODEL}.decoder", "UperNetDecoder"),
            (f"{MODEL}.decoder_channels", 64),
            (f"{MODEL}.decoder_scale_modules", True),
            (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [0, 1, 2, 3]}]),
        ],
        {
            "model.decoder": {"name": "upernet", "channels": 64, "pool_norm": "batch", "align_corners": True},
            "model.necks": [{"name": "pyramid"}],
        },
    ),
    "FCN on the last level": (
        [
            (f"{MODEL}.decoder", "FCNDecoder"),
            (f"{MODEL}.decoder_channels", 64),
            (f"{MODEL}.decoder_num_convs", 2),
            (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [-1]}, {"name": "ReshapeTokensToImage"}]),
        ],
        {
            "model.decoder": {"name": "fcn", "channels": 64, "num_convs": 2, "num_upsamplings": 2, "norm": "layer"},
            "model.encoder.out_indices": [3],
        },
    ),
    "a decoder of smp": (
        [(f"{MODEL}.decoder", "smp_FPN"), (f"{MODEL}.decoder_channels", None)],
        {
            "model.decoder": {"name": "smp", "model": "FPN"},
        },
    ),
    "a U-Net of smp": (
        [
            (f"{MODEL}.decoder", "smp_Unet"),
            (f"{MODEL}.decoder_channels", None),
            (f"{MODEL}.decoder_decoder_channels", [32, 16, 8]),
        ],
        {
            "model.necks": [{"name": "pyramid"}, {"name": "select", "indices": [1, 2, 3]}],
            "model.decoder": {
                "name": "smp",
                "model": "Unet",
                "options": {"decoder_channels": [32, 16, 8]},
                "last_block": "doubles",
            },
        },
    ),
    "a layer on all levels": (
        [
            (f"{MODEL}.decoder", "MLPDecoder"),
            (f"{MODEL}.decoder_channels", None),
            (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [1, 3]}, {"name": "ReshapeTokensToImage"}]),
        ],
        {"model.decoder": {"name": "mlp", "channels": [256], "level": "all"}},
    ),
    "one linear layer": (
        [
            (f"{MODEL}.decoder", "LinearDecoder"),
            (f"{MODEL}.decoder_channels", None),
            (f"{MODEL}.decoder_upsampling_size", 16),
            (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [3]}, {"name": "ReshapeTokensToImage"}]),
        ],
        {"model.decoder": {"name": "linear", "channels": 2, "upsampling": 16}},
    ),
    "a bottleneck": (
        [
            (f"{MODEL}.decoder", "UperNetDecoder"),
            (f"{MODEL}.decoder_channels", 16),
            (
                f"{MODEL}.necks",
                [
                    {"name": "SelectIndices", "indices": [1, 3]},
                    {"name": "ReshapeTokensToImage"},
                    {"name": "AddBottleneckLayer"},
                ],
            ),
        ],
        {"model.necks": [{"name": "bottleneck", "halves": False, "norm": "none"}]},
    ),
    "layers before the mean": (
        [*WHOLE_IMAGES, (f"{MODEL}.head_dim_list", [32])],
        {"model.head": {"name": "classification", "channels": [32], "layers_on": "cells"}},
    ),
    "options of heads": (
        [(f"{MODEL}.head_dropout", 0.2), (f"{MODEL}.head_channel_list", [64])],
        {
            "model.head": {"name": "segmentation", "dropout": 0.2, "channels": [64]},
        },
    ),
    "arguments in mappings": (
        [
            (f"{MODEL}.decoder_channels", None),
            (f"{MODEL}.decoder_kwargs", {"channels": [32, 16, 16, 8]}),
            (f"{MODEL}.head_kwargs", {"dropout": 0.2}),
        ],
        {"model.head.dropout": 0.2},
    ),
    "auxiliary branches": (
        [
            (
                f"{TASK}.aux_heads",
                [
                    {
                        "name": "side",
                        "decoder": "FCNDecoder",
                        "decoder_args": {
                            "decoder_channels": 16,
                            "decoder_in_index": -1,
                            "decoder_num_convs": 2,
                            "head_channel_list": [64],
                        },
                    }
                ],
            ),
            (f"{TASK}.aux_loss", {"side": 0.4}),
        ],
        {
            "model.auxiliary.side.decoder": {
                "name": "fcn",
                "channels": 16,
                "num_convs": 2,
                "num_upsamplings": 2,
                "norm": "layer",
            },
            "training.auxiliary_loss": {"side": 0.4},
        },
    ),
    "adapters": (
        [
            (
                f"{MODEL}.peft_config",
                {
                    "method": "LORA",
                    "replace_qkv": "qkv",
                    "peft_config_kwargs": {
                        "target_modules": ["qkv.q_linear", "qkv.v_linear"],
                        "r": 16,
                        "lora_alpha": 32,
                    },
                },
            )
        ],
        {
            "model.adapters": {
                "method": "lora",
                "split": ["qkv"],
                "modules": ["qkv.query", "qkv.value"],
                "options": {"r": 16, "lora_alpha": 32},
            },
        },
    ),
    "smp as it is": (
        [
            (f"{TASK}.model_factory", "SMPModelFactory"),
            (
                MODEL,
                {
                    "backbone": "resnet18",
                    "model": "Unet",
                    "bands": HLS,
                    "in_channels": 6,
                    "num_classes": 2,
                    "pretrained": False,
                },
            ),
        ],
        {
            "model.factory": {"name": "smp", "architecture": "Unet", "encoder": "resnet18", "pretrained": False},
            "model.encoder": None,
        },
    ),
    # Other tasks.
    "numbers": (
        PIXELWISE,
        {
            "training.task": "pixel_regression",
            "data.target.outputs": [{"name": "value", "nodata": -1, "minimum": -1000.0, "maximum": 10000.0}],
            "training.loss": [{"name": "rmse"}],
            "model.head": None,
        },
    ),
    "numbers above 0": (
        [
            *PIXELWISE,
            (f"{MODEL}.head_final_act", "torch.nn.ReLU"),
            ("trainer.callbacks", [{"class_path": "ModelCheckpoint", "init_args": {"monitor": "val/RMSE"}}]),
        ],
        {
            "model.head": {"name": "regression", "ranges": [[0, None]], "limit": "cut"},
            "training.monitor": "val/rmse_value",
        },
    ),
    "classes of images": (
        WHOLE_IMAGES,
        {
            "training.task": "classification",
            "data.target.per": "image",
            "model.decoder": None,
            "places.scenes": {"path": "data/water", "pattern": "*/*/{key}.tif"},
            "places.labels": {"kind": "class_folders", "path": "data/water", "pattern": "*/{class}/{key}.tif"},
        },
    ),
    "the class token": (
        [
            *WHOLE_IMAGES,
            (f"{MODEL}.necks", [{"name": "AggregateTokens", "pooling": "CLS"}]),
            (f"{MODEL}.head_dim_list", [32]),
        ],
        {
            "model.encoder.vector": True,
            "model.head": {"name": "classification", "channels": [32], "pooling": "vector"},
        },
    ),
    "timm as it is": (
        [
            *WHOLE_IMAGES,
            (f"{TASK}.model_factory", "TimmModelFactory"),
            (MODEL, {"backbone": "resnet18", "in_channels": 6, "bands": HLS, "num_classes": 2, "pretrained": False}),
        ],
        {
            "model.factory": {"name": "timm", "model": "resnet18", "pretrained": False},
        },
    ),
    "objects": (
        OBJECTS,
        {
            "training.task": "object_detection",
            "data.target.classes.1": {"value": 2, "name": "class_2", "color": "#2f6fb5"},
            "model.factory": {
                "name": "object_detection",
                "framework": "fcos",
                "anchors": [8, 16, 32, 64],
                "score_threshold": 0.5,
                "iou_threshold": 0.6,
                "iou_across_classes": 0.5,
            },
            "model.necks": [{"name": "pyramid"}, {"name": "fpn", "channels": 64}],
            "training.monitor": "val/map",
            "places.labels": {"kind": "coco_labels", "path": "data/water", "pattern": "*/{key}_img.json"},
        },
    ),
    "objects by regions": (
        [
            *OBJECTS,
            (f"{MODEL}.framework", "faster-rcnn"),
            (f"{MODEL}.framework_box_nms_thresh", 0.4),
            (f"{MODEL}.framework_box_batch_size_per_image", 64),
            (f"{MODEL}.framework_rpn_nms_thresh", 0.7),
            (f"{MODEL}.framework_min_size", 800),
            (f"{MODEL}.in_channels", 6),
            (f"{TASK}.score_threshold", "0.01"),
            (f"{TASK}.iou_threshold", 0.3),
            (f"{TASK}.class_names", ["Background", "ship", "buoy"]),
            ("lr_scheduler.init_args", {"monitor": "val_map", "mode": "max"}),
        ],
        {
            "data.target.classes.0": {"value": 1, "name": "ship", "color": "#c8443c"},
            "model.factory": {
                "name": "object_detection",
                "framework": "faster-rcnn",
                "anchors": [32, 64, 128, 256],
                # The detector's own threshold, which is higher than that of the task.
                "score_threshold": 0.05,
                "iou_threshold": 0.4,
                "iou_across_classes": 0.3,
                "regions": 64,
            },
            "training.schedule": {"name": "plateau", "factor": 0.1, "patience": 10},
        },
    ),
    "objects whose labels count from 0": (
        [
            *OBJECTS,
            (f"{MODEL}.framework", "retinanet"),
            (f"{MODEL}.framework_score_thresh", 0.6),
            (f"{MODEL}.framework_detections_per_img", 20),
            (f"{TASK}.class_names", ["ship", "buoy", "pier"]),
            (f"{TASK}.ignore_index", 1),
        ],
        {
            # One that is passed over is no class.
            "data.target.classes": [
                {"value": 0, "name": "ship", "color": "#4d4d4d"},
                {"value": 2, "name": "pier", "color": "#2f6fb5"},
            ],
            "data.target.objects": {"background": ["1", "buoy"]},
            "model.factory": {
                "name": "object_detection",
                "framework": "retinanet",
                "heads": "v2",
                "anchors": [16, 32, 64, 128],
                "score_threshold": 0.6,
                "iou_across_classes": 0.5,
                "most": 20,
            },
        },
    ),
    "outlines of objects": (
        [
            *OBJECTS,
            (f"{MODEL}.framework", "mask-rcnn"),
            (f"{MODEL}.backbone", "timm_resnet18"),
            (f"{MODEL}.backbone_out_indices", [1, 2]),
            (f"{MODEL}.necks", [{"name": "FeaturePyramidNetworkNeck"}]),
            (
                "trainer.callbacks",
                [{"class_path": "ModelCheckpoint", "init_args": {"monitor": "val_segm_map", "mode": "max"}}],
            ),
        ],
        {
            "data.target.objects": {"masks": True},
            "model.factory.heads": "v2_coarse",
            "model.factory.anchors": [32, 64],
            "training.monitor": "val/mask_map",
        },
    ),
    # Losses, optimisers, schedules, the Trainer.
    "a list of losses": (
        [(f"{TASK}.loss", ["ce", "dice"]), (f"{TASK}.class_weights", [0.2, 0.8])],
        {
            "training.loss": [
                {"name": "cross_entropy", "class_weights": [0.2, 0.8]},
                {"name": "dice", "over": "all", "smooth": 0},
            ],
        },
    ),
    "losses by weight": (
        [(f"{TASK}.loss", {"focal": 0.7, "jaccard": 0.3})],
        {
            "training.loss": [
                {"name": "focal", "weight": 0.7},
                {"name": "jaccard", "over": "all", "smooth": 0, "weight": 0.3},
            ],
        },
    ),
    "the task's optimiser": (
        [
            ("optimizer", None),
            ("lr_scheduler", None),
            (f"{TASK}.optimizer", "AdamW"),
            (f"{TASK}.lr", "2e-4"),
            (f"{TASK}.optimizer_hparams", {"weight_decay": 0.1}),
            (f"{TASK}.scheduler", "StepLR"),
            (f"{TASK}.scheduler_hparams", {"step_size": 5, "gamma": "5e-1"}),
        ],
        {
            "training.optimizer": {"name": "adamw", "learning_rate": 2e-4, "weight_decay": 0.1},
            "training.schedule": {
                "name": "torch",
                "scheduler": "StepLR",
                "each": "epoch",
                "options": {"step_size": 5, "gamma": 0.5},
            },
        },
    ),
    "Adam, and the rate of the task": (
        [("optimizer", None), (f"{TASK}.lr", 0.01)],
        {
            "training.optimizer": {"name": "torch", "optimizer": "Adam", "learning_rate": 0.01},
        },
    ),
    "a cosine": (
        [("lr_scheduler", {"class_path": "torch.optim.lr_scheduler.CosineAnnealingLR", "init_args": {"T_max": 50}})],
        {
            "training.schedule": {
                "name": "torch",
                "scheduler": "CosineAnnealingLR",
                "each": "epoch",
                "options": {"T_max": 50},
            },
        },
    ),
    "callbacks": (
        [
            (
                "trainer.callbacks",
                [
                    {
                        "class_path": "lightning.pytorch.callbacks.EarlyStopping",
                        "init_args": {"monitor": "val/loss", "patience": 20},
                    },
                    {
                        "class_path": "ModelCheckpoint",
                        "init_args": {"monitor": "val/Multiclass_Jaccard_Index", "mode": "max", "save_top_k": 1},
                    },
                    {"class_path": "LearningRateMonitor", "init_args": {"logging_interval": "epoch"}},
                ],
            )
        ],
        {
            "training.early_stopping": 20,
            "training.monitor": "val/miou",
        },
    ),
    "a logger": (
        [("trainer.logger", {"class_path": "WandbLogger", "init_args": {"project": "burns"}})],
        {
            "training.loggers": [{"name": "wandb", "project": "burns"}],
        },
    ),
    "the Trainer": (
        [("trainer.check_val_every_n_epoch", 2), ("trainer.devices", 1), ("trainer.gradient_clip_val", 1.0)],
        {
            "training.trainer": {"precision": "16-mixed", "check_val_every_n_epoch": 2, "gradient_clip_val": 1.0},
        },
    ),
    "frozen": ([(f"{TASK}.freeze_backbone", True)], {"training.freeze": {"encoder": True}}),
    "rates of parts": (
        [("optimizer", None), (f"{TASK}.lr", 1e-3), (f"{TASK}.lr_overrides", {"decoder": 1e-2})],
        {
            "training.parameter_groups": {"rates": {"*decoder*": 10.0}},
        },
    ),
    "tiles": (
        [
            (
                f"{TASK}.tiled_inference_parameters",
                {
                    "h_crop": 224,
                    "w_crop": 224,
                    "h_stride": 196,
                    "w_stride": 196,
                    "average_patches": True,
                    "batch_size": 16,
                },
            )
        ],
        {
            "inference": {"tile_size": 224, "overlap": 28, "batch_size": 16},
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_keys_and_values(case: str) -> None:
    changes, expected = CASES[case]
    found = translated(*changes)
    assert {path: at(found, path) for path in expected} == expected


BUILT = (
    *("usual", "dates", "several sources", "options of Prithvi", "Prithvi's older factory", "Swin", "timm", "Satlas"),
    *("each date by itself", "UperNet", "a decoder of smp", "auxiliary branches", "adapters", "smp as it is"),
    *("numbers above 0", "the class token", "timm as it is", "objects", "a U-Net of smp", "a layer on all levels"),
    *("one linear layer", "a bottleneck", "layers before the mean", "objects by regions"),
    *("objects whose labels count from 0", "outlines of objects", "a later decoder of smp"),
    *("a decoder of smp that reads two levels", "a vision transformer of TorchGeo, which passes on all blocks"),
)


@pytest.mark.parametrize("case", BUILT)
def test_what_is_translated_fits_together(case: str) -> None:
    found = translated(*CASES[case][0])
    data = DataConfig.model_validate(found.parameters["data"])
    model = ModelConfig.model_validate(found.parameters["model"]).without_pretraining()
    training = TrainingConfig.model_validate(found.parameters["training"])
    here = training.model_copy(update={"trainer": {"accelerator": "cpu"}, "loggers": ()})
    check_together(here, model, data.target)
    check_augmentation(training.augmentation, data.sources, data.target)
    require_statistics(model, data.sources)
    factory = build_factory(model)
    # How many objects there are follows from values, which a device without memory does not have.
    device = "cpu" if data.target.per == "object" else "meta"
    with torch.device(device):
        built = factory.build_model(factory.resolve(model, data.sources, data.target), data.sources, data.target)
        output = built.eval()(example_images(data.sources, (64, 64), device)).output
    size = () if data.target.per == "image" else (64, 64)
    objects = (1, output.shape[1], 6 if model.factory.options.get("framework") != "mask-rcnn" else 6 + 14**2)
    assert output.shape == (objects if data.target.per == "object" else (1, data.target.num_outputs, *size))


#: What is wrong -> changes of the usual file, the key that is named, and what is said.
REFUSED: dict[str, tuple[list[tuple[str, Any]], str, str]] = {
    "a key": ([(f"{DATA}.img_grp", "*")], "data.init_args.img_grp", "Did you mean 'img_grep'"),
    "a key of the model": ([(f"{MODEL}.decoder_chanels", [1])], "decoder_*.chanels", "Did you mean 'channels'"),
    "a key without its prefix": (
        [(f"{MODEL}.num_frames", 1)],
        "model_args.num_frames",
        "Did you mean 'backbone_num_frames'",
    ),
    "a key of the file": ([("trainr", {})], "trainr", "Did you mean 'trainer'"),
    "an encoder": ([(f"{MODEL}.backbone", "prithvi_eo_v2_3000")], "backbone_*", "Did you mean 'prithvi_eo_v2_300'"),
    "an encoder of another version": (
        [(f"{MODEL}.backbone", "terramind_v01_base")],
        "backbone_*",
        "take 'terramind_v1_base'",
    ),
    "a neck": ([(f"{MODEL}.necks", [{"name": "SelectIndexes"}])], "necks[0].name", "Did you mean 'SelectIndices'"),
    "levels that are not there": (
        [(f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [5, 11, 17, 23]}])],
        "indices",
        "gives 4 levels",
    ),
    "a decoder": ([(f"{MODEL}.decoder", "UNetDecodr")], "decoder_*", "Did you mean 'UNetDecoder'"),
    "an encoder that is not there": (
        [(f"{MODEL}.backbone", "galileo_nano")],
        "backbone_*",
        "'encoder: {name: galileo, variant: galileo_nano}'",
    ),
    "levels of an encoder that passes on its last one": (
        [(f"{MODEL}.backbone", "dofa_base_patch16_224"), (f"{MODEL}.backbone_bands", None)],
        "indices",
        "Name more of them in 'backbone_out_indices'",
    ),
    "stages that are not there": (
        [
            (f"{MODEL}.backbone", "ssl4eos12_resnet18_sentinel2_all_moco"),
            (f"{MODEL}.backbone_out_indices", [3, 5]),
            (f"{MODEL}.necks", None),
        ],
        "out_indices",
        "counted from 0 to 4",
    ),
    "a decoder that fails": (
        [(f"{MODEL}.decoder", "smp_DPT"), (f"{MODEL}.decoder_channels", None)],
        "decoder_*",
        "TerraTorch fails with it",
    ),
    "channels": ([(f"{MODEL}.decoder_channels", [8, 8])], "decoder_*.channels", "2 numbers for 4 levels"),
    "a factory that fails": (
        [(f"{TASK}.model_factory", "GenericUnetModelFactory")],
        "model_factory",
        "TerraTorch itself fails",
    ),
    "no factory": ([(f"{TASK}.model_factory", None)], "model_factory", "TerraTorch fails without one"),
    "a loss": ([(f"{TASK}.loss", "bce")], "model.init_args.loss", "no loss of this task"),
    "a score": (
        [("trainer.callbacks", [{"class_path": "ModelCheckpoint", "init_args": {"monitor": "val/mIuO"}}])],
        "monitor",
        "Did you mean 'miou'",
    ),
    "a callback": (
        [("trainer.callbacks", [{"class_path": "mine.Callback"}])],
        "callbacks[0]",
        "'Callback' has no counterpart",
    ),
    "a transform": (
        [(f"{DATA}.train_transform", [{"class_path": "albumentations.ElasticTransform"}])],
        "train_transform[0]",
        "no counterpart",
    ),
    "a schedule": (
        [("lr_scheduler", {"class_path": "SequentialLR"})],
        "lr_scheduler",
        "take 'schedule: {name: sequence",
    ),
    "means of other bands": (
        [(f"{DATA}.means", [1, 2])],
        "data.init_args.means",
        "2 mean(s) and 6 deviation(s) are given for the 6 band(s)",
    ),
    "a file of means that is not there": (
        [(f"{DATA}.means", "means.txt")],
        "data.init_args.means",
        "there is no file 'means.txt'",
    ),
    "other bands than the model's": (
        [(f"{MODEL}.backbone_bands", HLS[:3])],
        "output_bands",
        "the model takes 3 band(s)",
    ),
    "another order of bands": ([(f"{MODEL}.backbone_bands", HLS[::-1])], "output_bands", "Put both in one order"),
    "a band that is not there": (
        [(f"{DATA}.output_bands", [*HLS[:5], "SWIR2"])],
        "output_bands",
        "Did you mean 'SWIR_2'",
    ),
    "dates of two numbers": (
        [(f"{MODEL}.necks", [{"name": "ReshapeTokensToImage", "effective_time_dim": 4}])],
        "effective_time_dim",
        "it is 4, and the images have 1",
    ),
    "a glob without a key": ([(f"{DATA}.img_grep", "image.tif")], "img_grep", "write one '*'"),
    "one folder for all": (
        [(f"{DATA}.val_data_root", "data/water/train")],
        "val_data_root",
        "what is learnt would be what is judged",
    ),
    "folders at other depths": ([(f"{DATA}.val_data_root", "data/val")], "train_data_root", "lie at different depths"),
    "no classes": ([(f"{MODEL}.num_classes", None), (f"{DATA}.num_classes", None)], "model_args", "nor 'class_names'"),
    "what lies between stages": (
        [
            (f"{MODEL}.backbone", "satlas_swin_b_sentinel2_si_ms"),
            (f"{MODEL}.backbone_out_indices", [0, 3]),
            (f"{MODEL}.necks", None),
        ],
        "out_indices",
        "stages stand at 1, 3, 5 and 7",
    ),
    "other windows": (
        [(f"{MODEL}.backbone", "prithvi_swin_B"), (f"{MODEL}.backbone_window_size", 8), (f"{MODEL}.necks", None)],
        "window_size",
        "windows of 7 patches",
    ),
    "stacked sources with one name for two bands": (
        [*STACKED, (f"{DATA}.dataset_bands", {"S2L2A": ["BLUE", "RED"], "S1GRD": ["VV", "RED"]})],
        "concat_bands",
        "several sources have ['RED']",
    ),
    "stacked sources for a whole network": (
        [
            *STACKED,
            (MODEL, {"backbone": "resnet18", "model": "Unet", "num_classes": 2}),
            (f"{TASK}.model_factory", "SMPModelFactory"),
        ],
        "model_factory",
        "take 'EncoderDecoderFactory'",
    ),
    "a datamodule of HDF5": (
        [("data.class_path", "Sen4MapLucasDataModule")],
        "data.class_path",
        "write them as GeoTIFF",
    ),
    "a datamodule": (
        [("data.class_path", "GenericNonGeoSegmentationDatamodul")],
        "data.class_path",
        "Did you mean 'GenericNonGeoSegmentationDataModule'",
    ),
    "branches without a loss": (
        [(f"{TASK}.aux_heads", [{"name": "side", "decoder": "FCNDecoder"}])],
        "aux_loss",
        "name the same in both",
    ),
    "no kind of detector": ([*OBJECTS, (f"{MODEL}.framework", None)], "framework", "TerraTorch fails without one"),
    "a detector": ([*OBJECTS, (f"{MODEL}.framework", "fcoss")], "framework", "Did you mean 'fcos'"),
    "a transformer that finds objects": (
        [*OBJECTS, (f"{MODEL}.framework", "rf-detr")],
        "framework",
        "asks a transformer for objects",
    ),
    "a detector without a pyramid": (
        [*OBJECTS, (f"{MODEL}.necks", OBJECTS[-1][1][:3])],
        "model_args.necks",
        "add one as the last neck",
    ),
    "a detector of levels that nobody counts": (
        [*OBJECTS, (f"{MODEL}.backbone", "mit_b0"), (f"{MODEL}.necks", OBJECTS[-1][1][3:])],
        "model_args.necks",
        "choose levels by 'SelectIndices'",
    ),
    "an option of a detector": (
        [*OBJECTS, (f"{MODEL}.framework_scor_thresh", 0.1)],
        "framework_scor_thresh",
        "Did you mean 'score_thresh'",
    ),
    "an option that detectors have one value of": (
        [*OBJECTS, (f"{MODEL}.framework_topk_candidates", 400)],
        "framework_topk_candidates",
        "it is 1000 here",
    ),
    "a first class that is the background": (
        [*OBJECTS, (f"{MODEL}.framework", "faster-rcnn"), (f"{TASK}.class_names", ["ship", "buoy", "pier"])],
        "class_names",
        "'ship' would never be found",
    ),
    "names of other classes than are counted": (
        [*OBJECTS, (f"{MODEL}.framework", "faster-rcnn"), (f"{TASK}.class_names", ["background", "ship"])],
        "class_names",
        "2 name(s) for 3 class(es)",
    ),
    "the background alone": ([*OBJECTS, (f"{MODEL}.num_classes", 1)], "num_classes", "the background alone"),
    **{
        f"objects of {name}": ([*OBJECTS, ("data.class_path", f"terratorch.datamodules.{name}")], "class_path", words)
        for name, words in (
            ("mVHR10DataModule", "torchgeo_import"),
            ("ElephantDataModule", "join its two files of COCO's JSON"),
            ("SubstationDataModule", "a list of boxes for each"),
            ("GeoBenchV2ObjectDetectionDataModule", "GEO-Bench 2 keeps samples in files of its own"),
        )
    },
    "code of one's own": (
        [("custom_modules_path", "mine"), (f"{MODEL}.decoder", "MyDecoder")],
        f"{MODEL}.decoder",
        "MyDecoder",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_translated_is_refused_by_its_key(what: str) -> None:
    changes, key, message = REFUSED[what]
    with pytest.raises(TranslationError, match=r"theirs.yaml cannot be translated as it is") as caught:
        translate(changed(*changes), "theirs.yaml")
    lines = str(caught.value).splitlines()[1:]
    assert any(key in line.partition(": ")[0] and message in line for line in lines), lines


def test_a_folder_of_ones_own_classes_is_no_matter_of_a_file_that_names_none() -> None:
    found = translate(changed(("custom_modules_path", "mine")), "theirs.yaml")
    assert found.parameters == translate(changed(), "theirs.yaml").parameters
    assert "custom_modules_path: nothing is imported from there" in str(found.findings)


def keys_of(words: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in words.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from keys_of(value, f"{prefix}{key}.")


@pytest.mark.parametrize("changes", [[], SEVERAL, OBJECTS], ids=["one source", "several", "objects"])
def test_whatever_stands_at_a_key_is_a_configuration_or_refused(changes: list[tuple[str, Any]]) -> None:
    count = 0
    for key in keys_of(changed(*changes)):
        for value in (5, -1.5, "x", [], [None], [{"a": 1}], {"class_path": "x"}, True):
            try:
                found = translate(changed(*changes, (key, value)), "theirs.yaml").parameters
            except TranslationError:
                count += 1
                continue
            DataConfig.model_validate(found["data"])
            ModelConfig.model_validate(found["model"])
            TrainingConfig.model_validate(found["training"])
    assert count > 150


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(TranslationError) as caught:
        translate(changed((f"{TASK}.loss", "bce"), (f"{MODEL}.decoder", "None"), (f"{DATA}.means", [1])), "theirs.yaml")
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [("ReconstructionTask", "full_model"), ("SemanticSegmentationTsk", "Did you mean 'SemanticSegmentationTask'")],
)
def test_tasks_without_a_counterpart_say_what_to_do(name: str, message: str) -> None:
    with pytest.raises(TranslationError, match=message):
        translate(changed(("model.class_path", f"terratorch.tasks.{name}")), "theirs.yaml")


def test_files_are_told_apart_by_their_classes() -> None:
    assert is_terratorch(changed())
    assert is_terratorch(changed(("model.class_path", "SemanticSegmentationTask")))
    assert not is_terratorch(changed(("model.class_path", "groundwork.SemanticSegmentationTask")))
    assert not is_terratorch({"model": None})


#: What means something else here -> changes of the usual file, and a part of the sentence.
CHANGED: list[tuple[list[tuple[str, Any]], str, str]] = [
    ([], "data.init_args.no_data_replace", "the model sees the mean of each band"),
    ([(f"{DATA}.test_data_root", "data/water/val")], "data.init_args.test_data_root", "are the same files as val"),
    ([(f"{DATA}.constant_scale", 1e-4)], "data.init_args.constant_scale", "divided by it"),
    ([(f"{TASK}.loss", "lovasz")], "model.init_args.loss", "classes that occur in a batch"),
    ([(f"{MODEL}.rescale", False)], "model.init_args.model_args.rescale", "size of the image"),
    ([("trainer.logger", {"class_path": "CometLogger"})], "trainer.logger[0]", "is left out"),
    (
        [(f"{TASK}.tiled_inference_on_testing", True)],
        "model.init_args.tiled_inference_on_testing",
        "chips of the split",
    ),
    ([("seed_everything", True)], "seed_everything", "a seed that nobody states"),
    (OBJECTS, "model.init_args.score_threshold", "objects of 0.5 and less are left out"),
    (OBJECTS, "lr_scheduler.init_args.mode", "no longer rises"),
    (OBJECTS, "model.init_args.model_args.num_classes", "label 0 is taken for the background"),
    (
        [*OBJECTS, (f"{TASK}.freeze_backbone", True)],
        "model.init_args.freeze_backbone",
        "the necks learn",
    ),
    (
        [*OBJECTS, (f"{DATA}.train_transform", [{"class_path": "HorizontalFlip"}])],
        "data.init_args.train_transform",
        "TerraTorch 1.2.13 leaves them where they were",
    ),
]


@pytest.mark.parametrize(("changes", "key", "text"), CHANGED, ids=[key for _, key, _ in CHANGED])
def test_what_means_something_else_is_said(changes: list[tuple[str, Any]], key: str, text: str) -> None:
    notes = translate(changed(*changes), "theirs.yaml").findings.changed
    assert any(note.key == key and text in note.text for note in notes), notes


def test_what_never_had_a_meaning_is_said() -> None:
    changes = [
        (f"{MODEL}.backbone_drop_path_rate", 0.1),
        (f"{TASK}.aux_heads", [{"name": "a", "decoder": "FCNDecoder", "decoder_args": {"head_dropout": 0.1}}]),
        (f"{TASK}.aux_loss", {"a": 1.0}),
    ]
    keys = [note.key for note in translate(changed(*changes), "theirs.yaml").findings.ignored]
    assert keys == [
        "model.init_args.model_args.backbone_*.drop_path_rate",
        "model.init_args.aux_heads[0].decoder_args.head_dropout",
    ]


DOFA = [
    (f"{MODEL}.backbone", "dofa_base_patch16_224"),
    (f"{MODEL}.backbone_out_indices", [2, 5, 8, 11]),
    (f"{MODEL}.backbone_bands", None),
    (f"{MODEL}.backbone_model_bands", HLS),
]


def test_bands_of_dofa_have_the_wavelengths_that_are_taken_for_their_names() -> None:
    found = translated(*DOFA)
    bands = at(found, "data.sources.images.bands")
    assert [(band["name"], band["wavelength_nm"]) for band in bands] == list(
        zip(HLS, (490, 560, 665, 864, 1610, 2200), strict=True)
    )
    others = ["BLUE", "GREEN", "RED", "NIR", "SWIR_1", "SWIR_2"]
    named = [
        (f"{DATA}.dataset_bands", others),
        (f"{DATA}.output_bands", others),
        (f"{MODEL}.backbone_model_bands", others),
    ]
    with pytest.raises(TranslationError, match=r"none is known of \['NIR'\]. Name each as one of"):
        translated(*DOFA, *named)
