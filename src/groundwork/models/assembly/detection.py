"""Find objects: torchvision's detectors over any encoder with an FPN neck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from groundwork.batch import Images
from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.detector_networks import (
    Design,
    Framework,
    Heads,
    Limits,
    build_detector,
    check_design,
    outline_cells,
)
from groundwork.models.assembly.encoder_model import EncoderModel, FeatureExtractor
from groundwork.models.assembly.extractor import build_extractor, refuse_parts, resolve_necks, set_encoder_statistics
from groundwork.models.assembly.objects import check_objects, from_padded, keep_best, stack_objects, to_padded
from groundwork.models.assembly.raster_model import Prepared
from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.features.padding import pad_with_nothing
from groundwork.models.interface import ModelFactory, ModelOutput, Stage
from groundwork.specs import FeatureSpec, RasterSpec, TargetSpec


class DetectionModel(EncoderModel):
    """Sends an image through encoder and necks, and finds the objects in it.

    In evaluation ``output`` is (batch, most, 6): left, top, right and bottom in pixels of the image, score, and class
    index; images with fewer objects than another are filled up with rows of score 0. Of mask-rcnn the chances of the
    cells of each box stand behind, (batch, most, 6 + 784), or 6 + 196: see :mod:`groundwork.targets.object_masks`. In
    training ``losses`` holds the detector's own, and ``output`` no row.

    Args:
        extractor: Encoder and necks; its levels have one number of channels, and strides that double.
        target: The classes.
        design: Which detector, and which of its objects are passed on.
        iou_across_classes: Of two boxes of any classes that overlap by more than this, the one of the lower score is
            left out. None: boxes of other classes may lie upon each other.

    Raises:
        SpecError: For levels of several numbers of channels, or whose strides do not double.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        target: TargetSpec,
        design: Design,
        *,
        iou_across_classes: float | None = None,
    ) -> None:
        super().__init__(extractor)
        _check_levels(extractor.features)
        self.detector = build_detector(design, extractor.features.levels, target.num_outputs)
        self._iou_across_classes = iou_across_classes
        self._num_classes = target.num_outputs

    def stages(self) -> list[Stage]:
        """Return the stages that images pass. See :class:`groundwork.models.interface.Model`."""
        return [*super().stages(), Stage("detector", self.detector, "objects")]

    def train(self, mode: bool = True) -> DetectionModel:
        """Switch to training or evaluation; frozen parts stay in evaluation."""
        super().train(mode)
        # These ask their own mode whether to give losses or objects, so it follows the model's also where they are
        # frozen. What would change without a gradient, as batch norms do, lies deeper, and stays in evaluation.
        for part in (self.detector, *self.detector.children()):
            part.training = mode
        return self

    def forward(self, images: Images, objects: Sequence[Mapping[str, Tensor]] | None = None) -> ModelOutput:
        """Find objects, or give the losses of finding them. See :class:`groundwork.models.interface.Model`.

        Args:
            images: Of all sources.
            objects: For training, for each image: ``boxes`` (objects, 4) in pixels, ``labels`` (objects,) class
                indexes, and for mask-rcnn ``masks`` (objects, height, width). Images may have none: (0, 4), (0,).

        Raises:
            ValueError: For images that are not what the model was built for; in training, without objects, and for
                objects outside the image, without extent or of no class.
        """
        if self.training and objects is None:
            raise ValueError(
                "A detector learns from 'objects', boxes and labels of each image; it was given none. To find objects "
                "call 'eval()' first"
            )
        return self.run(self.prepare(images), objects)

    def run(self, prepared: Prepared, objects: Sequence[Mapping[str, Tensor]] | None = None) -> ModelOutput:
        """See :meth:`forward`."""
        features = self.extract(prepared)
        size, padded, first_label = prepared.size, prepared.padded, self.detector.first_label
        if self.training and objects is not None:
            has_masks = self.detector.has_masks
            check_objects(objects, len(features.maps[0]), size, num_classes=self._num_classes, has_masks=has_masks)
            moved = [to_padded(entry, size, padded) for entry in objects]
            told = [entry | {"labels": entry["labels"] + first_label} for entry in moved]
            losses = self.detector(features.maps, padded, told).losses
            return ModelOutput(features.maps[0].new_zeros(len(told), 0, 6), losses=losses)
        best = [keep_best(entry, self._iou_across_classes) for entry in self.detector(features.maps, padded).found]
        found = [from_padded(entry, size, padded) for entry in best]
        return ModelOutput(stack_objects([entry | {"labels": entry["labels"] - first_label} for entry in found]))

    def undecided(self, images: Images) -> Tensor:
        """Give the levels that the detector looks at, one after the other. See :class:`RasterModel`."""
        return torch.cat([level.flatten() for level in self.extract(self.prepare(images)).maps])

    def pad(self, image: Tensor) -> Tensor:
        """Pad with nothing, not with a mirror image, whose objects nobody has drawn boxes for."""
        # Measured with retinanet on squares in images of 70 pixels, padded to 96, that it was trained on: 33 of 64
        # found and 81 false ones where padding mirrors, 63 and none where it holds nothing.
        height, width = image.shape[-2:]
        multiple = self.sizes.multiple
        return pad_with_nothing(image, (height + -height % multiple, width + -width % multiple))


class ObjectDetectionModelFactory(ModelFactory):
    """Builds encoder -> necks -> detector. The necks end with ``fpn``; the target is one ``per: object``.

    Args:
        framework: Which detector (https://arxiv.org/abs/1506.01497, https://arxiv.org/abs/1703.06870,
            https://arxiv.org/abs/1708.02002, https://arxiv.org/abs/1904.01355).
        score_threshold: Objects below this score are left out.
        iou_threshold: Of two boxes of a class that overlap by more than this, the one of the lower score is left out.
        most: Most objects per image.
        regions: Regions of each image that faster-rcnn and mask-rcnn learn from, a quarter of them of objects. Masks
            of small chips are learnt several times quicker from fewer.
        anchors: Side in pixels of the smallest anchors of each level, from the finest; of fcos, which has none, the
            length that its boxes are measured in. None: eight strides of the level, of retinanet four, of fcos one.
        heads: torchvision's first heads, or those of its second versions, which have more convolutions and norms.
            v2_coarse: of mask-rcnn, these with outlines of 14 cells along each side of a box in place of 28.
        iou_across_classes: Of two boxes of any classes that overlap by more than this, the one of the lower score is
            left out, where an object is of one class alone. None: boxes of other classes may lie upon each other.
    """

    def __init__(
        self,
        *,
        framework: Framework = "faster-rcnn",
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        most: int = 100,
        regions: int = 512,
        anchors: tuple[float, ...] | None = None,
        heads: Heads = "v1",
        iou_across_classes: float | None = None,
    ) -> None:
        thresholds = {"score_threshold": score_threshold, "iou_threshold": iou_threshold}
        for name, value in {**thresholds, "iou_across_classes": iou_across_classes}.items():
            if value is not None and not 0 <= value <= 1:
                raise ComponentError(f"'{name}' is {value:g}; it is a threshold from 0 to 1")
        if most < 1:
            raise ComponentError(f"'most' is {most}; of an image, 1 object or more is passed on")
        if regions < 4:
            raise ComponentError(f"'regions' is {regions}; a quarter of them are of objects: give 4 or more")
        limits = Limits(score_threshold, iou_threshold, most, regions)
        self._design = Design(framework, limits, anchors, heads)
        check_design(self._design)
        self._iou_across_classes = iou_across_classes

    @property
    def outline_cells(self) -> int:
        """See :class:`ModelFactory`."""
        return outline_cells(self._design)

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
        extractor = build_extractor(self.resolve(config, inputs, target), inputs)
        model = DetectionModel(extractor, target, self._design, iou_across_classes=self._iou_across_classes)
        set_encoder_statistics(model, extractor, config)
        return model


def _check_levels(features: FeatureSpec) -> None:
    if len({level.channels for level in features.levels}) > 1:
        raise SpecError(
            f"'object_detection' needs levels of one number of channels, got {features}. Put an 'fpn' neck before it"
        )
    check_fit("object_detection", Needs(ratio=2), features)
