"""torchvision's detectors, from feature maps on.

Their own ``forward`` is left out, as it resizes images: to 800 pixels in evaluation, whatever the model was trained on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log2
from typing import TypeAlias

from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import initLevelMapper

#: ``boxes`` (objects, 4): left, top, right and bottom in pixels; ``labels`` (objects,); where asked for ``masks``.
Objects: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a detector gives for a batch: objects in evaluation, losses in training."""

    #: For each image ``boxes``, ``labels``, ``scores`` (objects,), and of mask-rcnn ``masks`` (objects, 1, side,
    #: side): the chance of each cell of the box.
    found: Sequence[Objects] = ()
    losses: dict[str, Tensor] = field(default_factory=dict)


class Detector(nn.Module, ABC):
    """Finds objects in feature maps.

    Weights stay in single precision, and boxes are computed in it: half precision cannot tell pixel 257 from 258.
    """

    #: The detector's label of the first class: where the background is a class of its own, that is 0.
    first_label: int
    #: Whether training takes ``masks`` of the objects.
    has_masks: bool = False
    #: Names of the losses that it gives in training.
    losses: tuple[str, ...] = ()

    @abstractmethod
    def forward(self, maps: Sequence[Tensor], size: tuple[int, int], objects: Sequence[Objects] = ()) -> Answer:
        """Find objects, or in training give the losses of finding them.

        Args:
            maps: (batch, channels, size / stride) of each level, from the finest.
            size: Height and width of the images that the maps were made of; the pixels that boxes are in.
            objects: In training, of each image.
        """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Detector:
        def keep_precision(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        super()._apply(keep_precision, recurse)  # type: ignore[no-untyped-call]
        return self


class TwoStageDetector(Detector):
    """Proposes regions, then says what each holds: Faster R-CNN and Mask R-CNN.

    Args:
        network: Its region proposals and its heads are taken over.
        strides: Of the levels, in pixels.
    """

    first_label = 1

    def __init__(self, network: FasterRCNN, strides: Sequence[float]) -> None:
        super().__init__()
        self.rpn = network.rpn
        self.roi_heads = network.roi_heads
        self.has_masks = bool(self.roi_heads.has_mask())
        for pool in (self.roi_heads.box_roi_pool, self.roi_heads.mask_roi_pool):
            if pool is not None:
                _set_scales(pool, strides)
        # Boxes take the precision of what these give, which automatic half precision lowers.
        self.rpn.head.register_forward_hook(_raise_precision)
        self.roi_heads.box_predictor.register_forward_hook(_raise_precision)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int], objects: Sequence[Objects] = ()) -> Answer:
        """Find objects. See :class:`Detector`."""
        named = {str(index): level.float() for index, level in enumerate(maps)}
        given = [dict(entry) for entry in objects] if self.training else None
        images = _images(maps, size)
        proposals, losses = self.rpn(images, named, given)
        found, more = self.roi_heads(named, proposals, images.image_sizes, given)
        return Answer(found, {**losses, **more})


class OneStageDetector(Detector):
    """Says for each place of each level what lies there: RetinaNet and FCOS.

    Args:
        network: Its head, its anchors and its matching are taken over.
    """

    first_label = 0

    def __init__(self, network: RetinaNet | FCOS) -> None:
        super().__init__()
        self.network = network

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int], objects: Sequence[Objects] = ()) -> Answer:
        """Find objects. See :class:`Detector`."""
        network = self.network
        maps = [level.float() for level in maps]
        given = {name: value.float() for name, value in network.head(maps).items()}
        images = _images(maps, size)
        anchors = network.anchor_generator(images, maps)
        per_place = network.anchor_generator.num_anchors_per_location()[0]
        counts = [level.shape[-2] * level.shape[-1] * per_place for level in maps]
        if self.training:
            more = (counts,) if isinstance(network, FCOS) else ()
            return Answer(losses=network.compute_loss(list(objects), given, anchors, *more))
        by_level = {name: list(value.split(counts, dim=1)) for name, value in given.items()}
        apart = [list(boxes.split(counts)) for boxes in anchors]
        return Answer(network.postprocess_detections(by_level, apart, images.image_sizes))


def _set_scales(pool: MultiScaleRoIAlign, strides: Sequence[float]) -> None:
    """State the scales of the levels, which torchvision would guess from the first image, as powers of two."""
    finest = round(log2(strides[0]))
    pool.scales = [1 / stride for stride in strides]
    pool.map_levels = initLevelMapper(finest, finest + len(strides) - 1)


def _images(maps: Sequence[Tensor], size: tuple[int, int]) -> ImageList:
    """Return the images as torchvision's parts take them, who only ask for their sizes."""
    return ImageList(maps[0].new_empty(len(maps[0]), 0, *size), [size] * len(maps[0]))


def _raise_precision(
    _: nn.Module, __: object, given: tuple[Tensor | list[Tensor], ...]
) -> tuple[Tensor | list[Tensor], ...]:
    return tuple(part.float() if isinstance(part, Tensor) else [level.float() for level in part] for part in given)
