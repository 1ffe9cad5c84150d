"""The engine asks a scorer as it was told to, and gives its scores for the images it was given, and no others."""

from __future__ import annotations

import pytest
import torch

from groundwork.batch import Images, collate, images_of
from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.data.chips import LabelledData
from groundwork.errors import ScoreError
from groundwork.models.asking import tiles_at_once
from groundwork.models.engine import Conversion, Engine, ModelScorer

CPU = torch.device("cpu")


class Doubled:
    """Gives its one source twice over, and remembers what it was given."""

    coordinates = frozenset({"time"})

    def __init__(self) -> None:
        self.device: torch.device | None = None
        self.given: list[Images] = []

    def to(self, device: torch.device) -> None:
        self.device = device

    def scores(self, images: Images) -> torch.Tensor:
        self.given.append(images)
        return 2 * images.values["s"]


@pytest.fixture(scope="module")
def images(tiny_labelled: LabelledData) -> Images:
    chips = tiny_labelled.chips("train")
    return images_of(collate([chips[index] for index in range(3)]))


def _engine(bundle: Bundle, **options: object) -> Engine:
    return Engine(ModelScorer(bundle.build_model()), CPU, **options)  # type: ignore[arg-type]


# --- any scorer -----------------------------------------------------------------------------------------------------


def test_a_scorer_is_given_raw_values_in_single_precision() -> None:
    scorer = Doubled()
    engine = Engine(scorer, CPU)
    assert (engine.coordinates, scorer.device) == (frozenset({"time"}), CPU)
    values = torch.arange(2 * 3 * 4 * 5, dtype=torch.int16).reshape(2, 3, 4, 5)
    valid, location = values[:, 0] > 3, torch.ones(2, 2)
    scores = engine.scores(Images({"s": values}, {"s": valid}, location=location), "here")
    assert torch.equal(scores, 2.0 * values)
    assert scores.dtype == torch.float32
    [given] = scorer.given
    assert given.values["s"].dtype == torch.float32
    assert torch.equal(given.valid["s"], valid)
    assert given.location is not None
    assert torch.equal(given.location, location)


def test_values_of_another_unit_are_converted() -> None:
    conversion = Conversion(torch.tensor([2.0, 0.5]).reshape(2, 1, 1), torch.tensor([1.0, -1.0]).reshape(2, 1, 1))
    values = torch.full((1, 2, 3, 3), 10, dtype=torch.uint16)
    scores = Engine(Doubled(), CPU).scores(Images({"s": values}), "here", {"s": conversion})
    assert scores[0, :, 0, 0].tolist() == [2 * 21, 2 * 4]


def test_a_batch_is_filled_up_for_programs_of_one_size() -> None:
    scorer = Doubled()
    engine = Engine(scorer, CPU, fill=True)
    full = torch.rand(4, 1, 2, 2)
    assert torch.equal(engine.scores(Images({"s": full}), "here"), 2 * full)
    values = torch.rand(3, 1, 2, 2)
    assert torch.equal(engine.scores(Images({"s": values}, dates={"s": torch.ones(3, 1, 2)}), "here"), 2 * values)
    given = scorer.given[-1]
    assert {len(part) for part in (given.values["s"], given.dates["s"])} == {4}
    assert torch.equal(given.values["s"][3], values[2])


class Small(Doubled):
    """Takes so many images at once, and no more."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def scores(self, images: Images) -> torch.Tensor:
        if len(images.values["s"]) > self.most:
            self.given.append(images)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore words.")
        return super().scores(images)


@pytest.mark.parametrize("fill", [False, True])
def test_where_memory_does_not_suffice_batches_are_halved_from_then_on(fill: bool) -> None:
    scorer = Small(2)
    engine = Engine(scorer, CPU, fill=fill, divide=True)
    values, valid = torch.rand(7, 1, 2, 2), torch.rand(7, 2, 2) > 0.5
    assert torch.equal(engine.scores(Images({"s": values}, {"s": valid}), "here"), 2 * values)
    assert torch.equal(torch.cat([given.valid["s"] for given in scorer.given])[-1], valid[6])
    # 7, 3, and then the largest power that fits: no batch is larger from here on.
    sizes = [len(given.values["s"]) for given in scorer.given]
    assert sizes[:2] == [7, 3]
    assert set(sizes[2:]) == {1}
    scorer.given.clear()
    engine.scores(Images({"s": values}), "here")
    assert [len(given.values["s"]) for given in scorer.given] == [1] * 7


def test_where_memory_does_not_suffice_for_what_was_asked_it_says_what_to_change() -> None:
    with pytest.raises(ScoreError, match=r"^scene 7: out of memory for 4 image\(s\) at once \(CUDA out of memory. Tri"):
        Engine(Small(3), CPU).scores(Images({"s": torch.rand(4, 1, 2, 2)}), "scene 7")
    with pytest.raises(ScoreError, match=r"out of memory for 1 image\(s\).*'inference.tile_size'"):
        Engine(Small(0), CPU, divide=True).scores(Images({"s": torch.rand(4, 1, 2, 2)}), "scene 7")


def test_other_errors_are_no_matter_of_memory() -> None:
    class Broken(Doubled):
        def scores(self, images: Images) -> torch.Tensor:
            raise RuntimeError(f"shapes do not fit {len(images.values)}")

    with pytest.raises(RuntimeError, match=r"^shapes do not fit 1$"):
        Engine(Broken(), CPU, divide=True).scores(Images({"s": torch.rand(4, 1, 2, 2)}), "here")


def test_scores_that_are_no_numbers_name_place_and_cause() -> None:
    class Broken(Doubled):
        def scores(self, images: Images) -> torch.Tensor:
            return super().scores(images) * float("nan")

    values = torch.ones(1, 1, 2, 2)
    with pytest.raises(ScoreError, match=r"^scene 7: the model gives scores that are no finite numbers, for raw va"):
        Engine(Broken(), CPU).scores(Images({"s": values}), "scene 7")
    values[0, 0, 1] = torch.tensor([float("inf"), -float("inf")])
    with pytest.raises(ScoreError, match=r"^scene 7: found raw values that are no finite numbers, or too large"):
        Engine(Doubled(), CPU).scores(Images({"s": values}), "scene 7")


@pytest.mark.parametrize(
    ("threads", "tile_size", "expected"),
    [(1, 256, 2), (2, 256, 4), (2, 512, 1), (2, 64, 8), (16, 256, 8), (16, 512, 8), (1, 1024, 1), (3, 300, 4)],
)
def test_as_many_tiles_at_once_as_keep_the_threads_of_a_processor_busy(
    threads: int, tile_size: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    config = InferenceConfig(batch_size="auto", tile_size=tile_size, device="cpu")
    assert tiles_at_once(config) == expected
    assert tiles_at_once(config.model_copy(update={"batch_size": 3})) == 3


# --- a model --------------------------------------------------------------------------------------------------------


def test_no_part_of_a_model_is_asked_in_training_mode(tiny_bundle: Bundle) -> None:
    model = tiny_bundle.build_model().eval()
    next(reversed(list(model.modules()))).train()
    ModelScorer(model)
    assert not any(part.training for part in model.modules())


def test_the_size_of_a_batch_changes_no_score(tiny_bundle: Bundle, images: Images) -> None:
    with torch.inference_mode():
        expected = tiny_bundle.build_model()(images).output
    plain = _engine(tiny_bundle).scores(images, "here")
    assert plain.shape == (3, 3, 32, 32)
    assert torch.allclose(plain, expected, rtol=1e-4, atol=1e-4)
    filled = _engine(tiny_bundle, divide=True).scores(images, "here")
    assert torch.allclose(filled, plain, rtol=1e-4, atol=1e-4)


def test_half_precision_gives_scores_in_single_precision_that_are_near(tiny_bundle: Bundle, images: Images) -> None:
    exact = _engine(tiny_bundle).scores(images, "here")
    half = _engine(tiny_bundle, precision="bf16").scores(images, "here")
    assert half.dtype == exact.dtype == torch.float32
    assert not torch.equal(half, exact)
    assert float((half - exact).abs().max()) < 0.05 * float(exact.std())


def test_an_outer_autocast_does_not_reach_the_model(tiny_bundle: Bundle, images: Images) -> None:
    engine = _engine(tiny_bundle)
    expected = engine.scores(images, "here")
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(engine.scores(images, "here"), expected, rtol=0, atol=0)


def test_large_scores_are_numbers_although_their_sum_is_none() -> None:
    values = torch.full((1, 1, 2, 2), 1e38)
    assert torch.equal(Engine(Doubled(), CPU).scores(Images({"s": values}), "here"), 2 * values)


def test_asking_leaves_no_gradient_behind(tiny_bundle: Bundle, images: Images) -> None:
    model = tiny_bundle.build_model().train()
    engine = Engine(ModelScorer(model), CPU)
    assert not model.training
    assert not engine.scores(images, "here").requires_grad
    for name, value in model.state_dict().items():
        assert torch.equal(value, tiny_bundle.weights[name]), name
