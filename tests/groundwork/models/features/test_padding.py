"""Padding mirrors as numpy does, and cropping takes it back."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.models.features.padding import crop_center, pad_image

sizes = st.integers(1, 40)
multiples = st.integers(1, 32)


@given(sizes, sizes, multiples)
@settings(deadline=None, max_examples=150)
def test_cropping_takes_padding_back_and_values_are_numpys(height: int, width: int, multiple: int) -> None:
    image = torch.arange(2 * height * width).reshape(2, height, width)
    padded = pad_image(image, multiple, "symmetric")
    extra = [-height % multiple, -width % multiple]
    expected = np.pad(image.numpy(), [(0, 0), *((e // 2, e - e // 2) for e in extra)], mode="symmetric")
    np.testing.assert_array_equal(padded.numpy(), expected)
    assert torch.equal(crop_center(padded, (height, width)), image)


def test_padding_leaves_what_fits_alone() -> None:
    image = torch.rand(1, 3, 2, 32, 64)
    assert pad_image(image, 32, "symmetric") is image


def test_padding_takes_masks() -> None:
    assert pad_image(torch.tensor([[True, False]]), 4, "symmetric").tolist() == [[True, True, False, False]] * 4


@given(sizes, sizes, multiples)
@settings(deadline=None, max_examples=100)
def test_reflection_is_numpys_evenly_on_both_sides(height: int, width: int, multiple: int) -> None:
    image = torch.arange(2 * height * width).reshape(2, height, width)
    padded = pad_image(image, multiple, "reflect")
    added = (-height % multiple, -width % multiple)
    extra = [(count // 2, count - count // 2) for count in added]
    np.testing.assert_array_equal(padded.numpy(), np.pad(image.numpy(), [(0, 0), *extra], mode="reflect"))
    assert torch.equal(crop_center(padded, (height, width)), image)


def test_images_may_stay_as_they_are() -> None:
    image = torch.rand(1, 3, 5, 7)
    assert pad_image(image, 32, "none") is image
    assert torch.equal(crop_center(image, (5, 7)), image)
