"""Detectors: which one, its anchors and heads, and which of its objects are passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from groundwork.compatibility.terratorch.necks import Chain
from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.strict import did_you_mean

#: What the task passes on where nobody says it: a score, and an overlap of boxes of any classes.
USUAL = 0.5
_OF_REGIONS: Mapping[str, float] = {
    "rpn_pre_nms_top_n_train": 2000,
    "rpn_pre_nms_top_n_test": 1000,
    "rpn_post_nms_top_n_train": 2000,
    "rpn_post_nms_top_n_test": 1000,
    "rpn_nms_thresh": 0.7,
    "rpn_fg_iou_thresh": 0.7,
    "rpn_bg_iou_thresh": 0.3,
    "rpn_batch_size_per_image": 256,
    "rpn_positive_fraction": 0.5,
    "rpn_score_thresh": 0.0,
    "box_fg_iou_thresh": 0.5,
    "box_bg_iou_thresh": 0.5,
    "box_positive_fraction": 0.25,
}


@dataclass(frozen=True, slots=True)
class Framework:
    """One of the detectors, as TerraTorch builds it."""

    #: Side in pixels of the smallest anchors, whatever stride a level has.
    anchors: tuple[int, ...]
    heads: str
    #: The detector's own thresholds and limit.
    score: float
    iou: float
    most: int
    #: How names of their arguments begin.
    prefix: str = ""
    #: Arguments that have one value here, which is torchvision's.
    fixed: Mapping[str, float] | None = None
    #: Levels that regions are read from. None: there are no regions.
    pooled: int | None = None

    @property
    def has_background(self) -> bool:
        """Whether one of its classes is the background, the first one."""
        return self.pooled is not None


_SIDES, _ANCHORS = (8, 16, 32, 64, 128, 256), (32, 64, 128, 256, 512)
FRAMEWORKS: Mapping[str, Framework] = {
    "faster-rcnn": Framework(_ANCHORS, "v1", 0.05, 0.5, 100, "box_", _OF_REGIONS, 4),
    "mask-rcnn": Framework(_ANCHORS, "v2_coarse", 0.05, 0.5, 100, "box_", _OF_REGIONS, 4),
    "retinanet": Framework(
        (16, *_ANCHORS), "v2", 0.05, 0.5, 300, "", {"fg_iou_thresh": 0.5, "bg_iou_thresh": 0.4, "topk_candidates": 1000}
    ),
    "fcos": Framework(_SIDES, "v1", 0.2, 0.6, 100, "", {"center_sampling_radius": 1.5, "topk_candidates": 1000}),
}
#: Detectors of other kinds, which are not built here.
TRANSFORMERS = ("detr", "deformable-detr", "rf-detr")
#: Arguments of torchvision that resize images, which TerraTorch takes out again.
_OF_RESIZING = ("min_size", "max_size", "size_divisible", "fixed_size")
#: Options that are stated only where they differ from what they are without being stated.
_UNSAID: Words = {"heads": "v1", "iou_threshold": 0.5, "most": 100}


def read_detector(task: Stated, arguments: Stated, chain: Chain) -> Words:
    """Return the factory of a detector.

    Args:
        task: The arguments of the task.
        arguments: Of the model.
        chain: Encoder and necks.
    """
    name = arguments.text("framework") or ""
    options = {key for key in arguments.keys() if key.startswith("framework_")}  # noqa: SIM118 - it is no mapping
    arguments.take("in_channels")
    for key in ("boxes_field", "labels_field", "masks_field"):
        task.take(key)
    if name not in FRAMEWORKS:
        _refuse(arguments, name)
        for key in options:
            arguments.take(key)
        return {}
    found = FRAMEWORKS[name]
    words: Words = {"heads": found.heads, "anchors": _anchors(arguments, name, found, chain)}
    words |= _limits(task, arguments, found)
    for key in sorted(options):
        _option(arguments, key, found)
    stated = {key: value for key, value in words.items() if value is not None and value != _UNSAID.get(key)}
    return {"name": "object_detection", "framework": name, **stated}


def _refuse(arguments: Stated, name: str) -> None:
    known = list(FRAMEWORKS)
    what = f"'{name}' is none of {known}.{did_you_mean(name, known)}"
    if not name:
        what = f"none is named, and TerraTorch fails without one: name one of {known}"
    elif name in TRANSFORMERS:
        what = f"'{name}' asks a transformer for objects, which is not built here: take one of {known}"
    arguments.refuse("framework", what)


def _anchors(arguments: Stated, name: str, found: Framework, chain: Chain) -> list[int] | None:
    """Return the side of the anchors of each level; TerraTorch has a list from which it takes as many as are needed."""
    if not chain.necks or chain.necks[-1]["name"] != "fpn":
        arguments.refuse(
            "necks",
            "a detector reads what a 'FeaturePyramidNetworkNeck' gives, and TerraTorch fails without it: add "
            "one as the last neck",
        )
        return None
    indices = chain.encoder.get("out_indices")
    levels = chain.flow.levels or (len(indices) if isinstance(indices, list) else None)
    if levels is None:
        arguments.refuse(
            "necks",
            "TerraTorch takes as many sizes of anchors as there are levels, and nothing says how many: choose levels "
            "by 'SelectIndices' before all other necks, or by 'backbone_out_indices'",
        )
        return None
    if levels > len(found.anchors):
        arguments.refuse("necks", f"'{name}' takes {len(found.anchors)} levels at most, and gets {levels}")
    if found.pooled is not None and levels > found.pooled:
        arguments.change(
            "necks",
            f"regions are read from all {levels} levels, and not from the first {found.pooled} alone",
            "model.factory",
            alters=True,
        )
    return list(found.anchors[:levels])


def _limits(task: Stated, arguments: Stated, found: Framework) -> Words:
    """Return which objects are passed on: first the detector leaves out some, then the task, whatever their classes."""
    own = {
        what: arguments.number(f"framework_{found.prefix}{what}")
        for what in ("score_thresh", "nms_thresh", "detections_per_img", "batch_size_per_image")
        if what != "batch_size_per_image" or found.prefix
    }
    score, iou = task.number("score_threshold"), task.number("iou_threshold")
    if score is None:
        task.change(
            "score_threshold",
            f"what the task has where nobody says it: objects of {USUAL} and less are left out, of scores as of "
            "predictions. COCO's scores take all: then write 0.05",
            "model.factory",
        )
    least = found.score if own["score_thresh"] is None else own["score_thresh"]
    most, regions = own["detections_per_img"] or found.most, own.get("batch_size_per_image")
    return {
        "score_threshold": max(least, USUAL if score is None else score),
        "iou_threshold": found.iou if own["nms_thresh"] is None else own["nms_thresh"],
        "iou_across_classes": USUAL if iou is None else iou,
        "most": int(most),
        "regions": None if regions is None else int(regions),
    }


def _option(arguments: Stated, key: str, found: Framework) -> None:
    """Take an argument of torchvision's detector: one that is read, one that says nothing, or one that is refused."""
    plain = key.removeprefix("framework_")
    read = [f"{found.prefix}{what}" for what in ("score_thresh", "nms_thresh", "detections_per_img")]
    read += ["box_batch_size_per_image"] if found.prefix else []
    fixed = found.fixed or {}
    if plain in read:
        return
    if plain in _OF_RESIZING:
        arguments.pass_over(key, "TerraTorch takes it, and does not resize images all the same")
    elif plain in fixed:
        if arguments.number(key) != fixed[plain]:
            arguments.refuse(key, f"it is {fixed[plain]:g} here, as torchvision has it: leave it out")
    else:
        known = [*read, *fixed]
        arguments.refuse(key, f"no option of a detector here.{did_you_mean(plain, known)} Leave it out")
