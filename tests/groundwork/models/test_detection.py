"""Detectors over any encoder."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from groundwork.bundle import build_factory
from groundwork.config.model import ModelConfig
from groundwork.models.detection import DetectionModel
from groundwork.specs import RasterSpec, SpecError, TargetSpec

FRAMEWORKS = ["faster-rcnn", "mask-rcnn", "retinanet", "fcos"]
RESNET = {"name": "timm", "model": "test_resnet", "out_indices": [1, 2, 3, 4]}
FPN = [{"name": "fpn", "channels": 32}]


def build(raster: RasterSpec, target: TargetSpec, factory: dict[str, Any], **words: Any) -> DetectionModel:
    plain: dict[str, Any] = {"encoder": RESNET, "necks": FPN}
    config = ModelConfig.model_validate({"factory": {"name": "object_detection", **factory}, **plain, **words})
    objects = target.model_copy(update={"per": "object"})
    model = build_factory(config).build_model(config, {"optical": raster}, objects)
    assert isinstance(model, DetectionModel)
    return model


def objects() -> list[dict[str, Tensor]]:
    masks = torch.zeros(1, 70, 90)
    masks[:, 10:40, 20:60] = 1
    one = {"boxes": torch.tensor([[20.0, 10.0, 60.0, 40.0]]), "labels": torch.tensor([1]), "masks": masks}
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long(), "masks": torch.zeros(0, 70, 90)}
    return [one, nothing]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_detectors_learn_and_answer(framework: str, raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target, {"framework": framework, "score_threshold": 0.0, "most": 5})
    image = torch.randn(2, 3, 70, 90)
    given = model.train()(image, objects=objects())
    assert given.output.shape == (2, 0, 6)
    total = torch.stack(list(given.losses.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.body.encoder.parameters())
    found = model.eval()(image)
    assert found.output.shape[0] == 2
    assert found.output.shape[1] <= 5
    boxes, scores, labels = found.output[..., :4], found.output[..., 4], found.output[..., 5]
    assert boxes.min() >= 0
    assert boxes[..., [0, 2]].max() <= 90
    assert boxes[..., [1, 3]].max() <= 70
    assert scores.min() >= 0
    assert set(labels[scores > 0].tolist()) <= {0.0, 1.0}
    assert ("masks" in found.auxiliary) == (framework == "mask-rcnn")
    if framework == "mask-rcnn":
        assert found.auxiliary["masks"].shape == (2, found.output.shape[1], 70, 90)


class Recorder(nn.Module):
    """Stands for torchvision's detector: keeps what it is given, and finds one box."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Any] = []

    def forward(self, images: list[Tensor], objects: list[dict[str, Tensor]] | None = None) -> Any:
        self.given = [images, objects]
        boxes, scores, labels = torch.tensor([[33.0, 17.0, 200.0, 47.0]]), torch.tensor([0.5]), torch.tensor([2])
        found = {"boxes": boxes, "scores": scores, "labels": labels}
        return {} if objects else [found, {key: value[:0] for key, value in found.items()}]


def test_boxes_are_in_pixels_of_the_image_not_of_the_padded_one(raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target, {"framework": "mask-rcnn"})
    model.detector = recorder = Recorder()
    image = torch.randn(2, 3, 70, 90)
    # 70 x 90 grows to 96 x 96: 13 rows above, 3 columns to the left.
    found = model.eval()(image).output
    assert recorder.given[0][0].shape == (3, 96, 96)
    torch.testing.assert_close(recorder.given[0][0][:, 13:83, 3:93], image[0])
    assert found[0].tolist() == [[30.0, 4.0, 90.0, 34.0, 0.5, 1.0]]
    assert found[1].tolist() == [[0.0] * 6]
    model.train()(image, objects=objects())
    told = recorder.given[1][0]
    assert told["boxes"].tolist() == [[23.0, 23.0, 63.0, 53.0]]
    assert told["labels"].tolist() == [2]
    assert told["masks"].shape == (1, 96, 96)
    assert told["masks"][0, 23:53, 23:63].all()
    assert told["masks"].sum() == 30 * 40


def test_auto_necks_end_with_fpn(raster: RasterSpec, target: TargetSpec) -> None:
    config = ModelConfig.model_validate(
        {"factory": "object_detection", "encoder": {"name": "timm", "model": "test_vit"}, "necks": "auto"}
    )
    resolved = build_factory(config).resolve(config, {"optical": raster}, target)
    assert [neck.name for neck in resolved.necks][-2:] == ["pyramid", "fpn"]


def test_parts_freeze_apart(raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target, {})
    model.freeze_encoder()
    inside = {id(parameter) for parameter in model.body.encoder.parameters()}
    assert all(p.requires_grad == (id(p) not in inside) for p in model.parameters())
    model.freeze_decoder()
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.train().training
    assert not any(part.training for part in model.body.modules())


def test_what_does_not_fit_is_refused(raster: RasterSpec, target: TargetSpec) -> None:
    with pytest.raises(SpecError, match=r"needs levels of one number of channels.*Put an 'fpn' neck"):
        build(raster, target, {}, necks=[])
    with pytest.raises(ValueError, match=r"learns from 'objects'"):
        build(raster, target, {}).train()(torch.zeros(1, 3, 64, 64))
    config = ModelConfig.model_validate({"factory": "object_detection", "encoder": RESNET, "necks": FPN})
    with pytest.raises(SpecError, match=r"per: object"):
        build_factory(config).build_model(config, {"optical": raster}, target)
