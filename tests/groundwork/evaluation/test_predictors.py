"""The model and its baselines as predictors; which pixels an earlier chip already counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from groundwork.batch import Batch, Chip, Patch, collate, images_of
from groundwork.bundle import Bundle
from groundwork.data.chips import LabelledData
from groundwork.data.overlap import count_once
from groundwork.data.statistics import Statistics
from groundwork.errors import BundleError, DataError
from groundwork.evaluation.estimators import Boosting
from groundwork.evaluation.pixel_baseline import PixelNumbers, _pixels_of, pixel_baselines
from groundwork.evaluation.predictors import ConstantPredictor, ModelPredictor, Predictor
from groundwork.specs import TargetSpec
from groundwork.targets.kinds import kind_of
from groundwork.targets.labels import IGNORE
from groundwork.targets.statistics import TargetStatistics


def pixel_baseline(data: LabelledData, num_pixels: int, seed: int) -> Predictor:
    """The linear one alone."""
    return pixel_baselines(data, num_pixels, 0, seed)["pixel_regression"]


@pytest.fixture(scope="module")
def batch(tiny_labelled: LabelledData) -> Batch:
    chips = tiny_labelled.chips("test")
    return collate([chips[index] for index in range(len(chips))])


# --- count once -----------------------------------------------------------------------------------------------------

places = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12)


@given(places=places, size=st.integers(1, 12))
def test_pixels_that_an_earlier_chip_covers_are_left_out(places: list[tuple[str, int, int]], size: int) -> None:
    samples = pd.DataFrame(places, columns=["scene", "row", "column"]).assign(size=size)
    covered = count_once(samples)
    found = [covered.of(index) for index in range(len(covered))]
    seen = {scene: np.zeros((40, 40), bool) for scene in "ab"}
    for (scene, row, column), parts in zip(places, found, strict=True):
        covered = np.zeros((size, size), bool)
        for rows, columns in parts:
            covered[rows, columns] = True
        window = seen[scene][row : row + size, column : column + size]
        assert np.array_equal(covered, window)
        window[:] = True


def test_the_index_of_the_table_does_not_matter(table_of: Callable[..., pd.DataFrame]) -> None:
    table = table_of([("a", 0, 0), ("b", 0, 0), ("a", 16, 0)])
    covered = count_once(table.set_index(pd.Index([7, 3, 9])))
    assert [covered.of(index) for index in range(3)] == [[], [], [(slice(0, 16), slice(0, 32))]]


# --- the model ------------------------------------------------------------------------------------------------------


def test_the_model_gives_its_scores(tiny_bundle: Bundle, batch: Batch) -> None:
    with torch.inference_mode():
        output = tiny_bundle.build_model()(images_of(batch)).output
    found = ModelPredictor(tiny_bundle).predict(batch)
    assert found.shape == (len(batch["sample_id"]), 3, 32, 32)
    assert torch.allclose(found, output, rtol=1e-4, atol=1e-4)
    assert torch.equal(found.argmax(dim=1), output.argmax(dim=1))


def test_an_untrained_model_is_not_judged(tiny_initial: Bundle) -> None:
    with pytest.raises(BundleError, match=r"never trained: train it first"):
        ModelPredictor(tiny_initial)


# --- baselines ------------------------------------------------------------------------------------------------------


def _classes(scores: torch.Tensor) -> np.ndarray:
    return scores.argmax(dim=1).numpy()


def test_the_majority_is_that_of_the_training_split(
    tiny_statistics: Statistics, batch: Batch, land_target: TargetSpec
) -> None:
    pixels = TargetStatistics(class_pixels={"water": 5, "forest": 9, "field": 8})
    statistics = tiny_statistics.model_copy(update={"target": pixels})
    found = ConstantPredictor(kind_of(land_target), statistics).predict(batch)
    assert found.shape == (len(batch["target"]), 3, *batch["target"].shape[-2:])
    assert set(_classes(found).ravel()) == {1}
    water, forest, field = land_target.classes
    reordered = land_target.model_copy(update={"classes": (field, water, forest)})
    assert set(_classes(ConstantPredictor(kind_of(reordered), statistics).predict(batch)).ravel()) == {2}


def _training_pixels(data: LabelledData) -> tuple[np.ndarray, np.ndarray]:
    chips = data.chips("train")
    patches = [chips[index].patch for index in range(len(chips))]
    images = [patch.values["optical"].astype(np.float32) for patch in patches]
    masks = [np.asarray(patch.target) for patch in patches]
    known = [mask != IGNORE for mask in masks]
    pixels = np.concatenate([image[:, here].T for image, here in zip(images, known, strict=True)])
    return pixels, np.concatenate([mask[here] for mask, here in zip(masks, known, strict=True)])


def test_the_regression_is_that_of_scikit_learn_on_all_training_pixels(
    tiny_labelled: LabelledData, batch: Batch
) -> None:
    pixels, classes = _training_pixels(tiny_labelled)
    mean, std = pixels.mean(axis=0), pixels.std(axis=0)
    regression = LogisticRegression(max_iter=500).fit((pixels - mean) / std, classes)
    scores = pixel_baseline(tiny_labelled, num_pixels=10**6, seed=0).predict(batch)
    assert torch.equal(scores.sum(dim=1), torch.ones(scores[:, 0].shape)), "the class as 1, the others as 0"
    found, truth = _classes(scores), batch["target"].numpy()
    valid = batch["valid"]["optical"].numpy()
    image = batch["images"]["optical"].numpy().astype(np.float32)
    expected = regression.predict((np.moveaxis(image, 1, -1)[valid] - mean) / std)
    assert (found[valid] == expected).mean() > 0.999
    known = truth != IGNORE
    assert (found[known] == truth[known]).mean() > 0.9


def test_boosted_trees_are_those_of_scikit_learn_on_all_training_pixels(
    tiny_labelled: LabelledData, batch: Batch
) -> None:
    pixels, classes = _training_pixels(tiny_labelled)
    trees = HistGradientBoostingClassifier(
        learning_rate=0.3, max_iter=5, max_leaf_nodes=15, early_stopping=False, random_state=0
    ).fit(pixels, classes)
    found = pixel_baselines(tiny_labelled, 10**6, 5, 0)["gradient_boosting"].predict(batch)
    valid = batch["valid"]["optical"].numpy()
    values = np.moveaxis(batch["images"]["optical"].numpy().astype(np.float32), 1, -1)[valid]
    # The draw orders pixels in its own way, so that bins may lie elsewhere by a hair.
    assert (_classes(found)[valid] == trees.predict(values)).mean() > 0.995


def test_boosted_trees_take_what_a_source_does_not_hold() -> None:
    random = np.random.default_rng(0)
    pixels = random.normal(size=(2000, 2)).astype(np.float32)
    numbers = np.where(random.random(2000) < 0.5, np.nan, pixels[:, 0] ** 2)
    pixels[::4, 1] = np.nan
    trees = PixelNumbers(pixels, np.stack([numbers, np.isnan(pixels[:, 1]) * 5.0], axis=1), "pixel", Boosting(30, 0))
    asked = np.linspace(-2, 2, 40, dtype=np.float32)
    values = torch.from_numpy(np.stack([asked, np.zeros(40, np.float32)])[None, :, None])
    batch = Batch(
        images={"a": values[:, :1], "b": values[:, 1:]},
        valid={"a": torch.ones(1, 1, 40, dtype=torch.bool), "b": torch.arange(40).reshape(1, 1, 40) > 19},
        target=torch.zeros(1, 1, 40),
        sample_id=["x"],
    )
    said = trees.predict(batch)[0, :, 0].numpy()
    assert np.abs(said[0] - asked**2).mean() < 0.2, "no line fits a square"
    assert said[1] == pytest.approx(np.where(np.arange(40) > 19, 0, 5), abs=0.01), "what is missing tells"


def test_the_draw_of_pixels_depends_on_the_seed_alone(tiny_labelled: LabelledData, batch: Batch) -> None:
    one, same, other = (pixel_baseline(tiny_labelled, 300, seed).predict(batch) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_more_pixels_are_drawn_than_asked_for(tiny_labelled: LabelledData, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    fit = LogisticRegression.fit

    def note(model: LogisticRegression, pixels: np.ndarray, classes: np.ndarray) -> LogisticRegression:
        sizes.append(len(pixels))
        return fit(model, pixels, classes)

    monkeypatch.setattr(LogisticRegression, "fit", note)
    for most in (300, 5):
        pixel_baseline(tiny_labelled, most, 0)
    assert 0 < sizes[0] <= 300
    assert 0 < sizes[1] <= 5


def test_a_single_class_is_predicted_everywhere(tiny_labelled: LabelledData, batch: Batch) -> None:
    first = tiny_labelled.samples[tiny_labelled.samples["split"] == "train"].head(1)
    data = LabelledData(first, tiny_labelled.scenes, tiny_labelled.labels, tiny_labelled.inputs, tiny_labelled.target)
    found = pixel_baseline(data, num_pixels=1, seed=0).predict(batch)
    assert len(set(_classes(found).ravel())) == 1


def test_steps_are_values_of_the_same_pixel(tiny_labelled: LabelledData) -> None:
    """With several dates each pixel's values are channels times steps, in training as in prediction."""
    regression = pixel_baseline(tiny_labelled, 300, 0)

    class Sum:
        def predict(self, pixels: np.ndarray) -> np.ndarray:
            assert pixels.shape[1] == 6
            return (pixels @ np.arange(6)).astype(int)

    # As many classes as the sums may be.
    regression._estimator, regression._num_outputs = Sum(), 4000
    image = torch.arange(2 * 3 * 2 * 4 * 5, dtype=torch.float32).reshape(2, 3, 2, 4, 5)
    batch = Batch(
        images={"optical": image},
        valid={"optical": torch.ones(2, 4, 5, dtype=torch.bool)},
        target=torch.zeros(2, 4, 5),
        sample_id=["a", "b"],
    )
    expected = np.einsum("bchw,c->bhw", image.reshape(2, 6, 4, 5).numpy(), np.arange(6.0)).astype(int)
    assert np.array_equal(_classes(regression.predict(batch)), expected)


def test_values_of_all_sources_are_values_of_the_same_pixel(tiny_labelled: LabelledData) -> None:
    """In training in the order of their names, in prediction too; pixels without any source get the default.

    What a source does not hold is NaN, whatever stands there.
    """
    regression = pixel_baseline(tiny_labelled, 300, 0)

    class Second:
        def predict(self, pixels: np.ndarray) -> np.ndarray:
            assert pixels.shape[1] == 3
            return np.nan_to_num(pixels[:, 2]).astype(int)

    regression._estimator, regression._default = Second(), 0
    number = np.arange(20).reshape(4, 5) % 2 + 1
    values = {"b": number[None].astype(np.int16), "a": np.zeros((2, 4, 5), np.uint8)}
    valid = {"b": np.arange(20).reshape(4, 5) > 6, "a": np.zeros((4, 5), bool)}
    valid["a"][0] = True
    patch = Patch(values, valid, np.zeros((4, 5), np.int64))
    expected = np.where(valid["b"], number, 0)
    assert len(np.unique(expected)) == 3
    assert np.array_equal(_classes(regression.predict(collate([Chip("x", patch)])))[0], expected)
    seen = _pixels_of(patch)[2]
    assert np.array_equal(np.isnan(seen), ~valid["b"].ravel())
    assert seen[7:].tolist() == number.ravel()[7:].tolist()


def test_baselines_without_training_samples_are_refused(tiny_labelled: LabelledData) -> None:
    tested = replace(tiny_labelled, samples=tiny_labelled.samples.assign(split="test"))
    with pytest.raises(DataError, match=r"no sample of the split 'train'.*Split the samples"):
        pixel_baselines(tested, 100, 1, seed=0)
