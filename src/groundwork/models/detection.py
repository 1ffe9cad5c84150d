"""Find objects: torchvision's detectors over any encoder with an FPN neck."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection import FCOS, FasterRCNN, MaskRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign

from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.models.assembly import Trunk
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.loading import LoadReport
from groundwork.models.expectations import statistics_of
from groundwork.models.freezing import freeze, keep_frozen_in_eval
from groundwork.models.interface import Images, Model, ModelFactory, ModelOutput
from groundwork.models.needs import Needs
from groundwork.models.padding import crop_center, pad_symmetric
from groundwork.models.standardise import Standardise
from groundwork.models.trunk import build_trunk, refuse_parts, resolve_necks
from groundwork.models.whole.model import only_source
from groundwork.registry import ComponentError
from groundwork.specs import RasterSpec, SpecError, TargetSpec

Framework = Literal["faster-rcnn", "mask-rcnn", "retinanet", "fcos"]


class DetectionModel(Model):
    """Standardises and pads an image, and finds the objects in it.

    In evaluation ``output`` is (batch, most, 6): left, top, right and bottom in pixels of the image, score, and class
    index; images with fewer objects than another are filled up with rows of score 0. ``auxiliary["masks"]`` of
    mask-rcnn is (batch, most, height, width), the chance of each pixel. In training ``losses`` holds the detector's
    own, and ``output`` no row.

    Args:
        trunk: Encoder and necks; its levels have one number of channels.
        target: The classes.
        framework: Which detector (https://arxiv.org/abs/1506.01497, https://arxiv.org/abs/1703.06870,
            https://arxiv.org/abs/1708.02002, https://arxiv.org/abs/1904.01355).
        score_threshold: Objects below this score are left out.
        iou_threshold: Of two boxes of a class that overlap by more than this, the one of the lower score is left out.
        most: Most objects per image.

    Raises:
        SpecError: For levels of several numbers of channels, several sources, or an encoder that uses coordinates.
    """

    def __init__(
        self,
        trunk: Trunk,
        target: TargetSpec,
        *,
        framework: Framework = "faster-rcnn",
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        most: int = 100,
    ) -> None:
        super().__init__()
        raster = only_source(trunk.inputs, "object_detection")
        if not isinstance(trunk.encoder, Encoder) or trunk.encoder.coordinates:
            raise SpecError("'object_detection' takes an encoder of one source, and no 'coordinates'")
        body = _Body(trunk)
        self.standardise = Standardise(raster.num_channels)
        if framework == "fcos" and body.out_channels % 32:
            raise SpecError(f"'fcos' needs levels whose channels are a multiple of 32, got {trunk.features}")
        limits = (score_threshold, iou_threshold, most)
        # Detectors of two stages have a class of their own for the background; those of one stage have none.
        self._first_label = 1 if framework in {"faster-rcnn", "mask-rcnn"} else 0
        num_classes = target.num_outputs + self._first_label
        self.detector = _build_detector(framework, body, num_classes, raster.num_channels, limits)
        self.size_multiple = max(trunk.encoder.size_multiple, *(level.stride for level in trunk.features.levels))
        # Held once more, outside the registered modules: torchvision's own name for it says nothing here.
        self._held = (body,)

    @property
    def body(self) -> _Body:
        """Encoder and necks: from standardised images to named maps."""
        return self._held[0]

    def set_statistics(self, mean: Sequence[float], std: Sequence[float], source: str | None = None) -> None:  # noqa: ARG002
        """Set what raw values are standardised by. See :class:`Model`."""
        self.standardise.set_statistics(mean, std)

    def pretraining(self) -> list[LoadReport]:
        """Return what became of the encoder's published weights. See :class:`Model`."""
        loaded = self.body.encoder.loaded
        return [loaded] if isinstance(loaded, LoadReport) else []

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is. See :class:`Model`."""
        freeze(self.body.encoder)

    def freeze_decoder(self) -> None:
        """Keep necks and detector as they are. See :class:`Model`."""
        encoder = {id(parameter) for parameter in self.body.encoder.parameters()}
        for parameter in self.detector.parameters():
            if id(parameter) not in encoder:
                parameter.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> DetectionModel:
        """Switch to training or evaluation; frozen parts stay in evaluation."""
        super().train(mode)
        # The detector itself asks its mode whether it is given objects to learn from.
        keep_frozen_in_eval(*self.detector.children())
        return self

    def forward(
        self,
        image: Images,
        valid: Images | None = None,
        temporal_coords: Tensor | None = None,  # noqa: ARG002 - the interface of all models
        location_coords: Tensor | None = None,  # noqa: ARG002
        objects: Sequence[Mapping[str, Tensor]] | None = None,
    ) -> ModelOutput:
        """Find objects, or give the losses of finding them. See :class:`Model`.

        Args:
            image: (batch, channels, height, width).
            valid: (batch, height, width), true where the image holds data.
            temporal_coords: Not used.
            location_coords: Not used.
            objects: For training, for each image: ``boxes`` (objects, 4) in pixels, ``labels`` (objects,) class
                indexes, and for mask-rcnn ``masks`` (objects, height, width).

        Raises:
            ValueError: In training, without objects.
        """
        if not isinstance(image, Tensor) or isinstance(valid, dict):
            raise ValueError("The model sees one source; give its image as one tensor")  # noqa: TRY004
        padded = pad_symmetric(self.standardise(image, valid), self.size_multiple)
        size = (image.shape[-2], image.shape[-1])
        shift = ((padded.shape[-1] - size[1]) // 2, (padded.shape[-2] - size[0]) // 2)
        if not self.training:
            return _stack(self.detector(list(padded)), shift, size, self._first_label)
        if objects is None:
            raise ValueError("A detector learns from 'objects': boxes and labels of each image")
        grown = (padded.shape[-2], padded.shape[-1])
        moved = [_move(entry, shift, grown, self._first_label) for entry in objects]
        return ModelOutput(image.new_zeros(len(image), 0, 6), losses=self.detector(list(padded), moved))


class ObjectDetectionModelFactory(ModelFactory):
    """Builds encoder -> necks -> detector. The necks end with ``fpn``; the target is one ``per: object``.

    Args:
        framework: Which detector.
        score_threshold: Objects below this score are left out.
        iou_threshold: Of two boxes of a class that overlap by more than this, the one of the lower score is left out.
        most: Most objects per image.
    """

    def __init__(
        self,
        *,
        framework: Framework = "faster-rcnn",
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        most: int = 100,
    ) -> None:
        if most < 1 or not 0 <= score_threshold <= 1 or not 0 <= iou_threshold <= 1:
            raise ComponentError("'most' must be at least 1, and both thresholds from 0 to 1")
        self._framework: Framework = framework
        self._score = score_threshold
        self._iou = iou_threshold
        self._most = most

    def resolve(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ModelConfig:  # noqa: ARG002
        """Write out the necks. See :class:`ModelFactory`."""
        if config.necks != "auto":
            return config
        resolved = resolve_necks(config, inputs, Needs(least=2, ratio=2))
        assert isinstance(resolved.necks, tuple)  # noqa: S101 - "auto" was written out
        return resolved.model_copy(update={"necks": (*resolved.necks, ComponentConfig(name="fpn"))})

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> DetectionModel:
        """Build the model. See :class:`ModelFactory`."""
        refuse_parts(config, "object_detection", ("decoder", "head", "auxiliary"))
        if target.per != "object" or not target.classes:
            raise SpecError("The factory 'object_detection' finds classes of objects: set the target's 'per: object'")
        trunk = build_trunk(self.resolve(config, inputs, target), inputs)
        model = DetectionModel(
            trunk,
            target,
            framework=self._framework,
            score_threshold=self._score,
            iou_threshold=self._iou,
            most=self._most,
        )
        if config.standardise == "from_encoder" and isinstance(trunk.encoder, Encoder):
            model.set_statistics(*statistics_of(trunk.encoder.info, next(iter(inputs.values()))))
        return model


class _Body(nn.Module):
    """Encoder and necks as torchvision's detectors take them: named maps of one number of channels."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        levels = trunk.features.levels
        widths = {level.channels for level in levels}
        if len(widths) > 1 or trunk.encoder.out.vector is not None:
            raise SpecError(
                f"'object_detection' needs levels of one number of channels, got {trunk.features}. Put an 'fpn' neck "
                "before it, and leave the encoder's 'vector' off"
            )
        self.encoder = trunk.encoder
        self.necks = nn.ModuleList(trunk.necks)
        self.out_channels = widths.pop()
        self.strides = tuple(level.stride for level in levels)

    def forward(self, image: Tensor) -> OrderedDict[str, Tensor]:
        maps = self.encoder(image)
        for neck in self.necks:
            maps = neck(maps)
        return OrderedDict((str(index), level) for index, level in enumerate(maps))


def _build_detector(
    framework: Framework, body: _Body, num_classes: int, num_channels: int, limits: tuple[float, float, int]
) -> nn.Module:
    # Values are standardised and sizes settled before: torchvision must do neither.
    options: dict[str, Any] = {
        "image_mean": [0.0] * num_channels,
        "image_std": [1.0] * num_channels,
        "size_divisible": 1,
        "_skip_resize": True,
    }
    score, iou, most = limits
    if framework in {"faster-rcnn", "mask-rcnn"}:
        anchors = AnchorGenerator(
            tuple((8 * stride,) for stride in body.strides), ((0.5, 1.0, 2.0),) * len(body.strides)
        )
        names = [str(index) for index in range(len(body.strides))]
        options |= {"rpn_anchor_generator": anchors, "box_roi_pool": MultiScaleRoIAlign(names, 7, 2)}
        options |= {"box_score_thresh": score, "box_nms_thresh": iou, "box_detections_per_img": most}
        if framework == "mask-rcnn":
            options["mask_roi_pool"] = MultiScaleRoIAlign(names, 14, 2)
        return cast("nn.Module", (MaskRCNN if framework == "mask-rcnn" else FasterRCNN)(body, num_classes, **options))
    options |= {"score_thresh": score, "nms_thresh": iou, "detections_per_img": most}
    if framework == "fcos":
        anchors = AnchorGenerator(tuple((stride,) for stride in body.strides), ((1.0,),) * len(body.strides))
        return cast("nn.Module", FCOS(body, num_classes, anchor_generator=anchors, **options))
    octaves = tuple(tuple(int(4 * stride * 2 ** (part / 3)) for part in range(3)) for stride in body.strides)
    anchors = AnchorGenerator(octaves, ((0.5, 1.0, 2.0),) * len(body.strides))
    return cast("nn.Module", RetinaNet(body, num_classes, anchor_generator=anchors, **options))


def _move(
    entry: Mapping[str, Tensor], shift: tuple[int, int], padded: tuple[int, int], first_label: int
) -> dict[str, Tensor]:
    """Bring objects of an image to the padded image, and class indexes to the detector's."""
    boxes = entry["boxes"].to(torch.float32) + torch.tensor([*shift, *shift], device=entry["boxes"].device)
    moved = {"boxes": boxes, "labels": entry["labels"].long() + first_label}
    if "masks" in entry:
        height, width = entry["masks"].shape[-2:]
        right, bottom = padded[1] - width - shift[0], padded[0] - height - shift[1]
        moved["masks"] = functional.pad(entry["masks"].to(torch.uint8), (shift[0], right, shift[1], bottom))
    return moved


def _stack(
    found: Sequence[Mapping[str, Tensor]], shift: tuple[int, int], size: tuple[int, int], first_label: int
) -> ModelOutput:
    """Bring what was found back to the image, with as many rows for each image."""
    most = max(len(entry["boxes"]) for entry in found)
    rows, masks = [], []
    for entry in found:
        boxes = entry["boxes"] - torch.tensor([*shift, *shift], device=entry["boxes"].device)
        limit = torch.tensor([size[1], size[0], size[1], size[0]], device=boxes.device)
        row = torch.cat(
            [
                boxes.clamp(min=0).minimum(limit),
                entry["scores"][:, None],
                entry["labels"][:, None] - float(first_label),
            ],
            dim=1,
        )
        rows.append(functional.pad(row, (0, 0, 0, most - len(row))))
        if "masks" in entry:
            mask = crop_center(entry["masks"][:, 0], size)
            masks.append(functional.pad(mask, (0, 0, 0, 0, 0, most - len(mask))))
    return ModelOutput(torch.stack(rows), {"masks": torch.stack(masks)} if masks else {})
