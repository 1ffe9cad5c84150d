from dataclasses import fields, replace
from datetime import date
from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fieldwork.pipelines.sample_data.landscapes import CLASS_NAMES, Landscape, generate_landscapes
from fieldwork.pipelines.sample_data.reflectance import NODATA


@pytest.fixture(scope="module")
def landscapes() -> list[Landscape]:
    return list(generate_landscapes(seed=7))


def _differences(one: Landscape, other: Landscape) -> list[str]:
    return [
        field.name
        for field in fields(Landscape)
        if not np.array_equal(getattr(one, field.name), getattr(other, field.name))
    ]


def _extent(landscape: Landscape) -> tuple[float, float, float, float]:
    height, width = landscape.label.shape
    size = landscape.pixel_size_m
    return landscape.west, landscape.north - height * size, landscape.west + width * size, landscape.north


def _pixels(landscapes: list[Landscape], step: int) -> tuple[np.ndarray, np.ndarray]:
    known = [item.label > 0 for item in landscapes]
    images = [item.image[:, here].T[::step] for item, here in zip(landscapes, known, strict=True)]
    labels = [item.label[here][::step] for item, here in zip(landscapes, known, strict=True)]
    return np.concatenate(images).astype(np.float64), np.concatenate(labels)


def test_the_same_seed_gives_the_same_bits(landscapes: list[Landscape]) -> None:
    again = next(generate_landscapes(seed=7))
    assert _differences(again, landscapes[0]) == []
    other = next(generate_landscapes(seed=8))
    assert _differences(other, landscapes[0]) == ["image", "label"]


def test_a_scene_depends_neither_on_their_number_nor_on_global_randomness(landscapes: list[Landscape]) -> None:
    np.random.seed(1)  # noqa: NPY002
    second = list(generate_landscapes(seed=7, num_scenes=2))[1]
    assert _differences(second, landscapes[1]) == []


@pytest.mark.parametrize("num_scenes", [-1, 11])
def test_the_number_of_scenes_is_limited(num_scenes: int) -> None:
    with pytest.raises(ValueError, match=f"num_scenes is {num_scenes}"):
        generate_landscapes(seed=7, num_scenes=num_scenes)


def test_scenes_are_ten_and_differ_in_name_and_size(landscapes: list[Landscape]) -> None:
    sizes = [item.label.shape for item in landscapes]
    assert len({item.name for item in landscapes}) == len(set(sizes)) == 10
    assert all(192 <= side <= 416 for size in sizes for side in size)
    assert any(height != width for height, width in sizes)
    assert any(side % 32 for size in sizes for side in size)


def test_arrays_have_the_promised_types_and_shapes(landscapes: list[Landscape]) -> None:
    for item in landscapes:
        assert item.image.dtype == np.int16
        assert item.label.dtype == np.uint8
        assert item.image.shape == (6, *item.label.shape)
        assert date.fromisoformat(item.acquired)


def test_reflectance_is_valid_and_labels_stop_where_data_stop(landscapes: list[Landscape]) -> None:
    for item in landscapes:
        is_missing = item.image == NODATA
        assert (is_missing.any(axis=0) == is_missing.all(axis=0)).all()
        assert (item.label[is_missing[0]] == 0).all()
        seen = item.image[:, ~is_missing[0]]
        assert seen.min() >= 0
        assert seen.max() <= 10_000
        assert item.label.max() < len(CLASS_NAMES)
    assert sum((item.image == NODATA).any() for item in landscapes) == 3
    assert sum(bool(((item.label == 0) & (item.image[0] != NODATA)).any()) for item in landscapes) == 4


def test_classes_are_spread_over_the_scenes(landscapes: list[Landscape]) -> None:
    counts = np.array([np.bincount(item.label.ravel(), minlength=7)[1:] for item in landscapes])
    is_present = counts > 0.003 * counts.sum(axis=1, keepdims=True)
    assert (is_present.sum(axis=1) >= 4).all()
    assert (is_present.sum(axis=0) >= 6).all()
    assert (counts.sum(axis=0) > 0.02 * counts.sum()).all()


def test_places_lie_in_two_zones_and_do_not_overlap(landscapes: list[Landscape]) -> None:
    zones = [item.epsg for item in landscapes]
    assert set(zones) == {32632, 32633}
    assert 3 <= zones.count(32633) < zones.count(32632)
    for one, other in combinations(landscapes, 2):
        left, bottom, right, top = _extent(one)
        other_left, other_bottom, other_right, other_top = _extent(other)
        is_apart = right <= other_left or other_right <= left or top <= other_bottom or other_top <= bottom
        assert one.epsg != other.epsg or is_apart
    for item in landscapes:
        # Within the six degrees of a zone at these latitudes, and on the grid of 30 m that HLS keeps.
        left, _, right, _ = _extent(item)
        assert 300_000 <= left < right <= 700_000
        assert item.pixel_size_m == 30
        assert item.west % 30 == item.north % 30 == 0


def test_single_pixels_say_something_but_not_enough(landscapes: list[Landscape]) -> None:
    images, labels = _pixels([item for i, item in enumerate(landscapes) if i in {0, 1, 3, 4, 6, 8}], step=60)
    unseen_images, unseen_labels = _pixels([landscapes[i] for i in (2, 5, 7, 9)], step=20)
    mean, deviation = images.mean(axis=0), images.std(axis=0)
    classifier = LogisticRegression(max_iter=500).fit((images - mean) / deviation, labels)
    found = classifier.predict((unseen_images - mean) / deviation)
    codes = range(1, len(CLASS_NAMES))
    ious = [
        np.sum((found == code) & (unseen_labels == code)) / np.sum((found == code) | (unseen_labels == code))
        for code in codes
    ]
    assert 0.3 < np.mean(ious) < 0.65


def test_a_landscape_cannot_be_changed(landscapes: list[Landscape]) -> None:
    with pytest.raises(AttributeError):
        landscapes[0].name = "elsewhere"  # type: ignore[misc]
    assert replace(landscapes[0], name="elsewhere").name == "elsewhere"
