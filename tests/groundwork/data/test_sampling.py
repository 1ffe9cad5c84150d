"""Training chips that are no grid: windows on the ground of training chips, and rare classes more often."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch

from groundwork.batch import Batch
from groundwork.config.component import ComponentConfig
from groundwork.config.training import GRID, SYMMETRIES, LoaderConfig
from groundwork.data.chips import LabelledData
from groundwork.data.datamodule import ChipDataModule
from groundwork.data.packed import open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.sampling.balanced import WeightedOrder, chances_of
from groundwork.data.sampling.checks import check_sampling
from groundwork.data.sampling.ground import TrainingGround
from groundwork.data.sampling.random import WindowOrder
from groundwork.data.statistics import Statistics
from groundwork.errors import ComponentError, SpecError
from groundwork.specs import TargetSpec

TableOf = Callable[..., pd.DataFrame]
NUMBERS = TargetSpec.model_validate({"outputs": [{"name": "height"}]})


def _epoch(
    data: LabelledData, statistics: Statistics, epoch: int = 0, workers: int = 0, **sampling: Any
) -> list[Batch]:
    config = ComponentConfig.model_validate(sampling)
    loader = LoaderConfig(batch_size=4, num_workers=workers)
    train = ChipDataModule(data, statistics, loader, SYMMETRIES, 0, config).train_dataloader()
    train.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return list(train)


def _names(batches: list[Batch]) -> list[str]:
    return [name for batch in batches for name in batch["sample_id"]]


# --- random ---------------------------------------------------------------------------------------------------------


def test_windows_are_the_pixels_of_their_places(
    tiny_data: SimpleNamespace, tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    rows = tiny_data.samples.set_index("sample_id")
    scenes = set(tiny_labelled.of_split("train")["scene"])
    seen = set()
    for batch in _epoch(tiny_labelled, tiny_statistics, name="random"):
        for index, name in enumerate(batch["sample_id"]):
            whole, down, right = re.fullmatch(r"(.*?)([+-]\d+)([+-]\d+)", name).groups()  # type: ignore[union-attr]
            row = rows.loc[whole]
            top, left = row["row"] + int(down), row["column"] + int(right)
            with rasterio.open(tiny_data.root / "scenes" / row["path_optical"]) as scene:
                image = scene.read()[:, top : top + 32, left : left + 32]
                center = rasterio.warp.transform(
                    scene.crs, "EPSG:4326", *map(list, zip(scene.transform @ (left + 16, top + 16), strict=True))
                )
            assert np.array_equal(batch["images"]["optical"][index].numpy(), image)
            assert batch["location"][index].tolist() == pytest.approx([center[1][0], center[0][0]], rel=1e-6)
            assert row["scene"] in scenes
            seen.add((down, right))
    assert len(seen) > 3


def test_windows_follow_from_seed_and_epoch_for_any_number_of_workers(
    tiny_labelled: LabelledData, tiny_statistics: Statistics
) -> None:
    def of(epoch: int, workers: int = 0) -> list[Batch]:
        return _epoch(tiny_labelled, tiny_statistics, epoch, workers, name="random", samples_per_epoch=30)

    first, second = of(0), of(1)
    assert len(_names(first)) == 30
    assert _names(first) != _names(second)
    for one, other in zip(of(1, workers=2), second, strict=True):
        assert one["sample_id"] == other["sample_id"]
        assert torch.equal(one["images"]["optical"], other["images"]["optical"])
        assert torch.equal(one["location"], other["location"])


def test_windows_stay_on_the_ground_of_training_chips(table_of: TableOf) -> None:
    places = [("a", row, column) for row in range(0, 160, 32) for column in range(0, 160, 32)]
    table = table_of(places)
    # A block of val in the middle, and one corner that is left out beside it.
    away = [(64, 64), (64, 96), (96, 64)]
    train = table[~pd.Series(list(zip(table["row"], table["column"], strict=True))).isin(away)]
    allowed = np.zeros((160, 160), bool)
    for row, column in zip(train["row"], train["column"], strict=True):
        allowed[row : row + 32, column : column + 32] = True
    ground, random = TrainingGround(train), np.random.default_rng(0)
    covered = np.zeros((160, 160), int)
    drawn = set()
    for number in range(2000):
        row, column = ground.draw(number % len(train), random)
        assert row >= 0
        assert column >= 0
        assert allowed[row : row + 32, column : column + 32].all()
        assert row + 32 <= 160
        assert column + 32 <= 160
        covered[row : row + 32, column : column + 32] += 1
        drawn.add((row % 32, column % 32))
    assert (covered[allowed] > 0).all(), "all of the ground is seen"
    assert len(drawn) > 500


def test_a_chip_without_neighbours_stays_and_scenes_are_told_apart(table_of: TableOf) -> None:
    table = table_of([("a", 0, 0), ("b", 0, 32), ("b", 0, 0), ("c", 64, 64)])
    ground, random = TrainingGround(table), np.random.default_rng(0)
    assert {ground.draw(0, random) for _ in range(50)} == {(0, 0)}
    assert {ground.draw(3, random) for _ in range(50)} == {(64, 64)}
    columns = {ground.draw(1, random) for _ in range(3000)}
    assert {row for row, _ in columns} == {0}
    assert {column for _, column in columns} >= {16, 20, 32}


def test_windows_lie_around_each_chip_before_any_has_a_second() -> None:
    keys = list(WindowOrder(25, seed=1, num_chips=10))
    for start in (0, 10):
        assert sorted(key.chip for key in keys[start : start + 10]) == list(range(10))
    assert [key.chip for key in keys[:10]] != [key.chip for key in keys[10:20]]
    assert len({key.number for key in keys}) == 25


def test_where_nothing_is_known_the_chip_is_taken(
    tiny_data: SimpleNamespace,
    tiny_labelled: LabelledData,
    tiny_statistics: Statistics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(tiny_labelled.kind), "num_known", lambda *_: 0)
    names = _names(_epoch(tiny_labelled, tiny_statistics, name="random"))
    train = tiny_data.samples[tiny_data.samples["split"] == "train"]["sample_id"]
    assert sorted(names) == sorted(f"{name}+0+0" for name in train)


# --- around objects -------------------------------------------------------------------------------------------------


def test_windows_around_objects_hold_one_at_any_place(
    tiny_labelled: LabelledData, tiny_statistics: Statistics, land_target: TargetSpec
) -> None:
    def of(epoch: int, workers: int = 0) -> list[Batch]:
        settings = {"classes": ["water"], "share": 1.0, "samples_per_epoch": 40}
        return _epoch(tiny_labelled, tiny_statistics, epoch, workers, name="around_objects", **settings)

    water = list(land_target.names).index("water")
    batches = of(0)
    holds = torch.cat([batch["target"] for batch in batches]) == water
    assert holds.shape[0] == 40
    assert holds.flatten(1).any(dim=1).all()
    assert len(set(_names(batches))) > 30
    for one, other in zip(batches, of(0, workers=2), strict=True):
        assert one["sample_id"] == other["sample_id"]
        assert torch.equal(one["target"], other["target"])
    assert _names(of(1)) != _names(batches)


def test_a_rare_class_comes_as_often_as_stated(
    tiny_labelled: LabelledData, tiny_statistics: Statistics, land_target: TargetSpec
) -> None:
    name = land_target.names[0]
    column = f"fraction_{name}"
    # As if one chip alone held the class: windows around it are those that share its ground.
    samples = tiny_labelled.samples.copy()
    train = samples.index[samples["split"] == "train"]
    chosen = next(index for index in train if samples.loc[index, column] > 0)
    samples.loc[train.drop(chosen), column] = 0.0
    data = replace(tiny_labelled, samples=samples)
    names = _names(
        _epoch(data, tiny_statistics, name="around_objects", classes=[name], share=0.5, samples_per_epoch=80)
    )
    around = [each for each in names if each.startswith(samples.loc[chosen, "sample_id"])]
    assert 25 < len(around) < 60


# --- balanced -------------------------------------------------------------------------------------------------------


def test_rare_classes_weigh_as_much_as_common_ones(land_target: TargetSpec) -> None:
    first, second, third = (f"fraction_{name}" for name in land_target.names)
    samples = pd.DataFrame({first: [1.0] * 8 + [0.0] * 2, second: [0.0] * 8 + [1.0, 0.5], third: [0.0] * 9 + [0.5]})
    chances = chances_of(samples, land_target, strength=1.0)
    assert chances.sum() == pytest.approx(1)
    # Each class by itself has a third.
    assert chances[:8].sum() == pytest.approx(1 / 3)
    shares = samples.to_numpy().T @ chances
    assert shares[0] == pytest.approx(1 / 3)
    assert np.allclose(chances_of(samples, land_target, strength=0.0), 0.1)
    half = chances_of(samples, land_target, strength=0.5)
    assert chances[9] > half[9] > 0.1
    absent = samples.assign(**{third: 0.0})
    assert np.isfinite(chances_of(absent, land_target, 1.0)).all()


def test_images_of_no_class_are_drawn_as_those_of_another_class() -> None:
    classes = [{"value": value, "name": name, "color": "#102030"} for value, name in ((1, "road"), (2, "mine"))]
    target = TargetSpec.model_validate({"per": "image", "multi_label": True, "classes": classes, "ignore_value": None})
    # Nobody knows whether there is a mine in the last image.
    samples = pd.DataFrame({"fraction_road": [1, 1, 1, 0, 0, 0.0], "fraction_mine": [0, 0, 1, 0, 0, np.nan]})
    # Shares of all images: 2.5 of road, 0.5 of mine, 3 of none.
    weights = np.array([1 / 2.5, 1 / 2.5, 0.5 / 2.5 + 0.5 / 0.5, 1 / 3, 1 / 3, 1 / 3])
    assert chances_of(samples, target, strength=1.0) == pytest.approx(weights / weights.sum())
    assert chances_of(samples, target, strength=0.0) == pytest.approx(np.full(6, 1 / 6))


def test_chips_are_drawn_as_often_as_they_weigh_and_repetitions_are_counted() -> None:
    chances = np.array([0.7, 0.2, 0.1, 0.0])
    order = WeightedOrder(20_000, seed=3, chances=chances)
    keys = list(order)
    counts = Counter(number for number, _ in keys)
    assert [counts[number] / 20_000 for number in range(4)] == pytest.approx(chances.tolist(), abs=0.02)
    for number in range(3):
        assert [count for found, count in keys if found == number] == list(range(counts[number]))
    assert list(order) == keys
    order.set_epoch(1)
    assert list(order) != keys


def test_repetitions_are_changed_otherwise_and_hold_the_same_pixels(
    tiny_labelled: LabelledData, tiny_statistics: Statistics, tmp_path: Path
) -> None:
    batches = _epoch(tiny_labelled, tiny_statistics, name="balanced", samples_per_epoch=40)
    names = _names(batches)
    assert len(set(names)) == len(names) == 40
    train = set(tiny_labelled.of_split("train")["sample_id"])
    assert {name.partition("#")[0] for name in names} <= train
    assert any("#" in name for name in names)
    store_chips(ChipsToStore(tiny_labelled, "packed"), tmp_path / "packed")
    packed = replace(tiny_labelled, store=open_store(tmp_path / "packed"))
    for one, other in zip(
        batches, _epoch(packed, tiny_statistics, 0, 2, name="balanced", samples_per_epoch=40), strict=True
    ):
        assert one["sample_id"] == other["sample_id"]
        assert torch.equal(one["images"]["optical"], other["images"]["optical"])
        assert torch.equal(one["target"], other["target"])


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"name": "randm"}, r"training\.sampling: Unknown component 'randm'\. Did you mean 'random'"),
        ({"name": "random", "samples_per_epoch": 0}, "greater than 0"),
        ({"name": "balanced", "strenth": 1.0}, "no option 'strenth'. Did you mean 'strength'"),
        ({"name": "grid", "samples_per_epoch": 1}, "no option 'samples_per_epoch'"),
        ({"name": "random"}, "packed chips hold no others: set 'data.store: files'"),
    ],
)
def test_what_cannot_be_chosen_is_refused(sampling: dict[str, Any], message: str, land_target: TargetSpec) -> None:
    with pytest.raises((ComponentError, SpecError), match=message):
        check_sampling(ComponentConfig.model_validate(sampling), "packed", land_target)


def test_what_does_not_fit_is_refused(
    tmp_path: Path, tiny_labelled: LabelledData, tiny_statistics: Statistics, land_target: TargetSpec
) -> None:
    with pytest.raises(SpecError, match="the target has none: use 'grid' or 'random'"):
        check_sampling(ComponentConfig(name="balanced"), "files", NUMBERS)
    check_sampling(GRID, "packed", NUMBERS)
    check_sampling(ComponentConfig(name="balanced"), "packed", land_target)
    store_chips(ChipsToStore(tiny_labelled, "packed"), tmp_path / "packed")
    packed = replace(tiny_labelled, store=open_store(tmp_path / "packed"))
    with pytest.raises(SpecError, match=r"training\.sampling: 'random' draws windows between those"):
        _epoch(packed, tiny_statistics, name="random")
    with pytest.raises(SpecError, match=r"'around_objects' draws windows between those"):
        check_sampling(
            ComponentConfig.model_validate({"name": "around_objects", "classes": ["x"]}), "packed", land_target
        )
    with pytest.raises(SpecError, match=r"draws windows around pixels of classes, and the target has none"):
        check_sampling(ComponentConfig.model_validate({"name": "around_objects", "classes": ["x"]}), "files", NUMBERS)
    with pytest.raises(SpecError, match=r"the target has no class 'watr'\. Did you mean 'water'"):
        _epoch(tiny_labelled, tiny_statistics, name="around_objects", classes=["watr"])
    dry = replace(tiny_labelled, samples=tiny_labelled.samples.assign(fraction_water=0.0))
    with pytest.raises(SpecError, match=r"no training chip holds a pixel of \['water'\]"):
        _epoch(dry, tiny_statistics, name="around_objects", classes=["water"])
    bare = replace(tiny_labelled, samples=tiny_labelled.samples.drop(columns="fraction_water"))
    with pytest.raises(SpecError, match=r"the sample table has no \['fraction_water'\]"):
        _epoch(bare, tiny_statistics, name="balanced")
