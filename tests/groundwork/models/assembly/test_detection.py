"""Detectors over any encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from statistics import median
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import detection as detection_models
from torchvision.ops import box_iou

from asking import SOURCE, ask, one
from groundwork.batch import Images
from groundwork.bundle import build_factory
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.assembly.detection import DetectionModel
from groundwork.models.assembly.detectors import OneStageDetector, TwoStageDetector
from groundwork.models.assembly.objects import keep_best
from groundwork.models.encoders.prithvi.variants import VARIANTS as PRITHVI
from groundwork.models.encoders.prithvi.variants import PrithviVariant
from groundwork.models.encoders.terramind.variants import VARIANTS as TERRAMIND
from groundwork.models.encoders.terramind.variants import TerraMindVariant
from groundwork.models.without_memory import without_memory
from groundwork.specs import ClassSpec, RasterSpec, TargetSpec
from groundwork.targets.object_masks import cells_of, has_cells

FRAMEWORKS = ["faster-rcnn", "mask-rcnn", "retinanet", "fcos"]
RESNET = {"name": "timm", "model": "test_resnet", "out_indices": [1, 2, 3, 4]}
SMALL = RESNET | {"out_indices": [2, 3]}
FPN = [{"name": "fpn", "channels": 32}]
MakeRaster = Callable[..., RasterSpec]


def build(
    inputs: RasterSpec | dict[str, RasterSpec], target: TargetSpec, factory: dict[str, Any], **words: Any
) -> DetectionModel:
    plain: dict[str, Any] = {"encoder": RESNET, "necks": FPN}
    config = ModelConfig.model_validate({"factory": {"name": "object_detection", **factory}, **plain, **words})
    objects = target.model_copy(update={"per": "object"})
    inputs = one(inputs) if isinstance(inputs, RasterSpec) else inputs
    model = build_factory(config).build_model(config, inputs, objects)
    assert isinstance(model, DetectionModel)
    return model


def objects(height: int = 70, width: int = 90) -> list[dict[str, Tensor]]:
    masks = torch.zeros(1, height, width)
    masks[:, 10:40, 20:60] = 1
    one = {"boxes": torch.tensor([[20.0, 10.0, 60.0, 40.0]]), "labels": torch.tensor([1]), "masks": masks}
    return [one, nothing(height, width)]


def nothing(height: int, width: int) -> dict[str, Tensor]:
    return {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long(), "masks": torch.zeros(0, height, width)}


def squares(batch: int, height: int, width: int, num_classes: int = 2) -> tuple[Tensor, list[dict[str, Tensor]]]:
    """One square in each image, bright in the channel of its class."""
    image, told = 0.1 * torch.randn(batch, 3, height, width), []
    for index in range(batch):
        side = int(torch.randint(20, 33, ()))
        left, top = int(torch.randint(0, width - side + 1, ())), int(torch.randint(0, height - side + 1, ()))
        label = int(torch.randint(0, num_classes, ()))
        image[index, label, top : top + side, left : left + side] += 2
        mask = torch.zeros(1, height, width)
        mask[:, top : top + side, left : left + side] = 1
        box = torch.tensor([[left, top, left + side, top + side]]).float()
        told.append({"boxes": box, "labels": torch.tensor([label]), "masks": mask})
    return image, told


def sum_losses(model: DetectionModel, image: Any, told: list[dict[str, Tensor]], **more: Any) -> Tensor:
    losses = ask(model, image, objects=told, **more).losses
    assert losses
    return torch.stack(list(losses.values())).sum()


def learn(
    model: DetectionModel,
    steps: int,
    rate: float,
    num_classes: int = 2,
    sizes: Sequence[tuple[int, int]] = ((64, 64),),
) -> None:
    """Learn from images of each size in turn."""
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=rate)
    for step in range(steps):
        optimizer.zero_grad()
        sum_losses(model, *squares(4, *sizes[step % len(sizes)], num_classes)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()


def find_best(model: DetectionModel, height: int, width: int, num_classes: int = 2) -> tuple[list[float], list[bool]]:
    """Overlap of each square with the box of the highest score, and whether that has the square's class."""
    image, told = squares(16, height, width, num_classes)
    with torch.no_grad():
        best = ask(model.eval(), image).output[:, 0]
    overlaps = [float(box_iou(row[None, :4], entry["boxes"])) for row, entry in zip(best, told, strict=True)]
    return overlaps, [row[5] == entry["labels"][0] for row, entry in zip(best, told, strict=True)]


def has_gradient(part: nn.Module) -> bool:
    return any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in part.parameters())


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_detectors_learn_and_answer(framework: str, raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target, {"framework": framework, "score_threshold": 0.0, "most": 5})
    image = torch.randn(2, 3, 70, 90)
    given = ask(model.train(), image, objects=objects())
    assert given.output.shape == (2, 0, 6)
    total = torch.stack(list(given.losses.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert has_gradient(model.encoder)
    assert torch.isfinite(sum_losses(model, image, [nothing(70, 90)] * 2))
    found = ask(model.eval(), image)
    assert found.output.shape[0] == 2
    assert found.output.shape[1] <= 5
    boxes, scores, labels = found.output[..., :4], found.output[..., 4], found.output[..., 5]
    assert boxes.min() >= 0
    assert boxes[..., [0, 2]].max() <= 90
    assert boxes[..., [1, 3]].max() <= 70
    assert (boxes[..., :2] < boxes[..., 2:])[scores > 0].all()
    assert scores.min() >= 0
    assert set(labels[scores > 0].tolist()) <= {0.0, 1.0}
    assert has_cells(found.output) == (framework == "mask-rcnn")
    if framework == "mask-rcnn":
        cells = cells_of(found.output)
        assert cells.shape == (2, found.output.shape[1], 28, 28)
        assert ((cells >= 0) & (cells <= 1)).all()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_network_sees_the_same_size_in_training_and_evaluation(
    framework: str, raster: RasterSpec, target: TargetSpec
) -> None:
    model = build(raster, target, {"framework": framework}, encoder=SMALL)
    seen: list[tuple[int, ...]] = []
    model.encoder.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].values[SOURCE].shape[-2:])))
    for size, padded in (((64, 64), (64, 64)), ((100, 1500), (112, 1504)), ((61, 83), (64, 96)), ((20, 17), (32, 32))):
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            ask(model.train(), image, objects=[nothing(*size)])
            ask(model.eval(), image)
        assert seen == [padded, padded]
        seen.clear()


def test_padding_holds_no_mirrored_objects(raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target, {"framework": "fcos"})
    model.set_statistics([5.0] * 3, [2.0] * 3)
    seen: list[Tensor] = []
    model.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0].values[SOURCE]))
    image = torch.randn(1, 3, 70, 90)
    ask(model.eval(), image)
    # 70 x 90 grows to 96 x 96: 13 rows above, 3 columns to the left.
    torch.testing.assert_close(seen[0][:, :, 13:83, 3:93], (image - 5) / 2)
    seen[0][:, :, 13:83, 3:93] = 0
    assert not seen[0].any()


# Each framework that takes seconds to learn; mask-rcnn shares all but the masks with faster-rcnn, and takes a minute.
@pytest.mark.parametrize(
    ("framework", "steps", "rate"), [("fcos", 200, 3e-3), ("retinanet", 200, 1e-3), ("faster-rcnn", 60, 2e-3)]
)
def test_detectors_find_what_they_learned(
    framework: str, steps: int, rate: float, raster: RasterSpec, target: TargetSpec
) -> None:
    model = build(raster, target, {"framework": framework}, encoder=SMALL)
    # The second is padded to 80 x 96: boxes are found in its own pixels. Norms over the whole of an image, as fcos has
    # them, are learnt for its size.
    sizes = ((64, 64), (70, 90))
    learn(model, steps, rate, sizes=sizes)
    for size in sizes:
        overlaps, _ = find_best(model, *size)
        # Off by the 5 and 3 pixels by which the second is padded, half of the boxes would overlap by 0.55 at most.
        assert median(overlaps) > 0.6, overlaps


def test_one_class_is_found(raster: RasterSpec) -> None:
    ships = TargetSpec(per="object", classes=(ClassSpec(value=1, name="ship", color="#ff0000"),))
    model = build(raster, ships, {"framework": "fcos"}, encoder=SMALL)
    learn(model, 150, 3e-3, num_classes=1)
    overlaps, right = find_best(model, 64, 64, num_classes=1)
    assert sum(overlap > 0.5 for overlap in overlaps) >= 15, overlaps
    assert all(right)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_frozen_parts_stay_as_they_are_and_the_others_learn(
    framework: str, raster: RasterSpec, target: TargetSpec
) -> None:
    # A neck with batch norms, so that these would move.
    necks = [{"name": "bottleneck"}, *FPN]
    for freeze, frozen, learning in (
        ("freeze_decoder", ("necks", "detector"), ("encoder",)),
        ("freeze_encoder", ("encoder",), ("necks", "detector")),
    ):
        model = build(raster, target, {"framework": framework}, encoder=SMALL, necks=necks)
        getattr(model, freeze)()
        model.train()
        before = {name: {k: v.clone() for k, v in model.get_submodule(name).state_dict().items()} for name in frozen}
        sum_losses(model, torch.randn(2, 3, 70, 90), objects()).backward()
        assert all(has_gradient(model.get_submodule(name)) for name in learning)
        for name in frozen:
            part = model.get_submodule(name)
            assert not any(p.requires_grad or p.grad is not None for p in part.parameters())
            assert all(torch.equal(value, before[name][key]) for key, value in part.state_dict().items())
        assert not any(module.training for module in model.eval().modules())
    model.freeze_decoder()
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert sum_losses(model.train(), torch.randn(2, 3, 70, 90), objects()) > 0
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.Dropout)]
    assert norms
    assert not any(module.training for module in norms)


def test_freezing_while_training_keeps_the_losses(raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target, {}, encoder=SMALL).train()
    model.freeze_decoder()
    assert sum_losses(model, torch.randn(2, 3, 70, 90), objects()) > 0


def test_images_are_padded_to_what_every_level_takes(raster: RasterSpec, target: TargetSpec) -> None:
    vit = {"name": "timm", "model": "test_vit", "out_indices": [0, 1, 2, 3]}
    necks = [{"name": "maxpool_pyramid"}, {"name": "select", "indices": [0, 1]}, *FPN]
    model = build(raster, target, {"framework": "fcos"}, encoder=vit, necks=necks)
    assert model.sizes.multiple == 128
    image = torch.randn(2, 3, 60, 60)
    assert ask(model.eval(), image).output.shape[0] == 2
    assert torch.isfinite(sum_losses(model.train(), image, [objects(60, 60)[0], nothing(60, 60)]))


def test_several_steps_and_coordinates_reach_the_encoder(
    monkeypatch: pytest.MonkeyPatch, make_raster: MakeRaster, target: TargetSpec
) -> None:
    small = PrithviVariant(embed_dim=48, depth=2, num_heads=3, patch_size=16, learned_scale=True)
    monkeypatch.setitem(PRITHVI, "prithvi_eo_v2_tiny_tl", small)
    encoder = {"name": "prithvi_vit", "image_size": 32, "coordinates": ["time", "location"], "out_indices": [0, 1]}
    necks = [{"name": "pool_time"}, {"name": "pyramid"}, *FPN]
    model = build(make_raster(2, steps=2), target, {"framework": "retinanet"}, encoder=encoder, necks=necks)
    assert model.coordinates == {"time", "location"}
    image = torch.randn(2, 2, 2, 70, 90)
    told = {
        "dates": torch.tensor([[[2021.0, 12.0], [2022.0, 200.0]]] * 2),
        "location": torch.ones(2, 2),
    }
    model.encoder.register_forward_pre_hook(lambda _, given: seen.extend(given))
    seen: list[Images] = []
    assert torch.isfinite(sum_losses(model.train(), image, objects(), **told))
    torch.testing.assert_close(seen[0].dates[SOURCE], told["dates"])
    torch.testing.assert_close(seen[0].location, told["location"])
    assert ask(model.eval(), image, **told).output.shape[0] == 2
    with pytest.raises(ValueError, match=r"'optical' has the shape \(2, 2, 70, 90\).*built for \(batch, 2, 2, height"):
        ask(model, image[:, :, 0], **told)


def test_several_sources_and_one_of_a_joint_encoder_are_taken(
    monkeypatch: pytest.MonkeyPatch, target: TargetSpec
) -> None:
    monkeypatch.setitem(TERRAMIND, "terramind_v1_tiny", TerraMindVariant(32, 4, 2, False, "owner/repository/plain.pt"))
    bands = {"DEM": ["DEM"], "S1GRD": ["VV", "VH"]}
    rasters = {key: RasterSpec(bands=value, dtype="float32", nodata=None) for key, value in bands.items()}
    necks = [{"name": "pyramid"}, *FPN]
    for sources in (["DEM"], ["DEM", "S1GRD"]):
        encoder = {
            "name": "terramind",
            "variant": "terramind_v1_tiny",
            "modalities": {source: source for source in sources},
            "out_indices": [1, 3],
        }
        inputs = {source: rasters[source] for source in sources}
        model = build(inputs, target, {"framework": "fcos"}, encoder=encoder, necks=necks)
        images = {source: torch.randn(2, spec.num_channels, 70, 90) for source, spec in inputs.items()}
        sum_losses(model.train(), images, objects()).backward()
        assert has_gradient(model.encoder)
        assert ask(model.eval(), images).output.shape[0] == 2
        model.set_statistics([5.0], [2.0], "DEM")
    galileo = {"name": "galileo", "out_indices": [1, 3]}
    model = build({"radar": rasters["S1GRD"]}, target, {"framework": "fcos"}, encoder=galileo, necks=necks)
    assert ask(model.eval(), torch.randn(1, 2, 30, 40)).output.shape[0] == 1


def test_what_is_not_valid_changes_nothing(raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target, {"framework": "fcos", "score_threshold": 0.0, "most": 5}, encoder=SMALL).eval()
    model.set_statistics([0.5] * 3, [2.0] * 3)
    image, valid = torch.randn(1, 3, 64, 64), torch.ones(1, 64, 64, dtype=torch.bool)
    valid[:, 20:40, 20:40] = False
    other = torch.where(valid, image, torch.nan)
    torch.testing.assert_close(ask(model, image, valid).output, ask(model, other, valid).output)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_boxes_are_exact_in_half_precision(framework: str, raster: RasterSpec, target: TargetSpec) -> None:
    # Above 256, bfloat16 only knows every second number.
    factory = {"framework": framework, "score_threshold": 0.0, "most": 20, "iou_threshold": 1.0}
    model = build(raster, target, factory, encoder=SMALL).eval()
    image = torch.randn(1, 3, 48, 1200)

    def are_fine(model: DetectionModel) -> bool:
        boxes = ask(model, image).output[..., :4]
        assert boxes.dtype == torch.float32
        return not torch.equal(boxes, boxes.bfloat16().float())

    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            assert are_fine(model)
            assert torch.isfinite(sum_losses(model.train(), image, [objects(48, 1200)[0]]))
        assert are_fine(model.to(torch.bfloat16).eval())
        assert torch.isfinite(sum_losses(model.train(), image, [objects(48, 1200)[0]]))


def test_regions_are_read_where_they_lie_whatever_the_stride(
    monkeypatch: pytest.MonkeyPatch, raster: RasterSpec, target: TargetSpec
) -> None:
    small = PrithviVariant(embed_dim=48, depth=2, num_heads=3, patch_size=14, learned_scale=True)
    monkeypatch.setitem(PRITHVI, "prithvi_eo_v2_tiny_tl", small)
    vit = {"name": "prithvi_vit", "image_size": 28, "out_indices": [0, 1]}
    model = build(raster, target, {"framework": "mask-rcnn"}, encoder=vit, necks=[{"name": "pyramid"}, *FPN])
    assert isinstance(model.detector, TwoStageDetector)
    heads = model.detector.roi_heads
    strides = [7, 14]
    for pool, cells in ((heads.box_roi_pool, 7), (heads.mask_roi_pool, 14)):
        # A map of its own columns, in torchvision's convention: what is read of a region are the columns it covers.
        maps = {
            str(index): (torch.arange(560 // stride) * float(stride)).expand(1, 1, 560 // stride, -1).contiguous()
            for index, stride in enumerate(strides)
        }
        read = pool(maps, [torch.tensor([[140.0, 140.0, 420.0, 420.0]])], [(1, 1)])
        expected = 140 + (torch.arange(cells) + 0.5) * 280 / cells
        torch.testing.assert_close(read[0, 0, 0], expected, atol=0.01, rtol=0)


def test_anchors_of_fcos_have_the_size_of_their_cells(raster: RasterSpec, target: TargetSpec) -> None:
    unet = {"name": "unet", "channels": [8, 8, 8]}
    model = build(raster, target, {"framework": "fcos"}, encoder=unet)
    assert isinstance(model.detector, OneStageDetector)
    sizes = [float(cell[0, 2] - cell[0, 0]) for cell in model.detector.network.anchor_generator.cell_anchors]
    assert sizes == [1.0, 2.0, 4.0]
    sum_losses(model.train(), torch.randn(2, 3, 70, 90), objects()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_auto_necks_end_with_fpn(raster: RasterSpec, target: TargetSpec) -> None:
    config = ModelConfig.model_validate(
        {"factory": "object_detection", "encoder": {"name": "timm", "model": "test_vit"}, "necks": "auto"}
    )
    resolved = build_factory(config).resolve(config, one(raster), target)
    assert isinstance(resolved.necks, tuple)
    assert [neck.name for neck in resolved.necks][-2:] == ["pyramid", "fpn"]


def test_what_does_not_fit_is_refused(raster: RasterSpec, target: TargetSpec) -> None:
    with pytest.raises(SpecError, match=r"needs levels of one number of channels.*Put an 'fpn' neck"):
        build(raster, target, {}, necks=[])
    vit = {"name": "timm", "model": "test_vit", "out_indices": [0, 1]}
    with pytest.raises(SpecError, match=r"'object_detection' needs levels whose strides double"):
        build(raster, target, {}, encoder=vit, necks=[])
    with pytest.raises(SpecError, match=r"multiple of 32, got 24. Set 'channels' of the 'fpn'"):
        build(raster, target, {"framework": "fcos"}, necks=[{"name": "fpn", "channels": 24}])
    with pytest.raises(ValueError, match=r"learns from 'objects'.*call 'eval\(\)' first"):
        ask(build(raster, target, {}).train(), torch.zeros(1, 3, 64, 64))
    config = ModelConfig.model_validate({"factory": "object_detection", "encoder": RESNET, "necks": FPN})
    with pytest.raises(SpecError, match=r"per: object"):
        build_factory(config).build_model(config, one(raster), target)


@pytest.mark.parametrize("shape", [(1, 4, 64, 64), (3, 64, 64), (1, 3, 2, 64, 64), (1, 3, 0, 64)])
def test_images_of_other_shapes_are_refused(shape: tuple[int, ...], raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target, {"framework": "fcos"}, encoder=SMALL)
    with pytest.raises(ValueError, match=r"source 'optical' has the shape .*; the model was built for \(batch, 3, "):
        ask(model.eval(), torch.zeros(shape))


def test_statistics_of_the_encoder_are_taken(target: TargetSpec) -> None:
    bands = [{"name": name, "unit": "digital_number"} for name in ("RED", "GREEN", "BLUE")]
    rgb = RasterSpec(bands=bands, dtype="uint8", nodata=None)
    model = build(rgb, target, {"framework": "fcos"}, encoder=SMALL, standardise="from_encoder")
    assert model.standardise[SOURCE].mean.tolist() == pytest.approx([127.5] * 3)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_detectors_are_copied_and_built_without_memory(framework: str, raster: RasterSpec, target: TargetSpec) -> None:
    model = build(raster, target, {"framework": framework}, encoder=SMALL).eval()
    with without_memory():
        empty = build(raster, target, {"framework": framework}, encoder=SMALL)
    assert all(parameter.is_meta for parameter in empty.parameters())
    filled = empty.to_empty(device="cpu").eval()
    filled.load_state_dict(model.state_dict())
    image = torch.randn(1, 3, 64, 64)
    for other in (filled, deepcopy(model)):
        torch.testing.assert_close(ask(other, image).output, ask(model, image).output)


@pytest.mark.parametrize(
    ("framework", "sides"), [("retinanet", [10, 12, 15, 30, 37, 47]), ("mask-rcnn", [10, 30]), ("fcos", [10, 30])]
)
def test_anchors_are_as_wide_as_is_stated(
    framework: str, sides: list[int], raster: RasterSpec, target: TargetSpec
) -> None:
    detector = build(raster, target, {"framework": framework, "anchors": [10, 30]}, encoder=SMALL).detector
    part = detector.rpn if isinstance(detector, TwoStageDetector) else detector.network
    cells = torch.cat(part.anchor_generator.cell_anchors)
    width, height = cells[:, 2] - cells[:, 0], cells[:, 3] - cells[:, 1]
    # Anchors are rounded to whole pixels around a centre.
    assert width[width == height].tolist() == pytest.approx(sides, abs=1)


def test_what_there_is_no_detector_of_is_refused(raster: RasterSpec, target: TargetSpec) -> None:
    for factory, error, message in (
        ({"anchors": [8, 16, 32]}, SpecError, r"'anchors' states 3 side\(s\), .* for 2 level\(s\) with the strides"),
        ({"anchors": [8, 0]}, ComponentError, "'anchors' are sides in pixels, above 0"),
        ({"framework": "fcos", "heads": "v2"}, ComponentError, "'fcos' has heads of one version alone"),
        ({"heads": "v2_coarse"}, ComponentError, "says how fine outlines are, and 'faster-rcnn' has none: take v2"),
        ({"iou_across_classes": 2}, ComponentError, "'iou_across_classes' is 2; it is a threshold from 0 to 1"),
    ):
        with pytest.raises(error, match=message):
            build(raster, target, factory, encoder=SMALL)
    necks = [{"name": "fpn", "channels": 40}]
    with pytest.raises(SpecError, match="'heads: v2' needs levels whose channels are a multiple of 32"):
        build(raster, target, {"framework": "retinanet", "heads": "v2"}, encoder=SMALL, necks=necks)


@pytest.mark.parametrize("framework", ["faster-rcnn", "mask-rcnn", "retinanet"])
def test_heads_of_the_second_version_are_torchvisions(framework: str, raster: RasterSpec, target: TargetSpec) -> None:
    names = {"faster-rcnn": "fasterrcnn", "mask-rcnn": "maskrcnn", "retinanet": "retinanet"}
    with without_memory():
        theirs = detection_models.__dict__[f"{names[framework]}_resnet50_fpn_v2"](
            weights=None, weights_backbone=None, num_classes=2 + (framework != "retinanet")
        )
    necks = [{"name": "fpn", "channels": 256}]
    factory = {"framework": framework, "heads": "v2", "regions": 4, "most": 3, "score_threshold": 0.0}
    model = build(raster, target, factory, encoder=SMALL, necks=necks)
    own = {name.removeprefix("network."): value.shape for name, value in model.detector.state_dict().items()}
    assert own == {name: value.shape for name, value in theirs.state_dict().items() if not name.startswith("backbone.")}
    assert torch.isfinite(sum_losses(model.train(), torch.randn(2, 3, 64, 64), objects(64, 64)))
    assert ask(model.eval(), torch.randn(2, 3, 64, 64)).output.shape[:2] == (2, 3)


def test_an_object_of_one_class_alone_is_found_once() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 4], [20, 0, 30, 10]])
    found = {"boxes": boxes, "scores": torch.tensor([0.6, 0.9, 0.7, 0.1]), "labels": torch.tensor([0, 1, 0, 0])}
    # The second overlaps with the first by 0.8, and with the third by 0.5.
    for iou, scores in ((None, [0.6, 0.9, 0.7, 0.1]), (0.7, [0.9, 0.7, 0.1]), (0.4, [0.9, 0.1])):
        kept = keep_best(found, iou)
        assert kept["scores"].tolist() == pytest.approx(scores)
        assert len(kept["boxes"]) == len(kept["labels"]) == len(scores)


def test_boxes_of_two_classes_lie_upon_each_other_unless_it_is_said(raster: RasterSpec, target: TargetSpec) -> None:
    torch.manual_seed(0)
    factory = {"framework": "fcos", "score_threshold": 0.0, "iou_threshold": 0.1}
    both = build(raster, target, factory, encoder=SMALL).eval()
    alone = build(raster, target, factory | {"iou_across_classes": 0.1}, encoder=SMALL).eval()
    alone.load_state_dict(both.state_dict())
    image = torch.randn(1, 3, 64, 64)
    most = []
    for model in (both, alone):
        with torch.no_grad():
            boxes = ask(model, image).output[0, :, :4]
        overlaps = box_iou(boxes, boxes).fill_diagonal_(0)
        most.append(float(overlaps.max()))
    assert most[0] > 0.1 >= most[1]
