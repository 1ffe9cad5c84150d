"""Networks as TerraTorch describes them, whose weights and scores were recorded there."""

from __future__ import annotations

from typing import Any

from terratorch_words import DATA, MODEL, TASK

Changes = list[tuple[str, Any]]
SELECT: dict[str, Any] = {"name": "SelectIndices", "indices": [0, 1, 2, 3]}
RESHAPE, PYRAMID = {"name": "ReshapeTokensToImage"}, {"name": "LearnedInterpolateToPyramidal"}
LAST: list[dict[str, Any]] = [{"name": "SelectIndices", "indices": [3]}, RESHAPE]
NUMBERS: Changes = [
    ("model.class_path", "terratorch.tasks.PixelwiseRegressionTask"),
    ("data.class_path", "GenericNonGeoPixelwiseRegressionDataModule"),
    (f"{MODEL}.num_classes", None),
    (f"{DATA}.num_classes", None),
    (f"{TASK}.loss", "rmse"),
]
IMAGES: Changes = [
    ("model.class_path", "ClassificationTask"),
    ("data.class_path", "terratorch.datamodules.GenericNonGeoClassificationDataModule"),
    (f"{MODEL}.decoder", "IdentityDecoder"),
    (f"{MODEL}.decoder_channels", None),
    (f"{MODEL}.necks", LAST),
    (f"{TASK}.ignore_index", None),
]
NO_BANDS: Changes = [
    (key, None) for key in (f"{DATA}.dataset_bands", f"{DATA}.output_bands", f"{MODEL}.backbone_bands")
]
RADAR: Changes = [
    *NO_BANDS,
    (f"{DATA}.rgb_indices", None),
    (f"{DATA}.means", [-12.599, -20.293]),
    (f"{DATA}.stds", [5.195, 5.89]),
    (f"{MODEL}.backbone", "terramind_v1_tiny"),
    (f"{MODEL}.backbone_modalities", ["S1GRD"]),
    (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [0, 1, 2, 3]}, RESHAPE, PYRAMID]),
]


def decoder(name: str, channels: int | None = None, **options: object) -> Changes:
    """Return the changes that take another decoder."""
    return [
        (f"{MODEL}.decoder", name),
        (f"{MODEL}.decoder_channels", channels),
        *((f"{MODEL}.decoder_{key}", value) for key, value in options.items()),
    ]


def lora(*modules: str) -> Changes:
    """Return the changes that adapt queries, keys or values apart."""
    options = {"target_modules": list(modules), "r": 4, "lora_alpha": 8, "lora_dropout": 0.1}
    return [(f"{MODEL}.peft_config", {"method": "LORA", "replace_qkv": "qkv", "peft_config_kwargs": options})]


#: Case -> changes of the usual file.
CASES: dict[str, Changes] = {
    "U-Net": [],
    "U-Net with attention": [
        (f"{MODEL}.decoder_channels", [32, 16, 16, 16]),
        (f"{MODEL}.decoder_attention_type", "scse"),
    ],
    "convolutions of the head": [(f"{MODEL}.head_channel_list", [6, 5]), (f"{MODEL}.head_dropout", 0.3)],
    "UperNet": decoder("UperNetDecoder", 8),
    "UperNet that makes its pyramid": [
        *decoder("UperNetDecoder", 8, scale_modules=True),
        (f"{MODEL}.necks", [SELECT, RESHAPE]),
    ],
    "UperNet on a bottleneck": [
        *decoder("UperNetDecoder", 8, align_corners=False),
        (f"{MODEL}.necks", [SELECT, RESHAPE, PYRAMID, {"name": "AddBottleneckLayer"}]),
    ],
    "FCN": [*decoder("FCNDecoder", 8, num_convs=2), (f"{MODEL}.necks", LAST)],
    "linear": [*decoder("LinearDecoder", upsampling_size=16), (f"{MODEL}.necks", LAST)],
    "MLP on all levels": [
        *decoder("MLPDecoder"),
        (f"{MODEL}.necks", [{"name": "SelectIndices", "indices": [1, 3]}, RESHAPE]),
    ],
    "a pyramid of smp": decoder("smp_FPN", decoder_segmentation_channels=32, decoder_pyramid_channels=8),
    "a U-Net of smp": decoder("smp_Unet", decoder_channels=[16, 8, 8]),
    "numbers above 0": [*NUMBERS, (f"{MODEL}.head_final_act", "torch.nn.ReLU"), (f"{MODEL}.head_channel_list", [6])],
    "numbers that are scaled up": [
        *NUMBERS,
        (f"{MODEL}.head_learned_upscale_layers", 2),
        (f"{MODEL}.head_channel_list", [6]),
    ],
    "classes of images": [*IMAGES, (f"{MODEL}.head_dim_list", [16, 8])],
    "the class token": [*IMAGES, (f"{MODEL}.necks", [{"name": "AggregateTokens", "pooling": "CLS"}])],
    "queries and values apart": lora("qkv.q_linear", "qkv.v_linear"),
    "taken apart for nothing": lora("mlp.fc1"),
    "prompts": [(f"{MODEL}.backbone_vpt", True), (f"{MODEL}.backbone_vpt_n_tokens", 3)],
    "the first date less the last": [
        (f"{MODEL}.backbone_use_temporal", True),
        (f"{MODEL}.backbone_temporal_pooling", "diff"),
        (f"{MODEL}.backbone_temporal_n_timestamps", 2),
        (f"{DATA}.expand_temporal_dimension", True),
    ],
    "dates behind one another": [
        (f"{MODEL}.backbone_num_frames", 2),
        (f"{DATA}.expand_temporal_dimension", True),
        (f"{MODEL}.necks", [SELECT, {**RESHAPE, "effective_time_dim": 2}, PYRAMID]),
    ],
    "radar": RADAR,
}
#: What finds objects, with a small pyramid.
DETECTION: Changes = [
    ("model.class_path", "ObjectDetectionTask"),
    ("data.class_path", "GenericNonGeoObjectDetectionDataModule"),
    *((key, None) for key in (f"{DATA}.label_grep", f"{DATA}.no_label_replace", f"{DATA}.num_classes")),
    *((f"{TASK}.{key}", None) for key in ("loss", "ignore_index")),
    (f"{TASK}.model_factory", "ObjectDetectionModelFactory"),
    *((f"{MODEL}.{key}", None) for key in ("decoder", "decoder_channels")),
    (f"{MODEL}.num_classes", 3),
    (f"{MODEL}.necks", [SELECT, RESHAPE, PYRAMID, {"name": "FeaturePyramidNetworkNeck", "out_channel": 32}]),
]
#: Case -> changes of the usual file, of detectors. Those of one stage have label 0, here a class and there none.
DETECTORS: dict[str, Changes] = {
    "regions": [
        *DETECTION,
        (f"{MODEL}.framework", "faster-rcnn"),
        (f"{TASK}.score_threshold", 0.4),
        (f"{TASK}.iou_threshold", 0.3),
    ],
    "anchors": [*DETECTION, (f"{MODEL}.framework", "retinanet"), (f"{MODEL}.framework_score_thresh", 0.6)],
    "places": [
        *DETECTION,
        (f"{MODEL}.framework", "fcos"),
        (f"{MODEL}.framework_nms_thresh", 0.4),
        (f"{TASK}.class_names", ["ship", "buoy", "pier"]),
    ],
    "outlines": [
        *DETECTION,
        (f"{MODEL}.framework", "mask-rcnn"),
        (f"{TASK}.score_threshold", 0.4),
        (f"{TASK}.iou_threshold", 0.3),
    ],
}
#: Sizes of their images: TerraTorch cannot lay tokens out for a detector unless images are squares.
SQUARES = ((64, 64), (96, 96))
#: Sizes of the images: one of them is no multiple of anything.
SIZES = ((64, 64), (96, 64), (75, 53))
#: Cases of several dates.
DATES = {"the first date less the last": 2, "dates behind one another": 2}
