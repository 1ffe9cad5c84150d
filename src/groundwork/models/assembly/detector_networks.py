"""Build torchvision's detectors with fresh weights, for levels of any stride."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import nn
from torchvision.models.detection import FCOS, FasterRCNN, MaskRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, RPNHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops import MultiScaleRoIAlign

from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.detectors import OneStageDetector, TwoStageDetector
from groundwork.specs import FeatureLevel

Framework = Literal["faster-rcnn", "mask-rcnn", "retinanet", "fcos"]
#: torchvision's first heads, or those of its second versions (https://arxiv.org/abs/2111.11429), of mask-rcnn also with
#: outlines of 14 cells along each side in place of 28.
Heads = Literal["v1", "v2", "v2_coarse"]

#: Framework -> the losses that its detector gives in training, as torchvision calls them.
_REGIONS = ("loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg")
LOSSES: dict[Framework, tuple[str, ...]] = {
    "faster-rcnn": _REGIONS,
    "mask-rcnn": (*_REGIONS, "loss_mask"),
    "retinanet": ("classification", "bbox_regression"),
    "fcos": ("classification", "bbox_regression", "bbox_ctrness"),
}
#: Framework -> strides that the smallest anchors of a level are wide.
STRIDES_WIDE: dict[Framework, int] = {"faster-rcnn": 8, "mask-rcnn": 8, "retinanet": 4, "fcos": 1}
_RATIOS = (0.5, 1.0, 2.0)
_WIDTH, _DEPTH, _HIDDEN, _POOLED = 256, 4, 1024, 7


@dataclass(frozen=True, slots=True)
class Limits:
    """Which of the objects are passed on, and how many regions are learnt from."""

    #: Objects below this score are left out.
    score: float
    #: Of two boxes of a class that overlap by more than this, the one of the lower score is left out.
    iou: float
    #: Most objects per image.
    most: int
    #: Regions of each image that a detector of two stages learns from.
    regions: int = 512


@dataclass(frozen=True, slots=True)
class Design:
    """Which detector is built, whatever levels it is given."""

    framework: Framework
    limits: Limits
    #: Side in pixels of the smallest anchors of each level. None: so many strides as :data:`STRIDES_WIDE` says.
    anchors: tuple[float, ...] | None = None
    heads: Heads = "v1"


@dataclass(frozen=True, slots=True)
class _Levels:
    """What a detector is built for."""

    channels: int
    strides: tuple[float, ...]
    #: Side in pixels of the smallest anchors of each.
    anchors: tuple[float, ...]
    #: Without the background.
    num_classes: int


def build_detector(
    design: Design, levels: Sequence[FeatureLevel], num_classes: int
) -> OneStageDetector | TwoStageDetector:
    """Build a detector with fresh weights.

    Args:
        design: Which one.
        levels: Of one number of channels, each of twice the stride of the one before.
        num_classes: Without the background.

    Raises:
        SpecError: On channels that the detector's norms cannot share out, and for anchors of another number of levels.
    """
    framework = design.framework
    strides = tuple(float(level.stride) for level in levels)
    anchors = design.anchors or tuple(STRIDES_WIDE[framework] * stride for stride in strides)
    if len(anchors) != len(strides):
        raise SpecError(
            f"'anchors' states {len(anchors)} side(s), {list(anchors)}, for {len(strides)} level(s) with the strides "
            f"{list(strides)}: state one for each, from the finest"
        )
    given = _Levels(levels[0].channels, strides, anchors, num_classes)
    detector: OneStageDetector | TwoStageDetector
    if framework == "fcos":
        detector = OneStageDetector(_build_fcos(given, design.limits))
    elif framework == "retinanet":
        detector = OneStageDetector(_build_retinanet(given, design))
    else:
        detector = TwoStageDetector(_build_two_stage(given, design), strides)
    detector.losses = LOSSES[framework]
    return detector


def check_design(design: Design) -> None:
    """Refuse a detector that there is none of.

    Raises:
        ComponentError: With what is wrong, and what is expected.
    """
    if design.framework == "fcos" and design.heads != "v1":
        raise ComponentError("'fcos' has heads of one version alone: leave 'heads' out")
    if design.framework != "mask-rcnn" and design.heads == "v2_coarse":
        raise ComponentError(
            f"'heads: v2_coarse' says how fine outlines are, and '{design.framework}' has none: take v2"
        )
    if design.anchors is not None and not all(side > 0 for side in design.anchors):
        raise ComponentError(f"'anchors' are sides in pixels, above 0; found {list(design.anchors)}")


def outline_cells(design: Design) -> int:
    """Return the cells along each side of a box that say an outline; 0 of a detector that gives boxes alone."""
    return 2 * _cells_pooled(design.heads) if design.framework == "mask-rcnn" else 0


def _cells_pooled(heads: Heads) -> int:
    """Return the cells of a region that outlines are made of; a mask has twice as many along each side."""
    return _POOLED if heads == "v2_coarse" else 2 * _POOLED


class _Channels(nn.Module):
    """Stands for encoder and necks, of which torchvision's constructors ask the number of channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_channels = channels


def _require_shared(name: str, channels: int) -> None:
    if channels % 32:
        raise SpecError(
            f"{name} needs levels whose channels are a multiple of 32, got {channels}. Set 'channels' of the 'fpn'"
        )


def _build_fcos(given: _Levels, limits: Limits) -> FCOS:
    _require_shared("'fcos'", given.channels)
    anchors = AnchorGenerator(tuple((side,) for side in given.anchors), ((1.0,),) * len(given.anchors))
    # As torchvision makes them, but not rounded: it would leave those of odd strides too wide, and of stride 1 no box.
    halves = [torch.tensor([[-0.5, -0.5, 0.5, 0.5]], device="cpu") * side for side in given.anchors]
    anchors.cell_anchors = halves
    return FCOS(
        _Channels(given.channels),
        given.num_classes,
        anchor_generator=anchors,
        score_thresh=limits.score,
        nms_thresh=limits.iou,
        detections_per_img=limits.most,
    )


def _build_retinanet(given: _Levels, design: Design) -> RetinaNet:
    octaves = tuple(tuple(int(side * 2 ** (part / 3)) for part in range(3)) for side in given.anchors)
    anchors = AnchorGenerator(octaves, (_RATIOS,) * len(octaves))
    head = None
    if design.heads != "v1":
        _require_shared("'retinanet' with 'heads: v2'", given.channels)
        per_place = anchors.num_anchors_per_location()[0]
        head = RetinaNetHead(given.channels, per_place, given.num_classes, norm_layer=partial(nn.GroupNorm, 32))
    return RetinaNet(
        _Channels(given.channels),
        given.num_classes,
        anchor_generator=anchors,
        head=head,
        score_thresh=design.limits.score,
        nms_thresh=design.limits.iou,
        detections_per_img=design.limits.most,
    )


def _build_two_stage(given: _Levels, design: Design) -> FasterRCNN:
    has_masks, limits = design.framework == "mask-rcnn", design.limits
    names = [str(index) for index in range(len(given.strides))]
    anchors = AnchorGenerator(tuple((side,) for side in given.anchors), (_RATIOS,) * len(given.anchors))
    masks = {"mask_roi_pool": MultiScaleRoIAlign(names, _cells_pooled(design.heads), 2)} if has_masks else {}
    return (MaskRCNN if has_masks else FasterRCNN)(
        _Channels(given.channels),
        given.num_classes + TwoStageDetector.first_label,
        rpn_anchor_generator=anchors,
        box_roi_pool=MultiScaleRoIAlign(names, _POOLED, 2),
        box_score_thresh=limits.score,
        box_nms_thresh=limits.iou,
        box_detections_per_img=limits.most,
        box_batch_size_per_image=limits.regions,
        **masks,
        **(_second_heads(given.channels, anchors, has_masks=has_masks) if design.heads != "v1" else {}),
    )


def _second_heads(channels: int, anchors: AnchorGenerator, *, has_masks: bool) -> Mapping[str, nn.Module]:
    """Return the heads of torchvision's second versions, with more convolutions and batch norms."""
    widths = [_WIDTH] * _DEPTH
    masks = {"mask_head": MaskRCNNHeads(channels, widths, 1, norm_layer=nn.BatchNorm2d)} if has_masks else {}
    return {
        "rpn_head": RPNHead(channels, anchors.num_anchors_per_location()[0], conv_depth=2),
        "box_head": FastRCNNConvFCHead((channels, _POOLED, _POOLED), widths, [_HIDDEN], norm_layer=nn.BatchNorm2d),
        **masks,
    }
