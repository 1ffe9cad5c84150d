"""Configurations as TerraTorch takes them, written anew from the lists of what occurs; and rasters in their layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.transform import from_origin

HLS = ["BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2"]
TASK, DATA, MODEL = "model.init_args", "data.init_args", "model.init_args.model_args"
#: What most files in use look like: Prithvi with a U-Net, one source, a schedule that watches the loss.
USUAL: dict[str, Any] = {
    "seed_everything": 3,
    "trainer": {
        "max_epochs": 20,
        "precision": "16-mixed",
        "logger": True,
        "callbacks": [{"class_path": "RichProgressBar"}],
    },
    "data": {
        "class_path": "GenericNonGeoSegmentationDataModule",
        "init_args": {
            "batch_size": 4,
            "num_classes": 2,
            "train_data_root": "data/water/train",
            "val_data_root": "data/water/val",
            "test_data_root": "data/water/test",
            "img_grep": "*_img.tif",
            "label_grep": "*_mask.tif",
            "dataset_bands": HLS,
            "output_bands": HLS,
            "rgb_indices": [2, 1, 0],
            "means": [1000, 1100, 1200, 2500, 2000, 1400],
            "stds": [500, 510, 520, 800, 700, 600],
            "no_data_replace": 0,
            "no_label_replace": -1,
        },
    },
    "model": {
        "class_path": "terratorch.tasks.SemanticSegmentationTask",
        "init_args": {
            "model_factory": "EncoderDecoderFactory",
            "model_args": {
                "backbone": "prithvi_eo_tiny",
                "backbone_pretrained": False,
                "backbone_bands": HLS,
                "necks": [
                    {"name": "SelectIndices", "indices": [0, 1, 2, 3]},
                    {"name": "ReshapeTokensToImage"},
                    {"name": "LearnedInterpolateToPyramidal"},
                ],
                "decoder": "UNetDecoder",
                "decoder_channels": [32, 16, 16, 8],
                "num_classes": 2,
            },
            "loss": "ce",
            "ignore_index": -1,
            "freeze_backbone": False,
            "freeze_decoder": False,
        },
    },
    "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": "1e-4", "weight_decay": 0.05}},
    "lr_scheduler": {"class_path": "ReduceLROnPlateau", "init_args": {"monitor": "val/loss", "factor": 0.5}},
}

#: Changes by which it has two sources, and TerraMind.
SEVERAL: list[tuple[str, Any]] = [
    ("data.class_path", "GenericMultiModalDataModule"),
    (f"{DATA}.modalities", ["S2L2A", "S1GRD"]),
    (f"{DATA}.image_grep", {"S2L2A": "*_s2.tif", "S1GRD": "*_s1.tif"}),
    (f"{DATA}.img_grep", None),
    (f"{DATA}.dataset_bands", {"S2L2A": ["BLUE", "RED"], "S1GRD": ["VV", "VH"]}),
    (f"{DATA}.output_bands", None),
    (f"{DATA}.rgb_indices", None),
    (f"{DATA}.means", {"S2L2A": [1390.458, 1853.91], "S1GRD": [-12.599, -20.293]}),
    (f"{DATA}.stds", {"S2L2A": [2106.761, 2134.138], "S1GRD": [5.195, 5.89]}),
    *(
        (f"{DATA}.{split}_data_root", {"S2L2A": f"d/{split}/s2", "S1GRD": f"d/{split}/s1"})
        for split in ("train", "val", "test")
    ),
    *((f"{DATA}.{split}_label_data_root", f"d/{split}/labels") for split in ("train", "val", "test")),
    (f"{MODEL}.backbone", "terramind_v1_base"),
    (f"{MODEL}.backbone_modalities", ["S2L2A", "S1GRD"]),
    (f"{MODEL}.backbone_bands", {"S2L2A": ["BLUE", "RED"]}),
    (
        f"{MODEL}.necks",
        [
            {"name": "SelectIndices", "indices": [2, 5, 8, 11]},
            {"name": "ReshapeTokensToImage", "remove_cls_token": False},
            {"name": "LearnedInterpolateToPyramidal"},
        ],
    ),
]

#: Changes by which it has two sources whose bands lie behind one another.
STACKED: list[tuple[str, Any]] = [
    *SEVERAL,
    (f"{DATA}.concat_bands", True),
    (f"{MODEL}.backbone", "timm_resnet18"),
    (f"{MODEL}.decoder_channels", [32, 16, 16, 8, 8]),
    (f"{MODEL}.backbone_modalities", None),
    (f"{MODEL}.backbone_bands", None),
    (f"{MODEL}.necks", None),
]


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """Return the usual configuration with other values at some keys; None takes a key away."""
    words = deepcopy(USUAL)
    for path, value in changes:
        *parents, last = path.split(".")
        place = words
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = deepcopy(value)
    return words


def rooted(root: Path, suffix: str = "") -> list[tuple[str, Any]]:
    """Return the changes by which each split has a folder below a root."""
    return [(f"{DATA}.{split}_data_root", f"{root}/{split}{suffix}") for split in ("train", "val", "test")]


def write_set(
    write: Callable[..., Path], root: Path, names: tuple[str, str] = ("{}_img.tif", "{}_mask.tif"), bands: int = 6
) -> Path:
    """Write a set in folders for each split: rasters of 64 x 64 pixels, and a mask of water for each."""
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        for number in range(count):
            random = np.random.default_rng([number, count, bands])
            mask = np.zeros((64, 64), np.int16)
            mask[:, 20 + 8 * number :] = 1
            mask[:4] = -1
            image = np.where(mask == 1, 300, 2500) + random.normal(0, 100, (bands, 64, 64))
            place = {
                "transform": from_origin(
                    500_000 + 10_000 * number, 5_000_000 + 10_000 * count + 100_000 * (split == "test"), 10, 10
                )
            }
            write(root / split / names[0].format(f"{split}{number}"), image.astype(np.int16), nodata=-9999, **place)
            write(root / split / names[1].format(f"{split}{number}"), mask, **place)
    return root


def write_objects(write: Callable[..., Path], root: Path, first_label: int = 1) -> Path:
    """Write a set of rasters of 64 x 64 pixels with a list of boxes for each: small and large bright squares."""
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        for number in range(count):
            image = np.random.default_rng([number, len(split)]).normal(1000, 100, (6, 64, 64))
            boxes = [[8, 8 + number, 20, 20 + number], [30, 28, 58, 56]][: number + 1]
            for left, top, right, bottom in boxes:
                image[:, top:bottom, left:right] += 2000
            place = {"transform": from_origin(500_000 + 10_000 * number, 5_000_000 + 10_000 * count, 10, 10)}
            place["transform"] *= place["transform"].translation(0, 0 if split != "test" else 10_000)
            path = write(root / split / f"{split}{number}_img.tif", image.astype(np.int16), nodata=-9999, **place)
            labels = list(range(first_label, first_label + len(boxes)))
            path.with_suffix(".json").write_text(json.dumps({"boxes": boxes, "labels": labels}), encoding="utf-8")
    return root
