"""What holds no data, and what padding added, tells nothing to whatever pools over an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from asking import ask, one
from groundwork.bundle import build_factory
from groundwork.config.model import ModelConfig
from groundwork.models.features.pooling import pool_valid
from groundwork.models.interface import Model
from groundwork.specs import ClassSpec, OutputSpec, RasterSpec, TargetSpec

CLASSES = tuple(ClassSpec(value=index, name=f"c{index}", color="#000000") for index in range(2))


def build(raster: RasterSpec, target: TargetSpec, **words: Any) -> Model:
    config = ModelConfig.model_validate(words)
    return build_factory(config).build_model(config, one(raster), target).eval()


@pytest.mark.parametrize("pooling", ["mean", "max", "min"])
@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_embeddings_are_made_of_the_valid_cells(
    raster: RasterSpec, target: TargetSpec, pooling: str, size: tuple[int, int]
) -> None:
    model = build(raster, target, factory={"name": "embedding", "pooling": pooling}, encoder={"name": "identity"})
    image = torch.full((1, 3, *size), 5.0)
    valid = torch.ones(1, *size, dtype=torch.bool)
    image[..., : size[0] // 2, :] = float("nan")
    valid[:, : size[0] // 2] = False
    assert ask(model, image, valid).output.tolist() == [[5.0, 5.0, 5.0]]
    assert ask(model, image, torch.zeros_like(valid)).output.tolist() == [[0.0, 0.0, 0.0]]


def test_padding_does_not_weigh(raster: RasterSpec, target: TargetSpec) -> None:
    vit = {"name": "timm", "model": "test_vit", "out_indices": [0]}
    model = build(raster, target, factory={"name": "embedding", "pooling": "mean"}, encoder=vit)
    maps = build(raster, target, factory={"name": "embedding", "pooling": "none"}, encoder=vit)
    maps.load_state_dict(model.state_dict())
    image = torch.randn(1, 3, 40, 32)
    cells = ask(maps, image).output
    assert cells.shape[-2:] == (3, 2)
    # 40 rows are padded to 48, four at each end.
    share = torch.tensor([0.75, 1.0, 0.75]).reshape(3, 1).expand(3, 2)
    expected = (cells * share).sum((2, 3)) / share.sum()
    torch.testing.assert_close(ask(model, image).output, expected)


@pytest.mark.parametrize("pooling", ["mean", "max", "min"])
@pytest.mark.parametrize("answer", ["classification", "scalar_regression"])
def test_scores_of_an_image_do_not_change_with_what_its_empty_part_would_give(
    raster: RasterSpec, pooling: str, answer: str
) -> None:
    words: dict[str, Any] = {"classes": CLASSES} if answer == "classification" else {"outputs": (OutputSpec(name="t"),)}
    # One pixel is one cell: what is not valid reaches no other cell.
    model = build(
        raster,
        TargetSpec(per="image", **words),
        encoder={"name": "identity"},
        head={"name": answer, "pooling": pooling},
    )
    image = torch.rand(2, 3, 16, 24) + 1
    valid = torch.ones(2, 16, 24, dtype=torch.bool)
    valid[..., 12:] = False
    torch.testing.assert_close(ask(model, image, valid).output, ask(model, image[..., :12]).output)


def test_pooling_weighs_cells_by_their_share() -> None:
    features = torch.tensor([[[[1.0, 4.0, 100.0]]]])
    share = torch.tensor([[[[1.0, 0.5, 0.0]]]])
    assert pool_valid(features, share, "mean").item() == pytest.approx((1 + 0.5 * 4) / 1.5)
    assert pool_valid(features, share, "max").item() == 4
    assert pool_valid(-features, share, "min").item() == -4
    assert pool_valid(features, None, "mean").item() == 35


@pytest.mark.parametrize("standardised_patches", [False, True])
def test_a_masked_autoencoder_is_not_charged_for_what_holds_no_data(
    make_raster: Callable[..., RasterSpec], target: TargetSpec, standardised_patches: bool
) -> None:
    network = {"name": "prithvi_mae", "norm_pix_loss": standardised_patches, "mask_ratio": 0.9999}
    full_model = {"name": "full_model", "model": network}
    model = build(make_raster(6), target, factory=full_model)
    image, valid = torch.randn(1, 6, 32, 32), torch.ones(1, 32, 32, dtype=torch.bool)
    whole = ask(model, image).losses["reconstruction"]
    torch.testing.assert_close(ask(model, image, valid).losses["reconstruction"], whole)
    assert ask(model, image, torch.zeros_like(valid)).losses["reconstruction"] == 0
    # All is removed, so that what is painted does not depend on the values.
    valid[..., 20:] = False
    changed = image.clone()
    changed[..., 20:] = 1e6
    torch.testing.assert_close(
        ask(model, changed, valid).losses["reconstruction"], ask(model, image, valid).losses["reconstruction"]
    )
    # Padding mirrors what was there; charged for it, a narrow image would have another loss than its only patch.
    assert ask(model, torch.randn(1, 6, 20, 20)).losses["reconstruction"].isfinite()
