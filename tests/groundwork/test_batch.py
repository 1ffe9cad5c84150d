"""What travels: parts of windows and batches of them hold the values, in the types, of what they were made from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from groundwork.batch import Chip, Images, Patch, below, collate, images_of, stack


def _patch(height: int = 4, width: int = 5, first: int = 0, *, labelled: bool = True) -> Patch:
    """A window of two sources, one of two steps; the names are not in their order."""
    number = first + np.arange(height * width).reshape(height, width)
    optical = np.stack([number, number + 100]).astype(np.uint16)
    radar = np.stack([number / 2, number / 4])[None].astype(np.float64)
    valid = {"radar": number % 2 == 0, "optical": number % 3 == 0}
    return Patch({"radar": radar, "optical": optical}, valid, number.astype(np.int64) if labelled else None)


def _same(one: Patch, other: Patch) -> bool:
    assert set(one.values) == set(one.valid) == set(other.values)
    pairs = [(one.values[name], other.values[name]) for name in one.values]
    pairs += [(one.valid[name], other.valid[name]) for name in one.valid]
    if one.target is not None or other.target is not None:
        pairs.append((np.asarray(one.target), np.asarray(other.target)))
    return all(first.dtype == second.dtype and np.array_equal(first, second) for first, second in pairs)


# --- windows --------------------------------------------------------------------------------------------------------


def test_it_is_known_where_any_source_holds_data() -> None:
    patch = _patch()
    assert patch.size == (4, 5)
    number = np.arange(20).reshape(4, 5)
    assert np.array_equal(patch.known, (number % 2 == 0) | (number % 3 == 0))


def test_a_part_of_a_window_is_a_view_of_its_pixels() -> None:
    patch = _patch()
    part = patch.cut(slice(1, 3), slice(2, 5))
    assert part.size == (2, 3)
    assert part.values["optical"].tolist() == [[[7, 8, 9], [12, 13, 14]], [[107, 108, 109], [112, 113, 114]]]
    assert part.values["radar"].shape == (1, 2, 2, 3)
    assert part.valid["optical"].tolist() == [[False, False, True], [True, False, False]]
    assert part.target is not None
    assert part.target.tolist() == [[7, 8, 9], [12, 13, 14]]
    assert np.shares_memory(part.values["radar"], patch.values["radar"])
    assert _patch(labelled=False).cut(slice(1), slice(1)).target is None


@pytest.mark.parametrize("labelled", [True, False])
def test_rows_that_were_cut_apart_are_put_below_each_other(labelled: bool) -> None:
    patch, whole = _patch(labelled=labelled), slice(None)
    assert _same(below(patch.cut(slice(0, 1), whole), patch.cut(slice(1, 4), whole)), patch)


# --- batches --------------------------------------------------------------------------------------------------------


def test_a_batch_keeps_types_and_lists_sources_by_name() -> None:
    images = stack([_patch(), _patch(first=50)])
    assert list(images.values) == list(images.valid) == ["optical", "radar"]
    assert images.values["optical"].dtype == torch.uint16
    assert images.values["radar"].dtype == torch.float64
    assert images.values["radar"].shape == (2, 1, 2, 4, 5)
    assert images.values["optical"][1, 0, 0].tolist() == [50, 51, 52, 53, 54]
    assert images.valid["radar"][1, 0].tolist() == [True, False, True, False, True]


def test_chips_become_a_batch() -> None:
    chips = [Chip("a", _patch()), Chip("b", _patch(first=50))]
    batch = collate(chips)
    assert set(batch) == {"images", "valid", "target", "sample_id", "seeds"}
    assert len(set(batch["seeds"].tolist())) == 2, "what is drawn for a chip follows from its name"
    assert torch.equal(batch["seeds"][1:], collate(chips[1:])["seeds"])
    assert batch["sample_id"] == ["a", "b"]
    assert batch["target"].dtype == torch.int64
    assert batch["target"][1, 3].tolist() == [65, 66, 67, 68, 69]
    assert list(batch["images"]) == list(batch["valid"]) == ["optical", "radar"]
    given = images_of(batch)
    assert given.values is batch["images"]
    assert (given.dates, given.location) == ({}, None)


def test_a_batch_says_when_and_where_and_what_was_counted() -> None:
    def chip(day: int) -> Chip:
        dates = {"radar": np.array([[2023, day], [2024, day]], np.float32), "optical": np.float32([[2022, day]])}
        counted = np.full((4, 5), day > 1)
        return Chip(str(day), _patch(), counted=counted, dates=dates, location=np.float32([45.5, day]))

    batch = collate([chip(1), chip(2)])
    assert list(batch["dates"]) == ["optical", "radar"]
    assert batch["dates"]["radar"].tolist() == [[[2023, 1], [2024, 1]], [[2023, 2], [2024, 2]]]
    assert batch["location"].tolist() == [[45.5, 1], [45.5, 2]]
    assert batch["counted"][:, 0, 0].tolist() == [False, True]
    given = images_of(batch)
    assert given.of("optical").dates is batch["dates"]["optical"]
    assert given.of("optical").location is batch["location"]


def test_images_of_one_source_under_another_name() -> None:
    dates, location = torch.tensor([[[2024.0, 5.0]]]), torch.tensor([[1.0, 2.0]])
    values = {"a": torch.ones(1, 2, 3, 3), "b": torch.zeros(1, 1, 3, 3)}
    images = Images(values, {"b": torch.ones(1, 3, 3, dtype=torch.bool)}, {"b": dates}, location)
    only = images.only("b", "x")
    assert (set(only.values), set(only.valid), set(only.dates)) == ({"x"}, {"x"}, {"x"})
    assert only.values["x"] is values["b"]
    assert only.location is location
    assert images.only("a", "a").valid == {}


def test_a_batch_is_filled_up_with_its_last_image() -> None:
    images = stack([_patch(), _patch(first=50)])
    full = images.grown(2)
    assert {len(part) for part in (*full.values.values(), *full.valid.values())} == {4}
    for index, source in ((0, 0), (1, 1), (2, 1), (3, 1)):
        assert torch.equal(full.values["radar"][index], images.values["radar"][source])
        assert torch.equal(full.valid["optical"][index], images.valid["optical"][source])
