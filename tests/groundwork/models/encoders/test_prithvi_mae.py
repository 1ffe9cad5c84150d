"""Prithvi as a masked autoencoder: what it removes, what it paints and what it is charged for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from asking import one
from groundwork.batch import Image
from groundwork.errors import ComponentError
from groundwork.models.encoders.prithvi.mae import PrithviMAE, ReconstructionOutput, from_patches, to_patches
from groundwork.models.encoders.prithvi.variants import VARIANTS, PrithviVariant
from groundwork.specs import RasterSpec

TIME = torch.tensor([[[2021.0, 12.0], [2022.0, 200.0]]] * 2)
PLACE = torch.tensor([[47.4, -8.5], [1.0, 2.0]])
MakeMAE = Callable[..., PrithviMAE]


@pytest.fixture
def make_mae(monkeypatch: pytest.MonkeyPatch, make_raster: Callable[..., RasterSpec]) -> MakeMAE:
    small = PrithviVariant(32, 2, 2, patch_size=4, learned_scale=True, decoder_dim=16, decoder_depth=1, decoder_heads=2)
    monkeypatch.setitem(VARIANTS, "prithvi_eo_v2_tiny_tl", small)

    def make(steps: int = 2, **options: Any) -> PrithviMAE:
        return PrithviMAE(one(make_raster(3, steps=steps)), image_size=16, **options)

    return make


def image(steps: int = 2, height: int = 16, width: int = 24) -> Tensor:
    return torch.randn(2, 3, steps, height, width)


def test_patches_go_by_step_row_column_and_within_them_by_row_column_band() -> None:
    picture = image()
    patches = to_patches(picture, 4)
    for step, row, column, in_row, in_column, band in [(0, 0, 0, 0, 0, 0), (1, 3, 5, 2, 1, 2), (0, 2, 4, 3, 3, 1)]:
        value = picture[1, band, step, 4 * row + in_row, 4 * column + in_column]
        assert patches[1, step * 24 + row * 6 + column, in_row * 12 + in_column * 3 + band] == value
    torch.testing.assert_close(from_patches(patches, (2, 4, 6), 3), picture, rtol=0, atol=0)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.75])
def test_the_share_of_the_patches_is_removed_whole_where_the_noise_is_largest(make_mae: MakeMAE, ratio: float) -> None:
    mae = make_mae(mask_ratio=ratio).eval()
    picture = image()
    noise = mae.draw_noise(picture, torch.Generator().manual_seed(3))
    mask = mae(Image(picture), noise=noise).mask
    assert mask.shape == (2, 2, 16, 24)
    num_kept = int(48 * (1 - ratio))
    for sample in range(2):
        removed = set(np.argsort(noise[sample].numpy())[num_kept:].tolist())
        for token in range(48):
            step, row, column = token // 24, token % 24 // 6, token % 6
            patch = mask[sample, step, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert torch.all(patch == float(token in removed))


def test_the_same_noise_gives_the_same_and_other_noise_another(make_mae: MakeMAE) -> None:
    mae = make_mae().eval()
    picture = image()
    first, again, other = (mae.draw_noise(picture, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (2, 48)
    torch.testing.assert_close(
        mae(Image(picture), noise=first).loss, mae(Image(picture), noise=again).loss, rtol=0, atol=0
    )
    assert not torch.equal(mae(Image(picture), noise=first).mask, mae(Image(picture), noise=other).mask)
    torch.manual_seed(9)
    drawn = mae(Image(picture)).mask
    assert not torch.equal(drawn, mae(Image(picture)).mask)
    torch.manual_seed(9)
    torch.testing.assert_close(mae(Image(picture)).mask, drawn, rtol=0, atol=0)


def test_what_is_removed_is_not_seen(make_mae: MakeMAE) -> None:
    mae = make_mae().eval()
    picture = image()
    noise = mae.draw_noise(picture)
    given = mae(Image(picture), noise=noise)
    changed = torch.where(given.mask[:, None] == 1, torch.randn_like(picture), picture)
    torch.testing.assert_close(mae(Image(changed), noise=noise).reconstruction, given.reconstruction, rtol=0, atol=0)
    seen = torch.where(given.mask[:, None] == 0, torch.randn_like(picture), picture)
    assert not torch.allclose(mae(Image(seen), noise=noise).reconstruction, given.reconstruction)


@pytest.mark.parametrize("norm", [False, True])
def test_loss_is_the_error_of_the_removed_patches(make_mae: MakeMAE, norm: bool) -> None:
    mae = make_mae(norm_pix_loss=norm).eval()
    picture = image()
    with torch.no_grad():
        given = mae(Image(picture))
    wanted, painted, mask = (t.double().numpy() for t in (picture, given.reconstruction, given.mask))
    errors = []
    for sample, step, row, column in np.ndindex(2, 2, 4, 6):
        window = (step, slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
        patch = wanted[(sample, slice(None), *window)]
        if norm:
            patch = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 1e-6)
        if mask[(sample, *window)].all():
            errors.append(np.mean((painted[(sample, slice(None), *window)] - patch) ** 2))
    assert len(errors) == 72
    assert given.loss.item() == pytest.approx(np.mean(errors), rel=1e-5)


def test_gradient_reaches_every_parameter(make_mae: MakeMAE) -> None:
    mae = make_mae(coordinates=("time", "location"))
    mae(Image(image(), None, TIME, PLACE)).loss.backward()
    for name, parameter in mae.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_dates_and_places_matter_in_both_parts(make_mae: MakeMAE) -> None:
    mae = make_mae(coordinates=("time", "location")).eval()
    assert mae.coordinates == {"time", "location"}
    picture = image()
    noise = mae.draw_noise(picture)
    for part in (mae.encoder.temporal_embed_enc, mae.decoder.temporal_embed_dec):
        before = mae(Image(picture, None, TIME, PLACE), noise).reconstruction
        with torch.no_grad():
            part.scale.zero_()
        assert not torch.allclose(mae(Image(picture, None, TIME, PLACE), noise).reconstruction, before)
    with pytest.raises(ValueError, match="needs 'dates'"):
        mae(Image(picture, location=PLACE))


def test_one_step_may_be_given_without_its_dimension(make_mae: MakeMAE) -> None:
    mae = make_mae(steps=1).eval()
    picture = image(steps=1)
    noise = mae.draw_noise(picture[:, :, 0])
    given, same = mae(Image(picture[:, :, 0]), noise=noise), mae(Image(picture), noise=noise)
    assert given.reconstruction.shape == (2, 3, 1, 16, 24)
    torch.testing.assert_close(given.reconstruction, same.reconstruction, rtol=0, atol=0)


def test_it_learns_to_paint(make_mae: MakeMAE) -> None:
    mae = make_mae(steps=1, mask_ratio=0.5)
    picture = torch.ones(2, 3, 16, 16) * torch.tensor([1.0, -0.5, 2.0])[:, None, None]
    noise = mae.draw_noise(picture)
    optimizer = torch.optim.AdamW(mae.parameters(), lr=1e-2)
    first = mae(Image(picture), noise=noise).loss.item()
    for _ in range(20):
        optimizer.zero_grad()
        mae(Image(picture), noise=noise).loss.backward()
        optimizer.step()
    assert mae(Image(picture), noise=noise).loss.item() < first / 5


def test_it_can_be_exported(make_mae: MakeMAE) -> None:
    mae = make_mae(coordinates=("time",)).eval()
    picture = image()
    noise = mae.draw_noise(picture)

    class Painter(nn.Module):
        """Takes plain tensors, as only all sources together pass through an export."""

        def __init__(self) -> None:
            super().__init__()
            self.mae = mae

        def forward(self, values: Tensor, dates: Tensor, noise: Tensor) -> ReconstructionOutput:
            return self.mae(Image(values, dates=dates), noise)

    inputs = (picture, TIME, noise)
    given = torch.export.export(Painter(), inputs).module()(*inputs)
    assert isinstance(given, ReconstructionOutput)
    torch.testing.assert_close(given.reconstruction, mae(Image(picture, dates=TIME), noise).reconstruction)


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.5])
def test_the_removed_share_lies_between_none_and_all(make_mae: MakeMAE, ratio: float) -> None:
    with pytest.raises(ComponentError, match="'mask_ratio' must be above 0 and below 1"):
        make_mae(mask_ratio=ratio)
